/**
 * What stands on the disk, read by a decryptor that shares nothing with the store: written from the
 * SQLCipher 4 format (raw key; AES-256-CBC; HMAC-SHA512; 4096-byte pages that end with 16 bytes of IV
 * and 64 of HMAC; the first one begins with the 16-byte salt).
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createDecipheriv, createHmac, pbkdf2Sync, randomBytes } from "node:crypto";
import type { Store } from "@qpq/ports";
import { bytes } from "./store-contract.ts";
import { openFileStore } from "./store-file.ts";
import { openSqliteStore } from "./store-sqlite.ts";

const KEY = new Uint8Array(randomBytes(32));
const PAGE = 4096;

function decryptPage(page: Buffer, number: number, salt: Buffer): Buffer {
  const macSalt = Buffer.from(salt.map((byte) => byte ^ 0x3a));
  const macKey = pbkdf2Sync(KEY, macSalt, 2, 32, "sha512");
  const little = Buffer.alloc(4);
  little.writeUInt32LE(number);
  const from = number === 1 ? 16 : 0;
  const mac = createHmac("sha512", macKey)
    .update(page.subarray(from, PAGE - 64)).update(little).digest();
  assert.ok(mac.equals(page.subarray(PAGE - 64)), `the HMAC of page ${number} is right`);
  const decipher = createDecipheriv("aes-256-cbc", KEY, page.subarray(PAGE - 80, PAGE - 64));
  decipher.setAutoPadding(false);
  const plain = Buffer.concat([decipher.update(page.subarray(from, PAGE - 80)), decipher.final()]);
  return number === 1 ? Buffer.concat([Buffer.from("SQLite format 3\0"), plain]) : plain;
}

/** Every page of the database and of its write-ahead log, in clear. */
function decryptAll(path: string): { readonly database: Buffer[]; readonly log: Buffer[] } {
  const file = Buffer.from(Deno.readFileSync(path));
  const salt = file.subarray(0, 16);
  const database: Buffer[] = [];
  for (let offset = 0; offset < file.length; offset += PAGE) {
    database.push(decryptPage(file.subarray(offset, offset + PAGE), offset / PAGE + 1, salt));
  }
  const log: Buffer[] = [];
  const wal = Buffer.from(readIfThere(`${path}-wal`));
  for (let offset = 32; offset + 24 + PAGE <= wal.length; offset += 24 + PAGE) {
    const page = wal.subarray(offset + 24, offset + 24 + PAGE);
    log.push(decryptPage(page, wal.readUInt32BE(offset), salt));
  }
  return { database, log };
}

function readIfThere(path: string): Uint8Array {
  try {
    return Deno.readFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return new Uint8Array(0);
    throw error;
  }
}

const holds = (pages: readonly Buffer[], content: Uint8Array): boolean =>
  pages.some((page) => page.includes(content));

async function put(store: Store, key: string, value: Uint8Array): Promise<void> {
  await store.transaction(async (transaction) => transaction.put(bytes(key), value));
}

async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("store-sqlite writes pages in SQLCipher 4's format", () =>
  inFolder(async (folder) => {
    const path = `${folder}/db`;
    const marker = new Uint8Array(randomBytes(24));
    const store = await openSqliteStore({ path, key: KEY, create: true });
    await put(store, "a", marker);
    assert.ok(holds(decryptAll(path).log, marker), "it is in the log first");
    await store.close();
    const { database, log } = decryptAll(path);
    assert.equal(log.length, 0);
    assert.ok(holds(database, marker));
    assert.equal(database[0]?.readUInt16BE(16), PAGE);
    assert.equal(database[0]?.[20], 80, "80 bytes of each page are reserved");
  }));

Deno.test("store-sqlite lets secrets die on disk: deleted or overwritten, while it runs", () =>
  inFolder(async (folder) => {
    const path = `${folder}/db`;
    const secrets = Array.from({ length: 40 }, () => new Uint8Array(randomBytes(32)));
    await using store = await openSqliteStore({
      path,
      key: KEY,
      create: true,
      truncateIntervalMs: 50,
    });
    for (const [index, secret] of secrets.entries()) {
      // Some small, some on pages of their own, among others that stay.
      const value = new Uint8Array(index % 5 === 0 ? 9_000 : 200);
      for (let offset = 0; offset + 32 <= value.length; offset += 32) value.set(secret, offset);
      await put(store, `secret/${index}`, value);
      await put(store, `other/${index}`, new Uint8Array(randomBytes(150)));
    }
    const before = decryptAll(path);
    for (const secret of secrets) assert.ok(holds([...before.database, ...before.log], secret));
    for (const index of secrets.keys()) {
      if (index % 2 === 0) {
        await store.transaction(async (transaction) => {
          transaction.delete(bytes(`secret/${index}`));
        });
      } else await put(store, `secret/${index}`, new Uint8Array(randomBytes(20)));
    }
    for (let wait = 0; wait < 200 && Deno.statSync(`${path}-wal`).size > 0; wait++) {
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    const { database, log } = decryptAll(path);
    assert.ok(database.length > 10);
    for (const [index, secret] of secrets.entries()) {
      // Any half of it would be too much: a page can end inside a value.
      for (const half of [secret.subarray(0, 16), secret.subarray(16)]) {
        assert.ok(!holds([...database, ...log], half), `secret ${index} is gone`);
      }
    }
  }));

Deno.test("encrypted stores hold no plaintext, of keys or values, in any file", () =>
  inFolder(async (folder) => {
    const key = "plain-key-0123456789";
    const value = "plain-value-0123456789".repeat(20);
    for (const open of [openSqliteStore, openFileStore]) {
      const path = `${folder}/${open.name}`;
      const search = (): void => {
        for (const { name } of Deno.readDirSync(folder)) {
          const content = Buffer.from(Deno.readFileSync(`${folder}/${name}`));
          assert.ok(!content.includes(key) && !content.includes(value.slice(0, 40)), name);
          assert.ok(!content.includes(KEY), "nor the key");
        }
      };
      const store = await open({ path, key: KEY, create: true });
      await put(store, key, bytes(value));
      search();
      await store.backup(`${folder}/${open.name}.backup`);
      await store.close();
      search();
    }
    // The search finds it where it is: in stores that aren't encrypted.
    for (const open of [openSqliteStore, openFileStore]) {
      const path = `${folder}/${open.name}-plain`;
      const store = await open({ path, create: true });
      await put(store, key, bytes(value));
      await store.close();
      assert.ok(Buffer.from(Deno.readFileSync(path)).includes(value.slice(0, 40)));
    }
  }));
