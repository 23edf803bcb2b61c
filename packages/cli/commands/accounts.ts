/** Registering, logging in and out, the password, and the account's end. */
import {
  type Client,
  type Confirming,
  forgetAccount,
  hasAccountStore,
  logInClient,
  MessengerError,
  registerClient,
} from "@qpq/client";
import {
  type AccountChoice,
  type AccountOptions,
  chooseAccount,
  openAccount,
  ownerOf,
  withPassword,
} from "../account-session.ts";
import { enterConversations } from "../conversations/entering.ts";
import {
  AdvisedError,
  type ExitCode,
  printDiagnostic,
  printJson,
  printLine,
  UsageError,
} from "../output.ts";
import {
  chooseNewPassword,
  type ChosenPassword,
  readFormerPassword,
  showGenerated,
  usePassword,
} from "../passwords.ts";
import { askLine, askSecret, canAsk } from "../prompt.ts";
import { requireServer } from "../session.ts";

/** Milliseconds that `whoami` waits for the server: what is here it knows without. */
const WHOAMI_TIMEOUT_MS = 3_000;

/** Milliseconds that a login waits for a new device to be in the account's conversations. */
const ENTERING_TIMEOUT_MS = 10_000;

const NO_RESET =
  "A forgotten password can't be reset: nobody else can open the account, and its history is lost with it.";

export async function runRegisterUser(
  options: AccountOptions & { readonly invite?: string },
): Promise<ExitCode> {
  const choice = await chooseAccount(options, { mustExist: false });
  const { name } = choice.place;
  if (hasAccountStore(choice.place)) {
    throw new MessengerError("client/has-account", `This device has the account ${name} already`);
  }
  if (canAsk()) await requireServer(options);
  const chosen = await chooseNewPassword("password", options, ownerOf(choice));
  const { invite } = options;
  await using client = await confirming(
    chosen,
    { ...options, name },
    (confirmed) =>
      choice.reaching(() =>
        registerClient({
          ...choice.place,
          password: chosen.password,
          ...confirmed,
          ...invite === undefined ? {} : { invite },
        })
      ),
  );
  const { account, deviceId } = client;
  if (options.json) printJson({ ...describeAccount(account), deviceId: deviceId.toHex() });
  else {
    printLine(
      `registered ${account.name} on ${choice.address}; this device is ${deviceId.toHex()}`,
    );
    printLine(NO_RESET);
  }
  return 0;
}

export async function runLogin(options: AccountOptions): Promise<ExitCode> {
  const choice = await chooseAccount(options, { mustExist: options.username === undefined });
  const isNewDevice = !hasAccountStore(choice.place);
  if (isNewDevice && canAsk()) await requireServer(options);
  const formerPassword = await readFormerPassword(options);
  await using client = await usePassword(
    options,
    ownerOf(choice),
    (password) => logIn(choice, { password, formerPassword }),
  );
  const { account, deviceId } = client;
  const timeoutMs = Math.min(options.timeout * 1_000, ENTERING_TIMEOUT_MS);
  const entered = isNewDevice ? await enterConversations(client.conversations, timeoutMs) : "";
  if (options.json) printJson({ ...describeAccount(account), deviceId: deviceId.toHex() });
  else {
    printLine(
      `logged in as ${account.name} on ${choice.address}; this device is ${deviceId.toHex()}`,
    );
    if (entered !== "") printLine(entered);
  }
  return 0;
}

interface Passwords {
  readonly password: string;
  readonly formerPassword: string | undefined;
}

async function logIn(
  choice: AccountChoice,
  { password, formerPassword }: Passwords,
): Promise<Client> {
  const isHere = hasAccountStore(choice.place);
  try {
    return await choice.reaching(() =>
      logInClient({
        ...choice.place,
        password,
        ...formerPassword === undefined ? {} : { formerPassword },
      })
    );
  } catch (error) {
    if (!(error instanceof MessengerError)) throw error;
    if (error.code === "accounts/login-refused") {
      const advice = isHere
        ? ". If the account is gone: qpq forget-account deletes what is here of it"
        : ": check how both are written; qpq register-user makes an account";
      throw new AdvisedError(error, advice);
    }
    const isStore = error.code === "store/wrong-password";
    if (!isStore || formerPassword !== undefined || !canAsk()) throw error;
    const former = await askSecret(
      "This device's data has another password. The one before it was changed: ",
    );
    return await logIn(choice, { password, formerPassword: former });
  }
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
  return await withPassword(options, async ({ client, choice, password: from }) => {
    const { name } = client.account;
    const chosen = await chooseNewPassword("new-password", options, ownerOf(choice));
    await confirming(
      chosen,
      { ...options, name },
      (confirmed) => client.changePassword({ from, to: chosen.password, ...confirmed }),
    );
    if (options.json) printJson({ name });
    else {
      printLine(
        `changed the password of ${name}; other devices stay logged in, and ask for it once`,
      );
      printLine(NO_RESET);
    }
    return 0 as ExitCode;
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
  over: "over: logged out, revoked or expired; qpq login begins one. " +
    "If the account is gone: qpq forget-account",
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
      if (typed !== name) return declined();
    }
    await client.deleteAccount(password);
    if (options.json) printJson({ name, deleted: true });
    else printLine(`deleted ${name}: from the server, and from this device`);
    return 0;
  });
}

/** Gives the account a new key. Those who have pinned the old one must accept it. */
export async function runRotateAccountKey(
  options: AccountOptions & { readonly yes?: boolean },
): Promise<ExitCode> {
  if (options.yes !== true && !canAsk()) {
    throw new UsageError(
      "expected --yes: nobody sends to the account until they accept its new key, " +
        "and nobody can be asked",
    );
  }
  return await withPassword(options, async ({ client, password }): Promise<ExitCode> => {
    const { name } = client.account;
    if (options.yes !== true) {
      printLine(
        `Do this when the account key of ${name} may have leaked. Everybody is warned of the new one, ` +
          "and sends nothing until they accept it.",
      );
      if (await askLine("Make a new account key? (yes/no) ") !== "yes") return declined();
    }
    await client.rotateAccountKey(password);
    if (options.json) printJson(describeAccount(client.account));
    else {
      printLine(`${name} has a new account key: ${client.account.accountKey.toHex()}`);
      printLine("Everybody is warned, and compares safety numbers anew (qpq accept-key).");
      printLine("Your other devices need one qpq login each.");
    }
    return 0;
  });
}

/** Deletes what this device has of an account, which may be gone or locked for good. */
export async function runForgetAccount(
  options: AccountOptions & { readonly yes?: boolean },
): Promise<ExitCode> {
  const { place, address } = await chooseAccount(options, { mustExist: true });
  const { name } = place;
  if (options.yes !== true) {
    if (!canAsk()) {
      throw new UsageError("expected --yes: this deletes what is here, and nobody can be asked");
    }
    printLine(
      `This deletes all that this device has of ${name} on ${address}: keys, history, pins.`,
    );
    if (await askLine("Type the account's name: ") !== name) return declined();
  }
  forgetAccount(place);
  if (options.json) printJson({ name, server: address, forgotten: true });
  else {
    printLine(`forgot ${name} on ${address}: this device has nothing of it any more`);
    printLine(
      "If the account is still there, this device stays on its list: " +
        "qpq devices revoke ID, on another one, takes it off",
    );
  }
  return 0;
}

function declined(): ExitCode {
  printDiagnostic("qpq: nothing was done");
  return 1;
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

/**
 * Shows a password that was made, once all is ready but before it holds; says what is unknown when that
 * fails afterwards.
 */
async function confirming<Result>(
  chosen: ChosenPassword,
  shown: { readonly json: boolean; readonly name: string },
  run: (confirming: Confirming) => Promise<Result>,
): Promise<Result> {
  if (!chosen.isGenerated) return await run({});
  let isShown = false;
  const confirm = async (): Promise<void> => {
    await showGenerated(chosen, shown);
    isShown = true;
  };
  try {
    return await run({ confirm });
  } catch (error) {
    if (isShown) printDiagnostic("qpq: keep that password until qpq login says whether it holds");
    throw error;
  }
}
