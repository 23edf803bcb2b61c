import type { Log, StoreWatch } from "@qpq/ports";
import { keyBytes, keyText } from "./sorted-map.ts";

type Listener = (keys: readonly Uint8Array[]) => void;

/** Who wants to hear of which prefix. A changed key costs one look-up for each length of prefix. */
export class WatchTable {
  readonly #log: Log;
  readonly #listeners = new Map<string, Set<Listener>>();
  /** Length of prefix, and how many prefixes have it. */
  readonly #lengths = new Map<number, number>();

  constructor(log: Log) {
    this.#log = log;
  }

  add(prefix: Uint8Array, onChange: Listener): StoreWatch {
    const text = keyText(prefix);
    // One function may watch a prefix twice: each watch is a listener of its own.
    const listener: Listener = (keys) => onChange(keys);
    const listeners = this.#listeners.get(text);
    if (listeners === undefined) {
      this.#listeners.set(text, new Set([listener]));
      this.#lengths.set(text.length, (this.#lengths.get(text.length) ?? 0) + 1);
    } else listeners.add(listener);
    return { close: () => this.#remove(text, listener) };
  }

  /** Tells each listener once of all that changed below its prefix, after what waits in this turn. */
  tell(changes: readonly (readonly [string, unknown])[]): void {
    if (this.#listeners.size === 0 || changes.length === 0) return;
    const heard = new Map<string, Uint8Array[]>();
    for (const [key] of changes) {
      for (const length of this.#lengths.keys()) {
        if (length > key.length) continue;
        const prefix = key.slice(0, length);
        if (!this.#listeners.has(prefix)) continue;
        const keys = heard.get(prefix);
        if (keys === undefined) heard.set(prefix, [keyBytes(key)]);
        else keys.push(keyBytes(key));
      }
    }
    for (const [prefix, keys] of heard) queueMicrotask(() => this.#tellOne(prefix, keys));
  }

  clear(): void {
    this.#listeners.clear();
    this.#lengths.clear();
  }

  #tellOne(prefix: string, keys: readonly Uint8Array[]): void {
    for (const listener of [...this.#listeners.get(prefix) ?? []]) {
      // Closed by one that was called before it.
      if (this.#listeners.get(prefix)?.has(listener) !== true) continue;
      try {
        listener(keys);
      } catch (error) {
        this.#log.error("store-watch-threw", {
          error: error instanceof Error ? error.name : typeof error,
        });
      }
    }
  }

  #remove(prefix: string, listener: Listener): void {
    const listeners = this.#listeners.get(prefix);
    if (listeners?.delete(listener) !== true || listeners.size > 0) return;
    this.#listeners.delete(prefix);
    const count = (this.#lengths.get(prefix.length) ?? 1) - 1;
    if (count > 0) this.#lengths.set(prefix.length, count);
    else this.#lengths.delete(prefix.length);
  }
}
