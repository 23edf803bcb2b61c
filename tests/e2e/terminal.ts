/** A program at a pseudo-terminal, as a person has it: keys go in, and what stands on the screen is seen. */
import { characters } from "../../packages/cli/repl/line.ts";
import { TestTerminal } from "../../packages/cli/test/terminal.ts";
import { LOOK_INTERVAL_MS, LOOKS_MAX, PATIENCE_SECONDS, type RunOptions } from "./processes.ts";

/** Only to end a test that hangs. */
const END_TIMEOUT_MS = 120_000;

export interface TerminalProgram extends AsyncDisposable {
  /** The process id of the program itself. */
  readonly pid: () => number;
  readonly type: (text: string) => Promise<void>;
  /** Waits until a line of the screen fits, or so many do. @returns the last of them */
  readonly shows: (expected: RegExp | string, count?: number) => Promise<string>;
  readonly screen: () => readonly string[];
  /** All bytes that it wrote, as text. */
  readonly written: () => string;
  /** Waits for its end. @returns its exit code */
  readonly ended: () => Promise<number>;
}

export interface TerminalOptions extends Pick<RunOptions, "env" | "cwd"> {
  readonly columns?: number;
  /** Whether the program may use colours; then its environment has no `NO_COLOR`. */
  readonly hasColour?: boolean;
}

/** `script` of util-linux gives the program a terminal of its own. */
export function startAtTerminal(
  command: string,
  { env = {}, cwd, columns = 160, hasColour = false }: TerminalOptions = {},
): TerminalProgram {
  const terminal = new TestTerminal(columns, 50);
  terminal.takesColour = hasColour;
  const child = new Deno.Command("script", {
    args: ["-qec", `stty cols ${columns} rows 50; echo pid=$$; exec ${command}`, "/dev/null"],
    clearEnv: true,
    env: {
      PATH: Deno.env.get("PATH") ?? "/usr/bin:/bin",
      HOME: Deno.env.get("HOME") ?? "/",
      TERM: "xterm-256color",
      SHELL: "/bin/sh",
      QPQ_TIMEOUT: PATIENCE_SECONDS,
      ...hasColour ? {} : { NO_COLOR: "1" },
      ...env,
    },
    ...cwd === undefined ? {} : { cwd },
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const writer = child.stdin.getWriter();
  let written = "";
  let failure: unknown;
  const reading = follow(child.stdout, (text) => {
    written += text;
    try {
      terminal.write(text);
    } catch (cause) {
      failure ??= cause;
    }
  });
  const ended = child.status.then(async ({ code }) => {
    await reading;
    return code;
  });
  let isOver = false;
  void ended.then(() => isOver = true);
  const screen = (): readonly string[] => terminal.lines;
  const shows = async (expected: RegExp | string, count = 1): Promise<string> => {
    for (let looks = 1;; looks++) {
      if (failure !== undefined) throw failure;
      const fitting = screen().filter((line) =>
        typeof expected === "string" ? line.includes(expected) : expected.test(line)
      );
      if (fitting.length >= count) return fitting.at(-1) as string;
      if (isOver || looks === LOOKS_MAX) {
        throw new Error(`the screen never shows ${expected}:\n${screen().join("\n")}`);
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_INTERVAL_MS));
    }
  };
  return {
    pid: () => Number(/pid=(\d+)/.exec(written)?.[1]),
    type: (text) => writer.write(new TextEncoder().encode(text)),
    shows,
    screen,
    written: () => written,
    ended: async () => {
      const timer = setTimeout(() => child.kill("SIGKILL"), END_TIMEOUT_MS);
      const code = await ended;
      clearTimeout(timer);
      return code;
    },
    [Symbol.asyncDispose]: async () => {
      if (!isOver) child.kill("SIGKILL");
      await ended;
      await writer.close().catch(() => {});
    },
  };
}

/** Gives text in whole characters, as far as that can be known. */
async function follow(
  stream: ReadableStream<Uint8Array>,
  take: (text: string) => void,
): Promise<void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const bytes of stream) {
    rest += decoder.decode(bytes, { stream: true });
    // A sequence, or a character of several code points, may go on in the next piece.
    const last = characters(rest.slice(-32)).at(-1) ?? "";
    const keep = Math.max(last.length, rest.length - (rest.lastIndexOf("\x1b") + 1 || rest.length));
    const cut = keep < 16 && !/[A-Za-z\n\r ]$/.test(rest) ? rest.length - keep : rest.length;
    take(rest.slice(0, cut));
    rest = rest.slice(cut);
  }
  take(rest);
}
