/** A real server, and people with accounts on it, each with programs and a state folder of their own. */
import { join } from "node:path";
import {
  PATIENCE_SECONDS,
  QPQ,
  type Run,
  type RunningServer,
  startServer,
  temporaryFolder,
} from "./processes.ts";
import { RESIDENT } from "./programs.ts";
import { registerQuickly } from "./registration.ts";
import { startAtTerminal, type TerminalOptions, type TerminalProgram } from "./terminal.ts";

export const ENTER = "\r";
export const PASSWORD = "correct horse";

export interface Person {
  /** Registers an account, by the library. */
  readonly register: (options?: { readonly entersAgain?: boolean }) => Promise<void>;
  readonly env: Readonly<Record<string, string>>;
  /** Starts a REPL of this person's. */
  readonly repl: (options?: Pick<TerminalOptions, "hasColour" | "env">) => TerminalProgram;
  readonly qpq: (args: readonly string[], stdin?: string) => Promise<Run>;
}

export interface World extends AsyncDisposable {
  readonly person: (name: string, device?: string) => Person;
  readonly server: () => RunningServer;
  /** Kills the server, and gives what starts it again at the same address. */
  readonly kill: () => Promise<() => Promise<void>>;
}

export async function openWorld(): Promise<World> {
  const stack = new AsyncDisposableStack();
  const folder = stack.use(await temporaryFolder());
  const dataFolder = join(folder.path, "data");
  let server = stack.use(await startServer([], { dataFolder }));
  const { address, pin } = server;
  return {
    server: () => server,
    person: (name, device = "first") => {
      const env = {
        QPQ_STATE_DIR: join(folder.path, `${name}-${device}`),
        QPQ_SERVER: address,
        QPQ_PIN: pin,
        QPQ_USERNAME: name,
        QPQ_PASSWORD: PASSWORD,
        QPQ_TIMEOUT: PATIENCE_SECONDS,
      };
      return {
        env,
        register: ({ entersAgain = false } = {}) =>
          registerQuickly(server, {
            ...{ name, password: PASSWORD, stateFolder: env.QPQ_STATE_DIR },
            entersAgain: entersAgain && !RESIDENT.isCheap,
          }),
        repl: (options = {}) =>
          stack.use(
            startAtTerminal(`${QPQ} repl`, { ...options, env: { ...env, ...options.env } }),
          ),
        qpq: (args, stdin) => RESIDENT.qpq(args, { env, ...stdin === undefined ? {} : { stdin } }),
      };
    },
    kill: async () => {
      server.signal("SIGKILL");
      await server.ended;
      return async () => {
        server = stack.use(await startServer(["--listen", address], { dataFolder }));
      };
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

export async function register(...people: readonly Person[]): Promise<void> {
  for (const person of people) await person.register();
}
