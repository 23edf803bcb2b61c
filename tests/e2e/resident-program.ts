/**
 * `qpq` for one caller after another, in a process that stays: reads a request a line, runs it as a process
 * of its own would, and answers with a line. It may do all that its user may, and stretches passwords as
 * little as can be.
 */
import { inputLines } from "../../packages/cli/input-lines.ts";
import { runProgram } from "../../packages/cli/program.ts";
import type { Run } from "./processes.ts";
import { CHEAP_STRETCHING } from "./registration.ts";

export interface Request {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: string;
}

const REQUEST_BYTES_MAX = 65_536;

const readRequests = Deno.stdin.read.bind(Deno.stdin);
const writeAnswers = Deno.stdout.writeSync.bind(Deno.stdout);

for await (const line of inputLines(nextBytes)) {
  const answer = new TextEncoder().encode(`${JSON.stringify(await answerTo(JSON.parse(line)))}\n`);
  for (let rest = answer; rest.length > 0;) rest = rest.subarray(writeAnswers(rest));
}

async function nextBytes(): Promise<Uint8Array | null> {
  const buffer = new Uint8Array(REQUEST_BYTES_MAX);
  const count = await readRequests(buffer);
  return count === null ? null : buffer.subarray(0, count);
}

async function answerTo({ args, env, stdin }: Request): Promise<Run> {
  for (const name of Object.keys(Deno.env.toObject())) Deno.env.delete(name);
  for (const [name, value] of Object.entries(env)) Deno.env.set(name, value);
  let unread = new TextEncoder().encode(stdin);
  Deno.stdin.read = async (buffer) => {
    const count = Math.min(buffer.length, unread.length);
    buffer.set(unread.subarray(0, count));
    unread = unread.subarray(count);
    return count === 0 ? null : count;
  };
  const [stdout, stderr] = [capture(Deno.stdout), capture(Deno.stderr)];
  const code = await runProgram(args, { client: CHEAP_STRETCHING });
  return { code, stdout: stdout(), stderr: stderr() };
}

/** Keeps what is written from now on. @returns what gives it, as text */
function capture(stream: { writeSync(bytes: Uint8Array): number }): () => string {
  const decoder = new TextDecoder();
  let text = "";
  stream.writeSync = (bytes) => {
    text += decoder.decode(bytes, { stream: true });
    return bytes.length;
  };
  return () => text;
}
