/**
 * `npm run check`: what must hold of the sources besides the tests. Runs every step, all at once, and
 * names those that failed. Prints a last line `N passed, N failed`.
 */
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

interface Step {
  readonly name: string;
  readonly run: () => Promise<Result>;
}

type Result =
  | { readonly kind: "ok"; readonly remark?: string }
  | { readonly kind: "failed"; readonly output: string; readonly code?: number };

const STEPS: readonly Step[] = [
  { name: "format", run: () => deno("fmt", "--check", "--quiet") },
  { name: "lint", run: () => deno("lint", "--quiet") },
  { name: "types", run: () => deno("check", "--quiet", ".") },
  {
    name: "generated code is current",
    run: checkGenerated,
  },
  { name: "import arrows and source rules", run: () => tests("tests/architecture") },
  { name: "commands in the docs", run: () => tests("tests/docs") },
  { name: "shell scripts parse", run: checkShell },
  { name: "npm audit of what ships", run: audit },
];

let failed = 0;
for (const { name, ended } of STEPS.map(start)) {
  const { result, seconds } = await ended;
  if (result.kind === "ok") {
    print(
      `ok      ${name} (${seconds} s)${result.remark === undefined ? "" : `: ${result.remark}`}`,
    );
  } else {
    failed++;
    print(`FAILED  ${name} (${seconds} s)\n${result.output.trim()}\n`);
  }
}
print(`${STEPS.length - failed} passed, ${failed} failed`);
Deno.exit(failed === 0 ? 0 : 1);

interface Started {
  readonly name: string;
  readonly ended: Promise<{ readonly result: Result; readonly seconds: string }>;
}

function start({ name, run }: Step): Started {
  const started = performance.now();
  const ended = run().then((result) => ({
    result,
    seconds: ((performance.now() - started) / 1000).toFixed(1),
  }));
  return { name, ended };
}

async function command(
  program: string,
  args: readonly string[],
): Promise<Result & { out: string }> {
  const { code, stdout, stderr } = await new Deno.Command(program, {
    args: [...args],
    cwd: ROOT,
    stdin: "null",
    env: { NO_COLOR: "1" },
  }).output();
  const out = new TextDecoder().decode(stdout);
  const output = out + new TextDecoder().decode(stderr);
  return code === 0 ? { kind: "ok", out } : { kind: "failed", output, out, code };
}

function deno(...args: readonly string[]): Promise<Result> {
  return command(Deno.execPath(), args);
}

/** The generator ends with 3 where the schema compiler isn't installed: said, not failed. */
async function checkGenerated(): Promise<Result> {
  const result = await deno("run", "--allow-all", "scripts/generate.ts", "--check");
  if (result.kind === "ok" || result.code !== 3) return result;
  return { kind: "ok", remark: result.output.trim() };
}

function tests(folder: string): Promise<Result> {
  return deno("test", "--no-prompt", "--allow-all", "--quiet", folder);
}

async function checkShell(): Promise<Result> {
  for (
    const script of [
      ...["bin/qpq", "bin/qpq-server", "bin/launch.sh", "scripts/runtime.sh", "scripts/deno.sh"],
    ]
  ) {
    const result = await command("sh", ["-n", script]);
    if (result.kind === "failed") return result;
  }
  return await command("bash", ["-n", ".ci/run"]);
}

interface Advisory {
  readonly source: number | string;
  readonly title: string;
  readonly severity: string;
}

/**
 * Asks the registry for known vulnerabilities of what ships. Those of `scripts/audit-exceptions.json`
 * (`{ "advisory id": "reason" }`) are let through; a registry that doesn't answer is said, not failed.
 */
async function audit(): Promise<Result> {
  const exceptions: Record<string, string> = JSON.parse(
    await Deno.readTextFile(`${ROOT}scripts/audit-exceptions.json`),
  );
  const { out } = await command("npm", ["audit", "--omit=dev", "--json"]);
  const report: {
    error?: unknown;
    vulnerabilities?: Record<string, { via: readonly (Advisory | string)[] }>;
  } = parseJson(out);
  if (report.vulnerabilities === undefined) {
    return { kind: "ok", remark: "the registry in reach answers no audit, so none was made" };
  }
  const open: string[] = [];
  for (const [name, { via }] of Object.entries(report.vulnerabilities)) {
    for (const advisory of via) {
      if (typeof advisory === "string" || String(advisory.source) in exceptions) continue;
      open.push(`${name}: ${advisory.severity}: ${advisory.title} (${advisory.source})`);
    }
  }
  return open.length === 0 ? { kind: "ok" } : { kind: "failed", output: open.join("\n") };
}

function parseJson(text: string): Record<string, never> {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}
