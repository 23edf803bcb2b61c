import { decodeKey, keyAfter, RANGE_ENTRIES_MAX, type StoreTransaction } from "@qpq/ports";
import { decodeStoredInboxEntry } from "./channels.gen.ts";
import { inboxKey, inboxKeys } from "./keys.ts";
import { releaseWelcome } from "./sweep.ts";

/** Deletes the inboxes of devices; without `deviceIds`: of every device of the account. */
export async function forgetDevices(
  transaction: StoreTransaction,
  accountId: Uint8Array,
  deviceIds?: readonly Uint8Array[],
): Promise<void> {
  const prefixes = deviceIds?.map((id) => inboxKey(accountId, id)) ?? [inboxKeys(accountId)];
  for (const prefix of prefixes) await deleteInboxes(transaction, prefix);
}

async function deleteInboxes(transaction: StoreTransaction, prefix: Uint8Array): Promise<void> {
  let start = prefix;
  for (;;) {
    const page = await transaction.range({ prefix, start, countMax: RANGE_ENTRIES_MAX });
    for (const { key, value } of page.entries) {
      transaction.delete(key);
      if (typeof decodeKey(key).at(-1) !== "number") continue;
      await releaseWelcome(transaction, decodeStoredInboxEntry(value));
    }
    const last = page.entries.at(-1);
    if (!page.more || last === undefined) return;
    start = keyAfter(last.key);
  }
}
