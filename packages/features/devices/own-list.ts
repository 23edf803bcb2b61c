/** The own account's device list, as this device saw it last: no server takes it back. */
import { MessengerError, type Store, type StoreWatch } from "@qpq/ports";
import type { Primitives } from "../accounts/primitives.ts";
import { sameBytes } from "../accounts/signed.ts";
import type { VerifiedAccount } from "./account-view.ts";
import type { LeafDevice } from "./credential.ts";
import {
  decodeDeviceCertificate,
  decodeDeviceList,
  decodeStoredOwnDevice,
  decodeStoredOwnList,
  encodeStoredOwnDevice,
  encodeStoredOwnList,
  type StoredOwnList,
} from "./devices.gen.ts";
import { OWN_DEVICE_KEY, OWN_LIST_KEY } from "./keys.ts";
import { requireNewerList } from "./pins.ts";

/**
 * Compares the own account with what was seen of it, and remembers its list, with this device's
 * certificate from it: who acts on the list shows its generation.
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
  const { accountKey, list, earlierKeys } = account;
  await store.transaction(async (transaction) => {
    const stored = await transaction.get(OWN_LIST_KEY);
    const before = stored === undefined ? undefined : decodeStoredOwnList(stored);
    // Another key came with a vault, whose version says that it is newer.
    if (before !== undefined && sameBytes(before.accountKey, accountKey)) {
      requireNewerList(numbersOf(before, primitives), list);
    }
    if (list === undefined) return;
    const certificates = list.devices.map(({ certificate }) => certificate);
    const seen = { accountKey, list: list.signed, certificates, earlierKeys };
    const encoded = encodeStoredOwnList(seen);
    // Nobody is woken by what is no news.
    if (stored === undefined || !sameBytes(stored, encoded)) transaction.put(OWN_LIST_KEY, encoded);
    const ownDevice = await transaction.get(OWN_DEVICE_KEY);
    if (ownDevice === undefined) return;
    const device = decodeStoredOwnDevice(ownDevice);
    const listed = list.devices.find(({ deviceId }) => sameBytes(deviceId, device.deviceId));
    if (listed === undefined) return;
    const { certificate } = listed;
    const next = encodeStoredOwnDevice({ ...device, certificate });
    if (!sameBytes(ownDevice, next)) transaction.put(OWN_DEVICE_KEY, next);
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

/** Calls `onChange` when there is a newer one. */
export function watchOwnList(store: Store, onChange: () => void): StoreWatch {
  return store.watch(OWN_LIST_KEY, onChange);
}

/** What the own account's list says of leaves. */
export interface OwnList {
  readonly counter: number;
  /** Of its certificates, this device's among them. */
  readonly generation: number;
  /**
   * - `listed`: a device of the account's, though its certificate may be of an earlier generation or key.
   * - `revoked`: the account has taken it off, or has given up the key that vouches for it.
   * - `unknown`: on no list that was seen, and not known to be off one.
   *
   * Whatever a server hides, no device that the account's key has on a list is `revoked`: a list lacks a
   * device of an earlier generation only when the account's key has left it out.
   */
  judge(leaf: LeafDevice): "listed" | "revoked" | "unknown";
}

/** @returns undefined before the first login has ended */
export async function openOwnList(store: Store): Promise<OwnList | undefined> {
  const stored = await readOwnList(store);
  if (stored === undefined) return undefined;
  const { counter, generation } = decodeDeviceList(stored.list.statement);
  const { accountKey, earlierKeys } = stored;
  const devices = stored.certificates.map(({ statement }) => decodeDeviceCertificate(statement));
  return {
    counter,
    generation,
    judge: (leaf) => {
      const isListed = devices.some(({ deviceId, signatureKey }) =>
        sameBytes(deviceId, leaf.deviceId) && sameBytes(signatureKey, leaf.signatureKey)
      );
      const isEarlierKey = earlierKeys.some((key) => sameBytes(key, leaf.accountKey));
      const isKnownKey = isEarlierKey || sameBytes(accountKey, leaf.accountKey);
      if (isListed) return isKnownKey ? "listed" : "unknown";
      return isEarlierKey || leaf.generation < generation ? "revoked" : "unknown";
    },
  };
}

function numbersOf({ list }: StoredOwnList, primitives: Primitives) {
  const { counter, generation } = decodeDeviceList(list.statement);
  return { listCounter: counter, generation, listHash: primitives.hash(list.statement) };
}
