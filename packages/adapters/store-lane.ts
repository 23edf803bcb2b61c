import {
  type Log,
  MessengerError,
  silentLog,
  type Store,
  type StoreReader,
  type StoreTransaction,
  type StoreWatch,
  type TransactionOptions,
  TRANSACTIONS_WAITING_MAX,
} from "@qpq/ports";
import type { StoreEngine, Write } from "./store-engine.ts";
import { LaneTransaction, Reads, WriteLayer } from "./store-reads.ts";
import { type Outcome, TurnGuard } from "./store-turns.ts";
import { WatchTable } from "./store-watch.ts";

/** Transactions that share one commit at most. */
export const BATCH_TRANSACTIONS_MAX = 256;
/** Bytes from which a batch takes no further transaction. */
export const BATCH_BYTES_MAX = 8_388_608;

export interface LaneOptions {
  readonly log?: Log;
}

/**
 * A store over an engine: one lane in which transactions run one after another, so that they are
 * serializable and can't deadlock. Those that wait run into one batch, which becomes durable with
 * one commit; the next batch begins when that is visible. Readers never wait for it.
 */
export function openLane(engine: StoreEngine, options: LaneOptions = {}): Store {
  return new Lane(engine, options.log ?? silentLog);
}

interface Waiting {
  readonly run: (transaction: LaneTransaction) => Promise<unknown>;
  readonly signal: AbortSignal | undefined;
  readonly resolve: (value: unknown) => void;
  readonly reject: (reason: unknown) => void;
}

class Lane implements Store {
  readonly closed: Promise<Error | undefined>;
  readonly #engine: StoreEngine;
  readonly #watches: WatchTable;
  readonly #turns: TurnGuard;
  readonly #settleClosed: (reason: Error | undefined) => void;
  /** Those that haven't been taken into a batch. */
  #waiting: Waiting[] = [];
  #running: Promise<void> | undefined;
  #closing: Promise<void> | undefined;
  #failure: Error | undefined;

  constructor(engine: StoreEngine, log: Log) {
    const { promise, resolve } = Promise.withResolvers<Error | undefined>();
    this.closed = promise;
    this.#settleClosed = resolve;
    this.#engine = engine;
    this.#watches = new WatchTable(log);
    this.#turns = new TurnGuard(engine);
  }

  transaction<Result>(
    fn: (transaction: StoreTransaction) => Promise<Result>,
    options: TransactionOptions = {},
  ): Promise<Result> {
    return new Promise<Result>((resolve, reject) => {
      if (this.#closing !== undefined) return reject(closedError());
      if (this.#waiting.length >= TRANSACTIONS_WAITING_MAX) {
        return reject(
          new MessengerError("store/overloaded", "Cannot begin transaction: too many wait"),
        );
      }
      this.#waiting.push({
        run: fn,
        signal: options.signal,
        resolve: resolve as (value: unknown) => void,
        reject,
      });
      this.#running ??= this.#run();
    });
  }

  async snapshot<Result>(fn: (snapshot: StoreReader) => Promise<Result>): Promise<Result> {
    if (this.#closing !== undefined) throw closedError();
    const view = new Reads(this.#engine, []);
    const outcome = await this.#turns.run(view, () => fn(view));
    if (outcome.kind === "threw") throw outcome.reason;
    return outcome.value;
  }

  watch(prefix: Uint8Array, onChange: (keys: readonly Uint8Array[]) => void): StoreWatch {
    return this.#watches.add(prefix, onChange);
  }

  close(): Promise<void> {
    this.#closing ??= this.#finish();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Batch after batch, until nobody waits. */
  async #run(): Promise<void> {
    await null;
    while (this.#waiting.length > 0 && this.#closing === undefined) await this.#runBatch();
    this.#running = undefined;
  }

  async #runBatch(): Promise<void> {
    const members = this.#waiting.slice(0, BATCH_TRANSACTIONS_MAX);
    this.#waiting = this.#waiting.slice(members.length);
    const writes = new WriteLayer();
    const settled: (() => void)[] = [];
    let bytes = 0;
    const release = this.#turns.hold();
    for (const member of members) {
      if (bytes >= BATCH_BYTES_MAX) break;
      const transaction = new LaneTransaction(this.#engine, writes);
      const outcome = await this.#runOne(member, transaction);
      if (outcome.kind === "threw") {
        // What it read may be of this batch: it is told after the batch is durable.
        settled.push(() => member.reject(outcome.reason));
        continue;
      }
      for (const [key, value] of transaction.writes.values) writes.set(key, value);
      bytes += transaction.bytes;
      settled.push(() => member.resolve(outcome.value));
    }
    release();
    this.#waiting = [...members.splice(settled.length), ...this.#waiting];
    const batch = [...writes.values].sort(([left], [right]) => left < right ? -1 : 1);
    if (batch.length > 0 && !await this.#commit(batch, members)) return;
    for (const settle of settled) settle();
    this.#watches.tell(batch);
  }

  async #runOne(member: Waiting, transaction: LaneTransaction): Promise<Outcome<unknown>> {
    if (member.signal?.aborted !== true) {
      return await this.#turns.run(transaction, () => member.run(transaction));
    }
    const reason = new MessengerError("cancelled", "Cannot run transaction: taken back");
    return { kind: "threw", reason };
  }

  /** @returns whether the batch is durable and visible; otherwise its members have been told */
  async #commit(batch: readonly Write[], members: readonly Waiting[]): Promise<boolean> {
    let publish: () => void;
    try {
      publish = await this.#engine.commit(batch);
    } catch (cause) {
      const error = isDefinite(cause) ? cause : new MessengerError(
        "store/unknown-outcome",
        "Cannot commit: the disk failed on the way; the store is closed",
        { cause },
      );
      for (const { reject } of members) reject(error);
      if (!isDefinite(cause)) this.#fail(error);
      return false;
    }
    await this.#turns.whenQuiet(publish);
    return true;
  }

  #fail(error: Error): void {
    this.#failure = error;
    this.#closing ??= this.#finish();
  }

  async #finish(): Promise<void> {
    // `#closing` must be set before anything here runs.
    await null;
    await this.#running;
    for (const { reject } of this.#waiting) reject(closedError());
    this.#waiting = [];
    await this.#turns.whenQuiet(() => this.#watches.clear());
    try {
      await this.#engine.close();
    } catch (cause) {
      this.#failure ??= cause instanceof Error ? cause : new Error("Cannot close", { cause });
    }
    this.#settleClosed(this.#failure);
  }
}

function isDefinite(error: unknown): error is MessengerError {
  return error instanceof MessengerError &&
    (error.code === "store/disk-full" || error.code === "store/read-only");
}

function closedError(): MessengerError {
  return new MessengerError("store/closed", "Cannot use store: it is closed");
}
