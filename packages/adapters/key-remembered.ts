/**
 * A store's key in clear, beside the store, for its user not to be asked for the password. Whoever can
 * read the file can read the store: the file system's permissions are all that protects it.
 */
import { MessengerError } from "@qpq/ports";
import { openEitherKey } from "./key-change.ts";
import { keyFilePath } from "./key-file.ts";
import { fileError, fileExists, removeFile, replaceFile } from "./store-lock.ts";

/** `qpq-key `, 64 hexadecimal digits, and a line end. */
const FORM = /^qpq-key ([0-9a-f]{64})\n$/;
/** Mode bits of anybody but the owner. */
const OTHERS_MODE = 0o077;

/** Where the key of the store at `path` stands in clear. */
export function rememberedKeyPath(path: string): string {
  return `${keyFilePath(path)}.remembered`;
}

/**
 * Keeps the key of the store at `path` in clear, for its owner's eyes (mode 0600).
 * @throws MessengerError `store/wrong-password`; `store/disk-full`, `store/read-only`, `store/io`
 */
export async function rememberKey(path: string, password: string): Promise<void> {
  const { key } = await openEitherKey(path, password);
  try {
    replaceFile(rememberedKeyPath(path), new TextEncoder().encode(`qpq-key ${key.toHex()}\n`));
  } finally {
    key.fill(0);
  }
}

/**
 * @returns 32 bytes, which the caller wipes; `undefined` when none is remembered
 * @throws MessengerError `store/key-exposed`: others may read it; `store/corrupt`: it is no such file
 */
export function readRememberedKey(path: string): Uint8Array | undefined {
  const file = rememberedKeyPath(path);
  if (!fileExists(file)) return undefined;
  let text: string;
  try {
    const { mode } = Deno.statSync(file);
    if (mode !== null && (mode & OTHERS_MODE) !== 0) {
      throw new MessengerError(
        "store/key-exposed",
        "Cannot use remembered key: others on this machine may read its file",
      );
    }
    text = Deno.readTextFileSync(file);
  } catch (cause) {
    if (cause instanceof MessengerError) throw cause;
    throw fileError("Cannot read remembered key", cause);
  }
  const digits = FORM.exec(text)?.[1];
  if (digits === undefined) {
    throw new MessengerError("store/corrupt", "Cannot read remembered key: it is something else");
  }
  return Uint8Array.fromHex(digits);
}

/** Harmless when none is remembered. @throws MessengerError `store/read-only`, `store/io` */
export function forgetKey(path: string): void {
  const file = rememberedKeyPath(path);
  if (fileExists(file)) removeFile(file);
}
