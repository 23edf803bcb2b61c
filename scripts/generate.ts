/**
 * Writes `<name>.gen.ts` beside every Cap'n Proto schema under `packages/`; needs the program `capnp`
 * (Debian and Homebrew: `capnproto`, `capnp`). The output is committed, so that only who changes a
 * schema needs it.
 *
 * `generate.ts` writes what is not current. `generate.ts --check` writes nothing and exits 1 with the
 * names of what is not current; 3 where `capnp` is not installed.
 */
import { dirname, relative } from "node:path/posix";
import { fileURLToPath } from "node:url";
import { generateFile } from "../packages/capnp/generator/generate.ts";
import {
  decodeRequest,
  type Request,
  type RequestedFile,
} from "../packages/capnp/generator/request.ts";
import { SchemaError } from "../packages/capnp/generator/schema.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** Schemas that others only import: annotations. */
const IMPORTED = "packages/capnp/schema";

const NO_CAPNP_EXIT_CODE = 3;

/** Words that `capnp convert` may put into one segment. */
const REQUEST_WORDS_MAX = 4_000_000;

const DEPTH_MAX = 8;

const check = Deno.args.includes("--check");
try {
  Deno.exit(await main());
} catch (error) {
  if (!(error instanceof SchemaError)) throw error;
  print(error.message);
  Deno.exit(1);
}

async function main(): Promise<number> {
  const paths = schemasBelow("packages", DEPTH_MAX).toSorted();
  const frame = await compile(paths);
  if (frame === undefined) {
    print("the program `capnp` is not installed (Debian: capnproto): cannot generate");
    return NO_CAPNP_EXIT_CODE;
  }
  const request = decodeRequest(frame);
  const stale: string[] = [];
  for (const file of request.files) {
    const path = generatedPath(file.filename);
    const text = await format(generate(request, file));
    if (text === readIfPresent(`${ROOT}${path}`)) continue;
    stale.push(path);
    if (!check) Deno.writeTextFileSync(`${ROOT}${path}`, text);
  }
  const left = generatedBelow("packages", DEPTH_MAX)
    .filter((path) => !paths.some((schema) => generatedPath(schema) === path));
  for (const path of stale) print(check ? `not current: ${path}` : `written: ${path}`);
  for (const path of left) print(`no schema for: ${path}`);
  if (left.length > 0 || (check && stale.length > 0)) return 1;
  print(`${paths.length} schemas, ${check ? "all current" : `${stale.length} written`}`);
  return 0;
}

function generate(request: Request, file: RequestedFile): string {
  const inCapnp = file.filename.startsWith("packages/capnp/");
  return generateFile(request, file, {
    source: Deno.readTextFileSync(`${ROOT}${file.filename}`),
    runtime: inCapnp ? importPath(file.filename, "packages/capnp/mod.ts") : "@qpq/capnp",
    importOf: (from, to) => {
      if (packageOf(from) !== packageOf(to)) {
        throw new SchemaError(`${from}: cannot import ${to}: it is of another package`);
      }
      return importPath(from, generatedPath(to));
    },
  });
}

/** All schemas as one request; `capnp convert` joins its segments to one. */
async function compile(paths: readonly string[]): Promise<Uint8Array | undefined> {
  const compiled = await run("capnp", ["compile", `-I${IMPORTED}`, "-o-", ...paths]);
  if (compiled === undefined) return undefined;
  return await run(
    "capnp",
    ["convert", `--segment-size=${REQUEST_WORDS_MAX}`, "binary:binary"],
    compiled,
  );
}

/** Once more as long as it changes something: the formatter's first answer is not always its last. */
async function format(source: string, roundsMax = 4): Promise<string> {
  const args = ["fmt", "--quiet", "--ext", "ts", "--config", "deno.json", "-"];
  const bytes = await run(Deno.execPath(), args, new TextEncoder().encode(source));
  const text = new TextDecoder().decode(bytes);
  return text === source || roundsMax === 1 ? text : await format(text, roundsMax - 1);
}

/** @returns what the program wrote; undefined when there is no such program */
async function run(
  program: string,
  args: readonly string[],
  input: Uint8Array = new Uint8Array(0),
): Promise<Uint8Array | undefined> {
  const command = new Deno.Command(program, {
    args: [...args],
    cwd: ROOT,
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  });
  let child: Deno.ChildProcess;
  try {
    child = command.spawn();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
  const writing = new Response(Uint8Array.from(input)).body?.pipeTo(child.stdin) ??
    child.stdin.close();
  const [{ code, stdout }] = await Promise.all([child.output(), writing]);
  if (code !== 0) {
    print(`${program} ${args[0]} failed with exit code ${code}`);
    Deno.exit(1);
  }
  return stdout;
}

function schemasBelow(folder: string, depth: number): string[] {
  return filesBelow(folder, depth)
    .filter((path) => path.endsWith(".capnp") && !path.startsWith(`${IMPORTED}/`));
}

function generatedBelow(folder: string, depth: number): string[] {
  return filesBelow(folder, depth).filter((path) => path.endsWith(".gen.ts"));
}

function filesBelow(folder: string, depth: number): string[] {
  if (depth === 0) return [];
  return [...Deno.readDirSync(`${ROOT}${folder}`)].flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) return filesBelow(path, depth - 1);
    return entry.isFile ? [path] : [];
  });
}

function generatedPath(schema: string): string {
  return schema.replace(/\.capnp$/, ".gen.ts");
}

function importPath(from: string, to: string): string {
  const path = relative(dirname(from), to);
  return path.startsWith(".") ? path : `./${path}`;
}

function packageOf(path: string): string {
  return path.split("/").slice(0, 2).join("/");
}

function readIfPresent(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}
