/**
 * Changing the password of a store together with something elsewhere, such as a server's record of it.
 * The new key file is staged beside the present one; while both stand, either password opens the store.
 * Who learns which of them holds settles it.
 */
import { dirname } from "node:path";
import { MessengerError } from "@qpq/ports";
import { keyFilePath, openKeyFile, type StretchingCost, writeKeyFile } from "./key-file.ts";
import { fileError, fileExists, removeFile, syncFolder } from "./store-lock.ts";

/** Where the key of the store at `path` stands under the password to come. */
export function stagedKeyFilePath(path: string): string {
  return `${keyFilePath(path)}.next`;
}

/** Whether a change of the password was begun and not settled. */
export function isKeyChangeOpen(path: string): boolean {
  return fileExists(stagedKeyFilePath(path));
}

/**
 * @returns the store's key, 32 bytes, which the caller wipes; and which file the password opened
 * @throws MessengerError `store/wrong-password`: neither; and as `openKeyFile`
 */
export async function openEitherKey(
  path: string,
  password: string,
): Promise<{ readonly key: Uint8Array; readonly from: "present" | "staged" }> {
  try {
    return { key: await openKeyFile(keyFilePath(path), password), from: "present" };
  } catch (error) {
    const isWrong = error instanceof MessengerError && error.code === "store/wrong-password";
    if (!isWrong || !isKeyChangeOpen(path)) throw error;
    return { key: await openKeyFile(stagedKeyFilePath(path), password), from: "staged" };
  }
}

/**
 * Lets the store at `path` open with `to` as well, durably. Replaces what an earlier change staged.
 * @throws MessengerError as `openKeyFile`; `store/disk-full`, `store/read-only`, `store/io`
 */
export async function stageKeyChange(
  path: string,
  passwords: { readonly from: string; readonly to: string; readonly cost?: StretchingCost },
): Promise<void> {
  const { key } = await openEitherKey(path, passwords.from);
  try {
    await writeKeyFile(stagedKeyFilePath(path), key, passwords.to, passwords.cost);
  } finally {
    key.fill(0);
  }
}

/**
 * Ends a change: from now on the store opens with one password alone. Harmless when none is open.
 * @throws MessengerError `store/read-only`, `store/io`
 */
export function settleKeyChange(path: string, holds: "present" | "staged"): void {
  if (!isKeyChangeOpen(path)) return;
  const staged = stagedKeyFilePath(path);
  if (holds === "present") return removeFile(staged);
  try {
    Deno.renameSync(staged, keyFilePath(path));
    syncFolder(dirname(path));
  } catch (cause) {
    throw fileError("Cannot settle key change", cause);
  }
}
