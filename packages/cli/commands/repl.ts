import { createInterface } from "node:readline";
import process from "node:process";
import { systemClock, systemRandom } from "@qpq/adapters";
import { MessengerError } from "@qpq/ports";
import { checkHealth } from "../../features/health/client.ts";
import { ping } from "../../features/ping/client.ts";
import type { CommonOptions } from "../options.ts";
import { type ExitCode, printableLine, printLine } from "../output.ts";
import { type CommandSession, openCommandSession } from "../session.ts";
import { describeHealth } from "./health.ts";

interface ReplCommand {
  readonly help: string;
  /** @returns a line to print */
  readonly run: (session: CommandSession, timeoutMs: number) => Promise<string>;
}

const COMMANDS: Readonly<Record<string, ReplCommand>> = {
  "/ping": {
    help: "measure one call to the server",
    run: async ({ rpc }, timeoutMs) => {
      const options = { clock: systemClock, random: systemRandom, timeoutMs };
      return `reply: ${(await ping(rpc, options)).roundTripMs.toFixed(2)} ms`;
    },
  },
  "/status": {
    help: "the connection and the server",
    run: async ({ rpc, address }, timeoutMs) =>
      describeHealth(address, await checkHealth(rpc, { timeoutMs })),
  },
  "/help": { help: "this list", run: () => Promise.resolve(helpText()) },
  "/quit": { help: "leave; so does Ctrl-D", run: () => Promise.resolve("") },
};

/** Reads commands line by line, from a person or a pipe, until /quit or the input's end. */
export async function runRepl(options: CommonOptions): Promise<ExitCode> {
  await using session = await openCommandSession(options);
  const isTerminal = Deno.stdin.isTerminal();
  const input = createInterface({
    input: process.stdin,
    output: process.stdout,
    terminal: isTerminal,
    prompt: `${session.address}> `,
    completer: (
      line: string,
    ) => [Object.keys(COMMANDS).filter((name) => name.startsWith(line)), line],
  });
  // A pipe has no prompt, and its end may come while lines of it still wait.
  const prompt = (): void => isTerminal ? input.prompt() : undefined;
  if (isTerminal) {
    printLine(`connected to ${session.address}; conversations aren't built yet: /help`);
  }
  prompt();
  let exitCode: ExitCode = 0;
  for await (const line of input) {
    const word = line.trim();
    if (word === "/quit") break;
    if (word !== "" && !await runLine(word, session, options)) exitCode = 1;
    prompt();
  }
  input.close();
  return isTerminal ? 0 : exitCode;
}

/** @returns whether it worked */
async function runLine(
  word: string,
  session: CommandSession,
  options: CommonOptions,
): Promise<boolean> {
  const command = Object.hasOwn(COMMANDS, word) ? COMMANDS[word] : undefined;
  if (command === undefined) {
    printLine("no such command; /help shows what there is");
    return false;
  }
  try {
    printLine(await command.run(session, options.timeout * 1000));
    return true;
  } catch (error) {
    if (!(error instanceof MessengerError)) throw error;
    printLine(`failed: ${printableLine(error.message)}`);
    return false;
  }
}

function helpText(): string {
  return Object.entries(COMMANDS).map(([name, { help }]) => `${name.padEnd(9)} ${help}`).join("\n");
}
