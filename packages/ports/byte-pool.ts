/** Bytes of the largest piece that shares its block; a larger one has memory of its own. */
export const POOLED_BYTES_MAX = 1_024;
const BLOCK_BYTES = 8_192;

let block = new Uint8Array(BLOCK_BYTES);
let used = 0;

/**
 * A copy of the first `length` bytes, for what lives shortly. Short ones are cut from a common block:
 * memory of its own takes each a microsecond to get, and as long to give back. A block lives as long
 * as any piece of it, so what is kept for long is copied again. Nobody else writes to the piece; its
 * `buffer` is not its own.
 */
export function pooledCopy(bytes: Uint8Array, length: number): Uint8Array<ArrayBuffer> {
  if (length > POOLED_BYTES_MAX) return new Uint8Array(bytes.subarray(0, length));
  if (used + length > BLOCK_BYTES) {
    block = new Uint8Array(BLOCK_BYTES);
    used = 0;
  }
  const piece = block.subarray(used, used + length);
  used += length;
  piece.set(length === bytes.length ? bytes : bytes.subarray(0, length));
  return piece;
}
