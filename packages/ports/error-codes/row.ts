export interface ErrorCodeRow {
  readonly retry: "never" | "later" | "reconnect";
  readonly exitCode: 1 | 2 | 3 | 4;
  readonly meaning: string;
}

/** A row of the table, on one line. */
export function row(
  retry: ErrorCodeRow["retry"],
  exitCode: ErrorCodeRow["exitCode"],
  meaning: string,
): ErrorCodeRow {
  return { retry, exitCode, meaning };
}
