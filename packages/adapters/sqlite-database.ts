import Database from "better-sqlite3-multiple-ciphers";
import { Buffer } from "node:buffer";
import { MessengerError } from "@qpq/ports";

/** "qpq" and 1: this file is one of ours. */
export const APPLICATION_ID = 0x71707101;
/** Of the tables; newer ones are refused. */
export const SQLITE_FORMAT_VERSION = 1;
/** Milliseconds that one thread waits for the other's short locks. */
export const BUSY_TIMEOUT_MS = 5_000;

/**
 * Pages of the write-ahead log at which the writer itself begins it anew, after moving what the
 * checkpoints beside it have left: 32 MiB. Writing over a file takes a sixth of the time of making it
 * longer, so it is kept short.
 */
const AUTOCHECKPOINT_PAGES = 8_000;

export interface DatabaseOptions {
  readonly path: string;
  readonly key: Uint8Array | undefined;
  readonly nativeBinding: string | undefined;
  readonly mode: "create" | "write" | "read";
}

/** A connection with the right cipher, and with every setting that durability stands on. */
export function openDatabase(options: DatabaseOptions): Database.Database {
  const { path, key, nativeBinding, mode } = options;
  const database = new Database(path, {
    readonly: mode === "read",
    fileMustExist: mode !== "create",
    timeout: BUSY_TIMEOUT_MS,
    ...(nativeBinding === undefined ? {} : { nativeBinding }),
  });
  try {
    if (key !== undefined) {
      // A raw key in SQLCipher's syntax, in a buffer that can be wiped, unlike a string.
      const literal = Buffer.from(`x'${Buffer.from(key).toString("hex")}'`);
      database.pragma("cipher='sqlcipher'");
      database.pragma("legacy=4");
      database.key(literal);
      literal.fill(0);
    }
    if (mode === "read") return database;
    database.pragma("journal_mode=WAL");
    database.pragma("synchronous=FULL");
    database.pragma("secure_delete=ON");
    database.pragma(`wal_autocheckpoint=${AUTOCHECKPOINT_PAGES}`);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/**
 * Makes a database that is complete: table, marks, everything in the main file.
 * @param options.path must not exist
 */
export function createDatabase(options: DatabaseOptions): void {
  const database = openDatabase(options);
  try {
    database.exec("create table kv(key blob primary key, value blob not null)");
    database.pragma(`application_id=${APPLICATION_ID}`);
    database.pragma(`user_version=${SQLITE_FORMAT_VERSION}`);
    database.pragma("wal_checkpoint(TRUNCATE)");
  } finally {
    database.close();
  }
}

/** @throws MessengerError `store/not-a-store`, `store/newer-format` */
export function checkMarks(database: Database.Database): void {
  if (database.pragma("application_id", { simple: true }) !== APPLICATION_ID) {
    throw new MessengerError("store/not-a-store", "Cannot open database: it is of another program");
  }
  const version = database.pragma("user_version", { simple: true });
  if (version !== SQLITE_FORMAT_VERSION) {
    throw new MessengerError("store/newer-format", `Cannot open database: format ${version}`);
  }
}

/** What SQLite refused, with the code that says it. */
export function databaseError(action: string, cause: unknown): MessengerError {
  if (cause instanceof MessengerError) return cause;
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "unknown";
  const known = SQLITE_CODES.find(([prefix]) => code.startsWith(prefix))?.[1] ?? "store/io";
  const reason = known === "store/disk-full" ? `no space is left on the disk (${code})` : code;
  return new MessengerError(known, `${action}: ${reason}`, { cause });
}

/** The same before anything is written: then the index of the log finds no room on a full disk, too. */
export function openingError(cause: unknown): MessengerError {
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  const isFull = code === "SQLITE_IOERR_SHMSIZE";
  return isFull
    ? new MessengerError(
      "store/disk-full",
      `Cannot open database: no space is left on the disk (${code})`,
      { cause },
    )
    : databaseError("Cannot open database", cause);
}

const SQLITE_CODES = [
  ["SQLITE_FULL", "store/disk-full"],
  ["SQLITE_READONLY", "store/read-only"],
  ["SQLITE_PERM", "store/read-only"],
  ["SQLITE_CORRUPT", "store/corrupt"],
  // Behind a key that was found right: a page that fails its HMAC.
  ["SQLITE_NOTADB", "store/corrupt"],
  ["SQLITE_IOERR_DATA", "store/corrupt"],
] as const;
