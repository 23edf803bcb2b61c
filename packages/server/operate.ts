/** What an operator does with a server's store besides serving it. */
import {
  keyFilePath,
  openKeyFile,
  rekeyStore,
  restoreBackup,
  salvageFileStore,
} from "@qpq/adapters/stores";
import { MessengerError } from "@qpq/ports";
import * as v from "valibot";
import { type AdminCommand, callAdmin } from "./admin.ts";
import { ADMIN_SOCKET } from "./admin-socket.ts";
import type { Task } from "./command-line.ts";
import type { ServerConfig } from "./config.ts";
import type { DurableStore } from "@qpq/adapters/stores";
import { storeLocation } from "./storage.ts";

const COPY_BYTES = 1_048_576;

/**
 * Does one task to its end.
 * @returns a line to print
 * @throws MessengerError as the store's functions and `callAdmin`
 */
export async function operate(
  task: Exclude<Task, { kind: "serve" | "print-config" | "accounts" }>,
  config: ServerConfig,
): Promise<string> {
  switch (task.kind) {
    case "backup":
      return await backUp(task.file, config);
    case "restore": {
      const location = { ...storeLocation(config), password: config.db_key };
      const { entries } = await restoreBackup(task.file, location);
      return `restored ${entries} entries to ${config.db_path}; devices log in again. ` +
        "The certificate isn't in a backup: copy server-cert.der and server-key.der, or pins change.";
    }
    case "rekey":
      await rekeyStore(storeLocation(config), { from: config.db_key, to: task.newKey });
      return task.newKey === ""
        ? "the store is no longer encrypted; remove db_key from the configuration"
        : "the store opens with the new db_key alone; put it into the configuration";
    case "salvage":
      return await salvage(task.file, config);
  }
}

/** What the running server does for `qpq-server backup`. */
export function backupCommand(store: DurableStore, config: ServerConfig): AdminCommand {
  let count = 0;
  return async () => {
    // The server may write its own folder only; who asked moves the file from there.
    const file = `${config.data_dir}/backup-${Deno.pid}-${++count}.part`;
    const summary = await store.backup(file);
    return { file, ...summary };
  };
}

const backupReply = v.object({ file: v.string(), entries: v.number(), bytes: v.number() });

async function backUp(target: string, config: ServerConfig): Promise<string> {
  const socket = `${config.data_dir}/${ADMIN_SOCKET}`;
  const { file, entries, bytes } = v.parse(
    backupReply,
    await callAdmin(socket, { command: "backup" }),
  );
  try {
    await copyDurably(file, target);
  } finally {
    await Deno.remove(file);
  }
  return `wrote ${entries} entries, ${bytes} bytes, to ${target}`;
}

/** Copies to a new file, which is on the disk when this resolves, or not there. */
async function copyDurably(from: string, to: string): Promise<void> {
  let target: Deno.FsFile;
  try {
    target = await Deno.open(to, { write: true, createNew: true, mode: 0o600 });
  } catch (cause) {
    const isThere = cause instanceof Deno.errors.AlreadyExists;
    throw new MessengerError(
      isThere ? "store/exists" : "store/io",
      `Cannot write ${to}: ${isThere ? "it is there already" : "the system refuses"}`,
      { cause },
    );
  }
  try {
    using file = target;
    using source = await Deno.open(from);
    const buffer = new Uint8Array(COPY_BYTES);
    for (let count = await source.read(buffer); count !== null; count = await source.read(buffer)) {
      let rest = buffer.subarray(0, count);
      while (rest.length > 0) rest = rest.subarray(await file.write(rest));
    }
    await file.sync();
  } catch (cause) {
    await Deno.remove(to);
    const isFull = cause instanceof Error && "code" in cause && cause.code === "ENOSPC";
    throw new MessengerError(
      isFull ? "store/disk-full" : "store/io",
      `Cannot write ${to}: ${isFull ? "the disk is full" : "the system refuses"}`,
      { cause },
    );
  }
}

async function salvage(target: string, config: ServerConfig): Promise<string> {
  const location = storeLocation(config);
  if (location.kind !== "file") {
    throw new MessengerError(
      "server/store-backend",
      'Cannot salvage: only a store of store_backend = "file" can be read in part; ' +
        "restore a backup instead",
    );
  }
  const isEncrypted = config.db_key !== "";
  const key = isEncrypted
    ? await openKeyFile(keyFilePath(location.path), config.db_key)
    : undefined;
  try {
    const { framesCopied, lost } = salvageFileStore(location.path, target, key);
    const bytes = lost.reduce((sum, { from, to }) => sum + to - from, 0);
    return `copied ${framesCopied} frames to ${target}; ${bytes} bytes in ${lost.length} places ` +
      `were not readable${isEncrypted ? "; the copy opens with a copy of the same .key file" : ""}`;
  } finally {
    key?.fill(0);
  }
}
