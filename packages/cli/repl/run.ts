/** A REPL from its beginning to its end: at a terminal, or with a script for input. */
import type { Conversations, ConversationView } from "@qpq/client";
import { type Clock, MessengerError } from "@qpq/ports";
import { findConversation, openDirectMessage } from "../conversations/actions.ts";
import { joinedText, joiningText } from "../conversations/entering.ts";
import { inputLines, type ReadBytes } from "../input-lines.ts";
import type { ExitCode } from "../output.ts";
import { Editor } from "./editor.ts";
import { InputHistory } from "./input-history.ts";
import { type EntryOutput, terminalOutput } from "../output-entries.ts";
import { Repl, type ReplAccount } from "./repl.ts";
import { suggest } from "./suggestions.ts";
import { Screen, type TerminalOutput } from "./screen.ts";

export interface RunOptions {
  readonly account: ReplAccount;
  /** Whom to talk to: a name, `#group`, `notes`; left out: whoever was last. */
  readonly partner?: string | undefined;
  /** Milliseconds that one command waits for the server. */
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly read: ReadBytes;
  /** Whether this device has just come into the account. */
  readonly isNewDevice: boolean;
}

export interface TerminalOptions extends RunOptions {
  readonly terminal: TerminalOutput;
  /** Takes who is told when the connection has changed, when the window has, and when to end. */
  readonly listen: (listeners: {
    readonly onStatus: () => void;
    readonly onResize: () => void;
    readonly onEnd: () => void;
    /** The program was stopped, and goes on. */
    readonly onContinue: () => void;
  }) => Disposable;
  /** Stops the program until who started it lets it go on. */
  readonly suspend: () => void;
}

/** What is queued when the user leaves gets so long to go out. */
const LEAVING_TIMEOUT_MS = 2_000;

/** What came meanwhile gets so long to arrive before the first prompt. */
const NEWS_TIMEOUT_MS = 2_000;

export async function runAtTerminal(options: TerminalOptions): Promise<ExitCode> {
  const { account, terminal, read, listen, suspend } = options;
  const { conversations } = account;
  const screen = new Screen(terminal);
  const history = await InputHistory.open(account.settings);
  let end = (): void => {};
  const repl = new Repl({
    ...options,
    output: terminalOutput(screen),
    onPrompt: (prompt) => screen.show({ prompt }),
    isInteractive: true,
    onFailure: () => end(),
  });
  const editor = new Editor({
    read,
    screen,
    history,
    complete: (before) => suggest(before, repl.views),
    keeps: (line) => repl.isKept(line),
    interrupt: () => repl.interrupt(),
    suspend,
  });
  end = () => editor.end();
  const waiting = new AbortController();
  using _listening = listen({
    onStatus: () => {
      if (account.connection().kind === "lost") waiting.abort();
      repl.connectionChanged();
    },
    onResize: () => screen.show({}),
    onEnd: () => editor.end(),
    onContinue: () => screen.resume(),
  });
  const after = await conversations.lastCursor();
  const greeting = `${account.name} on ${account.address}; /help shows what there is`;
  repl.output.print([[{ text: greeting }]]);
  const isCaughtUp = await awaitNews(conversations, waiting.signal);
  await begin(repl, options);
  await using _entering = await tellOfEntering(repl, options, isCaughtUp);
  await using following = follow(repl, after, () => editor.end());
  for await (const line of editor.lines()) {
    await repl.enter(line);
    if (repl.isOver) break;
  }
  await repl.end();
  await history.saved();
  await leave(repl);
  await following.end();
  return 0;
}

/** @returns 0 if each line worked, and all that was sent is acknowledged */
export async function runScript(
  options: RunOptions & { readonly output: EntryOutput },
): Promise<ExitCode> {
  const { account, read, timeoutMs } = options;
  const { conversations } = account;
  const repl = new Repl({
    ...options,
    onPrompt: () => {},
    isInteractive: false,
    // Each line waits for its own end, and fails with it.
    onFailure: () => {},
  });
  const after = await conversations.lastCursor();
  try {
    await account.reaching(() => conversations.waitUntilCaughtUp({ timeoutMs }));
  } catch (error) {
    // What is local works nevertheless, and what is sent is queued.
    if (!(error instanceof MessengerError)) throw error;
    repl.fail(error);
  }
  await begin(repl, options);
  await using following = follow(repl, after, () => {});
  for await (const line of inputLines(read)) {
    await repl.runScriptLine(line);
    if (repl.isOver) break;
  }
  await repl.finish();
  await repl.end();
  await following.end();
  return repl.exitCode;
}

/**
 * So that what came meanwhile is shown as unread, if that doesn't take long.
 * @returns whether all of it is here
 */
async function awaitNews(conversations: Conversations, signal: AbortSignal): Promise<boolean> {
  try {
    await conversations.waitUntilCaughtUp({ timeoutMs: NEWS_TIMEOUT_MS, signal });
    return true;
  } catch (error) {
    if (!(error instanceof MessengerError)) throw error;
    return false;
  }
}

/** Says that a new device comes into the account's conversations, and when it is in. */
async function tellOfEntering(
  repl: Repl,
  { account: { conversations }, isNewDevice }: RunOptions,
  isCaughtUp: boolean,
): Promise<AsyncDisposable> {
  const stop = new AbortController();
  const tell = (text: string): void => repl.output.print(text === "" ? [] : [[{ text }]]);
  let done: Promise<void> = Promise.resolve();
  if (isCaughtUp) {
    if (isNewDevice) tell(joinedText(await conversations.list(), "/list"));
  } else if (isNewDevice || await conversations.entering() > 0) {
    tell(joiningText(await conversations.entering()));
    done = (async () => {
      try {
        await conversations.waitUntilCaughtUp({ signal: stop.signal });
        tell(joinedText(await conversations.list(), "/list"));
      } catch (error) {
        // The program ends before it is done: the next one goes on.
        if (!(error instanceof MessengerError)) throw error;
      }
    })();
    done.catch(() => {});
  }
  return {
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await done;
    },
  };
}

async function begin(repl: Repl, { partner, timeoutMs }: RunOptions): Promise<void> {
  try {
    const current = partner === undefined
      ? "last"
      : await partnerOf(repl.account, partner, timeoutMs);
    await repl.begin(current);
  } catch (error) {
    if (!(error instanceof MessengerError)) throw error;
    repl.fail(error);
    // What is written for somebody goes to nobody else.
    await repl.begin(undefined);
  }
}

/** A name that is nothing else is somebody to begin a conversation with. */
async function partnerOf(
  { conversations }: ReplAccount,
  partner: string,
  timeoutMs: number,
): Promise<ConversationView> {
  try {
    return await findConversation(conversations, partner);
  } catch (error) {
    const isUnknown = error instanceof MessengerError && error.code === "conversations/unknown";
    if (!isUnknown || partner.startsWith("#")) throw error;
    return (await openDirectMessage(conversations, partner, { timeoutMs })).view;
  }
}

interface Following extends AsyncDisposable {
  /** Shows all that has happened until now, and ends. */
  end(): Promise<void>;
}

/** Shows what happens behind the cursor `after`, but for what was shown as unread. */
function follow(repl: Repl, after: number, onFailure: () => void): Following {
  const stop = new AbortController();
  const following = repl.follow(after, stop.signal);
  following.catch(onFailure);
  const end = async (): Promise<void> => {
    stop.abort();
    await following;
  };
  return {
    end: async () => {
      await Promise.race([repl.followed(), following]);
      await end();
    },
    [Symbol.asyncDispose]: () => end().catch(() => {}),
  };
}

/** Lets go out what is queued, if that is quick; the rest goes out at the next start. */
async function leave(repl: Repl): Promise<void> {
  const { conversations } = repl.account;
  const queued = (await conversations.list())
    .reduce((sum, { queuedCount }) => sum + queuedCount, 0);
  if (queued === 0) return;
  try {
    await conversations.waitUntilAllSent({ timeoutMs: LEAVING_TIMEOUT_MS });
  } catch (error) {
    if (!(error instanceof MessengerError)) throw error;
    const text = queued === 1
      ? "1 message waits for the server: it goes out at the next start"
      : `${queued} messages wait for the server: they go out at the next start`;
    repl.output.print([[{ text, style: "warning" }]]);
  }
}
