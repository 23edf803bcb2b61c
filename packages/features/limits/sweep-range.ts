import { keyAfter, type Store, type StoreTransaction } from "@qpq/ports";

/** Entries that one transaction of a sweep looks at, and transactions of one sweep. */
const SWEEP_COUNT_MAX = 500;
const SWEEP_TRANSACTIONS_MAX = 100_000;

/** Goes through a range in small transactions, so that others have their turn in between. */
export async function sweepRange(
  store: Store,
  prefix: Uint8Array,
  visit: (
    transaction: StoreTransaction,
    entry: { readonly key: Uint8Array; readonly value: Uint8Array },
  ) => Promise<void> | void,
): Promise<void> {
  let start: Uint8Array | undefined;
  for (let round = 0; round < SWEEP_TRANSACTIONS_MAX; round++) {
    const from = start;
    start = await store.transaction(async (transaction) => {
      const page = await transaction.range({
        prefix,
        countMax: SWEEP_COUNT_MAX,
        ...from === undefined ? {} : { start: from },
      });
      for (const entry of page.entries) await visit(transaction, entry);
      const last = page.entries.at(-1);
      return page.more && last !== undefined ? keyAfter(last.key) : undefined;
    });
    if (start === undefined) return;
  }
}
