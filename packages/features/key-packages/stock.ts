/** The own device's key packages: made, published, kept for Welcomes, replaced and forgotten. */
import { type CipherSuite, createKeyPackage, type OwnKeyPackage, parseKeyPackage } from "@qpq/mls";
import { MessengerError, type Random, type Store, type StoreTransaction } from "@qpq/ports";
import { readOwnAccount } from "../accounts/client.ts";
import { callOptions, type Home } from "../accounts/home.ts";
import { sameBytes } from "../accounts/signed.ts";
import { requireOwnDevice } from "../devices/own-device.ts";
import { sweepRange } from "../limits/sweep-range.ts";
import { type KeyPackageOptions, ownLeafIdentity } from "./client.ts";
import {
  decodeStoredOwnPackage,
  encodeStoredOwnPackage,
  keyPackagesClient,
  type LastResortState,
  type StoredOwnPackage,
} from "./key-packages.gen.ts";
import {
  CLAIMED_KEYS,
  OWN_PACKAGE_KEYS,
  ownPackageKey,
  ownPackageKeys,
  referenceOf,
} from "./keys.ts";
import { openPackage } from "./leaf.ts";
import { CLOCK_SKEW_MS, DAY_MS, PACKAGE_LIFETIME_MS, WELCOME_DELAY_MAX_MS } from "./lifetimes.ts";
import { decodeMoment } from "./moments.ts";

/** Single-use packages that a device has published when it is stocked. */
export const STOCK_COUNT = 100;
/** So few that more are made. */
export const REFILL_COUNT = 25;
/**
 * Single-use packages whose keys are kept at most, published and not used: whatever a server says was
 * claimed, no more are made.
 */
export const OWN_SINGLE_USE_MAX = 800;
/** Packages that are kept at most: those, and last resorts, of which two a day are made at most. */
const OWN_PACKAGES_MAX = 1_000;

/** A last resort is replaced so long after its first use: within a day, whatever the upkeep's beat. */
const LAST_RESORT_USED_MS = DAY_MS / 2;
/** And so long after it was made. */
const LAST_RESORT_AGE_MAX_MS = 30 * DAY_MS;

export interface Refill {
  /** Packages that were published. */
  readonly singleUse: number;
  readonly lastResort: boolean;
  /** Packages that the server lacks and that aren't made, because too many wait for their use. */
  readonly withheld: number;
}

/**
 * Publishes what the server lacks: up to 100 packages when fewer than 25 are left; a last resort when
 * there is none, or when the present one was used 12 hours ago or made 30 days ago, as the device
 * remembers it itself. Cut off anywhere, the next call publishes the same packages.
 * @throws MessengerError `key-packages/stock-wrong`: of a server that cheats; `devices/unknown`: this
 *   device is not on the account's list yet
 */
export async function refillKeyPackages(
  home: Home,
  options: KeyPackageOptions & { readonly random: Random },
): Promise<Refill> {
  const { store, clock, suite, random, primitives: _, ...call } = options;
  const calls = keyPackagesClient(home);
  const stock = await calls.count({ cipherSuite: suite.id }, callOptions(call));
  const own = await readStock(options);
  if (stock.singleUse > own.singleUse.length) {
    throw new MessengerError(
      "key-packages/stock-wrong",
      `Cannot refill: the server has ${stock.singleUse} key packages, but ${own.singleUse.length} wait`,
    );
  }
  const nowMs = clock.now();
  const plan = planRefill(stock, own, nowMs);
  const identity = plan.make > 0 || plan.makeLast ? await ownLeafIdentity(options) : undefined;
  const lifetime = {
    notBefore: BigInt(Math.floor((nowMs - CLOCK_SKEW_MS) / 1_000)),
    notAfter: BigInt(Math.floor((nowMs + PACKAGE_LIFETIME_MS) / 1_000)),
  };
  const make = async (isLastResort: boolean): Promise<OwnEntry> => {
    const made = await createKeyPackage(suite, {
      identity: identity as NonNullable<typeof identity>,
      lifetime,
      random,
      lastResort: isLastResort,
    });
    const { message, initPrivateKey, encryptionPrivateKey } = made;
    return {
      key: ownPackageKey(suite.id, made.reference),
      stored: {
        ...{ message, initPrivateKey, encryptionPrivateKey, isLastResort },
        keepUntilMs: nowMs + PACKAGE_LIFETIME_MS + WELCOME_DELAY_MAX_MS,
        ...{ madeAtMs: nowMs, isPublished: false, firstUsedAtMs: 0 },
      },
    };
  };
  const made = await Promise.all(Array.from({ length: plan.make }, () => make(false)));
  const madeLast = plan.makeLast ? await make(true) : undefined;
  // Stored before they are published: a Welcome for one of them may come at once.
  await putPackages(store, suite, { made, madeLast, nowMs });
  const singleUse = [...plan.again, ...made];
  const lastResort = madeLast ?? plan.againLast;
  if (singleUse.length > 0 || lastResort !== undefined) {
    await calls.publish(
      {
        packages: singleUse.map(({ stored }) => stored.message),
        ...lastResort === undefined ? {} : { lastResort: lastResort.stored.message },
      },
      callOptions(call),
    );
    await notePublished(store, [...singleUse, ...lastResort === undefined ? [] : [lastResort]]);
  }
  const { withheld } = plan;
  return { singleUse: singleUse.length, lastResort: lastResort !== undefined, withheld };
}

interface OwnEntry {
  readonly key: Uint8Array;
  readonly stored: StoredOwnPackage;
}

/** What this device keeps. */
interface Stock {
  readonly singleUse: readonly OwnEntry[];
  /** Those of them that the server hasn't said it took, and would take. */
  readonly unpublished: readonly OwnEntry[];
  /** The newest that the server would take. */
  readonly lastResort: OwnEntry | undefined;
}

interface Plan {
  readonly again: readonly OwnEntry[];
  readonly make: number;
  readonly againLast: OwnEntry | undefined;
  readonly makeLast: boolean;
  readonly withheld: number;
}

function planRefill(
  stock: { readonly singleUse: number; readonly lastResort?: LastResortState | undefined },
  own: Stock,
  nowMs: number,
): Plan {
  const lacking = stock.singleUse < REFILL_COUNT ? STOCK_COUNT - stock.singleUse : 0;
  const again = own.unpublished.slice(0, STOCK_COUNT);
  const wanted = Math.max(0, lacking - again.length);
  const make = Math.min(wanted, Math.max(0, OWN_SINGLE_USE_MAX - own.singleUse.length));
  const last = own.lastResort;
  const makeLast = last === undefined || isReplacementDue(last.stored, stock.lastResort, nowMs);
  const isThere = last !== undefined && last.stored.isPublished && stock.lastResort !== undefined;
  return {
    again,
    make,
    makeLast,
    againLast: makeLast || isThere ? undefined : last,
    withheld: wanted - make,
  };
}

/** The server's word counts for a use that no Welcome told of, but makes no more than two a day. */
function isReplacementDue(
  { madeAtMs, firstUsedAtMs }: StoredOwnPackage,
  said: LastResortState | undefined,
  nowMs: number,
): boolean {
  const isLongAgo = (atMs: number) => atMs > 0 && nowMs - atMs >= LAST_RESORT_USED_MS;
  return nowMs - madeAtMs >= LAST_RESORT_AGE_MAX_MS || isLongAgo(firstUsedAtMs) ||
    (isLongAgo(said?.firstUsedAtMs ?? 0) && isLongAgo(madeAtMs));
}

/** Packages under an earlier account key are worth nothing to the server, and to nobody new. */
async function readStock(
  { store, suite, primitives }: Pick<KeyPackageOptions, "store" | "suite" | "primitives">,
): Promise<Stock> {
  const own = await readOwnAccount(store);
  const entries = await readEntries(store, suite);
  const isCurrent = ({ stored }: OwnEntry): boolean => {
    const { device } = openPackage(primitives, new Map([[suite.id, suite]]), stored.message);
    return own !== undefined && sameBytes(device.accountKey, own.accountKey);
  };
  const singleUse = entries.filter(({ stored }) => !stored.isLastResort);
  const newestFirst = entries.filter(({ stored }) => stored.isLastResort)
    .toSorted((left, right) => right.stored.madeAtMs - left.stored.madeAtMs);
  return {
    singleUse,
    unpublished: singleUse.filter((entry) => !entry.stored.isPublished && isCurrent(entry)),
    lastResort: newestFirst.find(isCurrent),
  };
}

async function readEntries(store: Store, suite: CipherSuite): Promise<readonly OwnEntry[]> {
  const prefix = ownPackageKeys(suite.id);
  const { entries } = await store.snapshot((reader) =>
    reader.range({ prefix, countMax: OWN_PACKAGES_MAX })
  );
  return entries.map(({ key, value }) => ({ key, stored: decodeStoredOwnPackage(value) }));
}

async function putPackages(
  store: Store,
  suite: CipherSuite,
  { made, madeLast, nowMs }: {
    readonly made: readonly OwnEntry[];
    readonly madeLast: OwnEntry | undefined;
    readonly nowMs: number;
  },
): Promise<void> {
  if (made.length === 0 && madeLast === undefined) return;
  await store.transaction(async (transaction) => {
    if (madeLast !== undefined) await retireLastResorts(transaction, suite, nowMs);
    for (const { key, stored } of [...made, ...madeLast === undefined ? [] : [madeLast]]) {
      transaction.put(key, encodeStoredOwnPackage(stored));
    }
  });
}

/** Those that are replaced are kept for Welcomes that are on their way, and no longer. */
async function retireLastResorts(
  transaction: StoreTransaction,
  suite: CipherSuite,
  nowMs: number,
): Promise<void> {
  const prefix = ownPackageKeys(suite.id);
  const { entries } = await transaction.range({ prefix, countMax: OWN_PACKAGES_MAX });
  for (const { key, value } of entries) {
    const stored = decodeStoredOwnPackage(value);
    const keepUntilMs = Math.min(stored.keepUntilMs, nowMs + WELCOME_DELAY_MAX_MS);
    if (!stored.isLastResort || keepUntilMs === stored.keepUntilMs) continue;
    transaction.put(key, encodeStoredOwnPackage({ ...stored, keepUntilMs }));
  }
}

async function notePublished(store: Store, published: readonly OwnEntry[]): Promise<void> {
  await store.transaction(async (transaction) => {
    for (const { key } of published) {
      // A Welcome may have used it meanwhile.
      const value = await transaction.get(key);
      if (value === undefined) continue;
      const stored = { ...decodeStoredOwnPackage(value), isPublished: true };
      transaction.put(key, encodeStoredOwnPackage(stored));
    }
  });
}

/** All packages of this device that a Welcome may be for, with their private keys. */
export async function readOwnKeyPackages(
  options: Pick<KeyPackageOptions, "store" | "primitives" | "suite">,
): Promise<readonly OwnKeyPackage[]> {
  const { store, primitives, suite } = options;
  const { signatureKeyPair } = await requireOwnDevice(store, primitives);
  return (await readEntries(store, suite)).map(({ key, stored }) => ({
    keyPackage: parseKeyPackage(stored.message),
    message: stored.message.slice(),
    reference: referenceOf(key),
    initPrivateKey: stored.initPrivateKey.slice(),
    encryptionPrivateKey: stored.encryptionPrivateKey.slice(),
    signaturePrivateKey: signatureKeyPair.privateKey,
  }));
}

/**
 * Forgets the keys of a package that a join has used, in the transaction that stores the group. A last
 * resort stays, and is replaced by the next refill after 12 hours.
 * @param used.atMs by this device's clock
 */
export async function forgetUsedKeyPackage(
  transaction: StoreTransaction,
  suite: CipherSuite,
  { reference, atMs }: { readonly reference: Uint8Array; readonly atMs: number },
): Promise<void> {
  const key = ownPackageKey(suite.id, reference);
  const value = await transaction.get(key);
  if (value === undefined) return;
  const stored = decodeStoredOwnPackage(value);
  if (!stored.isLastResort) return transaction.delete(key);
  if (stored.firstUsedAtMs > 0) return;
  transaction.put(key, encodeStoredOwnPackage({ ...stored, firstUsedAtMs: atMs }));
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
