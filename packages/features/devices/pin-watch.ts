/** Which members of a group are not who they were. */
import type { Store, StoreWatch } from "@qpq/ports";
import { sameBytes } from "../accounts/signed.ts";
import type { LeafDevice } from "./credential.ts";
import { PIN_KEYS } from "./keys.ts";
import { type PeerOptions, readPin, seeCredential, stateOf } from "./peers.ts";

/** Calls `onChange` when a pin was changed. */
export function watchPins(store: Store, onChange: () => void): StoreWatch {
  return store.watch(PIN_KEYS, onChange);
}

/**
 * Names of accounts to which nothing may be sent: another key than the pinned one was seen, in a group or
 * from the server, and was not accepted. Who is not pinned yet is from now on: a run that ended between a
 * commit and its pins has left nobody who may come back under any key.
 * @param devices at least one of each account
 */
export async function untrustedAccounts(
  devices: readonly LeafDevice[],
  options: PeerOptions,
): Promise<readonly string[]> {
  const names = new Set<string>();
  for (const device of devices) {
    const { accountName, accountKey } = device;
    const pin = await readPin(options.store, accountName);
    const isTrusted = pin === undefined
      ? (await seeCredential(device, options)).state.kind !== "changed"
      : stateOf(pin).kind !== "changed" && sameBytes(pin.accountKey, accountKey);
    if (!isTrusted) names.add(accountName);
  }
  return [...names];
}
