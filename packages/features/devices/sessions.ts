import {
  type Clock,
  equalConstantTime,
  MessengerError,
  type Random,
  type Store,
  type StoreTransaction,
} from "@qpq/ports";
import type { Credentials, SessionInfo } from "@qpq/rpc";
import { type FreshLogin, requireFreshAccount } from "../accounts/login-states.ts";
import {
  type AccountId,
  type DeviceId,
  parseAccountId,
  parseAccountName,
  parseDeviceId,
} from "../accounts/names.ts";
import { HASH_BYTES, type Primitives } from "../accounts/primitives.ts";
import { requireAccount } from "../accounts/records.ts";
import { isSignedBy } from "../accounts/signed.ts";
import type { DeviceIdentity } from "./caller.ts";
import {
  decodeStoredDevice,
  decodeStoredSession,
  encodeStoredDevice,
  encodeStoredSession,
  type StoredDevice,
} from "./devices.gen.ts";
import { deviceKey, SESSION_KEYS, sessionKey } from "./keys.ts";
import { sweepRange } from "../limits/sweep-range.ts";
import type { LiveDevices } from "./live-devices.ts";
import { sessionProof } from "./statements.ts";

export const TOKEN_BYTES = 32;

/** Of sessions. */
export interface SessionLifetimes {
  /** Milliseconds after its last use until a session ends. */
  readonly sessionMs: number;
  /** Uses within this many milliseconds of another are not written down. */
  readonly sessionTouchMs: number;
}

export const SESSION_LIFETIMES: SessionLifetimes = {
  sessionMs: 90 * 24 * 60 * 60 * 1_000,
  sessionTouchMs: 24 * 60 * 60 * 1_000,
};

/** A server's sessions: tokens, of which it keeps only the hash. */
export interface Sessions {
  /**
   * Gives the device a new token, its only one, after checking that the device asks.
   * @param fresh a login just before
   * @param proof.signature over this session's `SessionProof`
   * @throws MessengerError `devices/unknown`, `rpc/not-authenticated`: the proof is not the device's;
   *   `accounts/not-fresh`: the password was changed since; `accounts/suspended`
   */
  open(
    fresh: FreshLogin,
    device: DeviceId,
    proof: { readonly session: SessionInfo; readonly signature: Uint8Array },
  ): Promise<{ readonly token: Uint8Array; readonly expiresAtMs: number }>;
  close(identity: DeviceIdentity): Promise<void>;
  /**
   * For `RpcServerOptions.authenticate`.
   * @throws MessengerError `rpc/not-authenticated`, `accounts/suspended`
   */
  authenticate(
    credentials: Credentials,
    session: SessionInfo,
    over: AbortSignal,
  ): Promise<DeviceIdentity>;
  /** Deletes expired sessions. */
  sweep(): Promise<void>;
  /** Deletes all sessions: after a restore, when who was logged out since is logged in again. */
  voidAll(): Promise<void>;
}

interface SessionsOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly primitives: Primitives;
  readonly serverName: string;
  readonly live: LiveDevices;
  readonly lifetimes: SessionLifetimes;
}

export function createSessions(options: SessionsOptions): Sessions {
  const { store, clock, random, primitives, serverName, live, lifetimes } = options;
  const requireProof = (signatureKey: Uint8Array, session: SessionInfo, signature: Uint8Array) => {
    const isProven = isSignedBy(primitives, signatureKey, {
      ...sessionProof(session, serverName),
      signature,
    });
    if (!isProven) throw notAuthenticated("the device has not signed");
  };
  return {
    async open(fresh, device, { session, signature }) {
      const account = fresh.accountId;
      const token = random.bytes(TOKEN_BYTES);
      const hash = primitives.hash(token);
      const expiresAtMs = clock.now() + lifetimes.sessionMs;
      await store.transaction(async (transaction) => {
        await requireFreshAccount(transaction, fresh);
        const stored = await readDevice(transaction, account, device);
        if (stored === undefined) {
          throw new MessengerError("devices/unknown", "Cannot open session: no such device");
        }
        requireProof(stored.signatureKey, session, signature);
        endSession(transaction, stored);
        const opened = { accountId: account, deviceId: device, expiresAtMs };
        transaction.put(sessionKey(hash), encodeStoredSession(opened));
        transaction.put(
          deviceKey(account, device),
          encodeStoredDevice({ ...stored, sessionHash: hash }),
        );
      });
      live.cutOff(account, device);
      return { token, expiresAtMs };
    },
    async close({ accountId, deviceId }) {
      await store.transaction((transaction) => logOut(transaction, accountId, deviceId));
      live.cutOff(accountId, deviceId);
    },
    async authenticate({ sessionToken, deviceSignature }, session, over) {
      if (sessionToken.length !== TOKEN_BYTES) throw notAuthenticated("no token of ours");
      const hash = primitives.hash(sessionToken);
      const found = await store.snapshot(async (reader) => {
        const stored = await reader.get(sessionKey(hash));
        return stored === undefined ? undefined : decodeStoredSession(stored);
      });
      if (found === undefined || found.expiresAtMs <= clock.now()) {
        throw notAuthenticated("the session is over");
      }
      const accountId = parseAccountId(found.accountId);
      const deviceId = parseDeviceId(found.deviceId);
      // Entered before the device is read: a revocation in between is either seen or heard of.
      const left = new AbortController();
      const revoked = live.enter(accountId, deviceId, AbortSignal.any([over, left.signal]));
      try {
        const { device, account } = await store.snapshot(async (reader) => ({
          device: await readDevice(reader, accountId, deviceId),
          account: await requireAccount(reader, accountId),
        }));
        if (device === undefined || !equalConstantTime(device.sessionHash, hash)) {
          throw notAuthenticated("the session is over");
        }
        requireProof(device.signatureKey, session, deviceSignature);
        await touch(options, { hash, expiresAtMs: found.expiresAtMs });
        const accountName = parseAccountName(account.name);
        const { signatureKey } = device;
        return { accountId, accountName, deviceId, signatureKey, revoked };
      } catch (error) {
        left.abort();
        throw error;
      }
    },
    sweep: () => sweep(options, clock.now()),
    voidAll: () => sweep(options, Infinity),
  };
}

/** Slides the end of a session that is in use. */
async function touch(
  { store, clock, lifetimes }: SessionsOptions,
  { hash, expiresAtMs }: { readonly hash: Uint8Array; readonly expiresAtMs: number },
): Promise<void> {
  const slidMs = clock.now() + lifetimes.sessionMs;
  if (slidMs - expiresAtMs < lifetimes.sessionTouchMs) return;
  await store.transaction(async (transaction) => {
    const stored = await transaction.get(sessionKey(hash));
    if (stored === undefined) return;
    const session = decodeStoredSession(stored);
    transaction.put(sessionKey(hash), encodeStoredSession({ ...session, expiresAtMs: slidMs }));
  });
}

export async function readDevice(
  reader: Pick<StoreTransaction, "get">,
  account: AccountId,
  device: DeviceId,
): Promise<StoredDevice | undefined> {
  const stored = await reader.get(deviceKey(account, device));
  return stored === undefined ? undefined : decodeStoredDevice(stored);
}

/** Deletes the session of a device, if it has one. */
export function endSession(transaction: StoreTransaction, { sessionHash }: StoredDevice): void {
  if (sessionHash.length === HASH_BYTES) transaction.delete(sessionKey(sessionHash));
}

async function logOut(
  transaction: StoreTransaction,
  account: AccountId,
  device: DeviceId,
): Promise<void> {
  const stored = await readDevice(transaction, account, device);
  if (stored === undefined) return;
  endSession(transaction, stored);
  transaction.put(
    deviceKey(account, device),
    encodeStoredDevice({ ...stored, sessionHash: new Uint8Array() }),
  );
}

async function sweep({ store }: SessionsOptions, nowMs: number): Promise<void> {
  await sweepRange(store, SESSION_KEYS, async (transaction, { value }) => {
    const { accountId, deviceId, expiresAtMs } = decodeStoredSession(value);
    if (expiresAtMs > nowMs) return;
    await logOut(transaction, parseAccountId(accountId), parseDeviceId(deviceId));
  });
}

function notAuthenticated(state: string): MessengerError {
  return new MessengerError("rpc/not-authenticated", `Cannot authenticate: ${state}`);
}
