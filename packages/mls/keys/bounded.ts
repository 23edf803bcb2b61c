/** Independent HPKE operations started together: enough to fill the runtime's threads. */
const CONCURRENT_COUNT_MAX = 64;

/** `Promise.all` over `items`, a bounded number at a time; results in the order of `items`. */
export async function mapConcurrently<T, R>(
  items: readonly T[],
  operation: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  for (let start = 0; start < items.length; start += CONCURRENT_COUNT_MAX) {
    const batch = items.slice(start, start + CONCURRENT_COUNT_MAX).map(operation);
    results.push(...await Promise.all(batch));
  }
  return results;
}
