import { assert, keyAfter, type Log, MessengerError, type Store } from "@qpq/ports";
import {
  createKeyFile,
  keyFilePath,
  openKeyFile,
  type StretchingCost,
  writeKeyFile,
} from "./key-file.ts";
import type { DurableStore } from "./store-durable.ts";
import { openFileStore } from "./store-file.ts";
import { fileError, fileExists, lockStore, removeFile, syncFolder } from "./store-lock.ts";
import { openSqliteStore } from "./store-sqlite.ts";
import { dirname } from "node:path";

/** Which store, and where. */
export interface StoreLocation {
  /** Clients use `sqlite` only: what `file` deletes stays on the disk until it is compacted. */
  readonly kind: "sqlite" | "file";
  /** `<path>.key` and `<path>.lock` stand beside it. Its folder must exist. */
  readonly path: string;
  /** The SQLite addon's file, so that a program may be let near no other. */
  readonly nativeBinding?: string;
  readonly log?: Log;
  /** What stretching the password costs when a key file is written; default `KEY_FILE_COST`. */
  readonly cost?: StretchingCost;
}

export interface OpenStoreOptions extends StoreLocation {
  /** Opens the key file; empty or left out: the store is not encrypted. */
  readonly password?: string;
  /** Makes store and key file where there is neither. Default: `store/missing`. */
  readonly create?: boolean;
}

/**
 * Opens the store at a location, through its key file when there is a password.
 * @throws MessengerError `store/wrong-password`, `store/missing` (of store or key file), and what
 *   `openSqliteStore` and `openFileStore` say
 */
export async function openStore(options: OpenStoreOptions): Promise<DurableStore> {
  const { path, password = "", create = false } = options;
  if (password === "") return await openWithKey(options, undefined, create);
  const keyFile = keyFilePath(path);
  const isNew = create && !fileExists(path) && !fileExists(keyFile);
  const key = isNew
    ? await createKeyFile(keyFile, password, options.cost)
    : await openKeyFile(keyFile, password);
  try {
    return await openWithKey(options, key, create);
  } finally {
    key.fill(0);
  }
}

/** Opens by the key itself, which the caller holds. The key file still goes into backups. */
export function openWithKey(
  location: StoreLocation,
  key: Uint8Array | undefined,
  create: boolean,
): Promise<DurableStore> {
  const { kind, path, nativeBinding, log } = location;
  const options = {
    path,
    create,
    ...(key === undefined ? {} : { key }),
    ...(log === undefined ? {} : { log }),
    ...(key !== undefined && fileExists(keyFilePath(path)) ? { keyFile: keyFilePath(path) } : {}),
  };
  if (kind === "file") return openFileStore(options);
  return openSqliteStore({ ...options, ...(nativeBinding === undefined ? {} : { nativeBinding }) });
}

/**
 * Changes, adds or removes the password (`qpq-server rekey`, with the server stopped). A change
 * rewraps the key; adding and removing copy the store, which needs room for a second one. Interrupted
 * anywhere, the store opens with the old password or with the new one; an empty one while it is
 * being added or removed.
 * @param passwords empty: not encrypted
 * @throws MessengerError `store/in-use` while a server runs, and what `openStore` says
 */
export async function rekeyStore(
  location: StoreLocation,
  passwords: { readonly from: string; readonly to: string },
): Promise<void> {
  const { path } = location;
  const keyFile = keyFilePath(path);
  // Also finds out whether `from` is right, and keeps other processes away.
  const store = await openStore({ ...location, password: passwords.from });
  if (passwords.from !== "" && passwords.to !== "") {
    try {
      const key = await openKeyFile(keyFile, passwords.from);
      await writeKeyFile(keyFile, key, passwords.to, location.cost);
      key.fill(0);
    } finally {
      await store.close();
    }
    return;
  }
  if (passwords.from === passwords.to) return await store.close();

  const copy = { ...location, path: `${path}.rekey` };
  let key: Uint8Array | undefined;
  try {
    for (const suffix of SUFFIXES) removeFile(copy.path + suffix);
    if (passwords.to !== "") {
      // A key file beside a plain store means nothing: one that an interrupted run left.
      removeFile(keyFile);
      key = await createKeyFile(keyFile, passwords.to, location.cost);
    }
    await using target = await openWithKey(copy, key, true);
    await copyEntries(store, target);
  } finally {
    key?.fill(0);
    await store.close();
  }
  takePlaceOf(path, copy.path);
  if (passwords.to === "") removeFile(keyFile);
}

/** What may stand beside a store's file. */
const SUFFIXES = ["", "-wal", "-shm", ".lock", ".new", ".compact"] as const;

/** Renames a closed store over another closed one. */
export function takePlaceOf(path: string, successor: string): void {
  const lock = lockStore(path);
  try {
    // Both were closed in order, so that their logs are empty or gone; one that is not belongs to
    // what is replaced, and SQLite would apply it to the successor.
    for (const suffix of ["-wal", "-shm"]) {
      if (fileExists(path + suffix) && Deno.statSync(path + suffix).size > 0 && suffix === "-wal") {
        throw new MessengerError("store/in-use", "Cannot replace store: its log is not empty");
      }
      removeFile(path + suffix);
    }
    Deno.renameSync(successor, path);
    syncFolder(dirname(path));
  } catch (cause) {
    throw fileError("Cannot replace store", cause);
  } finally {
    lock.release();
  }
  for (const suffix of SUFFIXES) removeFile(successor + suffix);
}

/** Copies everything; nobody else may write to either. */
async function copyEntries(source: Store, target: Store): Promise<void> {
  let start: Uint8Array | undefined = new Uint8Array(0);
  while (start !== undefined) {
    const from: Uint8Array = start;
    const page = await source.snapshot((snapshot) =>
      snapshot.range({ prefix: new Uint8Array(0), start: from })
    );
    await target.transaction(async (transaction) => {
      for (const { key, value } of page.entries) transaction.put(key, value);
    });
    const last = page.entries.at(-1)?.key;
    assert(!page.more || last !== undefined, "a page of more has an entry");
    start = page.more && last !== undefined ? keyAfter(last) : undefined;
  }
}
