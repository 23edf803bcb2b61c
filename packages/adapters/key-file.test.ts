import assert from "node:assert/strict";
import { createDecipheriv } from "node:crypto";
import { hashRawSync } from "@node-rs/argon2";
import { createKeyFile, KEY_FILE_COST, openKeyFile, unwrapKey, writeKeyFile } from "./key-file.ts";
import { hasCode } from "./store-contract.ts";

const CHEAP = { memoryKiB: 64, passes: 1, lanes: 1 };

async function withFile(body: (path: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await body(`${folder}/store.key`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("createKeyFile() wraps a random key as docs/storage.md says, at the full cost", () =>
  withFile(async (path) => {
    const key = await createKeyFile(path, "correct horse");
    assert.deepEqual(KEY_FILE_COST, { memoryKiB: 65_536, passes: 3, lanes: 4 });
    const file = await Deno.readFile(path);
    assert.equal(file.length, 104);
    assert.equal(((await Deno.stat(path)).mode ?? 0) & 0o777, 0o600);
    const view = new DataView(file.buffer);
    assert.equal(new TextDecoder().decode(file.subarray(0, 8)), "QPQ-KEY\n");
    assert.deepEqual([
      view.getUint16(8),
      view.getUint32(12),
      view.getUint32(16),
      view.getUint32(20),
    ], [
      1,
      65_536,
      3,
      4,
    ]);
    const wrapping = hashRawSync("correct horse", {
      algorithm: 2,
      memoryCost: 65_536,
      timeCost: 3,
      parallelism: 4,
      outputLen: 32,
      salt: file.subarray(24, 40),
    });
    const decipher = createDecipheriv("chacha20-poly1305", wrapping, file.subarray(40, 52), {
      authTagLength: 16,
    });
    decipher.setAAD(file.subarray(0, 52), { plaintextLength: 32 });
    decipher.setAuthTag(file.subarray(84, 100));
    assert.deepEqual(new Uint8Array(decipher.update(file.subarray(52, 84))), key);
    decipher.final();
  }));

Deno.test("openKeyFile() gives the key for the password, in any normal form, and for no other", () =>
  withFile(async (path) => {
    const key = await createKeyFile(path, "caf\u00e9", CHEAP);
    assert.deepEqual(await openKeyFile(path, "cafe\u0301"), key);
    await assert.rejects(openKeyFile(path, "cafe"), hasCode("store/wrong-password"));
    await assert.rejects(openKeyFile(path, ""), hasCode("too-large"));
    await assert.rejects(openKeyFile(path, "x".repeat(1_025)), hasCode("too-large"));
    await assert.rejects(openKeyFile(`${path}2`, "x"), hasCode("store/missing"));
    await assert.rejects(createKeyFile(path, "x", CHEAP), hasCode("store/exists"));
  }));

Deno.test("writeKeyFile() rewraps the same key", () =>
  withFile(async (path) => {
    const key = await createKeyFile(path, "old", CHEAP);
    await writeKeyFile(path, key, "new", CHEAP);
    assert.deepEqual(await openKeyFile(path, "new"), key);
    await assert.rejects(openKeyFile(path, "old"), hasCode("store/wrong-password"));
    assert.deepEqual([...Deno.readDirSync(path.replace("/store.key", ""))].length, 1);
  }));

Deno.test("unwrapKey() refuses each flipped bit and each cut, with a typed error", () =>
  withFile(async (path) => {
    await createKeyFile(path, "password", CHEAP);
    const file = await Deno.readFile(path);
    for (let bit = 0; bit < 8 * file.length; bit++) {
      const flipped = file.slice();
      flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
      await assert.rejects(unwrapKey(flipped, "password"), isTyped);
    }
    for (let length = 0; length < file.length; length++) {
      await assert.rejects(unwrapKey(file.subarray(0, length), "password"), isTyped);
    }
    file[9] = 2;
    await assert.rejects(unwrapKey(file, "password"), hasCode("store/newer-format"));
  }));

Deno.test("unwrapKey() does no unbounded work for a hostile file", () =>
  withFile(async (path) => {
    const { crc32 } = await import("node:zlib");
    await createKeyFile(path, "password", CHEAP);
    for (const [offset, value] of [[12, 2 ** 31], [16, 17], [20, 17], [12, 0], [16, 0], [20, 0]]) {
      const file = await Deno.readFile(path);
      const view = new DataView(file.buffer);
      view.setUint32(offset as number, value as number);
      view.setUint32(100, crc32(file.subarray(0, 100)));
      await assert.rejects(unwrapKey(file, "password"), hasCode("store/corrupt"));
    }
  }));

function isTyped(error: unknown): boolean {
  const { code } = error as { code: string };
  return ["store/corrupt", "store/not-a-store", "store/newer-format"].includes(code);
}
