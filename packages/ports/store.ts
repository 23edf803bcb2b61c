/**
 * Everything durable, on server and client, stands behind this port: an ordered key-value store
 * with serializable transactions. A slice builds its keys with `encodeKey` and owns the ranges
 * below its own first part.
 *
 * The shape leaves room for a database behind a network: reads are promises, so that those issued
 * together can travel together; writes are kept until `fn` has ended and leave as one; and `fn` may
 * run again.
 */

/** Bytes of a key, 1 to this. */
export const KEY_BYTES_MAX = 1_024;
/** Bytes of a value, 0 to this. Larger bodies: `putBody`. */
export const VALUE_BYTES_MAX = 1_048_576;
/** Keys and values that one transaction writes, in bytes. */
export const TRANSACTION_BYTES_MAX = 67_108_864;
/** Keys that one transaction writes. */
export const TRANSACTION_WRITES_MAX = 65_536;
/** Entries that one `range` gives. */
export const RANGE_ENTRIES_MAX = 1_000;
/** Bytes of keys and values that one `range` gives, when more than one entry. */
export const RANGE_BYTES_MAX = 4_194_304;
/** Transactions that wait for their turn; more are refused with `store/overloaded`. */
export const TRANSACTIONS_WAITING_MAX = 16_384;

export interface Entry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** Where a range begins and ends: keys with `prefix`, from `start`, and below `end`. */
export interface RangeOptions {
  /** Only keys that begin with these bytes; empty: every key. */
  readonly prefix: Uint8Array;
  /** The lowest key, itself included. To go on behind a page: `keyAfter(lastKey)`. */
  readonly start?: Uint8Array;
  /** The key that all are below. To go on behind a page in reverse: its last key. */
  readonly end?: Uint8Array;
  /** Entries at most, 1 to `RANGE_ENTRIES_MAX`, which is the default. */
  readonly countMax?: number;
  /** Highest key first. */
  readonly reverse?: boolean;
}

/** A part of a range: cut at `countMax` entries, or at `RANGE_BYTES_MAX`, never below one entry. */
export interface RangePage {
  readonly entries: readonly Entry[];
  /** Whether the range holds entries behind the last one here. */
  readonly more: boolean;
}

/** Reads of one moment: all that is answered through one `StoreReader` is of the same state. */
export interface StoreReader {
  /** @returns the value, the caller's own copy; `undefined` when the key is not there */
  get(key: Uint8Array): Promise<Uint8Array | undefined>;
  /** @returns entries in the order of their keys' bytes; keys and values are the caller's own */
  range(options: RangeOptions): Promise<RangePage>;
}

/** Reads see the transaction's own writes. Writes are kept until `fn` has ended. */
export interface StoreTransaction extends StoreReader {
  /**
   * Copies both.
   * @throws MessengerError `too-large`: key, value or the whole transaction is above its limit
   */
  put(key: Uint8Array, value: Uint8Array): void;
  /** Harmless when the key is not there. */
  delete(key: Uint8Array): void;
}

/** Hears of changes; holds nothing else. */
export interface StoreWatch {
  /** No call comes after it. Harmless when repeated. */
  close(): void;
}

export interface TransactionOptions {
  /** Takes the transaction back while it still waits for its turn: `cancelled`. */
  readonly signal?: AbortSignal;
}

export interface Store extends AsyncDisposable {
  /**
   * Runs `fn` as if alone, and writes all that it put and deleted, or nothing.
   *
   * Resolves with what `fn` returned once that is durable; only then do others see it. When `fn`
   * throws, nothing is written and the promise rejects with what it threw.
   *
   * `fn` may run more than once: it has no effect but on its transaction. It awaits nothing but its
   * transaction's own reads (alone or by `Promise.all`), so encryption, randomness, time and calls
   * happen before; a transaction that awaits anything else, another transaction included, is ended
   * with an `AssertionFailure` and writes nothing.
   *
   * @throws MessengerError
   * - `store/unknown-outcome`: the disk failed while this was on its way; it may be there after the
   *   next opening, or not. The store is closed.
   * - `store/disk-full`, `store/read-only`: nothing was written; the store goes on.
   * - `store/closed`, `store/overloaded`, `cancelled`: `fn` has had no effect.
   * - `store/corrupt`: what was read fails its check.
   */
  transaction<Result>(
    fn: (transaction: StoreTransaction) => Promise<Result>,
    options?: TransactionOptions,
  ): Promise<Result>;

  /**
   * Reads of one durable moment, without waiting for writers. The rule for `fn` is the same: quick,
   * and nothing awaited but its own reads.
   * @throws MessengerError `store/closed`, `store/corrupt`
   */
  snapshot<Result>(fn: (snapshot: StoreReader) => Promise<Result>): Promise<Result>;

  /**
   * Calls `onChange` with the keys below `prefix` that a durable commit of this process put or
   * deleted, after that commit's own callers were told. A hint: it says "read again", and one call
   * may stand for several transactions.
   * @param onChange must not throw; what it throws is logged and dropped
   */
  watch(prefix: Uint8Array, onChange: (keys: readonly Uint8Array[]) => void): StoreWatch;

  /**
   * Ends what has begun, refuses the rest with `store/closed`, and lets go of the files. Harmless
   * when repeated.
   */
  close(): Promise<void>;

  /**
   * Resolves when the store is closed: by `close`, with `undefined`; by a disk that failed, with the
   * error. Never rejects.
   */
  readonly closed: Promise<Error | undefined>;
}

/** The lowest key above `key`. */
export function keyAfter(key: Uint8Array): Uint8Array {
  const after = new Uint8Array(key.length + 1);
  after.set(key);
  return after;
}

/**
 * The lowest key above every key that begins with `prefix`.
 * @returns `undefined` when there is none: `prefix` is empty or all 0xff
 */
export function keyAfterPrefix(prefix: Uint8Array): Uint8Array | undefined {
  let length = prefix.length;
  while (length > 0 && prefix[length - 1] === 0xff) length--;
  if (length === 0) return undefined;
  const after = prefix.slice(0, length);
  after[length - 1] = (after[length - 1] as number) + 1;
  return after;
}

/** The order of keys: byte by byte, unsigned; of two where one begins the other, the shorter first. */
export function compareKeys(left: Uint8Array, right: Uint8Array): number {
  const length = Math.min(left.length, right.length);
  for (let index = 0; index < length; index++) {
    const difference = (left[index] as number) - (right[index] as number);
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}
