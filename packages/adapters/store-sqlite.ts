import type Database from "better-sqlite3-multiple-ciphers";
import { dirname } from "node:path";
import { assert, type Log, MessengerError } from "@qpq/ports";
import {
  checkMarks,
  createDatabase,
  databaseError,
  openDatabase,
  openingError,
} from "./sqlite-database.ts";
import { databaseKind } from "./sqlite-pages.ts";
import {
  fileError,
  fileExists,
  lockStore,
  removeFile,
  type StoreLock,
  syncFolder,
} from "./store-lock.ts";
import { keyBytes, type KeySpan, keyText } from "./sorted-map.ts";
import type { StoreEngine, Write } from "./store-engine.ts";
import { openLane } from "./store-lane.ts";
import { type BackupSummary, type DurableStore, withBackup } from "./store-durable.ts";
import { SqliteCheckpoints } from "./sqlite-checkpoints.ts";
import { SqliteThread } from "./sqlite-thread.ts";
import { ValueCache } from "./value-cache.ts";

const TRUNCATE_INTERVAL_MS = 30_000;
const TRUNCATE_INTERVAL_MS_MAX = 60_000;

/** Bytes of a database key. */
export const STORE_KEY_BYTES = 32;

export interface SqliteStoreOptions {
  /** Of the database; `-wal`, `-shm` and `.lock` stand beside it. Its folder must exist. */
  readonly path: string;
  /** 32 bytes; left out: not encrypted. Copied; the caller wipes its own. */
  readonly key?: Uint8Array;
  /** Makes an empty store where there is none. Default: `store/missing`. */
  readonly create?: boolean;
  /** The addon's file, so that a program may be let near no other; default: the package's own choice. */
  readonly nativeBinding?: string;
  /**
   * Milliseconds after a commit in which what it deleted leaves the write-ahead log, too; default
   * 30,000, at most 60,000.
   */
  readonly truncateIntervalMs?: number;
  /** The key file that a backup takes along. */
  readonly keyFile?: string;
  readonly log?: Log;
}

/**
 * The store over one SQLite file, in SQLCipher 4's format when it has a key. Reads are answered on
 * this thread; a worker writes and waits for the disk, another one moves what was written from the
 * write-ahead log to its place.
 *
 * Nothing is made, changed or recovered before the key is known to be right.
 *
 * @throws MessengerError `store/missing`, `store/wrong-key` (or a file of noise), `store/not-a-store`,
 *   `store/newer-format`, `store/in-use`, `store/read-only`, `store/disk-full`, `store/corrupt`,
 *   `store/io`
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<DurableStore> {
  const { path, key } = options;
  assert(key === undefined || key.length === STORE_KEY_BYTES, "a database key has 32 bytes");
  let kind = databaseKindOf(path, key);
  if (kind === "missing" && options.create !== true) throw missing();
  const lock = lockStore(path);
  try {
    kind = databaseKindOf(path, key);
    if (kind === "missing") createAtOnce(options);
    else if (kind === "foreign") {
      throw new MessengerError("store/not-a-store", "Cannot open database: the file is none");
    } else if (kind === "other-key" || (kind === "plain") !== (key === undefined)) {
      throw new MessengerError(
        "store/wrong-key",
        kind === "plain"
          ? "Cannot open database: it is not encrypted"
          : "Cannot open database: it is encrypted under another key, or is no database",
      );
    }
    const engine = await SqliteEngine.open(options, lock);
    return withBackup(openLane(engine, options), (file) => engine.backup(file));
  } catch (error) {
    lock.release();
    throw openingError(error);
  }
}

function databaseKindOf(
  path: string,
  key: Uint8Array | undefined,
): ReturnType<typeof databaseKind> {
  try {
    return databaseKind(path, key);
  } catch (cause) {
    throw fileError("Cannot open database", cause);
  }
}

function missing(): MessengerError {
  return new MessengerError("store/missing", "Cannot open database: it is not there");
}

/** Under another name first: a database is there whole or not at all. */
function createAtOnce(options: SqliteStoreOptions): void {
  const path = `${options.path}.new`;
  for (const suffix of ["", "-wal", "-shm", "-journal"]) removeFile(path + suffix);
  // A log without its database belongs to nothing, but SQLite would take it for the new one's.
  for (const suffix of ["-wal", "-shm"]) {
    if (fileExists(options.path + suffix)) {
      throw new MessengerError("store/missing", "Cannot open database: only its log is there");
    }
  }
  try {
    Deno.openSync(path, { write: true, createNew: true, mode: 0o600 }).close();
    createDatabase({
      path,
      key: options.key,
      nativeBinding: options.nativeBinding,
      mode: "create",
    });
    Deno.renameSync(path, options.path);
    syncFolder(dirname(options.path));
  } catch (cause) {
    throw cause instanceof Error && "code" in cause && String(cause.code).startsWith("SQLITE")
      ? databaseError("Cannot create database", cause)
      : fileError("Cannot create database", cause);
  }
}

class SqliteEngine implements StoreEngine {
  readonly #reader: Database.Database;
  readonly #get: Database.Statement;
  readonly #scans = new Map<string, Database.Statement>();
  readonly #begin: Database.Statement;
  readonly #end: Database.Statement;
  readonly #settle: Database.Statement;
  readonly #writer: SqliteThread;
  readonly #checkpoints: SqliteCheckpoints;
  readonly #lock: StoreLock;
  readonly #options: SqliteStoreOptions;
  readonly #backups = new Set<Promise<unknown>>();
  readonly #cache = new ValueCache();
  /** Keys of the batch on its way: of these only the database knows what is durable. */
  #onTheWay: ReadonlySet<string> | undefined;
  #reading = false;
  #inTransaction = false;
  #ended = false;

  static async open(options: SqliteStoreOptions, lock: StoreLock): Promise<SqliteEngine> {
    const { path, key, nativeBinding, truncateIntervalMs = TRUNCATE_INTERVAL_MS } = options;
    assert(truncateIntervalMs <= TRUNCATE_INTERVAL_MS_MAX, "the log is cut every minute");
    const writer = new SqliteThread();
    try {
      const request = { path, key: key?.slice(), nativeBinding, truncateIntervalMs };
      await writer.ask({ kind: "open", ...request });
      const reader = openDatabase({ path, key, nativeBinding, mode: "read" });
      try {
        checkMarks(reader);
        return new SqliteEngine(reader, writer, lock, {
          ...options,
          ...(key && { key: key.slice() }),
        });
      } catch (error) {
        reader.close();
        throw error;
      }
    } catch (error) {
      writer.terminate();
      throw error;
    }
  }

  private constructor(
    reader: Database.Database,
    writer: SqliteThread,
    lock: StoreLock,
    options: SqliteStoreOptions,
  ) {
    this.#options = options;
    this.#reader = reader;
    this.#writer = writer;
    const { truncateIntervalMs = TRUNCATE_INTERVAL_MS } = options;
    this.#checkpoints = new SqliteCheckpoints({ ...options, truncateIntervalMs });
    this.#lock = lock;
    this.#get = reader.prepare("select value from kv where key = ?").pluck();
    this.#begin = reader.prepare("begin");
    this.#end = reader.prepare("commit");
    this.#settle = reader.prepare("select count(*) from (select 1 from kv limit 1)").pluck();
  }

  beginReads(): void {
    this.#reading = true;
  }

  endReads(): void {
    this.#reading = false;
    if (!this.#inTransaction) return;
    this.#inTransaction = false;
    try {
      this.#end.run();
    } catch {
      // A damaged page, which the read that met it has reported; SQLite may have ended it by itself.
      if (this.#reader.inTransaction) this.#reader.exec("rollback");
    }
  }

  get(key: string): Uint8Array | undefined {
    const known = this.#onTheWay?.has(key) === true ? undefined : this.#cache.get(key);
    if (known !== undefined) return new Uint8Array(known);
    this.#beginTransaction();
    let value: Uint8Array | undefined;
    try {
      value = plain(this.#get.get(keyBytes(key)) as Uint8Array | undefined);
    } catch (cause) {
      throw databaseError("Cannot read", cause);
    }
    if (value !== undefined && this.#onTheWay?.has(key) !== true) {
      this.#cache.set(key, new Uint8Array(value));
    }
    return value;
  }

  *scan(span: KeySpan): Generator<readonly [string, Uint8Array]> {
    this.#beginTransaction();
    const bounds = span.to === undefined ? [span.from] : [span.from, span.to];
    const statement = this.#scanOf(span);
    try {
      for (const row of statement.iterate(...bounds.map(keyBytes))) {
        const [key, value] = row as [Uint8Array, Uint8Array];
        yield [keyText(key), plain(value) as Uint8Array];
      }
    } catch (cause) {
      throw databaseError("Cannot read", cause);
    }
  }

  async commit(writes: readonly Write[]): Promise<() => void> {
    // Reads that began before this batch must not see it, on whichever side of its commit they are.
    if (this.#reading && !this.#inTransaction) {
      this.#beginTransaction();
      this.#settle.get();
    }
    this.#onTheWay = new Set(writes.map(([key]) => key));
    const [moving, staying]: [Write[], Write[]] = [[], []];
    for (const write of writes) {
      (this.#cache.takeChanged(write[0]) ? moving : staying).push(write);
    }
    const buffer = encodeWrites([...moving, ...staying]);
    try {
      await this.#writer.ask({ kind: "commit", movingCount: moving.length, writes: buffer }, [
        buffer,
      ]);
    } catch (error) {
      this.#onTheWay = undefined;
      throw error;
    }
    this.#checkpoints.wrote(writes.length);
    return () => {
      this.#onTheWay = undefined;
      for (const [key, value] of writes) this.#cache.replace(key, value);
    };
  }

  /** A copy of everything at one moment while transactions go on; never a half-written `file`. */
  async backup(file: string): Promise<BackupSummary> {
    if (this.#ended) {
      throw new MessengerError("store/closed", "Cannot back up: the store is closed");
    }
    const written = this.#writeBackup(file);
    this.#backups.add(written);
    try {
      return await written;
    } finally {
      this.#backups.delete(written);
    }
  }

  async #writeBackup(file: string): Promise<BackupSummary> {
    if (fileExists(file)) {
      throw new MessengerError("store/exists", "Cannot back up: the file is there already");
    }
    const { path, key, nativeBinding, keyFile } = this.#options;
    const part = `${file}.part`;
    removeFile(part);
    const thread = new SqliteThread();
    try {
      const reply = await thread.ask({
        kind: "backup",
        path,
        key: key?.slice(),
        nativeBinding,
        file: part,
        keyFile: keyFile === undefined ? undefined : Deno.readFileSync(keyFile),
      });
      assert(reply.backup !== undefined, "a backup is answered with its summary");
      Deno.renameSync(part, file);
      syncFolder(dirname(file));
      return reply.backup;
    } catch (cause) {
      removeFile(part);
      throw fileError("Cannot back up", cause);
    } finally {
      thread.terminate();
    }
  }

  async close(): Promise<void> {
    this.#ended = true;
    await Promise.allSettled(this.#backups);
    await this.#checkpoints.close();
    this.#reader.close();
    try {
      await this.#writer.ask({ kind: "close" });
    } finally {
      this.#writer.terminate();
      this.#cache.clear();
      this.#options.key?.fill(0);
      this.#lock.release();
    }
  }

  #beginTransaction(): void {
    if (this.#inTransaction) return;
    assert(this.#reading, "the lane opens reads before it reads");
    this.#begin.run();
    this.#inTransaction = true;
  }

  #scanOf(span: KeySpan): Database.Statement {
    const condition = span.to === undefined ? "key >= ?" : "key >= ? and key < ?";
    const sql = `select key, value from kv where ${condition} order by key ${
      span.reverse ? "desc" : "asc"
    }`;
    let statement = this.#scans.get(sql);
    if (statement === undefined) {
      statement = this.#reader.prepare(sql).raw();
      this.#scans.set(sql, statement);
    }
    return statement;
  }
}

function encodeWrites(writes: readonly Write[]): ArrayBuffer {
  let length = 0;
  for (const [key, value] of writes) length += 6 + key.length + (value?.length ?? 0);
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  let offset = 0;
  for (const [key, value] of writes) {
    view.setUint16(offset, key.length);
    view.setUint32(offset + 2, value?.length ?? 0xffff_ffff);
    offset += 6;
    for (let index = 0; index < key.length; index++) bytes[offset++] = key.charCodeAt(index);
    if (value !== undefined) {
      bytes.set(value, offset);
      offset += value.length;
    }
  }
  return bytes.buffer;
}

/** The same bytes without the methods of node's buffers, of which `slice` copies nothing. */
function plain(value: Uint8Array | undefined): Uint8Array | undefined {
  if (value === undefined) return undefined;
  return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
}
