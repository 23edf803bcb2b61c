import { type Pause, VALIDATION_SLICE_NODES_COUNT } from "../slices.ts";

/** Independent HPKE operations started together: enough to fill the runtime's threads. */
const CONCURRENT_COUNT_MAX = VALIDATION_SLICE_NODES_COUNT;

/**
 * `Promise.all` over `items`, a bounded number at a time; results in the order of `items`. Where a
 * suite has no asynchronous primitives, nobody has a turn but in a pause before each of several.
 */
export async function mapConcurrently<T, R>(
  items: readonly T[],
  operation: (item: T) => Promise<R>,
  pause?: Pause,
): Promise<R[]> {
  const results: R[] = [];
  for (let start = 0; start < items.length; start += CONCURRENT_COUNT_MAX) {
    if (items.length > CONCURRENT_COUNT_MAX) await pause?.();
    const batch = items.slice(start, start + CONCURRENT_COUNT_MAX).map(operation);
    results.push(...await Promise.all(batch));
  }
  return results;
}
