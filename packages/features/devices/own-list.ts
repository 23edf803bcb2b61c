/** The own account's device list, as this device saw it last: no server takes it back. */
import { MessengerError, type Store } from "@qpq/ports";
import type { Primitives } from "../accounts/primitives.ts";
import { sameBytes } from "../accounts/signed.ts";
import type { VerifiedAccount } from "./account-view.ts";
import {
  decodeDeviceList,
  decodeStoredOwnList,
  encodeStoredOwnList,
  type StoredOwnList,
} from "./devices.gen.ts";
import { OWN_LIST_KEY } from "./keys.ts";
import { requireNewerList } from "./pins.ts";

/**
 * Compares the own account with what was seen of it, and remembers its list.
 * @param own.accountKey the one that the vault gave
 * @throws MessengerError `accounts/own-key-changed`: the account has another key now, made on another device
 *   or by a server that cheats: log in; `devices/list-rolled-back`, `devices/counter-jump`
 */
export async function seeOwnAccount(
  own: { readonly accountKey: Uint8Array },
  account: VerifiedAccount,
  { store, primitives }: { readonly store: Store; readonly primitives: Primitives },
): Promise<void> {
  requireOwnKey(own, account);
  const { accountKey, list } = account;
  await store.transaction(async (transaction) => {
    const stored = await transaction.get(OWN_LIST_KEY);
    const before = stored === undefined ? undefined : decodeStoredOwnList(stored);
    // Another key came with a vault, whose version says that it is newer.
    if (before !== undefined && sameBytes(before.accountKey, accountKey)) {
      requireNewerList(numbersOf(before, primitives), list);
    }
    if (list === undefined) return;
    const certificates = list.devices.map(({ certificate }) => certificate);
    const seen = { accountKey, list: list.signed, certificates };
    transaction.put(OWN_LIST_KEY, encodeStoredOwnList(seen));
  });
}

/** @throws MessengerError `accounts/own-key-changed` */
export function requireOwnKey(
  own: { readonly accountKey: Uint8Array },
  account: { readonly accountKey: Uint8Array },
): void {
  if (sameBytes(own.accountKey, account.accountKey)) return;
  throw new MessengerError(
    "accounts/own-key-changed",
    "Cannot go on: the own account has another key now; log in with the password",
  );
}

/** @returns undefined before the first login has ended */
export async function readOwnList(store: Store): Promise<StoredOwnList | undefined> {
  const stored = await store.snapshot((reader) => reader.get(OWN_LIST_KEY));
  return stored === undefined ? undefined : decodeStoredOwnList(stored);
}

function numbersOf({ list }: StoredOwnList, primitives: Primitives) {
  const { counter, generation } = decodeDeviceList(list.statement);
  return { listCounter: counter, generation, listHash: primitives.hash(list.statement) };
}
