import {
  assert,
  INCARNATION_VOID_KEY,
  type Random,
  type Store,
  type StoreTransaction,
} from "@qpq/ports";
import { INCARNATION_KEY } from "./keys.ts";
import { ID_BYTES } from "./limits.ts";

/**
 * The incarnation of this store's logs: 16 random bytes, made with the store and renewed after a
 * restore from a backup, because sequence numbers may come again with other entries then. Sessions
 * tell it in their hello; cursors belong to one.
 * @param options.onRestored what else a restore voids (sessions, unclaimed key packages), in the same
 *   transaction
 */
export async function openIncarnation(
  store: Store,
  options: {
    readonly random: Random;
    readonly onRestored?: (transaction: StoreTransaction) => Promise<void>;
  },
): Promise<Uint8Array> {
  const fresh = options.random.bytes(ID_BYTES);
  return await store.transaction(async (transaction) => {
    const [known, voided] = await Promise.all([
      transaction.get(INCARNATION_KEY),
      transaction.get(INCARNATION_VOID_KEY),
    ]);
    assert(known === undefined || known.length === ID_BYTES, "an incarnation has 16 bytes");
    if (known !== undefined && voided === undefined) return known;
    transaction.put(INCARNATION_KEY, fresh);
    transaction.delete(INCARNATION_VOID_KEY);
    if (known !== undefined) await options.onRestored?.(transaction);
    return fresh;
  });
}
