import { createHmac, pbkdf2Sync } from "node:crypto";
import { equalConstantTime } from "@qpq/ports";

/**
 * What a file is, by its bytes alone. SQLite itself must not be asked with a wrong key: closing it
 * would write a write-ahead log that it misread back into the database.
 * - `encrypted`: this key's. - `other-key`: encrypted, or noise. - `plain`: SQLite, not encrypted.
 * - `foreign`: something else.
 */
export type DatabaseKind = "missing" | "encrypted" | "other-key" | "plain" | "foreign";

const PAGE_BYTES = 4096;
const SALT_BYTES = 16;
const HMAC_BYTES = 64;
const WAL_HEADER_BYTES = 32;
const WAL_FRAME_HEADER_BYTES = 24;
/** Pages of the database, and frames of the log, that are tried: a crash can tear one of them. */
const PAGES_TRIED = 8;
/** In 4096 random bytes each value is missing with a chance of e^-16. */
const DISTINCT_BYTES_MIN = 240;

/** @param key 32 bytes, or `undefined` when the database should be plain */
export function databaseKind(path: string, key: Uint8Array | undefined): DatabaseKind {
  const head = readStart(path, PAGES_TRIED * PAGE_BYTES);
  if (head === undefined) return "missing";
  if (new TextDecoder().decode(head.subarray(0, 15)) === "SQLite format 3") return "plain";
  if (head.length < PAGE_BYTES || Deno.statSync(path).size % PAGE_BYTES !== 0) return "foreign";
  if (new Set(head.subarray(0, PAGE_BYTES)).size < DISTINCT_BYTES_MIN) return "foreign";
  if (key === undefined) return "other-key";

  const salt = head.subarray(0, SALT_BYTES);
  for (let offset = 0; offset + PAGE_BYTES <= head.length; offset += PAGE_BYTES) {
    const page = head.subarray(offset, offset + PAGE_BYTES);
    if (isPageOf(key, salt, page, offset / PAGE_BYTES + 1)) return "encrypted";
  }
  const frameBytes = WAL_FRAME_HEADER_BYTES + PAGE_BYTES;
  const log = readStart(`${path}-wal`, WAL_HEADER_BYTES + PAGES_TRIED * frameBytes);
  for (
    let offset = WAL_HEADER_BYTES;
    log && offset + frameBytes <= log.length;
    offset += frameBytes
  ) {
    const number = new DataView(log.buffer, log.byteOffset + offset, 4).getUint32(0);
    const page = log.subarray(offset + WAL_FRAME_HEADER_BYTES, offset + frameBytes);
    if (isPageOf(key, salt, page, number)) return "encrypted";
  }
  return "other-key";
}

/**
 * Whether the page's HMAC is right under `key`.
 * @see SQLCipher design, "Database Encryption": a page ends with 16 bytes of IV and an HMAC-SHA512
 *   over ciphertext, IV and page number (little-endian); the HMAC key comes by 2 rounds of
 *   PBKDF2-HMAC-SHA512 from key and salt ^ 0x3a; the first page begins with the salt instead
 */
function isPageOf(
  key: Uint8Array,
  salt: Uint8Array,
  page: Uint8Array,
  number: number,
): boolean {
  const hmacKey = pbkdf2Sync(key, salt.map((byte) => byte ^ 0x3a), 2, 32, "sha512");
  const numberBytes = new Uint8Array(4);
  new DataView(numberBytes.buffer).setUint32(0, number, true);
  const covered = page.subarray(number === 1 ? SALT_BYTES : 0, PAGE_BYTES - HMAC_BYTES);
  const hmac = createHmac("sha512", hmacKey).update(covered).update(numberBytes).digest();
  return equalConstantTime(hmac, page.subarray(PAGE_BYTES - HMAC_BYTES));
}

function readStart(path: string, bytesMax: number): Uint8Array | undefined {
  let file: Deno.FsFile;
  try {
    file = Deno.openSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
  using _ = file;
  const bytes = new Uint8Array(bytesMax);
  let length = 0;
  while (length < bytesMax) {
    const count = file.readSync(bytes.subarray(length));
    if (count === null) break;
    length += count;
  }
  return bytes.subarray(0, length);
}
