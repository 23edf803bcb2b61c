/** Which members of a group are not who they were. */
import type { Store, StoreWatch } from "@qpq/ports";
import { sameBytes } from "../accounts/signed.ts";
import type { LeafDevice } from "./credential.ts";
import { PIN_KEYS } from "./keys.ts";
import { readPin, stateOf } from "./peers.ts";

/** Calls `onChange` when a pin was changed. */
export function watchPins(store: Store, onChange: () => void): StoreWatch {
  return store.watch(PIN_KEYS, onChange);
}

/**
 * Names of accounts to which nothing may be sent: another key than the pinned one was seen, in a group or
 * from the server, and was not accepted.
 * @param devices at least one of each account
 */
export async function untrustedAccounts(
  store: Store,
  devices: readonly LeafDevice[],
): Promise<readonly string[]> {
  const names = new Set<string>();
  for (const { accountName, accountKey } of devices) {
    const pin = await readPin(store, accountName);
    const isTrusted = pin === undefined ||
      stateOf(pin).kind !== "changed" && sameBytes(pin.accountKey, accountKey);
    if (!isTrusted) names.add(accountName);
  }
  return [...names];
}
