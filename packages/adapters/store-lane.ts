import {
  assert,
  AssertionFailure,
  type Entry,
  KEY_BYTES_MAX,
  keyAfterPrefix,
  type Log,
  MessengerError,
  RANGE_BYTES_MAX,
  RANGE_ENTRIES_MAX,
  type RangeOptions,
  type RangePage,
  silentLog,
  type Store,
  type StoreReader,
  type StoreTransaction,
  type StoreWatch,
  TRANSACTION_BYTES_MAX,
  TRANSACTION_WRITES_MAX,
  type TransactionOptions,
  TRANSACTIONS_WAITING_MAX,
  VALUE_BYTES_MAX,
} from "@qpq/ports";
import { setImmediate } from "node:timers";
import { keyBytes, type KeySpan, keyText, SortedMap } from "./sorted-map.ts";
import { WatchTable } from "./store-watch.ts";

/** Transactions that share one commit at most. */
export const BATCH_TRANSACTIONS_MAX = 256;
/** Bytes from which a batch takes no further transaction. */
export const BATCH_BYTES_MAX = 8_388_608;

/** A change of one key: its new value, or `undefined` when it is deleted. */
export type Write = readonly [key: string, value: Uint8Array | undefined];

/**
 * What a store in this process does for its lane: answer reads of the durable state at once, and
 * make one batch after another durable. Only the lane calls it.
 */
export interface StoreEngine {
  /** Before the first read of a turn, and after its last: reads between them are of one state. */
  beginReads(): void;
  endReads(): void;
  /** @returns bytes that nobody else holds */
  get(key: string): Uint8Array | undefined;
  /** In order, lazily, bytes that nobody else holds; ended before anything else is asked. */
  scan(span: KeySpan): Iterable<readonly [string, Uint8Array]>;
  /**
   * Makes the writes durable, all or none. One batch at a time; keys in order, none twice.
   * @returns what makes them visible to `get` and `scan`; called when no reads are open
   * @throws MessengerError `store/disk-full`, `store/read-only`: nothing was written. Whatever else
   *   it throws leaves the outcome unknown.
   */
  commit(writes: readonly Write[]): Promise<() => void>;
  close(): Promise<void>;
}

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

/**
 * Writes by key. Sorted only once a range asks for it: most transactions touch a few keys by name.
 */
class WriteLayer {
  readonly values = new Map<string, Uint8Array | undefined>();
  #sorted: SortedMap<Uint8Array | undefined> | undefined;

  set(key: string, value: Uint8Array | undefined): void {
    this.values.set(key, value);
    this.#sorted?.set(key, value);
  }

  entries(span: KeySpan): Iterable<readonly [string, Uint8Array | undefined]> {
    if (this.#sorted === undefined) {
      this.#sorted = new SortedMap();
      for (const [key, value] of this.values) this.#sorted.set(key, value);
    }
    return this.#sorted.entries(span);
  }
}

/** Reads over the durable state and any layers of writes above it, the topmost first. */
class Reads implements StoreReader {
  readonly #engine: StoreEngine;
  readonly #layers: readonly WriteLayer[];
  ended = false;

  constructor(engine: StoreEngine, layers: readonly WriteLayer[]) {
    this.#engine = engine;
    this.#layers = layers;
  }

  async get(key: Uint8Array): Promise<Uint8Array | undefined> {
    this.assertOpen();
    const text = checkedKey(key);
    for (const layer of this.#layers) {
      const value = layer.values.get(text);
      if (value !== undefined) return new Uint8Array(value);
      if (layer.values.has(text)) return undefined;
    }
    return this.#engine.get(text);
  }

  async range(options: RangeOptions): Promise<RangePage> {
    this.assertOpen();
    const { countMax = RANGE_ENTRIES_MAX, reverse = false } = options;
    assert(
      Number.isInteger(countMax) && countMax >= 1 && countMax <= RANGE_ENTRIES_MAX,
      "countMax is from 1 to RANGE_ENTRIES_MAX",
    );
    const span = spanOf(options, reverse);
    if (span.to !== undefined && span.to <= span.from) return { entries: [], more: false };
    let source: Iterable<readonly [string, Uint8Array | undefined]> = this.#engine.scan(span);
    for (const layer of this.#layers.toReversed()) {
      if (layer.values.size > 0) source = merged(copies(layer.entries(span)), source, reverse);
    }
    const entries: Entry[] = [];
    let bytes = 0;
    for (const [text, value] of source) {
      if (value === undefined) continue;
      const size = text.length + value.length;
      if (entries.length === countMax || (entries.length > 0 && bytes + size > RANGE_BYTES_MAX)) {
        return { entries, more: true };
      }
      bytes += size;
      entries.push({ key: keyBytes(text), value });
    }
    return { entries, more: false };
  }

  assertOpen(): void {
    assert(!this.ended, "a transaction or snapshot is not used after its end");
  }
}

class LaneTransaction extends Reads implements StoreTransaction {
  readonly writes: WriteLayer;
  bytes = 0;

  constructor(engine: StoreEngine, batch: WriteLayer) {
    const writes = new WriteLayer();
    super(engine, [writes, batch]);
    this.writes = writes;
  }

  put(key: Uint8Array, value: Uint8Array): void {
    if (value.length > VALUE_BYTES_MAX) throw tooLarge(`the value has ${value.length} bytes`);
    this.#write(checkedKey(key), value);
  }

  delete(key: Uint8Array): void {
    this.#write(checkedKey(key), undefined);
  }

  #write(key: string, value: Uint8Array | undefined): void {
    this.assertOpen();
    const before = this.writes.values.get(key);
    const isNew = before === undefined && !this.writes.values.has(key);
    this.bytes += (isNew ? key.length : 0) + (value?.length ?? 0) - (before?.length ?? 0);
    if (this.bytes > TRANSACTION_BYTES_MAX) {
      throw tooLarge(`it writes more than ${TRANSACTION_BYTES_MAX} bytes`);
    }
    this.writes.set(key, value === undefined ? undefined : new Uint8Array(value));
    if (this.writes.values.size > TRANSACTION_WRITES_MAX) {
      throw tooLarge(`it writes more than ${TRANSACTION_WRITES_MAX} keys`);
    }
  }
}

type Outcome<Result> =
  | { readonly kind: "returned"; readonly value: Result }
  | { readonly kind: "threw"; readonly reason: unknown };

interface Unit {
  readonly end: () => void;
  seen: boolean;
}

/**
 * Watches over functions that may await nothing but the store. Reads are answered at once, so such a
 * function has ended when the event loop goes on to its next turn; one that has not is ended there.
 */
class TurnGuard {
  readonly #engine: StoreEngine;
  readonly #open = new Set<Unit>();
  #holds = 0;
  #scheduled = false;
  #whenQuiet: (() => void)[] = [];

  constructor(engine: StoreEngine) {
    this.#engine = engine;
  }

  run<Result>(view: Reads, fn: () => Promise<Result>): Promise<Outcome<Result>> {
    return new Promise((resolve) => {
      const release = this.hold();
      const settle = (outcome: Outcome<Result>): void => {
        if (view.ended) return;
        view.ended = true;
        this.#open.delete(unit);
        release();
        resolve(outcome);
      };
      const threw = (reason: unknown): void => settle({ kind: "threw", reason });
      const unit: Unit = {
        seen: false,
        end: () =>
          threw(new AssertionFailure("a transaction or snapshot awaits nothing but the store")),
      };
      this.#open.add(unit);
      this.#schedule();
      try {
        fn().then((value) => settle({ kind: "returned", value }), threw);
      } catch (reason) {
        threw(reason);
      }
    });
  }

  /**
   * Keeps the engine's reads open, of one state.
   * @returns what lets go of them; called once
   */
  hold(): () => void {
    if (this.#holds === 0) this.#engine.beginReads();
    this.#holds++;
    return () => {
      this.#holds--;
      if (this.#holds > 0) return;
      this.#engine.endReads();
      const actions = this.#whenQuiet;
      this.#whenQuiet = [];
      for (const action of actions) action();
    };
  }

  /** Calls `action` at the first moment at which no reads are open. */
  whenQuiet(action: () => void): Promise<void> {
    if (this.#holds === 0) {
      action();
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      this.#whenQuiet.push(() => {
        action();
        resolve();
      });
    });
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      for (const unit of [...this.#open]) {
        // Twice: it may have begun in this very turn, with its reads' answers still on the way.
        if (unit.seen) unit.end();
        unit.seen = true;
      }
      if (this.#open.size > 0) this.#schedule();
    });
  }
}

function* copies(
  entries: Iterable<readonly [string, Uint8Array | undefined]>,
): Generator<readonly [string, Uint8Array | undefined]> {
  for (const [key, value] of entries) {
    yield [key, value === undefined ? undefined : new Uint8Array(value)];
  }
}

/** `upper` over `lower`: where both have a key, the upper one's value counts. */
function* merged(
  upper: Iterable<readonly [string, Uint8Array | undefined]>,
  lower: Iterable<readonly [string, Uint8Array | undefined]>,
  reverse: boolean,
): Generator<readonly [string, Uint8Array | undefined]> {
  const above = upper[Symbol.iterator]();
  const below = lower[Symbol.iterator]();
  try {
    let high = above.next();
    let low = below.next();
    while (!high.done || !low.done) {
      if (low.done || (!high.done && high.value[0] === low.value[0])) {
        if (!low.done) low = below.next();
        yield (high as IteratorYieldResult<readonly [string, Uint8Array | undefined]>).value;
        high = above.next();
      } else if (high.done || (low.value[0] < high.value[0]) !== reverse) {
        yield low.value;
        low = below.next();
      } else {
        yield high.value;
        high = above.next();
      }
    }
  } finally {
    // A statement that is left half read would keep its database busy.
    below.return?.();
  }
}

function spanOf(options: RangeOptions, reverse: boolean): KeySpan {
  const prefix = keyText(options.prefix);
  const above = keyAfterPrefix(options.prefix);
  const start = options.start === undefined ? "" : keyText(options.start);
  const ends = [above, options.end].filter((end) => end !== undefined).map(keyText).sort();
  return { from: start > prefix ? start : prefix, to: ends[0], reverse };
}

function checkedKey(key: Uint8Array): string {
  assert(key.length > 0, "a key has at least one byte");
  if (key.length > KEY_BYTES_MAX) throw tooLarge(`the key has ${key.length} bytes`);
  return keyText(key);
}

function isDefinite(error: unknown): error is MessengerError {
  return error instanceof MessengerError &&
    (error.code === "store/disk-full" || error.code === "store/read-only");
}

function tooLarge(state: string): MessengerError {
  return new MessengerError("too-large", `Cannot write in transaction: ${state}`);
}

function closedError(): MessengerError {
  return new MessengerError("store/closed", "Cannot use store: it is closed");
}
