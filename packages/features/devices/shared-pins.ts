/**
 * Pins in the directory, which all devices of the account share. A key that is pinned there holds
 * against whatever a server shows a device that has not read it yet.
 */
import {
  type Clock,
  keyAfter,
  MessengerError,
  type Random,
  type Store,
  type StoreTransaction,
} from "@qpq/ports";
import {
  type DirectoryContent,
  type DirectoryPin,
  encodeDirectoryContent,
} from "../accounts/accounts.gen.ts";
import { getOwnAccount } from "../accounts/client.ts";
import { type Directory, readDirectory, writeDirectory } from "../accounts/directory.ts";
import type { Home } from "../accounts/home.ts";
import { parseAccountId, parseAccountName } from "../accounts/names.ts";
import { type Primitives, SIGNATURE_KEY_BYTES } from "../accounts/primitives.ts";
import { sameBytes } from "../accounts/signed.ts";
import { decodeStoredPin, type StoredPin } from "./devices.gen.ts";
import { PIN_KEYS } from "./keys.ts";
import { firstPin, getPin, isPinned, putPin } from "./pins.ts";

/** Pins at most that the directory carries; the schema says the same. */
export const DIRECTORY_PINS_MAX = 2_048;
/** Times that a write is tried again when another device was first. */
const ATTEMPTS_MAX = 4;

export interface SharedPinsOptions {
  readonly store: Store;
  readonly clock: Pick<Clock, "now">;
  readonly primitives: Primitives;
}

/**
 * Takes over what the directory says of other accounts.
 * @throws MessengerError what `readDirectory` throws: `accounts/directory-refused`,
 *   `accounts/directory-rolled-back`; `accounts/version-conflict`: it is replaced all the time; what
 *   the connection fails with
 */
export async function receivePins(home: Home, options: SharedPinsOptions): Promise<Directory> {
  const { store, clock, primitives } = options;
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
    const directory = await readDirectory(home, { store, primitives });
    if (await importPins(store, directory, clock)) return directory;
  }
  throw new MessengerError(
    "accounts/version-conflict",
    `Cannot read directory: it was replaced ${ATTEMPTS_MAX} times meanwhile`,
  );
}

/**
 * Shares pins with the account's other devices, both ways.
 * @returns `leftOut`: pins that the directory has no room for; verified and older ones go first
 * @throws MessengerError as `receivePins`; `accounts/version-conflict`: others write all the time
 */
export async function sharePins(
  home: Home,
  options: SharedPinsOptions & { readonly random: Random },
): Promise<{ readonly leftOut: number }> {
  const { store, primitives, random } = options;
  for (let attempt = 1;; attempt++) {
    const { version, content } = await receivePins(home, options);
    const { pins, leftOut } = await mergePins(store, content.pins);
    try {
      if (!samePins(content.pins, pins)) {
        const merged = { version, content: { ...content, pins } };
        await writeDirectory(home, merged, { store, primitives, random });
      }
      await noteShared(store, pins);
      return { leftOut };
    } catch (error) {
      const isLate = error instanceof MessengerError && error.code === "accounts/version-conflict";
      if (!isLate || attempt === ATTEMPTS_MAX) throw error;
    }
  }
}

/**
 * Merges the directory's pins into this device's. The same key: newer numbers, and whether anybody has
 * verified it. Another key is a change, which the user decides on here, too, unless it is the one that
 * this device knew of when its user decided otherwise. A key that was pinned only at first use, and
 * never shared, gives way to the directory's and becomes the offered one: it was seen without knowing
 * better.
 * @returns false, and nothing is merged, when this device has seen a newer directory meanwhile: what
 *   its user has decided since would look like a change
 */
export async function importPins(
  store: Store,
  { version, content }: Directory,
  clock: Pick<Clock, "now">,
): Promise<boolean> {
  const firstSeenAtMs = clock.now();
  return await store.transaction(async (transaction) => {
    const own = await getOwnAccount(transaction);
    if (own !== undefined && own.directoryVersion > version) return false;
    for (const pin of content.pins) {
      if (pin.accountKey.length !== SIGNATURE_KEY_BYTES || pin.accountName === own?.name) continue;
      const known = await getPin(transaction, parseAccountName(pin.accountName));
      const merged = known === undefined
        ? pinOf(pin, firstSeenAtMs)
        : mergePin(known, pin, firstSeenAtMs);
      if (merged !== undefined) putPin(transaction, merged);
    }
    return true;
  });
}

/** @returns undefined when the device's stays as it is */
function mergePin(known: StoredPin, pin: DirectoryPin, nowMs: number): StoredPin | undefined {
  const sharedKey = pin.accountKey;
  if (isPinned(known, pin)) {
    return {
      ...known,
      ...newerNumbers(known, pin),
      isVerified: known.isVerified || pin.isVerified,
      sharedKey,
    };
  }
  // Decided here since the directory was read last: this device's goes there next.
  if (sameBytes(known.sharedKey, sharedKey)) return undefined;
  const offer = ({ accountId, accountKey }: DirectoryPin | StoredPin) => ({
    accountId,
    accountKey,
    isSigned: false,
  });
  const isFirstUse = known.sharedKey.length === 0 && !known.isVerified;
  return isFirstUse
    ? { ...pinOf(pin, nowMs), offered: offer(known) }
    : { ...known, sharedKey, offered: offer(pin) };
}

function newerNumbers(known: StoredPin, pin: DirectoryPin) {
  if (pin.listResets < known.listResets) return {};
  const { generation, listCounter, listResets } = pin;
  const isReset = listResets > known.listResets;
  if (isReset) return { generation, listCounter, listResets, listHash: new Uint8Array() };
  return {
    generation: Math.max(known.generation, generation),
    listCounter: Math.max(known.listCounter, listCounter),
    listHash: listCounter > known.listCounter ? new Uint8Array() : known.listHash,
  };
}

function pinOf(pin: DirectoryPin, firstSeenAtMs: number): StoredPin {
  const { accountKey, generation, listCounter, listResets, isVerified } = pin;
  const name = parseAccountName(pin.accountName);
  const accountId = parseAccountId(pin.accountId);
  return {
    ...firstPin({ accountId, name, accountKey }, firstSeenAtMs),
    ...{ generation, listCounter, listResets, isVerified },
    sharedKey: accountKey,
  };
}

/**
 * What the directory should say: this device's pins. Where its user has yet to decide between two keys
 * the directory keeps what it has.
 */
export async function mergePins(
  store: Store,
  before: readonly DirectoryPin[],
): Promise<{ readonly pins: readonly DirectoryPin[]; readonly leftOut: number }> {
  const shared = new Map(before.map((pin) => [pin.accountName, pin]));
  const known = await readPins(store);
  const ranked = known.toSorted((left, right) =>
    Number(right.isVerified) - Number(left.isVerified) ||
    Number(shared.has(right.name)) - Number(shared.has(left.name)) ||
    left.firstSeenAtMs - right.firstSeenAtMs
  );
  const pins = ranked.slice(0, DIRECTORY_PINS_MAX).map((pin) =>
    pin.offered === undefined ? directoryPin(pin) : shared.get(pin.name) ?? directoryPin(pin)
  );
  return {
    pins: pins.toSorted((left, right) => left.accountName < right.accountName ? -1 : 1),
    leftOut: known.length - pins.length,
  };
}

function directoryPin(pin: StoredPin): DirectoryPin {
  const { accountId, name, accountKey, generation, listCounter, listResets, isVerified } = pin;
  return {
    accountId,
    accountName: name,
    accountKey,
    generation,
    listCounter,
    listResets,
    isVerified,
  };
}

async function readPins(store: Store): Promise<readonly StoredPin[]> {
  const pins: StoredPin[] = [];
  await store.snapshot(async (reader) => {
    let start: Uint8Array | undefined;
    for (;;) {
      const from = start === undefined ? {} : { start };
      const { entries, more } = await reader.range({ prefix: PIN_KEYS, ...from });
      pins.push(...entries.map(({ value }) => decodeStoredPin(value)));
      const last = entries.at(-1);
      if (!more || last === undefined) return;
      start = keyAfter(last.key);
    }
  });
  return pins;
}

/** What the directory says now is what a later decision replaces. */
async function noteShared(store: Store, pins: readonly DirectoryPin[]): Promise<void> {
  await store.transaction(async (transaction: StoreTransaction) => {
    for (const { accountName, accountKey } of pins) {
      const known = await getPin(transaction, parseAccountName(accountName));
      if (known === undefined || sameBytes(known.sharedKey, accountKey)) continue;
      putPin(transaction, { ...known, sharedKey: accountKey });
    }
  });
}

function samePins(left: DirectoryContent["pins"], right: DirectoryContent["pins"]): boolean {
  const encode = (pins: DirectoryContent["pins"]) =>
    encodeDirectoryContent({ conversations: [], pins });
  return sameBytes(encode(left), encode(right));
}
