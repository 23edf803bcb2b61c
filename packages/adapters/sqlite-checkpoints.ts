import { SqliteThread } from "./sqlite-thread.ts";

/** Writes from which what the write-ahead log holds is moved to its place. */
const CHECKPOINT_WRITES = 4_000;
/** Milliseconds before the log is cut: what is left to move then would stop commits. */
const CUT_AHEAD_MS = 1_000;
/** Writes from which that is worth it. */
const CUT_AHEAD_WRITES = 100;

export interface CheckpointsOptions {
  readonly path: string;
  /** Wiped by its owner, after `close`. */
  readonly key?: Uint8Array;
  readonly nativeBinding?: string;
  /** Milliseconds from a commit to the moment at which the writer cuts the log. */
  readonly truncateIntervalMs: number;
}

/**
 * Checkpoints of a database that is being written: in a thread of their own, so that no commit waits
 * for one (some 20 ms each). The thread is started when it is needed first. Without it, or when it
 * can't keep up, the writer does the same for itself, later (`AUTOCHECKPOINT_PAGES`).
 */
export class SqliteCheckpoints {
  readonly #options: CheckpointsOptions;
  #writes = 0;
  #thread: SqliteThread | undefined;
  #running: Promise<void> | undefined;
  #beforeCut: ReturnType<typeof setTimeout> | undefined;
  #isOver = false;

  constructor(options: CheckpointsOptions) {
    this.#options = options;
  }

  /** To be told after each commit. */
  wrote(count: number): void {
    this.#writes += count;
    if (this.#isOver) return;
    if (this.#writes >= CHECKPOINT_WRITES) this.#running ??= this.#run();
    const { truncateIntervalMs } = this.#options;
    if (truncateIntervalMs < 2 * CUT_AHEAD_MS) return;
    this.#beforeCut ??= setTimeout(() => this.#moveBeforeCut(), truncateIntervalMs - CUT_AHEAD_MS);
  }

  async close(): Promise<void> {
    this.#isOver = true;
    clearTimeout(this.#beforeCut);
    await this.#running;
    const thread = this.#thread;
    this.#thread = undefined;
    if (thread === undefined) return;
    await thread.ask({ kind: "close" }).catch(() => {});
    thread.terminate();
  }

  #moveBeforeCut(): void {
    if (this.#writes >= CUT_AHEAD_WRITES) this.#running ??= this.#run();
    // From the first commit behind the cut time counts anew, as it does for the writer.
    this.#beforeCut = setTimeout(() => this.#beforeCut = undefined, CUT_AHEAD_MS);
  }

  async #run(): Promise<void> {
    try {
      this.#thread ??= await this.#open();
      do {
        this.#writes = 0;
        await this.#thread.ask({ kind: "checkpoint" });
      } while (this.#writes >= CHECKPOINT_WRITES && !this.#isOver);
    } catch {
      // Nothing is lost: what can't move stays in the log, and the writer will find out why.
      this.#isOver = true;
    }
    this.#running = undefined;
  }

  async #open(): Promise<SqliteThread> {
    const thread = new SqliteThread();
    const { path, key, nativeBinding } = this.#options;
    try {
      await thread.ask({ kind: "open-checkpoints", path, key: key?.slice(), nativeBinding });
      return thread;
    } catch (error) {
      thread.terminate();
      throw error;
    }
  }
}
