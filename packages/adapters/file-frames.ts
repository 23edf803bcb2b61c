import { createCipheriv, createDecipheriv, createHmac, hkdfSync } from "node:crypto";
import { crc32 } from "node:zlib";
import { equalConstantTime, MessengerError } from "@qpq/ports";

/**
 * The bytes of a file log (`docs/storage.md`). A header, then frames. Each frame's header says what
 * the frame is and has a checksum over itself, its own offset and the file's id: so a frame is
 * recognised wherever the file is read from, and is valid nowhere else.
 */
export const FILE_FORMAT_VERSION = 1;
export const FILE_HEADER_BYTES = 64;
export const FRAME_HEADER_BYTES = 24;
/** Frames of this many bytes are cut at the next entry: what a read has to decrypt at most. */
export const FRAME_BYTES_TARGET = 8_192;
/** A full frame and one entry of the largest key and value; no frame is larger. */
export const FRAME_BYTES_MAX = 1_081_344;

const MAGIC = "QPQ-LOG\n";
const FLAG_ENCRYPTED = 1;
const TAG_BYTES = 16;
const CHECK_BYTES = 12;
export const SESSION_BYTES = 32;

/**
 * - `session`: 32 random bytes; the key of the encrypted frames behind it is derived with them. Each
 *   opening begins one, so that no key meets an offset twice.
 * - `part`, `last`: entries of a batch; the batch counts when its last frame is there.
 * - `closed`: the log was closed in order. Damage before it is never a torn tail.
 * - `compacted`: all before it came from the compaction of an older log.
 * - `key-file`: in backups only: the key file, as it is.
 */
export type FrameKind = "session" | "part" | "last" | "closed" | "compacted" | "key-file";

const FRAME_KINDS = ["session", "part", "last", "closed", "compacted", "key-file"] as const;

export interface FileHeader {
  readonly fileId: Uint8Array;
  readonly encrypted: boolean;
  /** Says whether a key is the right one. */
  readonly check: Uint8Array;
}

export interface FrameHeader {
  readonly kind: FrameKind;
  /** Bytes behind the header. */
  readonly bodyBytes: number;
  /** Batches count from 1. All frames of a batch, and no others, have its number. */
  readonly batch: number;
  readonly bodyCrc: number;
}

export function encodeFileHeader(fileId: Uint8Array, fileKey: Uint8Array | undefined): Uint8Array {
  const header = new Uint8Array(FILE_HEADER_BYTES);
  const view = new DataView(header.buffer);
  header.set(new TextEncoder().encode(MAGIC));
  view.setUint16(8, FILE_FORMAT_VERSION);
  view.setUint16(10, fileKey === undefined ? 0 : FLAG_ENCRYPTED);
  header.set(fileId, 16);
  if (fileKey !== undefined) header.set(keyCheck(fileKey), 48);
  view.setUint32(60, crc32(header.subarray(0, 60)));
  return header;
}

/** @throws MessengerError `store/not-a-store`, `store/newer-format`, `store/corrupt` */
export function decodeFileHeader(header: Uint8Array): FileHeader {
  if (new TextDecoder().decode(header.subarray(0, 8)) !== MAGIC || header.length < 12) {
    throw new MessengerError("store/not-a-store", "Cannot open file log: the file is none");
  }
  const view = new DataView(header.buffer, header.byteOffset, header.length);
  const version = view.getUint16(8);
  if (version > FILE_FORMAT_VERSION) {
    throw new MessengerError("store/newer-format", `Cannot open file log: format ${version}`);
  }
  if (header.length < FILE_HEADER_BYTES || view.getUint32(60) !== crc32(header.subarray(0, 60))) {
    throw new MessengerError("store/corrupt", "Cannot open file log: damaged at byte 0");
  }
  return {
    fileId: header.slice(16, 48),
    encrypted: (view.getUint16(10) & FLAG_ENCRYPTED) !== 0,
    check: header.slice(48, 60),
  };
}

/** @throws MessengerError `store/wrong-key`: there is one too many, too few, or another is needed */
export function deriveFileKey(
  header: FileHeader,
  key: Uint8Array | undefined,
): Uint8Array | undefined {
  if (header.encrypted !== (key !== undefined)) {
    throw new MessengerError(
      "store/wrong-key",
      `Cannot open file log: it is ${header.encrypted ? "" : "not "}encrypted`,
    );
  }
  if (key === undefined) return undefined;
  const fileKey = newFileKey(header.fileId, key);
  if (!equalConstantTime(keyCheck(fileKey), header.check)) {
    throw new MessengerError("store/wrong-key", "Cannot open file log: it has another key");
  }
  return fileKey;
}

export function newFileKey(fileId: Uint8Array, key: Uint8Array): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", key, fileId, "qpq file log 1", 32));
}

export function deriveSessionKey(fileKey: Uint8Array, session: Uint8Array): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", fileKey, session, "qpq file log session 1", 32));
}

function keyCheck(fileKey: Uint8Array): Uint8Array {
  const mac = createHmac("sha256", fileKey).update("qpq file log check 1").digest();
  return new Uint8Array(mac.subarray(0, CHECK_BYTES));
}

/** Whether frames of this kind are encrypted in an encrypted log. */
export function isSealed(kind: FrameKind): boolean {
  return kind === "part" || kind === "last";
}

export interface FramePlace {
  readonly fileId: Uint8Array;
  /** Of the frame in the file. */
  readonly offset: number;
  /** Of the session it is in, when the frame is encrypted. */
  readonly sessionKey: Uint8Array | undefined;
}

/** One whole frame, header and body. */
export function encodeFrame(
  kind: FrameKind,
  batch: number,
  content: Uint8Array,
  place: FramePlace,
): Uint8Array {
  const sealed = place.sessionKey !== undefined && isSealed(kind);
  const frame = new Uint8Array(FRAME_HEADER_BYTES + content.length + (sealed ? TAG_BYTES : 0));
  const view = new DataView(frame.buffer);
  view.setUint32(0, frame.length - FRAME_HEADER_BYTES);
  frame[4] = FRAME_KINDS.indexOf(kind) + 1;
  view.setBigUint64(8, BigInt(batch));
  if (sealed) {
    const cipher = createCipheriv("chacha20-poly1305", place.sessionKey, nonce(place.offset), {
      authTagLength: TAG_BYTES,
    });
    cipher.setAAD(boundHeader(frame, place), { plaintextLength: content.length });
    frame.set(cipher.update(content), FRAME_HEADER_BYTES);
    cipher.final();
    frame.set(cipher.getAuthTag(), FRAME_HEADER_BYTES + content.length);
  } else frame.set(content, FRAME_HEADER_BYTES);
  view.setUint32(16, crc32(frame.subarray(FRAME_HEADER_BYTES)));
  view.setUint32(20, headerCrc(frame, place));
  return frame;
}

/** @returns `undefined` when no frame of this file begins there, or its header is damaged */
export function decodeFrameHeader(
  header: Uint8Array,
  place: Pick<FramePlace, "fileId" | "offset">,
): FrameHeader | undefined {
  const kind = FRAME_KINDS[(header[4] ?? 0) - 1];
  if (header.length < FRAME_HEADER_BYTES || kind === undefined) return undefined;
  if (header[5] !== 0 || header[6] !== 0 || header[7] !== 0) return undefined;
  const view = new DataView(header.buffer, header.byteOffset, FRAME_HEADER_BYTES);
  const bodyBytes = view.getUint32(0);
  if (bodyBytes > FRAME_BYTES_MAX || view.getUint32(20) !== headerCrc(header, place)) {
    return undefined;
  }
  return { kind, bodyBytes, batch: Number(view.getBigUint64(8)), bodyCrc: view.getUint32(16) };
}

/**
 * @param frame header and body
 * @returns the content, or `undefined` when checksum or seal don't fit
 */
export function openFrame(
  header: FrameHeader,
  frame: Uint8Array,
  place: FramePlace,
): Uint8Array | undefined {
  const body = frame.subarray(FRAME_HEADER_BYTES, FRAME_HEADER_BYTES + header.bodyBytes);
  if (body.length !== header.bodyBytes || crc32(body) !== header.bodyCrc) return undefined;
  if (place.sessionKey === undefined || !isSealed(header.kind)) return body;
  if (body.length < TAG_BYTES) return undefined;
  const decipher = createDecipheriv("chacha20-poly1305", place.sessionKey, nonce(place.offset), {
    authTagLength: TAG_BYTES,
  });
  const length = body.length - TAG_BYTES;
  decipher.setAAD(boundHeader(frame, place), { plaintextLength: length });
  decipher.setAuthTag(body.subarray(length));
  const content = decipher.update(body.subarray(0, length));
  try {
    decipher.final();
  } catch {
    return undefined;
  }
  return content;
}

/** One entry of a frame's content. */
export interface FrameEntry {
  /** Of the entry in the content. */
  readonly start: number;
  readonly key: Uint8Array;
  /** `undefined`: deleted. */
  readonly value: Uint8Array | undefined;
}

export const ENTRY_HEADER_BYTES = 6;
const DELETED = 0xffff_ffff;

/** Key length (u16), value length or 2^32 - 1 for a delete (u32), key, value. */
export function encodeEntry(
  target: Uint8Array,
  offset: number,
  key: string,
  value: Uint8Array | undefined,
): number {
  const view = new DataView(target.buffer, target.byteOffset + offset, ENTRY_HEADER_BYTES);
  view.setUint16(0, key.length);
  view.setUint32(2, value?.length ?? DELETED);
  let end = offset + ENTRY_HEADER_BYTES;
  for (let index = 0; index < key.length; index++) target[end++] = key.charCodeAt(index);
  if (value !== undefined) target.set(value, end);
  return end + (value?.length ?? 0);
}

/** @returns `undefined` when the content ends inside the entry */
export function decodeEntry(content: Uint8Array, start: number): FrameEntry | undefined {
  if (start + ENTRY_HEADER_BYTES > content.length) return undefined;
  const view = new DataView(content.buffer, content.byteOffset + start, ENTRY_HEADER_BYTES);
  const keyEnd = start + ENTRY_HEADER_BYTES + view.getUint16(0);
  const valueBytes = view.getUint32(2);
  const end = keyEnd + (valueBytes === DELETED ? 0 : valueBytes);
  if (end > content.length) return undefined;
  return {
    start,
    key: content.subarray(start + ENTRY_HEADER_BYTES, keyEnd),
    value: valueBytes === DELETED ? undefined : content.subarray(keyEnd, end),
  };
}

/** Where the entry behind this one begins. */
export function entryEnd(entry: FrameEntry): number {
  return entry.start + ENTRY_HEADER_BYTES + entry.key.length + (entry.value?.length ?? 0);
}

/** What the seal covers beside the content: what the frame is, and where, and of which file. */
function boundHeader(frame: Uint8Array, place: Pick<FramePlace, "fileId" | "offset">): Uint8Array {
  const bound = new Uint8Array(16 + 8 + 32);
  bound.set(frame.subarray(0, 16));
  new DataView(bound.buffer).setBigUint64(16, BigInt(place.offset));
  bound.set(place.fileId, 24);
  return bound;
}

function headerCrc(frame: Uint8Array, place: Pick<FramePlace, "fileId" | "offset">): number {
  return crc32(frame.subarray(16, 20), crc32(boundHeader(frame, place)));
}

function nonce(offset: number): Uint8Array {
  const bytes = new Uint8Array(12);
  new DataView(bytes.buffer).setBigUint64(4, BigInt(offset));
  return bytes;
}
