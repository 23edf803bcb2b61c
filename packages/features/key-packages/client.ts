/** Key packages, the client's half: keeps the server stocked, and claims those of others. */
import type { CallOptions } from "@qpq/capnp";
import {
  acceptKeyPackage,
  type CipherSuite,
  createCapabilities,
  createIdentity,
  createKeyPackage,
  type Identity,
  isLastResort,
  type KeyPackage,
  type OwnKeyPackage,
  parseKeyPackage,
} from "@qpq/mls";
import {
  type Clock,
  MessengerError,
  type Random,
  type Store,
  type StoreTransaction,
} from "@qpq/ports";
import { CONVERSATION_EXTENSION_TYPE } from "../groups/context.ts";
import { callOptions, type Home } from "../accounts/home.ts";
import { type DeviceId, parseDeviceId } from "../accounts/names.ts";
import type { Primitives } from "../accounts/primitives.ts";
import { sameBytes } from "../accounts/signed.ts";
import { readOwnIdentity } from "../devices/client.ts";
import { makeCredential } from "../devices/credential.ts";
import { requireOwnDevice } from "../devices/own-device.ts";
import { type Peer, requireTrusted } from "../devices/peers.ts";
import type { CertifiedDevice } from "../devices/statements.ts";
import {
  decodeStoredOwnPackage,
  encodeStoredOwnPackage,
  keyPackagesClient,
  type LastResortState,
  type StoredOwnPackage,
} from "./key-packages.gen.ts";
import {
  CLAIMED_KEYS,
  claimedKey,
  OWN_PACKAGE_KEYS,
  ownPackageKey,
  ownPackageKeys,
  referenceOf,
} from "./keys.ts";
import { openPackage } from "./leaf.ts";
import { sweepRange } from "../limits/sweep-range.ts";
import { decodeMoment, encodeMoment } from "./moments.ts";

/** Single-use packages that a device has published when it is stocked. */
export const STOCK_COUNT = 100;
/** So few that more are made. */
export const REFILL_COUNT = 25;

const HOUR_MS = 60 * 60 * 1_000;
const DAY_MS = 24 * HOUR_MS;
/** From publication to the end of a package. */
export const PACKAGE_LIFETIME_MS: number = 90 * DAY_MS;
/** How far others' clocks may be behind ours. */
const CLOCK_SKEW_MS = HOUR_MS;
/** How long a Welcome may be on its way: keys are kept that long after they were good. */
const WELCOME_DELAY_MAX_MS = 30 * DAY_MS;
/** A last resort is replaced so long after its first use, or its publication. */
const LAST_RESORT_USED_MS = DAY_MS;
const LAST_RESORT_AGE_MAX_MS = 30 * DAY_MS;

export interface KeyPackageOptions extends CallOptions {
  /** This device's, encrypted. */
  readonly store: Store;
  readonly clock: Clock;
  readonly primitives: Primitives;
  /** Of the packages: the hybrid one, unless configured otherwise. */
  readonly suite: CipherSuite;
}

/**
 * What this device's leaves say of it, under its newest certificate.
 * @throws MessengerError `devices/unknown`: this store's device is not on the account's list yet
 */
export async function ownLeafIdentity(
  options: Pick<KeyPackageOptions, "store" | "primitives" | "suite"> & { readonly random: Random },
): Promise<Identity> {
  const { store, primitives, suite, random } = options;
  const account = await readOwnIdentity(store);
  const { signatureKeyPair, stored } = await requireOwnDevice(store, primitives);
  if (account === undefined || stored.certificate === undefined) {
    throw new MessengerError(
      "devices/unknown",
      "Cannot make a leaf: this device has no certificate",
    );
  }
  const identity = makeCredential(account.accountKey, stored.certificate);
  return createIdentity(suite, {
    credential: { kind: "basic", identity },
    signatureKeyPair,
    capabilities: createCapabilities({
      cipherSuites: [suite.id],
      credentials: [BASIC_CREDENTIAL],
      extensions: [CONVERSATION_EXTENSION_TYPE],
      random,
    }),
    random,
  });
}

/** RFC 9420 §17.5. */
const BASIC_CREDENTIAL = 1;

/**
 * Publishes what the server lacks: up to 100 packages when fewer than 25 are left, and a last resort
 * when there is none, or its first use is a day ago, or its publication 30.
 * @returns how many were published
 */
export async function refillKeyPackages(
  home: Home,
  options: KeyPackageOptions & { readonly random: Random },
): Promise<{ readonly singleUse: number; readonly lastResort: boolean }> {
  const { store, clock, suite, random, primitives: _, ...call } = options;
  const calls = keyPackagesClient(home);
  const stock = await calls.count({ cipherSuite: suite.id }, callOptions(call));
  const missing = stock.singleUse < REFILL_COUNT ? STOCK_COUNT - stock.singleUse : 0;
  const isLastDue = isReplacementDue(stock.lastResort, clock.now());
  if (missing === 0 && !isLastDue) return { singleUse: 0, lastResort: false };
  const identity = await ownLeafIdentity(options);
  const nowMs = clock.now();
  const lifetime = {
    notBefore: BigInt(Math.floor((nowMs - CLOCK_SKEW_MS) / 1_000)),
    notAfter: BigInt(Math.floor((nowMs + PACKAGE_LIFETIME_MS) / 1_000)),
  };
  const make = (lastResort: boolean) =>
    createKeyPackage(suite, { identity, lifetime, random, lastResort });
  const packages = await Promise.all(Array.from({ length: missing }, () => make(false)));
  const last = isLastDue ? await make(true) : undefined;
  // Stored before they are published: a Welcome for one of them may come at once.
  await store.transaction(async (transaction) => {
    if (last !== undefined) await retireLastResorts(transaction, suite, nowMs);
    for (const made of [...packages, ...last === undefined ? [] : [last]]) {
      const stored: StoredOwnPackage = {
        message: made.message,
        initPrivateKey: made.initPrivateKey,
        encryptionPrivateKey: made.encryptionPrivateKey,
        isLastResort: made === last,
        keepUntilMs: nowMs + PACKAGE_LIFETIME_MS + WELCOME_DELAY_MAX_MS,
      };
      transaction.put(ownPackageKey(suite.id, made.reference), encodeStoredOwnPackage(stored));
    }
  });
  await calls.publish(
    {
      packages: packages.map(({ message }) => message),
      ...last === undefined ? {} : { lastResort: last.message },
    },
    callOptions(call),
  );
  return { singleUse: missing, lastResort: isLastDue };
}

function isReplacementDue(state: LastResortState | undefined, nowMs: number): boolean {
  if (state === undefined) return true;
  const { firstUsedAtMs, publishedAtMs } = state;
  return (firstUsedAtMs !== 0 && nowMs - firstUsedAtMs >= LAST_RESORT_USED_MS) ||
    nowMs - publishedAtMs >= LAST_RESORT_AGE_MAX_MS;
}

/** Those that are replaced are kept for Welcomes that are on their way, and no longer. */
async function retireLastResorts(
  transaction: StoreTransaction,
  suite: CipherSuite,
  nowMs: number,
): Promise<void> {
  const { entries } = await transaction.range({ prefix: ownPackageKeys(suite.id) });
  for (const { key, value } of entries) {
    const stored = decodeStoredOwnPackage(value);
    const keepUntilMs = Math.min(stored.keepUntilMs, nowMs + WELCOME_DELAY_MAX_MS);
    if (!stored.isLastResort || keepUntilMs === stored.keepUntilMs) continue;
    transaction.put(key, encodeStoredOwnPackage({ ...stored, keepUntilMs }));
  }
}

/** Own packages at most: a stock, what is still waited for, and last resorts. */
const OWN_PACKAGES_MAX = 1_000;

/** All packages of this device that a Welcome may be for, with their private keys. */
export async function readOwnKeyPackages(
  options: Pick<KeyPackageOptions, "store" | "primitives" | "suite">,
): Promise<readonly OwnKeyPackage[]> {
  const { store, primitives, suite } = options;
  const { signatureKeyPair } = await requireOwnDevice(store, primitives);
  const prefix = ownPackageKeys(suite.id);
  const { entries } = await store.snapshot((reader) =>
    reader.range({ prefix, countMax: OWN_PACKAGES_MAX })
  );
  return entries.map(({ key, value }) => {
    const { message, initPrivateKey, encryptionPrivateKey } = decodeStoredOwnPackage(value);
    return {
      keyPackage: parseKeyPackage(message),
      message: message.slice(),
      reference: referenceOf(key),
      initPrivateKey: initPrivateKey.slice(),
      encryptionPrivateKey: encryptionPrivateKey.slice(),
      signaturePrivateKey: signatureKeyPair.privateKey,
    };
  });
}

/**
 * Forgets the keys of a package that a join has used, in the transaction that stores the group. A last
 * resort stays.
 */
export async function forgetUsedKeyPackage(
  transaction: StoreTransaction,
  suite: CipherSuite,
  { reference }: Pick<OwnKeyPackage, "reference">,
): Promise<void> {
  const key = ownPackageKey(suite.id, reference);
  const stored = await transaction.get(key);
  if (stored !== undefined && !decodeStoredOwnPackage(stored).isLastResort) transaction.delete(key);
}

/** Forgets keys for which no Welcome can come any more, and what others' packages were. */
export async function sweepKeyPackages(
  { store, clock }: Pick<KeyPackageOptions, "store" | "clock">,
): Promise<void> {
  const nowMs = clock.now();
  await sweepRange(store, OWN_PACKAGE_KEYS, (transaction, { key, value }) => {
    if (decodeStoredOwnPackage(value).keepUntilMs <= nowMs) transaction.delete(key);
  });
  await sweepRange(store, CLAIMED_KEYS, (transaction, { key, value }) => {
    if (decodeMoment(value) <= nowMs) transaction.delete(key);
  });
}

/** A package that may be used to add the device to one group. */
export interface ClaimedKeyPackage {
  readonly device: CertifiedDevice;
  readonly keyPackage: KeyPackage;
  /** An MLSMessage. */
  readonly message: Uint8Array;
}

export interface Claimed {
  /** One for each device that had one. */
  readonly packages: readonly ClaimedKeyPackage[];
  /** Devices on the account's list that can't be added now. */
  readonly without: readonly CertifiedDevice[];
}

/**
 * Takes a package of each of an account's devices (of the own account: but this one), and checks all
 * of it again: the server is not believed.
 * @param peer from `fetchPeer`, just before
 * @throws MessengerError `devices/key-changed`: not accepted yet; `accounts/rate-limited`,
 *   `key-packages/wrong-suite`; of a server that cheats: `key-packages/wrong-device`,
 *   `key-packages/given-twice`, `devices/bad-certificate`, `mls/…`, `malformed`
 */
export async function claimKeyPackages(
  home: Home,
  peer: Peer,
  options: KeyPackageOptions,
): Promise<Claimed> {
  requireTrusted(peer.state);
  const { store, primitives, suite, clock: _, ...call } = options;
  const own = await requireOwnDevice(store, primitives);
  const { accountId, list } = peer.account;
  const { packages } = await keyPackagesClient(home).claim(
    { accountId, cipherSuite: suite.id },
    callOptions(call),
  );
  const wanted = (list?.devices ?? []).filter(({ deviceId }) => !sameBytes(deviceId, own.deviceId));
  const claimed = packages.map(({ package: message, deviceId }) =>
    accept(options, { peer, wanted, message, deviceId: parseDeviceId(deviceId) })
  );
  const given = new Set(claimed.map(({ device }) => device.deviceId.toHex()));
  if (given.size !== claimed.length) throw wrongDevice("two for one device");
  await rememberClaimed(options, claimed);
  const without = wanted.filter(({ deviceId }) => !given.has(deviceId.toHex()));
  return { packages: claimed, without };
}

function accept(
  { primitives, suite, clock }: KeyPackageOptions,
  { peer, wanted, message, deviceId }: {
    readonly peer: Peer;
    readonly wanted: readonly CertifiedDevice[];
    readonly message: Uint8Array;
    readonly deviceId: DeviceId;
  },
): ClaimedKeyPackage {
  const { account } = peer;
  const opened = openPackage(primitives, new Map([[suite.id, suite]]), message);
  const keyPackage = acceptKeyPackage(suite, message, { nowMs: clock.now() });
  const device = wanted.find((listed) => sameBytes(listed.deviceId, deviceId));
  if (device === undefined) throw wrongDevice("its device is not on the account's list");
  const leaf = opened.device;
  const isOf = sameBytes(leaf.accountId, account.accountId) &&
    sameBytes(leaf.accountKey, account.accountKey) && leaf.accountName === account.name &&
    sameBytes(leaf.deviceId, device.deviceId) && sameBytes(leaf.signatureKey, device.signatureKey);
  if (!isOf) throw wrongDevice("it is of another device or account");
  // An earlier generation is fine: the list, which is the newest, has the device with this key.
  if (leaf.generation > device.generation) {
    throw wrongDevice("its certificate is ahead of the list");
  }
  return { device, keyPackage, message };
}

/** @throws MessengerError `key-packages/given-twice` */
async function rememberClaimed(
  { store, primitives, clock }: KeyPackageOptions,
  claimed: readonly ClaimedKeyPackage[],
): Promise<void> {
  const until = encodeMoment(clock.now() + PACKAGE_LIFETIME_MS + WELCOME_DELAY_MAX_MS);
  const keys = claimed.filter(({ keyPackage }) => !isLastResort(keyPackage))
    .map(({ message }) => claimedKey(primitives.hash(message)));
  await store.transaction(async (transaction) => {
    for (const key of keys) {
      if (await transaction.get(key) !== undefined) {
        throw new MessengerError(
          "key-packages/given-twice",
          "Cannot use key package: the server has given it before",
        );
      }
      transaction.put(key, until);
    }
  });
}

function wrongDevice(state: string): MessengerError {
  return new MessengerError("key-packages/wrong-device", `Cannot use key package: ${state}`);
}
