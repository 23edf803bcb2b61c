import { dirname } from "node:path";
import { MessengerError } from "@qpq/ports";

/** Held until it is released or the process ends, however that happens. */
export interface StoreLock {
  release(): void;
}

/**
 * Lets one process at a time have a store: an exclusive advisory lock (flock) on `<path>.lock`, which
 * is made and stays.
 * @throws MessengerError `store/in-use`; `store/read-only`, `store/io` when the lock file can't be made
 */
export function lockStore(path: string): StoreLock {
  let file: Deno.FsFile;
  try {
    file = Deno.openSync(`${path}.lock`, { read: true, write: true, create: true, mode: 0o600 });
  } catch (cause) {
    throw fileError("Cannot lock store", cause);
  }
  if (!file.tryLockSync(true)) {
    file.close();
    throw new MessengerError("store/in-use", "Cannot open store: another process has it open");
  }
  return {
    release: () => {
      // Closing alone leaves the lock to a program that is just being started with our descriptors.
      file.unlockSync();
      file.close();
    },
  };
}

/** What the operating system refused, with the code that says it. */
export function fileError(action: string, cause: unknown): MessengerError {
  if (cause instanceof MessengerError) return cause;
  const name = errorName(cause);
  if (["ENOSPC", "EDQUOT", "EFBIG"].includes(name)) {
    return new MessengerError("store/disk-full", `${action}: no space is left`, { cause });
  }
  if (["EROFS", "EACCES", "EPERM", "PermissionDenied", "NotCapable"].includes(name)) {
    return new MessengerError("store/read-only", `${action}: permission denied`, { cause });
  }
  if (["ENOENT", "NotFound"].includes(name)) {
    return new MessengerError("store/missing", `${action}: it is not there`, { cause });
  }
  return new MessengerError("store/io", `${action}: ${name}`, { cause });
}

function errorName(cause: unknown): string {
  if (!(cause instanceof Error)) return "unknown";
  if ("code" in cause && typeof cause.code === "string") return cause.code;
  return cause.name;
}

/** Makes what happened to the names in `folder` durable: a new file, a rename. */
export function syncFolder(folder: string): void {
  const handle = Deno.openSync(folder);
  try {
    handle.syncSync();
  } finally {
    handle.close();
  }
}

export function removeFile(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw fileError("Cannot remove file", error);
  }
}

export function fileExists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw fileError("Cannot look at file", error);
  }
}

/**
 * Puts `content` in place of the file at `path`, durably: after a crash the old content is there or
 * the new one.
 * @throws MessengerError `store/disk-full`, `store/read-only`, `store/io`
 */
export function replaceFile(path: string, content: Uint8Array): void {
  const temporary = `${path}.new`;
  try {
    {
      using file = Deno.openSync(temporary, {
        write: true,
        create: true,
        truncate: true,
        mode: 0o600,
      });
      let written = 0;
      while (written < content.length) written += file.writeSync(content.subarray(written));
      file.syncSync();
    }
    Deno.renameSync(temporary, path);
    syncFolder(dirname(path));
  } catch (cause) {
    throw fileError("Cannot replace file", cause);
  }
}
