/** Pins: what this client holds each account to, from first use on; in its encrypted store. */
import { type Clock, MessengerError, type Store, type StoreTransaction } from "@qpq/ports";
import { type AccountId, type AccountName, parseAccountName } from "../accounts/names.ts";
import { sameBytes } from "../accounts/signed.ts";
import {
  decodeStoredPin,
  encodeStoredPin,
  type OfferedKey,
  type StoredPin,
} from "./devices.gen.ts";
import { pinKey } from "./keys.ts";
import { type CertifiedList, COUNTER_STEP_MAX } from "./statements.ts";

/**
 * How far an account is trusted to be who its name says.
 * - `first-use`: never seen before; pinned now.
 * - `pinned`: the same key as ever. `verified`: and the user has compared safety numbers.
 * - `changed`: another key, or another account under the name, was given. Nothing may be sent until
 *   the user accepts or rejects it, whatever is given meanwhile. `isSigned`: the pinned key signed
 *   the change; so says also who stole it.
 */
export type PeerState =
  | { readonly kind: "first-use" | "pinned" | "verified" }
  | { readonly kind: "changed"; readonly isSigned: boolean };

/** An account's key, as something showed it. */
export interface ShownKey {
  readonly accountId: AccountId;
  readonly name: AccountName;
  readonly accountKey: Uint8Array;
}

/** The same from the server, with what the account signed. */
export interface ShownAccount extends ShownKey {
  readonly earlierKeys: readonly Uint8Array[];
  readonly list: ListNumbers | undefined;
}

export type ListNumbers = Pick<CertifiedList, "counter" | "generation" | "hash">;

export interface PinOptions {
  readonly store: Store;
  readonly clock: Pick<Clock, "now">;
}

/** @returns undefined for an account that was never seen */
export async function readPin(store: Store, name: AccountName): Promise<StoredPin | undefined> {
  return await store.snapshot((reader) => getPin(reader, name));
}

export function stateOf(pin: StoredPin): PeerState {
  if (pin.offered !== undefined) return { kind: "changed", isSigned: pin.offered.isSigned };
  return { kind: pin.isVerified ? "verified" : "pinned" };
}

/** Whether key and account are the pinned ones. */
export function isPinned(
  pin: StoredPin,
  shown: { readonly accountId: Uint8Array; readonly accountKey: Uint8Array },
): boolean {
  return sameBytes(pin.accountId, shown.accountId) && sameBytes(pin.accountKey, shown.accountKey);
}

/**
 * Compares what the server shows with the pin, and moves it forward.
 * @throws MessengerError `devices/list-rolled-back`, `devices/counter-jump`
 */
export async function seeAccount(
  { store, clock }: PinOptions,
  shown: ShownAccount,
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
 * Compares what a leaf shows with the pin. A leaf of another key is `changed`, and leaves the pin as it
 * is: any member of a group can make one, and only the server's word can be accepted.
 */
export async function seeKey(
  { store, clock }: PinOptions,
  shown: ShownKey,
): Promise<{ readonly state: PeerState; readonly pin: StoredPin }> {
  const firstSeenAtMs = clock.now();
  return await store.transaction(async (transaction) => {
    const before = await getPin(transaction, shown.name);
    if (before === undefined) {
      const pin = firstPin(shown, firstSeenAtMs);
      putPin(transaction, pin);
      return { pin, state: { kind: "first-use" } };
    }
    const state: PeerState = isPinned(before, shown)
      ? stateOf(before)
      : { kind: "changed", isSigned: false };
    return { pin: before, state };
  });
}

/**
 * Takes over the key that was offered last, after the user was told. Its safety number is unverified.
 * @param offeredKey the one that the user saw: a newer offer is not accepted by mistake
 * @throws MessengerError `devices/not-pinned`: unknown name, or nothing (else) was offered
 */
export async function acceptKey(
  store: Store,
  name: AccountName,
  offeredKey: Uint8Array,
): Promise<void> {
  await store.transaction(async (transaction) => {
    const { pin, offered } = await requireOffer(transaction, name, offeredKey);
    putPin(transaction, {
      ...forgetOffer(pin),
      accountId: offered.accountId,
      accountKey: offered.accountKey,
      ...NO_LIST,
      listResets: pin.listResets + 1,
      isVerified: false,
    });
  });
}

/**
 * Keeps the pinned key, after the user has found the offered one to be wrong. Offered again, it blocks
 * again.
 * @throws MessengerError `devices/not-pinned`: unknown name, or nothing (else) was offered
 */
export async function rejectKey(
  store: Store,
  name: AccountName,
  offeredKey: Uint8Array,
): Promise<void> {
  await store.transaction(async (transaction) => {
    putPin(transaction, forgetOffer((await requireOffer(transaction, name, offeredKey)).pin));
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

/**
 * Lets any list of the pinned key count as the newest, after the user was told that the server is back
 * at an older one: a device that was revoked since may be on it again.
 * @throws MessengerError `devices/not-pinned`
 */
export async function forgetListSeen(store: Store, name: AccountName): Promise<void> {
  await store.transaction(async (transaction) => {
    const pin = await getPin(transaction, name);
    if (pin === undefined) {
      throw new MessengerError("devices/not-pinned", "Cannot accept an older list: no pin");
    }
    putPin(transaction, { ...pin, ...NO_LIST, listResets: pin.listResets + 1 });
  });
}

export async function getPin(
  reader: Pick<StoreTransaction, "get">,
  name: AccountName,
): Promise<StoredPin | undefined> {
  const stored = await reader.get(pinKey(name));
  return stored === undefined ? undefined : decodeStoredPin(stored);
}

export function putPin(transaction: StoreTransaction, pin: StoredPin): void {
  transaction.put(pinKey(parseAccountName(pin.name)), encodeStoredPin(pin));
}

/** No list was seen: the next one may have any number. */
const NO_LIST = { generation: 0, listCounter: 0, listHash: new Uint8Array() };

export function firstPin(
  shown: ShownKey & { readonly list?: ListNumbers | undefined },
  firstSeenAtMs: number,
): StoredPin {
  const { accountId, name, accountKey, list } = shown;
  return {
    accountId,
    name,
    accountKey,
    ...list === undefined ? NO_LIST : numbersOf(list),
    listResets: 0,
    isVerified: false,
    firstSeenAtMs,
    sharedKey: new Uint8Array(),
  };
}

function movedPin(pin: StoredPin, shown: ShownAccount): StoredPin {
  if (!isPinned(pin, shown)) return { ...pin, offered: offer(pin, shown) };
  const { list } = shown;
  requireNewerList(pin, list);
  return list === undefined ? pin : { ...pin, ...numbersOf(list) };
}

function numbersOf({ generation, counter, hash }: ListNumbers) {
  return { generation, listCounter: counter, listHash: hash };
}

function offer(pin: StoredPin, { accountId, accountKey, earlierKeys }: ShownAccount): OfferedKey {
  const isSigned = sameBytes(pin.accountId, accountId) &&
    earlierKeys.some((key) => sameBytes(key, pin.accountKey));
  return { accountId, accountKey, isSigned };
}

/**
 * @param seen numbers of the newest list before; counter 0: any number may follow
 * @throws MessengerError `devices/list-rolled-back`, `devices/counter-jump`
 */
export function requireNewerList(
  seen: Pick<StoredPin, "listCounter" | "generation" | "listHash">,
  list: ListNumbers | undefined,
): void {
  const counter = list?.counter ?? 0;
  const isOther = list !== undefined && counter === seen.listCounter && seen.listHash.length > 0 &&
    !sameBytes(list.hash, seen.listHash);
  if (counter < seen.listCounter || (list?.generation ?? 0) < seen.generation || isOther) {
    throw new MessengerError(
      "devices/list-rolled-back",
      `Cannot accept device list: ${counter} is not newer than ${seen.listCounter}`,
    );
  }
  if (seen.listCounter > 0 && counter - seen.listCounter > COUNTER_STEP_MAX) {
    throw new MessengerError(
      "devices/counter-jump",
      `Cannot accept device list: ${counter} is too far from ${seen.listCounter}`,
    );
  }
}

async function requireOffer(
  transaction: StoreTransaction,
  name: AccountName,
  offeredKey: Uint8Array,
): Promise<{ readonly pin: StoredPin; readonly offered: OfferedKey }> {
  const pin = await getPin(transaction, name);
  const offered = pin?.offered;
  if (pin === undefined || offered === undefined || !sameBytes(offered.accountKey, offeredKey)) {
    throw new MessengerError("devices/not-pinned", "Cannot decide on key: it was not offered");
  }
  return { pin, offered };
}

function forgetOffer(pin: StoredPin): StoredPin {
  const { offered: _, ...rest } = pin;
  return rest;
}
