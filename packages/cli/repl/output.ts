/** Where a REPL's entries go: above the line of a terminal, or line by line to a pipe. */
import {
  errorObject,
  errorText,
  printDiagnostic,
  printJson,
  printLine,
  UsageError,
} from "../output.ts";
import { paint, type Row, wrapRows } from "./rows.ts";
import type { Screen } from "./screen.ts";

export interface ReplOutput {
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

export function terminalOutput(screen: Screen): ReplOutput {
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

export const plainOutput: ReplOutput = {
  print: (rows) => {
    for (const row of rows.flatMap((row) => wrapRows(row))) printLine(paint(row, false));
  },
  fail: (error) => printDiagnostic(`qpq: ${errorText(error, "repl")}`),
  hasTime: false,
  echoesOwn: false,
  isJson: false,
};

export const jsonOutput: ReplOutput = {
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
