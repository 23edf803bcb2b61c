import type { Clock } from "@qpq/ports";
import { BUCKET_KEYS_MAX } from "./token-buckets.ts";

/** How long a key waits after each failure. */
export interface BackOffLimits {
  /** Attempts without a wait. */
  readonly freeAttempts: number;
  /** Milliseconds after the first attempt beyond those; doubles with each further one, … */
  readonly firstWaitMs: number;
  /** … up to this. */
  readonly waitMaxMs: number;
  /** Milliseconds without an attempt after which all is forgotten. */
  readonly forgetAfterMs: number;
  readonly keysMax?: number;
}

/**
 * Growing waits for each key. An attempt counts as failed until `succeeded` says otherwise: of a
 * password tried offline against a server's answer, the server never hears.
 *
 * In the memory of one process. With more keys than `keysMax` the one tried longest ago is forgotten.
 */
export class BackOff {
  readonly #clock: Clock;
  readonly #limits: BackOffLimits;
  /** Longest untried first. */
  readonly #attempts = new Map<string, Attempts>();

  constructor(clock: Clock, limits: BackOffLimits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  /**
   * Counts an attempt, unless it comes too early: that one changes nothing.
   * @returns 0 when it may go on; otherwise milliseconds to wait
   */
  attempt(key: string): number {
    const { freeAttempts, firstWaitMs, waitMaxMs, forgetAfterMs } = this.#limits;
    const nowMs = this.#clock.monotonic();
    const known = this.#attempts.get(key);
    const before = known === undefined || nowMs - known.atMs >= forgetAfterMs ? undefined : known;
    if (before !== undefined && nowMs < before.nextMs) return Math.ceil(before.nextMs - nowMs);
    const count = (before?.count ?? 0) + 1;
    const beyond = count - freeAttempts;
    const waitMs = beyond < 0 ? 0 : Math.min(waitMaxMs, firstWaitMs * 2 ** beyond);
    this.#attempts.delete(key);
    this.#attempts.set(key, { count, atMs: nowMs, nextMs: nowMs + waitMs });
    this.#trim();
    return 0;
  }

  /** Forgets what was counted for `key`. */
  succeeded(key: string): void {
    this.#attempts.delete(key);
  }

  #trim(): void {
    if (this.#attempts.size <= (this.#limits.keysMax ?? BUCKET_KEYS_MAX)) return;
    for (const oldest of this.#attempts.keys()) {
      this.#attempts.delete(oldest);
      return;
    }
  }
}

interface Attempts {
  readonly count: number;
  readonly atMs: number;
  /** When the next one may come. */
  readonly nextMs: number;
}
