/** One change of the own account's device list: list, certificates, vault and directory go together. */
import type { Clock, Random, Store } from "@qpq/ports";
import { accountsClient, type Signed, type VaultContent } from "../accounts/accounts.gen.ts";
import { readOwnAccount } from "../accounts/client.ts";
import {
  type Directory,
  openDirectory,
  rememberDirectoryVersion,
  requireNewerDirectory,
  sealDirectory,
} from "../accounts/directory.ts";
import type { Home } from "../accounts/home.ts";
import type { Primitives } from "../accounts/primitives.ts";
import { LABELS, signStatement } from "../accounts/signed.ts";
import { DIRECTORY_KEY_BYTES, type UnlockedAccount } from "../accounts/unlocked.ts";
import {
  devicesClient,
  type DevicesUpdateParams,
  encodeDeviceCertificate,
  encodeDeviceList,
} from "./devices.gen.ts";

export interface DeviceOptions {
  /** This device's, encrypted. */
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly primitives: Primitives;
}

/** What a change makes of the devices on the list. */
export interface ListChange {
  readonly devices: readonly { readonly deviceId: Uint8Array; readonly certificate: Signed }[];
  readonly generation: number;
  readonly newKey?: {
    readonly seed: Uint8Array;
    readonly publicKey: Uint8Array;
    readonly change: Signed;
  };
  /** The present one, which gets another key. */
  readonly directory?: Directory;
  /** Left out: the next ones. */
  readonly numbers?: { readonly counter: number; readonly vaultVersion: number };
}

/**
 * Makes the change, in one transaction of the server.
 * @throws MessengerError `accounts/version-conflict`: another device was first; what the server refuses
 */
export async function changeList(
  home: Home,
  unlocked: UnlockedAccount,
  options: DeviceOptions,
  change: ListChange,
): Promise<void> {
  const { random, clock, primitives, store } = options;
  const { devices, generation, newKey, directory, numbers } = change;
  const { accountId, name: accountName, serverName } = unlocked.identity;
  const counter = numbers?.counter ?? unlocked.listCounter + 1;
  const statement = encodeDeviceList({
    ...{ accountId, accountName, serverName, counter, generation },
    issuedAtMs: clock.now(),
    devices: devices.map(({ deviceId, certificate }) => ({
      deviceId,
      certificateHash: primitives.hash(certificate.statement),
    })),
  });
  const list = newKey === undefined
    ? unlocked.sign(LABELS.deviceList, statement)
    : signStatement(primitives, newKey.seed, { label: LABELS.deviceList, statement });
  const directoryKey = directory && random.bytes(DIRECTORY_KEY_BYTES);
  const changes: Partial<VaultContent> = {
    ...{ listCounter: counter, generation },
    ...newKey === undefined ? {} : { accountKeySeed: newKey.seed },
    ...directoryKey === undefined ? {} : { directoryKey },
  };
  const prepared = unlocked.prepare({
    ...{ random, changes },
    ...numbers === undefined ? {} : { version: numbers.vaultVersion },
  });
  const { vault, write } = prepared;
  const certificates = devices.map(({ certificate }) => certificate);
  const params: DevicesUpdateParams = {
    ...{ list, certificates, vault, write },
    ...newKey === undefined ? {} : { keyChange: newKey.change },
  };
  const calls = devicesClient(home);
  if (directory === undefined || directoryKey === undefined) {
    await calls.update(params);
    return unlocked.written(prepared);
  }
  const version = directory.version + 1;
  const next = { version, content: directory.content };
  const sealed = sealDirectory({ accountId, serverName, directoryKey }, next, options);
  await calls.rotate({ ...params, directory: { replaces: directory.version, version, sealed } });
  unlocked.written(prepared);
  await rememberDirectoryVersion(store, version);
}

/**
 * The directory by the vault's key, for who has the password.
 * @throws MessengerError `accounts/directory-refused`, `accounts/directory-rolled-back`
 */
export async function currentDirectory(
  home: Home,
  unlocked: UnlockedAccount,
  { store, primitives }: Pick<DeviceOptions, "store" | "primitives">,
): Promise<Directory> {
  const read = await accountsClient(home).readDirectory({});
  requireNewerDirectory(read.version, (await readOwnAccount(store))?.directoryVersion ?? 0);
  const directoryKey = unlocked.directoryKey;
  try {
    const content = openDirectory({ ...unlocked.identity, directoryKey }, read, primitives);
    return { version: read.version, content };
  } finally {
    directoryKey.fill(0);
  }
}

export function certify(
  unlocked: UnlockedAccount,
  { clock, primitives }: DeviceOptions,
  { device, generation, accountKey }: {
    readonly device: { readonly deviceId: Uint8Array; readonly signatureKey: Uint8Array };
    readonly generation: number;
    /** Signs in place of the present one. */
    readonly accountKey?: Uint8Array;
  },
): { readonly deviceId: Uint8Array; readonly certificate: Signed } {
  const { accountId, name: accountName, serverName } = unlocked.identity;
  const { deviceId, signatureKey } = device;
  const label = LABELS.deviceCertificate;
  const statement = encodeDeviceCertificate({
    ...{ accountId, accountName, serverName, deviceId, signatureKey, generation },
    issuedAtMs: clock.now(),
  });
  const certificate = accountKey === undefined
    ? unlocked.sign(label, statement)
    : signStatement(primitives, accountKey, { label, statement });
  return { deviceId, certificate };
}
