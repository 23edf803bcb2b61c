/** What `qpq` prints, and what it ends with. */
import { ERROR_CODES, type ErrorCode, MessengerError } from "@qpq/ports";
import {
  sanitizeForDisplay as printableLine,
  sanitizeLines as printable,
} from "../features/messages/display-text.ts";

/** What somebody else wrote: in lines of its own, and as one line of ours may hold it. */
export { printable, printableLine };

export type ExitCode = 0 | 1 | 2 | 3 | 4;

/** A mistake in how the command was typed: exit code 2. The message says what is expected. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** A refusal whose place knows better than the table what to do next. */
export class AdvisedError extends MessengerError {
  /** Follows the message: begins with `:`, `.` or `;`. */
  readonly advice: string;

  constructor(cause: MessengerError, advice: string) {
    const { code, message, retryAfterMs } = cause;
    super(code, message, { cause, ...retryAfterMs === undefined ? {} : { retryAfterMs } });
    this.advice = advice;
  }
}

/** What to do next, where the error itself, which has no command line, can't say it. */
const REMEDIES: Partial<Record<ErrorCode, string>> = {
  "rpc/bad-auth-token": ": give its token with --auth-token or QPQ_AUTH_TOKEN",
  "rpc/not-authenticated": ": qpq login begins a new session",
  "devices/revoked": ": qpq login adds this device again",
  "client/no-account": ": qpq register-user makes one, qpq login enters one",
  "client/has-account": ": qpq login enters it",
  "store/in-use":
    ". Another qpq has the account open, a REPL perhaps: use that one, or end it first",
  "store/disk-full": ": make room on the disk; what was there is whole",
  "store/wrong-password":
    ". If it was changed on another device: qpq login, with the new one and " +
    "QPQ_FORMER_PASSWORD (or --former-password-file)",
  "accounts/login-refused": ". If it was changed on another device: qpq login with the new one",
  "accounts/own-key-changed": ": qpq login",
  "accounts/name-taken": ": choose another, or qpq login if it is yours",
  "accounts/name-reserved": ": choose another",
  "accounts/registration-closed": ": ask the server's operator for an account",
  "accounts/invite-invalid":
    ": give a code with --invite; the operator makes one (qpq-server invite)",
  "accounts/suspended": ": ask the server's operator",
  "accounts/wrong-server": ": if that is right, give its name with --server-name",
  "accounts/unknown": ": check how the name is written",
  "devices/too-many": ": qpq devices revoke ID takes one off",
  "devices/list-rolled-back":
    ". If the server was restored from a backup: qpq accept-key NAME --older-list, for your own " +
    "account qpq recover-account",
  "accounts/vault-rolled-back":
    ". If the server was restored from a backup: qpq recover-account shows what it lost",
  "accounts/directory-rolled-back":
    ". If the server was restored from a backup: qpq recover-account shows what it lost",
  "devices/key-changed": ": qpq check-key NAME shows it, qpq accept-key NAME accepts it",
  "conversations/unknown": ": qpq list shows those there are, qpq dm NAME begins one",
  "conversations/ambiguous": ": qpq list shows the ids; 8 digits of one will do",
  "conversations/not-active": ": qpq list says why; qpq join accepts an invitation",
  "conversations/not-invited": ": a member invites you with qpq invite",
  "conversations/not-a-member": ": qpq members shows who is",
  "conversations/not-admin": ": qpq members shows who is an admin",
};

/** The same inside a REPL, where no other command can open the account. */
const REPL_REMEDIES: Partial<Record<ErrorCode, string>> = {
  "rpc/not-authenticated": ": /quit, then qpq login begins a new session",
  "devices/revoked": ": /quit, then qpq login adds this device again",
  "devices/key-changed": ": /verify NAME shows it, /accept-key NAME accepts it",
  "conversations/unknown": ": /list shows those there are, /dm NAME begins one",
  "conversations/ambiguous": ": /list shows the ids; 8 digits of one will do",
  "conversations/not-active": ": /list says why; /join accepts an invitation",
  "conversations/not-invited": ": a member invites you with /invite",
  "conversations/not-a-member": ": /members shows who is",
  "conversations/not-admin": ": /members shows who is an admin",
  "conversations/with-self": ": /notes is for that",
  "conversations/last-admin": ": /admin NAME does it",
};

/** Prints lines of our own making; what others wrote in them is made harmless. */
export function printLine(text: string): void {
  writeOut(`${laidOut(printable(text), Deno.stdout)}\n`);
}

/** One object on one line. Characters that would only change how text runs or hides are escaped. */
export function printJson(value: unknown): void {
  const text = JSON.stringify(value).replace(
    /[\p{Cf}\p{Zl}\p{Zp}\u007f-\u009f]/gu,
    (character) =>
      Array.from(
        { length: character.length },
        (_, index) => `\\u${character.charCodeAt(index).toString(16).padStart(4, "0")}`,
      ).join(""),
  );
  writeOut(`${text}\n`);
}

export function printDiagnostic(text: string): void {
  writeAll(Deno.stderr, `${laidOut(printable(text), Deno.stderr)}\n`);
}

/** A question in front of what is typed; in raw mode a terminal takes a line end for no more than it is. */
export function printQuestion(text: string, { isRaw = false } = {}): void {
  const rows = laidOut(printable(text), Deno.stderr);
  writeAll(Deno.stderr, isRaw ? rows.replaceAll("\n", "\r\n") : rows);
}

/** Broken between words where somebody sees it: a terminal breaks words. */
function laidOut(text: string, stream: { isTerminal(): boolean }): string {
  if (!stream.isTerminal()) return text;
  const { columns } = Deno.consoleSize();
  return columns <= 0 ? text : text.split("\n").map((line) => wrapWords(line, columns)).join("\n");
}

/** Characters at a line's beginning in which its columns are looked for. */
const COLUMNS_LENGTH_MAX = 32;

/**
 * @returns the line, and further ones, of at most so many characters, which begin where its last column
 *   does; a longer word stays whole
 */
export function wrapWords(line: string, columns: number): string {
  const gaps = [...line.slice(0, COLUMNS_LENGTH_MAX).matchAll(/ {2,}(?=\S)/g)];
  const last = gaps.at(-1);
  const indent = last === undefined ? "" : " ".repeat(last.index + last[0].length);
  let width = 0;
  return line.split(/(?<= )/).map((word) => {
    const length = word.trimEnd().length;
    const isFull = width > 0 && width + length >= columns;
    width = (isFull ? indent.length : width) + word.length;
    return isFull ? `\n${indent}${word}` : word;
  }).join("");
}

/** Harmless text with our own sequences in it. */
export function writeRows(text: string): void {
  writeAll(Deno.stdout, text);
}

/** What went wrong, why, and what to do next, in one line. */
export function errorText(error: unknown, place: "command" | "repl" = "command"): string {
  if (error instanceof UsageError) return error.message;
  const known = error instanceof MessengerError ? error : undefined;
  const { code, message } = errorObject(error);
  const remedy = error instanceof AdvisedError
    ? error.advice
    : (place === "repl" ? REPL_REMEDIES[code] : undefined) ?? REMEDIES[code] ?? "";
  return `${message}${waitOf(known)}${remedy}`;
}

/** The same for programs. */
export function errorObject(error: unknown): {
  readonly code: ErrorCode;
  readonly message: string;
  readonly retryAfterMs?: number;
} {
  const known = error instanceof MessengerError ? error : undefined;
  const message = printableLine(known?.message ?? "") ||
    "This is a bug in qpq: please report it, with the output of --verbose";
  return {
    code: known?.code ?? "internal",
    message,
    ...known?.retryAfterMs === undefined ? {} : { retryAfterMs: known.retryAfterMs },
  };
}

/**
 * Says what went wrong in one line, to standard error; as an object with `code` for programs.
 * @returns the exit code that `docs/cli.md` documents for it
 */
export function reportError(
  error: unknown,
  options: { readonly json: boolean; readonly verbose: boolean },
): ExitCode {
  if (error instanceof UsageError) {
    if (options.json) printError({ code: "usage", message: error.message });
    else printDiagnostic(`qpq: ${error.message}\nTry 'qpq --help'.`);
    return 2;
  }
  if (options.json) printError(errorObject(error));
  else printDiagnostic(`qpq: ${errorText(error)}`);
  if (options.verbose) printDiagnostic(describe(error));
  return ERROR_CODES[errorObject(error).code].exitCode;
}

/** To standard output; where that is what failed, to standard error. */
function printError(error: { readonly code: string; readonly message: string }): void {
  try {
    printJson({ error });
  } catch {
    printDiagnostic(`qpq: ${error.message}`);
  }
}

/** How long a refusal lasts, where the server said so. */
function waitOf(error: MessengerError | undefined): string {
  if (error?.retryAfterMs === undefined) return "";
  return `; try again in ${Math.ceil(error.retryAfterMs / 1_000)} s`;
}

function describe(error: unknown): string {
  const lines: string[] = [];
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const code = cause instanceof MessengerError ? ` [${cause.code}]` : "";
    lines.push(`${lines.length === 0 ? "" : "caused by "}${cause.stack ?? cause.message}${code}`);
  }
  return lines.length === 0 ? String(error) : lines.join("\n");
}

/** @throws MessengerError `cli/output-lost`: the disk is full, or who read it has gone */
function writeOut(text: string): void {
  try {
    writeAll(Deno.stdout, text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : "unknown";
    throw new MessengerError("cli/output-lost", `Cannot write output: ${reason}`, { cause });
  }
}

function writeAll(stream: { writeSync(bytes: Uint8Array): number }, text: string): void {
  let rest = new TextEncoder().encode(text);
  while (rest.length > 0) rest = rest.subarray(stream.writeSync(rest));
}
