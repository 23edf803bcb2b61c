/** REPLs over fake conversations, at a test's terminal or with a script. */
import { createManualClock, type ManualClock } from "@qpq/adapters";
import assert from "node:assert/strict";
import type { ClientStatus } from "@qpq/client";
import { type Clock, MessengerError } from "@qpq/ports";
import type { ExitCode } from "../output.ts";
import { errorText } from "../output.ts";
import type { EntryOutput } from "../output-entries.ts";
import type { ReplAccount } from "../repl/repl.ts";
import { paint, wrapRows } from "../repl/rows.ts";
import { runAtTerminal, runScript } from "../repl/run.ts";
import { FakeConversations } from "./fake-conversations.ts";
import { FakePeers } from "./fake-peers.ts";
import { FakeServer } from "./fake-server.ts";
import { TestTerminal } from "./terminal.ts";

export const ENTER = "\r";
/** Turns of the event loop that a test waits for something to show. */
const TURNS_MAX = 2_000;
const UNREACHABLE = new MessengerError("transport/unreachable", "Cannot reach server: it is down");

export class TestAccount implements ReplAccount {
  readonly name: string;
  readonly address = "127.0.0.1:7000";
  readonly conversations: FakeConversations;
  readonly peers = new FakePeers();
  readonly stored = new Map<string, Uint8Array>();
  onStatus: () => void = () => {};

  constructor(conversations: FakeConversations) {
    this.name = conversations.name;
    this.conversations = conversations;
  }

  readonly settings = {
    read: (name: string) => Promise.resolve(this.stored.get(name)),
    write: (name: string, value: Uint8Array) => Promise.resolve(void this.stored.set(name, value)),
  };

  connection = (): ClientStatus =>
    this.conversations.isOnline
      ? { kind: "connected", server: { name: "localhost" } as never, refusal: undefined }
      : { kind: "lost", error: UNREACHABLE, retryInMs: 500 };

  readonly reaching = async <Result>(run: () => Promise<Result>): Promise<Result> => {
    try {
      return await run();
    } catch (error) {
      const isLate = error instanceof MessengerError && error.code === "rpc/deadline";
      throw isLate ? UNREACHABLE : error;
    }
  };

  readonly whoami = () =>
    Promise.resolve({ rows: [[{ text: `I am ${this.name}` }]], objects: [{ name: this.name }] });

  setOnline(isOnline: boolean): void {
    this.conversations.isOnline = isOnline;
    this.onStatus();
  }
}

/** A REPL at a terminal of a test's. */
export interface TerminalRepl {
  /** How many lines of the terminal fit. */
  readonly count: (expected: RegExp) => number;
  readonly terminal: TestTerminal;
  readonly type: (text: string) => void;
  /** Waits until a line of the terminal fits. */
  readonly shows: (expected: RegExp) => Promise<void>;
  readonly prompt: () => string;
  readonly ended: Promise<ExitCode>;
}

export interface RunningRepl extends TerminalRepl {
  readonly account: TestAccount;
  readonly clock: ManualClock;
}

interface StartOptions {
  readonly columns?: number;
  readonly partner?: string;
  readonly isNewDevice?: boolean;
}

export function startRepl(account: TestAccount, options: StartOptions = {}): RunningRepl {
  const clock = createManualClock(NOW_MS);
  let turns = 0;
  const repl = startReplOf(account, {
    ...options,
    clock,
    listen: (onStatus) => {
      account.onStatus = onStatus;
      return { [Symbol.dispose]: () => account.onStatus = () => {} };
    },
    // Nothing here takes time of its own.
    isLate: () => turns++ >= TURNS_MAX,
  });
  const shows = (expected: RegExp): Promise<void> => {
    turns = 0;
    return repl.shows(expected);
  };
  return { ...repl, shows, account, clock };
}

/**
 * Starts a REPL for any account.
 * @param options.listen takes who is told of the connection's changes
 * @param options.isLate asked again and again while a test waits: whether it has waited for too long
 */
export function startReplOf(
  account: ReplAccount,
  { columns = 160, listen, isLate, ...options }: StartOptions & {
    readonly clock: Clock;
    readonly listen: (onStatus: () => void) => Disposable;
    readonly isLate: () => boolean;
  },
): TerminalRepl {
  const terminal = new TestTerminal(columns, 40);
  const typed: Uint8Array[] = [];
  let wake = (): void => {};
  let isOver = false;
  const ended = runAtTerminal({
    ...RUN_OPTIONS,
    ...options,
    ...{ account, terminal },
    read: async () => {
      while (typed.length === 0) await new Promise<void>((resolve) => wake = resolve);
      return typed.shift() ?? null;
    },
    listen: ({ onStatus }) => listen(onStatus),
    suspend: () => {},
  });
  void ended.catch(() => {}).then(() => isOver = true);
  const shows = async (expected: RegExp): Promise<void> => {
    while (!terminal.lines.some((line) => expected.test(line))) {
      if (isOver) await ended;
      if (isOver || isLate()) {
        throw new Error(`${account.name} never shows ${expected}:\n${terminal.lines.join("\n")}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
  };
  return {
    terminal,
    count: (expected) => terminal.lines.filter((line) => expected.test(line)).length,
    type: (text) => {
      typed.push(new TextEncoder().encode(text));
      wake();
    },
    shows,
    prompt: () => terminal.lines[terminal.at.row] ?? "",
    ended,
  };
}

const NOW_MS = Date.UTC(2026, 0, 2, 12);
const RUN_OPTIONS = { timeoutMs: 1_000, isNewDevice: false };

export interface ScriptRun {
  readonly exitCode: ExitCode;
  readonly printed: readonly string[];
  readonly objects: readonly object[];
  readonly failures: readonly string[];
}

/** Runs lines as a script, and gives all that it printed. */
export async function runLines(
  account: TestAccount,
  lines: readonly string[],
  options: { readonly partner?: string } = {},
): Promise<ScriptRun> {
  const printed: string[] = [];
  const objects: object[] = [];
  const failures: string[] = [];
  const output: EntryOutput = {
    print: (rows, more = []) => {
      printed.push(...rows.flatMap((row) => wrapRows(row)).map((row) => paint(row, false)));
      objects.push(...more);
    },
    fail: (error) => failures.push(errorText(error, "repl")),
    hasTime: false,
    echoesOwn: false,
    isJson: false,
  };
  const rest = lines.map((line) => new TextEncoder().encode(`${line}\n`));
  const exitCode = await runScript({
    ...RUN_OPTIONS,
    ...options,
    clock: createManualClock(NOW_MS),
    account,
    output,
    read: () => Promise.resolve(rest.shift() ?? null),
  });
  return { exitCode, printed, objects, failures };
}

export function accounts(
  ...names: readonly string[]
): { server: FakeServer; all: readonly TestAccount[] } {
  const server = new FakeServer();
  return { server, all: names.map((name) => new TestAccount(new FakeConversations(name, server))) };
}

/** Two REPLs, and their end. */
export async function between(
  use: (alice: RunningRepl, bob: RunningRepl, server: FakeServer) => Promise<void>,
): Promise<void> {
  const { server, all } = accounts("alice", "bob");
  const [alice, bob] = all.map((account) => startRepl(account)) as [RunningRepl, RunningRepl];
  await use(alice, bob, server);
  for (const repl of [alice, bob]) repl.type("\x03\x04");
  assert.deepEqual(await Promise.all([alice.ended, bob.ended]), [0, 0]);
}
