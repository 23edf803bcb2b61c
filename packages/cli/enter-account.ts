/** The way into an account that this device may not have yet: open it, register it, or log in to it. */
import {
  type Client,
  hasAccountStore,
  logInClient,
  MessengerError,
  registerClient,
} from "@qpq/client";
import {
  type AccountChoice,
  type AccountOptions,
  chooseAccount,
  type Listening,
} from "./account-session.ts";
import { applyRemembering, openRemembered } from "./remembered-account.ts";
import type { RememberOptions } from "./secret-options.ts";
import { printDiagnostic } from "./output.ts";
import { chooseNewPassword, readPassword } from "./passwords.ts";
import { askLine, canAsk } from "./prompt.ts";

export interface EnterOptions extends AccountOptions, RememberOptions {
  /** Makes the account if its name is new, unasked. */
  readonly register?: boolean;
  readonly invite?: string;
}

export interface EnteredAccount extends AsyncDisposable {
  readonly client: Client;
  readonly choice: AccountChoice;
}

/** @throws MessengerError as `openClient`, `registerClient` and `logInClient` */
export async function enterAccount(
  options: EnterOptions,
  listening: Listening = {},
): Promise<EnteredAccount> {
  const isNamed = options.username !== undefined;
  const choice = await chooseAccount(options, { mustExist: !isNamed, ...listening });
  const client = hasAccountStore(choice.place)
    ? await openRemembered(options, choice)
    : await makeOrLogIn(options, choice);
  return { client, choice, [Symbol.asyncDispose]: () => client[Symbol.asyncDispose]() };
}

/** An account that this device doesn't have yet. */
async function makeOrLogIn(options: EnterOptions, choice: AccountChoice): Promise<Client> {
  const isNew = options.register === true || (canAsk() && await wantsNew(choice));
  const password = isNew
    ? (await chooseNewPassword("password", options, choice.place.name)).password
    : await readPassword(options);
  const client = isNew
    ? await register(options, choice, password)
    : await logIn(options, choice, password);
  try {
    await applyRemembering(client, password, options);
    return client;
  } catch (error) {
    await client[Symbol.asyncDispose]();
    throw error;
  }
}

async function wantsNew({ place, address }: AccountChoice): Promise<boolean> {
  for (;;) {
    const answer = await askLine(
      `This device has no account ${place.name} on ${address}.\n` +
        "Make a new one, or log in to the one there is? (new/login) ",
    );
    if (/^n(ew)?$/i.test(answer)) return true;
    if (/^l(ogin)?$/i.test(answer)) return false;
  }
}

async function register(
  options: EnterOptions,
  choice: AccountChoice,
  password: string,
): Promise<Client> {
  const { invite, register: isUnasked } = options;
  try {
    const client = await choice.reaching(() =>
      registerClient({
        ...choice.place,
        password,
        ...invite === undefined ? {} : { invite },
      })
    );
    printDiagnostic(`registered ${choice.place.name} on ${choice.address}. ${NO_RESET}`);
    return client;
  } catch (error) {
    const isTaken = error instanceof MessengerError && error.code === "accounts/name-taken";
    if (!isTaken || isUnasked !== true) throw error;
    return await logIn(options, choice, password);
  }
}

const NO_RESET = "A forgotten password can't be reset";

async function logIn(
  options: EnterOptions,
  choice: AccountChoice,
  password: string,
): Promise<Client> {
  const { name } = choice.place;
  try {
    const client = await choice.reaching(() => logInClient({ ...choice.place, password }));
    printDiagnostic(`logged in as ${name} on ${choice.address}`);
    return client;
  } catch (error) {
    const isRefused = error instanceof MessengerError && error.code === "accounts/login-refused";
    if (!isRefused || options.register === true || canAsk()) throw error;
    throw new MessengerError(
      "accounts/login-refused",
      `${error.message}. If ${name} is to be a new account: --register makes it`,
      { cause: error },
    );
  }
}
