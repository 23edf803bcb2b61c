import {
  decodeEntry,
  decodeFrameHeader,
  entryEnd,
  FILE_HEADER_BYTES,
  FRAME_BYTES_MAX,
  FRAME_HEADER_BYTES,
  type FrameEntry,
  type FrameHeader,
  openFrame,
} from "./file-frames.ts";
import { corruptAt, type FileLog, type LogEnd, placeOf } from "./file-log.ts";

/** One entry as it stands in the log; `value` is good until `batchEnds` has ended. */
export interface LogEntry {
  readonly key: Uint8Array;
  readonly value: Uint8Array | undefined;
  readonly place: number;
}

/** What a log says when it is read from its beginning. */
export interface LogVisitor {
  /** The entries of one frame; they count when `batchEnds` follows. */
  entries(entries: readonly LogEntry[]): void;
  batchEnds(): void | Promise<void>;
  /** A frame that holds no entries. */
  mark?(kind: FrameHeader["kind"], content: Uint8Array): void;
}

export interface Recovery {
  /** Behind the last whole batch. */
  readonly end: LogEnd;
  /** Behind the last `compacted` mark, or the header. */
  readonly compactedEnd: number;
  /** Bytes behind `end`: a batch that was on its way, and never acknowledged. */
  readonly tornBytes: number;
  readonly closed: boolean;
}

/** Bytes that are read at once. */
const BLOCK_BYTES = 4_194_304;

/**
 * Reads the whole log, in steps that let other work go on. Changes nothing.
 *
 * A batch is begun only when the one before it is durable. So damage is a torn tail only if no frame
 * of a later batch is behind it; otherwise something durable was destroyed, and that is an error.
 * (Damage inside the very last batch looks like a torn one, unless the log was closed in order.)
 *
 * @throws MessengerError `store/corrupt`, naming the offset
 */
export async function readLog(log: FileLog, visitor: LogVisitor): Promise<Recovery> {
  const size = log.bytes;
  const fileId = log.header.fileId;
  let end: LogEnd = { offset: FILE_HEADER_BYTES, batch: 0 };
  let compactedEnd = FILE_HEADER_BYTES;
  let closed = false;
  let offset = FILE_HEADER_BYTES;
  let block = new Uint8Array(0);
  let blockFrom = 0;
  while (offset < size) {
    if (offset + FRAME_HEADER_BYTES + FRAME_BYTES_MAX > blockFrom + block.length) {
      if (blockFrom + block.length < size) {
        block = log.readBytes(offset, BLOCK_BYTES).slice();
        blockFrom = offset;
        await new Promise((resolve) => setTimeout(resolve, 0));
      }
    }
    const frame = block.subarray(offset - blockFrom);
    const header = decodeFrameHeader(frame, { fileId, offset });
    const place = { fileId, offset, sessionKey: log.sessionKeyAt(offset) };
    const content = header && openFrame(header, frame, place);
    if (header === undefined || content === undefined || header.batch !== end.batch + 1) {
      const later = findFrameBehind(log, offset, end.batch + 1);
      if (later === undefined) break;
      throw corruptAt(offset);
    }
    closed = header.kind === "closed";
    const frameEnd = offset + FRAME_HEADER_BYTES + header.bodyBytes;
    switch (header.kind) {
      case "part":
      case "last": {
        visitor.entries(entriesOf(content, offset));
        if (header.kind === "last") await visitor.batchEnds();
        break;
      }
      case "session":
        log.addSession(offset, content);
        break;
      default:
        visitor.mark?.(header.kind, content);
        if (header.kind === "compacted") compactedEnd = frameEnd;
    }
    offset = frameEnd;
    if (header.kind !== "part") end = { offset, batch: header.batch };
  }
  return { end, compactedEnd, tornBytes: size - end.offset, closed };
}

/** @throws MessengerError `store/corrupt` */
export function entriesOf(content: Uint8Array, offset: number): LogEntry[] {
  const entries: LogEntry[] = [];
  let start = 0;
  while (start < content.length) {
    const entry: FrameEntry | undefined = decodeEntry(content, start);
    if (entry === undefined) throw corruptAt(offset);
    entries.push({ key: entry.key, value: entry.value, place: placeOf(offset, start) });
    start = entryEnd(entry);
  }
  return entries;
}

/**
 * The next frame behind `offset` whose batch is above `batch`, wherever it begins.
 * @returns its offset
 */
export function findFrameBehind(log: FileLog, offset: number, batch: number): number | undefined {
  const fileId = log.header.fileId;
  const size = log.bytes;
  for (let from = offset + 1; from < size; from += BLOCK_BYTES) {
    const block = log.readBytes(from, BLOCK_BYTES + FRAME_HEADER_BYTES);
    const last = Math.min(BLOCK_BYTES, block.length - FRAME_HEADER_BYTES + 1);
    for (let at = 0; at < last; at++) {
      // A frame's header has its kind, then three zeros: most offsets end here.
      if (block[at + 5] !== 0 || block[at + 6] !== 0 || block[at + 7] !== 0) continue;
      const header = decodeFrameHeader(block.subarray(at), { fileId, offset: from + at });
      if (header !== undefined && header.batch > batch) return from + at;
    }
  }
  return undefined;
}
