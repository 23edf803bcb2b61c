/** Registering, logging in and out, the password, and the account's end. */
import { logInClient, MessengerError, registerClient } from "@qpq/client";
import {
  type AccountOptions,
  chooseAccount,
  openAccount,
  withPassword,
} from "../account-session.ts";
import { type ExitCode, printDiagnostic, printJson, printLine, UsageError } from "../output.ts";
import {
  chooseNewPassword,
  type ChosenPassword,
  readFormerPassword,
  readPassword,
} from "../passwords.ts";
import { askLine, askSecret, canAsk } from "../prompt.ts";

/** Milliseconds that `whoami` waits for the server: what is here it knows without. */
const WHOAMI_TIMEOUT_MS = 3_000;

const NO_RESET =
  "A forgotten password can't be reset: nobody else can open the account, and its history is lost with it.";

export async function runRegisterUser(
  options: AccountOptions & { readonly invite?: string },
): Promise<ExitCode> {
  const choice = await chooseAccount(options, { mustExist: false });
  const chosen = await chooseNewPassword("password", options, choice.place.name);
  const { invite } = options;
  await using client = await showingGenerated(chosen, () =>
    choice.reaching(() =>
      registerClient({
        ...choice.place,
        password: chosen.password,
        ...invite === undefined ? {} : { invite },
      })
    ));
  const { account, deviceId } = client;
  if (options.json) {
    printJson({ ...describeAccount(account), deviceId: deviceId.toHex(), ...generated(chosen) });
  } else {
    printLine(
      `registered ${account.name} on ${choice.address}; this device is ${deviceId.toHex()}`,
    );
    if (chosen.isGenerated) printLine(`password: ${chosen.password}`);
    printLine(NO_RESET);
  }
  return 0;
}

export async function runLogin(options: AccountOptions): Promise<ExitCode> {
  const choice = await chooseAccount(options, { mustExist: options.username === undefined });
  const password = await readPassword(options);
  const formerPassword = await readFormerPassword(options);
  const logIn = (former: string | undefined) =>
    choice.reaching(() =>
      logInClient({
        ...choice.place,
        password,
        ...former === undefined ? {} : { formerPassword: former },
      })
    );
  await using client = await logIn(formerPassword).catch(async (error) => {
    const isStore = error instanceof MessengerError && error.code === "store/wrong-password";
    if (!isStore || formerPassword !== undefined || !canAsk()) throw error;
    return await logIn(
      await askSecret("This device's data has another password. The one before it was changed: "),
    );
  });
  const { account, deviceId } = client;
  if (options.json) printJson({ ...describeAccount(account), deviceId: deviceId.toHex() });
  else {
    printLine(
      `logged in as ${account.name} on ${choice.address}; this device is ${deviceId.toHex()}`,
    );
  }
  return 0;
}

export async function runLogout(options: AccountOptions): Promise<ExitCode> {
  await using account = await openAccount(options);
  await account.choice.reaching(() => account.client.logOut());
  const { name } = account.client.account;
  if (options.json) printJson({ name, session: "logged-out" });
  else {printLine(
      `logged out ${name}; what this device has stays, encrypted: qpq login opens it again`,
    );}
  return 0;
}

export async function runPasswd(options: AccountOptions): Promise<ExitCode> {
  return await withPassword(options, async ({ client, password: from }): Promise<ExitCode> => {
    const { name } = client.account;
    const chosen = await chooseNewPassword("new-password", options, name);
    await showingGenerated(
      chosen,
      () => client.changePassword({ from, to: chosen.password }),
    );
    if (options.json) printJson({ name, ...generated(chosen) });
    else {
      printLine(
        `changed the password of ${name}; other devices stay logged in, and ask for it once`,
      );
      if (chosen.isGenerated) printLine(`password: ${chosen.password}`);
      printLine(NO_RESET);
    }
    return 0;
  });
}

export async function runWhoami(options: AccountOptions): Promise<ExitCode> {
  await using opened = await openAccount(options);
  const { client, choice } = opened;
  const timeoutMs = Math.min(options.timeout * 1_000, WHOAMI_TIMEOUT_MS);
  const session = await sessionOf(() => client.connected({ timeoutMs }));
  const described = {
    ...describeAccount(client.account),
    server: choice.address,
    deviceId: client.deviceId.toHex(),
    ...session,
  };
  if (options.json) printJson(described);
  else {
    printLine(`${described.name} on ${described.server} (${described.serverName})`);
    printLine(`  account ${described.accountId}`);
    printLine(`  key     ${described.accountKey}`);
    printLine(`  device  ${described.deviceId}`);
    printLine(`  session ${SESSION_WORDS[session.session]}`);
  }
  return 0;
}

type Session = "active" | "over" | "suspended" | "unreachable";

const SESSION_WORDS: Readonly<Record<Session, string>> = {
  active: "active",
  over: "over: logged out, revoked or expired; qpq login begins one",
  suspended: "refused: the server's operator has suspended the account",
  unreachable: "unknown: the server can't be reached",
};

async function sessionOf(
  connect: () => Promise<void>,
): Promise<{ readonly session: Session; readonly reason?: string }> {
  try {
    await connect();
    return { session: "active" };
  } catch (error) {
    if (!(error instanceof MessengerError)) throw error;
    const { code: reason } = error;
    if (reason === "rpc/not-authenticated") return { session: "over", reason };
    if (reason === "accounts/suspended") return { session: "suspended", reason };
    return { session: "unreachable", reason };
  }
}

export async function runDeleteAccount(
  options: AccountOptions & { readonly yes?: boolean },
): Promise<ExitCode> {
  if (options.yes !== true && !canAsk()) {
    throw new UsageError(
      "expected --yes: this deletes the account for good, and nobody can be asked",
    );
  }
  return await withPassword(options, async ({ client, password }): Promise<ExitCode> => {
    const { name } = client.account;
    if (options.yes !== true) {
      const typed = await askLine(`This deletes ${name} for good. Type its name: `);
      if (typed !== name) {
        printDiagnostic("qpq: nothing was deleted");
        return 1;
      }
    }
    await client.deleteAccount(password);
    if (options.json) printJson({ name, deleted: true });
    else printLine(`deleted ${name}: from the server, and from this device`);
    return 0;
  });
}

function describeAccount(
  { name, serverName, accountId, accountKey }: {
    readonly name: string;
    readonly serverName: string;
    readonly accountId: Uint8Array;
    readonly accountKey: Uint8Array;
  },
) {
  return { name, serverName, accountId: accountId.toHex(), accountKey: accountKey.toHex() };
}

function generated({ password, isGenerated }: ChosenPassword): { readonly password?: string } {
  return isGenerated ? { password } : {};
}

/** A generated password isn't lost when the outcome is unknown. */
async function showingGenerated<Result>(
  { password, isGenerated }: ChosenPassword,
  run: () => Promise<Result>,
): Promise<Result> {
  try {
    return await run();
  } catch (error) {
    const isUnknown = error instanceof MessengerError &&
      /^(rpc|transport|internal)/.test(error.code);
    if (isGenerated && isUnknown) {
      printDiagnostic(`qpq: if it was done nevertheless, the password is: ${password}`);
    }
    throw error;
  }
}
