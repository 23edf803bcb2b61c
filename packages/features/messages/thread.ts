/** Writing a conversation's history, and the events that tell of it, inside a caller's transaction. */
import type { StoreReader, StoreTransaction } from "@qpq/ports";
import { assert } from "@qpq/ports";
import { decodeMoment, encodeMoment } from "../key-packages/moments.ts";
import {
  blockedKey,
  eventKey,
  itemKey,
  LAST_EVENT_KEY,
  queuedKey,
  seenKey,
  threadKey,
} from "./keys.ts";
import {
  decodeStoredItem,
  decodeStoredThread,
  encodeStoredEvent,
  encodeStoredItem,
  encodeStoredQueued,
  encodeStoredThread,
  type EventKind,
  type StoredNotice,
  type StoredQueued,
  type StoredText,
  type StoredThread,
} from "./messages.gen.ts";

/** Events that are kept: who comes later goes on with the oldest. */
export const EVENTS_KEPT_MAX = 100_000;
/** Own messages of one conversation that wait to be sent. */
export const QUEUED_COUNT_MAX = 10_000;

const NO_THREAD: StoredThread = {
  lastPosition: 0,
  unreadCount: 0,
  readUpTo: 0,
  queuedCount: 0,
  lastAtMs: 0,
};

/** What a notice says; the fields that its kind has no use for left out. */
export type NewNotice = { readonly kind: string } & Partial<Omit<StoredNotice, "kind" | "atMs">>;

/** A text to be added, whoever wrote it. */
export type NewText =
  & Omit<StoredText, "failureCode" | "failureMessage">
  & { readonly isOwn: boolean };

/**
 * One conversation's history within one transaction: read once, changed in memory, written by
 * `flush`. Two of one conversation never live in one transaction.
 */
export class ThreadWriter {
  readonly #transaction: StoreTransaction;
  readonly #conversationId: Uint8Array;
  #thread: StoredThread;
  #lastEvent: number;

  private constructor(
    transaction: StoreTransaction,
    options: {
      readonly conversationId: Uint8Array;
      readonly thread: StoredThread;
      readonly lastEvent: number;
    },
  ) {
    this.#transaction = transaction;
    this.#conversationId = options.conversationId;
    this.#thread = options.thread;
    this.#lastEvent = options.lastEvent;
  }

  static async open(
    transaction: StoreTransaction,
    conversationId: Uint8Array,
  ): Promise<ThreadWriter> {
    const [thread, lastEvent] = await Promise.all([
      readThread(transaction, conversationId),
      readLastEvent(transaction),
    ]);
    return new ThreadWriter(transaction, { conversationId, thread, lastEvent });
  }

  get thread(): StoredThread {
    return this.#thread;
  }

  /**
   * Adds a message, unless its account's message of that id is there already, or the account is
   * blocked.
   * @returns its position; undefined when nothing was added
   */
  async addText({ isOwn, ...text }: NewText): Promise<number | undefined> {
    const key = seenKey(this.#conversationId, text.accountId, text.messageId);
    const [seen, blocked] = await Promise.all([
      this.#transaction.get(key),
      isOwn ? undefined : this.#transaction.get(blockedKey(text.accountId)),
    ]);
    if (seen !== undefined || blocked !== undefined) return undefined;
    const position = this.#next(Math.max(text.acceptedAtMs, text.sentAtMs));
    this.#transaction.put(key, encodeMoment(position));
    this.#put(position, {
      kind: "text",
      text: { ...text, failureCode: "", failureMessage: "" },
    });
    if (!isOwn) this.#thread = { ...this.#thread, unreadCount: this.#thread.unreadCount + 1 };
    this.#event("item", position);
    return position;
  }

  addNotice(notice: NewNotice, atMs: number): void {
    const position = this.#next(atMs);
    const whole = { name: "", names: [], count: 0, code: "", ...notice, atMs };
    this.#put(position, { kind: "notice", notice: whole });
    this.#event("item", position);
  }

  /** Position of an account's message; undefined when it isn't there. */
  async positionOf(accountId: Uint8Array, messageId: Uint8Array): Promise<number | undefined> {
    const stored = await this.#transaction.get(
      seenKey(this.#conversationId, accountId, messageId),
    );
    return stored === undefined ? undefined : decodeMoment(stored);
  }

  /** Changes an own message that was queued. */
  async changeText(
    position: number,
    change: Partial<
      Pick<StoredText, "state" | "acceptedAtMs" | "failureCode" | "failureMessage">
    >,
  ): Promise<void> {
    if (position === 0) return;
    const stored = await this.#transaction.get(itemKey(this.#conversationId, position));
    assert(stored !== undefined, "a queued message stands in the history");
    const item = decodeStoredItem(stored);
    assert(item.kind === "text", "what was queued is a text");
    if (item.text.state !== "pending") return;
    this.#put(position, { kind: "text", text: { ...item.text, ...change } });
    this.#event("itemChanged", position);
  }

  /** @param order where it stands in the queue: `QueuedMessage.order` */
  enqueue(order: number, queued: StoredQueued): void {
    this.#transaction.put(queuedKey(this.#conversationId, order), encodeStoredQueued(queued));
    this.#count(1);
  }

  requeue(order: number, queued: StoredQueued): void {
    this.#transaction.put(queuedKey(this.#conversationId, order), encodeStoredQueued(queued));
  }

  /** The server has it: it waits only for its entry to come back. */
  noteAccepted(order: number, queued: StoredQueued): void {
    this.requeue(order, accepted(queued));
    this.#countOut(queued);
  }

  /** @param counted what still counted as waiting */
  dequeue(order: number, counted: Pick<StoredQueued, "position"> | undefined): void {
    this.#transaction.delete(queuedKey(this.#conversationId, order));
    if (counted !== undefined) this.#countOut(counted);
  }

  markRead(upTo: number, unreadCount: number): void {
    this.#thread = { ...this.#thread, readUpTo: upTo, unreadCount };
    this.#event("conversation", 0);
  }

  /** Says that the conversation itself is another. */
  noteConversation(): void {
    this.#event("conversation", 0);
  }

  flush(): void {
    this.#transaction.put(threadKey(this.#conversationId), encodeStoredThread(this.#thread));
    this.#transaction.put(LAST_EVENT_KEY, encodeMoment(this.#lastEvent));
  }

  #next(atMs: number): number {
    const lastPosition = this.#thread.lastPosition + 1;
    this.#thread = {
      ...this.#thread,
      lastPosition,
      lastAtMs: Math.max(this.#thread.lastAtMs, atMs),
    };
    return lastPosition;
  }

  #put(position: number, item: Parameters<typeof encodeStoredItem>[0]): void {
    this.#transaction.put(itemKey(this.#conversationId, position), encodeStoredItem(item));
  }

  /** A text's own event tells of it; what isn't shown has none. */
  #countOut({ position }: Pick<StoredQueued, "position">): void {
    this.#count(-1);
    if (position === 0) this.noteConversation();
  }

  #count(change: number): void {
    this.#thread = { ...this.#thread, queuedCount: this.#thread.queuedCount + change };
  }

  #event(kind: EventKind, position: number): void {
    this.#lastEvent += 1;
    const event = { conversationId: this.#conversationId, kind, position };
    this.#transaction.put(eventKey(this.#lastEvent), encodeStoredEvent(event));
    if (this.#lastEvent > EVENTS_KEPT_MAX) {
      this.#transaction.delete(eventKey(this.#lastEvent - EVENTS_KEPT_MAX));
    }
  }
}

/** What is kept of a message that the server has: what a hidden one says holds when it comes back. */
export function accepted(queued: StoredQueued): StoredQueued {
  const body = queued.position === 0 ? queued.body : new Uint8Array();
  return { ...queued, message: new Uint8Array(), body };
}

/** Numbers of a conversation's history; zeros for one that has none. */
export async function readThread(
  reader: Pick<StoreReader, "get">,
  conversationId: Uint8Array,
): Promise<StoredThread> {
  const stored = await reader.get(threadKey(conversationId));
  return stored === undefined ? NO_THREAD : decodeStoredThread(stored);
}

/** The newest event's cursor; 0 before the first. */
export async function readLastEvent(reader: Pick<StoreReader, "get">): Promise<number> {
  const stored = await reader.get(LAST_EVENT_KEY);
  return stored === undefined ? 0 : decodeMoment(stored);
}
