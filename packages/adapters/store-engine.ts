import type { KeySpan } from "./sorted-map.ts";

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
