/** What `qpq` prints, and what it ends with. */
import { ERROR_CODES, type ErrorCode, MessengerError } from "@qpq/ports";

export type ExitCode = 0 | 1 | 2 | 3 | 4;

/** A mistake in how the command was typed: exit code 2. The message says what is expected. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** What to do next, where the error itself, which has no command line, can't say it. */
const REMEDIES: Partial<Record<ErrorCode, string>> = {
  "rpc/bad-auth-token": ": give its token with --auth-token or QPQ_AUTH_TOKEN",
};

export function printLine(line: string): void {
  writeAll(Deno.stdout, `${line}\n`);
}

export function printJson(value: unknown): void {
  printLine(JSON.stringify(value));
}

export function printDiagnostic(line: string): void {
  writeAll(Deno.stderr, `${line}\n`);
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
    if (options.json) printJson({ error: { code: "usage", message: error.message } });
    else printDiagnostic(`qpq: ${error.message}\nTry 'qpq --help'.`);
    return 2;
  }
  const known = error instanceof MessengerError ? error : undefined;
  const code = known?.code ?? "internal";
  const message = known?.message ??
    "This is a bug in qpq: please report it, with the output of --verbose";
  if (options.json) {
    const retry = known?.retryAfterMs === undefined ? {} : { retryAfterMs: known.retryAfterMs };
    printJson({ error: { code, message, ...retry } });
  } else printDiagnostic(`qpq: ${message}${REMEDIES[code] ?? ""}`);
  if (options.verbose) printDiagnostic(describe(error));
  return ERROR_CODES[code].exitCode;
}

function describe(error: unknown): string {
  const lines: string[] = [];
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const code = cause instanceof MessengerError ? ` [${cause.code}]` : "";
    lines.push(`${lines.length === 0 ? "" : "caused by "}${cause.stack ?? cause.message}${code}`);
  }
  return lines.length === 0 ? String(error) : lines.join("\n");
}

function writeAll(stream: { writeSync(bytes: Uint8Array): number }, text: string): void {
  let rest = new TextEncoder().encode(text);
  while (rest.length > 0) rest = rest.subarray(stream.writeSync(rest));
}
