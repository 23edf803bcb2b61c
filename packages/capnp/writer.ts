/**
 * Writes one message of one segment. Generated code calls it; nothing else needs to.
 *
 * A writer lays objects one after another in a scratch buffer that is zero beyond its end, so that
 * only what differs from zero is written. `finish` copies the frame out and clears the scratch: no
 * bytes of one message stay for the next, and what was returned is never written again.
 *
 * @see https://capnproto.org/encoding.html
 */
import { AssertionFailure, MessengerError, pooledCopy } from "@qpq/ports";
import { FRAME_BYTES_MAX, FRAME_HEADER_BYTES } from "./limits.ts";
import { writeUtf8 } from "./utf8.ts";

const SCRATCH_BYTES = 16 * 1024;

/** A larger scratch is given back to the runtime instead of being kept. */
const SCRATCH_KEPT_BYTES_MAX = 1024 * 1024;

const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;
const UINT64_MAX = 2n ** 64n - 1n;

/** The 3-bit element sizes of a list pointer. */
export const ELEMENT = {
  void: 0,
  bit: 1,
  byte: 2,
  twoBytes: 3,
  fourBytes: 4,
  eightBytes: 5,
  pointer: 6,
  composite: 7,
} as const;

/** Kept between encodes. Taken while one runs: an encode inside another gets a new one. */
let idle: Writer | undefined;

/**
 * Begins a message with its root struct, all zero.
 * @returns the writer; the root's data section stands at `rootAt`
 */
export function openWriter(dataWords: number, pointers: number): Writer {
  const writer = idle ?? new Writer();
  idle = undefined;
  writer.rootAt = writer.struct(FRAME_HEADER_BYTES, dataWords, pointers);
  return writer;
}

/** All offsets are bytes from the start of the frame. A writer that threw is dropped, never reused. */
export class Writer {
  rootAt = 0;
  #bytes = new Uint8Array(SCRATCH_BYTES);
  #view = new DataView(this.#bytes.buffer);
  /** The end of what is in use; a multiple of 8. */
  #end = FRAME_HEADER_BYTES + 8;

  /** @returns the frame, for what lives shortly (`pooledCopy`) */
  finish(): Uint8Array {
    const bytes = this.#bytes;
    const end = this.#end;
    this.#view.setUint32(4, (end - FRAME_HEADER_BYTES) / 8, true);
    const frame = pooledCopy(bytes, end);
    if (bytes.length <= SCRATCH_KEPT_BYTES_MAX) {
      bytes.fill(0, 0, end);
      this.#end = FRAME_HEADER_BYTES + 8;
      idle = this;
    }
    return frame;
  }

  bool(at: number, bit: number, value: boolean): void {
    if (value) this.#bytes[at] = (this.#bytes[at] as number) | (1 << bit);
  }

  // `mask` is the field's default: the wire holds the difference to it, by exclusive or.

  int8(at: number, value: number, mask = 0): void {
    if ((value << 24) >> 24 !== value) throw outOfRange("Int8", value);
    this.#view.setInt8(at, value ^ mask);
  }

  uint8(at: number, value: number, mask = 0): void {
    if ((value & 0xff) !== value) throw outOfRange("UInt8", value);
    this.#view.setUint8(at, value ^ mask);
  }

  int16(at: number, value: number, mask = 0): void {
    if ((value << 16) >> 16 !== value) throw outOfRange("Int16", value);
    this.#view.setInt16(at, value ^ mask, true);
  }

  uint16(at: number, value: number, mask = 0): void {
    if ((value & 0xffff) !== value) throw outOfRange("UInt16", value);
    this.#view.setUint16(at, value ^ mask, true);
  }

  int32(at: number, value: number, mask = 0): void {
    if ((value | 0) !== value) throw outOfRange("Int32", value);
    this.#view.setInt32(at, value ^ mask, true);
  }

  uint32(at: number, value: number, mask = 0): void {
    if (value >>> 0 !== value) throw outOfRange("UInt32", value);
    this.#view.setUint32(at, value ^ mask, true);
  }

  int64(at: number, value: bigint, mask = 0n): void {
    if (value < INT64_MIN || value > INT64_MAX) throw outOfRange("Int64", value);
    this.#view.setBigInt64(at, value ^ mask, true);
  }

  uint64(at: number, value: bigint, mask = 0n): void {
    if (value < 0n || value > UINT64_MAX) throw outOfRange("UInt64", value);
    this.#view.setBigUint64(at, value ^ mask, true);
  }

  /** A signed or unsigned 64-bit field marked `$safeInteger`. */
  safeInteger(at: number, value: number, signed: boolean): void {
    if (!Number.isSafeInteger(value) || (!signed && value < 0)) {
      throw outOfRange("a safe integer", value);
    }
    this.#view.setInt32(at, value | 0, true);
    this.#view.setInt32(at + 4, Math.floor(value / 2 ** 32), true);
  }

  float32(at: number, value: number, mask = 0): void {
    this.#view.setFloat32(at, value, true);
    if (mask !== 0) this.#view.setUint32(at, this.#view.getUint32(at, true) ^ mask, true);
  }

  float64(at: number, value: number, mask = 0n): void {
    this.#view.setFloat64(at, value, true);
    if (mask !== 0n) this.#view.setBigUint64(at, this.#view.getBigUint64(at, true) ^ mask, true);
  }

  /** An empty text stays a null pointer, which reads as empty. */
  text(pointerAt: number, value: string, bytesMax: number, field: string): void {
    if (value.length !== 0) this.presentText(pointerAt, value, bytesMax, field);
  }

  /**
   * For fields where a null pointer means something else than empty.
   * @throws MessengerError `too-large`
   */
  presentText(pointerAt: number, value: string, bytesMax: number, field: string): void {
    const units = value.length;
    // Before anything is reserved: a UTF-16 unit is at least one byte.
    if (units > bytesMax) throw tooLarge(field, units, bytesMax);
    const at = this.#reserve(units * 3 + 1);
    const length = writeUtf8(this.#bytes, at, value);
    if (length > bytesMax) throw tooLarge(field, length, bytesMax);
    // One more for the NUL, which stands there already, as does the padding to a word.
    this.#listPointer(pointerAt, at, ELEMENT.byte, length + 1);
    this.#end = (at + length + 8) & ~7;
  }

  data(pointerAt: number, value: Uint8Array, bytesMax: number, field: string): void {
    if (value.length !== 0) this.presentData(pointerAt, value, bytesMax, field);
  }

  /** @throws MessengerError `too-large` */
  presentData(pointerAt: number, value: Uint8Array, bytesMax: number, field: string): void {
    const length = value.length;
    if (length > bytesMax) throw tooLarge(field, length, bytesMax);
    const at = this.#reserve(length);
    this.#bytes.set(value, at);
    this.#listPointer(pointerAt, at, ELEMENT.byte, length);
    this.#end = (at + length + 7) & ~7;
  }

  /** @returns where the new struct's data section stands, all zero; its pointers follow */
  struct(pointerAt: number, dataWords: number, pointers: number): number {
    const bytes = (dataWords + pointers) * 8;
    const at = this.#reserve(bytes);
    this.#end = at + bytes;
    // A struct of no size points at itself: an offset of 0 would read as a null pointer.
    const offset = bytes === 0 ? -1 : (at - pointerAt - 8) / 8;
    this.#view.setInt32(pointerAt, offset << 2, true);
    this.#view.setUint32(pointerAt + 4, dataWords | (pointers << 16), true);
    return at;
  }

  /**
   * A list of anything but structs.
   * @param elementBits as `element` says: 0, 1, 8, 16, 32 or 64
   * @returns where its first element stands, all zero
   * @throws MessengerError `too-large`: above `itemsMax`
   */
  list(
    pointerAt: number,
    element: number,
    elementBits: number,
    count: number,
    itemsMax: number,
    field: string,
  ): number {
    if (count > itemsMax) throw tooLarge(field, count, itemsMax);
    const bytes = Math.ceil(count * elementBits / 64) * 8;
    const at = this.#reserve(bytes);
    this.#end = at + bytes;
    this.#listPointer(pointerAt, at, element, count);
    return at;
  }

  /** @returns where the first struct's data section stands; each next one a struct's size further */
  structList(
    pointerAt: number,
    dataWords: number,
    pointers: number,
    count: number,
    itemsMax: number,
    field: string,
  ): number {
    if (count > itemsMax) throw tooLarge(field, count, itemsMax);
    const words = (dataWords + pointers) * count;
    const at = this.#reserve(words * 8 + 8);
    this.#end = at + words * 8 + 8;
    this.#listPointer(pointerAt, at, ELEMENT.composite, words);
    this.#view.setInt32(at, count << 2, true);
    this.#view.setUint32(at + 4, dataWords | (pointers << 16), true);
    return at + 8;
  }

  #listPointer(pointerAt: number, at: number, element: number, count: number): void {
    this.#view.setInt32(pointerAt, ((at - pointerAt - 8) >> 1) | 1, true);
    this.#view.setUint32(pointerAt + 4, ((count << 3) | element) >>> 0, true);
  }

  /** Makes sure of `bytes` more, and one word for padding. @returns where they begin */
  #reserve(bytes: number): number {
    const needed = this.#end + bytes + 8;
    if (needed > this.#bytes.length) this.#grow(needed);
    return this.#end;
  }

  #grow(needed: number): void {
    if (needed > FRAME_BYTES_MAX) throw tooLarge("frame", needed, FRAME_BYTES_MAX);
    const bytes = new Uint8Array(
      Math.min(Math.max(needed, this.#bytes.length * 2), FRAME_BYTES_MAX),
    );
    bytes.set(this.#bytes.subarray(0, this.#end));
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
  }
}

/** For a union or enum value that only decoding a newer peer's message can give. */
export function refuseUnknown(field: string): never {
  throw new AssertionFailure(`Cannot encode ${field}: "unknown" stands for no value`);
}

function tooLarge(field: string, size: number, limit: number): MessengerError {
  return new MessengerError("too-large", `Cannot encode ${field}: ${size}, limit ${limit}`);
}

function outOfRange(type: string, value: number | bigint): AssertionFailure {
  return new AssertionFailure(`Cannot encode ${value} as ${type}`);
}
