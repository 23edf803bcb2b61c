export interface ErrorCodeRow {
  readonly retry: "never" | "later" | "reconnect";
  readonly exitCode: 1 | 2 | 3 | 4;
  readonly meaning: string;
}
