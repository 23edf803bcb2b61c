/** What `npm test` and `.ci/run` say at their end: somebody may see nothing else of a run. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { ROOT, type Run, run, temporaryFolder } from "../e2e/processes.ts";

/** Runs `npm test` on planted test files. @returns its lines, and how it ended */
async function testPlanted(
  files: Readonly<Record<string, string>>,
): Promise<Run & { readonly lines: readonly string[] }> {
  await using folder = await temporaryFolder();
  for (const [name, text] of Object.entries(files)) {
    await Deno.writeTextFile(join(folder.path, name), text);
  }
  const result = await run(Deno.execPath(), [
    ...["run", "--no-prompt", "--allow-all", join(ROOT, "scripts/test.ts"), folder.path],
  ], { cwd: ROOT });
  return { ...result, lines: result.stdout.trimEnd().split("\n") };
}

/** The lines between `Failures:` and the count. */
function failuresOf(lines: readonly string[]): readonly string[] {
  const start = lines.lastIndexOf("Failures:");
  assert.notEqual(start, -1, lines.join("\n"));
  return lines.slice(start + 1, -1);
}

Deno.test("npm test ends with each failure's file, name and message, in short, then the count", async () => {
  const { code, lines } = await testPlanted({
    "one.test.ts": `
      Deno.test("passes", () => {});
      Deno.test("fails <here> & \\"there\\"", () => { throw new Error("the \\x1b[31mreason\\x1b[0m: 1 < 2"); });
      Deno.test("talks", () => { throw new Error("line\\n".repeat(100)); });`,
    "two.test.ts": `
      Deno.test({ name: "is left out", ignore: true, fn: () => {} });
      Deno.test("fails too", async (t) => { await t.step("in a step", () => { throw "thrown"; }); });`,
  });
  assert.equal(code, 1);
  assert.match(lines.at(-1) ?? "", /^1 passed, \d failed, 1 skipped$/);
  assert.ok(lines.includes("skipped: is left out"));
  const failures = failuresOf(lines);
  const titles = failures.filter((line) => !line.startsWith("    "));
  assert.ok(
    titles.some((line) => line.endsWith('one.test.ts: fails <here> & "there"')),
    titles.join("\n"),
  );
  assert.ok(failures.some((line) => line.includes("the reason: 1 < 2")), failures.join("\n"));
  assert.ok(titles.some((line) => line.endsWith("in a step")), failures.join("\n"));
  assert.ok(failures.filter((line) => line.trim() === "line").length < 16);
});

Deno.test("npm test repeats what the runner said when a file doesn't load", async () => {
  const { code, lines } = await testPlanted({
    "good.test.ts": `Deno.test("passes", () => {});`,
    "bad.test.ts": `throw new Error("at the top");`,
  });
  assert.equal(code, 1);
  assert.equal(lines.at(-1), "1 passed, 1 failed");
  const failures = failuresOf(lines);
  assert.ok(failures.some((line) => line.includes("at the top")), failures.join("\n"));
});

Deno.test("npm test of what passes says nothing of failures; what does not stand beside the clone isn't skipped", async () => {
  const { code, lines } = await testPlanted({
    "good.test.ts": `
      Deno.test.ignore("not here: ../a/folder: its files are not run", () => {});
      Deno.test("passes", () => {});`,
  });
  assert.equal(code, 0);
  assert.deepEqual(lines.slice(-2), [
    "not here: ../a/folder: its files are not run",
    "1 passed, 0 failed",
  ]);
  assert.ok(!lines.includes("Failures:"));
});

Deno.test("npm test counts as skipped what could be here", async () => {
  const { lines } = await testPlanted({
    "good.test.ts": `
      Deno.test.ignore("not here: strace", () => {});
      Deno.test("passes", () => {});`,
  });
  assert.equal(lines.at(-1), "1 passed, 0 failed, 1 skipped");
});

/** Runs `.ci/run` with an npm that prints what is given for `npm ci`, `npm test` and so on. */
async function ciWith(
  says: Readonly<Record<string, { text: string; code: number }>>,
): Promise<Run> {
  await using folder = await temporaryFolder();
  await Deno.mkdir(join(folder.path, ".ci"));
  await Deno.copyFile(join(ROOT, ".ci/run"), join(folder.path, ".ci/run"));
  const bin = join(folder.path, "bin");
  await Deno.mkdir(bin);
  const cases = Object.entries(says).map(([command, { text, code }]) =>
    `"${command}") cat <<'END'\n${text}\nEND\nexit ${code};;`
  );
  const scripts = {
    npm: `case "$QPQ_TEST_LEVEL$*" in\n${cases.join("\n")}\nesac`,
    ...{ "apt-get": "", capnp: "", strace: "", openssl: "" },
  };
  for (const [name, script] of Object.entries(scripts)) {
    await Deno.writeTextFile(join(bin, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }
  return await run("bash", [join(folder.path, ".ci/run")], {
    env: { PATH: `${bin}:${Deno.env.get("PATH")}` },
  });
}

const PASSES = { text: "not here: ../a/folder\n10 passed, 0 failed", code: 0 };

Deno.test(".ci/run repeats at its very end what failed in which step, and counts a skipped test as failed", async () => {
  const failing = "Failures:\na.test.ts: breaks\n    Error: because\n9 passed, 1 failed";
  const result = await ciWith({
    test: { text: "skipped: left out\n10 passed, 0 failed, 1 skipped", code: 0 },
    "run --silent check": {
      text: "ok      format\nFAILED  lint (1.0 s)\nno-console\n1 passed, 1 failed",
      code: 1,
    },
    "run --silent demo": { text: "it went wrong", code: 1 },
    fulltest: { text: `noise\n${failing}`, code: 1 },
  });
  assert.equal(result.code, 1);
  const end = result.stdout.slice(result.stdout.indexOf("\n\n") + 2);
  assert.equal(
    end,
    [
      ...["=== FAILED: npm test", "skipped: left out", "10 passed, 0 failed, 1 skipped"],
      ...["=== FAILED: npm run check", "FAILED  lint (1.0 s)", "no-console", "1 passed, 1 failed"],
      ...["=== FAILED: npm run demo", "it went wrong"],
      ...["=== FAILED: slow suites", ...failing.split("\n")],
      ...["22 passed, 4 failed", ""],
    ].join("\n"),
  );
});

Deno.test(".ci/run ends with what isn't here and the count when all passed", async () => {
  const result = await ciWith({ test: PASSES, fulltest: PASSES, "run --silent check": PASSES });
  assert.equal(result.code, 0, result.stdout);
  assert.match(
    result.stdout,
    /=== slow suites: exit 0 after \d+ s\n\nnot here: \.\.\/a\/folder\n33 passed, 0 failed\n$/,
  );
});
