/** Where entries and replies go: above the line of a terminal, or line by line. */
import {
  errorObject,
  errorText,
  printDiagnostic,
  printJson,
  UsageError,
  writeRows,
} from "./output.ts";
import { paint, type Row, wrapRows } from "./repl/rows.ts";
import type { Screen } from "./repl/screen.ts";

export interface EntryOutput {
  /** @param objects what is printed instead of them with `--json` */
  print(rows: readonly Row[], objects?: readonly object[]): void;
  fail(error: unknown): void;
  /** Whether there is room for times. */
  readonly hasTime: boolean;
  /** Whether what was typed here is shown once more, as a message. */
  readonly echoesOwn: boolean;
  readonly isJson: boolean;
}

/** Columns that a terminal needs for times to be shown. */
const TIME_COLUMNS_MIN = 60;

export function terminalOutput(screen: Screen): EntryOutput {
  return {
    print: (rows) => screen.print(rows),
    fail: (error) => screen.print([[{ text: errorText(error, "repl"), style: "warning" }]]),
    get hasTime() {
      return screen.columns >= TIME_COLUMNS_MIN;
    },
    echoesOwn: true,
    isJson: false,
  };
}

/**
 * Line by line, to a pipe, a file, or a terminal that nobody types at.
 * @param options.columns of the terminal, if it is one
 */
function plainOutput(
  { place, columns, hasColour = false }: {
    readonly place: "command" | "repl";
    readonly columns?: number | undefined;
    readonly hasColour?: boolean;
  },
): EntryOutput {
  return {
    print: (rows) => {
      const lines = rows.flatMap((row) => wrapRows(row, columns));
      writeRows(lines.map((row) => `${paint(row, hasColour)}\n`).join(""));
    },
    fail: (error) => printDiagnostic(`qpq: ${errorText(error, place)}`),
    hasTime: columns !== undefined && columns >= TIME_COLUMNS_MIN,
    echoesOwn: false,
    isJson: false,
  };
}

/** Of a command that nobody types at: to standard output, as it is. */
export function standardOutput(
  { json, place }: { readonly json: boolean; readonly place: "command" | "repl" },
): EntryOutput {
  if (json) return jsonOutput;
  const isTerminal = Deno.stdout.isTerminal();
  const columns = isTerminal ? Deno.consoleSize().columns : 0;
  return plainOutput({
    place,
    columns: columns > 0 ? columns : undefined,
    hasColour: isTerminal && wantsColour(),
  });
}

/** https://no-color.org */
export function wantsColour(): boolean {
  return (Deno.env.get("NO_COLOR") ?? "") === "";
}

const jsonOutput: EntryOutput = {
  print: (_, objects = []) => {
    for (const object of objects) printJson(object);
  },
  fail: (error) =>
    printJson({
      error: error instanceof UsageError
        ? { code: "usage", message: error.message }
        : errorObject(error),
    }),
  hasTime: false,
  echoesOwn: true,
  isJson: true,
};
