/** Accounts, the client's half: what asks for the password. */
import type { CallOptions } from "@qpq/capnp";
import { MessengerError, type Random, type Store, type StoreTransaction } from "@qpq/ports";
import {
  accountsClient,
  decodeStoredOwnAccount,
  type DeviceProof,
  encodeStoredOwnAccount,
  type StoredOwnAccount,
} from "./accounts.gen.ts";
import { callOptions, type Home, type HomeSession, requireHome } from "./home.ts";
import { OWN_ACCOUNT_KEY } from "./keys.ts";
import {
  ACCOUNT_ID_BYTES,
  type AccountName,
  parseAccountId,
  parseAccountName,
  parseNewAccountName,
} from "./names.ts";
import {
  finishLogin,
  finishRegistration,
  KEY_STRETCHING,
  type KeyStretching,
  startLogin,
  startRegistration,
} from "./opaque.ts";
import { preparePassword } from "./passwords.ts";
import type { Primitives } from "./primitives.ts";
import { requireNewer, UnlockedAccount } from "./unlocked.ts";

export interface PasswordOptions extends CallOptions {
  readonly name: string;
  readonly password: string;
  /** What the server is called, as its user knows it; never only as the server says. */
  readonly serverName: string;
  readonly primitives: Primitives;
  readonly random: Random;
  /**
   * What shows this device, if it was on the account before: however many strangers fail to log in
   * under the name, it isn't slowed.
   */
  readonly proveDevice?: (session: HomeSession) => Promise<DeviceProof | undefined>;
  /** Default: `KEY_STRETCHING`. Accounts made with one can't be used with another. */
  readonly keyStretching?: KeyStretching;
}

/**
 * Makes an account. It stays logged in on this connection for what needs the password, such as
 * adding a device.
 *
 * When the connection is lost at the end, whether the account exists is unknown: log in to see.
 *
 * A forgotten password cannot be reset: the account key is gone with it, and so is the account.
 * @throws MessengerError `accounts/name-invalid`, `accounts/name-reserved`, `accounts/name-taken`,
 *   `accounts/password-invalid`, `accounts/registration-closed`, `accounts/invite-invalid`,
 *   `accounts/rate-limited`, `accounts/wrong-server`
 */
export async function register(
  home: Home,
  options: PasswordOptions & {
    readonly invite?: string;
    /** Called when the server takes the name, before the account exists; by throwing it gives up. */
    readonly confirm?: () => Promise<void>;
  },
): Promise<UnlockedAccount> {
  const { primitives, random, serverName, invite = "" } = options;
  const accountName = parseNewAccountName(options.name);
  const step = await startRegistration(preparePassword(options.password));
  await requireHome(home, serverName);
  const calls = accountsClient(home);
  const { request } = step;
  const { response } = await calls.registerStart(
    { name: accountName, request, invite },
    callOptions(options),
  );
  const { record, exportKey } = await finishRegistration(step, {
    response,
    accountName,
    serverName,
    keyStretching: options.keyStretching ?? KEY_STRETCHING,
  });
  const accountId = parseAccountId(random.bytes(ACCOUNT_ID_BYTES));
  const unlocked = UnlockedAccount.create(primitives, {
    accountId,
    name: accountName,
    serverName,
    exportKey,
    random,
  });
  return await disposingOnFailure(unlocked, async () => {
    await options.confirm?.();
    const prepared = unlocked.prepare({ random, renewed: { exportKey, record } });
    const { vault, write } = prepared;
    const { accountKey } = unlocked.identity;
    await calls.registerFinish(
      { name: accountName, invite, accountId, accountKey, record, vault, write },
      callOptions(options),
    );
    unlocked.written(prepared);
  });
}

/**
 * Shows the server that the password is known, and opens the vault.
 * @param options.known what this device has of the account, if anything: nothing older is accepted
 * @throws MessengerError `accounts/login-refused`: wrong name or password; `accounts/rate-limited`,
 *   `accounts/suspended`, `accounts/login-expired`, `accounts/wrong-server`; of a server that cheats:
 *   `accounts/vault-refused`, `accounts/vault-rolled-back`, `accounts/wrong-account`
 */
export async function logIn(
  home: Home,
  options: PasswordOptions & { readonly known?: StoredOwnAccount },
): Promise<UnlockedAccount> {
  const { primitives, serverName, known } = options;
  const name = parseAccountName(options.name);
  const step = await startLogin(preparePassword(options.password));
  const session = await requireHome(home, serverName);
  const calls = accountsClient(home);
  const device = await options.proveDevice?.(session);
  const { response } = await calls.loginStart(
    { name, request: step.request, ...device === undefined ? {} : { device } },
    callOptions(options),
  );
  const finished = await finishLogin(step, {
    response,
    accountName: name,
    serverName,
    keyStretching: options.keyStretching ?? KEY_STRETCHING,
  });
  if (finished === undefined) {
    throw new MessengerError("accounts/login-refused", "Cannot log in: wrong name or password");
  }
  const { finish, exportKey } = finished;
  const account = await calls.loginFinish({ finish }, callOptions(options));
  const accountId = parseAccountId(account.accountId);
  if (known !== undefined) {
    if (parseAccountId(known.accountId).toHex() !== accountId.toHex()) {
      throw new MessengerError(
        "accounts/wrong-account",
        "Cannot log in: the name belongs to another account than before",
      );
    }
    requireNewer(account.version, known.vaultVersion);
  }
  const { accountKey, vault, version } = account;
  return UnlockedAccount.open(primitives, {
    accountId,
    name,
    serverName,
    accountKey,
    exportKey,
    vault,
    version,
  });
}

/**
 * Replaces the password, inside a login of this connection. The server replaces record and vault in
 * one transaction: until then the old password works everywhere, from then on the new one.
 *
 * When this fails with `rpc/disconnected` or `rpc/deadline` either may hold: log in with the new one
 * to see.
 * @throws MessengerError `accounts/password-invalid`, `accounts/not-fresh`, `accounts/version-conflict`
 */
export async function changePassword(
  home: Home,
  unlocked: UnlockedAccount,
  options: Pick<PasswordOptions, "password" | "random" | "keyStretching" | "signal" | "timeoutMs">,
): Promise<void> {
  const { name: accountName, serverName } = unlocked.identity;
  const step = await startRegistration(preparePassword(options.password));
  const calls = accountsClient(home);
  const { request } = step;
  const { response } = await calls.passwordStart({ request }, callOptions(options));
  const { record, exportKey } = await finishRegistration(step, {
    response,
    accountName,
    serverName,
    keyStretching: options.keyStretching ?? KEY_STRETCHING,
  });
  const prepared = unlocked.prepare({ random: options.random, renewed: { exportKey, record } });
  const { vault, write } = prepared;
  await calls.passwordFinish({ record, vault, write }, callOptions(options));
  unlocked.written(prepared);
}

/**
 * Reads the vault again, after `accounts/version-conflict`: another device has written.
 * @throws MessengerError `accounts/not-fresh`, `accounts/vault-refused`, `accounts/vault-rolled-back`
 */
export async function reloadVault(
  home: Home,
  unlocked: UnlockedAccount,
  options?: CallOptions,
): Promise<void> {
  unlocked.reload(await accountsClient(home).vault({}, options));
}

/**
 * Deletes the account, its devices and its directory from the server, for good. What others have
 * received stays with them; the name can be taken by somebody else.
 * @throws MessengerError `accounts/not-fresh`, `accounts/bad-signature`: another device has written
 */
export async function deleteAccount(
  home: Home,
  unlocked: UnlockedAccount,
  options?: CallOptions,
): Promise<void> {
  await accountsClient(home).delete({ deletion: unlocked.signDeletion() }, options);
}

/** The account of this device's store, if it has one. */
export async function readOwnAccount(store: Store): Promise<StoredOwnAccount | undefined> {
  return await store.snapshot(getOwnAccount);
}

export async function getOwnAccount(
  reader: Pick<StoreTransaction, "get">,
): Promise<StoredOwnAccount | undefined> {
  const stored = await reader.get(OWN_ACCOUNT_KEY);
  return stored === undefined ? undefined : decodeStoredOwnAccount(stored);
}

/**
 * Remembers what was seen of the own account. Versions only grow: what an older call has seen takes
 * nothing back.
 */
export async function rememberOwnAccount(
  store: Store,
  { identity, version, directoryKey }: Pick<
    UnlockedAccount,
    "identity" | "version" | "directoryKey"
  >,
): Promise<void> {
  const { accountId, name, serverName, accountKey } = identity;
  await store.transaction(async (transaction) => {
    const stored = await transaction.get(OWN_ACCOUNT_KEY);
    const before = stored === undefined ? undefined : decodeStoredOwnAccount(stored);
    if (before !== undefined && before.vaultVersion > version) return;
    transaction.put(
      OWN_ACCOUNT_KEY,
      encodeStoredOwnAccount({
        accountId,
        name,
        serverName,
        accountKey,
        directoryKey,
        vaultVersion: version,
        directoryVersion: before?.directoryVersion ?? 0,
      }),
    );
  });
}

export type { AccountName, StoredOwnAccount };

async function disposingOnFailure<Lifetime extends Disposable>(
  lifetime: Lifetime,
  run: () => Promise<void>,
): Promise<Lifetime> {
  try {
    await run();
    return lifetime;
  } catch (error) {
    lifetime[Symbol.dispose]();
    throw error;
  }
}
