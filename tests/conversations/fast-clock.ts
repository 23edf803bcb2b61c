import type { Clock, Timer } from "@qpq/ports";

/** Milliseconds of the machine between two looks at the time. */
const LOOK_MS = 2;
/** Milliseconds of the machine that count at most between two looks: what is longer is a stall. */
const STALL_MS = 10;

/**
 * The machine's own time, sped up: what waits for seconds, by design, waits for less in a test. While the
 * program, or the machine, stalls it stands still: no deadline passes because nobody could run.
 */
export function fastClock(speed: number): Clock {
  const startMs = Date.now();
  const timers = new Set<{ readonly atMs: number; readonly callback: () => void }>();
  let elapsedMs = 0;
  let lookedAt = performance.now();
  let nextLook: ReturnType<typeof setTimeout> | undefined;

  const pass = (): void => {
    const now = performance.now();
    elapsedMs += Math.min(now - lookedAt, STALL_MS) * speed;
    lookedAt = now;
  };
  const look = (): void => {
    pass();
    const due = [...timers].filter(({ atMs }) => atMs <= elapsedMs)
      .toSorted((left, right) => left.atMs - right.atMs);
    for (const timer of due) {
      // One that is due before it may have cancelled it.
      if (timers.delete(timer)) timer.callback();
    }
    clearTimeout(nextLook);
    nextLook = timers.size > 0 ? setTimeout(look, LOOK_MS) : undefined;
  };
  return {
    now: () => Math.floor(startMs + elapsedMs),
    monotonic: () => elapsedMs,
    schedule(delayMs: number, callback: () => void): Timer {
      if (nextLook === undefined) {
        pass();
        nextLook = setTimeout(look, LOOK_MS);
      }
      const timer = { atMs: elapsedMs + delayMs, callback };
      timers.add(timer);
      const cancel = (): void => {
        if (!timers.delete(timer) || timers.size > 0) return;
        clearTimeout(nextLook);
        nextLook = undefined;
      };
      return { cancel };
    },
  };
}
