import assert from "node:assert/strict";
import {
  isKeyChangeOpen,
  openEitherKey,
  settleKeyChange,
  stagedKeyFilePath,
  stageKeyChange,
} from "./key-change.ts";
import { createKeyFile, keyFilePath } from "./key-file.ts";
import { hasCode } from "./store-contract.ts";

const CHEAP = { memoryKiB: 64, passes: 1, lanes: 1 };

async function withStore(body: (path: string, key: Uint8Array) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/client.db`;
    await body(path, await createKeyFile(keyFilePath(path), "old", CHEAP));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const change = { from: "old", to: "new", cost: CHEAP };

Deno.test("stageKeyChange() lets both passwords open the same key, and no third", () =>
  withStore(async (path, key) => {
    await stageKeyChange(path, change);
    assert.equal(isKeyChangeOpen(path), true);
    assert.deepEqual(await openEitherKey(path, "old"), { key, from: "present" });
    assert.deepEqual(await openEitherKey(path, "new"), { key, from: "staged" });
    await assert.rejects(openEitherKey(path, "third"), hasCode("store/wrong-password"));
    assert.equal(((await Deno.stat(stagedKeyFilePath(path))).mode ?? 0) & 0o777, 0o600);
  }));

for (const [holds, good, bad] of [["staged", "new", "old"], ["present", "old", "new"]] as const) {
  Deno.test(`settleKeyChange() to the ${holds} one leaves one password, and no file`, () =>
    withStore(async (path, key) => {
      await stageKeyChange(path, change);
      settleKeyChange(path, holds);
      assert.deepEqual(await openEitherKey(path, good), { key, from: "present" });
      await assert.rejects(openEitherKey(path, bad), hasCode("store/wrong-password"));
      assert.equal(isKeyChangeOpen(path), false);
      settleKeyChange(path, holds);
      assert.deepEqual((await openEitherKey(path, good)).key, key);
    }));
}

Deno.test("stageKeyChange() again, from either password, replaces what was staged", () =>
  withStore(async (path, key) => {
    await stageKeyChange(path, change);
    await stageKeyChange(path, { from: "new", to: "newer", cost: CHEAP });
    await assert.rejects(openEitherKey(path, "new"), hasCode("store/wrong-password"));
    assert.deepEqual((await openEitherKey(path, "newer")).key, key);
  }));
