/**
 * `npm test [-- PATH…]`: runs the tests, then counts them: the slowest files, every skipped test with
 * its reason, and as the last line `N passed, N failed`, or `N passed, N failed, N skipped`.
 * QPQ_TEST_LEVEL=full runs the long variants too.
 */
import { join } from "node:path";

/** What loads the machine and measures what that costs: after all others, one file at a time. */
const ALONE_SUFFIX = "-load.test.ts";
const SLOWEST_SHOWN = 15;

interface Case {
  readonly file: string;
  readonly name: string;
  readonly seconds: number;
  readonly outcome: "passed" | "failed" | "skipped";
}

const files = (await Promise.all(
  (Deno.args.length === 0 ? ["tests", "packages"] : Deno.args).map(testsBelow),
)).flat();
const results = [
  await run(files.filter((file) => !file.endsWith(ALONE_SUFFIX)), { parallel: true }),
  await run(files.filter((file) => file.endsWith(ALONE_SUFFIX)), { parallel: false }),
];
const cases = results.flatMap((result) => result.cases);
const count = (wanted: Case["outcome"]): number =>
  cases.filter(({ outcome }) => outcome === wanted).length;

showSlowest();
for (const { name, outcome } of cases) if (outcome === "skipped") print(`skipped: ${name}`);
// A file that does not even load has no test case, but the runner's exit code knows.
const failures = Math.max(count("failed"), results.some(({ code }) => code !== 0) ? 1 : 0);
print(
  `${count("passed")} passed, ${failures} failed` +
    (count("skipped") > 0 ? `, ${count("skipped")} skipped` : ""),
);
Deno.exit(failures === 0 && count("passed") > 0 ? 0 : 1);

/** The test files at or below a path, in order. */
async function testsBelow(path: string): Promise<readonly string[]> {
  if (!(await Deno.stat(path)).isDirectory) return [path];
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(path)) {
    if (isDirectory) found.push(...await testsBelow(join(path, name)));
    else if (name.endsWith(".test.ts")) found.push(join(path, name));
  }
  return found.toSorted();
}

async function run(
  tests: readonly string[],
  { parallel }: { readonly parallel: boolean },
): Promise<{ readonly code: number; readonly cases: readonly Case[] }> {
  if (tests.length === 0) return { code: 0, cases: [] };
  const report = await Deno.makeTempFile({ suffix: ".xml" });
  try {
    const { code } = await new Deno.Command(Deno.execPath(), {
      args: [
        "test",
        // Types are checked by `npm run check`, once for all.
        "--no-check",
        "--no-prompt",
        "--allow-all",
        "--quiet",
        ...(parallel ? ["--parallel"] : []),
        `--junit-path=${report}`,
        ...tests,
      ],
      env: { DENO_JOBS: String(navigator.hardwareConcurrency) },
    }).spawn().status;
    return { code, cases: casesOf(await Deno.readTextFile(report)) };
  } finally {
    await Deno.remove(report);
  }
}

function casesOf(report: string): readonly Case[] {
  const pattern =
    /<testsuite name="(?:\.\/)?([^"]*)"|<testcase name="([^"]*)"[^>]*? time="([^"]*)"[^>]*?(?:\/>|>([\s\S]*?)<\/testcase>)/g;
  const found: Case[] = [];
  let file = "";
  for (const [, suite, name = "", time, inside = ""] of report.matchAll(pattern)) {
    if (suite !== undefined) {
      file = suite;
      continue;
    }
    const failed = /<(failure|error)\b/.test(inside);
    const outcome = inside.includes("<skipped") ? "skipped" : failed ? "failed" : "passed";
    found.push({ file, name: unescape(name), seconds: Number(time), outcome });
  }
  return found;
}

function showSlowest(): void {
  const seconds = new Map<string, number>();
  for (const { file, seconds: more } of cases) seconds.set(file, (seconds.get(file) ?? 0) + more);
  if (seconds.size <= SLOWEST_SHOWN) return;
  const slowest = [...seconds].toSorted(([, left], [, right]) => right - left);
  print(`The slowest of ${seconds.size} files:`);
  for (const [file, spent] of slowest.slice(0, SLOWEST_SHOWN)) {
    print(`${spent.toFixed(1).padStart(8)} s  ${file}`);
  }
}

function unescape(text: string): string {
  return text.replace(/&quot;/g, '"').replace(/&apos;|&#39;/g, "'").replace(/&lt;/g, "<")
    .replace(/&gt;/g, ">").replace(/&amp;/g, "&");
}

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}
