import type { Store } from "@qpq/ports";

/**
 * Runs each transaction's function in a transaction that is dropped, then again in one that counts:
 * what a database does after a conflict. Proves of a feature that its functions may run again. For
 * tests.
 */
export function runningTwice(store: Store): Store {
  return {
    closed: store.closed,
    transaction: async (fn, options) => {
      let begun = false;
      const first = store.transaction(async (transaction) => {
        begun = true;
        await fn(transaction);
        throw new Error("dropped");
      }, options);
      await first.catch((reason) => {
        // What the first run throws of itself, the second throws again.
        if (!begun) throw reason;
      });
      return await store.transaction(fn);
    },
    snapshot: (fn) => store.snapshot(fn),
    watch: (prefix, onChange) => store.watch(prefix, onChange),
    close: () => store.close(),
    [Symbol.asyncDispose]: () => store.close(),
  };
}
