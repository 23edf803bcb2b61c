/** Frames by hand, word for word, for what no writer would write. */

/** A frame of one segment, its header right. */
export function frameOf(...words: readonly bigint[]): Uint8Array {
  const frame = new Uint8Array(8 + words.length * 8);
  const view = new DataView(frame.buffer);
  view.setUint32(4, words.length, true);
  words.forEach((word, index) => view.setBigUint64(8 + index * 8, word, true));
  return frame;
}

/** @param offset words from the end of the pointer to the struct */
export function structPointer(offset: number, dataWords: number, pointers: number): bigint {
  return low(offset, 0) | (BigInt(dataWords) << 32n) | (BigInt(pointers) << 48n);
}

/** @param count items; words for a composite list */
export function listPointer(offset: number, element: number, count: number): bigint {
  return low(offset, 1) | (BigInt(element) << 32n) | (BigInt(count) << 35n);
}

/** The word before the items of a composite list. */
export function listTag(count: number, dataWords: number, pointers: number): bigint {
  return structPointer(count, dataWords, pointers);
}

export const FAR_POINTER = 2n;

export const CAPABILITY = 3n;

/** Up to 8 bytes as a word. */
export function wordOf(...bytes: readonly number[]): bigint {
  return bytes.reduceRight((word, byte) => (word << 8n) | BigInt(byte), 0n);
}

function low(offset: number, kind: number): bigint {
  return BigInt.asUintN(30, BigInt(offset)) << 2n | BigInt(kind);
}
