import { assert, decodeKey, encodeKey, type SliceSchema } from "@qpq/ports";

/** The first part of every key of this slice, on a client. */
const SLICE = "messages";

export const messagesSchema: SliceSchema = { name: SLICE, version: 1, migrations: [] };

/** `StoredThread`. */
export const threadKey = (conversationId: Uint8Array): Uint8Array =>
  encodeKey(SLICE, "thread", conversationId);
export const THREAD_KEYS: Uint8Array = encodeKey(SLICE, "thread");

/** `StoredItem`, by its position. */
export const itemKey = (conversationId: Uint8Array, position: number): Uint8Array =>
  encodeKey(SLICE, "item", conversationId, position);
export const itemKeys = (conversationId: Uint8Array): Uint8Array =>
  encodeKey(SLICE, "item", conversationId);

/** `StoredQueued`, in the order in which they go out. */
export const queuedKey = (conversationId: Uint8Array, order: number): Uint8Array =>
  encodeKey(SLICE, "queued", conversationId, order);
export const queuedKeys = (conversationId: Uint8Array): Uint8Array =>
  encodeKey(SLICE, "queued", conversationId);

/** The position of a message, 8 bytes: an account's message id is shown once. */
export const seenKey = (
  conversationId: Uint8Array,
  accountId: Uint8Array,
  messageId: Uint8Array,
): Uint8Array => encodeKey(SLICE, "seen", conversationId, accountId, messageId);

/** `StoredEvent`, by its cursor. */
export const eventKey = (cursor: number): Uint8Array => encodeKey(SLICE, "event", cursor);
export const EVENT_KEYS: Uint8Array = encodeKey(SLICE, "event");
/** The newest event's cursor, 8 bytes. */
export const LAST_EVENT_KEY: Uint8Array = encodeKey(SLICE, "last-event");

/** Empty; an account whose direct messages are hidden. */
export const blockedKey = (accountId: Uint8Array): Uint8Array =>
  encodeKey(SLICE, "blocked", accountId);
export const BLOCKED_KEYS: Uint8Array = encodeKey(SLICE, "blocked");

/** The last part of a key that ends with a number. */
export function numberOf(key: Uint8Array): number {
  const number = decodeKey(key).at(-1);
  assert(typeof number === "number", "the key ends with a number");
  return number;
}
