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
  ownerOf,
} from "./account-session.ts";
import { openRemembered, remembering } from "./remembered-account.ts";
import type { RememberOptions } from "./secret-options.ts";
import { AdvisedError, printDiagnostic } from "./output.ts";
import { chooseNewPassword, usePassword } from "./passwords.ts";
import { askLine, canAsk } from "./prompt.ts";
import { requireServer } from "./session.ts";

export interface EnterOptions extends AccountOptions, RememberOptions {
  /** Makes the account if its name is new, unasked. */
  readonly register?: boolean;
  readonly invite?: string;
}

export interface EnteredAccount extends AsyncDisposable {
  readonly client: Client;
  readonly choice: AccountChoice;
  /** Whether this device has just come into an account that others are in. */
  readonly isNewDevice: boolean;
}

/** @throws MessengerError as `openClient`, `registerClient` and `logInClient` */
export async function enterAccount(
  options: EnterOptions,
  listening: Listening = {},
): Promise<EnteredAccount> {
  const isNamed = options.username !== undefined;
  const choice = await chooseAccount(options, { mustExist: !isNamed, ...listening });
  const { client, isNewDevice } = hasAccountStore(choice.place)
    ? { client: await openRemembered(options, choice), isNewDevice: false }
    : await makeOrLogIn(options, choice);
  return {
    ...{ client, choice, isNewDevice },
    [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
  };
}

/** An account that this device doesn't have yet. */
async function makeOrLogIn(options: EnterOptions, choice: AccountChoice): Promise<Opened> {
  if (canAsk()) await requireServer(options);
  if (options.register !== true && !(canAsk() && await wantsNew(choice))) {
    return await usePassword(
      options,
      ownerOf(choice),
      (password) => logIn(options, choice, password),
    );
  }
  const { password } = await chooseNewPassword("password", options, ownerOf(choice));
  return await register(options, choice, password);
}

type Opened = Pick<EnteredAccount, "client" | "isNewDevice">;

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
): Promise<Opened> {
  const { invite, register: isUnasked } = options;
  let client: Client;
  try {
    client = await choice.reaching(() =>
      registerClient({
        ...choice.place,
        password,
        ...invite === undefined ? {} : { invite },
      })
    );
  } catch (error) {
    const isTaken = error instanceof MessengerError && error.code === "accounts/name-taken";
    if (!isTaken || isUnasked !== true) throw error;
    return await logIn(options, choice, password);
  }
  printDiagnostic(`registered ${choice.place.name} on ${choice.address}. ${NO_RESET}`);
  return { client: await remembering(client, password, options), isNewDevice: false };
}

const NO_RESET = "A forgotten password can't be reset";

async function logIn(
  options: EnterOptions,
  choice: AccountChoice,
  password: string,
): Promise<Opened> {
  const { name } = choice.place;
  let client: Client;
  try {
    client = await choice.reaching(() => logInClient({ ...choice.place, password }));
  } catch (error) {
    const isRefused = error instanceof MessengerError && error.code === "accounts/login-refused";
    throw isRefused ? new AdvisedError(error, adviceOf(options, name)) : error;
  }
  printDiagnostic(`logged in as ${name} on ${choice.address}`);
  return { client: await remembering(client, password, options), isNewDevice: true };
}

function adviceOf({ register }: EnterOptions, name: string): string {
  if (register === true) return `. Somebody has the name ${name}: choose another, if it isn't you`;
  return canAsk()
    ? ": check how both are written"
    : `. If ${name} is to be a new account: --register makes it`;
}
