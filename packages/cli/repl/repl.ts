/** The REPL: lines are messages to the current conversation, or commands that begin with a slash. */
import type {
  ClientStatus,
  ConversationId,
  Conversations,
  ConversationView,
  PeerView,
  Settings,
  Waiting,
} from "@qpq/client";
import { type Clock, ERROR_CODES, MessengerError } from "@qpq/ports";
import type { Reply } from "../conversations/actions.ts";
import { dayOf } from "../conversations/describe.ts";
import { SendWindow } from "../conversations/send-window.ts";
import { type ExitCode, UsageError } from "../output.ts";
import { findCommand, noSuchCommand, type ReplCommand, type ReplInput } from "./commands.ts";
import { Incoming } from "./incoming.ts";
import { Lane } from "./lane.ts";
import { Prompt } from "./prompt.ts";
import { isCommand, messageOf, named, wordOf, wordsOf } from "./typed-line.ts";
import type { EntryOutput } from "../output-entries.ts";
import type { Row } from "./rows.ts";
import { Views } from "../conversations/views.ts";

/** The account that a REPL talks for. */
export interface ReplAccount {
  readonly name: string;
  readonly conversations: Conversations;
  readonly peers: {
    fetch(name: string, waiting: Waiting): Promise<PeerView>;
    acceptKey(name: string, accountKey: Uint8Array, waiting: Waiting): Promise<void>;
    markVerified(name: string, accountKey: Uint8Array, waiting: Waiting): Promise<void>;
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
  readonly clock: Clock;
  /** Whether somebody sees the prompt. A script's lines go nowhere once one failed that leads elsewhere. */
  readonly isInteractive: boolean;
  /** Told of a bug in what runs by itself. */
  readonly onFailure: () => void;
}

/**
 * Where lines go, as the prompt shows it. Behind a command that waits for the server and leads elsewhere
 * they are held: they are meant for where it leads, and for nobody else.
 */
interface Place {
  id: ConversationId | undefined;
  held: Held | undefined;
}

interface Held {
  readonly by: string;
  readonly lines: string[];
}

const CURRENT_SETTING = "repl/current-conversation";
/** Lines that wait for the server, or for where a command leads. */
const WAITING_COUNT_MAX = 64;
/** Milliseconds that a command may take before it is said that it waits. */
export const WAITING_TOLD_AFTER_MS = 1_000;

export class Repl {
  readonly account: ReplAccount;
  readonly views: Views;
  readonly output: EntryOutput;
  readonly #options: ReplOptions;
  readonly #incoming: Incoming;
  readonly #window: SendWindow;
  readonly #lane: Lane;
  readonly #prompt: Prompt;
  /** Keys that were shown, by name: what `/accept-key` may accept. */
  readonly shownKeys = new Map<string, string>();
  #place: Place = nowhere();
  /** What is held, in the order of the commands that it is held for. */
  readonly #pending = new Set<Held>();
  #isWaitingTold = false;
  #cursor = 0;
  #onEvent: () => void = () => {};
  #trouble: string | undefined;
  #exitCode: ExitCode = 0;
  isOver = false;

  constructor(options: ReplOptions) {
    const { account, output, timeoutMs, clock, onPrompt, onFailure } = options;
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
      current: () => this.#place.id,
      isConnected: () => account.connection().kind === "connected",
    }, dayOf(clock.now()));
    this.#window = new SendWindow({
      conversations,
      waiting: { timeoutMs },
      onSent: () => {},
      onFailed: (error) => this.fail(error),
    });
    this.#lane = new Lane(onFailure);
    this.#prompt = new Prompt(clock, onPrompt);
  }

  get current(): ConversationView | undefined {
    return this.#viewAt(this.#place);
  }

  /** 1 once a line has failed; 3 when the server could not be reached. */
  get exitCode(): ExitCode {
    return this.#exitCode;
  }

  /** @param current `"last"`: the conversation that was current last */
  async begin(current: ConversationView | "last" | undefined): Promise<void> {
    await this.views.load();
    const view = current === "last" ? await this.#lastCurrent() : current;
    this.#place = { id: view?.id, held: undefined };
    if (view !== undefined && current !== "last") await this.#noteCurrent();
    const hasUnread = view !== undefined && view.unreadCount > 0;
    await this.#incoming.showUnread();
    if (view !== undefined && !hasUnread) await this.#showContext(view);
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

  /**
   * Takes one line of a person's; failures are shown. Resolves when it is done, or waits for the server:
   * meanwhile others, which don't, are taken.
   */
  async enter(line: string): Promise<void> {
    const place = this.#place;
    await this.#attempt(async () => {
      if (line.trim() === "") return;
      const command = this.#commandOf(line);
      if (command !== undefined && command.needsServer?.(this, wordsOf(line)) !== true) {
        return await this.#obey(command, line, place);
      }
      if (command === undefined && place.held === undefined) return await this.#say(line, place);
      const { held } = place;
      if (this.#lane.count + (held?.lines.length ?? 0) >= WAITING_COUNT_MAX) {
        throw new UsageError(`${WAITING_COUNT_MAX} lines wait for the server: Ctrl-C stops them`);
      }
      if (held !== undefined) {
        held.lines.push(line);
        if (this.#isWaitingTold) this.#tellHeld(held, line);
      } else if (command !== undefined) this.#wait(command, line, place);
    });
    this.showPrompt();
  }

  /** Runs one line of a script's to its end: commands come behind the messages before them. */
  async runScriptLine(line: string): Promise<void> {
    if (isCommand(line)) await this.#window.drained();
    await this.enter(line);
    await this.#lane.idle();
  }

  /** Waits until what was sent here is acknowledged; what isn't is shown. */
  async finish(): Promise<void> {
    await this.#window.drained();
  }

  /** Stops what waits for the server, and leaves nothing running. */
  async end(): Promise<void> {
    this.interrupt();
    await this.#lane.idle();
    this.#prompt.end();
  }

  /** Whether a line stays on the screen as it was typed: a message comes back as one. */
  isKept(line: string): boolean {
    return isCommand(line) || this.#place.id === undefined;
  }

  /** Stops what waits for the server. @returns whether there was something */
  interrupt(): boolean {
    return this.#lane.stop(new MessengerError("cancelled", "Cannot go on: stopped"));
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

  /** Nothing goes to a conversation that was left. */
  async left(id: ConversationId): Promise<void> {
    if (this.#place.id !== id) return;
    this.#place.id = undefined;
    await this.#noteCurrent();
  }

  showPrompt(): void {
    const { current, account, views } = this;
    const { held } = this.#place;
    const place = current === undefined ? "" : views.shown(current);
    this.#prompt.set({
      account: account.name,
      place: held !== undefined && this.#isWaitingTold ? `→ ${named(held.by)}` : place,
      connection: account.connection(),
      queuedCount: views.queuedCount,
    });
  }

  /** What answers without the server. */
  async #obey(command: ReplCommand, line: string, place: Place): Promise<void> {
    try {
      const view = await command.run(this, this.#inputOf(line, place));
      if (command.leads === true && view !== undefined) await this.#arrive(placeOf(view), view);
    } catch (error) {
      if (command.leads === true) this.#leadNowhere();
      throw error;
    }
  }

  /** @returns undefined for a message @throws UsageError */
  #commandOf(line: string): ReplCommand | undefined {
    if (!isCommand(line)) return undefined;
    const word = wordOf(line);
    try {
      const command = findCommand(word);
      if (command === undefined) throw noSuchCommand(word);
      command.check?.(wordsOf(line));
      return command;
    } catch (error) {
      // It may have been meant to lead elsewhere.
      this.#leadNowhere();
      throw error;
    }
  }

  /** What waits its turn for the server. */
  #wait(command: ReplCommand, line: string, from: Place): Place {
    const place: Place = command.leads === true
      ? { id: from.id, held: { by: line, lines: [] } }
      : from;
    if (this.#place === from) this.#place = place;
    if (place !== from && place.held !== undefined) this.#pending.add(place.held);
    const abandon = (): void => {
      if (place === from) return;
      if (place.held !== undefined) this.#pending.delete(place.held);
      for (const behind of place.held?.lines.splice(0) ?? []) this.#tellNotDone(behind);
      if (this.#place === place) this.#place = from;
      this.#leadNowhere();
    };
    if (this.#isWaitingTold) this.#tell(`${named(line)} waits for the server, too`);
    const typedMs = this.#options.clock.monotonic();
    this.#lane.add({
      run: async (signal) => {
        using _ = this.#tellingIfSlow(line);
        try {
          const waiting = { signal, timeoutMs: this.#timeLeftMs(typedMs) };
          const view = await command.run(this, this.#inputOf(line, from, waiting));
          if (place !== from && view !== undefined) await this.#goOn(place, view);
        } catch (error) {
          if (!isExpected(error)) throw error;
          if (signal.aborted) this.#tell(`stopped: ${named(line)} (it may still be done)`);
          else this.fail(this.#isWaitingTold ? this.#explained(error, line) : error);
          abandon();
        }
        this.showPrompt();
      },
      onDropped: () => {
        this.#tellNotDone(line);
        abandon();
      },
    });
    return place;
  }

  /** Arrives where a command has led, with the lines that are meant for there. */
  async #goOn(place: Place, view: ConversationView): Promise<void> {
    place.id = view.id;
    await this.#arrive(place, view);
    const lines = place.held?.lines ?? [];
    for (let line = lines.shift(); line !== undefined; line = lines.shift()) {
      const text = line;
      const command = this.#commandOf(text);
      if (command === undefined) await this.#attempt(() => this.#say(text, place));
      else {
        const next = this.#wait(command, line, place);
        // What comes behind is for where this one leads.
        if (next !== place) next.held?.lines.push(...lines.splice(0));
      }
    }
    if (place.held !== undefined) this.#pending.delete(place.held);
    place.held = undefined;
  }

  /** @param place where lines go from now on, unless somebody went elsewhere meanwhile */
  async #arrive(place: Place, view: ConversationView): Promise<void> {
    await this.views.refresh(view.id);
    const isLate = place.held !== undefined && this.#place !== place;
    if (isLate) {
      return this.#tell(`you are elsewhere by now: /switch ${this.views.shown(view)} goes there`);
    }
    this.#place = place;
    await this.#noteCurrent();
    await this.#showContext(view);
    this.showPrompt();
  }

  /** Nobody sees where a script's lines go: not where the ones before went. */
  #leadNowhere(): void {
    if (!this.#options.isInteractive) this.#place = nowhere();
  }

  async #showContext(view: ConversationView): Promise<void> {
    if (this.#options.isInteractive) await this.#incoming.showContext(view);
  }

  /** Says that a command waits: at once without a connection, and when it takes long. */
  #tellingIfSlow(line: string): Disposable {
    const { clock, isInteractive } = this.#options;
    if (!isInteractive) return { [Symbol.dispose]: () => {} };
    const tell = (): void => {
      if (this.#isWaitingTold) return;
      this.#isWaitingTold = true;
      this.#tell(`${named(line)} waits for the server; Ctrl-C stops it`);
      for (const held of this.#pending) {
        for (const behind of held.lines) this.#tellHeld(held, behind);
      }
      this.showPrompt();
    };
    const isConnected = this.account.connection().kind === "connected";
    const timer = isConnected ? clock.schedule(WAITING_TOLD_AFTER_MS, tell) : undefined;
    if (!isConnected) tell();
    return {
      [Symbol.dispose]: () => {
        timer?.cancel();
        if (this.#lane.count <= 1) this.#isWaitingTold = false;
      },
    };
  }

  /** Others may have been typed since. */
  #explained(error: MessengerError | UsageError, line: string): MessengerError | UsageError {
    if (!(error instanceof MessengerError)) return error;
    const isAway = error.code === "rpc/deadline" && this.account.connection().kind !== "connected";
    const why = isAway ? `no connection to ${this.account.address} so far` : error.message;
    return new MessengerError(error.code, `${named(line)}: ${why}`, { cause: error });
  }

  #tellHeld({ by }: Held, line: string): void {
    this.#tell(`waits for ${named(by)}: ${named(line)}`);
  }

  #tellNotDone(line: string): void {
    this.#tell(`${isCommand(line) ? "not done" : "not sent"}: ${named(line)}`);
  }

  #tell(text: string): void {
    this.output.print([[{ text, style: "faint" }]]);
  }

  async #attempt(run: () => Promise<void>): Promise<void> {
    try {
      await run();
    } catch (error) {
      if (!isExpected(error)) throw error;
      this.fail(error);
    }
  }

  /** Without a connection all that waits does so together; with one each has a time of its own. */
  #timeLeftMs(typedMs: number): number {
    const { clock, timeoutMs } = this.#options;
    if (this.account.connection().kind === "connected") return timeoutMs;
    return Math.max(1, timeoutMs - (clock.monotonic() - typedMs));
  }

  #inputOf(
    line: string,
    place: Place,
    waiting: ReplInput["waiting"] = { signal: NEVER, timeoutMs: this.#options.timeoutMs },
  ): ReplInput {
    return {
      ...wordsOf(line),
      waiting,
      here: () => requireView(this.#viewAt(place)),
    };
  }

  async #say(line: string, place: Place): Promise<void> {
    const { id } = requireView(this.#viewAt(place));
    const text = messageOf(line);
    if (!this.output.echoesOwn) return await this.#window.send(id, text);
    try {
      await this.account.conversations.send(id, text);
    } catch (error) {
      if (!isExpected(error)) throw error;
      this.fail(error);
      // It has gone from the screen.
      this.#tell("not sent; the up key brings the line back");
    }
  }

  #viewAt({ id }: Place): ConversationView | undefined {
    return id === undefined ? undefined : this.views.known(id);
  }

  async #noteCurrent(): Promise<void> {
    const text = this.#place.id ?? "";
    await this.account.settings.write(CURRENT_SETTING, new TextEncoder().encode(text));
  }

  async #lastCurrent(): Promise<ConversationView | undefined> {
    const bytes = await this.account.settings.read(CURRENT_SETTING);
    const id = new TextDecoder().decode(bytes ?? new Uint8Array());
    return this.views.all.find((view) => view.id === id && view.state === "active");
  }
}

const NEVER = new AbortController().signal;

function nowhere(): Place {
  return { id: undefined, held: undefined };
}

function placeOf({ id }: ConversationView): Place {
  return { id, held: undefined };
}

/** @throws UsageError when there is none */
function requireView(view: ConversationView | undefined): ConversationView {
  if (view !== undefined) return view;
  throw new UsageError("to whom? /dm NAME or /switch #GROUP says it; /list shows what there is");
}

function isExpected(error: unknown): error is MessengerError | UsageError {
  return error instanceof MessengerError || error instanceof UsageError;
}
