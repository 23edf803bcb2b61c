/**
 * `npm test [-- PATH…]`: runs the tests, then counts them: the slowest files, every skipped test with
 * its reason, what isn't here to be tested, behind a line `Failures:` once more what failed and why,
 * and as the last line `N passed, N failed`, or `N passed, N failed, N skipped`.
 * QPQ_TEST_LEVEL=full runs the long variants too.
 */
import { join } from "node:path";

/** What loads the machine and measures what that costs: after all others, one file at a time. */
const ALONE_SUFFIX = "-load.test.ts";
/** Files under way at a time, above one a core. */
const JOBS_EXTRA = 2;
const SLOWEST_SHOWN = 15;
/** Lines of one failure that are repeated at the end, and failures. */
const FAILURE_LINES_SHOWN = 15;
const FAILURES_SHOWN = 20;
/**
 * How the name of a test begins that is ignored because what it would use in addition does not stand
 * beside the clone. It is named at the end, and isn't one that was skipped.
 */
const ABSENCE = "not here: ../";
/** Of what the runner printed last, kept for a failure that no test case has. */
const RUNNER_LINES_SHOWN = 40;

interface Case {
  readonly file: string;
  readonly name: string;
  readonly seconds: number;
  readonly outcome: "passed" | "failed" | "skipped" | "absent";
  /** Of one that failed: what the runner says of it. */
  readonly failure: string;
}

interface Result {
  readonly code: number;
  readonly cases: readonly Case[];
  readonly lastLines: readonly string[];
}

const files = (await Promise.all(
  (Deno.args.length === 0 ? ["tests", "packages"] : Deno.args).map(testsBelow),
)).flat();
const results: readonly Result[] = [
  await run(files.filter((file) => !file.endsWith(ALONE_SUFFIX)), { parallel: true }),
  await run(files.filter((file) => file.endsWith(ALONE_SUFFIX)), { parallel: false }),
];
const cases = results.flatMap((result) => result.cases);
const count = (wanted: Case["outcome"]): number =>
  cases.filter(({ outcome }) => outcome === wanted).length;

// A file that does not even load has no test case, but the runner's exit code knows.
const failures = Math.max(count("failed"), results.some(({ code }) => code !== 0) ? 1 : 0);

showSlowest();
for (const { name, outcome } of cases) if (outcome === "skipped") print(`skipped: ${name}`);
for (const { name, outcome } of cases) if (outcome === "absent") print(name);
showFailures();
print(
  `${count("passed")} passed, ${failures} failed` +
    (count("skipped") > 0 ? `, ${count("skipped")} skipped` : ""),
);
Deno.exit(failures === 0 && count("passed") > 0 ? 0 : 1);

/** The test files at or below a path, in order. */
async function testsBelow(path: string): Promise<readonly string[]> {
  const place = await Deno.stat(path).catch(() => undefined);
  if (place === undefined) {
    print(`${path}: no such file or folder. Name a folder, or a test file with its ending.`);
    Deno.exit(1);
  }
  if (!place.isDirectory) return [path];
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
): Promise<Result> {
  if (tests.length === 0) return { code: 0, cases: [], lastLines: [] };
  const report = await Deno.makeTempFile({ suffix: ".xml" });
  try {
    const runner = new Deno.Command(Deno.execPath(), {
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
      // Programs that tests wait for, and pauses, leave cores idle now and then.
      env: { DENO_JOBS: String(navigator.hardwareConcurrency + JOBS_EXTRA) },
      stdout: "piped",
    }).spawn();
    const lastLines = await passOn(runner.stdout);
    const { code } = await runner.status;
    return { code, cases: casesOf(await Deno.readTextFile(report)), lastLines };
  } finally {
    await Deno.remove(report);
  }
}

/** Prints what the runner prints. @returns the last lines of it */
async function passOn(output: ReadableStream<Uint8Array>): Promise<readonly string[]> {
  const decoder = new TextDecoder();
  let last = [""];
  for await (const bytes of output) {
    for (let rest = bytes; rest.length > 0;) rest = rest.subarray(await Deno.stdout.write(rest));
    last = (last.join("\n") + decoder.decode(bytes, { stream: true })).split("\n")
      .slice(-RUNNER_LINES_SHOWN);
  }
  return last;
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
    const failure = /<(?:failure|error)\b(?: message="([^"]*)")?[^>]*?(?:\/>|>([^<]*))/.exec(
      inside,
    );
    const isIgnored = inside.includes("<skipped");
    const ignored = name.startsWith(ABSENCE) ? "absent" : "skipped";
    found.push({
      file,
      name: unescape(name),
      seconds: Number(time),
      outcome: failure !== null ? "failed" : isIgnored ? ignored : "passed",
      failure: unescape(failure?.[2] || failure?.[1] || ""),
    });
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

/** Once more and in short what failed: the end of the output may be all that somebody sees. */
function showFailures(): void {
  if (failures === 0) return;
  print("Failures:");
  for (const { file, name, failure } of cases.filter(isFailed).slice(0, FAILURES_SHOWN)) {
    print(`${file}: ${name}`);
    for (const line of failure.trim().split("\n").slice(0, FAILURE_LINES_SHOWN)) {
      print(`    ${line}`);
    }
  }
  for (const result of results) {
    if (result.code === 0 || result.cases.some(isFailed)) continue;
    print("No test failed, but the runner did. It said at last:");
    for (const line of result.lastLines) print(`    ${line}`);
  }
}

function isFailed({ outcome }: Case): boolean {
  return outcome === "failed";
}

function unescape(text: string): string {
  return text.replace(/&quot;/g, '"').replace(/&apos;|&#39;/g, "'").replace(/&lt;/g, "<")
    .replace(/&gt;/g, ">").replace(/&amp;/g, "&");
}

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}
