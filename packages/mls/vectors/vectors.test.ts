import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { runtimeCryptoProvider } from "../crypto/runtime.ts";
import { runVectors } from "./run.ts";

/** Beside the repository, where somebody has put them: the files are too large to be committed. */
const FOLDER = fileURLToPath(new URL("../../../../shared/vectors/mls/", import.meta.url));

/** Entries by file, so that a file that lost some is noticed. */
const FILES: readonly (readonly [name: string, entryCount: number])[] = [
  ["crypto-basics", 7],
  ["deserialization", 14],
  ["key-schedule", 7],
  ["message-protection", 7],
  ["messages", 300],
  ["passive-client-handling-commit", 91],
  ["passive-client-welcome", 56],
  ["psk_secret", 77],
  ["secret-tree", 21],
  ["transcript-hashes", 7],
  ["tree-math", 10],
  ["tree-operations", 5],
  ["tree-validation", 98],
  ["treekem", 77],
  ["welcome", 7],
];

/** Of the slowest file one entry in so many, each suite among them; all at the full level. */
const TREEKEM_STEP = Deno.env.get("QPQ_TEST_LEVEL") === "full" ? 1 : 4;

const provider = runtimeCryptoProvider();

if (existsSync(FOLDER)) {
  for (const [name, entryCount] of FILES) testFile(name, entryCount);
} else {
  const files = `../shared/vectors/mls (${FILES.length} files)`;
  Deno.test.ignore(`not here: ${files}: the working group's vectors of MLS are not run`, () => {});
}

function testFile(name: string, entryCount: number): void {
  Deno.test(`${name}.json of the MLS working group passes, nothing skipped`, async () => {
    const text = readFileSync(`${FOLDER}${name}.json`, "utf8");
    const entries = JSON.parse(text) as readonly unknown[];
    assert.equal(entries.length, entryCount);
    const step = name === "treekem" ? TREEKEM_STEP : 1;
    const chosen = entries.filter((_, index) => index % step === 0);
    const result = await runVectors(JSON.stringify(chosen), provider);
    assert.deepEqual(result.failures, []);
    assert.equal(result.skipped, 0);
    assert.equal(result.passed, chosen.length);
  });
}

Deno.test("runVectors() counts failures and skipped entries", async () => {
  const entry = { vlbytes_header: "3f", length: 63 };
  const mixed = JSON.stringify([entry, { ...entry, length: 62 }, { vlbytes_header: "3f" }]);
  const result = await runVectors(mixed, provider);
  assert.equal(result.format, "deserialization");
  assert.equal(result.passed, 1);
  assert.deepEqual(result.failures.map(({ index }) => index), [1, 2]);
  const unknown = await runVectors("[{}, {}]", provider);
  assert.deepEqual(unknown, { format: "unknown", passed: 0, failures: [], skipped: 2 });
  const foreign = JSON.stringify([{ cipher_suite: 0x7777, psks: [], psk_secret: "" }]);
  assert.equal((await runVectors(foreign, provider)).skipped, 1);
});
