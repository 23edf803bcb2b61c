/** Events, from the store: what happened, in order, however late somebody listens. */
import {
  lastEventOf,
  type NumberedEvent,
  readEvents,
  type StoredItem,
  watchEvents,
} from "../../features/messages/history.ts";
import { MessengerError } from "@qpq/ports";
import { readConversation } from "../../features/groups/group-store.ts";
import type { ClientEvent } from "../conversation-views.ts";
import type { Ground } from "./ground.ts";
import { idOf, isShown, itemOf, NOTES_ID } from "./views.ts";

/** @see Conversations.events */
export async function* tellEvents(
  ground: Ground,
  options: { readonly after?: number; readonly signal?: AbortSignal },
): AsyncGenerator<ClientEvent, void, void> {
  const { store, signal: closing } = ground;
  const signal = options.signal === undefined
    ? closing
    : AbortSignal.any([closing, options.signal]);
  let cursor = options.after ?? await lastEventOf(store);
  let bell = Promise.withResolvers<void>();
  const onEvents = (): void => bell.resolve();
  const watch = watchEvents(store, onEvents);
  signal.addEventListener("abort", onEvents);
  try {
    while (!signal.aborted) {
      // Armed before it reads: what comes in between is not missed.
      bell = Promise.withResolvers<void>();
      const page = await readEvents(store, cursor);
      for (const { event, item } of page) {
        cursor = event.cursor;
        const told = await isTold(ground, event, item) ? eventOf(ground, event, item) : undefined;
        if (told !== undefined) yield told;
        if (signal.aborted) return;
      }
      if (page.length === 0) await bell.promise;
    }
    // Closed by a failure: who listens must not take it for the end.
    const { aborted, reason } = closing;
    if (aborted && !(reason instanceof MessengerError && reason.code === "cancelled")) throw reason;
  } finally {
    watch.close();
    signal.removeEventListener("abort", onEvents);
  }
}

/** Whoever hears of a conversation asks for it: it is there, or nothing is told. */
async function isTold(
  { store }: Ground,
  { conversationId }: NumberedEvent,
  item: StoredItem | undefined,
): Promise<boolean> {
  // Texts come when it is there.
  if (item?.kind === "text" || idOf(conversationId) === NOTES_ID) return true;
  const record = await store.snapshot((reader) => readConversation(reader, conversationId));
  if (record === undefined) return false;
  // Its first group's record stands for one that goes on in another.
  return record.successorId.length > 0 || isShown(record);
}

function eventOf(
  ground: Ground,
  event: NumberedEvent,
  item: StoredItem | undefined,
): ClientEvent | undefined {
  const { cursor, conversationId, position } = event;
  const common = { cursor, conversationId: idOf(conversationId) };
  if (event.kind === "conversation") return { ...common, kind: "conversation" };
  if (item === undefined) return undefined;
  const shown = itemOf(ground, conversationId, { position, item });
  if (event.kind === "item") return { ...common, kind: "item", item: shown };
  return shown.kind === "text" ? { ...common, kind: "item-changed", item: shown } : undefined;
}
