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
  openChosen,
  type OpenedAccount,
} from "./account-session.ts";
import { printDiagnostic } from "./output.ts";
import { chooseNewPassword, readPassword } from "./passwords.ts";
import { askLine, canAsk } from "./prompt.ts";

export interface EnterOptions extends AccountOptions {
  /** Makes the account if its name is new, unasked. */
  readonly register?: boolean;
  readonly invite?: string;
}

/** @throws MessengerError as `openClient`, `registerClient` and `logInClient` */
export async function enterAccount(
  options: EnterOptions,
  listening: Listening = {},
): Promise<OpenedAccount> {
  const isNamed = options.username !== undefined;
  const choice = await chooseAccount(options, { mustExist: !isNamed, ...listening });
  if (hasAccountStore(choice.place)) return await openChosen(options, choice);
  if (options.register === true) return await registerOrLogIn(options, choice);
  if (!canAsk()) return await logIn(options, choice);
  return await wantsNew(choice) ? await register(options, choice) : await logIn(options, choice);
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

async function register(options: EnterOptions, choice: AccountChoice): Promise<OpenedAccount> {
  const { password } = await chooseNewPassword("password", options, choice.place.name);
  return opened(await registerWith(options, choice, password), password, choice);
}

async function registerOrLogIn(
  options: EnterOptions,
  choice: AccountChoice,
): Promise<OpenedAccount> {
  const { password } = await chooseNewPassword("password", options, choice.place.name);
  try {
    return opened(await registerWith(options, choice, password), password, choice);
  } catch (error) {
    if (!(error instanceof MessengerError && error.code === "accounts/name-taken")) throw error;
    return opened(await logInWith(choice, password), password, choice);
  }
}

async function registerWith(
  { invite }: EnterOptions,
  choice: AccountChoice,
  password: string,
): Promise<Client> {
  const client = await choice.reaching(() =>
    registerClient({
      ...choice.place,
      password,
      ...invite === undefined ? {} : { invite },
    })
  );
  printDiagnostic(`registered ${choice.place.name} on ${choice.address}. ${NO_RESET}`);
  return client;
}

const NO_RESET = "A forgotten password can't be reset";

async function logIn(options: EnterOptions, choice: AccountChoice): Promise<OpenedAccount> {
  const password = await readPassword(options);
  try {
    return opened(await logInWith(choice, password), password, choice);
  } catch (error) {
    const isRefused = error instanceof MessengerError && error.code === "accounts/login-refused";
    if (!isRefused || canAsk()) throw error;
    const { name } = choice.place;
    throw new MessengerError(
      "accounts/login-refused",
      `${error.message}. If ${name} is to be a new account: --register makes it`,
      { cause: error },
    );
  }
}

async function logInWith(choice: AccountChoice, password: string): Promise<Client> {
  const client = await choice.reaching(() => logInClient({ ...choice.place, password }));
  printDiagnostic(`logged in as ${choice.place.name} on ${choice.address}`);
  return client;
}

function opened(client: Client, password: string, choice: AccountChoice): OpenedAccount {
  return { client, password, choice, [Symbol.asyncDispose]: () => client[Symbol.asyncDispose]() };
}
