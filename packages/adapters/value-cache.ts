/** Bytes of values that are kept. */
export const CACHE_BYTES_MAX = 16_777_216;
/** Larger values are not kept: one of them would push many small ones out. */
export const CACHE_VALUE_BYTES_MAX = 16_384;
/** What one entry costs beside its key and value, estimated. */
const ENTRY_BYTES = 128;

interface Kept {
  readonly value: Uint8Array;
  /** Since it is kept; `told`: who asked knows. */
  readonly change: "none" | "changed" | "told";
}

/** The values that were used last, by key. In memory only; a deleted value leaves it at once. */
export class ValueCache {
  readonly #values = new Map<string, Kept>();
  #bytes = 0;

  get(key: string): Uint8Array | undefined {
    const kept = this.#values.get(key);
    if (kept === undefined) return undefined;
    // A map keeps the order of insertion: the first is the one that was used longest ago.
    this.#values.delete(key);
    this.#values.set(key, kept);
    return kept.value;
  }

  set(key: string, value: Uint8Array): void {
    this.#set(key, { value, change: "none" });
  }

  #set(key: string, kept: Kept): void {
    const { value } = kept;
    this.delete(key);
    if (value.length > CACHE_VALUE_BYTES_MAX) return;
    this.#values.set(key, kept);
    this.#bytes += ENTRY_BYTES + key.length + value.length;
    for (const oldest of this.#values.keys()) {
      if (this.#bytes <= CACHE_BYTES_MAX) break;
      this.delete(oldest);
    }
  }

  /** A value that is kept has changed, or is gone; one that nobody has asked for is not kept for it. */
  replace(key: string, value: Uint8Array | undefined): void {
    const change = this.#values.get(key)?.change;
    if (change === undefined) return;
    if (value === undefined) this.delete(key);
    else this.#set(key, { value, change: change === "none" ? "changed" : change });
  }

  /** @returns whether the value has changed since it is kept, and will hardly have changed for the last time; once */
  takeChanged(key: string): boolean {
    const kept = this.#values.get(key);
    if (kept?.change !== "changed") return false;
    this.#values.set(key, { value: kept.value, change: "told" });
    return true;
  }

  delete(key: string): void {
    const kept = this.#values.get(key);
    if (kept === undefined) return;
    this.#values.delete(key);
    this.#bytes -= ENTRY_BYTES + key.length + kept.value.length;
  }

  clear(): void {
    this.#values.clear();
    this.#bytes = 0;
  }
}
