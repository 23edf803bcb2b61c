/** What every command that acts as an account begins with. */
import { resolve } from "node:path";
import {
  accountsOfDevice,
  type Client,
  type ClientOptions,
  hasAccountStore,
  logInClient,
  openClient,
  parseAccountName,
  requireStoreFree,
} from "@qpq/client";
import { formatHostPort, MessengerError } from "@qpq/ports";
import type { CommonOptions } from "./options.ts";
import { UsageError } from "./output.ts";
import { type PasswordOwner, usePassword } from "./passwords.ts";
import type { PasswordOptions } from "./secret-options.ts";
import { askLine, askSecret, canAsk } from "./prompt.ts";
import { chooseServer, type ServerChoice } from "./server-choice.ts";
import { reaching, workingFolder } from "./session.ts";

export interface AccountOptions
  extends CommonOptions, PasswordOptions, Pick<ClientOptions, "surroundings"> {}

/** Who is told of the connection's changes. */
export type Listening = Pick<ClientOptions, "onStatus">;

/** Where an account is, and how to reach its server; the password is still to come. */
export interface AccountChoice {
  readonly place: Omit<ClientOptions, "password">;
  /** `host:port`. */
  readonly address: string;
  /** Runs what needs the server, and says clearly when it can't be reached. */
  readonly reaching: <Result>(run: () => Promise<Result>) => Promise<Result>;
  /** Says what to do about the server's certificate, where more is known than the error says. */
  readonly explain: ServerChoice["explain"];
  /** Keeps what was chosen for the next run; `reaching` does so by itself. */
  readonly remember: ServerChoice["remember"];
}

/**
 * Decides from options, memory and defaults.
 * @param mustExist whether this device has the account already; then it may go unnamed
 * @throws UsageError, MessengerError `cli/state-unreadable`, `client/no-account`; `store/in-use`
 */
export async function chooseAccount(
  options: AccountOptions,
  { mustExist, onStatus }: { readonly mustExist: boolean } & Listening,
): Promise<AccountChoice> {
  const choice = await chooseServer(options, workingFolder());
  const { server, trust, serverName } = choice;
  const stateFolder = resolve(workingFolder(), options.stateDir ?? "");
  const address = formatHostPort(server);
  const name = options.username === undefined
    ? await onlyAccount(accountsOfDevice({ stateFolder, server }), { address, mustExist })
    : parseAccountName(options.username);
  const place = {
    ...{ stateFolder, server, trust, serverName, name },
    authToken: options.authToken,
    connectTimeoutMs: options.timeout * 1_000,
    ...onStatus === undefined ? {} : { onStatus },
    ...options.surroundings === undefined ? {} : { surroundings: options.surroundings },
  };
  if (mustExist && !hasAccountStore(place)) {
    throw new MessengerError(
      "client/no-account",
      `This device has no account ${name} on ${address}`,
    );
  }
  // Before anybody is asked for a password in vain.
  if (hasAccountStore(place)) requireStoreFree(place);
  return {
    place,
    address,
    explain: choice.explain,
    remember: choice.remember,
    reaching: async (run) => {
      const result = await reaching(choice, options, run);
      choice.remember();
      return result;
    },
  };
}

async function onlyAccount(
  names: readonly string[],
  { address, mustExist }: { readonly address: string; readonly mustExist: boolean },
): Promise<string> {
  const [name, ...others] = names;
  if (mustExist && name !== undefined && others.length === 0) return name;
  if (mustExist && name === undefined) {
    throw new MessengerError("client/no-account", `This device has no account on ${address}`);
  }
  if (!mustExist && canAsk()) return parseAccountName(await askLine("Account name: "));
  const known = names.length === 0 ? "" : `; on ${address} this device has ${names.join(", ")}`;
  throw new UsageError(`--username: expected the account to act as${known}`);
}

export function ownerOf({ place: { name }, address }: AccountChoice): PasswordOwner {
  return { name, address };
}

/** An account's client with the password that opened it. */
export interface OpenedAccount extends AsyncDisposable {
  readonly client: Client;
  readonly password: string;
  readonly choice: AccountChoice;
}

/** Opens this device's account; it isn't connected yet. */
export async function openAccount(options: AccountOptions): Promise<OpenedAccount> {
  const choice = await chooseAccount(options, { mustExist: true });
  return await usePassword(options, ownerOf(choice), async (password) => {
    const client = await openClient({ ...choice.place, password });
    return opened(client, password, choice);
  });
}

/** The same, once the server knows this device. */
export async function openConnected(options: AccountOptions): Promise<OpenedAccount> {
  const account = await openAccount(options);
  try {
    await account.choice.reaching(() => account.client.connected(connectWithin(options)));
    return account;
  } catch (error) {
    await account[Symbol.asyncDispose]();
    throw error;
  }
}

export function connectWithin(options: CommonOptions): { readonly timeoutMs: number } {
  return { timeoutMs: options.timeout * 1_000 };
}

/**
 * Does what needs the account's password, not only this device's. When it was changed on another
 * device, asks once for the new one, which then opens this device's data, too.
 */
export async function withPassword<Result>(
  options: AccountOptions,
  use: (account: OpenedAccount) => Promise<Result>,
): Promise<Result> {
  let former: OpenedAccount;
  {
    await using account = await openConnected(options);
    try {
      return await use(account);
    } catch (error) {
      const isRefused = error instanceof MessengerError && error.code === "accounts/login-refused";
      if (!isRefused || !canAsk()) throw error;
      former = account;
    }
  }
  const password = await askSecret(
    "The account's password was changed on another device. The new one: ",
  );
  const { choice, password: formerPassword } = former;
  const client = await logInClient({ ...choice.place, password, formerPassword });
  await using account = opened(client, password, choice);
  return await use(account);
}

function opened(client: Client, password: string, choice: AccountChoice): OpenedAccount {
  return { client, password, choice, [Symbol.asyncDispose]: () => client[Symbol.asyncDispose]() };
}
