import { SqliteThread } from "./sqlite-thread.ts";

/** Writes from which what the write-ahead log holds is moved to its place. */
const CHECKPOINT_WRITES = 1_000;

/**
 * Checkpoints of a database that is being written: in a thread of their own, so that no commit waits
 * for one (some 20 ms each). The thread is started when it is needed first. Without it, or when it
 * can't keep up, the writer does the same for itself, later (`AUTOCHECKPOINT_PAGES`).
 */
export class SqliteCheckpoints {
  readonly #database: { path: string; key?: Uint8Array; nativeBinding?: string };
  #writes = 0;
  #thread: SqliteThread | undefined;
  #running: Promise<void> | undefined;
  #isOver = false;

  /** @param database its key is wiped by its owner, after `close` */
  constructor(database: { path: string; key?: Uint8Array; nativeBinding?: string }) {
    this.#database = database;
  }

  /** To be told after each commit. */
  wrote(count: number): void {
    this.#writes += count;
    if (this.#writes < CHECKPOINT_WRITES || this.#isOver) return;
    this.#running ??= this.#run();
  }

  async close(): Promise<void> {
    this.#isOver = true;
    await this.#running;
    const thread = this.#thread;
    this.#thread = undefined;
    if (thread === undefined) return;
    await thread.ask({ kind: "close" }).catch(() => {});
    thread.terminate();
  }

  async #run(): Promise<void> {
    try {
      this.#thread ??= await this.#open();
      while (this.#writes >= CHECKPOINT_WRITES && !this.#isOver) {
        this.#writes = 0;
        await this.#thread.ask({ kind: "checkpoint" });
      }
    } catch {
      // Nothing is lost: what can't move stays in the log, and the writer will find out why.
      this.#isOver = true;
    }
    this.#running = undefined;
  }

  async #open(): Promise<SqliteThread> {
    const thread = new SqliteThread();
    const { path, key, nativeBinding } = this.#database;
    try {
      await thread.ask({ kind: "open-checkpoints", path, key: key?.slice(), nativeBinding });
      return thread;
    } catch (error) {
      thread.terminate();
      throw error;
    }
  }
}
