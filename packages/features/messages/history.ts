/** Reading histories, events and the queue. */
import {
  assert,
  decodeKey,
  keyAfter,
  MessengerError,
  type Store,
  type StoreReader,
} from "@qpq/ports";
import { decodeMoment, encodeMoment } from "../key-packages/moments.ts";
import {
  BLOCKED_KEYS,
  blockedKey,
  EVENT_KEYS,
  eventKey,
  itemKey,
  itemKeys,
  numberOf,
  queuedKeys,
  seenKey,
} from "./keys.ts";
import {
  decodeStoredEvent,
  decodeStoredItem,
  decodeStoredQueued,
  type StoredEvent,
  type StoredItem,
  type StoredQueued,
} from "./messages.gen.ts";
import { readLastEvent, readThread, ThreadWriter } from "./thread.ts";

export type { StoredItem, StoredNotice, StoredQueued, StoredText } from "./messages.gen.ts";

/** An entry of a history with its position. */
export interface PositionedItem {
  readonly position: number;
  readonly item: StoredItem;
}

/** What waits, and where it stands in the queue. */
export interface QueuedMessage {
  readonly order: number;
  readonly queued: StoredQueued;
}

/** An event with its cursor. */
export interface NumberedEvent extends StoredEvent {
  readonly cursor: number;
}

/** A page of the entries in front of `before`, oldest first. */
export async function readHistory(
  store: Store,
  conversationId: Uint8Array,
  options: { readonly before: number | undefined; readonly countMax: number },
): Promise<{ readonly items: readonly PositionedItem[]; readonly more: boolean }> {
  const { before, countMax } = options;
  const page = await store.snapshot((reader) =>
    reader.range({
      prefix: itemKeys(conversationId),
      reverse: true,
      countMax,
      ...before === undefined ? {} : { end: itemKey(conversationId, before) },
    })
  );
  const items = page.entries.map(({ key, value }) => ({
    position: numberOf(key),
    item: decodeStoredItem(value),
  }));
  return { items: items.reverse(), more: page.more };
}

/** @returns undefined when there is none */
export async function readItem(
  reader: Pick<StoreReader, "get">,
  conversationId: Uint8Array,
  position: number,
): Promise<StoredItem | undefined> {
  const stored = await reader.get(itemKey(conversationId, position));
  return stored === undefined ? undefined : decodeStoredItem(stored);
}

const EVENTS_PAGE_MAX = 256;

/** A page of the events behind a cursor, with the items that they are about, all of one moment. */
export async function readEvents(
  store: Store,
  after: number,
): Promise<
  readonly { readonly event: NumberedEvent; readonly item: StoredItem | undefined }[]
> {
  return await store.snapshot(async (reader) => {
    const { entries } = await reader.range({
      prefix: EVENT_KEYS,
      start: keyAfter(eventKey(after)),
      countMax: EVENTS_PAGE_MAX,
    });
    return await Promise.all(entries.map(async ({ key, value }) => {
      const event = { cursor: numberOf(key), ...decodeStoredEvent(value) };
      const item = event.position === 0
        ? undefined
        : await readItem(reader, event.conversationId, event.position);
      return { event, item };
    }));
  });
}

export async function lastEventOf(store: Store): Promise<number> {
  return await store.snapshot(readLastEvent);
}

/** Calls `onEvents` when there may be new ones. */
export function watchEvents(store: Store, onEvents: () => void): { close(): void } {
  return store.watch(EVENT_KEYS, onEvents);
}

/** Messages that wait, first to go out first. */
export async function readQueue(
  store: Store,
  conversationId: Uint8Array,
): Promise<readonly QueuedMessage[]> {
  const found: QueuedMessage[] = [];
  await store.snapshot(async (reader) => {
    let start: Uint8Array | undefined;
    for (;;) {
      const page = await reader.range({
        prefix: queuedKeys(conversationId),
        ...start === undefined ? {} : { start },
      });
      for (const { key, value } of page.entries) {
        found.push({ order: numberOf(key), queued: decodeStoredQueued(value) });
      }
      const last = page.entries.at(-1);
      if (!page.more || last === undefined) return;
      start = keyAfter(last.key);
    }
  });
  return found;
}

/** Counts everything up to a position as read. */
export async function markRead(
  store: Store,
  conversationId: Uint8Array,
  upTo: number | undefined,
): Promise<void> {
  await store.transaction(async (transaction) => {
    const before = await readThread(transaction, conversationId);
    const to = Math.min(upTo ?? before.lastPosition, before.lastPosition);
    if (to <= before.readUpTo || before.unreadCount === 0) return;
    let unreadCount = 0;
    if (to < before.lastPosition) {
      const { entries } = await transaction.range({
        prefix: itemKeys(conversationId),
        start: keyAfter(itemKey(conversationId, to)),
      });
      unreadCount = entries.filter(({ value }) => {
        const item = decodeStoredItem(value);
        return item.kind === "text" && item.text.state === "received";
      }).length;
    }
    const thread = await ThreadWriter.open(transaction, conversationId);
    thread.markRead(to, unreadCount);
    thread.flush();
  });
}

/** Hides an account's direct messages from now on, or shows them again. */
export async function setBlocked(
  store: Store,
  accountId: Uint8Array,
  isBlocked: boolean,
): Promise<void> {
  await store.transaction((transaction) => {
    if (isBlocked) transaction.put(blockedKey(accountId), encodeMoment(0));
    else transaction.delete(blockedKey(accountId));
    return Promise.resolve();
  });
}

/** @returns account ids in hexadecimal */
export async function readBlocked(store: Store): Promise<ReadonlySet<string>> {
  const { entries } = await store.snapshot((reader) => reader.range({ prefix: BLOCKED_KEYS }));
  return new Set(entries.map(({ key }) => {
    const accountId = decodeKey(key).at(-1);
    assert(accountId instanceof Uint8Array, "a blocked account's key ends with its id");
    return accountId.toHex();
  }));
}

/** @throws MessengerError `store/corrupt` */
export function requireItem(item: StoredItem | undefined): StoredItem {
  if (item !== undefined) return item;
  throw new MessengerError("store/corrupt", "Cannot read history: an entry is missing");
}

/** Where an account's message of that id stands; undefined when it isn't there. */
export async function positionOf(
  reader: Pick<StoreReader, "get">,
  message: {
    readonly groupId: Uint8Array;
    readonly accountId: Uint8Array;
    readonly messageId: Uint8Array;
  },
): Promise<number | undefined> {
  const stored = await reader.get(
    seenKey(message.groupId, message.accountId, message.messageId),
  );
  return stored === undefined ? undefined : decodeMoment(stored);
}
