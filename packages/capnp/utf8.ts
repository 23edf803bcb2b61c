/**
 * UTF-8 for short strings. The runtime's coders cost some 80 ns (encode) and 220 ns (decode) a call
 * whatever the length; up to the lengths below, a loop is faster. Longer strings go to the runtime.
 */

/** UTF-16 units up to which `writeUtf8` loops by itself; measured, not exact. */
const ENCODE_LOOP_UNITS_MAX = 48;

/** Bytes up to which `readUtf8` tries the all-ASCII loop first; measured, not exact. */
const DECODE_LOOP_BYTES_MAX = 96;

const encoder = new TextEncoder();
// ignoreBOM keeps a leading U+FEFF: what was sent is what is read.
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Writes `text` at `at`; a lone surrogate becomes U+FFFD, as with `TextEncoder`.
 * @param bytes has room for three bytes for each UTF-16 unit from `at`
 * @returns bytes written
 */
export function writeUtf8(bytes: Uint8Array, at: number, text: string): number {
  const units = text.length;
  if (units <= ENCODE_LOOP_UNITS_MAX) {
    let index = 0;
    for (; index < units; index++) {
      const unit = text.charCodeAt(index);
      if (unit > 0x7f) break;
      bytes[at + index] = unit;
    }
    if (index === units) return units;
  }
  return encoder.encodeInto(text, bytes.subarray(at, at + units * 3)).written;
}

/**
 * @returns the text of `bytes[at .. at + length)`
 * @throws TypeError when those bytes are not UTF-8
 */
export function readUtf8(bytes: Uint8Array, at: number, length: number): string {
  if (length <= DECODE_LOOP_BYTES_MAX) {
    const text = readAscii(bytes, at, length);
    if (text !== undefined) return text;
  }
  return decoder.decode(bytes.subarray(at, at + length));
}

/** Eight at a time: a call of `fromCharCode` costs more than the reads. */
function readAscii(bytes: Uint8Array, at: number, length: number): string | undefined {
  const end = at + length;
  let text = "";
  let index = at;
  for (; index + 8 <= end; index += 8) {
    const a = bytes[index] as number;
    const b = bytes[index + 1] as number;
    const c = bytes[index + 2] as number;
    const d = bytes[index + 3] as number;
    const e = bytes[index + 4] as number;
    const f = bytes[index + 5] as number;
    const g = bytes[index + 6] as number;
    const h = bytes[index + 7] as number;
    if ((a | b | c | d | e | f | g | h) > 0x7f) return undefined;
    text += String.fromCharCode(a, b, c, d, e, f, g, h);
  }
  for (; index < end; index++) {
    const a = bytes[index] as number;
    if (a > 0x7f) return undefined;
    text += String.fromCharCode(a);
  }
  return text;
}
