import { pooledCopy } from "./byte-pool.ts";
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
  let length = 0;
  for (const part of parts) {
    if (typeof part === "string") length = putString(length, part);
    else if (part instanceof Uint8Array) length = putTerminated(length, BYTES_TAG, part);
    else length = putInteger(length, part);
  }
  return pooledCopy(scratch, length);
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

/** Where keys are put together, from the beginning: nothing else runs meanwhile. */
const scratch = new Uint8Array(KEY_BYTES_MAX);

/** @returns where the next part goes, as the other functions here */
function put(at: number, byte: number): number {
  if (at === KEY_BYTES_MAX) {
    throw new MessengerError("too-large", `Cannot encode key: above ${KEY_BYTES_MAX} bytes`);
  }
  scratch[at] = byte;
  return at + 1;
}

function putEscaped(at: number, byte: number): number {
  return byte > 1 ? put(at, byte) : put(put(at, 1), byte + 1);
}

function putTerminated(from: number, tag: number, content: Uint8Array): number {
  let at = put(from, tag);
  for (let index = 0; index < content.length; index++) {
    at = putEscaped(at, content[index] as number);
  }
  return put(at, 0);
}

function putString(from: number, text: string): number {
  let at = put(from, STRING_TAG);
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (unit < 0x80) at = putEscaped(at, unit);
    // Hardly ever: keys are named in plain letters.
    else return putTerminated(from, STRING_TAG, utf8Of(text));
  }
  return put(at, 0);
}

function utf8Of(text: string): Uint8Array {
  if (!text.isWellFormed()) throw malformed("Cannot encode key", "a string has a lone surrogate");
  return utf8.encode(text);
}

function putInteger(from: number, part: number | bigint): number {
  if (typeof part === "number" && !Number.isSafeInteger(part)) {
    throw malformed("Cannot encode key", "a number is not a safe integer");
  }
  if (part < 0 || part >= INTEGER_END) {
    throw malformed("Cannot encode key", "an integer is not from 0 to 2^64 - 1");
  }
  const high = typeof part === "number" ? Math.floor(part / 2 ** 32) : Number(part >> 32n);
  const low = typeof part === "number" ? part % 2 ** 32 : Number(part & 0xffff_ffffn);
  const length = high === 0 ? bytesIn(low) : 4 + bytesIn(high);
  let at = put(from, INTEGER_TAG + length);
  for (let index = length - 1; index >= 0; index--) {
    at = put(at, index >= 4 ? high >>> (8 * (index - 4)) : low >>> (8 * index));
  }
  return at;
}

/** Of an unsigned integer below 2^32. */
function bytesIn(value: number): number {
  return (39 - Math.clz32(value)) >> 3;
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
