import { MessengerError } from "@qpq/ports";
import {
  decodeFrameHeader,
  FILE_HEADER_BYTES,
  FRAME_HEADER_BYTES,
  openFrame,
} from "./file-frames.ts";
import { FileLog } from "./file-log.ts";
import { entriesOf, findFrameBehind } from "./file-recovery.ts";
import { keyText } from "./sorted-map.ts";
import type { Write } from "./store-engine.ts";
import { fileError, fileExists, lockStore } from "./store-lock.ts";

export interface SalvageReport {
  /** Frames that checked out and were copied. */
  readonly framesCopied: number;
  /** Bytes that did not, each from its first to behind its last; an unfinished batch at the end, too. */
  readonly lost: readonly { readonly from: number; readonly to: number }[];
}

/**
 * Copies every frame that checks out from a damaged file log to a new one, in order:
 * `qpq-server salvage`. A transaction that the damage cut through is copied in part, so what is
 * copied may miss what belongs together: look at `lost`. Changes nothing in `from`.
 *
 * @throws MessengerError `store/exists`: of `to`; `store/in-use`; `store/wrong-key`,
 *   `store/not-a-store`, `store/newer-format`, `store/corrupt` when not even the header is whole
 */
export function salvageFileStore(
  from: string,
  to: string,
  key: Uint8Array | undefined,
): SalvageReport {
  if (!fileExists(from)) {
    throw new MessengerError("store/missing", "Cannot salvage: no log is there");
  }
  if (fileExists(to)) {
    throw new MessengerError("store/exists", "Cannot salvage: the target is there");
  }
  const lock = lockStore(from);
  try {
    const source = FileLog.open(from, key, "read");
    try {
      const target = FileLog.create(to, key);
      try {
        return copyReadable(source, target);
      } finally {
        target.close();
      }
    } finally {
      source.close();
    }
  } catch (cause) {
    throw fileError("Cannot salvage", cause);
  } finally {
    lock.release();
  }
}

function copyReadable(source: FileLog, target: FileLog): SalvageReport {
  const size = source.bytes;
  const fileId = source.header.fileId;
  const lost: { from: number; to: number }[] = [];
  let framesCopied = 0;
  let offset = FILE_HEADER_BYTES;
  /** Of the batch that has begun: it counts when it ends, or when something is behind it. */
  let begun: Write[][] = [];
  let begunAt = offset;
  const copyBegun = (): void => {
    for (const writes of begun) target.append(writes);
    framesCopied += begun.length;
    begun = [];
  };
  while (offset < size) {
    const head = source.readBytes(offset, FRAME_HEADER_BYTES);
    const header = decodeFrameHeader(head, { fileId, offset });
    const place = { fileId, offset, sessionKey: source.sessionKeyAt(offset) };
    const bytes = FRAME_HEADER_BYTES + (header?.bodyBytes ?? 0);
    const content = header && openFrame(header, source.readBytes(offset, bytes), place);
    if (header === undefined || content === undefined) {
      const next = findFrameBehind(source, offset, 0);
      lost.push({ from: offset, to: next ?? size });
      if (next !== undefined) copyBegun();
      offset = next ?? size;
      continue;
    }
    if (header.kind === "session") source.addSession(offset, content);
    if (header.kind === "part" || header.kind === "last") {
      if (begun.length === 0) begunAt = offset;
      begun.push(
        entriesOf(content, offset).map(({ key, value }): Write => [
          keyText(key),
          value === undefined ? undefined : new Uint8Array(value),
        ]),
      );
    }
    if (header.kind !== "part") copyBegun();
    offset += bytes;
  }
  // A batch without its end and with nothing behind it was on its way, and never acknowledged.
  if (begun.length > 0) lost.unshift({ from: begunAt, to: size });
  target.appendMark("closed");
  target.syncSync();
  return { framesCopied, lost: lost.sort((left, right) => left.from - right.from) };
}
