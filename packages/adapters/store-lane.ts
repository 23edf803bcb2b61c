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
 * serializable and can't deadlock. Those that run while the disk is busy go into one batch, which
 * becomes durable with one commit. They see what is on its way to the disk, and are told of nothing
 * before that, and their own batch, is durable. Readers see what is durable, and never wait for it.
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

/** Transactions that have run, and share a commit. */
class Batch {
  readonly writes = new WriteLayer();
  readonly members: Waiting[] = [];
  /** Tells each member how it went, once all of it is durable. */
  readonly settles: (() => void)[] = [];
  bytes = 0;
  /** Ran on writes that never were. */
  isVoid = false;

  get isFull(): boolean {
    return this.members.length >= BATCH_TRANSACTIONS_MAX || this.bytes >= BATCH_BYTES_MAX;
  }
}

class Lane implements Store {
  readonly closed: Promise<Error | undefined>;
  readonly #engine: StoreEngine;
  readonly #watches: WatchTable;
  readonly #turns: TurnGuard;
  readonly #settleClosed: (reason: Error | undefined) => void;
  /** Those that haven't run. */
  #waiting: Waiting[] = [];
  /** Runs what waits. */
  #running: Promise<void> | undefined;
  #open = new Batch();
  /** On its way to the disk. */
  #sent: Batch | undefined;
  /** Resolves when that is through. */
  #sending: Promise<void> = Promise.resolve();
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

  /** One after another, until nobody waits. */
  async #run(): Promise<void> {
    await null;
    while (this.#waiting.length > 0 && this.#closing === undefined) {
      const release = this.#turns.hold();
      while (this.#waiting.length > 0 && this.#closing === undefined && !this.#open.isFull) {
        await this.#runFirst();
      }
      release();
      this.#send();
      if (this.#open.isFull) await this.#sending;
    }
    this.#running = undefined;
  }

  async #runFirst(): Promise<void> {
    const [batch, below] = [this.#open, this.#sent];
    const member = this.#waiting[0] as Waiting;
    const layers = below === undefined ? [batch.writes] : [batch.writes, below.writes];
    const transaction = new LaneTransaction(this.#engine, layers);
    const outcome = await this.#runOne(member, transaction);
    // It runs again, behind those that were before it.
    if (batch.isVoid) return;
    this.#waiting.shift();
    batch.members.push(member);
    if (outcome.kind === "threw") {
      // What it read may not be durable: it is told when that is.
      batch.settles.push(() => member.reject(outcome.reason));
      return;
    }
    for (const [key, value] of transaction.writes.values) batch.writes.set(key, value);
    batch.bytes += transaction.bytes;
    batch.settles.push(() => member.resolve(outcome.value));
  }

  async #runOne(member: Waiting, transaction: LaneTransaction): Promise<Outcome<unknown>> {
    if (member.signal?.aborted !== true) {
      return await this.#turns.run(transaction, () => member.run(transaction));
    }
    const reason = new MessengerError("cancelled", "Cannot run transaction: taken back");
    return { kind: "threw", reason };
  }

  /** Sends what has run on its way, unless something is. */
  #send(): void {
    const batch = this.#open;
    if (this.#sent !== undefined || batch.members.length === 0) return;
    this.#sent = batch;
    this.#open = new Batch();
    this.#sending = this.#finishBatch(batch);
  }

  async #finishBatch(batch: Batch): Promise<void> {
    const writes = [...batch.writes.values].sort(([left], [right]) => left < right ? -1 : 1);
    const failure = writes.length === 0 ? undefined : await this.#commit(writes);
    this.#sent = undefined;
    if (failure === undefined) {
      for (const settle of batch.settles) settle();
      this.#watches.tell(writes);
    } else {
      for (const { reject } of batch.members) reject(failure);
      this.#takeBack();
      if (!isDefinite(failure)) this.#fail(failure);
    }
    // A runner that is at work sends by itself.
    if (this.#running === undefined || this.#open.isFull) this.#send();
  }

  /** @returns why not, or undefined: the writes are durable and visible */
  async #commit(writes: readonly Write[]): Promise<MessengerError | undefined> {
    let publish: () => void;
    try {
      publish = await this.#engine.commit(writes);
    } catch (cause) {
      if (isDefinite(cause)) return cause;
      return new MessengerError(
        "store/unknown-outcome",
        "Cannot commit: the disk failed on the way; the store is closed",
        { cause },
      );
    }
    await this.#turns.whenQuiet(publish);
    return undefined;
  }

  /** What has run since has seen what never was: it runs again. */
  #takeBack(): void {
    const { members } = this.#open;
    this.#open.isVoid = true;
    this.#open = new Batch();
    this.#waiting = [...members, ...this.#waiting];
    if (this.#waiting.length > 0) this.#running ??= this.#run();
  }

  #fail(error: Error): void {
    this.#failure = error;
    this.#closing ??= this.#finish();
  }

  async #finish(): Promise<void> {
    // `#closing` must be set before anything here runs.
    await null;
    await this.#running;
    // What has run goes to the disk, behind what is on its way there.
    while (this.#sent !== undefined || this.#open.members.length > 0) {
      this.#send();
      await this.#sending;
    }
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
