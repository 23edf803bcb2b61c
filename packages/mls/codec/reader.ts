import { MessengerError } from "@qpq/ports";
import { BYTE_STRINGS_COUNT_BASE, BYTE_STRINGS_COUNT_MAX } from "../wire/limits.ts";
import { BYTES_PER_BYTE_STRING_MIN } from "../wire/limits.ts";
import { CODEC_SLICE_BYTES } from "../slices.ts";

/**
 * Reads the TLS presentation language as MLS uses it (RFC 8446 §3, RFC 9420 §2.1) from one bounded
 * input. Every read is checked against what is left; nothing is read twice, so the work is linear
 * in the input's length. So is the memory: the byte strings of one input are counted together, since
 * lists that are each within their limit can be nested.
 */
export class Reader {
  readonly #name: string;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #offset = 0;
  #end: number;
  /** Byte strings that may still be copied. */
  #byteStringsLeft: number;
  #sliceEnd = CODEC_SLICE_BYTES;

  /** @param name the structure that is being read, for error texts */
  constructor(name: string, bytes: Uint8Array) {
    this.#name = name;
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#end = bytes.length;
    this.#byteStringsLeft = Math.min(
      BYTE_STRINGS_COUNT_BASE + Math.floor(bytes.length / BYTES_PER_BYTE_STRING_MIN),
      BYTE_STRINGS_COUNT_MAX,
    );
  }

  /** Bytes left in the input, or in the vector that is being read. */
  get left(): number {
    return this.#end - this.#offset;
  }

  uint8(): number {
    return this.#view.getUint8(this.#advance(1));
  }

  uint16(): number {
    return this.#view.getUint16(this.#advance(2));
  }

  uint32(): number {
    return this.#view.getUint32(this.#advance(4));
  }

  uint64(): bigint {
    return this.#view.getBigUint64(this.#advance(8));
  }

  /** Copies `length` bytes: what is decoded never changes with the input buffer. */
  bytes(length: number): Uint8Array<ArrayBuffer> {
    const start = this.#advance(length);
    if (this.#byteStringsLeft === 0) this.fail("it has too many byte strings for its length");
    this.#byteStringsLeft--;
    return this.#bytes.slice(start, start + length) as Uint8Array<ArrayBuffer>;
  }

  /** Passes over `length` bytes. */
  skip(length: number): void {
    this.#advance(length);
  }

  /** Passes over a variable-size vector, whatever is in it. */
  skipVector(): void {
    this.#advance(this.length());
  }

  /**
   * The length of a variable-size vector: 1, 2 or 4 bytes, of which the first two bits say how
   * many; only the shortest form is accepted (RFC 9420 §2.1.2).
   */
  length(): number {
    const first = this.uint8();
    const prefix = first >> 6;
    if (prefix === 0) return first;
    if (prefix === 3) this.fail("a length has the invalid prefix 11");
    let length = ((first & 0x3f) << 8) | this.uint8();
    if (prefix === 2) length = length * 0x10000 + this.uint16();
    if (length < (prefix === 1 ? 1 << 6 : 1 << 14)) {
      this.fail("a length is not in its shortest form");
    }
    return length;
  }

  /** Reads a variable-size vector: `read` must use up exactly its bytes. */
  vector<T>(read: () => T): T {
    const outerEnd = this.beginVector();
    const value = read();
    this.endVector(outerEnd);
    return value;
  }

  /** @returns for `endVector` */
  beginVector(): number {
    const length = this.length();
    if (length > this.left) this.fail(`a vector of ${length} bytes has ${this.left} left`);
    const outerEnd = this.#end;
    this.#end = this.#offset + length;
    return outerEnd;
  }

  endVector(outerEnd: number): void {
    this.finish();
    this.#end = outerEnd;
  }

  /** Bytes read so far. */
  get offset(): number {
    return this.#offset;
  }

  /** A copy of what was read from that offset on. */
  readSince(offset: number): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(offset, this.#offset) as Uint8Array<ArrayBuffer>;
  }

  /** Whether `CODEC_SLICE_BYTES` were read since it was last true. */
  isSliceOver(): boolean {
    if (this.#offset < this.#sliceEnd) return false;
    this.#sliceEnd = this.#offset + CODEC_SLICE_BYTES;
    return true;
  }

  /** Reads one structure, which ends within the next `bytesMax` bytes. */
  within<T>(bytesMax: number, read: () => T): T {
    const outerEnd = this.#end;
    this.#end = Math.min(outerEnd, this.#offset + bytesMax);
    const value = read();
    this.#end = outerEnd;
    return value;
  }

  /** @throws MessengerError `malformed` when bytes are left over */
  finish(): void {
    if (this.left !== 0) this.fail(`${this.left} bytes left over`);
  }

  fail(state: string): never {
    throw new MessengerError("malformed", `Cannot decode ${this.#name}: ${state}`);
  }

  #advance(length: number): number {
    if (length > this.left) this.fail(`${length} bytes wanted, ${this.left} left`);
    const start = this.#offset;
    this.#offset += length;
    return start;
  }
}
