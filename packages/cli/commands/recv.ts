/** `qpq recv`: what is new, once; or on and on with `--follow`. */
import {
  type ClientEvent,
  type ConversationId,
  type ConversationView,
  MessengerError,
} from "@qpq/client";
import { ERROR_CODES } from "@qpq/ports";
import { goesWithoutSaying, itemJson, itemRow, viewJson } from "../conversations/describe.ts";
import { catchUp, type Talk } from "../conversations/talk.ts";
import { Views } from "../conversations/views.ts";
import type { ExitCode } from "../output.ts";
import type { Row } from "../repl/rows.ts";

export interface RecvOptions {
  readonly follow?: boolean;
  /** A cursor that was printed; left out: what recv printed last. */
  readonly after?: number;
}

const CURSOR_SETTING = "recv/cursor";

/** @param signal ends it; what was printed is remembered */
export async function runRecv(
  talk: Talk,
  options: RecvOptions,
  signal: AbortSignal,
): Promise<ExitCode> {
  const marker = await readMarker(talk);
  const after = options.after ?? marker;
  const printer = new Printer(talk, marker);
  const failure = await tryToCatchUp(talk);
  if (failure !== undefined && options.follow === true) talk.output.fail(failure);
  const last = options.follow === true ? Infinity : await talk.conversations.lastCursor();
  if (after < last) {
    for await (const event of talk.conversations.events({ after, signal })) {
      await printer.take(event);
      if (event.cursor >= last) break;
    }
  }
  await printer.settled();
  if (failure === undefined || options.follow === true) return 0;
  talk.output.fail(failure);
  return ERROR_CODES[failure.code].exitCode;
}

/** What is here already is printed without the server, too. */
async function tryToCatchUp(talk: Talk): Promise<MessengerError | undefined> {
  try {
    await catchUp(talk);
    return undefined;
  } catch (error) {
    if (!(error instanceof MessengerError)) throw error;
    return error;
  }
}

class Printer {
  readonly #talk: Talk;
  readonly #views: Views;
  readonly #invitations = new Set<ConversationId>();
  readonly #read = new Map<ConversationId, number>();
  #marker: number;
  #storing: Promise<void> = Promise.resolve();
  #isStored = true;

  constructor(talk: Talk, marker: number) {
    this.#talk = talk;
    this.#views = new Views(talk.conversations);
    this.#marker = marker;
  }

  async take(event: ClientEvent): Promise<void> {
    const view = await this.#views.refresh(event.conversationId);
    if (!view.isBlocked) {
      if (event.kind === "conversation") this.#takeInvitation(event.cursor, view);
      else if (event.kind === "item") this.#takeItem(event, view);
      else if (event.item.state === "failed") this.#print(event.cursor, event.item, view);
    }
    this.#remember(event);
  }

  /** Waits until what was printed is remembered. */
  async settled(): Promise<void> {
    await this.#storing;
  }

  #takeInvitation(cursor: number, view: ConversationView): void {
    if (view.state !== "invited") {
      this.#invitations.delete(view.id);
      return;
    }
    if (this.#invitations.has(view.id)) return;
    this.#invitations.add(view.id);
    const handle = this.#views.shown(view);
    const text = `${handle} * you are invited: qpq join goes in, qpq leave declines`;
    this.#talk.output.print([[{ text, style: "notice" }]], [
      { cursor, ...viewJson(view), kind: "invitation" },
    ]);
  }

  #takeItem(event: ClientEvent & { readonly kind: "item" }, view: ConversationView): void {
    const { item } = event;
    const isOwn = item.kind === "text" && item.author.isSelf;
    const place = { self: this.#talk.name, kind: view.kind };
    if (!isOwn && !goesWithoutSaying(item, place)) this.#print(event.cursor, item, view);
  }

  #print(
    cursor: number,
    item: (ClientEvent & { readonly kind: "item" })["item"],
    view: ConversationView,
  ): void {
    const { output, name: self } = this.#talk;
    // In a direct message it is clear from who writes.
    const isClear = view.kind === "direct-message" && item.kind === "text" && !item.author.isSelf;
    const row: Row = itemRow(item, {
      self,
      conversation: isClear ? undefined : this.#views.shown(view),
      hasTime: output.hasTime,
      marksQueued: false,
    });
    output.print([row], [{ cursor, ...itemJson(item, view) }]);
  }

  /** Events that come while one write is under way share the next. */
  #remember(event: ClientEvent): void {
    this.#marker = Math.max(this.#marker, event.cursor);
    if (event.kind === "item") this.#read.set(event.conversationId, event.item.position);
    if (!this.#isStored) return;
    this.#isStored = false;
    this.#storing = this.#storing.then(() => this.#store());
    // Told by settled().
    this.#storing.catch(() => {});
  }

  async #store(): Promise<void> {
    this.#isStored = true;
    const read = [...this.#read];
    this.#read.clear();
    const { settings, conversations } = this.#talk;
    await settings.write(CURSOR_SETTING, new TextEncoder().encode(`${this.#marker}`));
    for (const [id, position] of read) await conversations.markRead(id, position);
  }
}

/** 0 before the first: then all that there is is new. */
async function readMarker({ settings }: Talk): Promise<number> {
  const text = new TextDecoder().decode(await settings.read(CURSOR_SETTING) ?? new Uint8Array());
  const marker = Number(text);
  return Number.isSafeInteger(marker) && marker >= 0 ? marker : 0;
}
