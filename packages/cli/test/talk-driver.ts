/** Subcommands over fake conversations. */
import { MessengerError } from "@qpq/ports";
import type { Talk } from "../conversations/talk.ts";
import { errorText, type ExitCode } from "../output.ts";
import { paint, wrapRows } from "../repl/rows.ts";
import type { ReadBytes } from "../input-lines.ts";
import type { TestAccount } from "./repl-driver.ts";

export interface TalkRun {
  readonly exitCode: ExitCode;
  readonly printed: readonly string[];
  // deno-lint-ignore no-explicit-any
  readonly objects: readonly any[];
  readonly failures: readonly string[];
}

/** Runs a subcommand, and gives all that it printed; what it throws is thrown. */
export async function runTalk(
  account: TestAccount,
  run: (talk: Talk, signal: AbortSignal) => Promise<ExitCode>,
  options: { readonly onPrint?: (stop: () => void) => void } = {},
): Promise<TalkRun> {
  const printed: string[] = [];
  const objects: object[] = [];
  const failures: string[] = [];
  const stop = new AbortController();
  const talk: Talk = {
    name: account.name,
    conversations: account.conversations,
    settings: account.settings,
    timeoutMs: 1_000,
    reaching: account.reaching,
    output: {
      print: (rows, more = []) => {
        printed.push(...rows.flatMap((row) => wrapRows(row)).map((row) => paint(row, false)));
        objects.push(...more);
        options.onPrint?.(() => stop.abort());
      },
      fail: (error) => failures.push(errorText(error)),
      hasTime: false,
      echoesOwn: false,
      isJson: false,
    },
  };
  const exitCode = await run(talk, stop.signal);
  return { exitCode, printed, objects, failures };
}

export function reading(text: string, pieceBytes = 7): ReadBytes {
  let rest: Uint8Array = new TextEncoder().encode(text);
  return () => {
    if (rest.length === 0) return Promise.resolve(null);
    const piece = rest.slice(0, pieceBytes);
    rest = rest.slice(pieceBytes);
    return Promise.resolve(piece);
  };
}

export function hasCode(code: string): (error: unknown) => boolean {
  return (error) => error instanceof MessengerError && error.code === code;
}
