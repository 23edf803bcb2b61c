/** Bytes of values that are kept. */
export const CACHE_BYTES_MAX = 16_777_216;
/** Larger values are not kept: one of them would push many small ones out. */
export const CACHE_VALUE_BYTES_MAX = 16_384;
/** What one entry costs beside its key and value, estimated. */
const ENTRY_BYTES = 128;

/** The values that were used last, by key. In memory only; a deleted value leaves it at once. */
export class ValueCache {
  readonly #values = new Map<string, Uint8Array>();
  #bytes = 0;

  get(key: string): Uint8Array | undefined {
    const value = this.#values.get(key);
    if (value === undefined) return undefined;
    // A map keeps the order of insertion: the first is the one that was used longest ago.
    this.#values.delete(key);
    this.#values.set(key, value);
    return value;
  }

  set(key: string, value: Uint8Array): void {
    this.delete(key);
    if (value.length > CACHE_VALUE_BYTES_MAX) return;
    this.#values.set(key, value);
    this.#bytes += ENTRY_BYTES + key.length + value.length;
    for (const oldest of this.#values.keys()) {
      if (this.#bytes <= CACHE_BYTES_MAX) break;
      this.delete(oldest);
    }
  }

  /** A value that is kept has changed, or is gone; one that nobody has asked for is not kept for it. */
  replace(key: string, value: Uint8Array | undefined): void {
    if (!this.#values.has(key)) return;
    if (value === undefined) this.delete(key);
    else this.set(key, value);
  }

  delete(key: string): void {
    const value = this.#values.get(key);
    if (value === undefined) return;
    this.#values.delete(key);
    this.#bytes -= ENTRY_BYTES + key.length + value.length;
  }

  clear(): void {
    this.#values.clear();
    this.#bytes = 0;
  }
}
