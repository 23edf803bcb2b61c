import { type ErrorCodeRow, row } from "./row.ts";

/** Codes of any place, of the server's start and of the command-line client's own files. */
export const GENERAL_CODES = {
  // Anywhere.
  "malformed": row("never", 1, "Bytes from outside do not follow their format."),
  "too-large": row("never", 1, "A size or count is above its named limit."),
  "cancelled": row("never", 1, "The caller gave up on it."),
  "internal": row("later", 1, "A bug on the other side; its own log has the cause."),
  // The server's own start.
  "server/data-folder": row("never", 1, "The server cannot make or use its data folder."),

  "server/admin-socket": row(
    "never",
    1,
    "The server cannot listen for its administrator in its data folder.",
  ),
  "server/not-running": row(
    "later",
    1,
    "No server answers at the administrator's socket of that data folder.",
  ),
  "server/store-backend": row("never", 1, "This version has no such store."),
  // The client's own store.
  "client/no-account": row(
    "never",
    4,
    "This device has no such account on that server: register, or log in.",
  ),
  "client/has-account": row("never", 1, "This device has the account already."),
  // The command-line client's own files.
  "cli/state-unreadable": row(
    "never",
    1,
    "What the client remembers of servers is damaged or may not be read.",
  ),
  "cli/output-lost": row("never", 1, "Nobody takes what the command prints."),
  "cli/state-unwritable": row(
    "never",
    1,
    "The folder for what the client remembers may not be written.",
  ),
} as const satisfies Readonly<Record<string, ErrorCodeRow>>;
