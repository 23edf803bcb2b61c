/**
 * Runs vector files of the MLS working group's formats: `npm run vectors -- FILE…`. Prints what
 * passed, failed and was skipped of each, and ends with 1 unless everything passed.
 */
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { exit, stdout } from "node:process";
import { runtimeCryptoProvider } from "../packages/mls/crypto/runtime.ts";
import { runVectors } from "../packages/mls/vectors/run.ts";

const FAILURES_SHOWN_MAX = 5;

const files = Deno.args;
if (files.length === 0) {
  stdout.write("Usage: npm run vectors -- FILE…\n");
  exit(2);
}
const provider = runtimeCryptoProvider();
let isClean = true;
for (const file of files) {
  const { format, passed, failures, skipped } = await runVectors(
    await readFile(file, "utf8"),
    provider,
  );
  const counts = `passed ${passed}, failed ${failures.length}, skipped ${skipped}`;
  stdout.write(`${basename(file)} (${format}): ${counts}\n`);
  for (const { index, reason } of failures.slice(0, FAILURES_SHOWN_MAX)) {
    stdout.write(`  entry ${index}: ${reason}\n`);
  }
  if (passed === 0 || failures.length > 0 || skipped > 0) isClean = false;
}
exit(isClean ? 0 : 1);
