/** Devices, the client's half: the own account's, which only the password changes. */
import { MessengerError, type Store } from "@qpq/ports";
import { encodeAccountKeyChange } from "../accounts/accounts.gen.ts";
import { readOwnAccount, reloadVault, rememberOwnAccount } from "../accounts/client.ts";
import type { Home } from "../accounts/home.ts";
import { type DeviceId, parseAccountId, parseAccountName } from "../accounts/names.ts";
import type { Primitives } from "../accounts/primitives.ts";
import { LABELS, sameBytes } from "../accounts/signed.ts";
import type { AccountIdentity, UnlockedAccount } from "../accounts/unlocked.ts";
import { type VerifiedAccount, verifyView } from "./account-view.ts";
import { devicesClient } from "./devices.gen.ts";
import {
  certify,
  changeList,
  currentDirectory,
  type DeviceOptions,
  type ListChange,
} from "./list-change.ts";
import { ensureOwnDevice, readOwnDevice } from "./own-device.ts";
import { requireOwnKey, seeOwnAccount } from "./own-list.ts";
import type { CertifiedDevice, CertifiedList } from "./statements.ts";

export type { DeviceOptions } from "./list-change.ts";

/** Times that a change is tried again when another device was first. */
const ATTEMPTS_MAX = 4;

/**
 * Puts this store's device on the account's list, inside a login of this connection. Harmless when it
 * is there. Interrupted anywhere, the same call again completes it.
 * @throws MessengerError `devices/too-many`, `accounts/not-fresh`, `devices/list-rolled-back`;
 *   `devices/bad-list`, `devices/bad-certificate` of a server that cheats
 */
export async function enrolDevice(
  home: Home,
  unlocked: UnlockedAccount,
  options: DeviceOptions,
): Promise<void> {
  const { primitives, store } = options;
  const own = await ensureOwnDevice(store, options);
  const { publicKey } = own.signatureKeyPair;
  await changeDevices(home, unlocked, options, (before) => {
    const isListed = before.some(({ deviceId, signatureKey }) =>
      sameBytes(deviceId, own.deviceId) && sameBytes(signatureKey, publicKey)
    );
    if (isListed) return undefined;
    const { generation } = unlocked;
    const device = { deviceId: own.deviceId, signatureKey: publicKey };
    return { devices: [...before, certify(unlocked, options, { device, generation })], generation };
  });
  await refreshCertificate(home, { ...options, primitives });
}

/**
 * Takes devices off the list and certifies the others anew, at the next generation: from then on the
 * server refuses the revoked ones, and peers their certificates. The directory gets another key; other
 * devices have it from the vault, with the password.
 * @throws MessengerError `devices/unknown`: none of them is on the list; else as `enrolDevice`
 */
export async function revokeDevices(
  home: Home,
  unlocked: UnlockedAccount,
  options: DeviceOptions & { readonly deviceIds: readonly DeviceId[] },
): Promise<void> {
  const ids = new Set(options.deviceIds.map((id) => id.toHex()));
  await changeDevices(home, unlocked, options, (before) => {
    const remaining = before.filter(({ deviceId }) => !ids.has(deviceId.toHex()));
    if (remaining.length === before.length) {
      throw new MessengerError("devices/unknown", "Cannot revoke: no such device on the list");
    }
    const generation = unlocked.generation + 1;
    return {
      devices: remaining.map((device) => certify(unlocked, options, { device, generation })),
      generation,
    };
  });
  await refreshCertificate(home, options);
}

/**
 * Gives the account a new key, which the old one signs, and certifies all devices under it. For when
 * the old key may have leaked. Peers are warned, and send nothing until they accept the new key.
 * @throws as `enrolDevice`
 */
export async function changeAccountKey(
  home: Home,
  unlocked: UnlockedAccount,
  options: DeviceOptions,
): Promise<void> {
  const { primitives, random, clock } = options;
  const pair = primitives.generateSignatureKeyPair(random);
  await changeDevices(home, unlocked, options, (before) => {
    const { accountId, accountKey, serverName } = unlocked.identity;
    const generation = unlocked.generation + 1;
    return {
      devices: before.map((device) =>
        certify(unlocked, options, { device, generation, accountKey: pair.privateKey })
      ),
      generation,
      newKey: {
        seed: pair.privateKey,
        publicKey: pair.publicKey,
        change: unlocked.sign(
          LABELS.accountKeyChange,
          encodeAccountKeyChange({
            accountId,
            oldKey: accountKey,
            newKey: pair.publicKey,
            changedAtMs: clock.now(),
            serverName,
          }),
        ),
      },
    };
  });
  await refreshCertificate(home, options);
}

/**
 * The own account's devices, as its key signed them.
 * @throws MessengerError `devices/list-rolled-back`, `devices/counter-jump`, `accounts/own-key-changed`:
 *   the account has another key now, made on another device or by a server that cheats: log in
 */
export async function listOwnDevices(
  home: Home,
  own: AccountIdentity,
  options: Pick<DeviceOptions, "store" | "primitives">,
): Promise<CertifiedList | undefined> {
  const account = await findOwn(home, own, options.primitives);
  await seeOwnAccount(own, account, options);
  return account.list;
}

/**
 * Stores this device's newest certificate, after another device may have renewed it.
 * @throws MessengerError `devices/revoked`: this device is no longer on the list
 */
export async function refreshCertificate(
  home: Home,
  options: Pick<DeviceOptions, "store" | "primitives">,
): Promise<void> {
  const { store, primitives } = options;
  const account = await readOwnIdentity(store);
  const device = await readOwnDevice(store, primitives);
  if (account === undefined || device === undefined) return;
  const list = await listOwnDevices(home, account, options);
  const listed = list?.devices.find(({ deviceId }) => sameBytes(deviceId, device.deviceId));
  if (listed === undefined) {
    throw new MessengerError("devices/revoked", "Cannot go on: this device was revoked");
  }
}

/** @param decide from the devices on the list; undefined when there is nothing to change */
async function changeDevices(
  home: Home,
  unlocked: UnlockedAccount,
  options: DeviceOptions,
  decide: (before: readonly CertifiedDevice[]) => ListChange | undefined,
): Promise<void> {
  for (let attempt = 1;; attempt++) {
    try {
      const before = await devicesBefore(home, unlocked, options);
      const change = decide(before);
      if (change?.generation === unlocked.generation) {
        await changeList(home, unlocked, options, change);
      } else if (change !== undefined) {
        // Who is off the list, or has learnt the account key, knows the directory's key.
        const directory = await currentDirectory(home, unlocked, options);
        await changeList(home, unlocked, options, { ...change, directory });
      }
      return await rememberOwnAccount(options.store, unlocked);
    } catch (error) {
      const isLate = error instanceof MessengerError && error.code === "accounts/version-conflict";
      if (!isLate || attempt === ATTEMPTS_MAX) throw error;
      await reloadVault(home, unlocked);
    }
  }
}

/** The devices on the list that the vault says is the newest. */
async function devicesBefore(
  home: Home,
  unlocked: UnlockedAccount,
  { primitives }: DeviceOptions,
): Promise<readonly CertifiedDevice[]> {
  const { list } = await findOwn(home, unlocked.identity, primitives);
  const counter = list?.counter ?? 0;
  if (counter < unlocked.listCounter) {
    throw new MessengerError(
      "devices/list-rolled-back",
      `Cannot change devices: list ${counter}, but the vault knows ${unlocked.listCounter}`,
    );
  }
  if (counter > unlocked.listCounter) {
    throw new MessengerError("accounts/version-conflict", "Cannot change devices: vault is older");
  }
  return list?.devices ?? [];
}

/** @throws MessengerError `accounts/own-key-changed`; what `verifyView` throws */
export async function findOwn(
  home: Home,
  own: AccountIdentity,
  primitives: Primitives,
): Promise<VerifiedAccount> {
  const { accountId, name, serverName } = own;
  const view = await devicesClient(home).findById({ accountId });
  const account = verifyView(primitives, view, { accountId, name, serverName });
  requireOwnKey(own, account);
  return account;
}

/** The account of this device's store, if it has one. */
export async function readOwnIdentity(store: Store): Promise<AccountIdentity | undefined> {
  const own = await readOwnAccount(store);
  return own === undefined ? undefined : {
    accountId: parseAccountId(own.accountId),
    name: parseAccountName(own.name),
    serverName: own.serverName,
    accountKey: own.accountKey,
  };
}
