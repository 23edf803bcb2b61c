import { type Random, randomFraction } from "@qpq/ports";

/**
 * Exponential back-off with full jitter: a time between 0 and a ceiling that doubles with every
 * failure. So a thousand clients that lose one server do not come back in step.
 * @param options.failures attempts that failed in a row, 1 or more
 * @returns milliseconds
 */
export function backOffMs(
  random: Random,
  options: { readonly failures: number; readonly minMs: number; readonly maxMs: number },
): number {
  const ceilingMs = Math.min(
    options.maxMs,
    options.minMs * 2 ** Math.min(options.failures - 1, 30),
  );
  return randomFraction(random) * ceilingMs;
}
