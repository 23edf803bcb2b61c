/** Starts the real programs through their launchers, as a user would, and ends what it started. */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), "../..");
export const QPQ = join(ROOT, "bin/qpq");
export const QPQ_SERVER = join(ROOT, "bin/qpq-server");

/**
 * For what a program is to show: two minutes and more. Looks are counted, not time: a machine that stands
 * still for minutes has looked once.
 */
export const LOOKS_MAX = 12_000;
export const LOOK_INTERVAL_MS = 10;
/** Real programs on a busy machine: generous, and only to end a test that hangs. */
const RUN_TIMEOUT_MS = 240_000;
/** Of a program that waits for a server that is there: a slow machine changes no outcome. */
export const PATIENCE_SECONDS = "60";

export interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly stdin?: string;
}

/** Runs a program to its end. Its environment is `PATH`, `HOME`, patience and what is given. */
export async function run(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Run> {
  const child = new Deno.Command(program, {
    args: [...args],
    clearEnv: true,
    env: baseEnvironment(options.env),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    stdin: options.stdin === undefined ? "null" : "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const timer = setTimeout(() => child.kill("SIGKILL"), RUN_TIMEOUT_MS);
  if (options.stdin !== undefined) {
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(options.stdin));
    await writer.close();
  }
  const { code, stdout, stderr } = await child.output();
  clearTimeout(timer);
  const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

export interface RunningServer extends AsyncDisposable {
  /** `host:port` that it really listens on. */
  readonly address: string;
  /** The argument of `--pin` that it printed. */
  readonly pin: string;
  readonly dataFolder: string;
  readonly pid: number;
  /** What it has printed so far. */
  readonly output: () => { readonly stdout: string; readonly stderr: string };
  readonly signal: (name: Deno.Signal) => void;
  /** Waits for its end. */
  readonly ended: Promise<number>;
}

/** Starts a server on a free loopback port with a data folder of its own, unless one is given. */
export async function startServer(
  args: readonly string[] = [],
  options: RunOptions & { readonly dataFolder?: string } = {},
): Promise<RunningServer> {
  const folder = options.dataFolder ?? await Deno.makeTempDir({ prefix: "qpq-test-" });
  const listen = args.includes("--listen") ? [] : ["--listen", "127.0.0.1:0"];
  const server = await spawnServer(["--data-dir", folder, ...listen, ...args], folder, options);
  return {
    ...server,
    [Symbol.asyncDispose]: async () => {
      await server[Symbol.asyncDispose]();
      if (options.dataFolder === undefined) await Deno.remove(folder, { recursive: true });
    },
  };
}

/** Starts a server with exactly these arguments, and waits until it says that it listens. */
export async function spawnServer(
  args: readonly string[],
  dataFolder: string,
  options: RunOptions = {},
): Promise<RunningServer> {
  const child = new Deno.Command(QPQ_SERVER, {
    args: [...args],
    clearEnv: true,
    env: baseEnvironment(options.env),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const printed = { stdout: "", stderr: "" };
  const read = Promise.all([
    collect(child.stdout, (text) => printed.stdout += text),
    collect(child.stderr, (text) => printed.stderr += text),
  ]);
  let isOver = false;
  const ended = child.status.then(async ({ code }) => {
    isOver = true;
    await read;
    return code;
  });
  const dispose = async (): Promise<void> => {
    if (!isOver) child.kill("SIGKILL");
    await ended;
  };
  for (let looks = 1;; looks++) {
    const address = /listens on (\S+:\d+)/.exec(printed.stdout)?.[1];
    const pin = /--pin (sha256:[0-9a-f]{64})/.exec(printed.stdout)?.[1];
    if (address !== undefined && pin !== undefined) {
      return {
        address,
        pin,
        dataFolder,
        pid: child.pid,
        output: () => ({ ...printed }),
        signal: (name) => child.kill(name),
        ended,
        [Symbol.asyncDispose]: dispose,
      };
    }
    if (isOver || looks === LOOKS_MAX) {
      await dispose();
      throw new Error(`the server did not start:\n${printed.stdout}\n${printed.stderr}`);
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_INTERVAL_MS));
  }
}

/** A folder that is gone when the test is over. */
export async function temporaryFolder(): Promise<{ path: string } & AsyncDisposable> {
  const path = await Deno.makeTempDir({ prefix: "qpq-test-" });
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

/** What a program's environment has besides what a test gives. */
export function baseEnvironment(
  env: Readonly<Record<string, string>> = {},
): Record<string, string> {
  return {
    PATH: Deno.env.get("PATH") ?? "/usr/bin:/bin",
    HOME: Deno.env.get("HOME") ?? "/",
    QPQ_TIMEOUT: PATIENCE_SECONDS,
    ...env,
  };
}

async function collect(
  stream: ReadableStream<Uint8Array>,
  add: (text: string) => void,
): Promise<void> {
  const decoder = new TextDecoder();
  for await (const bytes of stream) add(decoder.decode(bytes, { stream: true }));
}
