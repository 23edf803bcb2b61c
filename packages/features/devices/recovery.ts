/**
 * The way on when the server is back at an earlier state, from a backup. Nothing that this device has seen
 * is given up: what is written lies above all of it, so a server that only pretends gains nothing.
 */
import { MessengerError, type Store } from "@qpq/ports";
import { accountsClient } from "../accounts/accounts.gen.ts";
import { readOwnAccount, rememberOwnAccount } from "../accounts/client.ts";
import { openDirectory, writeDirectory } from "../accounts/directory.ts";
import type { Home } from "../accounts/home.ts";
import { type DeviceId, parseAccountId, parseAccountName } from "../accounts/names.ts";
import { sameBytes } from "../accounts/signed.ts";
import type { UnlockedAccount } from "../accounts/unlocked.ts";
import { findOwn, refreshCertificate } from "./client.ts";
import { certify, changeList, type DeviceOptions } from "./list-change.ts";
import { requireOwnDevice } from "./own-device.ts";
import { readOwnList } from "./own-list.ts";
import { importPins, mergePins } from "./shared-pins.ts";
import { type CertifiedList, verifyList } from "./statements.ts";

/** What a server has lost, as this device knows it: to be shown before anything is done about it. */
export interface Setback {
  readonly vault: Numbers;
  readonly list: Numbers;
  /** Known only to a device with a session; until then both are 0. */
  readonly directory: Numbers;
  /** The account key is an earlier one again: peers will be asked to accept it. */
  readonly isEarlierKey: boolean;
  /** Devices that the server lists again, though this device knows that they were revoked. */
  readonly revoked: readonly DeviceId[];
  /** Devices that the server no longer knows, and that will be listed again. */
  readonly missing: readonly DeviceId[];
}

/** Versions: what this device has seen, and what the server gives. */
export interface Numbers {
  readonly seen: number;
  readonly given: number;
}

/** Whether anything is older than it was. */
export function isSetback({ vault, list, directory }: Setback): boolean {
  return [vault, list, directory].some(({ seen, given }) => given < seen);
}

/**
 * Compares vault and list that the server has with what this device has seen.
 * @param unlocked by a login that lets an older vault pass
 * @throws MessengerError `devices/revoked`: this device was, as far as it knows
 */
export async function findSetback(
  home: Home,
  unlocked: UnlockedAccount,
  options: DeviceOptions,
): Promise<Setback> {
  return (await compare(home, unlocked, options)).setback;
}

/**
 * Brings vault and list forward, in one transaction: the devices of the newest list that this device has
 * seen, certified anew; both above all that was seen. Other devices go on from there.
 * @throws MessengerError as `findSetback`; `accounts/version-conflict`: another device was first
 */
export async function bringForward(
  home: Home,
  unlocked: UnlockedAccount,
  options: DeviceOptions,
): Promise<void> {
  const { setback, known, given } = await compare(home, unlocked, options);
  const generation = Math.max(known.generation, given?.generation ?? 0, unlocked.generation) + 1;
  await changeList(home, unlocked, options, {
    devices: known.devices.map((device) => certify(unlocked, options, { device, generation })),
    generation,
    numbers: { counter: above(setback.list), vaultVersion: above(setback.vault) },
  });
  await rememberOwnAccount(options.store, unlocked);
  await refreshCertificate(home, options);
}

/** The same of the directory, for a device with a session. */
export async function findDirectorySetback(home: Home, store: Store): Promise<Numbers> {
  const { version } = await accountsClient(home).readDirectory({});
  return { seen: (await readOwnAccount(store))?.directoryVersion ?? 0, given: version };
}

/**
 * Brings the directory forward: what the server has of it and this device's pins, under a version above all
 * that was seen.
 * @throws MessengerError `accounts/directory-refused`; `accounts/version-conflict`
 */
export async function bringDirectoryForward(home: Home, options: DeviceOptions): Promise<void> {
  const { store, clock, primitives } = options;
  const own = await readOwnAccount(store);
  if (own === undefined) throw nothingKnown();
  const read = await accountsClient(home).readDirectory({});
  const content = openDirectory(own, read, primitives);
  // Older than what was seen, and meant.
  await importPins(store, { version: own.directoryVersion, content }, clock);
  const { pins } = await mergePins(store, content.pins);
  const { version } = read;
  const merged = { version, above: own.directoryVersion, content: { ...content, pins } };
  await writeDirectory(home, merged, options);
}

function above({ seen, given }: Numbers): number {
  return Math.max(seen, given) + 1;
}

async function compare(
  home: Home,
  unlocked: UnlockedAccount,
  { store, primitives }: DeviceOptions,
): Promise<{
  readonly setback: Setback;
  /** As this device has seen it last. */
  readonly known: CertifiedList;
  readonly given: CertifiedList | undefined;
}> {
  const own = await readOwnAccount(store);
  const device = await requireOwnDevice(store, primitives);
  const seen = await readOwnList(store);
  if (own === undefined || seen === undefined) throw nothingKnown();
  const known = verifyList(primitives, {
    ...seen,
    accountId: parseAccountId(own.accountId),
    name: parseAccountName(own.name),
    serverName: own.serverName,
  });
  const isListed = (list: CertifiedList | undefined, deviceId: Uint8Array) =>
    list?.devices.some((listed) => sameBytes(listed.deviceId, deviceId)) === true;
  if (!isListed(known, device.deviceId)) {
    throw new MessengerError("devices/revoked", "Cannot recover: this device was revoked");
  }
  const given = (await findOwn(home, unlocked.identity, primitives)).list;
  const only = (list: CertifiedList | undefined, other: CertifiedList | undefined) =>
    (list?.devices ?? []).map(({ deviceId }) => deviceId).filter((id) => !isListed(other, id));
  return {
    ...{ known, given },
    setback: {
      vault: { seen: own.vaultVersion, given: unlocked.version },
      list: { seen: known.counter, given: given?.counter ?? 0 },
      directory: { seen: 0, given: 0 },
      isEarlierKey: !sameBytes(unlocked.identity.accountKey, own.accountKey),
      revoked: only(given, known),
      missing: only(known, given),
    },
  };
}

function nothingKnown(): MessengerError {
  return new MessengerError("devices/unknown", "Cannot recover: no login here has ended before");
}
