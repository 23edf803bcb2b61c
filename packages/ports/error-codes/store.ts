import { type ErrorCodeRow, row } from "./row.ts";

/** Codes of the stores: packages/ports/store.ts, packages/adapters/store-*.ts. */
export const STORE_CODES = {
  "store/closed": row(
    "reconnect",
    1,
    "The store is closed, or closed itself after its disk failed.",
  ),
  "store/overloaded": row("later", 1, "Too many transactions wait for their turn."),
  "store/unknown-outcome": row(
    "reconnect",
    1,
    "The disk failed while a transaction was on its way: it may be there, or not.",
  ),
  "store/disk-full": row("later", 1, "No space is left on the disk; nothing was written."),
  "store/read-only": row("never", 1, "The files of the store may not be written."),
  "store/io": row(
    "later",
    1,
    "The operating system refused to open, read or write a file of the store.",
  ),
  "store/in-use": row("later", 1, "Another process has the store open."),
  "store/missing": row(
    "never",
    1,
    "There is no store, or no key file, where one was to be opened.",
  ),
  "store/exists": row("never", 1, "There is something already where a store was to be made."),
  "store/wrong-key": row("never", 4, "The database is not encrypted under this key."),
  "store/wrong-password": row("never", 4, "The password does not open the key file."),
  "store/key-exposed": row(
    "never",
    1,
    "The remembered key of the store may be read by others on this machine.",
  ),
  "store/not-a-store": row(
    "never",
    1,
    "The file is something else than a store, a key file or a backup.",
  ),
  "store/newer-format": row("never", 1, "A newer program wrote the file; this one cannot read it."),
  "store/newer-schema": row(
    "never",
    1,
    "A newer program wrote the data of a slice; this one cannot read it.",
  ),
  "store/corrupt": row(
    "never",
    1,
    "Stored bytes fail their check; restore a backup, or salvage what is readable.",
  ),
} as const satisfies Readonly<Record<string, ErrorCodeRow>>;
