import { dirname } from "node:path";
import { assert, type Log, MessengerError, silentLog } from "@qpq/ports";
import { type BackupSummary, type DurableStore, withBackup } from "./store-durable.ts";
import { FileLog, frameOf, valueAt } from "./file-log.ts";
import { readLog, type Recovery } from "./file-recovery.ts";
import { type KeySpan, keyText, SortedMap } from "./sorted-map.ts";
import type { StoreEngine, Write } from "./store-engine.ts";
import { openLane } from "./store-lane.ts";
import {
  fileError,
  fileExists,
  lockStore,
  removeFile,
  type StoreLock,
  syncFolder,
} from "./store-lock.ts";
import { ValueCache } from "./value-cache.ts";

/** Bytes that a log grows by before it is compacted, at least; above that, once it has doubled. */
export const COMPACTION_BYTES_MIN = 67_108_864;
/** Bytes that are copied between two turns of the event loop. */
const COPY_BYTES = 524_288;
/** Changed keys that are left for the moment in which writers wait. */
const COPY_REST_KEYS = 1_000;

export interface FileStoreOptions {
  /** Of the log; `.lock` stands beside it, and `.compact` while it is compacted. */
  readonly path: string;
  /** 32 bytes; left out: not encrypted. Copied; the caller wipes its own. */
  readonly key?: Uint8Array;
  /** Makes an empty store where there is none. Default: `store/missing`. */
  readonly create?: boolean;
  /** The key file that a backup takes along. */
  readonly keyFile?: string;
  /** Default: `COMPACTION_BYTES_MIN`. */
  readonly compactionBytesMin?: number;
  /** Hears `store-torn-tail-cut` with `bytes`, and of compactions. */
  readonly log?: Log;
}

/**
 * The store over an append-only log; all keys, and no values, are held in memory. For servers: what
 * is deleted stays in the log until it is compacted.
 *
 * @throws MessengerError `store/missing`, `store/wrong-key`, `store/not-a-store`,
 *   `store/newer-format`, `store/in-use`, `store/read-only`, `store/disk-full`, `store/io`;
 *   `store/corrupt` names the offset, and changes nothing: see `salvageFileStore`
 */
export async function openFileStore(options: FileStoreOptions): Promise<DurableStore> {
  const { path, key } = options;
  assert(key === undefined || key.length === 32, "a database key has 32 bytes");
  if (options.create !== true && !fileExists(path)) {
    throw new MessengerError("store/missing", "Cannot open file log: it is not there");
  }
  const lock = lockStore(path);
  try {
    removeFile(`${path}.compact`);
    if (!fileExists(path)) createAtOnce(path, key);
    const log = FileLog.open(path, key, "write");
    try {
      const engine = await FileEngine.open(log, lock, options);
      const store = openLane(engine, options);
      return withBackup(store, (file) => engine.backup(file));
    } catch (error) {
      log.close();
      throw error;
    }
  } catch (error) {
    lock.release();
    throw fileError("Cannot open file log", error);
  }
}

/** Under another name first: a log is there with its header or not at all. */
function createAtOnce(path: string, key: Uint8Array | undefined): void {
  removeFile(`${path}.new`);
  const log = FileLog.create(`${path}.new`, key);
  log.syncSync();
  log.close();
  Deno.renameSync(`${path}.new`, path);
  syncFolder(dirname(path));
}

class FileEngine implements StoreEngine {
  readonly #options: FileStoreOptions;
  readonly #lock: StoreLock;
  readonly #note: Log;
  readonly #key: Uint8Array | undefined;
  readonly #frames = new ValueCache();
  readonly #turn = new Turnstile();
  #log: FileLog;
  #index: SortedMap<number>;
  /** Bytes of the log at which it is compacted. */
  #compactAt: number;
  readonly #copies = new Set<Promise<unknown>>();
  #compacting = false;
  /** Keys that changed since each running copy looked. */
  readonly #changed = new Set<Set<string>>();
  #ended = false;
  #broken: unknown;

  static async open(log: FileLog, lock: StoreLock, options: FileStoreOptions): Promise<FileEngine> {
    const index = new SortedMap<number>();
    let batch: [string, number | undefined][] = [];
    const recovery = await readLog(log, {
      entries: (entries) => {
        for (const { key, value, place } of entries) {
          batch.push([keyText(key), value === undefined ? undefined : place]);
        }
      },
      batchEnds: () => {
        for (const [key, place] of batch) {
          if (place === undefined) index.delete(key);
          else index.set(key, place);
        }
        batch = [];
      },
    });
    if (recovery.tornBytes > 0) {
      options.log?.warn("store-torn-tail-cut", { bytes: recovery.tornBytes });
    }
    log.continueAt(recovery.end);
    return new FileEngine(log, lock, index, recovery, options);
  }

  private constructor(
    log: FileLog,
    lock: StoreLock,
    index: SortedMap<number>,
    recovery: Recovery,
    options: FileStoreOptions,
  ) {
    this.#log = log;
    this.#lock = lock;
    this.#index = index;
    this.#options = options;
    this.#note = options.log ?? silentLog;
    this.#key = options.key?.slice();
    this.#compactAt = this.#limitAbove(recovery.compactedEnd);
  }

  beginReads(): void {}
  endReads(): void {}

  get(key: string): Uint8Array | undefined {
    const place = this.#index.get(key);
    return place === undefined ? undefined : this.#read(place);
  }

  *scan(span: KeySpan): Generator<readonly [string, Uint8Array]> {
    for (const [key, place] of this.#index.entries(span)) yield [key, this.#read(place)];
  }

  async commit(writes: readonly Write[]): Promise<() => void> {
    const leave = await this.#turn.enter();
    try {
      if (this.#broken !== undefined) throw this.#broken;
      const places = this.#append(writes);
      await this.#log.sync();
      return () => {
        for (const [index, [key, value]] of writes.entries()) {
          if (value === undefined) this.#index.delete(key);
          else this.#index.set(key, places[index] as number);
          for (const changed of this.#changed) changed.add(key);
        }
        leave();
        if (this.#log.end.offset >= this.#compactAt) this.#compact();
      };
    } catch (error) {
      leave();
      throw error;
    }
  }

  /** A copy of everything at one moment while transactions go on; never a half-written `file`. */
  backup(file: string): Promise<BackupSummary> {
    return this.#tracked(this.#backUp(file));
  }

  async #backUp(file: string): Promise<BackupSummary> {
    if (this.#ended) {
      throw new MessengerError("store/closed", "Cannot back up: the store is closed");
    }
    if (fileExists(file)) {
      throw new MessengerError("store/exists", "Cannot back up: the file is there already");
    }
    removeFile(`${file}.part`);
    const target = FileLog.create(`${file}.part`, this.#key);
    try {
      const { keyFile } = this.#options;
      if (keyFile !== undefined) target.appendMark("key-file", Deno.readFileSync(keyFile));
      const summary = await this.#copyTo(target, async (index) => {
        target.appendMark("closed");
        return { entries: index.size, bytes: target.end.offset };
      });
      await target.sync();
      Deno.renameSync(`${file}.part`, file);
      syncFolder(dirname(file));
      return summary;
    } catch (error) {
      removeFile(`${file}.part`);
      throw fileError("Cannot back up", error);
    } finally {
      target.close();
    }
  }

  async close(): Promise<void> {
    this.#ended = true;
    await Promise.allSettled(this.#copies);
    try {
      // Not after a failure: what reached the disk is for the next opening to find out.
      if (this.#broken === undefined && this.#log.isAppended) {
        this.#log.appendMark("closed");
        this.#log.syncSync();
      }
    } finally {
      this.#log.close();
      this.#frames.clear();
      this.#key?.fill(0);
      this.#lock.release();
    }
  }

  #append(writes: readonly Write[]): number[] {
    try {
      return this.#log.append(writes);
    } catch (error) {
      throw fileError("Cannot append", error);
    }
  }

  #read(place: number): Uint8Array {
    const offset = frameOf(place);
    const name = String(offset);
    let content = this.#frames.get(name);
    if (content === undefined) {
      content = new Uint8Array(this.#log.readFrame(offset));
      this.#frames.set(name, content);
    }
    return new Uint8Array(valueAt(content, place));
  }

  #limitAbove(bytes: number): number {
    return bytes + Math.max(bytes, this.#options.compactionBytesMin ?? COMPACTION_BYTES_MIN);
  }

  #compact(): void {
    if (this.#compacting) return;
    this.#compacting = true;
    const compacted = this.#compactNow().catch((error) => {
      // Due again only after as much growth again.
      this.#compactAt = this.#limitAbove(this.#log.end.offset);
      this.#note.warn("store-compaction-failed", {
        code: error instanceof MessengerError ? error.code : "store/io",
      });
    }).finally(() => this.#compacting = false);
    void this.#tracked(compacted);
  }

  /** Closing waits for it. */
  async #tracked<Result>(copy: Promise<Result>): Promise<Result> {
    this.#copies.add(copy);
    try {
      return await copy;
    } finally {
      this.#copies.delete(copy);
    }
  }

  async #compactNow(): Promise<void> {
    const path = `${this.#options.path}.compact`;
    const before = this.#log.end.offset;
    const target = FileLog.create(path, this.#key);
    try {
      await this.#copyTo(target, async (index) => {
        target.appendMark("compacted");
        await target.sync();
        Deno.renameSync(path, this.#options.path);
        const old = this.#log;
        this.#log = target;
        this.#index = index;
        this.#frames.clear();
        old.close();
        this.#compactAt = this.#limitAbove(target.end.offset);
        try {
          syncFolder(dirname(this.#options.path));
        } catch (error) {
          // Which of both files the name will mean after a power cut is not known any more.
          this.#broken = error;
          throw error;
        }
      });
      this.#note.info("store-compacted", { before, after: target.end.offset });
    } catch (error) {
      if (this.#log !== target) {
        target.close();
        removeFile(path);
      }
      throw fileError("Cannot compact", error);
    }
  }

  /**
   * Copies what is live, bit by bit, then what changed meanwhile, and calls `finish` in a moment at
   * which `target` has it all and no writer is on its way.
   */
  async #copyTo<Result>(
    target: FileLog,
    finish: (index: SortedMap<number>) => Promise<Result>,
  ): Promise<Result> {
    const index = new SortedMap<number>();
    let changed = new Set<string>();
    this.#changed.add(changed);
    const copy = (keys: readonly string[]): void => {
      let writes: Write[] = [];
      let bytes = 0;
      const flush = (): void => {
        for (const [at, place] of target.append(writes).entries()) {
          const [key, value] = writes[at] as Write;
          if (value === undefined) index.delete(key);
          else index.set(key, place);
        }
        writes = [];
        bytes = 0;
      };
      for (const key of keys) {
        const value = this.get(key);
        writes.push([key, value]);
        bytes += key.length + (value?.length ?? 0);
        if (bytes >= COPY_BYTES) flush();
      }
      if (writes.length > 0) flush();
    };
    try {
      let from: string | undefined = "";
      while (from !== undefined) {
        const { keys, next } = this.#keysFrom(from);
        copy(keys);
        from = next;
        await target.sync();
        if (this.#ended) throw new MessengerError("store/closed", "Cannot copy: the store closes");
      }
      while (changed.size > COPY_REST_KEYS) {
        const keys = [...changed];
        this.#changed.delete(changed);
        changed = new Set();
        this.#changed.add(changed);
        for (let at = 0; at < keys.length; at += COPY_REST_KEYS) {
          copy(keys.slice(at, at + COPY_REST_KEYS));
          await target.sync();
        }
      }
      const leave = await this.#turn.enter();
      try {
        copy([...changed].sort());
        return await finish(index);
      } finally {
        leave();
      }
    } finally {
      this.#changed.delete(changed);
    }
  }

  /** Keys whose values come to about `COPY_BYTES`, and where the next ones begin. */
  #keysFrom(from: string): { readonly keys: string[]; readonly next: string | undefined } {
    const keys: string[] = [];
    let bytes = 0;
    for (const [key, value] of this.scan({ from, to: undefined, reverse: false })) {
      keys.push(key);
      bytes += key.length + value.length;
      if (bytes >= COPY_BYTES) return { keys, next: `${key}\0` };
    }
    return { keys, next: undefined };
  }
}

/** One at a time, in the order in which they came. */
class Turnstile {
  #last: Promise<void> = Promise.resolve();

  /** @returns what lets the next one in; called once */
  async enter(): Promise<() => void> {
    const before = this.#last;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#last = promise;
    await before;
    return resolve;
  }
}
