import { MessengerError } from "./errors.ts";
import { KEY_BYTES_MAX } from "./store.ts";

/**
 * One part of a key. Integers are unsigned, below 2^64; a number must be a safe integer. Strings are
 * well-formed Unicode.
 */
export type KeyPart = string | Uint8Array | number | bigint;

/**
 * Bytes that sort as their parts do, part by part: byte strings by their bytes, then strings by
 * their code points, then integers by their value. The key of some parts begins the key of the same
 * parts and more, and no other: so it is the prefix of exactly those.
 *
 * | part | bytes |
 * |---|---|
 * | byte string | `10`, the bytes escaped, `00` |
 * | string | `20`, its UTF-8 escaped, `00` |
 * | integer | `30 + n`, then n bytes, highest first, as few as hold it (0 for zero, 8 at most) |
 *
 * Escaped: `00` as `01 01`, `01` as `01 02`; so `00` only ever ends a part.
 *
 * @throws MessengerError `malformed`: an integer or a string out of its range; `too-large`: more than
 *   `KEY_BYTES_MAX` bytes
 */
export function encodeKey(...parts: readonly KeyPart[]): Uint8Array<ArrayBuffer> {
  const sink = new KeySink();
  for (const part of parts) {
    if (typeof part === "string") {
      if (!part.isWellFormed()) {
        throw malformed("Cannot encode key", "a string has a lone surrogate");
      }
      sink.terminated(STRING_TAG, utf8.encode(part));
    } else if (part instanceof Uint8Array) sink.terminated(BYTES_TAG, part);
    else sink.integer(part);
  }
  return sink.take();
}

/**
 * The parts of a key that `encodeKey` made. Integers up to 2^53 - 1 are numbers, above that bigints.
 * Accepts no second encoding of the same parts.
 * @throws MessengerError `malformed`
 */
export function decodeKey(key: Uint8Array): KeyPart[] {
  const parts: KeyPart[] = [];
  let offset = 0;
  while (offset < key.length) {
    const tag = key[offset++] as number;
    if (tag === BYTES_TAG || tag === STRING_TAG) {
      const end = key.indexOf(0, offset);
      if (end < 0) throw malformed("Cannot decode key", "a part has no end");
      const bytes = unescape(key.subarray(offset, end));
      parts.push(tag === BYTES_TAG ? bytes : decodeString(bytes));
      offset = end + 1;
    } else if (tag >= INTEGER_TAG && tag <= INTEGER_TAG + INTEGER_BYTES_MAX) {
      const end = offset + tag - INTEGER_TAG;
      if (end > key.length) throw malformed("Cannot decode key", "an integer is cut short");
      parts.push(decodeInteger(key.subarray(offset, end)));
      offset = end;
    } else throw malformed("Cannot decode key", `tag ${tag} at byte ${offset - 1} is unknown`);
  }
  return parts;
}

const BYTES_TAG = 0x10;
const STRING_TAG = 0x20;
const INTEGER_TAG = 0x30;
const INTEGER_BYTES_MAX = 8;
const INTEGER_END = 2n ** 64n;

const utf8 = new TextEncoder();
const utf8Strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

class KeySink {
  #bytes = new Uint8Array(64);
  #length = 0;

  terminated(tag: number, content: Uint8Array): void {
    this.#push(tag);
    for (const byte of content) {
      if (byte > 1) this.#push(byte);
      else {
        this.#push(1);
        this.#push(byte + 1);
      }
    }
    this.#push(0);
  }

  integer(part: number | bigint): void {
    if (typeof part === "number" && !Number.isSafeInteger(part)) {
      throw malformed("Cannot encode key", "a number is not a safe integer");
    }
    if (part < 0 || part >= INTEGER_END) {
      throw malformed("Cannot encode key", "an integer is not from 0 to 2^64 - 1");
    }
    const digits = part === 0 || part === 0n ? "" : part.toString(16);
    const length = (digits.length + 1) >> 1;
    const padded = digits.padStart(2 * length, "0");
    this.#push(INTEGER_TAG + length);
    for (let index = 0; index < length; index++) {
      this.#push(Number.parseInt(padded.slice(2 * index, 2 * index + 2), 16));
    }
  }

  take(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length);
  }

  #push(byte: number): void {
    if (this.#length === KEY_BYTES_MAX) {
      throw new MessengerError("too-large", `Cannot encode key: above ${KEY_BYTES_MAX} bytes`);
    }
    if (this.#length === this.#bytes.length) {
      const larger = new Uint8Array(2 * this.#length);
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    this.#bytes[this.#length++] = byte;
  }
}

function unescape(escaped: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(escaped.length);
  let length = 0;
  for (let index = 0; index < escaped.length; index++) {
    let byte = escaped[index] as number;
    if (byte === 1) {
      const next = escaped[++index];
      if (next !== 1 && next !== 2) throw malformed("Cannot decode key", "an escape is unknown");
      byte = next - 1;
    }
    bytes[length++] = byte;
  }
  return bytes.slice(0, length);
}

function decodeString(bytes: Uint8Array): string {
  try {
    return utf8Strict.decode(bytes);
  } catch (cause) {
    throw new MessengerError("malformed", "Cannot decode key: a string is not UTF-8", { cause });
  }
}

function decodeInteger(bytes: Uint8Array): number | bigint {
  if (bytes[0] === 0) throw malformed("Cannot decode key", "an integer has a leading zero");
  let value = 0n;
  for (const byte of bytes) value = value << 8n | BigInt(byte);
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
}

function malformed(action: string, state: string): MessengerError {
  return new MessengerError("malformed", `${action}: ${state}`);
}
