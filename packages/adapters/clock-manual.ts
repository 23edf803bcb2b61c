import { setImmediate } from "node:timers";
import { assert, type Clock, type Timer } from "@qpq/ports";

/** A clock that stands still until it is told to move: for tests and for the simulator. */
export interface ManualClock extends Clock {
  /**
   * Moves time on, calling each timer at its own moment, in order; timers of one moment in the order
   * in which they were set. Between timers everything that is ready to run runs.
   */
  advance(durationMs: number): Promise<void>;
  /** Lets everything that is ready run, without moving time. */
  settle(): Promise<void>;
  /** Timers that are set and have not fired. */
  readonly pending: number;
}

/** Turns of the event loop that are let pass between two timers: promises chain through several. */
const TURNS_BETWEEN_TIMERS = 3;

/** @param startMs the wall time at the beginning; monotonic time begins at 0 */
export function createManualClock(startMs = 1_700_000_000_000): ManualClock {
  let elapsedMs = 0;
  let order = 0;
  const timers = new Map<number, { readonly atMs: number; readonly callback: () => void }>();

  const nextBefore = (untilMs: number): number | undefined => {
    let found: number | undefined;
    let foundAtMs = Infinity;
    // Insertion order is age: a strict comparison keeps the oldest of one moment.
    for (const [id, timer] of timers) {
      if (timer.atMs <= untilMs && timer.atMs < foundAtMs) {
        found = id;
        foundAtMs = timer.atMs;
      }
    }
    return found;
  };
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < TURNS_BETWEEN_TIMERS; turn++) await nextTurn();
  };

  return {
    now: () => startMs + elapsedMs,
    monotonic: () => elapsedMs,
    schedule(delayMs: number, callback: () => void): Timer {
      assert(delayMs >= 0, "a delay is not negative");
      const id = order++;
      timers.set(id, { atMs: elapsedMs + delayMs, callback });
      return { cancel: () => void timers.delete(id) };
    },
    settle,
    async advance(durationMs: number): Promise<void> {
      const untilMs = elapsedMs + durationMs;
      await settle();
      for (let id = nextBefore(untilMs); id !== undefined; id = nextBefore(untilMs)) {
        const timer = timers.get(id);
        timers.delete(id);
        assert(timer !== undefined, "the timer is still set");
        elapsedMs = Math.max(elapsedMs, timer.atMs);
        timer.callback();
        await settle();
      }
      elapsedMs = untilMs;
    },
    get pending(): number {
      return timers.size;
    },
  };
}

/** A whole turn of the event loop: every microtask runs first. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}
