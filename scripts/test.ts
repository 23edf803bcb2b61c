/**
 * `npm test [-- PATH…]`: runs the tests, then counts them: every skipped one is named with its
 * reason, and the last line reads `N passed, N failed`, or `N passed, N failed, N skipped`.
 * QPQ_TEST_LEVEL=full runs the long variants too.
 */
const paths = Deno.args;
const report = await Deno.makeTempFile({ suffix: ".xml" });
const { code } = await new Deno.Command(Deno.execPath(), {
  args: [
    "test",
    "--no-prompt",
    "--allow-all",
    "--quiet",
    "--parallel",
    `--junit-path=${report}`,
    ...(paths.length === 0 ? ["packages", "tests"] : paths),
  ],
  env: { DENO_JOBS: String(navigator.hardwareConcurrency) },
}).spawn().status;

const cases = [...(await Deno.readTextFile(report)).matchAll(
  /<testcase name="([^"]*)"[^>]*?(?:\/>|>([\s\S]*?)<\/testcase>)/g,
)].map(([, name = "", inside = ""]) => ({ name: unescape(name), inside }));
await Deno.remove(report);
const skipped = cases.filter(({ inside }) => inside.includes("<skipped"));
const failed = cases.filter(({ inside }) => /<(failure|error)\b/.test(inside));
const passed = cases.length - skipped.length - failed.length;

for (const { name } of skipped) print(`skipped: ${name}`);
// A file that does not even load has no test case, but the runner's exit code knows.
const failures = Math.max(failed.length, code === 0 ? 0 : 1);
print(
  `${passed} passed, ${failures} failed` +
    (skipped.length > 0 ? `, ${skipped.length} skipped` : ""),
);
Deno.exit(failures === 0 && passed > 0 ? 0 : 1);

function unescape(text: string): string {
  return text.replace(/&quot;/g, '"').replace(/&apos;|&#39;/g, "'").replace(/&lt;/g, "<")
    .replace(/&gt;/g, ">").replace(/&amp;/g, "&");
}

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}
