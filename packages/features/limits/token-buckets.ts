import { assert, type Clock } from "@qpq/ports";

/** How much one key may do: `burst` at once, and `perMinute` in the long run. */
export interface Rate {
  readonly burst: number;
  readonly perMinute: number;
}

/** Keys that one set of buckets remembers, by default: about 10 MB when all are in use. */
export const BUCKET_KEYS_MAX = 65_536;

/**
 * A token bucket for each key: an account, an address. A key that was never seen, or not for long,
 * has a full one. In the memory of one process; gone with it.
 *
 * With more keys than `keysMax` the one used longest ago is forgotten, which fills its bucket: who
 * can show that many keys between two tries of one is not held by this alone.
 */
export class TokenBuckets {
  readonly #clock: Clock;
  readonly #rate: Rate;
  readonly #keysMax: number;
  /** Longest unused first. */
  readonly #buckets = new Map<string, Bucket>();

  constructor(
    options: { readonly clock: Clock; readonly rate: Rate; readonly keysMax?: number },
  ) {
    const { rate } = options;
    assert(rate.burst >= 1 && rate.perMinute > 0, "a rate lets something through");
    this.#clock = options.clock;
    this.#rate = rate;
    this.#keysMax = options.keysMax ?? BUCKET_KEYS_MAX;
  }

  /**
   * Takes `cost` tokens of `key`, or none.
   * @param cost 1 to the rate's `burst`
   * @returns 0 when they were taken; otherwise milliseconds until they will be there
   */
  take(key: string, cost = 1): number {
    const { burst, perMinute } = this.#rate;
    assert(cost <= burst, "a cost fits the bucket");
    const atMs = this.#clock.monotonic();
    const tokens = this.#tokens(key, atMs);
    const isEnough = tokens >= cost;
    this.#remember(key, { tokens: isEnough ? tokens - cost : tokens, atMs });
    // At least 1, so that 0 means "taken" alone.
    return isEnough ? 0 : Math.max(1, Math.ceil((cost - tokens) * 60_000 / perMinute));
  }

  /** Puts back what was taken for something that turned out to be harmless. */
  giveBack(key: string, cost = 1): void {
    const atMs = this.#clock.monotonic();
    const tokens = this.#tokens(key, atMs) + cost;
    // A full bucket is that of a key that was never seen: else harmless keys would push out others.
    if (tokens >= this.#rate.burst) this.#buckets.delete(key);
    else this.#remember(key, { tokens, atMs });
  }

  /** Keys that are remembered. */
  get size(): number {
    return this.#buckets.size;
  }

  #tokens(key: string, nowMs: number): number {
    const { burst, perMinute } = this.#rate;
    const bucket = this.#buckets.get(key);
    if (bucket === undefined) return burst;
    return Math.min(burst, bucket.tokens + (nowMs - bucket.atMs) * perMinute / 60_000);
  }

  #remember(key: string, bucket: Bucket): void {
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    if (this.#buckets.size <= this.#keysMax) return;
    for (const oldest of this.#buckets.keys()) {
      this.#buckets.delete(oldest);
      return;
    }
  }
}

interface Bucket {
  readonly tokens: number;
  readonly atMs: number;
}
