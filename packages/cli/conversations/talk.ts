/** What a subcommand has to do with: the account's conversations, and where its words go. */
import type { Conversations, Settings } from "@qpq/client";
import { MessengerError } from "@qpq/ports";
import type { EntryOutput } from "../output-entries.ts";
import { type ExitCode, UsageError } from "../output.ts";
import type { Reply } from "./actions.ts";
import { joiningText } from "./entering.ts";

export interface Talk {
  /** The account's. */
  readonly name: string;
  readonly conversations: Conversations;
  readonly settings: Settings;
  readonly output: EntryOutput;
  /** Milliseconds that the command waits for the server. */
  readonly timeoutMs: number;
  /** Runs what needs the server, and says clearly when it can't be reached. */
  readonly reaching: <Result>(run: () => Promise<Result>) => Promise<Result>;
}

/** Milliseconds that what is local waits for news. */
const NEWS_TIMEOUT_MS = 3_000;

/** Has all that the server has. @throws MessengerError why it can't be reached */
export async function catchUp({ conversations, reaching, timeoutMs }: Talk): Promise<void> {
  await reaching(() => conversations.waitUntilCaughtUp({ timeoutMs }));
}

/** The same for what works without the server, too: says that what is shown may be old. */
export async function catchUpIfPossible(talk: Talk): Promise<void> {
  const { conversations, reaching, output } = talk;
  const timeoutMs = Math.min(talk.timeoutMs, NEWS_TIMEOUT_MS);
  try {
    await reaching(() => conversations.waitUntilCaughtUp({ timeoutMs }));
  } catch (error) {
    if (!(error instanceof MessengerError)) throw error;
    const count = await conversations.entering();
    const why = count > 0 ? `still ${joiningText(count)}` : error.message;
    if (!output.isJson) output.fail(new UsageError(`as this device knows it: ${why}`));
  }
}

/** What was asked for is told to the others before the program ends; what can't be goes out when it runs next. */
export async function hearOut({ conversations, timeoutMs }: Talk): Promise<void> {
  try {
    await conversations.waitUntilAllSent({ timeoutMs: Math.min(timeoutMs, NEWS_TIMEOUT_MS) });
  } catch (error) {
    if (!(error instanceof MessengerError) || error.code !== "rpc/deadline") throw error;
  }
}

export function tell({ output }: Talk, { rows, objects, isPartial = false }: Reply): ExitCode {
  output.print(rows, objects);
  return isPartial ? 1 : 0;
}
