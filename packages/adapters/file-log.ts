import { randomBytes } from "node:crypto";
import { readSync } from "node:fs";
import { closeSync as closeDescriptor, openSync as openDescriptor } from "node:fs";
import { assert, MessengerError } from "@qpq/ports";
import {
  decodeEntry,
  decodeFileHeader,
  decodeFrameHeader,
  deriveFileKey,
  deriveSessionKey,
  encodeEntry,
  encodeFileHeader,
  encodeFrame,
  ENTRY_HEADER_BYTES,
  FILE_HEADER_BYTES,
  type FileHeader,
  FRAME_BYTES_MAX,
  FRAME_BYTES_TARGET,
  FRAME_HEADER_BYTES,
  type FrameKind,
  newFileKey,
  openFrame,
  SESSION_BYTES,
} from "./file-frames.ts";
import type { Write } from "./store-engine.ts";

/** Bytes of a log at most: places of entries are kept in 53 bits. */
export const FILE_LOG_BYTES_MAX = 2 ** 38;
/** More than any entry's start in a frame. */
const STARTS_IN_FRAME = 2 ** 15;
/** What one read of a frame asks for at first: most frames are smaller. */
const READ_BYTES = FRAME_HEADER_BYTES + FRAME_BYTES_TARGET + 2_048;

/** Where an entry is: the offset of its frame times `STARTS_IN_FRAME`, and its start in there. */
export type EntryPlace = number;

interface Session {
  readonly from: number;
  readonly key: Uint8Array | undefined;
}

/** Where the next frame goes. */
export interface LogEnd {
  readonly offset: number;
  /** The number of the last batch. */
  readonly batch: number;
}

/** One file of the store: appends frames, and reads entries back. Doesn't know which are live. */
export class FileLog {
  readonly path: string;
  readonly header: FileHeader;
  readonly #fileKey: Uint8Array | undefined;
  readonly #file: Deno.FsFile;
  readonly #descriptor: number;
  readonly #sessions: Session[] = [];
  #end: LogEnd = { offset: FILE_HEADER_BYTES, batch: 0 };
  /** Set once this opening may append: no key meets an offset twice. */
  #inSession = false;
  #readBuffer = new Uint8Array(READ_BYTES);
  readonly #content = new Uint8Array(FRAME_BYTES_MAX);

  /** A new, empty log. @throws what the operating system says, also when `path` is there */
  static create(path: string, key: Uint8Array | undefined): FileLog {
    const fileId = new Uint8Array(randomBytes(32));
    const fileKey = key === undefined ? undefined : newFileKey(fileId, key);
    const bytes = encodeFileHeader(fileId, fileKey);
    const file = Deno.openSync(path, { write: true, createNew: true, mode: 0o600 });
    writeAll(file, bytes);
    return new FileLog(path, decodeFileHeader(bytes), fileKey, file);
  }

  /**
   * An existing one, of which nothing has been read but the header.
   * @throws MessengerError `store/wrong-key` and what `decodeFileHeader` says
   */
  static open(path: string, key: Uint8Array | undefined, mode: "read" | "write"): FileLog {
    const file = Deno.openSync(
      path,
      mode === "read" ? { read: true } : { read: true, write: true },
    );
    try {
      const bytes = new Uint8Array(FILE_HEADER_BYTES);
      const length = file.readSync(bytes) ?? 0;
      const header = decodeFileHeader(bytes.subarray(0, length));
      return new FileLog(path, header, deriveFileKey(header, key), file);
    } catch (error) {
      file.close();
      throw error;
    }
  }

  private constructor(
    path: string,
    header: FileHeader,
    fileKey: Uint8Array | undefined,
    file: Deno.FsFile,
  ) {
    this.path = path;
    this.header = header;
    this.#fileKey = fileKey;
    this.#file = file;
    this.#descriptor = openDescriptor(path, "r");
  }

  get end(): LogEnd {
    return this.#end;
  }

  /** Whether this opening has appended anything. */
  get isAppended(): boolean {
    return this.#inSession;
  }

  get bytes(): number {
    return this.#file.statSync().size;
  }

  /** Frames go behind `end` from now on; what the file has there is cut off. */
  continueAt(end: LogEnd): void {
    this.#end = end;
    this.#inSession = false;
    this.#file.truncateSync(end.offset);
    this.#file.seekSync(end.offset, Deno.SeekMode.Start);
  }

  /**
   * Writes a batch, without making it durable.
   * @returns the place of each write, in order; deletes have places, too
   * @throws what the operating system says; then nothing of the batch is there, unless it isn't a
   *   `MessengerError` and the file's end is unknown
   */
  append(writes: readonly Write[]): EntryPlace[] {
    const frames: Uint8Array[] = [];
    let { offset, batch } = this.#startSession(frames);
    batch++;
    const places: EntryPlace[] = [];
    let length = 0;
    const flush = (kind: FrameKind): void => {
      const content = this.#content.subarray(0, length);
      const sessionKey = this.#sessions.at(-1)?.key;
      frames.push(
        encodeFrame(kind, batch, content, { fileId: this.header.fileId, offset, sessionKey }),
      );
      offset += (frames.at(-1) as Uint8Array).length;
      length = 0;
    };
    for (const [key, value] of writes) {
      const bytes = ENTRY_HEADER_BYTES + key.length + (value?.length ?? 0);
      if (length > 0 && length + bytes > FRAME_BYTES_TARGET) flush("part");
      places.push(offset * STARTS_IN_FRAME + length);
      length = encodeEntry(this.#content, length, key, value);
    }
    flush("last");
    this.#write(frames, { offset, batch });
    return places;
  }

  /** Writes a frame that is a batch of its own. */
  appendMark(
    kind: "closed" | "compacted" | "key-file",
    content: Uint8Array = new Uint8Array(0),
  ): void {
    const frames: Uint8Array[] = [];
    const { offset, batch } = this.#startSession(frames);
    const place = { fileId: this.header.fileId, offset, sessionKey: undefined };
    const frame = encodeFrame(kind, batch + 1, content, place);
    this.#write([...frames, frame], { offset: offset + frame.length, batch: batch + 1 });
  }

  /** Resolves when all that was appended is on the disk; other work goes on meanwhile. */
  sync(): Promise<void> {
    return this.#file.syncData();
  }

  syncSync(): void {
    this.#file.syncDataSync();
  }

  /** Takes note of a session that stands in the file. */
  addSession(offset: number, content: Uint8Array): void {
    const key = this.#fileKey && deriveSessionKey(this.#fileKey, content);
    this.#sessions.push({ from: offset, key });
  }

  sessionKeyAt(offset: number): Uint8Array | undefined {
    let low = 0;
    let high = this.#sessions.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#sessions[middle] as Session).from <= offset) low = middle + 1;
      else high = middle;
    }
    return this.#sessions[low - 1]?.key;
  }

  /**
   * @returns the content of the frame, which the next read may overwrite
   * @throws MessengerError `store/corrupt`, naming the offset
   */
  readFrame(offset: number): Uint8Array {
    let frame = this.readBytes(offset, READ_BYTES);
    const place = { fileId: this.header.fileId, offset, sessionKey: this.sessionKeyAt(offset) };
    const header = decodeFrameHeader(frame, place);
    const bytes = FRAME_HEADER_BYTES + (header?.bodyBytes ?? 0);
    if (bytes > frame.length) frame = this.readBytes(offset, bytes);
    const content = header && openFrame(header, frame, place);
    if (content === undefined) throw corruptAt(offset);
    return content;
  }

  /** Bytes at `offset`, fewer at the file's end; the next read overwrites them. */
  readBytes(offset: number, length: number): Uint8Array {
    if (this.#readBuffer.length < length) this.#readBuffer = new Uint8Array(length);
    let filled = 0;
    while (filled < length) {
      const buffer = this.#readBuffer;
      const count = readSync(this.#descriptor, buffer, filled, length - filled, offset + filled);
      if (count === 0) break;
      filled += count;
    }
    return this.#readBuffer.subarray(0, filled);
  }

  close(): void {
    this.#file.close();
    closeDescriptor(this.#descriptor);
  }

  #startSession(frames: Uint8Array[]): LogEnd {
    if (this.#inSession) return this.#end;
    const { offset, batch } = this.#end;
    const content = new Uint8Array(randomBytes(SESSION_BYTES));
    const place = { fileId: this.header.fileId, offset, sessionKey: undefined };
    const frame = encodeFrame("session", batch + 1, content, place);
    this.addSession(offset, content);
    frames.push(frame);
    return { offset: offset + frame.length, batch: batch + 1 };
  }

  #write(frames: readonly Uint8Array[], end: LogEnd): void {
    try {
      if (end.offset > FILE_LOG_BYTES_MAX) {
        throw new MessengerError("store/disk-full", "Cannot append: the log is at its limit");
      }
      writeAll(this.#file, concatenated(frames, end.offset - this.#end.offset));
    } catch (error) {
      // Cut before the next key: what was half written must not be taken for a torn tail later.
      if (!this.#inSession) this.#sessions.pop();
      this.continueAt(this.#end);
      throw error;
    }
    this.#inSession = true;
    this.#end = end;
  }
}

export function frameOf(place: EntryPlace): number {
  return Math.floor(place / STARTS_IN_FRAME);
}

/** @throws MessengerError `store/corrupt` */
export function valueAt(content: Uint8Array, place: EntryPlace): Uint8Array {
  const entry = decodeEntry(content, place % STARTS_IN_FRAME);
  if (entry?.value === undefined) throw corruptAt(frameOf(place));
  return entry.value;
}

export function placeOf(frameOffset: number, start: number): EntryPlace {
  assert(start < STARTS_IN_FRAME, "entries begin near the beginning of a frame");
  return frameOffset * STARTS_IN_FRAME + start;
}

export function corruptAt(offset: number): MessengerError {
  return new MessengerError("store/corrupt", `Cannot read file log: damaged at byte ${offset}`);
}

function concatenated(frames: readonly Uint8Array[], length: number): Uint8Array {
  if (frames.length === 1) return frames[0] as Uint8Array;
  const bytes = new Uint8Array(length);
  let offset = 0;
  for (const frame of frames) {
    bytes.set(frame, offset);
    offset += frame.length;
  }
  return bytes;
}

function writeAll(file: Deno.FsFile, bytes: Uint8Array): void {
  let written = 0;
  while (written < bytes.length) written += file.writeSync(bytes.subarray(written));
}
