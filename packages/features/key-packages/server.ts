/** Key packages, the server's half: takes only what is sound, and gives each away once. */
import type { BoundMethod } from "@qpq/capnp";
import { acceptKeyPackage, type CipherSuite, isLastResort, type KeyPackage } from "@qpq/mls/public";
import {
  type Clock,
  MessengerError,
  networkOf,
  type Store,
  type StoreTransaction,
} from "@qpq/ports";
import { type AccountId, type DeviceId, parseAccountId } from "../accounts/names.ts";
import type { Primitives } from "../accounts/primitives.ts";
import { readAccount } from "../accounts/records.ts";
import { sameBytes } from "../accounts/signed.ts";
import { type CallContext, type DeviceIdentity, requireDevice } from "../devices/caller.ts";
import type { Devices } from "../devices/server.ts";
import { type Rate, TokenBuckets } from "../limits/token-buckets.ts";
import {
  type ClaimedPackage,
  decodeStoredLastResort,
  decodeStoredPackage,
  decodeStoredSupply,
  encodeStoredLastResort,
  encodeStoredPackage,
  encodeStoredSupply,
  type KeyPackagesHandlers,
  keyPackagesHandlers,
  type StoredLastResort,
  type StoredSupply,
} from "./key-packages.gen.ts";
import {
  devicePrefixes,
  LAST_RESORT_KEYS,
  lastResortKey,
  PACKAGE_KEYS,
  packageKey,
  packageKeys,
  SEEN_KEYS,
  seenKey,
  type Shelf,
  shelfOf,
  supplyKey,
} from "./keys.ts";
import { openPackage } from "./leaf.ts";
import { sweepRange } from "../limits/sweep-range.ts";
import { decodeMoment, encodeMoment } from "./moments.ts";

export interface KeyPackageLimits {
  /** Single-use packages of a device and suite. */
  readonly packagesMax: number;
  /** Accounts that one account may claim for: enough to begin a large group at once. */
  readonly claims: Rate;
  /** Claims by one account for the same other one. */
  readonly claimsOfTarget: Rate;
  /**
   * Single-use packages of one account, to one network and to all together: beyond it its last resorts
   * are given, so that many accounts of one attacker neither drain a victim nor make it unreachable.
   */
  readonly singleUseOfNetwork: Rate;
  readonly singleUseOfAll: Rate;
  /** Packages that one account may publish. */
  readonly publications: Rate;
}

export const KEY_PACKAGE_LIMITS: KeyPackageLimits = {
  packagesMax: 200,
  claims: { burst: 1_000, perMinute: 60 },
  claimsOfTarget: { burst: 10, perMinute: 0.2 },
  singleUseOfNetwork: { burst: 20, perMinute: 0.1 },
  singleUseOfAll: { burst: 60, perMinute: 0.2 },
  publications: { burst: 4_000, perMinute: 100 },
};

export interface KeyPackagesOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly primitives: Primitives;
  readonly devices: Devices;
  /** Those that are taken: the hybrid one, unless configured otherwise. */
  readonly cipherSuites: readonly CipherSuite[];
  readonly limits?: Partial<KeyPackageLimits>;
}

export interface KeyPackages {
  readonly methods: readonly BoundMethod<CallContext>[];
  /** Deletes what has expired. */
  readonly sweep: () => Promise<void>;
  /** Deletes all packages: after a restore, when some that are stored have been given away before. */
  readonly voidAll: () => Promise<void>;
}

/** Call it after `openDevices`. */
export function openKeyPackages(options: KeyPackagesOptions): KeyPackages {
  const limits = { ...KEY_PACKAGE_LIMITS, ...options.limits };
  const buckets = (rate: Rate) => new TokenBuckets({ clock: options.clock, rate });
  const core: Core = {
    ...options,
    limits,
    suites: new Map(options.cipherSuites.map((suite) => [suite.id, suite])),
    claims: buckets(limits.claims),
    claimsOfTarget: buckets(limits.claimsOfTarget),
    singleUseOfNetwork: buckets(limits.singleUseOfNetwork),
    singleUseOfAll: buckets(limits.singleUseOfAll),
    publications: buckets(limits.publications),
  };
  options.devices.onVoid(async (transaction, account, devices) => {
    for (const device of devices) await clearDevice(transaction, account, device);
  });
  return {
    methods: keyPackagesHandlers({ ...ownHandlers(core), ...claimHandler(core) }),
    sweep: () => sweep(options),
    voidAll: () => voidAll(options.store),
  };
}

interface Core extends KeyPackagesOptions {
  readonly limits: KeyPackageLimits;
  readonly suites: ReadonlyMap<number, CipherSuite>;
  readonly claims: TokenBuckets;
  readonly claimsOfTarget: TokenBuckets;
  readonly singleUseOfNetwork: TokenBuckets;
  readonly singleUseOfAll: TokenBuckets;
  readonly publications: TokenBuckets;
}

type Handlers = KeyPackagesHandlers<CallContext>;

/** A package that was found sound. */
interface SoundPackage {
  readonly bytes: Uint8Array;
  readonly hash: Uint8Array;
  readonly cipherSuite: number;
  readonly expiresAtMs: number;
}

function ownHandlers(core: Core): Pick<Handlers, "publish" | "count"> {
  const { store, clock, publications, limits } = core;
  return {
    async publish({ packages, lastResort }, context) {
      const identity = requireDevice(context);
      const { accountId, deviceId } = identity;
      const all = lastResort === undefined ? packages : [...packages, lastResort];
      if (all.length === 0) return {};
      refuseFor(publications.take(accountId.toHex(), all.length));
      const accountKey = await store.snapshot(async (reader) =>
        (await readAccount(reader, accountId))?.accountKey ?? new Uint8Array()
      );
      const sound = packages.map((bytes) => requireSound(core, { bytes, identity, accountKey }));
      const last = lastResort === undefined
        ? undefined
        : requireSound(core, { bytes: lastResort, identity, accountKey, isLast: true });
      const publishedAtMs = clock.now();
      await store.transaction(async (transaction) => {
        // Revoked, or moved to another key, while the packages were looked at.
        requireDevice(context);
        const account = await readAccount(transaction, accountId);
        if (account === undefined || !sameBytes(account.accountKey, accountKey)) {
          throw wrongDevice("the account key has changed");
        }
        for (const each of sound) {
          const shelf = { accountId, deviceId, cipherSuite: each.cipherSuite };
          await putPackage(transaction, shelf, { package: each, countMax: limits.packagesMax });
        }
        if (last === undefined) return;
        const shelf = { accountId, deviceId, cipherSuite: last.cipherSuite };
        await putLastResort(transaction, shelf, { package: last, publishedAtMs });
      });
      return {};
    },
    async count({ cipherSuite }, context) {
      const { accountId, deviceId } = requireDevice(context);
      const shelf = { accountId, deviceId, cipherSuite };
      const nowMs = clock.now();
      // In a transaction, because it throws away what has expired.
      return await store.transaction(async (transaction) => {
        await dropExpired(transaction, shelf, nowMs);
        const { count } = await readSupply(transaction, shelf);
        const lastResort = await readLastResort(transaction, shelf);
        const isThere = lastResort !== undefined && lastResort.expiresAtMs > nowMs;
        return { singleUse: count, ...isThere ? { lastResort: lastResort.state } : {} };
      });
    },
  };
}

/** @throws MessengerError `key-packages/wrong-suite`, `key-packages/wrong-device`, `mls/…` */
function requireSound(
  { primitives, suites, clock, devices: { serverName } }: Core,
  { bytes, identity, accountKey, isLast = false }: {
    readonly bytes: Uint8Array;
    readonly identity: DeviceIdentity;
    readonly accountKey: Uint8Array;
    readonly isLast?: boolean;
  },
): SoundPackage {
  const { suite, device } = openPackage(primitives, suites, bytes);
  const keyPackage = acceptKeyPackage(suite, bytes, { nowMs: clock.now() });
  const isOwn = sameBytes(device.accountId, identity.accountId) &&
    sameBytes(device.deviceId, identity.deviceId) &&
    sameBytes(device.signatureKey, identity.signatureKey) &&
    sameBytes(device.accountKey, accountKey) && device.serverName === serverName;
  if (!isOwn) throw wrongDevice("it is not of the calling device");
  if (isLastResort(keyPackage) !== isLast) {
    throw new MessengerError(
      "mls/invalid-key-package",
      "Cannot publish: what is for one use, and what is a last resort, is marked otherwise",
    );
  }
  return {
    bytes,
    hash: primitives.hash(bytes),
    cipherSuite: suite.id,
    expiresAtMs: expiryOf(keyPackage),
  };
}

async function putPackage(
  transaction: StoreTransaction,
  shelf: Shelf,
  { package: { bytes, hash, expiresAtMs }, countMax }: {
    readonly package: SoundPackage;
    readonly countMax: number;
  },
): Promise<void> {
  if (await transaction.get(seenKey(shelf, hash)) !== undefined) return;
  const { next, count } = await readSupply(transaction, shelf);
  if (count >= countMax) {
    throw new MessengerError(
      "key-packages/too-many",
      `Cannot publish: a device has at most ${countMax} key packages`,
    );
  }
  transaction.put(seenKey(shelf, hash), encodeMoment(expiresAtMs));
  transaction.put(
    packageKey(shelf, next),
    encodeStoredPackage({ package: bytes, hash, expiresAtMs }),
  );
  putSupply(transaction, shelf, { next: next + 1, count: count + 1 });
}

async function putLastResort(
  transaction: StoreTransaction,
  shelf: Shelf,
  { package: { bytes, expiresAtMs }, publishedAtMs }: {
    readonly package: SoundPackage;
    readonly publishedAtMs: number;
  },
): Promise<void> {
  const before = await readLastResort(transaction, shelf);
  // Published again after a lost answer: it has been used no less.
  if (before !== undefined && sameBytes(before.package, bytes)) return;
  const state = { publishedAtMs, firstUsedAtMs: 0 };
  transaction.put(
    lastResortKey(shelf),
    encodeStoredLastResort({ package: bytes, expiresAtMs, state }),
  );
}

function claimHandler(core: Core): Pick<Handlers, "claim"> {
  const { store, clock, devices, suites } = core;
  return {
    async claim({ accountId, cipherSuite }, context) {
      const caller = requireDevice(context);
      const target = parseAccountId(accountId);
      if (!suites.has(cipherSuite)) throw wrongSuite();
      const mayTakeSingleUse = admitClaim(core, { caller, target, context });
      const nowMs = clock.now();
      return await store.transaction(async (transaction) => {
        const account = await readAccount(transaction, target);
        if (account === undefined) {
          throw new MessengerError("accounts/unknown", "Cannot claim: there is no such account");
        }
        const packages: ClaimedPackage[] = [];
        for (const { deviceId } of await devices.devicesOf(transaction, target)) {
          if (sameBytes(deviceId, caller.deviceId)) continue;
          const shelf = { accountId: target, deviceId, cipherSuite };
          const taken = await take(transaction, shelf, { nowMs, mayTakeSingleUse });
          if (taken !== undefined) packages.push({ deviceId, package: taken });
        }
        return { packages };
      });
    },
  };
}

/**
 * Counts a claim, once: what one bucket refuses is not taken from another.
 * @returns whether single-use packages may be given
 * @throws MessengerError `accounts/rate-limited`
 */
function admitClaim(
  { claims, claimsOfTarget, singleUseOfNetwork, singleUseOfAll }: Core,
  { caller, target, context }: {
    readonly caller: DeviceIdentity;
    readonly target: AccountId;
    readonly context: CallContext;
  },
): boolean {
  const [callerHex, targetHex] = [caller.accountId.toHex(), target.toHex()];
  const pair = `${callerHex} ${targetHex}`;
  refuseFor(claims.take(callerHex));
  const retryAfterMs = claimsOfTarget.take(pair);
  if (retryAfterMs > 0) claims.giveBack(callerHex);
  refuseFor(retryAfterMs);
  if (callerHex === targetHex) return true;
  const network = networkOf(context.session.remoteAddress.hostname);
  if (singleUseOfNetwork.take(`${network} ${targetHex}`) > 0) return false;
  if (singleUseOfAll.take(targetHex) === 0) return true;
  singleUseOfNetwork.giveBack(`${network} ${targetHex}`);
  return false;
}

/**
 * The oldest package that has not expired, for good; else the last resort. Where single-use ones are not
 * to be given: the last resort, if there is one.
 */
async function take(
  transaction: StoreTransaction,
  shelf: Shelf,
  { nowMs, mayTakeSingleUse }: { readonly nowMs: number; readonly mayTakeSingleUse: boolean },
): Promise<Uint8Array | undefined> {
  await dropExpired(transaction, shelf, nowMs);
  const last = await readLastResort(transaction, shelf);
  const lastResort = last !== undefined && last.expiresAtMs > nowMs ? last : undefined;
  if (mayTakeSingleUse || lastResort === undefined) {
    const { entries } = await transaction.range({ prefix: packageKeys(shelf), countMax: 1 });
    const oldest = entries[0];
    if (oldest !== undefined) {
      await drop(transaction, shelf, oldest.key);
      return decodeStoredPackage(oldest.value).package;
    }
  }
  if (lastResort === undefined) return undefined;
  const { state } = lastResort;
  if (state.firstUsedAtMs === 0) {
    const used = { ...lastResort, state: { ...state, firstUsedAtMs: nowMs } };
    transaction.put(lastResortKey(shelf), encodeStoredLastResort(used));
  }
  return lastResort.package;
}

/** From the oldest on, up to the first that is live: they expire nearly in their order. */
async function dropExpired(
  transaction: StoreTransaction,
  shelf: Shelf,
  nowMs: number,
): Promise<void> {
  for (;;) {
    const { entries } = await transaction.range({ prefix: packageKeys(shelf), countMax: 1 });
    const oldest = entries[0];
    if (oldest === undefined || decodeStoredPackage(oldest.value).expiresAtMs > nowMs) return;
    await drop(transaction, shelf, oldest.key);
  }
}

async function drop(transaction: StoreTransaction, shelf: Shelf, key: Uint8Array): Promise<void> {
  const { next, count } = await readSupply(transaction, shelf);
  transaction.delete(key);
  putSupply(transaction, shelf, { next, count: count - 1 });
}

async function clearDevice(
  transaction: StoreTransaction,
  account: AccountId,
  device: DeviceId,
): Promise<void> {
  for (const prefix of devicePrefixes(account, device)) {
    for (;;) {
      const { entries, more } = await transaction.range({ prefix });
      for (const { key } of entries) transaction.delete(key);
      if (!more) break;
    }
  }
}

async function sweep({ store, clock }: KeyPackagesOptions): Promise<void> {
  const nowMs = clock.now();
  await sweepRange(store, PACKAGE_KEYS, async (transaction, { key, value }) => {
    if (decodeStoredPackage(value).expiresAtMs > nowMs) return;
    await drop(transaction, shelfOf(key), key);
  });
  await sweepRange(store, LAST_RESORT_KEYS, (transaction, { key, value }) => {
    if (decodeStoredLastResort(value).expiresAtMs <= nowMs) transaction.delete(key);
  });
  await sweepRange(store, SEEN_KEYS, (transaction, { key, value }) => {
    if (decodeMoment(value) <= nowMs) transaction.delete(key);
  });
}

/** That they were seen stays known. */
async function voidAll(store: Store): Promise<void> {
  await sweepRange(
    store,
    PACKAGE_KEYS,
    (transaction, { key }) => drop(transaction, shelfOf(key), key),
  );
  await sweepRange(store, LAST_RESORT_KEYS, (transaction, { key }) => transaction.delete(key));
}

async function readSupply(
  reader: Pick<StoreTransaction, "get">,
  shelf: Shelf,
): Promise<StoredSupply> {
  const stored = await reader.get(supplyKey(shelf));
  return stored === undefined ? { next: 0, count: 0 } : decodeStoredSupply(stored);
}

function putSupply(transaction: StoreTransaction, shelf: Shelf, supply: StoredSupply): void {
  transaction.put(supplyKey(shelf), encodeStoredSupply(supply));
}

async function readLastResort(
  reader: Pick<StoreTransaction, "get">,
  shelf: Shelf,
): Promise<StoredLastResort | undefined> {
  const stored = await reader.get(lastResortKey(shelf));
  return stored === undefined ? undefined : decodeStoredLastResort(stored);
}

/** Milliseconds since 1970-01-01 UTC. `acceptKeyPackage` has bounded it. */
function expiryOf({ leafNode: { source } }: KeyPackage): number {
  return source.kind === "key-package" ? Number(source.lifetime.notAfter) * 1_000 : 0;
}

function refuseFor(retryAfterMs: number): void {
  if (retryAfterMs === 0) return;
  throw new MessengerError("accounts/rate-limited", "Cannot go on: too many of late", {
    retryAfterMs,
  });
}

function wrongSuite(): MessengerError {
  return new MessengerError("key-packages/wrong-suite", "Cannot claim: the suite is not served");
}

function wrongDevice(state: string): MessengerError {
  return new MessengerError("key-packages/wrong-device", `Cannot publish key package: ${state}`);
}
