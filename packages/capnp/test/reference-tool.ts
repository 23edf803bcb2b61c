/**
 * The C++ implementation's program `capnp`, as the reference in tests. Where it is not installed the
 * tests that need it are skipped, each by name.
 */
import { fileURLToPath } from "node:url";

const PACKAGE = fileURLToPath(new URL("..", import.meta.url));

export const CONSTRUCTS = "test/constructs.capnp";

const installed = await isInstalled();

/** `Deno.test`, or a test that is ignored under a name that says why. */
export function testWithTool(name: string, run: () => Promise<void>): void {
  Deno.test({
    name: installed ? name : `${name} (skipped: the program capnp is not installed)`,
    ignore: !installed,
    fn: run,
  });
}

/**
 * @param args `capnp`'s, from this package's folder
 * @returns what it wrote
 */
export async function runTool(
  args: readonly string[],
  input: Uint8Array | string = "",
): Promise<Uint8Array> {
  const child = new Deno.Command("capnp", {
    args: [...args],
    cwd: PACKAGE,
    env: { PWD: PACKAGE },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const bytes = typeof input === "string" ? new TextEncoder().encode(input) : input;
  const writing = (async () => {
    const writer = child.stdin.getWriter();
    // The program may end before it read everything; its exit code and stderr say why.
    await writer.write(bytes).then(() => writer.close()).catch(() => undefined);
  })();
  const [{ code, stdout, stderr }] = await Promise.all([child.output(), writing]);
  if (code !== 0) {
    throw new Error(`capnp ${args.join(" ")}: ${code}: ${new TextDecoder().decode(stderr)}`);
  }
  return stdout;
}

/** Converts a stream of messages of `type`, of a schema in this package's folder. */
export async function convert(
  formats: `${Format}:${Format}`,
  type: string,
  input: Uint8Array | string,
  schema: string = CONSTRUCTS,
): Promise<Uint8Array> {
  return await runTool(["convert", "--short", "-Ischema", formats, schema, type], input);
}

type Format = "binary" | "text" | "json";

/** A stream's frames, one segment each. */
export function splitFrames(stream: Uint8Array): Uint8Array[] {
  const frames: Uint8Array[] = [];
  const view = new DataView(stream.buffer, stream.byteOffset, stream.length);
  for (let at = 0; at < stream.length;) {
    const end = at + 8 + view.getUint32(at + 4, true) * 8;
    frames.push(stream.slice(at, end));
    at = end;
  }
  return frames;
}

async function isInstalled(): Promise<boolean> {
  try {
    const { success } = await new Deno.Command("capnp", { args: ["--version"] }).output();
    return success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
