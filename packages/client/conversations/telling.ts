/** Events, from the store: what happened, in order, however late somebody listens. */
import {
  lastEventOf,
  type NumberedEvent,
  readEvents,
  type StoredItem,
  watchEvents,
} from "../../features/messages/history.ts";
import { MessengerError } from "@qpq/ports";
import type { ClientEvent } from "../conversation-views.ts";
import type { Ground } from "./ground.ts";
import { idOf, itemOf } from "./views.ts";

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
        const told = eventOf(ground, event, item);
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
