import { assert } from "@qpq/ports";
import { CODEC_SLICE_BYTES } from "../slices.ts";

const CAPACITY_INITIAL = 256;
/** After something long comes something short: a signature, a tag, a context. */
const CAPACITY_SPARE = 1024;
/** Largest length that a vector can state: 30 bits (RFC 9420 §2.1.2). */
const VECTOR_LENGTH_MAX = 2 ** 30 - 1;

/**
 * Writes the TLS presentation language as MLS uses it. What is encoded may be secret, so every
 * buffer that was outgrown, and the last one, is overwritten.
 */
export class Writer {
  #bytes = new Uint8Array(CAPACITY_INITIAL);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;
  #sliceEnd = CODEC_SLICE_BYTES;

  uint8(value: number): void {
    assert(Number.isInteger(value) && value >= 0 && value <= 0xff, "a uint8 fits its width");
    const at = this.#advance(1);
    this.#view.setUint8(at, value);
  }

  uint16(value: number): void {
    assert(Number.isInteger(value) && value >= 0 && value <= 0xffff, "a uint16 fits its width");
    const at = this.#advance(2);
    this.#view.setUint16(at, value);
  }

  uint32(value: number): void {
    assert(
      Number.isInteger(value) && value >= 0 && value <= 0xffff_ffff,
      "a uint32 fits its width",
    );
    const at = this.#advance(4);
    this.#view.setUint32(at, value);
  }

  uint64(value: bigint): void {
    assert(value >= 0n && value < 2n ** 64n, "a uint64 fits its width");
    const at = this.#advance(8);
    this.#view.setBigUint64(at, value);
  }

  bytes(value: Uint8Array): void {
    const start = this.#advance(value.length);
    this.#bytes.set(value, start);
  }

  /** A vector of bytes. */
  opaque(value: Uint8Array): void {
    this.#writeLength(value.length);
    this.bytes(value);
  }

  /** A vector whose content `write` writes; its length is put before it afterwards. */
  vector(write: () => void): void {
    const start = this.beginVector();
    write();
    this.endVector(start);
  }

  /** @returns for `endVector` */
  beginVector(): number {
    return this.#length;
  }

  endVector(start: number): void {
    const length = this.#length - start;
    const prefix = lengthSize(length);
    this.#advance(prefix);
    this.#bytes.copyWithin(start + prefix, start, start + length);
    this.#length = start;
    this.#writeLength(length);
    this.#length += length;
  }

  /** Whether `CODEC_SLICE_BYTES` were written since it was last true. */
  isSliceOver(): boolean {
    if (this.#length < this.#sliceEnd) return false;
    this.#sliceEnd = this.#length + CODEC_SLICE_BYTES;
    return true;
  }

  /** The bytes written, in a buffer of their own. The writer is empty afterwards. */
  finish(): Uint8Array<ArrayBuffer> {
    const result = this.#bytes.slice(0, this.#length);
    this.#bytes.fill(0, 0, this.#length);
    this.#length = 0;
    return result;
  }

  #writeLength(length: number): void {
    const size = lengthSize(length);
    if (size === 1) this.uint8(length);
    else if (size === 2) this.uint16(0x4000 | length);
    else this.uint32(0x8000_0000 + length);
  }

  #advance(length: number): number {
    const start = this.#length;
    const needed = start + length;
    if (needed > this.#bytes.length) {
      const outgrown = this.#bytes;
      const spare = needed < CODEC_SLICE_BYTES ? 0 : CAPACITY_SPARE;
      this.#bytes = new Uint8Array(Math.max(needed + spare, outgrown.length * 2));
      this.#bytes.set(outgrown.subarray(0, start));
      outgrown.fill(0);
      this.#view = new DataView(this.#bytes.buffer);
    }
    this.#length = needed;
    return start;
  }
}

function lengthSize(length: number): 1 | 2 | 4 {
  assert(length <= VECTOR_LENGTH_MAX, "a vector's length fits 30 bits");
  return length < 1 << 6 ? 1 : length < 1 << 14 ? 2 : 4;
}
