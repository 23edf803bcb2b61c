/** Key packages, the client's half: what leaves say, and claiming those of others. */
import type { CallOptions } from "@qpq/capnp";
import {
  acceptKeyPackage,
  type CipherSuite,
  createCapabilities,
  createIdentity,
  type Identity,
  isLastResort,
  type KeyPackage,
} from "@qpq/mls";
import { type Clock, MessengerError, type Random, type Store } from "@qpq/ports";
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
import { keyPackagesClient } from "./key-packages.gen.ts";
import { claimedKey } from "./keys.ts";
import { openPackage } from "./leaf.ts";
import { PACKAGE_LIFETIME_MS, WELCOME_DELAY_MAX_MS } from "./lifetimes.ts";
import { encodeMoment } from "./moments.ts";

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
    leaf.serverName === device.serverName && sameBytes(leaf.deviceId, device.deviceId) &&
    sameBytes(leaf.signatureKey, device.signatureKey);
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
