/** Other accounts, as a hostile server may show them: verified, and held to what is pinned. */
import { type Clock, MessengerError, type Store } from "@qpq/ports";
import { readOwnAccount } from "../accounts/client.ts";
import type { Home } from "../accounts/home.ts";
import { parseAccountId, parseAccountName } from "../accounts/names.ts";
import type { Primitives } from "../accounts/primitives.ts";
import { type VerifiedAccount, verifyView } from "./account-view.ts";
import type { LeafDevice } from "./credential.ts";
import { decodeDeviceList, devicesClient, type StoredPin } from "./devices.gen.ts";
import { readOwnList, seeOwnAccount } from "./own-list.ts";
import { firstPin, isPinned, type PeerState, readPin, seeAccount, seeKey } from "./pins.ts";
import { receivePins } from "./shared-pins.ts";

export {
  acceptKey,
  forgetListSeen,
  markVerified,
  type PeerState,
  readPin,
  rejectKey,
  stateOf,
} from "./pins.ts";

/** An account, and what this client thinks of it. */
export interface Peer {
  readonly account: VerifiedAccount;
  readonly state: PeerState;
  readonly pin: StoredPin;
}

export interface PeerOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly primitives: Primitives;
}

/**
 * Asks the server for an account, verifies every word of it, and compares it with the pin. One that
 * this device has never seen is pinned, after the directory was read: another device of the own account
 * may know better. The own account is held to the key that its vault gave.
 * @throws MessengerError `accounts/unknown`, `accounts/rate-limited`, `accounts/name-invalid`; what
 *   `receivePins` throws; of a server that cheats: `accounts/wrong-account`,
 *   `accounts/bad-signature`, `devices/bad-list`, `devices/bad-certificate`,
 *   `devices/list-rolled-back`, `devices/counter-jump`; `accounts/own-key-changed` of the own account
 */
export async function fetchPeer(home: Home, name: string, options: PeerOptions): Promise<Peer> {
  const { store, primitives, clock } = options;
  const accountName = parseAccountName(name);
  const own = await readOwnAccount(store);
  if (own === undefined) {
    throw new MessengerError("accounts/unknown", "Cannot fetch account: no account here");
  }
  const { serverName } = own;
  const isOwn = own.name === accountName;
  if (!isOwn && await readPin(store, accountName) === undefined) await receivePins(home, options);
  const view = await devicesClient(home).findByName({ name: accountName });
  const account = verifyView(primitives, view, { name: accountName, serverName });
  if (!isOwn) return { account, ...await seeAccount(options, account) };
  await seeOwnAccount(own, account, options);
  const pin = { ...firstPin(account, clock.now()), isVerified: true };
  return { account, pin, state: { kind: "verified" } };
}

/**
 * Compares what a leaf of a group shows with what is pinned, and pins it at first use (after
 * `sharePins` in this session, so that what other devices know counts). For showing and sending; whether
 * a commit is valid never depends on it.
 * @throws MessengerError `accounts/wrong-server`: a certificate for an account on another one
 * @returns `isOutdated`: its certificate is of a generation before a newer one that was seen
 */
export async function seeCredential(
  device: LeafDevice,
  options: PeerOptions,
): Promise<{ readonly state: PeerState; readonly isOutdated: boolean }> {
  const { accountId, accountName: name, accountKey, generation } = device;
  const shown = { accountId, name, accountKey };
  const own = await readOwnAccount(options.store);
  if (own !== undefined && own.serverName !== device.serverName) {
    throw new MessengerError("accounts/wrong-server", "Cannot accept leaf: of another server");
  }
  if (own?.name === name) {
    const pin = firstPin({ ...own, name, accountId: parseAccountId(own.accountId) }, 0);
    if (!isPinned(pin, shown)) {
      return { state: { kind: "changed", isSigned: false }, isOutdated: false };
    }
    const newest = await readOwnList(options.store);
    const isOutdated = newest !== undefined &&
      generation < decodeDeviceList(newest.list.statement).generation;
    return { state: { kind: "verified" }, isOutdated };
  }
  const { state, pin } = await seeKey(options, shown);
  return { state, isOutdated: isPinned(pin, shown) && generation < pin.generation };
}

/** @throws MessengerError `devices/key-changed` for `changed` */
export function requireTrusted(state: PeerState): void {
  if (state.kind !== "changed") return;
  throw new MessengerError(
    "devices/key-changed",
    "Cannot send: the account key has changed; compare safety numbers, then accept or reject it",
  );
}
