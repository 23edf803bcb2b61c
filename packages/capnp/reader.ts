/**
 * Reads one message of one segment. Generated code calls it; nothing else needs to.
 *
 * Every byte may come from an enemy. Nothing is allocated from a number in the message before that
 * number was checked against the words that are really there and against the schema's limit; what is
 * followed is counted, so that overlapping pointers cost the sender, not us.
 *
 * @see https://capnproto.org/encoding.html
 */
import { MessengerError } from "@qpq/ports";
import {
  DECODE_LIMITS,
  type DecodeLimits,
  FRAME_HEADER_BYTES,
  frameBytes,
  NESTING_MAX,
  OBJECT_WORDS,
  WORDS_VISITED_FACTOR,
} from "./limits.ts";
import { readUtf8 } from "./utf8.ts";
import { ELEMENT } from "./writer.ts";

/**
 * Checks the frame's header and opens its root struct.
 * @param frame exactly one frame
 * @throws MessengerError `malformed`, `too-large`
 */
export function openFrame(frame: Uint8Array, limits: DecodeLimits = DECODE_LIMITS): Reader {
  const bytes = frameBytes(frame, limits);
  if (bytes !== frame.length) {
    throw malformed("frame", `${frame.length} bytes, its header says ${bytes}`);
  }
  return new Reader(frame).openStruct(FRAME_HEADER_BYTES, bytes, 0, "the root");
}

/**
 * All offsets are bytes from the start of the frame. A struct is three of them: `data`, where its data
 * section stands; `pointers`, where that ends and its pointers begin; `end`, where these end. A peer
 * with an older schema sends shorter sections: what is not there reads as zero or null.
 */
export class Reader {
  /** The struct opened last. */
  data = 0;
  pointers = 0;
  end = 0;
  /** The list opened last: its first element, and bytes from one to the next. */
  listAt = 0;
  stride = 0;
  /**
   * Words followed and objects made so far: the words, and `OBJECT_WORDS` for each object, are at most
   * `WORDS_VISITED_FACTOR` times the frame's own words.
   */
  wordsVisited = 0;
  objectsMade = 0;

  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #wordsVisitedMax: number;
  /** Of each element of the struct list opened last: bytes of data, bytes of data and pointers. */
  #itemDataBytes = 0;
  #itemBytes = 0;

  constructor(frame: Uint8Array) {
    this.#bytes = frame;
    this.#view = new DataView(frame.buffer, frame.byteOffset, frame.length);
    this.#wordsVisitedMax = (frame.length - FRAME_HEADER_BYTES) / 8 * WORDS_VISITED_FACTOR;
  }

  // `end` is where the struct's data section ends; `mask` is the field's default: the wire holds the
  // difference to it, by exclusive or.

  bool(at: number, bit: number, end: number): boolean {
    return at < end && ((this.#view.getUint8(at) >> bit) & 1) === 1;
  }

  int8(at: number, end: number, mask = 0): number {
    return at < end ? this.#view.getInt8(at) ^ mask : mask;
  }

  uint8(at: number, end: number, mask = 0): number {
    return at < end ? this.#view.getUint8(at) ^ mask : mask;
  }

  int16(at: number, end: number, mask = 0): number {
    return at + 2 <= end ? this.#view.getInt16(at, true) ^ mask : mask;
  }

  uint16(at: number, end: number, mask = 0): number {
    return at + 2 <= end ? this.#view.getUint16(at, true) ^ mask : mask;
  }

  int32(at: number, end: number, mask = 0): number {
    return at + 4 <= end ? this.#view.getInt32(at, true) ^ mask : mask;
  }

  uint32(at: number, end: number, mask = 0): number {
    return at + 4 <= end ? (this.#view.getUint32(at, true) ^ mask) >>> 0 : mask;
  }

  int64(at: number, end: number, mask = 0n): bigint {
    return at + 8 <= end ? this.#view.getBigInt64(at, true) ^ mask : mask;
  }

  uint64(at: number, end: number, mask = 0n): bigint {
    return at + 8 <= end ? this.#view.getBigUint64(at, true) ^ mask : mask;
  }

  /**
   * A 64-bit field marked `$safeInteger`.
   * @throws MessengerError `malformed`: beyond 2^53 - 1 either way
   */
  safeInteger(at: number, end: number, signed: boolean, field: string): number {
    if (at + 8 > end) return 0;
    const low = this.#view.getUint32(at, true);
    const high = signed ? this.#view.getInt32(at + 4, true) : this.#view.getUint32(at + 4, true);
    const value = high * 2 ** 32 + low;
    if (!Number.isSafeInteger(value)) throw malformed(field, "not a safe integer");
    return value;
  }

  float32(at: number, end: number, mask = 0): number {
    if (mask !== 0) return float32Of(this.uint32(at, end, mask));
    return at + 4 <= end ? this.#view.getFloat32(at, true) : 0;
  }

  float64(at: number, end: number, mask = 0n): number {
    if (mask !== 0n) return float64Of(this.uint64(at, end, mask));
    return at + 8 <= end ? this.#view.getFloat64(at, true) : 0;
  }

  // Pointers. `end` is where the struct's pointers end.

  isNull(pointerAt: number, end: number): boolean {
    return pointerAt + 8 > end || (this.#view.getInt32(pointerAt, true) === 0 &&
      this.#view.getInt32(pointerAt + 4, true) === 0);
  }

  /**
   * @returns "" for a null pointer
   * @throws MessengerError `malformed`: no NUL at its end, not UTF-8, out of bounds; `too-large`
   */
  text(pointerAt: number, end: number, bytesMax: number, field: string): string {
    const size = this.#openBytes(pointerAt, end, bytesMax + 1, field);
    if (size === -1) return "";
    const length = size - 1;
    if (length < 0 || this.#bytes[this.listAt + length] !== 0) {
      throw malformed(field, "its text does not end with NUL");
    }
    if (length === 0) return "";
    try {
      return readUtf8(this.#bytes, this.listAt, length);
    } catch (cause) {
      throw new MessengerError("malformed", `Cannot decode ${field}: not UTF-8`, { cause });
    }
  }

  /**
   * @returns a view of the frame, not a copy; empty for a null pointer
   * @throws MessengerError `malformed`: out of bounds; `too-large`
   */
  bytes(pointerAt: number, end: number, bytesMax: number, field: string): Uint8Array {
    const length = this.#openBytes(pointerAt, end, bytesMax, field);
    if (length <= 0) return EMPTY;
    const { buffer, byteOffset } = this.#bytes;
    return new Uint8Array(buffer, byteOffset + this.listAt, length);
  }

  /**
   * Opens the struct that a pointer points at: sets `data`, `pointers` and `end`, all 0 for a null
   * pointer, so that every field reads as its default.
   * @param depth structs and lists around this one
   */
  openStruct(pointerAt: number, end: number, depth: number, field: string): this {
    if (this.isNull(pointerAt, end)) {
      this.data = this.pointers = this.end = 0;
      return this;
    }
    const low = this.#view.getInt32(pointerAt, true);
    if ((low & 3) !== 0) throw this.#wrongKind(low, "a struct", field);
    if (depth >= NESTING_MAX) throw tooDeep(field);
    const data = pointerAt + 8 + (low >> 2) * 8;
    this.data = data;
    this.pointers = data + this.#view.getUint16(pointerAt + 4, true) * 8;
    this.end = this.pointers + this.#view.getUint16(pointerAt + 6, true) * 8;
    this.#visit(data, this.end - data, 1, field);
    return this;
  }

  /**
   * Opens a list of anything but structs: sets `listAt` and `stride`. A list of structs, from a newer
   * peer, reads as the list of their first fields.
   * @param element what the schema says, as in `ELEMENT`; not `composite`
   * @returns its items; 0 for a null pointer
   * @throws MessengerError `malformed`; `too-large`: above `itemsMax`
   */
  openList(
    pointerAt: number,
    end: number,
    element: number,
    itemsMax: number,
    depth: number,
    field: string,
  ): number {
    if (this.isNull(pointerAt, end)) return 0;
    const found = this.#listElement(pointerAt, depth, field);
    if (found === element) {
      const count = this.#openFlatList(pointerAt, found, itemsMax, field);
      this.#count(0, itemObjects(found, count), field);
      return count;
    }
    // The encoding's rule: a list of structs stands in for a list of their first field, bits excepted.
    if (found !== ELEMENT.composite || element === ELEMENT.bit) {
      throw malformed(field, `a list of element size ${found}, ${element} expected`);
    }
    const count = this.#openCompositeList(pointerAt, itemsMax, field);
    if (element === ELEMENT.pointer) {
      if (this.#itemBytes === this.#itemDataBytes && count > 0) {
        throw malformed(field, "a list of structs without pointers");
      }
      this.listAt += this.#itemDataBytes;
    } else if (element !== ELEMENT.void && this.#itemDataBytes === 0 && count > 0) {
      throw malformed(field, "a list of structs without data");
    }
    return count;
  }

  /**
   * Opens a list of structs: sets `listAt` and `stride`; then `openItem`. A list of numbers or
   * pointers, from an older peer, reads as structs that have that one field.
   * @returns its items; 0 for a null pointer
   * @throws MessengerError `malformed`; `too-large`: above `itemsMax`
   */
  openStructList(
    pointerAt: number,
    end: number,
    itemsMax: number,
    depth: number,
    field: string,
  ): number {
    if (this.isNull(pointerAt, end)) return 0;
    const found = this.#listElement(pointerAt, depth, field);
    if (found === ELEMENT.composite) return this.#openCompositeList(pointerAt, itemsMax, field);
    if (found === ELEMENT.bit) throw malformed(field, "a list of bits, structs expected");
    const count = this.#openFlatList(pointerAt, found, itemsMax, field);
    this.#count(0, count, field);
    this.#itemBytes = this.stride;
    this.#itemDataBytes = found === ELEMENT.pointer ? 0 : this.stride;
    return count;
  }

  /** The sizes of the items of the struct list opened last, for `openItem`. */
  get itemDataBytes(): number {
    return this.#itemDataBytes;
  }

  get itemBytes(): number {
    return this.#itemBytes;
  }

  /** Sets `data`, `pointers` and `end` to one item of a struct list. */
  openItem(at: number, dataBytes: number, bytes: number): this {
    this.data = at;
    this.pointers = at + dataBytes;
    this.end = at + bytes;
    return this;
  }

  #listElement(pointerAt: number, depth: number, field: string): number {
    const low = this.#view.getInt32(pointerAt, true);
    if ((low & 3) !== 1) throw this.#wrongKind(low, "a list", field);
    if (depth >= NESTING_MAX) throw tooDeep(field);
    return this.#view.getUint32(pointerAt + 4, true) & 7;
  }

  #openFlatList(pointerAt: number, element: number, itemsMax: number, field: string): number {
    const count = this.#view.getUint32(pointerAt + 4, true) >>> 3;
    if (count > itemsMax) throw tooLarge(field, count, itemsMax);
    const bits = ELEMENT_BITS[element] as number;
    this.listAt = pointerAt + 8 + (this.#view.getInt32(pointerAt, true) >> 2) * 8;
    this.stride = bits >> 3;
    this.#visit(this.listAt, wordsOf(element, count) * 8, 1, field);
    // Items without a size would be free to send.
    if (bits === 0) this.#count(count, 0, field);
    return count;
  }

  #openCompositeList(pointerAt: number, itemsMax: number, field: string): number {
    const words = this.#view.getUint32(pointerAt + 4, true) >>> 3;
    const tagAt = pointerAt + 8 + (this.#view.getInt32(pointerAt, true) >> 2) * 8;
    this.#visit(tagAt, words * 8 + 8, 1, field);
    const tag = this.#view.getUint32(tagAt, true);
    if ((tag & 3) !== 0) throw malformed(field, "a list of composite items that are not structs");
    const count = tag >>> 2;
    if (count > itemsMax) throw tooLarge(field, count, itemsMax);
    const dataWords = this.#view.getUint16(tagAt + 4, true);
    const itemWords = dataWords + this.#view.getUint16(tagAt + 6, true);
    if (count * itemWords > words) throw malformed(field, `${count} items in ${words} words`);
    this.#count(itemWords === 0 ? count : 0, count, field);
    this.listAt = tagAt + 8;
    this.stride = this.#itemBytes = itemWords * 8;
    this.#itemDataBytes = dataWords * 8;
    return count;
  }

  /** Sets `listAt`. @returns bytes, or -1 for a null pointer */
  #openBytes(pointerAt: number, end: number, bytesMax: number, field: string): number {
    if (this.isNull(pointerAt, end)) return -1;
    const low = this.#view.getInt32(pointerAt, true);
    if ((low & 3) !== 1) throw this.#wrongKind(low, "a list of bytes", field);
    const high = this.#view.getUint32(pointerAt + 4, true);
    if ((high & 7) !== ELEMENT.byte) throw malformed(field, "a list of bytes expected");
    const length = high >>> 3;
    if (length > bytesMax) throw tooLarge(field, length, bytesMax);
    this.listAt = pointerAt + 8 + (low >> 2) * 8;
    this.#visit(this.listAt, (length + 7) & ~7, 1, field);
    return length;
  }

  /** Checks that an object stands inside the segment; counts its words, and the objects it becomes. */
  #visit(at: number, bytes: number, objects: number, field: string): void {
    if (at < FRAME_HEADER_BYTES || at + bytes > this.#bytes.length) {
      throw malformed(field, "a pointer out of bounds");
    }
    this.#count(bytes / 8, objects, field);
  }

  #count(words: number, objects: number, field: string): void {
    const wordsVisited = this.wordsVisited + words;
    const objectsMade = this.objectsMade + objects;
    if (wordsVisited + objectsMade * OBJECT_WORDS > this.#wordsVisitedMax) {
      throw new MessengerError(
        "too-large",
        `Cannot decode ${field}: the message leads to more than ${this.#wordsVisitedMax} words`,
      );
    }
    this.wordsVisited = wordsVisited;
    this.objectsMade = objectsMade;
  }

  #wrongKind(low: number, expected: string, field: string): MessengerError {
    const kind = POINTER_KINDS[low & 3] as string;
    return malformed(field, `${kind}, ${expected} expected`);
  }
}

const POINTER_KINDS = ["a struct", "a list", "a far pointer", "a capability"];

/** All empty Data is this one. */
const EMPTY = new Uint8Array(0);

const ELEMENT_BITS = [0, 1, 8, 16, 32, 64, 64];

/** What a word of numbers counts: it becomes up to 8 slots of an array, and a word of bits 64. */
const NUMBERS_WORD_OBJECTS = 2;

function wordsOf(element: number, count: number): number {
  return Math.ceil(count * (ELEMENT_BITS[element] as number) / 64);
}

/** The objects that the items of a list of numbers or pointers count as. */
function itemObjects(element: number, count: number): number {
  return element === ELEMENT.pointer ? count : wordsOf(element, count) * NUMBERS_WORD_OBJECTS;
}

const bits = new DataView(new ArrayBuffer(8));

function float32Of(value: number): number {
  bits.setUint32(0, value);
  return bits.getFloat32(0);
}

function float64Of(value: bigint): number {
  bits.setBigUint64(0, value);
  return bits.getFloat64(0);
}

function tooDeep(field: string): MessengerError {
  return new MessengerError(
    "too-large",
    `Cannot decode ${field}: nested deeper than ${NESTING_MAX}`,
  );
}

function tooLarge(field: string, size: number, limit: number): MessengerError {
  return new MessengerError("too-large", `Cannot decode ${field}: ${size}, limit ${limit}`);
}

function malformed(field: string, state: string): MessengerError {
  return new MessengerError("malformed", `Cannot decode ${field}: ${state}`);
}
