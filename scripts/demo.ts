/**
 * `npm run demo`, which is `qpq demo-group` without a server: starts one on a free port with a data folder of its own, lets
 * three clients talk over it, then looks for what they wrote in everything that the server has on its disk.
 * Ends with 0 only if each step was checked and nothing was found.
 */
import { printLine } from "../packages/cli/output.ts";
import { QPQ, startServer, temporaryFolder } from "../tests/e2e/processes.ts";

const json = Deno.args.includes("--json");

await using state = await temporaryFolder();
const startedAt = performance.now();
await using server = await startServer();
if (!json) {
  printLine("quicproquo: three people talk over a server that they need not trust\n");
  tell("server", `listens on ${server.address} after ${since(startedAt)}, in a folder of its own`);
}
// In every message of the demo, and nowhere else in the world.
const word = `demo-word-${crypto.randomUUID()}`;
const { code } = await new Deno.Command(QPQ, {
  args: [
    "demo-group",
    ...["--server", server.address, "--pin", server.pin, "--word", word],
    ...["--state-dir", state.path],
    ...Deno.args,
  ],
  stdin: "null",
}).spawn().status;
if (code !== 0) Deno.exit(code);

server.signal("SIGTERM");
const ended = await server.ended;
if (ended !== 0) fail(`the server ended with ${ended}`);
const { files, bytes, found } = await search(server.dataFolder, word);
if (bytes === 0) fail("the server has kept nothing");
if (found.length > 0) fail(`the server could read messages: ${found.join(", ")}`);
// The same search does find what the server is meant to know.
const names = await search(server.dataFolder, "alice-");
if (names.found.length === 0) fail("the search finds nothing at all");
if (!json) {
  tell(
    "secrecy",
    `all that the server has, ${bytes} bytes in ${files} files that it left unencrypted, was searched: ` +
      "the accounts' names are there, no word of any message is",
  );
}

/** Looks for a word in every file, as it is and as programs often encode text. */
async function search(
  folder: string,
  word: string,
): Promise<{ readonly files: number; readonly bytes: number; readonly found: readonly string[] }> {
  const utf8 = new TextEncoder().encode(word);
  const utf16 = Uint8Array.from([...utf8].flatMap((byte) => [byte, 0]));
  const needles = [
    latin1(utf8),
    latin1(utf16),
    // What Base64 makes of it depends on where it begins: the part is searched that is always the same.
    ...[0, 1, 2].map((from) => btoa(word.slice(from)).slice(0, -4)).filter(({ length }) =>
      length > 8
    ),
  ];
  const found: string[] = [];
  let files = 0;
  let bytes = 0;
  for await (const { name, isFile } of Deno.readDir(folder)) {
    if (!isFile) continue;
    const content = await Deno.readFile(`${folder}/${name}`);
    files++;
    bytes += content.length;
    const text = latin1(content);
    if (needles.some((needle) => text.includes(needle))) found.push(name);
  }
  return { files, bytes, found };
}

/** A character for each byte. */
function latin1(bytes: Uint8Array): string {
  return new TextDecoder("latin1").decode(bytes);
}

function since(from: number): string {
  return `${((performance.now() - from) / 1000).toFixed(1)} s`;
}

function tell(who: string, what: string): void {
  printLine(`         ${who.padEnd(9)} ${what}`);
}

function fail(reason: string): never {
  throw new Error(`the demo failed: ${reason}`);
}
