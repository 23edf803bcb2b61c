import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { crc32 } from "node:zlib";
import { MessengerError } from "@qpq/ports";
import { fileError, fileExists, replaceFile } from "./store-lock.ts";

/** Bytes of a password in UTF-8, 1 to this. */
export const PASSWORD_BYTES_MAX = 1_024;

/** Argon2id (RFC 9106). */
export interface StretchingCost {
  readonly memoryKiB: number;
  readonly passes: number;
  readonly lanes: number;
}

/** RFC 9106, second recommended option: 64 MiB, t = 3, p = 4. */
export const KEY_FILE_COST: StretchingCost = { memoryKiB: 65_536, passes: 3, lanes: 4 };
/** What a file may ask for at most: it could be anybody's. */
const COST_MAX: StretchingCost = { memoryKiB: 1_048_576, passes: 16, lanes: 16 };

const MAGIC = new TextEncoder().encode("QPQ-KEY\n");
const VERSION = 1;
const CIPHER_OFFSET = 52;
const KEY_BYTES = 32;
const TAG_BYTES = 16;
const FILE_BYTES = CIPHER_OFFSET + KEY_BYTES + TAG_BYTES + 4;

/** Where the key of the database at `path` is. */
export function keyFilePath(path: string): string {
  return `${path}.key`;
}

/**
 * Makes a random database key and writes it, wrapped, to a new file.
 * @returns the key, 32 bytes; the caller wipes it
 * @throws MessengerError `store/exists`, `too-large`, `store/disk-full`, `store/read-only`, `store/io`
 */
export async function createKeyFile(
  path: string,
  password: string,
  cost: StretchingCost = KEY_FILE_COST,
): Promise<Uint8Array> {
  if (fileExists(path)) {
    throw new MessengerError("store/exists", "Cannot create key file: it is there already");
  }
  const key = new Uint8Array(randomBytes(KEY_BYTES));
  await writeKeyFile(path, key, password, cost);
  return key;
}

/**
 * Wraps `key` under another password, in place of what is there: the old file or the new one is
 * there after a crash, never a part.
 */
export async function writeKeyFile(
  path: string,
  key: Uint8Array,
  password: string,
  cost: StretchingCost = KEY_FILE_COST,
): Promise<void> {
  replaceFile(path, await wrapKey(key, password, cost));
}

/**
 * @returns the database key, 32 bytes; the caller wipes it
 * @throws MessengerError `store/wrong-password`, `store/missing`, and what `unwrapKey` says
 */
export async function openKeyFile(path: string, password: string): Promise<Uint8Array> {
  let file: Uint8Array;
  try {
    file = Deno.readFileSync(path);
  } catch (cause) {
    throw fileError("Cannot open key file", cause);
  }
  return await unwrapKey(file, password);
}

/**
 * The bytes of a key file (`docs/storage.md`): magic (8), version (u16), zero (u16), Argon2id's memory
 * in KiB, passes and lanes (u32 each), salt (16), nonce (12), the key under ChaCha20-Poly1305 with all
 * before it as associated data (32 + 16), CRC-32 of all before it. Numbers highest byte first.
 */
async function wrapKey(
  key: Uint8Array,
  password: string,
  cost: StretchingCost,
): Promise<Uint8Array> {
  const file = new Uint8Array(FILE_BYTES);
  const view = new DataView(file.buffer);
  file.set(MAGIC);
  view.setUint16(8, VERSION);
  view.setUint32(12, cost.memoryKiB);
  view.setUint32(16, cost.passes);
  view.setUint32(20, cost.lanes);
  file.set(randomBytes(28), 24);
  const wrapping = await stretch(password, file.subarray(24, 40), cost);
  const cipher = createCipheriv("chacha20-poly1305", wrapping, file.subarray(40, 52), {
    authTagLength: TAG_BYTES,
  });
  cipher.setAAD(file.subarray(0, CIPHER_OFFSET), { plaintextLength: KEY_BYTES });
  file.set(cipher.update(key), CIPHER_OFFSET);
  cipher.final();
  file.set(cipher.getAuthTag(), CIPHER_OFFSET + KEY_BYTES);
  wrapping.fill(0);
  view.setUint32(FILE_BYTES - 4, crc32(file.subarray(0, FILE_BYTES - 4)));
  return file;
}

/**
 * @throws MessengerError `store/wrong-password`; `store/not-a-store`, `store/newer-format`,
 *   `store/corrupt`: of the file
 */
export async function unwrapKey(file: Uint8Array, password: string): Promise<Uint8Array> {
  const cost = readCost(file);
  const wrapping = await stretch(password, file.subarray(24, 40), cost);
  const decipher = createDecipheriv("chacha20-poly1305", wrapping, file.subarray(40, 52), {
    authTagLength: TAG_BYTES,
  });
  wrapping.fill(0);
  decipher.setAAD(file.subarray(0, CIPHER_OFFSET), { plaintextLength: KEY_BYTES });
  decipher.setAuthTag(file.subarray(CIPHER_OFFSET + KEY_BYTES, FILE_BYTES - 4));
  const key = decipher.update(file.subarray(CIPHER_OFFSET, CIPHER_OFFSET + KEY_BYTES));
  try {
    decipher.final();
  } catch (cause) {
    key.fill(0);
    throw new MessengerError("store/wrong-password", "Cannot open key file: wrong password", {
      cause,
    });
  }
  const own = new Uint8Array(key);
  key.fill(0);
  return own;
}

function readCost(file: Uint8Array): StretchingCost {
  if (!MAGIC.every((byte, index) => file[index] === byte) || file.length < 12) {
    throw new MessengerError("store/not-a-store", "Cannot open key file: the file is none");
  }
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  const version = view.getUint16(8);
  if (version > VERSION) {
    throw new MessengerError("store/newer-format", `Cannot open key file: format ${version}`);
  }
  const whole = file.length === FILE_BYTES &&
    view.getUint32(FILE_BYTES - 4) === crc32(file.subarray(0, FILE_BYTES - 4));
  if (!whole) throw new MessengerError("store/corrupt", "Cannot open key file: it is damaged");
  const cost = {
    memoryKiB: view.getUint32(12),
    passes: view.getUint32(16),
    lanes: view.getUint32(20),
  };
  const sane = cost.passes >= 1 && cost.passes <= COST_MAX.passes && cost.lanes >= 1 &&
    cost.lanes <= COST_MAX.lanes && cost.memoryKiB >= 8 * cost.lanes &&
    cost.memoryKiB <= COST_MAX.memoryKiB;
  if (!sane) throw new MessengerError("store/corrupt", "Cannot open key file: its cost is not one");
  return cost;
}

async function stretch(
  password: string,
  salt: Uint8Array,
  cost: StretchingCost,
): Promise<Uint8Array> {
  const bytes = new TextEncoder().encode(password.normalize("NFC"));
  if (bytes.length === 0 || bytes.length > PASSWORD_BYTES_MAX) {
    throw new MessengerError(
      "too-large",
      `Cannot use password: it has not 1 to ${PASSWORD_BYTES_MAX} bytes`,
    );
  }
  // The library's defaults are Argon2id and version 0x13.
  // Native code: loaded by a program that has a password, and by no other.
  const { hashRaw } = await import("@node-rs/argon2");
  return await hashRaw(bytes, {
    memoryCost: cost.memoryKiB,
    timeCost: cost.passes,
    parallelism: cost.lanes,
    outputLen: KEY_BYTES,
    salt,
  });
}
