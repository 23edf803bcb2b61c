/** Where this device keeps one account: an encrypted store in a folder of its own. */
import { databaseAddon } from "@qpq/adapters/native-code";
import {
  forgetKey,
  isKeyChangeOpen,
  keyFilePath,
  lockStore,
  openEitherKey,
  openStore,
  openWithKey,
  readRememberedKey,
  rememberedKeyPath,
  rememberKey,
  settleKeyChange,
  stagedKeyFilePath,
  stageKeyChange,
  type StretchingCost,
} from "@qpq/adapters/stores";
import {
  formatHostPort,
  type HostPort,
  type Log,
  MessengerError,
  openSlices,
  type Store,
} from "@qpq/ports";
import { accountsSchema } from "../features/accounts/keys.ts";
import { parseAccountName } from "../features/accounts/names.ts";
import { devicesSchema } from "../features/devices/keys.ts";
import { groupsSchema } from "../features/groups/keys.ts";
import { messagesSchema } from "../features/messages/keys.ts";
import { keyPackagesSchema } from "../features/key-packages/keys.ts";
import { settingsSchema } from "../features/settings/keys.ts";

/** Which account on which server, and the folder that everything of this kind stands in. */
export interface AccountPlace {
  readonly stateFolder: string;
  readonly server: HostPort;
  /** The account's. */
  readonly name: string;
}

const DATABASE_FILE = "client.db";
const SCHEMAS = [
  accountsSchema,
  devicesSchema,
  keyPackagesSchema,
  settingsSchema,
  groupsSchema,
  messagesSchema,
];

/** `<state folder>/<host>_<port>/<name>`. @throws MessengerError `accounts/name-invalid` */
export function accountFolder({ stateFolder, server, name }: AccountPlace): string {
  return `${serverFolder(stateFolder, server)}/${parseAccountName(name)}`;
}

/** Names of the accounts that this device has on a server. */
export function accountsOfDevice(
  { stateFolder, server }: Pick<AccountPlace, "stateFolder" | "server">,
): readonly string[] {
  const folder = serverFolder(stateFolder, server);
  try {
    return [...Deno.readDirSync(folder)].map(({ name }) => name)
      .filter((name) => isThere(`${folder}/${name}/${DATABASE_FILE}`)).toSorted();
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return [];
    throw unusable(folder, cause);
  }
}

export function hasAccountStore(place: AccountPlace): boolean {
  return isThere(databasePath(place));
}

/**
 * Says early what opening the account would: another process may still be faster.
 * @throws MessengerError `store/in-use`
 */
export function requireStoreFree(place: AccountPlace): void {
  lockStore(databasePath(place)).release();
}

/** Asks of the folder what making a store will ask, before anything is done elsewhere. */
export function prepareAccountFolder(place: AccountPlace): void {
  const folder = accountFolder(place);
  try {
    Deno.mkdirSync(folder, { recursive: true, mode: 0o700 });
    const probe = `${folder}/${DATABASE_FILE}.probe`;
    Deno.writeFileSync(probe, new Uint8Array());
    Deno.removeSync(probe);
  } catch (cause) {
    throw unusable(folder, cause);
  }
}

/** Takes an empty folder away again that `prepareAccountFolder` made. */
export function dropEmptyFolder(place: AccountPlace): void {
  try {
    Deno.removeSync(accountFolder(place));
  } catch {
    // Not empty, or gone: either is fine.
  }
}

/**
 * Deletes all that this device has of the account, its key first: cut short, what is left can't be
 * read, and deleted by the same again.
 * @throws MessengerError `store/in-use`: another process has it open; `store/read-only`
 */
export function removeAccountStore(place: AccountPlace): void {
  const folder = accountFolder(place);
  const path = databasePath(place);
  if (!isThere(folder)) return;
  const lock = lockStore(path);
  try {
    const keys = [keyFilePath(path), stagedKeyFilePath(path), rememberedKeyPath(path)];
    for (const file of keys) removeIfThere(file);
    Deno.removeSync(folder, { recursive: true });
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw unusable(folder, cause);
  } finally {
    lock.release();
  }
}

/** The store of one account, held by this process. */
export interface AccountStore {
  readonly store: Store;
  /** Which of two passwords opened it, while a change of the password isn't settled. */
  readonly openedBy: "present" | "staged";
}

interface StoreOptions {
  /** Left out: the store opens by the key that is remembered. */
  readonly password?: string | undefined;
  readonly log?: Log;
  /** Of key files that are written. */
  readonly cost?: StretchingCost;
}

/** @throws MessengerError `store/exists`, and what `openStore` says */
export async function createAccountStore(
  place: AccountPlace,
  { password, log, cost }: StoreOptions & { readonly password: string },
): Promise<AccountStore> {
  const path = databasePath(place);
  if (isThere(path)) {
    throw new MessengerError("store/exists", "Cannot make a store: it is there already");
  }
  // What a run that was cut short left: without its database a key opens nothing.
  const left = [keyFilePath(path), stagedKeyFilePath(path), rememberedKeyPath(path)];
  for (const file of left) removeIfThere(file);
  const location = locationOf(path, log);
  const store = await openStore({
    ...location,
    password,
    create: true,
    ...cost === undefined ? {} : { cost },
  });
  return { store, openedBy: "present" };
}

/**
 * @throws MessengerError `client/no-account`, `store/wrong-password`, `store/in-use`, and what
 *   `openStore` says
 */
export async function openAccountStore(
  place: AccountPlace,
  { password, log }: StoreOptions,
): Promise<AccountStore> {
  const path = databasePath(place);
  if (!isThere(path)) throw noAccount(place);
  const { key, from } = await openKey(path, password);
  try {
    const store = await openWithKey(locationOf(path, log), key, false);
    return { store, openedBy: from };
  } finally {
    key.fill(0);
  }
}

async function openKey(
  path: string,
  password: string | undefined,
): Promise<{ readonly key: Uint8Array; readonly from: AccountStore["openedBy"] }> {
  if (password === undefined) {
    const key = readRememberedKey(path);
    if (key !== undefined) return { key, from: "present" };
    throw new MessengerError(
      "store/wrong-password",
      "Cannot open this device's data: no password was given, and no key is remembered",
    );
  }
  return await openEitherKey(path, password).catch((cause) => {
    if (!isWrongPassword(cause)) throw cause;
    throw new MessengerError(
      "store/wrong-password",
      "Cannot open this device's data: wrong password",
      { cause },
    );
  });
}

/** Whether the store opens without a password. */
export function hasRememberedKey(place: AccountPlace): boolean {
  return isThere(rememberedKeyPath(databasePath(place)));
}

/** Lets the store open without a password, by a file that only its owner may read. */
export async function rememberStoreKey(place: AccountPlace, password: string): Promise<void> {
  await rememberKey(databasePath(place), password);
}

export function forgetStoreKey(place: AccountPlace): void {
  forgetKey(databasePath(place));
}

/** Lets the store open with either password, durably, until `settleStorePassword`. */
export async function stageStorePassword(
  place: AccountPlace,
  passwords: { readonly from: string; readonly to: string; readonly cost?: StretchingCost },
): Promise<void> {
  await stageKeyChange(databasePath(place), passwords);
}

/** Settles to the password that the server has just accepted, if the store opens with it. */
export async function settleToAccepted(place: AccountPlace, password: string): Promise<void> {
  const path = databasePath(place);
  if (!isKeyChangeOpen(path)) return;
  try {
    const { key, from } = await openEitherKey(path, password);
    key.fill(0);
    settleKeyChange(path, from);
  } catch (error) {
    if (!isWrongPassword(error)) throw error;
  }
}

export function settleStorePassword(place: AccountPlace, holds: "present" | "staged"): void {
  settleKeyChange(databasePath(place), holds);
}

/** Whether two passwords open the store, because a change of the account's was cut short. */
export function isStorePasswordOpen(place: AccountPlace): boolean {
  return isKeyChangeOpen(databasePath(place));
}

export function isWrongPassword(error: unknown): boolean {
  return error instanceof MessengerError && error.code === "store/wrong-password";
}

export function noAccount({ name, server }: AccountPlace): MessengerError {
  return new MessengerError(
    "client/no-account",
    `Cannot go on: this device has no account ${parseAccountName(name)} on ${
      formatHostPort(server)
    }`,
  );
}

/** Brings what every slice keeps to this version's form. */
export async function openAccountSlices(store: Store): Promise<void> {
  await openSlices(store, SCHEMAS);
}

function locationOf(path: string, log: Log | undefined) {
  const nativeBinding = databaseAddon().path;
  return { kind: "sqlite", path, nativeBinding, ...log === undefined ? {} : { log } } as const;
}

function databasePath(place: AccountPlace): string {
  return `${accountFolder(place)}/${DATABASE_FILE}`;
}

function serverFolder(stateFolder: string, server: HostPort): string {
  const { hostname, port } = server;
  return `${stateFolder}/${
    formatHostPort({ hostname: hostname.toLowerCase(), port }).replaceAll(":", "_")
  }`;
}

function isThere(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (cause) {
    const isMissing = cause instanceof Deno.errors.NotFound ||
      cause instanceof Deno.errors.NotADirectory;
    if (isMissing) return false;
    throw unusable(path, cause);
  }
}

function removeIfThere(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw unusable(path, cause);
  }
}

function unusable(path: string, cause: unknown): MessengerError {
  const reason = cause instanceof Error ? cause.message : "unknown";
  return new MessengerError("store/read-only", `Cannot use ${path}: ${reason}`, { cause });
}
