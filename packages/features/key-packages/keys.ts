import { assert, decodeKey, encodeKey, type SliceSchema } from "@qpq/ports";
import { type AccountId, type DeviceId, parseAccountId, parseDeviceId } from "../accounts/names.ts";

/** The first part of every key of this slice, on a server and on a client. */
const SLICE = "key-packages";

export const keyPackagesSchema: SliceSchema = { name: SLICE, version: 1, migrations: [] };

/** One device's packages of one cipher suite. */
export interface Shelf {
  readonly accountId: AccountId;
  readonly deviceId: DeviceId;
  readonly cipherSuite: number;
}

// The server's. All of a device begin alike, so that they go together.

const DEVICE_KINDS = ["package", "last-resort", "supply", "seen"] as const;

/** `StoredPackage`, by its number: the oldest first. */
export const packageKey = (shelf: Shelf, number: number): Uint8Array =>
  encodeKey(SLICE, "package", ...parts(shelf), number);
export const packageKeys = (shelf: Shelf): Uint8Array =>
  encodeKey(SLICE, "package", ...parts(shelf));
export const PACKAGE_KEYS: Uint8Array = encodeKey(SLICE, "package");
/** `StoredLastResort`. */
export const lastResortKey = (shelf: Shelf): Uint8Array =>
  encodeKey(SLICE, "last-resort", ...parts(shelf));
export const LAST_RESORT_KEYS: Uint8Array = encodeKey(SLICE, "last-resort");
/** `StoredSupply`. */
export const supplyKey = (shelf: Shelf): Uint8Array => encodeKey(SLICE, "supply", ...parts(shelf));
export const SUPPLY_KEYS: Uint8Array = encodeKey(SLICE, "supply");
/** When a package expires that was published, by its SHA-256: it is never taken again. */
export const seenKey = ({ accountId, deviceId }: Shelf, hash: Uint8Array): Uint8Array =>
  encodeKey(SLICE, "seen", accountId, deviceId, hash);
export const SEEN_KEYS: Uint8Array = encodeKey(SLICE, "seen");
/** Everything of a device. */
export const devicePrefixes = (account: AccountId, device: DeviceId): readonly Uint8Array[] =>
  DEVICE_KINDS.map((kind) => encodeKey(SLICE, kind, account, device));

/** Of a `packageKey`. */
export function shelfOf(key: Uint8Array): Shelf {
  const [, , accountId, deviceId, cipherSuite] = decodeKey(key);
  assert(accountId instanceof Uint8Array && deviceId instanceof Uint8Array, "ids are bytes");
  assert(typeof cipherSuite === "number", "a suite is a number");
  return { accountId: parseAccountId(accountId), deviceId: parseDeviceId(deviceId), cipherSuite };
}

// A client's.

/** `StoredOwnPackage`, by the suite and the package's reference (RFC 9420 §5.2). */
export const ownPackageKey = (cipherSuite: number, reference: Uint8Array): Uint8Array =>
  encodeKey(SLICE, "own", cipherSuite, reference);
export const ownPackageKeys = (cipherSuite: number): Uint8Array =>
  encodeKey(SLICE, "own", cipherSuite);
/** Of an `ownPackageKey`. */
export function referenceOf(key: Uint8Array): Uint8Array<ArrayBuffer> {
  const reference = decodeKey(key)[3];
  assert(reference instanceof Uint8Array, "an own package's key ends with its reference");
  return new Uint8Array(reference);
}
export const OWN_PACKAGE_KEYS: Uint8Array = encodeKey(SLICE, "own");
/** When a single-use package of somebody else expires that this client was given, by its SHA-256. */
export const claimedKey = (hash: Uint8Array): Uint8Array => encodeKey(SLICE, "claimed", hash);
export const CLAIMED_KEYS: Uint8Array = encodeKey(SLICE, "claimed");

function parts({ accountId, deviceId, cipherSuite }: Shelf) {
  return [accountId, deviceId, cipherSuite] as const;
}
