import type { Clock, Timer } from "@qpq/ports";

/** A moment at which something is called, unless it is cancelled before. */
export interface Deadline {
  readonly atMs: number;
  cancel(): void;
}

/**
 * Many deadlines on one timer: a connection sets and cancels one for each call, a hundred thousand a
 * second, and nearly none is ever reached.
 */
export class Deadlines {
  readonly #clock: Clock;
  readonly #entries = new Set<Entry>();
  #timer: Timer | undefined;
  #timerAtMs = Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls `expire` in `delayMs`. */
  add(delayMs: number, expire: () => void): Deadline {
    const entry = new Entry(this.#clock.monotonic() + delayMs, expire, this.#entries);
    this.#entries.add(entry);
    if (entry.atMs < this.#timerAtMs) this.#arm(entry.atMs);
    return entry;
  }

  /** Cancels all. */
  clear(): void {
    this.#entries.clear();
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#timerAtMs = Infinity;
  }

  #arm(atMs: number): void {
    this.#timer?.cancel();
    this.#timerAtMs = atMs;
    this.#timer = this.#clock.schedule(Math.max(0, atMs - this.#clock.monotonic()), () => {
      this.#timerAtMs = Infinity;
      this.#expire();
    });
  }

  #expire(): void {
    const nowMs = this.#clock.monotonic();
    for (const entry of [...this.#entries]) {
      // A timer may fire a little early; what is due within a millisecond is due.
      if (entry.atMs > nowMs + 1 || !this.#entries.delete(entry)) continue;
      entry.expire();
    }
    // The earliest may have been cancelled since: only now does the timer follow.
    let nextMs = Infinity;
    for (const { atMs } of this.#entries) nextMs = Math.min(nextMs, atMs);
    if (nextMs < this.#timerAtMs) this.#arm(nextMs);
  }
}

class Entry implements Deadline {
  readonly atMs: number;
  readonly expire: () => void;
  readonly #entries: Set<Entry>;

  constructor(atMs: number, expire: () => void, entries: Set<Entry>) {
    this.atMs = atMs;
    this.expire = expire;
    this.#entries = entries;
  }

  cancel(): void {
    this.#entries.delete(this);
  }
}
