import { decodeKey, keyAfterPrefix, type StoreTransaction } from "@qpq/ports";
import { inboxKeys } from "./keys.ts";
import { putInboxHead, readInboxHead } from "./records.ts";

/**
 * Marks the inboxes of devices that are gone, for the sweep to delete; without `deviceIds`: of every
 * device of the account. What one holds is not looked at: who fills an inbox keeps nobody from revoking.
 */
export async function forgetDevices(
  transaction: StoreTransaction,
  accountId: Uint8Array,
  deviceIds?: readonly Uint8Array[],
): Promise<void> {
  for (const deviceId of deviceIds ?? await ownersOf(transaction, accountId)) {
    const owner = { accountId, deviceId };
    const head = await readInboxHead(transaction, owner);
    if (head.sequence > 0) putInboxHead(transaction, owner, { ...head, isForgotten: true });
  }
}

/** Devices of the account that have an inbox. */
async function ownersOf(
  transaction: StoreTransaction,
  accountId: Uint8Array,
): Promise<readonly Uint8Array[]> {
  const prefix = inboxKeys(accountId);
  const deviceIds: Uint8Array[] = [];
  let start: Uint8Array | undefined = prefix;
  while (start !== undefined) {
    const [first] = (await transaction.range({ prefix, start, countMax: 1 })).entries;
    if (first === undefined) break;
    deviceIds.push(decodeKey(first.key).at(-1) as Uint8Array);
    start = keyAfterPrefix(first.key);
  }
  return deviceIds;
}
