import assert from "node:assert/strict";
import { createKeyFile, keyFilePath } from "./key-file.ts";
import { forgetKey, readRememberedKey, rememberedKeyPath, rememberKey } from "./key-remembered.ts";
import { hasCode } from "./store-contract.ts";

const CHEAP = { memoryKiB: 64, passes: 1, lanes: 1 };

async function withStore(body: (path: string, key: Uint8Array) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/client.db`;
    await body(path, await createKeyFile(keyFilePath(path), "right", CHEAP));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("rememberKey() keeps the key for its owner alone, and forgetKey() takes it away", () =>
  withStore(async (path, key) => {
    assert.equal(readRememberedKey(path), undefined);
    await rememberKey(path, "right");
    assert.deepEqual(readRememberedKey(path), key);
    assert.equal(((await Deno.stat(rememberedKeyPath(path))).mode ?? 0) & 0o777, 0o600);
    forgetKey(path);
    forgetKey(path);
    assert.equal(readRememberedKey(path), undefined);
  }));

Deno.test("rememberKey() keeps nothing for a wrong password", () =>
  withStore(async (path) => {
    await assert.rejects(rememberKey(path, "wrong"), hasCode("store/wrong-password"));
    assert.equal(readRememberedKey(path), undefined);
  }));

Deno.test("readRememberedKey() refuses a file that others may read, and one that is something else", () =>
  withStore(async (path) => {
    await rememberKey(path, "right");
    for (const mode of [0o640, 0o604, 0o660]) {
      await Deno.chmod(rememberedKeyPath(path), mode);
      assert.throws(() => readRememberedKey(path), hasCode("store/key-exposed"));
    }
    await Deno.chmod(rememberedKeyPath(path), 0o600);
    for (const text of ["", "qpq-key 12\n", `qpq-key ${"0".repeat(64)}`]) {
      await Deno.writeTextFile(rememberedKeyPath(path), text);
      assert.throws(() => readRememberedKey(path), hasCode("store/corrupt"));
    }
  }));
