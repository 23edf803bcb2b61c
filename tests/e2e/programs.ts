/**
 * How a test runs `qpq`: by its launcher, as its user does; or, where the launcher and the permissions that
 * it gives aren't what is tested, in a process that stays, at a quarter of the cost. A full run takes the
 * launcher for all.
 */
import { fileURLToPath } from "node:url";
import { baseEnvironment, QPQ, type Run, run, type RunOptions } from "./processes.ts";
import type { Request } from "./resident-program.ts";

export interface Programs {
  readonly qpq: (args: readonly string[], options?: RunOptions) => Promise<Run>;
  /** Whether they stretch passwords as little as can be: an account must be made likewise. */
  readonly isCheap: boolean;
}

/** Only to end a test that hangs. */
const ANSWER_TIMEOUT_MS = 240_000;

export const LAUNCHED: Programs = {
  qpq: (args, options) => run(QPQ, args, options),
  isCheap: false,
};

export const RESIDENT: Programs = Deno.env.get("QPQ_TEST_LEVEL") === "full"
  ? LAUNCHED
  : startResident();

/** The process begins before any test, and ends with the file's. */
function startResident(): Programs {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--no-check", "--no-prompt", "--quiet", "--allow-all", "--unstable-net"],
      fileURLToPath(new URL("./resident-program.ts", import.meta.url)),
    ],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const writer = child.stdin.getWriter();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const ask = async (request: Request): Promise<Run> => {
    const timer = setTimeout(() => child.kill("SIGKILL"), ANSWER_TIMEOUT_MS);
    await writer.write(new TextEncoder().encode(`${JSON.stringify(request)}\n`));
    let answer = "";
    while (!answer.endsWith("\n")) {
      const { value, done } = await reader.read();
      if (done) throw new Error(`qpq ended by itself: ${request.args.join(" ")}`);
      answer += value;
    }
    clearTimeout(timer);
    return JSON.parse(answer);
  };
  // One after the other: they share what a process has one of.
  let last: Promise<unknown> = Promise.resolve();
  return {
    isCheap: true,
    qpq: (args, { env = {}, cwd = Deno.cwd(), stdin = "" } = {}) => {
      const own = { ...baseEnvironment(env), QPQ_WORKING_FOLDER: cwd };
      const answered = last.then(() => ask({ args, env: own, stdin }));
      last = answered.catch(() => {});
      return answered;
    },
  };
}
