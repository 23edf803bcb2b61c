/**
 * The limits that hold for every message, whoever sends it. Schemas narrow them field by field
 * (`schema/qpq.capnp`); nothing widens them but a `DecodeLimits` that the caller names.
 */
import { MessengerError } from "@qpq/ports";

/** Bytes of a framed message at most, unless the method is `$large`: what shares the call stream. */
export const CALL_BYTES_MAX = 256 * 1024;

/** Bytes of any frame at most, `$large` or not, in both directions. */
export const FRAME_BYTES_MAX = 64 * 1024 * 1024;

/** Structs and lists inside each other at most; the root struct is the first. */
export const NESTING_MAX = 32;

/**
 * Words followed through pointers at most, in multiples of the message's own. Without this a short
 * message whose pointers overlap would be read without end.
 */
export const WORDS_VISITED_FACTOR = 8;

/**
 * What each object that a decode makes (struct, list, Text, Data) takes of the words above, beside its
 * own words: else overlapping pointers to a few words become objects many times the message's size.
 *
 * A message without overlaps cannot run into it. A word of such a message is followed once, is at most
 * the first of one list item and the pointer to one object, so it takes at most 1 + 2 × 3 of 8 words.
 * The exceptions are items below a word that become objects: structs without fields, and an older
 * peer's numbers of 1 or 2 bytes where the schema has structs now.
 */
export const OBJECT_WORDS = 3;

/** UTF-8 bytes of a Text field whose schema names no `$max`. */
export const TEXT_BYTES_MAX = 4096;

/** Bytes of a Data field whose schema names no `$max`. */
export const DATA_BYTES_MAX = 64 * 1024;

/** Items of a List field whose schema names no `$max`. */
export const LIST_ITEMS_MAX = 1024;

export interface DecodeLimits {
  /** Bytes of the frame at most, header included. */
  readonly bytesMax: number;
}

export const DECODE_LIMITS: DecodeLimits = { bytesMax: CALL_BYTES_MAX };

/** Bytes before the root pointer: one segment count, one segment length. */
export const FRAME_HEADER_BYTES = 8;

/**
 * How long a frame is, from its first 8 bytes; to be asked before anything is allocated for it.
 * @param header at least 8 bytes, as they came
 * @returns bytes of the whole frame, header included; a multiple of 8
 * @throws MessengerError `malformed`: more than one segment, or none; `too-large`: above `limits`
 * @see https://capnproto.org/encoding.html#serialization-over-a-stream
 */
export function frameBytes(header: Uint8Array, limits: DecodeLimits = DECODE_LIMITS): number {
  if (header.length < FRAME_HEADER_BYTES) {
    throw new MessengerError("malformed", `Cannot decode frame: ${header.length} bytes, 8 needed`);
  }
  const segmentsBeyondFirst = uint32(header, 0);
  if (segmentsBeyondFirst !== 0) {
    throw new MessengerError(
      "malformed",
      `Cannot decode frame: ${segmentsBeyondFirst + 1} segments, 1 allowed`,
    );
  }
  const words = uint32(header, 4);
  if (words === 0) throw new MessengerError("malformed", "Cannot decode frame: no root pointer");
  const bytes = FRAME_HEADER_BYTES + words * 8;
  if (bytes > limits.bytesMax) {
    throw new MessengerError(
      "too-large",
      `Cannot decode frame: ${bytes} bytes, limit ${limits.bytesMax}`,
    );
  }
  return bytes;
}

function uint32(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) | ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) | ((bytes[at + 3] as number) << 24)) >>> 0;
}
