/**
 * The thread that writes the database of `store-sqlite`, or one that does its checkpoints or a backup:
 * it waits for the disk, so that the one that serves readers doesn't. It does what it is told, one
 * message after another.
 */
import type Database from "better-sqlite3-multiple-ciphers";
import type { ErrorCode, MessengerError } from "@qpq/ports";
import { type BackupRequest, writeSqliteBackup } from "./sqlite-backup.ts";
import { fileError } from "./store-lock.ts";
import type { BackupSummary } from "./store-durable.ts";
import {
  BUSY_TIMEOUT_MS,
  checkMarks,
  databaseError,
  openDatabase,
  openingError,
} from "./sqlite-database.ts";

/** Milliseconds until a truncation is tried again that a reader stood in the way of. */
const TRUNCATE_RETRY_MS = 1_000;

export type WriterRequest =
  | {
    readonly kind: "open";
    readonly path: string;
    readonly key: Uint8Array | undefined;
    readonly nativeBinding: string | undefined;
    /** Milliseconds from a commit to the moment at which the write-ahead log is cut. */
    readonly truncateIntervalMs: number;
  }
  /** Of a database that another thread writes. */
  | {
    readonly kind: "open-checkpoints";
    readonly path: string;
    readonly key: Uint8Array | undefined;
    readonly nativeBinding: string | undefined;
  }
  /** Moves what the write-ahead log holds to its place, as far as nobody is in the way. */
  | { readonly kind: "checkpoint" }
  | CommitRequest
  /** In a thread of its own. */
  | (BackupRequest & { readonly kind: "backup" })
  | { readonly kind: "close" };

interface CommitRequest {
  readonly kind: "commit";
  /**
   * So many of the writes, the first ones, go to rows that change again and again. These rows move to the
   * table's end: they lie in few pages there, while each may be the only one that changes in the page that
   * it was first put in.
   */
  readonly movingCount: number;
  /** One after another: key length (u16), value length or 2^32 - 1 for a delete (u32), both. */
  readonly writes: ArrayBuffer;
}

export type WriterReply =
  | { readonly kind: "done"; readonly backup?: BackupSummary }
  /** Nothing was written. */
  | { readonly kind: "refused"; readonly code: ErrorCode; readonly message: string }
  /** Whatever it was, some of it may have happened. */
  | { readonly kind: "failed"; readonly code: ErrorCode; readonly message: string };

interface Writer {
  readonly database: Database.Database;
  readonly put: Database.Statement;
  readonly remove: Database.Statement;
  readonly begin: Database.Statement;
  readonly commit: Database.Statement;
  readonly truncateIntervalMs: number;
}

const DELETED = 0xffff_ffff;

// The worker's own global; the library that types it isn't loaded beside the main thread's.
const port = globalThis as unknown as {
  onmessage: (event: MessageEvent<WriterRequest>) => void;
  postMessage: (reply: WriterReply) => void;
};
let writer: Writer | undefined;
let checkpoints: Database.Database | undefined;
let truncation: ReturnType<typeof setTimeout> | undefined;

port.onmessage = ({ data }) => port.postMessage(answer(data));
// Only now: what is sent to a thread that still loads its modules can get lost.
port.postMessage({ kind: "done" });

function answer(request: WriterRequest): WriterReply {
  try {
    switch (request.kind) {
      case "open":
        open(request);
        break;
      case "open-checkpoints":
        checkpoints = openDatabase({ ...request, mode: "write" });
        request.key?.fill(0);
        break;
      case "checkpoint":
        checkpoints?.pragma("wal_checkpoint(PASSIVE)");
        break;
      case "commit":
        return commit(request);
      case "backup":
        return { kind: "done", backup: writeSqliteBackup(request) };
      case "close":
        clearTimeout(truncation);
        truncate();
        writer?.database.close();
        checkpoints?.close();
        writer = checkpoints = undefined;
    }
    return { kind: "done" };
  } catch (cause) {
    const { code, message } = failure(request.kind, cause);
    return { kind: isOpening(request.kind) ? "refused" : "failed", code, message };
  }
}

/** Before any commit: nothing is written by it. */
function isOpening(kind: WriterRequest["kind"]): boolean {
  return kind === "open" || kind === "open-checkpoints";
}

function failure(kind: WriterRequest["kind"], cause: unknown): MessengerError {
  const isDatabase = cause instanceof Error && "code" in cause &&
    String(cause.code).startsWith("SQLITE");
  if (isDatabase && isOpening(kind)) return openingError(cause);
  const action = `Cannot ${kind} database`;
  return isDatabase ? databaseError(action, cause) : fileError(action, cause);
}

function open(request: WriterRequest & { kind: "open" }): void {
  const database = openDatabase({ ...request, mode: "write" });
  request.key?.fill(0);
  try {
    checkMarks(database);
    writer = {
      database,
      put: database.prepare(
        "insert into kv values(?, ?) on conflict(key) do update set value = excluded.value",
      ),
      remove: database.prepare("delete from kv where key = ?"),
      begin: database.prepare("begin immediate"),
      commit: database.prepare("commit"),
      truncateIntervalMs: request.truncateIntervalMs,
    };
  } catch (error) {
    database.close();
    throw error;
  }
}

function commit(request: CommitRequest): WriterReply {
  if (writer === undefined) throw new Error("not open");
  const writes = new Uint8Array(request.writes);
  const { database, begin, commit, put, remove } = writer;
  try {
    begin.run();
    const view = new DataView(writes.buffer);
    let offset = 0;
    for (let index = 0; offset < writes.length; index++) {
      const keyEnd = offset + 6 + view.getUint16(offset);
      const valueLength = view.getUint32(offset + 2);
      const key = writes.subarray(offset + 6, keyEnd);
      offset = keyEnd + (valueLength === DELETED ? 0 : valueLength);
      if (valueLength === DELETED || index < request.movingCount) remove.run(key);
      if (valueLength !== DELETED) put.run(key, writes.subarray(keyEnd, offset));
    }
    commit.run();
  } catch (cause) {
    const { code, message } = databaseError("Cannot commit", cause);
    if (database.inTransaction) database.exec("rollback");
    // A log that couldn't grow holds no commit mark; any other failure may have come behind it.
    const refused = code === "store/disk-full" || code === "store/read-only";
    return { kind: refused ? "refused" : "failed", code, message };
  }
  truncation ??= setTimeout(truncateInTime, writer.truncateIntervalMs);
  return { kind: "done" };
}

function truncateInTime(): void {
  truncation = undefined;
  let done = false;
  try {
    done = truncate();
  } catch {
    // A full disk, for one: the log keeps what can't move, and the next try finds it there.
  }
  if (!done) truncation = setTimeout(truncateInTime, TRUNCATE_RETRY_MS);
}

/**
 * Doesn't wait for readers: a backup reads for minutes, and transactions would stand behind it.
 * @returns whether the log is empty now
 */
function truncate(): boolean {
  if (writer === undefined) return true;
  const { database } = writer;
  database.pragma("busy_timeout=0");
  try {
    const rows = database.pragma("wal_checkpoint(TRUNCATE)") as readonly {
      readonly busy: number;
    }[];
    return rows[0]?.busy === 0;
  } finally {
    database.pragma(`busy_timeout=${BUSY_TIMEOUT_MS}`);
  }
}
