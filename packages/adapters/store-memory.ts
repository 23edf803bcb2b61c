import { assert, type Clock, type Log, MessengerError, sleep, type Store } from "@qpq/ports";
import { type KeySpan, SortedMap } from "./sorted-map.ts";
import type { StoreEngine, Write } from "./store-engine.ts";
import { openLane } from "./store-lane.ts";

/**
 * What goes wrong with one commit.
 * - `disk-full`: before it; nothing is written and the store goes on.
 * - `unknown-outcome`: inside it; `written` says what the next opening finds.
 * - `crash`: before it (`written: false`) or after it (`written: true`), or inside, which is one of
 *   both. As if the process were gone: no promise of this store is ever settled again.
 * - `slow`: it takes `delayMs` longer, by the clock.
 */
export type MemoryFault =
  | { readonly kind: "disk-full" }
  | { readonly kind: "unknown-outcome"; readonly written: boolean }
  | { readonly kind: "crash"; readonly written: boolean }
  | { readonly kind: "slow"; readonly delayMs: number };

export interface MemoryStoreOptions {
  /** What an earlier store left; default: a new, empty one. */
  readonly disk?: MemoryDisk;
  /** Asked before each commit. Commits count from 1 in each opening. */
  readonly faultOf?: (commit: number) => MemoryFault | undefined;
  /** Needed for `slow`. */
  readonly clock?: Clock;
  /** Told of a `crash`, after what was to be written is. */
  readonly onCrash?: () => void;
  readonly log?: Log;
}

/** What a memory store leaves behind when it is closed or crashes. One open store at a time. */
export class MemoryDisk {
  readonly entries: SortedMap<Uint8Array> = new SortedMap();
  open = false;
}

/**
 * A store for tests and the simulator: nothing outlives the process, faults come on demand.
 * @throws MessengerError `store/in-use`: `options.disk` is open
 */
export function openMemoryStore(options: MemoryStoreOptions = {}): Store {
  const disk = options.disk ?? new MemoryDisk();
  if (disk.open) throw new MessengerError("store/in-use", "Cannot open store: it is open");
  disk.open = true;
  return openLane(
    new MemoryEngine(disk, options),
    options.log === undefined ? {} : { log: options.log },
  );
}

class MemoryEngine implements StoreEngine {
  readonly #disk: MemoryDisk;
  readonly #options: MemoryStoreOptions;
  #commits = 0;

  constructor(disk: MemoryDisk, options: MemoryStoreOptions) {
    this.#disk = disk;
    this.#options = options;
  }

  beginReads(): void {}
  endReads(): void {}

  get(key: string): Uint8Array | undefined {
    const value = this.#disk.entries.get(key);
    return value === undefined ? undefined : new Uint8Array(value);
  }

  *scan(span: KeySpan): Generator<readonly [string, Uint8Array]> {
    for (const [key, value] of this.#disk.entries.entries(span)) yield [key, new Uint8Array(value)];
  }

  async commit(writes: readonly Write[]): Promise<() => void> {
    this.#commits++;
    const fault = this.#options.faultOf?.(this.#commits);
    switch (fault?.kind) {
      case "disk-full":
        throw new MessengerError("store/disk-full", "Cannot commit: no space (injected)");
      case "unknown-outcome":
        if (fault.written) this.#write(writes);
        throw new Error("the disk failed (injected)");
      case "crash":
        if (fault.written) this.#write(writes);
        this.#disk.open = false;
        this.#options.onCrash?.();
        return await new Promise<never>(() => {});
      case "slow":
        assert(this.#options.clock !== undefined, "slow commits need a clock");
        await sleep(this.#options.clock, fault.delayMs);
    }
    return () => this.#write(writes);
  }

  async close(): Promise<void> {
    this.#disk.open = false;
  }

  #write(writes: readonly Write[]): void {
    for (const [key, value] of writes) {
      if (value === undefined) this.#disk.entries.delete(key);
      else this.#disk.entries.set(key, value);
    }
  }
}
