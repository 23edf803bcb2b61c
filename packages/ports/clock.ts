/** Time, as an argument: the simulator's moves only when it is told to. */
export interface Clock {
  /** Wall time, milliseconds since 1970-01-01 UTC. May jump either way. */
  now(): number;
  /** Milliseconds since some moment; never runs backwards. For durations and deadlines. */
  monotonic(): number;
  /**
   * Calls `callback` once, `delayMs` from now or later.
   * @param delayMs 0 or more
   * @returns a handle whose `cancel()` is harmless after the call, too
   */
  schedule(delayMs: number, callback: () => void): Timer;
}

export interface Timer {
  cancel(): void;
}

/**
 * Resolves after `delayMs`; at once when `signal` is aborted, then by throwing its reason. Leaves no
 * timer and no listener behind.
 */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const onAbort = (): void => {
      timer.cancel();
      reject(signal?.reason);
    };
    const timer = clock.schedule(delayMs, () => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    });
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}
