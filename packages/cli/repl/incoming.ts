/** Shows what happens in the conversations, each entry once, and notes that it was read. */
import type {
  ClientEvent,
  ConversationId,
  Conversations,
  ConversationView,
  HistoryItem,
  TextItem,
} from "@qpq/client";
import { MessengerError } from "@qpq/ports";
import { dayRow } from "../conversations/actions.ts";
import {
  dayOf,
  goesWithoutSaying,
  itemJson,
  itemRow,
  timeOf,
  viewJson,
} from "../conversations/describe.ts";
import type { EntryOutput } from "../output-entries.ts";
import type { Row } from "./rows.ts";
import type { Views } from "../conversations/views.ts";

export interface IncomingOptions {
  /** The own account's name. */
  readonly self: string;
  readonly conversations: Conversations;
  readonly views: Views;
  readonly output: EntryOutput;
  /** The conversation that is written to, if any. */
  readonly current: () => ConversationId | undefined;
  readonly isConnected: () => boolean;
}

/** Unread entries of one conversation that are shown at the beginning. */
const UNREAD_SHOWN_MAX = 20;
/** Entries that are shown of a conversation that one goes to. */
const CONTEXT_COUNT = 5;

export class Incoming {
  readonly #options: IncomingOptions;
  /** The last position shown, of each conversation. */
  readonly #shown = new Map<ConversationId, number>();
  /** Up to where each was seen while it was the current one; what is behind is marked as new. */
  readonly #lookedAt = new Map<ConversationId, number>();
  readonly #announced = new Set<ConversationId>();
  readonly #toMark = new Map<ConversationId, number>();
  #marking: Promise<void> = Promise.resolve();
  #day: string;

  /** @param today its entries need no line with the day */
  constructor(options: IncomingOptions, today: string) {
    this.#options = options;
    this.#day = today;
  }

  /** What came while nobody looked. */
  async showUnread(): Promise<void> {
    const { views, output } = this.#options;
    for (const view of await views.load()) {
      if (view.isBlocked) continue;
      if (view.state === "invited") {
        this.#announce(view);
        continue;
      }
      if (view.unreadCount === 0) continue;
      const items = await this.#unreadItems(view);
      const shownCount = items.filter(isFromOthers).length;
      const more = view.unreadCount > shownCount ? `, the last ${shownCount} of them:` : ":";
      output.print([[{ text: `${views.shown(view)}: ${view.unreadCount} unread${more}` }]]);
      if (view.isFromStranger) this.#announce(view);
      for (const item of items) this.#show(item, view);
    }
  }

  /** What was said last where one goes to, and what of it is new. */
  async showContext(view: ConversationView): Promise<void> {
    const { views, output, conversations, self } = this.#options;
    const page = await conversations.history(view.id, { countMax: CONTEXT_COUNT });
    const { kind } = view;
    const items = page.items.filter((item) => !isArrival(item, kind));
    const last = items.at(-1);
    if (last === undefined) return;
    const seen = this.#lookedAt.get(view.id) ?? last.position;
    const rows: Row[] = [];
    for (const item of items) {
      const isFirstNew = item.position > seen && isFromOthers(item) && !rows.includes(NEW);
      rows.push(...this.#dayRows(item), ...isFirstNew ? [NEW] : []);
      rows.push(itemRow(item, { self, hasTime: output.hasTime, marksQueued: true }));
    }
    output.print([[{ text: `── ${views.shown(view)} ──`, style: "faint" }], ...rows]);
    this.#shown.set(view.id, Math.max(last.position, this.#shown.get(view.id) ?? 0));
    this.#lookedAt.set(view.id, last.position);
    this.#mark(view.id, last.position);
  }

  async #unreadItems(view: ConversationView): Promise<readonly HistoryItem[]> {
    const { items } = await this.#options.conversations.history(view.id);
    let first = items.length;
    for (let found = 0; first > 0 && found < Math.min(view.unreadCount, UNREAD_SHOWN_MAX);) {
      first--;
      if (isFromOthers(items[first] as HistoryItem)) found++;
    }
    return items.slice(first);
  }

  async take(event: ClientEvent): Promise<void> {
    try {
      await this.#take(event);
    } catch (error) {
      // One that never came to be is forgotten behind its event.
      const isGone = error instanceof MessengerError && error.code === "conversations/unknown";
      if (!isGone) throw error;
      this.#options.views.forget(event.conversationId);
    }
  }

  async #take(event: ClientEvent): Promise<void> {
    const { views } = this.#options;
    if (event.kind === "conversation") {
      const view = await views.refresh(event.conversationId);
      if (view.state === "invited" || view.isFromStranger) this.#announce(view);
      else if (view.state !== "joining") this.#announced.delete(view.id);
      return;
    }
    // A notice tells of a change of the conversation itself, an own message of what is queued.
    const isChange = event.item.kind === "notice" || event.item.author.isSelf;
    const view = isChange
      ? await views.refresh(event.conversationId)
      : await views.get(event.conversationId);
    if (event.kind === "item-changed") return this.#tellOutcome(event.item, view);
    const { item } = event;
    if (item.position <= (this.#shown.get(item.conversationId) ?? 0)) return;
    // Nobody is in a group unasked: until /join it is an invitation, and no more.
    if (view.isBlocked || view.state === "invited") return;
    if (view.isFromStranger && isFromOthers(item)) this.#announce(view);
    this.#show(item, view);
  }

  /** Waits until all that was shown is noted as read. */
  async settled(): Promise<void> {
    await this.#marking;
  }

  #show(item: HistoryItem, view: ConversationView): void {
    const { views, output, isConnected, current, self } = this.#options;
    views.learn(item);
    this.#shown.set(view.id, item.position);
    if (view.id === current()) this.#lookedAt.set(view.id, item.position);
    else if (!this.#lookedAt.has(view.id)) this.#lookedAt.set(view.id, item.position - 1);
    this.#mark(view.id, item.position);
    if (isOwn(item) && !output.echoesOwn) return;
    if (!output.isJson && goesWithoutSaying(item, { self, kind: view.kind })) return;
    const row = itemRow(item, {
      self,
      conversation: view.id === current() ? undefined : views.shown(view),
      hasTime: output.hasTime,
      marksQueued: !isConnected(),
    });
    output.print([...this.#dayRows(item), row], [itemJson(item, view)]);
  }

  #tellOutcome(item: TextItem, view: ConversationView): void {
    const { output, views } = this.#options;
    const object = itemJson(item, view);
    if (item.state !== "failed") return output.print([], [object]);
    const reason = item.failure?.message ?? "unknown";
    const text = `not sent to ${views.shown(view)}: ${JSON.stringify(item.text)}: ${reason}`;
    output.print([[{ text, style: "warning" }]], [object]);
  }

  /** Tells once of an invitation, or of somebody who has begun a conversation unasked. */
  #announce(view: ConversationView): void {
    if (this.#announced.has(view.id) || view.isBlocked) return;
    this.#announced.add(view.id);
    const { output, views } = this.#options;
    const handle = views.shown(view);
    const text = view.state === "invited"
      ? `* you are invited to ${handle}: /join ${handle} goes in, /leave ${handle} declines`
      : `* ${view.name}, to whom you never wrote, has begun a conversation: ` +
        `/switch ${handle} answers, /block ${view.name} hides it`;
    const kind = view.state === "invited" ? "invitation" : "stranger";
    output.print([[{ text, style: "notice" }]], [{ ...viewJson(view), kind }]);
  }

  #dayRows(item: HistoryItem): readonly Row[] {
    const day = dayOf(timeOf(item));
    if (day === this.#day) return [];
    this.#day = day;
    return this.#options.output.hasTime ? [dayRow(day)] : [];
  }

  /** Positions that come while a mark is being stored share the next. */
  #mark(id: ConversationId, position: number): void {
    const isUnderWay = this.#toMark.size > 0;
    this.#toMark.set(id, position);
    if (!isUnderWay) this.#marking = this.#marking.then(() => this.#markAll());
  }

  async #markAll(): Promise<void> {
    const marks = [...this.#toMark];
    this.#toMark.clear();
    for (const [id, position] of marks) await this.#options.conversations.markRead(id, position);
  }
}

/** Stands in front of what came since one was here. */
const NEW: Row = [{ text: "── new ──", style: "faint" }];

/** That one is in, and in a direct message the other, is clear from being there. */
function isArrival(item: HistoryItem, kind: ConversationView["kind"]): boolean {
  if (item.kind === "text") return false;
  const { notice } = item;
  return notice.kind === "joined" && !notice.isEntry ||
    notice.kind === "members-added" && kind === "direct-message";
}

function isOwn(item: HistoryItem): item is TextItem {
  return item.kind === "text" && item.author.isSelf;
}

function isFromOthers(item: HistoryItem): boolean {
  return item.kind === "text" && !item.author.isSelf;
}
