import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { runtimeCryptoProvider } from "../crypto/runtime.ts";
import { ownVectorFiles } from "./own-files.ts";
import { runVectors } from "./run.ts";

const FOLDER = fileURLToPath(new URL("./own/", import.meta.url));
const provider = runtimeCryptoProvider();

for (const file of readdirSync(FOLDER)) {
  Deno.test(`vectors/own/${file} passes, nothing skipped`, async () => {
    const result = await runVectors(readFileSync(`${FOLDER}${file}`, "utf8"), provider);
    assert.deepEqual(result.failures, []);
    assert.equal(result.skipped, 0);
    assert.ok(result.passed > 0);
  });
}

Deno.test("vectors/own is what scripts/own-vectors.ts writes", async () => {
  const files = await ownVectorFiles();
  assert.deepEqual(readdirSync(FOLDER).sort(), [...files.keys()].sort());
  for (const [name, text] of files) {
    assert.equal(text, readFileSync(`${FOLDER}${name}`, "utf8"), `${name} has changed`);
  }
});
