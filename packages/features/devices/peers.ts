/** What this client holds others to: pinned on first use, and from then on only ever moved forward. */
import {
  type Clock,
  keyAfter,
  MessengerError,
  type Store,
  type StoreTransaction,
} from "@qpq/ports";
import type { DirectoryPin } from "../accounts/accounts.gen.ts";
import {
  type AccountId,
  type AccountName,
  parseAccountId,
  parseAccountName,
} from "../accounts/names.ts";
import type { Home } from "../accounts/home.ts";
import { type Primitives, SIGNATURE_KEY_BYTES } from "../accounts/primitives.ts";
import { sameBytes } from "../accounts/signed.ts";
import { type VerifiedAccount, verifyView } from "./account-view.ts";
import type { LeafDevice } from "./credential.ts";
import {
  decodeStoredPin,
  devicesClient,
  encodeStoredPin,
  type OfferedKey,
  type StoredPin,
} from "./devices.gen.ts";
import { PIN_KEYS, pinKey } from "./keys.ts";
import { COUNTER_STEP_MAX } from "./statements.ts";

/**
 * How far an account is trusted to be who its name says.
 * - `first-use`: never seen before; pinned now.
 * - `pinned`: the same key as ever. `verified`: and the user has compared safety numbers.
 * - `changed`: another key, or another account under the name. Nothing may be sent until the user
 *   accepts it. `isSigned`: the pinned key signed the change; so says also who stole it.
 */
export type PeerState =
  | { readonly kind: "first-use" | "pinned" | "verified" }
  | { readonly kind: "changed"; readonly isSigned: boolean };

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

/** An account's key, as something showed it. */
interface Shown {
  readonly accountId: AccountId;
  readonly name: AccountName;
  readonly accountKey: Uint8Array;
  readonly earlierKeys: readonly Uint8Array[];
  readonly list: ListNumbers | undefined;
}

interface ListNumbers {
  readonly counter: number;
  readonly generation: number;
  readonly hash: Uint8Array;
}

/**
 * Asks the server for an account, verifies every word of it, and pins it at first use.
 * @throws MessengerError `accounts/unknown`, `accounts/rate-limited`, `accounts/name-invalid`; of a
 *   server that cheats: `accounts/wrong-account`, `accounts/bad-signature`, `devices/bad-list`,
 *   `devices/bad-certificate`, `devices/list-rolled-back`, `devices/counter-jump`
 */
export async function fetchPeer(home: Home, name: string, options: PeerOptions): Promise<Peer> {
  const accountName = parseAccountName(name);
  const view = await devicesClient(home).findByName({ name: accountName });
  const account = verifyView(options.primitives, view, { name: accountName });
  await requireListKept(account, options.store);
  return { account, ...await see(options, account) };
}

/** @throws MessengerError `devices/list-rolled-back`: there was a list before */
async function requireListKept(account: VerifiedAccount, store: Store): Promise<void> {
  const pin = await readPin(store, account.name);
  const isLost = account.list === undefined && pin !== undefined && pin.listCounter > 0 &&
    sameBytes(pin.accountKey, account.accountKey);
  if (!isLost) return;
  throw new MessengerError("devices/list-rolled-back", "Cannot accept account: its list is gone");
}

/**
 * Compares what a leaf of a group shows with what is pinned, and pins it at first use. For showing
 * and sending; whether a commit is valid never depends on it.
 * @returns `isOutdated`: its certificate is of a generation before a newer one that was seen
 */
export async function seeCredential(
  device: LeafDevice,
  options: PeerOptions,
): Promise<{ readonly state: PeerState; readonly isOutdated: boolean }> {
  const { accountId, accountName: name, accountKey, generation } = device;
  const shown = { accountId, name, accountKey, earlierKeys: [], list: undefined };
  const { state, pin } = await see(options, shown);
  const isOutdated = state.kind !== "changed" && generation < pin.generation;
  return { state, isOutdated };
}

/** @throws MessengerError `devices/key-changed` for `changed` */
export function requireTrusted(state: PeerState): void {
  if (state.kind !== "changed") return;
  throw new MessengerError(
    "devices/key-changed",
    "Cannot send: the account key has changed; compare safety numbers, then accept it",
  );
}

/** @returns undefined for an account that was never seen */
export async function readPin(store: Store, name: AccountName): Promise<StoredPin | undefined> {
  return await store.snapshot((reader) => getPin(reader, name));
}

export function stateOf(pin: StoredPin): PeerState {
  if (pin.offered !== undefined) return { kind: "changed", isSigned: pin.offered.isSigned };
  return { kind: pin.isVerified ? "verified" : "pinned" };
}

/**
 * Accepts the key that was offered last, after the user was told. Its safety number is unverified.
 * @param expectedKey the one that the user saw: a newer offer is not accepted by mistake
 * @throws MessengerError `devices/not-pinned`: unknown name, or nothing (else) was offered
 */
export async function acceptKey(
  store: Store,
  name: AccountName,
  expectedKey: Uint8Array,
): Promise<void> {
  await store.transaction(async (transaction) => {
    const pin = await getPin(transaction, name);
    const offered = pin?.offered;
    if (pin === undefined || offered === undefined || !sameBytes(offered.accountKey, expectedKey)) {
      throw new MessengerError("devices/not-pinned", "Cannot accept key: it was not offered");
    }
    putPin(transaction, {
      ...forgetOffer(pin),
      accountId: offered.accountId,
      accountKey: offered.accountKey,
      generation: 0,
      listCounter: 0,
      listHash: new Uint8Array(),
      isVerified: false,
    });
  });
}

/**
 * Notes that the user has compared safety numbers for this key.
 * @throws MessengerError `devices/not-pinned`: another key is pinned, or none
 */
export async function markVerified(
  store: Store,
  name: AccountName,
  accountKey: Uint8Array,
): Promise<void> {
  await store.transaction(async (transaction) => {
    const pin = await getPin(transaction, name);
    if (pin === undefined || !sameBytes(pin.accountKey, accountKey)) {
      throw new MessengerError("devices/not-pinned", "Cannot verify: another key is pinned");
    }
    putPin(transaction, { ...pin, isVerified: true });
  });
}

/** Pins at most that the directory carries. */
const PINS_MAX = 4_096;

/** All pins, for the directory: a new device is not at first use again. */
export async function exportPins(store: Store): Promise<readonly DirectoryPin[]> {
  const pins: DirectoryPin[] = [];
  await store.snapshot(async (reader) => {
    let start: Uint8Array | undefined;
    while (pins.length < PINS_MAX) {
      const page = await reader.range({
        prefix: PIN_KEYS,
        ...start === undefined ? {} : { start },
      });
      for (const { value } of page.entries.slice(0, PINS_MAX - pins.length)) {
        const { accountId, name, accountKey, generation, listCounter, isVerified } =
          decodeStoredPin(value);
        pins.push({
          accountId,
          accountName: name,
          accountKey,
          generation,
          listCounter,
          isVerified,
        });
      }
      const last = page.entries.at(-1);
      if (!page.more || last === undefined) return;
      start = keyAfter(last.key);
    }
  });
  return pins;
}

/**
 * Takes over pins from the directory: unknown ones whole, of known ones with the same key what is
 * newer. A pin of this device is never replaced by another key: that stays for the user to accept.
 */
export async function importPins(
  store: Store,
  pins: readonly DirectoryPin[],
  clock: Pick<Clock, "now">,
): Promise<void> {
  const firstSeenAtMs = clock.now();
  await store.transaction(async (transaction) => {
    for (const pin of pins) {
      const name = parseAccountName(pin.accountName);
      const accountId = parseAccountId(pin.accountId);
      if (pin.accountKey.length !== SIGNATURE_KEY_BYTES) continue;
      const known = await getPin(transaction, name);
      if (known === undefined) {
        const { accountKey, generation, listCounter, isVerified } = pin;
        const listHash = new Uint8Array();
        putPin(transaction, {
          accountId,
          name,
          accountKey,
          generation,
          listCounter,
          listHash,
          isVerified,
          firstSeenAtMs,
        });
      } else if (sameBytes(known.accountKey, pin.accountKey)) {
        const isNewer = pin.listCounter > known.listCounter;
        putPin(transaction, {
          ...known,
          generation: Math.max(known.generation, pin.generation),
          listCounter: Math.max(known.listCounter, pin.listCounter),
          listHash: isNewer ? new Uint8Array() : known.listHash,
          isVerified: known.isVerified || pin.isVerified,
        });
      }
    }
  });
}

/** Compares with the pin, and moves it forward. */
async function see(
  { store, clock }: Pick<PeerOptions, "store" | "clock">,
  shown: Shown,
): Promise<{ readonly state: PeerState; readonly pin: StoredPin }> {
  const firstSeenAtMs = clock.now();
  return await store.transaction(async (transaction) => {
    const before = await getPin(transaction, shown.name);
    const pin = before === undefined ? firstPin(shown, firstSeenAtMs) : movedPin(before, shown);
    putPin(transaction, pin);
    return { pin, state: before === undefined ? { kind: "first-use" } : stateOf(pin) };
  });
}

/**
 * The same for the own account, whose key its vault says, not its pin.
 * @throws MessengerError `devices/list-rolled-back`, `devices/counter-jump`
 */
export async function seeOwnAccount(
  account: VerifiedAccount,
  { store, clock }: Pick<PeerOptions, "store" | "clock">,
): Promise<void> {
  const firstSeenAtMs = clock.now();
  await store.transaction(async (transaction) => {
    const before = await getPin(transaction, account.name);
    const isKnown = before !== undefined && sameBytes(before.accountKey, account.accountKey);
    putPin(transaction, isKnown ? movedPin(before, account) : firstPin(account, firstSeenAtMs));
  });
}

function firstPin({ accountId, name, accountKey, list }: Shown, firstSeenAtMs: number): StoredPin {
  return {
    accountId,
    name,
    accountKey,
    generation: list?.generation ?? 0,
    listCounter: list?.counter ?? 0,
    listHash: list?.hash ?? new Uint8Array(),
    isVerified: false,
    firstSeenAtMs,
  };
}

function movedPin(pin: StoredPin, shown: Shown): StoredPin {
  const isSame = sameBytes(pin.accountId, shown.accountId) &&
    sameBytes(pin.accountKey, shown.accountKey);
  if (!isSame) return { ...pin, offered: offer(pin, shown) };
  const known = forgetOffer(pin);
  const { list } = shown;
  // A leaf shows no list. A server that showed one and now has none is found out by `fetchPeer`.
  if (list === undefined) return known;
  requireNewerList(pin, list);
  return {
    ...known,
    generation: list.generation,
    listCounter: list.counter,
    listHash: list.hash,
  };
}

function offer(pin: StoredPin, { accountId, accountKey, earlierKeys }: Shown): OfferedKey {
  const isSigned = sameBytes(pin.accountId, accountId) &&
    earlierKeys.some((key) => sameBytes(key, pin.accountKey));
  return { accountId, accountKey, isSigned };
}

/** @throws MessengerError `devices/list-rolled-back`, `devices/counter-jump` */
function requireNewerList(pin: StoredPin, list: ListNumbers): void {
  const isOther = list.counter === pin.listCounter && pin.listHash.length > 0 &&
    !sameBytes(list.hash, pin.listHash);
  if (list.counter < pin.listCounter || list.generation < pin.generation || isOther) {
    throw new MessengerError(
      "devices/list-rolled-back",
      `Cannot accept device list: ${list.counter} is not newer than ${pin.listCounter}`,
    );
  }
  // The first list after an acceptance may have any number.
  if (pin.listCounter > 0 && list.counter - pin.listCounter > COUNTER_STEP_MAX) {
    throw new MessengerError(
      "devices/counter-jump",
      `Cannot accept device list: ${list.counter} is too far from ${pin.listCounter}`,
    );
  }
}

function forgetOffer(pin: StoredPin): StoredPin {
  const { offered: _, ...rest } = pin;
  return rest;
}

async function getPin(
  reader: Pick<StoreTransaction, "get">,
  name: AccountName,
): Promise<StoredPin | undefined> {
  const stored = await reader.get(pinKey(name));
  return stored === undefined ? undefined : decodeStoredPin(stored);
}

function putPin(transaction: StoreTransaction, pin: StoredPin): void {
  transaction.put(pinKey(parseAccountName(pin.name)), encodeStoredPin(pin));
}
