import { assert, decodeKey, encodeKey, type SliceSchema } from "@qpq/ports";
import {
  type AccountId,
  type AccountName,
  type DeviceId,
  parseDeviceId,
} from "../accounts/names.ts";

/** The first part of every key of this slice, on a server and on a client. */
const SLICE = "devices";

export const devicesSchema: SliceSchema = { name: SLICE, version: 1, migrations: [] };

// The server's.

/** The newest list, as it was signed: `Signed`. */
export const listKey = (account: AccountId): Uint8Array => encodeKey(SLICE, "list", account);
/** `StoredDevice`. */
export const deviceKey = (account: AccountId, device: DeviceId): Uint8Array =>
  encodeKey(SLICE, "device", account, device);
export const deviceKeys = (account: AccountId): Uint8Array => encodeKey(SLICE, "device", account);
/** Of a `deviceKey`. */
export function deviceIdOf(key: Uint8Array): DeviceId {
  const id = decodeKey(key)[3];
  assert(id instanceof Uint8Array, "a device's key ends with its id");
  return parseDeviceId(id);
}
/** `StoredSession`, by the SHA-256 of its token. */
export const sessionKey = (tokenHash: Uint8Array): Uint8Array =>
  encodeKey(SLICE, "session", tokenHash);
export const SESSION_KEYS: Uint8Array = encodeKey(SLICE, "session");

// A client's.

/** `StoredOwnDevice`. */
export const OWN_DEVICE_KEY: Uint8Array = encodeKey(SLICE, "own");
/** `StoredOwnList`. */
export const OWN_LIST_KEY: Uint8Array = encodeKey(SLICE, "own-list");
/** `StoredPin`. */
export const pinKey = (name: AccountName): Uint8Array => encodeKey(SLICE, "pin", name);
export const PIN_KEYS: Uint8Array = encodeKey(SLICE, "pin");
