/** Where a command's passwords come from, and what is said of weak ones. */
import { resolve } from "node:path";
import { generatePassphrase, MessengerError, passwordWeakness } from "@qpq/client";
import { systemRandom } from "@qpq/adapters";
import { printDiagnostic, printJson, printLine, UsageError } from "./output.ts";
import { askSecret, canAsk } from "./prompt.ts";
import { workingFolder } from "./session.ts";
import { type PasswordOptions, type Secret, variableOf } from "./secret-options.ts";

const FILE_BYTES_MAX = 4_096;
/** Times that somebody is asked for a password, before what is known to be wrong is said. */
const ATTEMPTS_MAX = 3;
/** Refusals of a password: by what this device has, and by the server. */
const WRONG: ReadonlySet<string> = new Set(["store/wrong-password", "accounts/login-refused"]);

/** Whose password is asked for. */
export interface PasswordOwner {
  /** The account's. */
  readonly name: string;
  /** The server's, as people write it. */
  readonly address: string;
}

/**
 * Uses the password of an account that exists: the one that was given; or what somebody types, who may
 * mistype it twice.
 * @throws UsageError: there is none, and nobody to ask
 */
export async function usePassword<Result>(
  options: PasswordOptions,
  { name, address }: PasswordOwner,
  use: (password: string) => Promise<Result>,
): Promise<Result> {
  const known = await given("password", options);
  if (known !== undefined) return await use(known);
  for (let attempt = 1;; attempt++) {
    try {
      return await use(await ask("password", `Password of ${name} at ${address}: `));
    } catch (error) {
      const isWrong = error instanceof MessengerError && WRONG.has(error.code);
      if (!isWrong || attempt === ATTEMPTS_MAX) throw error;
      printDiagnostic("That isn't it. Once more:");
    }
  }
}

/** The same, if it was given: nobody is asked. */
export async function readGivenPassword(options: PasswordOptions): Promise<string | undefined> {
  return await given("password", options);
}

/** What opened this device's data before the password was changed elsewhere. */
export async function readFormerPassword(
  options: PasswordOptions,
): Promise<string | undefined> {
  return await given("former-password", options);
}

/** A new password, and whether it was made here and must be shown. */
export interface ChosenPassword {
  readonly password: string;
  readonly isGenerated: boolean;
}

/** @param secret `password` at registration, `new-password` afterwards */
export async function chooseNewPassword(
  secret: "password" | "new-password",
  options: PasswordOptions,
  owner: PasswordOwner,
): Promise<ChosenPassword> {
  const named = await given(secret, options);
  if (options.generate === true) {
    if (named !== undefined) {
      throw new UsageError(`expected one of --generate and a password (--${secret}, its file, …)`);
    }
    return { password: generatePassphrase(systemRandom), isGenerated: true };
  }
  const password = named ?? await askTwice(secret, owner);
  const weakness = passwordWeakness(password, owner.name);
  if (weakness !== undefined) {
    const command = secret === "password" ? "register-user" : "passwd";
    printDiagnostic(
      `qpq: warning: ${WEAK[weakness]}; ${ADVICE}: qpq ${command} --generate makes one`,
    );
  }
  return { password, isGenerated: false };
}

/**
 * Shows a password that was made here before anything depends on it: whoever is killed from then on has
 * it. Somebody at a terminal says first that it is written down.
 * @throws MessengerError `cli/output-lost`, `cancelled`: nothing was done
 */
export async function showGenerated(
  { password }: ChosenPassword,
  { json, name }: { readonly json: boolean; readonly name: string },
): Promise<void> {
  if (json) return printJson({ name, password });
  printLine(`password: ${password}`);
  if (!canAsk() || !Deno.stdout.isTerminal()) return;
  await askSecret("It is shown this once. Write it down, then press Enter; Ctrl-C undoes all.");
}

const WEAK = {
  short: "the password has fewer than 8 characters",
  common: "the password is one of those that are tried first",
  name: "the password is the account's name",
} as const;
const ADVICE = "who gets hold of the server's database can guess it. A strong one";

async function askTwice(
  secret: "password" | "new-password",
  { name, address }: PasswordOwner,
): Promise<string> {
  for (;;) {
    const first = await ask(secret, `New password of ${name} at ${address}: `);
    const again = await askSecret("The same again: ");
    if (Object.is(first, again)) return first;
    printDiagnostic("These were different. Once more:");
  }
}

async function ask(secret: Secret, question: string): Promise<string> {
  if (canAsk()) return await askSecret(question);
  throw new UsageError(
    `expected ${variableOf(secret)}, or --${secret}-file: this is no terminal to ask at`,
  );
}

async function given(secret: Secret, options: PasswordOptions): Promise<string | undefined> {
  const key = secret.replace(/-(\w)/, (_, letter: string) => letter.toUpperCase());
  const values = options as Readonly<Record<string, string | undefined>>;
  const typed = values[key];
  const file = values[`${key}File`];
  if (typed !== undefined && file !== undefined) {
    throw new UsageError(`expected one of --${secret} and --${secret}-file`);
  }
  if (typed !== undefined) {
    printDiagnostic(
      `qpq: warning: others on this machine can see --${secret}; ` +
        `use ${variableOf(secret)} or --${secret}-file`,
    );
    return typed;
  }
  if (file !== undefined) return await readSecretFile(secret, file);
  return Deno.env.get(variableOf(secret));
}

async function readSecretFile(secret: Secret, path: string): Promise<string> {
  let text: string;
  try {
    const bytes = await Deno.readFile(resolve(workingFolder(), path));
    if (bytes.length > FILE_BYTES_MAX) throw new Error(`it has over ${FILE_BYTES_MAX} bytes`);
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : "unknown";
    throw new UsageError(`--${secret}-file: cannot read ${path}: ${reason}`);
  }
  return text.split(/\r?\n/)[0] as string;
}
