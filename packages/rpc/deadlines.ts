import type { Clock, Timer } from "@qpq/ports";
import { DenseList, type Placed } from "./dense-list.ts";

/** A moment at which something is called, unless it is cancelled before. */
export interface Deadline {
  readonly atMs: number;
  cancel(): void;
}

/** Something that has one deadline, and is told when it passes: an object of its own is saved. */
export interface Expiring extends Placed {
  /** On the clock's monotonic time. Belongs to the `Deadlines`. */
  atMs: number;
  expire(): void;
}

/**
 * Many deadlines on one timer: a connection sets and cancels one for each call, a hundred thousand a
 * second, and nearly none is ever reached.
 */
export class Deadlines {
  readonly #clock: Clock;
  readonly #entries = new DenseList<Expiring>();
  #timer: Timer | undefined;
  #timerAtMs = Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls `expire` in `delayMs`. */
  add(delayMs: number, expire: () => void): Deadline {
    const entry = new Callback(this, expire);
    this.set(entry, delayMs);
    return entry;
  }

  /** Calls `entry.expire()` in `delayMs`; `entry` must not be set already. */
  set(entry: Expiring, delayMs: number): void {
    this.setAt(entry, this.#clock.monotonic() + delayMs);
  }

  /** As `set`, at a moment of the clock's monotonic time. */
  setAt(entry: Expiring, atMs: number): void {
    entry.atMs = atMs;
    this.#entries.add(entry);
    if (entry.atMs < this.#timerAtMs) this.#arm(entry.atMs);
  }

  /** Harmless when it is not set. */
  unset(entry: Expiring): void {
    this.#entries.remove(entry);
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
    // A timer may fire a little early; what is due within a millisecond is due.
    const due = [...this.#entries].filter(({ atMs }) => atMs <= nowMs + 1)
      .toSorted((left, right) => left.atMs - right.atMs);
    for (const entry of due) {
      if (this.#entries.remove(entry)) entry.expire();
    }
    // The earliest may have been cancelled since: only now does the timer follow.
    let nextMs = Infinity;
    for (const { atMs } of this.#entries) nextMs = Math.min(nextMs, atMs);
    if (nextMs < this.#timerAtMs) this.#arm(nextMs);
  }
}

class Callback implements Expiring, Deadline {
  place = -1;
  atMs = 0;
  readonly expire: () => void;
  readonly #deadlines: Deadlines;

  constructor(deadlines: Deadlines, expire: () => void) {
    this.expire = expire;
    this.#deadlines = deadlines;
  }

  cancel(): void {
    this.#deadlines.unset(this);
  }
}
