/** The REPL: lines are messages to the current conversation, or commands that begin with a slash. */
import type {
  ClientStatus,
  ConversationId,
  Conversations,
  ConversationView,
  PeerView,
  Settings,
} from "@qpq/client";
import { ERROR_CODES, MessengerError } from "@qpq/ports";
import type { Reply } from "../conversations/actions.ts";
import { dayOf, handleOf } from "../conversations/describe.ts";
import { SendWindow } from "../conversations/send-window.ts";
import { type ExitCode, UsageError } from "../output.ts";
import { COMMANDS, findCommand } from "./commands.ts";
import type { Completion } from "./completion.ts";
import { Incoming } from "./incoming.ts";
import type { EntryOutput } from "../output-entries.ts";
import type { Row } from "./rows.ts";
import { Views } from "../conversations/views.ts";

/** The account that a REPL talks for. */
export interface ReplAccount {
  readonly name: string;
  readonly conversations: Conversations;
  readonly peers: {
    fetch(name: string): Promise<PeerView>;
    acceptKey(name: string, accountKey: Uint8Array): Promise<void>;
    markVerified(name: string, accountKey: Uint8Array): Promise<void>;
  };
  readonly settings: Settings;
  /** The server's, as people write it. */
  readonly address: string;
  readonly connection: () => ClientStatus;
  /** Runs what needs the server, and says clearly when it can't be reached. */
  readonly reaching: <Result>(run: () => Promise<Result>) => Promise<Result>;
  readonly whoami: () => Promise<Reply>;
}

export interface ReplOptions {
  readonly account: ReplAccount;
  readonly output: EntryOutput;
  /** Told of what stands in front of the line being typed. */
  readonly onPrompt: (prompt: Row) => void;
  /** Milliseconds that one command waits for the server. */
  readonly timeoutMs: number;
  readonly nowMs: () => number;
}

const CURRENT_SETTING = "repl/current-conversation";

export class Repl {
  readonly account: ReplAccount;
  readonly views: Views;
  readonly output: EntryOutput;
  readonly #options: ReplOptions;
  readonly #incoming: Incoming;
  readonly #window: SendWindow;
  /** Keys that were shown, by name: what `/accept-key` may accept. */
  readonly shownKeys = new Map<string, string>();
  #current: ConversationId | undefined;
  #running: AbortController | undefined;
  #cursor = 0;
  #onEvent: () => void = () => {};
  #trouble: string | undefined;
  #shownPrompt: string | undefined;
  #exitCode: ExitCode = 0;
  isOver = false;

  constructor(options: ReplOptions) {
    const { account, output, timeoutMs, nowMs } = options;
    const { conversations } = account;
    this.#options = options;
    this.account = account;
    this.output = output;
    this.views = new Views(conversations);
    this.#incoming = new Incoming({
      self: account.name,
      conversations,
      views: this.views,
      output,
      current: () => this.#current,
      isConnected: () => account.connection().kind === "connected",
    }, dayOf(nowMs()));
    this.#window = new SendWindow({
      conversations,
      waiting: { timeoutMs },
      onSent: () => {},
      onFailed: (error) => this.fail(error),
    });
  }

  get current(): ConversationView | undefined {
    return this.#current === undefined ? undefined : this.views.known(this.#current);
  }

  /** 1 once a line has failed; 3 when the server could not be reached. */
  get exitCode(): ExitCode {
    return this.#exitCode;
  }

  /** @param current left out: the conversation that was current last */
  async begin(current: ConversationView | undefined): Promise<void> {
    await this.views.load();
    if (current !== undefined) await this.switchTo(current);
    else await this.#recallCurrent();
    await this.#incoming.showUnread();
    this.showPrompt();
  }

  /** Shows what happens behind the cursor `after`, until `signal`. */
  async follow(after: number, signal: AbortSignal): Promise<void> {
    this.#cursor = after;
    for await (const event of this.account.conversations.events({ after, signal })) {
      await this.#incoming.take(event);
      this.showPrompt();
      this.#cursor = event.cursor;
      this.#onEvent();
    }
    await this.#incoming.settled();
  }

  /** Waits until all that has happened is shown. */
  async followed(): Promise<void> {
    const last = await this.account.conversations.lastCursor();
    while (this.#cursor < last) {
      await new Promise<void>((resolve) => this.#onEvent = resolve);
    }
  }

  /** Shows the connection's new state; a trouble that is new, with what to do. */
  connectionChanged(): void {
    const status = this.account.connection();
    const trouble = status.kind === "lost"
      ? status.error
      : status.kind === "connected"
      ? status.refusal
      : undefined;
    if (trouble !== undefined && trouble.code !== this.#trouble) this.output.fail(trouble);
    if (status.kind !== "connecting") this.#trouble = trouble?.code;
    this.showPrompt();
  }

  /** Runs one line of a person's: failures are shown. */
  async runLine(line: string): Promise<void> {
    const running = new AbortController();
    this.#running = running;
    try {
      await this.#run(line, running.signal);
    } catch (error) {
      if (!(error instanceof MessengerError || error instanceof UsageError)) throw error;
      this.fail(error);
    } finally {
      this.#running = undefined;
      this.showPrompt();
    }
  }

  /** Runs one line of a script's: commands come behind the messages before them. */
  async runScriptLine(line: string): Promise<void> {
    if (isCommand(line.trim())) await this.#window.drained();
    await this.runLine(line);
  }

  /** Waits until what was sent here is acknowledged; what isn't is shown. */
  async finish(): Promise<void> {
    await this.#window.drained();
  }

  /** Whether a line stays on the screen as it was typed: a message comes back as one. */
  isKept(line: string): boolean {
    return isCommand(line.trim()) || this.#current === undefined;
  }

  /** Ends what is under way. @returns whether there was something */
  interrupt(): boolean {
    this.#running?.abort();
    return this.#running !== undefined;
  }

  reply({ rows, objects, isPartial = false }: Reply): void {
    this.output.print(rows, objects);
    if (isPartial) this.#exitCode = 1;
  }

  fail(error: unknown): void {
    this.output.fail(error);
    const code = error instanceof MessengerError ? ERROR_CODES[error.code].exitCode : 1;
    this.#exitCode = code === 3 || this.#exitCode === 3 ? 3 : 1;
  }

  async switchTo(view: ConversationView | undefined): Promise<void> {
    this.#current = view?.id;
    if (view !== undefined) await this.views.refresh(view.id);
    this.showPrompt();
    const text = view?.id ?? "";
    await this.account.settings.write(CURRENT_SETTING, new TextEncoder().encode(text));
  }

  /** @throws UsageError when there is none */
  requireCurrent(): ConversationView {
    const { current } = this;
    if (current === undefined) {
      throw new UsageError(
        "to whom? /dm NAME or /switch #GROUP says it; /list shows what there is",
      );
    }
    return current;
  }

  waiting(signal: AbortSignal): { readonly signal: AbortSignal; readonly timeoutMs: number } {
    return { signal, timeoutMs: this.#options.timeoutMs };
  }

  showPrompt(): void {
    const { current, account, views } = this;
    const place = current === undefined ? "" : ` ${views.shown(current)}`;
    const state = CONNECTION_WORDS[connectionWord(account.connection())];
    const shown = `${place} ${state}`;
    if (shown === this.#shownPrompt) return;
    this.#shownPrompt = shown;
    this.#options.onPrompt([
      { text: `${account.name}${place}` },
      ...state === "" ? [] : [{ text: ` (${state})`, style: "warning" } as const],
      { text: "> " },
    ]);
  }

  complete(before: string): Completion {
    const words = before.trimStart().split(/\s+/);
    const from = before.search(/\S*$/);
    if (words.length <= 1) {
      return { from, candidates: before.startsWith("/") ? COMMANDS.map(({ name }) => name) : [] };
    }
    const kind = findCommand(words[0] ?? "")?.completes;
    if (kind === "commands") return { from, candidates: COMMANDS.map(({ name }) => name) };
    if (kind === "names") return { from, candidates: this.views.names };
    if (kind === "conversations") return this.#completeHandle(before);
    return { from, candidates: [] };
  }

  /** Groups' names may have blanks in them. */
  #completeHandle(before: string): Completion {
    const from = before.length - before.trimStart().replace(/^\S+\s+/, "").length;
    return { from, candidates: this.views.all.map(handleOf) };
  }

  async #run(line: string, signal: AbortSignal): Promise<void> {
    const text = line.trim();
    if (text === "") return;
    if (!isCommand(text)) return await this.#say(line.replace(/^\s*\/\//, "/"));
    const [word = "", ...words] = text.split(/\s+/);
    const command = findCommand(word);
    if (command === undefined) {
      throw new UsageError(
        `there is no ${word}; /help lists what there is, // begins a message with /`,
      );
    }
    const rest = text.slice(word.length).trim();
    await command.run(this, { words, rest, signal });
  }

  async #say(text: string): Promise<void> {
    const { id } = this.requireCurrent();
    if (this.output.echoesOwn) await this.account.conversations.send(id, text);
    else await this.#window.send(id, text);
  }

  async #recallCurrent(): Promise<void> {
    const bytes = await this.account.settings.read(CURRENT_SETTING);
    const id = new TextDecoder().decode(bytes ?? new Uint8Array());
    this.#current = this.views.all.find((view) => view.id === id && view.state === "active")?.id;
  }
}

/** Two slashes begin a message with one. */
function isCommand(text: string): boolean {
  return text.startsWith("/") && !text.startsWith("//");
}

const CONNECTION_WORDS = {
  connected: "",
  connecting: "connecting",
  lost: "offline",
  refused: "logged out",
  closed: "closed",
} as const;

function connectionWord(status: ClientStatus): keyof typeof CONNECTION_WORDS {
  return status.kind === "connected" && status.refusal !== undefined ? "refused" : status.kind;
}
