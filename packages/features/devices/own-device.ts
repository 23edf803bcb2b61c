/** This device: its key and its session, in the client's encrypted store. */
import { MessengerError, type Random, type Store } from "@qpq/ports";
import type { Credentials } from "@qpq/rpc";
import type { DeviceProof } from "../accounts/accounts.gen.ts";
import { type Home, type HomeSession, requireHome } from "../accounts/home.ts";
import { DEVICE_ID_BYTES, type DeviceId, parseDeviceId } from "../accounts/names.ts";
import type { Primitives, SignatureKeyPair } from "../accounts/primitives.ts";
import { signStatement } from "../accounts/signed.ts";
import {
  decodeStoredOwnDevice,
  devicesClient,
  encodeStoredOwnDevice,
  type StoredOwnDevice,
} from "./devices.gen.ts";
import { OWN_DEVICE_KEY } from "./keys.ts";
import { sessionProof } from "./statements.ts";

export interface OwnDevice {
  readonly deviceId: DeviceId;
  /** Of its MLS leaves, too. */
  readonly signatureKeyPair: SignatureKeyPair;
  /** As stored. */
  readonly stored: StoredOwnDevice;
}

/** @returns undefined before this store's first login */
export async function readOwnDevice(
  store: Store,
  primitives: Primitives,
): Promise<OwnDevice | undefined> {
  const stored = await store.snapshot((reader) => reader.get(OWN_DEVICE_KEY));
  return stored === undefined ? undefined : open(primitives, decodeStoredOwnDevice(stored));
}

/** @throws MessengerError `devices/unknown`: there was no login yet */
export async function requireOwnDevice(store: Store, primitives: Primitives): Promise<OwnDevice> {
  const device = await readOwnDevice(store, primitives);
  if (device === undefined) {
    throw new MessengerError("devices/unknown", "Cannot go on: no account on this device");
  }
  return device;
}

/** This store's device; makes it, durably, before anything is said about it. */
export async function ensureOwnDevice(
  store: Store,
  { primitives, random }: { readonly primitives: Primitives; readonly random: Random },
): Promise<OwnDevice> {
  const made: StoredOwnDevice = {
    deviceId: random.bytes(DEVICE_ID_BYTES),
    signatureSeed: primitives.generateSignatureKeyPair(random).privateKey,
    sessionToken: new Uint8Array(),
  };
  const stored = await store.transaction(async (transaction) => {
    const before = await transaction.get(OWN_DEVICE_KEY);
    if (before !== undefined) return decodeStoredOwnDevice(before);
    transaction.put(OWN_DEVICE_KEY, encodeStoredOwnDevice(made));
    return made;
  });
  return open(primitives, stored);
}

/** Changes what is stored of this device; its id and key stay. */
export async function updateOwnDevice(
  store: Store,
  changes: Partial<Pick<StoredOwnDevice, "certificate" | "sessionToken">>,
): Promise<void> {
  await store.transaction(async (transaction) => {
    const before = await transaction.get(OWN_DEVICE_KEY);
    if (before === undefined) return;
    const device = { ...decodeStoredOwnDevice(before), ...changes };
    transaction.put(OWN_DEVICE_KEY, encodeStoredOwnDevice(device));
  });
}

/**
 * Gets this device a session token, inside a fresh login of this connection.
 * @throws MessengerError `accounts/not-fresh`, `devices/unknown`: the account doesn't list it;
 *   `accounts/wrong-server`
 */
export async function openSession(
  home: Home,
  options: {
    readonly store: Store;
    readonly primitives: Primitives;
    readonly serverName: string;
  },
): Promise<void> {
  const { store, primitives, serverName } = options;
  const device = await requireOwnDevice(store, primitives);
  const session = await requireHome(home, serverName);
  const proof = signProof(primitives, device, { session, serverName });
  const { token } = await devicesClient(home).openSession({ deviceId: device.deviceId, proof });
  await updateOwnDevice(store, { sessionToken: token });
}

/**
 * For `RpcClientOptions.credentials`: shows the stored session token to the server that it is of, and
 * to no other.
 */
export function deviceCredentials(
  options: {
    readonly store: Store;
    readonly primitives: Primitives;
    readonly serverName: string;
  },
): (server: HomeSession) => Promise<Credentials | undefined> {
  const { store, primitives, serverName } = options;
  return async (session) => {
    const device = await readOwnDevice(store, primitives);
    const isReady = device !== undefined && device.stored.sessionToken.length > 0;
    if (!isReady || session.name !== serverName) return undefined;
    return {
      sessionToken: device.stored.sessionToken,
      deviceSignature: signProof(primitives, device, { session, serverName }),
    };
  };
}

/** For `PasswordOptions.proveDevice`: shows this device, with a session or without, if there is one. */
export function deviceProver(
  options: {
    readonly store: Store;
    readonly primitives: Primitives;
    readonly serverName: string;
  },
): (server: HomeSession) => Promise<DeviceProof | undefined> {
  const { store, primitives, serverName } = options;
  return async (session) => {
    const device = await readOwnDevice(store, primitives);
    if (device === undefined) return undefined;
    const signature = signProof(primitives, device, { session, serverName });
    return { deviceId: device.deviceId, signature };
  };
}

/** Ends the session on the server, if it can be told, and here. */
export async function logOut(home: Home, store: Store): Promise<void> {
  try {
    await devicesClient(home).closeSession({});
  } catch (error) {
    // Over there it is over, too.
    if (!(error instanceof MessengerError) || !SESSION_OVER.has(error.code)) throw error;
  }
  await updateOwnDevice(store, { sessionToken: new Uint8Array() });
}

const SESSION_OVER: ReadonlySet<string> = new Set(["rpc/not-authenticated", "devices/revoked"]);

function signProof(
  primitives: Primitives,
  { signatureKeyPair }: OwnDevice,
  { session, serverName }: { readonly session: HomeSession; readonly serverName: string },
): Uint8Array {
  return signStatement(
    primitives,
    signatureKeyPair.privateKey,
    sessionProof(session, serverName),
  ).signature;
}

function open(primitives: Primitives, stored: StoredOwnDevice): OwnDevice {
  return {
    deviceId: parseDeviceId(stored.deviceId),
    signatureKeyPair: primitives.signatureKeyPair(stored.signatureSeed),
    stored,
  };
}
