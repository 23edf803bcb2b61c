import type { Clock, Timer } from "@qpq/ports";

/** Delays above this overflow the runtime's timers: they are waited for in pieces. */
const TIMER_DELAY_MS_MAX = 2 ** 31 - 1;

/** The machine's own time. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  schedule(delayMs: number, callback: () => void): Timer {
    let handle: ReturnType<typeof setTimeout> | undefined;
    const arm = (remainingMs: number): void => {
      const stepMs = Math.min(remainingMs, TIMER_DELAY_MS_MAX);
      handle = setTimeout(() => {
        if (remainingMs > stepMs) arm(remainingMs - stepMs);
        else callback();
      }, stepMs);
    };
    arm(delayMs);
    return { cancel: () => clearTimeout(handle) };
  },
};
