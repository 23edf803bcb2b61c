/**
 * CBOR (RFC 8949), as much as message content needs: a reader that takes the deterministic encoding
 * (§4.2.1) alone, and a writer of it. What is read encodes again to the same bytes.
 *
 * Not a library's: those that were looked at (cborg, cbor2) turn an item into a JavaScript value, which
 * cannot tell 1 from 1.0, knows no limit for each field, and throws untyped errors. Here the caller says
 * what it expects next, and what nobody expects stays the bytes that it was.
 */
import { MessengerError } from "@qpq/ports";

const MAJOR = { unsigned: 0, negative: 1, bytes: 2, text: 3, array: 4, map: 5, tag: 6, simple: 7 };
const FALSE = 0xf4;
const TRUE = 0xf5;
const NULL = 0xf6;
const TAG_UNSIGNED_BIGNUM = 2;
const TAG_NEGATIVE_BIGNUM = 3;

const encoder = new TextEncoder();
// ignoreBOM keeps a leading U+FEFF: what was sent is what is read.
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A map's key: the draft allows no other kinds at the top of its extensions. */
export type CborKey = number | string;

/**
 * Reads items in the order in which they stand. Each byte is read once: work is linear in the input,
 * and counts are refused before anything is made for them. Every method throws `MessengerError`:
 * `malformed`, or `too-large` for what is well-formed and above the caller's limit.
 */
export class CborReader {
  readonly #bytes: Uint8Array;
  #at = 0;
  /** Of the head read last. */
  #major = 0;
  #information = 0;
  /** Exact up to 2^53; above, only known to be above. */
  #argument = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** @returns how many items follow */
  array(): number {
    this.#expect(MAJOR.array, "an array");
    return this.#count(1);
  }

  /** @returns how many pairs of key and value follow; the keys are `key()`s, in ascending order */
  map(): number {
    this.#expect(MAJOR.map, "a map");
    return this.#count(2);
  }

  unsigned(max: number, name: string): number {
    this.#expect(MAJOR.unsigned, name);
    if (this.#argument > max) throw malformed(`${name} is above ${max}`);
    return this.#argument;
  }

  boolean(name: string): boolean {
    const byte = this.#byte();
    if (byte !== FALSE && byte !== TRUE) throw malformed(`${name} is no boolean`);
    return byte === TRUE;
  }

  /** Whether null stands next; only then it is taken. */
  takeNull(): boolean {
    if (this.#bytes[this.#at] !== NULL) return false;
    this.#at++;
    return true;
  }

  /** @returns a copy */
  bytes(bytesMax: number, name: string): Uint8Array {
    this.#expect(MAJOR.bytes, name);
    return this.#take(bytesMax, name).slice();
  }

  text(bytesMax: number, name: string): string {
    this.#expect(MAJOR.text, name);
    return decodeText(this.#take(bytesMax, name), name);
  }

  /** An integer that a double holds, or text of 1 to 255 bytes (draft-ietf-mimi-content-09 §4.3, §6.2). */
  key(): CborKey {
    this.#head();
    switch (this.#major) {
      case MAJOR.unsigned:
        if (this.#argument > Number.MAX_SAFE_INTEGER) throw malformed("a key is too large");
        return this.#argument;
      case MAJOR.negative:
        if (this.#argument >= Number.MAX_SAFE_INTEGER) throw malformed("a key is too large");
        return -1 - this.#argument;
      case MAJOR.text: {
        const text = decodeText(this.#take(KEY_BYTES_MAX, "a key"), "a key");
        if (text === "") throw malformed("a key is empty");
        return text;
      }
      default:
        throw malformed("a key is neither an integer nor text");
    }
  }

  /**
   * One item of any kind, unread but checked: deterministic, and as draft-ietf-mimi-content-09 §6.2 wants it.
   * @param depthMax levels of arrays, maps and tags in it
   * @returns a copy of its bytes
   */
  item(depthMax: number): Uint8Array {
    const start = this.#at;
    this.#skip(depthMax);
    return this.#bytes.slice(start, this.#at);
  }

  /** Where the next item begins. */
  get offset(): number {
    return this.#at;
  }

  /** The bytes from `start` to here; not a copy. */
  since(start: number): Uint8Array {
    return this.#bytes.subarray(start, this.#at);
  }

  end(): void {
    const left = this.#bytes.length - this.#at;
    if (left !== 0) throw malformed(`${left} bytes left over`);
  }

  #expect(major: number, name: string): void {
    this.#head();
    if (this.#major !== major) throw malformed(`${name} is of another type`);
  }

  #byte(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) throw malformed("it ends too early");
    return byte;
  }

  /** RFC 8949 §3; of the arguments only the shortest form (§4.2.1), and no indefinite lengths. */
  #head(): void {
    const initial = this.#byte();
    this.#major = initial >> 5;
    this.#information = initial & 0x1f;
    this.#argument = this.#information;
    if (this.#information < 24) return;
    if (this.#information > 27) throw malformed("a length is indefinite or reserved");
    const size = 1 << (this.#information - 24);
    this.#argument = 0;
    for (let index = 0; index < size; index++) {
      this.#argument = this.#argument * 0x100 + this.#byte();
    }
    // Of floats and simple values the size says what they are, not how they are written.
    const least = [24, 0x100, 0x1_0000, 0x1_0000_0000][this.#information - 24] as number;
    if (this.#major !== MAJOR.simple && this.#argument < least) {
      throw malformed("a number is not in its shortest form");
    }
  }

  /** Refuses a count that the rest of the input cannot hold: an item has a byte at least. */
  #count(itemsPerEntry: 1 | 2): number {
    if (this.#argument * itemsPerEntry > this.#bytes.length - this.#at) {
      throw malformed("a count is above what follows");
    }
    return this.#argument;
  }

  #take(bytesMax: number, name: string): Uint8Array {
    const length = this.#argument;
    if (length > this.#bytes.length - this.#at) throw malformed(`${name} ends too early`);
    if (length > bytesMax) throw tooLarge(`${name} is above ${bytesMax} bytes`);
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  #skip(depthLeft: number): void {
    this.#head();
    const major = this.#major;
    if (major >= MAJOR.array && major <= MAJOR.tag && depthLeft === 0) {
      throw malformed("an extension is nested too deeply");
    }
    switch (major) {
      case MAJOR.unsigned:
      case MAJOR.negative:
        return;
      case MAJOR.bytes:
        this.#take(this.#bytes.length, "a byte string");
        return;
      case MAJOR.text:
        decodeText(this.#take(this.#bytes.length, "a text"), "a text");
        return;
      case MAJOR.array: {
        const count = this.#count(1);
        for (let index = 0; index < count; index++) this.#skip(depthLeft - 1);
        return;
      }
      case MAJOR.map:
        this.#skipMap(depthLeft - 1);
        return;
      case MAJOR.tag:
        this.#skipTag(depthLeft - 1);
        return;
      default:
        this.#skipSimple();
    }
  }

  #skipMap(depthLeft: number): void {
    const count = this.#count(2);
    let previous: Uint8Array | undefined;
    for (let index = 0; index < count; index++) {
      const start = this.#at;
      this.#skip(0);
      if (this.#major === MAJOR.simple) throw malformed("a key is no integer, text or byte string");
      if (this.#major <= MAJOR.negative && this.#argument >= 2 ** 53 - this.#major) {
        throw malformed("a key is too large");
      }
      const key = this.since(start);
      requireAscending(previous, key);
      previous = key;
      this.#skip(depthLeft);
    }
  }

  #skipTag(depthLeft: number): void {
    const tag = this.#argument;
    const start = this.#at;
    this.#skip(depthLeft);
    if (tag !== TAG_UNSIGNED_BIGNUM && tag !== TAG_NEGATIVE_BIGNUM) return;
    // RFC 8949 §3.4.3: without leading zeros, and never where an integer would do.
    const integer = new CborReader(this.since(start)).bytes(this.#bytes.length, "a bignum");
    if (integer.length <= 8 || integer[0] === 0) {
      throw malformed("a bignum is not in its shortest form");
    }
  }

  #skipSimple(): void {
    if (this.#information === 24 && this.#argument < 32) {
      throw malformed("a simple value is not in its shortest form");
    }
    if (this.#information < 25) return;
    const size = 1 << (this.#information - 24);
    const view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset + this.#at - size, size);
    if (!isShortestFloat(view)) throw malformed("a float is not in its shortest form");
  }
}

/** A text key is 255 bytes at most (draft-ietf-mimi-content-09 §4.3). */
const KEY_BYTES_MAX = 255;

/** RFC 8949 §4.2.1: keys in the bytewise order of their encodings, none twice. */
export function requireAscending(previous: Uint8Array | undefined, key: Uint8Array): void {
  if (previous !== undefined && compareBytes(previous, key) >= 0) {
    throw malformed("keys are out of order, or one is there twice");
  }
}

/** Negative, zero or positive, as in sorting. */
export function compareBytes(left: Uint8Array, right: Uint8Array): number {
  const length = Math.min(left.length, right.length);
  for (let index = 0; index < length; index++) {
    const difference = (left[index] as number) - (right[index] as number);
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}

/** The one NaN is 0xf97e00 (draft-ietf-mimi-content-09 §6.2). */
function isShortestFloat(view: DataView): boolean {
  if (view.byteLength === 2) {
    return !Number.isNaN(view.getFloat16(0)) || view.getUint16(0) === 0x7e00;
  }
  const value = view.byteLength === 4 ? view.getFloat32(0) : view.getFloat64(0);
  const shorter = view.byteLength === 4 ? Math.f16round(value) : Math.fround(value);
  return !Number.isNaN(value) && !Object.is(value, shorter);
}

function decodeText(bytes: Uint8Array, name: string): string {
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw new MessengerError("malformed", `Cannot decode content: ${name} is not UTF-8`, { cause });
  }
}

export function malformed(state: string): MessengerError {
  return new MessengerError("malformed", `Cannot decode content: ${state}`);
}

export function tooLarge(state: string): MessengerError {
  return new MessengerError("too-large", `Cannot decode content: ${state}`);
}

/** The writer: each function encodes one item. */
export const cbor = {
  null: Uint8Array.of(NULL),

  boolean: (value: boolean): Uint8Array => Uint8Array.of(value ? TRUE : FALSE),

  /** @param value an integer that a double holds */
  integer: (value: number): Uint8Array =>
    value < 0 ? head(MAJOR.negative, -1 - value) : head(MAJOR.unsigned, value),

  bytes: (value: Uint8Array): Uint8Array => join([head(MAJOR.bytes, value.length), value]),

  /** A lone surrogate becomes U+FFFD: callers refuse it before. */
  text: (value: string): Uint8Array => {
    const bytes = encoder.encode(value);
    return join([head(MAJOR.text, bytes.length), bytes]);
  },

  array: (items: readonly Uint8Array[]): Uint8Array =>
    join([head(MAJOR.array, items.length), ...items]),

  /** @param entries encoded keys and values, in any order */
  map: (entries: readonly (readonly [key: Uint8Array, value: Uint8Array])[]): Uint8Array => {
    const sorted = entries.toSorted(([left], [right]) => compareBytes(left, right));
    return join([head(MAJOR.map, entries.length), ...sorted.flat()]);
  },
} as const;

function head(major: number, argument: number): Uint8Array {
  if (!Number.isSafeInteger(argument)) {
    throw new MessengerError("malformed", "Cannot encode content: a number is no safe integer");
  }
  const initial = major << 5;
  if (argument < 24) return Uint8Array.of(initial | argument);
  const size = argument < 0x100 ? 1 : argument < 0x1_0000 ? 2 : argument < 0x1_0000_0000 ? 4 : 8;
  const bytes = new Uint8Array(1 + size);
  bytes[0] = initial | (24 + Math.log2(size));
  for (let index = size, rest = argument; index > 0; index--, rest = Math.floor(rest / 0x100)) {
    bytes[index] = rest % 0x100;
  }
  return bytes;
}

function join(pieces: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    joined.set(piece, at);
    at += piece.length;
  }
  return joined;
}
