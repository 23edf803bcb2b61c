import type { Clock } from "@qpq/ports";

/** The machine's own time, sped up: what waits for seconds, by design, waits for less in a test. */
export function fastClock(speed: number): Clock {
  const startMs = Date.now();
  const start = performance.now();
  const elapsed = (): number => (performance.now() - start) * speed;
  return {
    now: () => Math.floor(startMs + elapsed()),
    monotonic: elapsed,
    schedule: (delayMs, callback) => {
      const handle = setTimeout(callback, Math.min(delayMs / speed, 2 ** 31 - 1));
      return { cancel: () => clearTimeout(handle) };
    },
  };
}
