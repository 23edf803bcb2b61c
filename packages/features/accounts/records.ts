/** Accounts as the server stores them, for this slice and those that change accounts with it. */
import { assert, MessengerError, type StoreReader, type StoreTransaction } from "@qpq/ports";
import {
  decodeStoredAccount,
  decodeStoredDirectory,
  decodeVaultWrite,
  type DirectoryWrite,
  encodeStoredAccount,
  encodeStoredDirectory,
  type Signed,
  type StoredAccount,
  type StoredDirectory,
} from "./accounts.gen.ts";
import { accountKey, directoryKey, nameKey } from "./keys.ts";
import { type AccountId, type AccountName, parseAccountId } from "./names.ts";
import type { Primitives } from "./primitives.ts";
import { LABELS, openStatement, sameBytes, type StatementKind } from "./signed.ts";

/** How far a version may be ahead of the one that it replaces: after a restore of the server. */
const VERSION_STEP_MAX = 1_000_000;
/** Bytes of an encrypted directory at most. */
export const DIRECTORY_BYTES_MAX = 524_288;
/** Bytes of an encrypted vault at most. */
export const VAULT_BYTES_MAX = 1_024;

/** What replaces an account's vault, and with a new password its OPAQUE record. */
export interface VaultRevision {
  readonly vault: Uint8Array;
  /** `VaultWrite`, signed by the account key. */
  readonly write: Signed;
  readonly record?: Uint8Array;
}

const VAULT_WRITE: StatementKind<ReturnType<typeof decodeVaultWrite>> = {
  label: LABELS.vaultWrite,
  decode: decodeVaultWrite,
  code: "accounts/bad-signature",
};

export async function readAccount(
  reader: StoreReader,
  id: AccountId,
): Promise<StoredAccount | undefined> {
  const stored = await reader.get(accountKey(id));
  return stored === undefined ? undefined : decodeStoredAccount(stored);
}

/**
 * An account that may act.
 * @throws MessengerError `accounts/unknown`, `accounts/suspended`
 */
export async function requireAccount(reader: StoreReader, id: AccountId): Promise<StoredAccount> {
  const account = await readAccount(reader, id);
  if (account === undefined) {
    throw new MessengerError("accounts/unknown", "Cannot find account: it is not there");
  }
  if (account.isSuspended) {
    throw new MessengerError("accounts/suspended", "Cannot use account: it is suspended");
  }
  return account;
}

export async function findAccountId(
  reader: StoreReader,
  name: AccountName,
): Promise<AccountId | undefined> {
  const stored = await reader.get(nameKey(name));
  return stored === undefined ? undefined : parseAccountId(stored);
}

export function putAccount(
  transaction: StoreTransaction,
  id: AccountId,
  account: StoredAccount,
): void {
  transaction.put(accountKey(id), encodeStoredAccount(account));
}

/**
 * The account with its vault replaced: a compare-and-swap on the version, by who holds the account
 * key. Changes nothing itself.
 * @throws MessengerError `accounts/version-conflict`; `accounts/bad-signature`; `malformed`
 */
export function reviseAccount(
  primitives: Primitives,
  id: AccountId,
  { account, revision, serverName }: {
    readonly account: StoredAccount;
    readonly revision: VaultRevision;
    readonly serverName: string;
  },
): StoredAccount {
  const { accountKey, version: replaces } = account;
  const version = checkRevision(primitives, revision, { id, accountKey, replaces, serverName });
  const { vault, record } = revision;
  return {
    ...account,
    version,
    vault,
    ...record === undefined ? {} : { record, passwordVersion: account.passwordVersion + 1 },
  };
}

/**
 * @returns the new version
 * @throws MessengerError `accounts/version-conflict`, `accounts/bad-signature`
 */
export function checkRevision(
  primitives: Primitives,
  { vault, write, record }: VaultRevision,
  expected: {
    readonly id: AccountId;
    readonly accountKey: Uint8Array;
    readonly replaces: number;
    readonly serverName: string;
  },
): number {
  const { id, accountKey: publicKey, replaces, serverName } = expected;
  assert(vault.length <= VAULT_BYTES_MAX, "the schema limits a vault");
  const said = openStatement(primitives, write, { publicKey, kind: VAULT_WRITE });
  const recordHash = record === undefined ? new Uint8Array() : primitives.hash(record);
  const isThis = sameBytes(said.accountId, id) &&
    sameBytes(said.vaultHash, primitives.hash(vault)) &&
    sameBytes(said.recordHash, recordHash) && said.serverName === serverName;
  if (!isThis) {
    throw new MessengerError("accounts/bad-signature", "Cannot write vault: another one is signed");
  }
  requireStep(said, replaces, "vault");
  return said.version;
}

/** Replaces the directory: a compare-and-swap. @throws MessengerError `accounts/version-conflict` */
export async function replaceDirectory(
  transaction: StoreTransaction,
  id: AccountId,
  { replaces, version, sealed }: DirectoryWrite,
): Promise<void> {
  const stored = await readStoredDirectory(transaction, id);
  requireStep({ replaces, version }, stored.version, "directory");
  transaction.put(directoryKey(id), encodeStoredDirectory({ version, sealed }));
}

/** Version 0 when none was written yet. */
export async function readStoredDirectory(
  reader: StoreReader,
  id: AccountId,
): Promise<StoredDirectory> {
  const stored = await reader.get(directoryKey(id));
  if (stored === undefined) return { version: 0, sealed: new Uint8Array() };
  return decodeStoredDirectory(stored, { bytesMax: 2 * DIRECTORY_BYTES_MAX });
}

function requireStep(
  { replaces, version }: { readonly replaces: number; readonly version: number },
  stored: number,
  what: "vault" | "directory",
): void {
  const step = version - stored;
  if (replaces === stored && step >= 1 && step <= VERSION_STEP_MAX) return;
  throw new MessengerError(
    "accounts/version-conflict",
    `Cannot write ${what}: version ${version} does not follow ${stored}`,
  );
}
