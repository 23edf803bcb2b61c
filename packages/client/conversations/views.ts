/** From what is stored to what programs see. */
import { membersOf } from "@qpq/mls";
import { compareKeys, MessengerError } from "@qpq/ports";
import { findConversationContext } from "../../features/groups/context.ts";
import type { StoredConversation } from "../../features/groups/group-store.ts";
import type { StoredItem, StoredNotice, StoredText } from "../../features/messages/history.ts";
import type { StoredThread } from "../../features/messages/messages.gen.ts";
import type {
  Author,
  ConversationId,
  ConversationView,
  HistoryItem,
  MemberView,
  MessageId,
  Notice,
  TextItem,
} from "../conversation-views.ts";
import { UNNAMED } from "./group-name.ts";
import type { Ground } from "./ground.ts";
import type { LiveConversation } from "./live-conversation.ts";

/** The notes to oneself, which have no channel. */
export const NOTES_ID = "notes" as ConversationId;
export const NOTES_BYTES: Uint8Array = new TextEncoder().encode("notes");

/** Not while this device is on its way into a group of which it knows nothing yet. */
export function isShown(
  { state, name, cursor, successorId, predecessorId }: StoredConversation,
): boolean {
  if (successorId.length > 0 || state === "joining" && predecessorId.length > 0) return false;
  return state !== "joining" || name !== UNNAMED && cursor > 0;
}

export function idOf(conversationId: Uint8Array): ConversationId {
  return compareKeys(conversationId, NOTES_BYTES) === 0
    ? NOTES_ID
    : conversationId.toHex() as ConversationId;
}

export function bytesOf(id: ConversationId): Uint8Array {
  return id === NOTES_ID ? NOTES_BYTES : Uint8Array.fromHex(id);
}

export function viewOf(
  conversation: {
    readonly id: ConversationId;
    readonly record: StoredConversation;
    readonly thread: StoredThread;
  },
  about: {
    readonly isBlocked: boolean;
    readonly blockedBy: readonly string[];
    readonly epoch: number;
  },
): ConversationView {
  const { id, record, thread } = conversation;
  const { state } = record;
  return {
    id,
    kind: record.kind === "directMessage" ? "direct-message" : "group",
    name: record.name,
    state: state === "unknown" ? "broken" : state,
    unreadCount: thread.unreadCount,
    queuedCount: thread.queuedCount,
    isFromStranger: record.isFromStranger,
    hasUnknownDevice: record.strangers.length > 0,
    isUnconfirmed: record.isUnconfirmed,
    lastAtMs: thread.lastAtMs,
    ...about,
  };
}

export function notesView(thread: StoredThread): ConversationView {
  return {
    id: NOTES_ID,
    kind: "notes",
    name: "notes",
    state: "active",
    unreadCount: 0,
    queuedCount: 0,
    isFromStranger: false,
    isBlocked: false,
    blockedBy: [],
    hasUnknownDevice: false,
    isUnconfirmed: false,
    epoch: 0,
    lastAtMs: thread.lastAtMs,
  };
}

/** @throws MessengerError `store/corrupt`: a newer program wrote it */
export function itemOf(
  ground: Ground,
  conversationId: Uint8Array,
  { position, item }: { readonly position: number; readonly item: StoredItem },
): HistoryItem {
  const id = idOf(conversationId);
  if (item.kind === "text") return textItemOf(ground, id, { position, text: item.text });
  if (item.kind === "notice") {
    const { notice } = item;
    return {
      kind: "notice",
      conversationId: id,
      position,
      atMs: notice.atMs,
      notice: noticeOf(notice),
    };
  }
  throw new MessengerError("store/corrupt", "Cannot read history: an entry of an unknown kind");
}

function textItemOf(
  ground: Ground,
  conversationId: ConversationId,
  { position, text }: { readonly position: number; readonly text: StoredText },
): TextItem {
  const { messageId, accountId, accountName, sentAtMs, acceptedAtMs, state } = text;
  const author: Author = {
    accountId: accountId.toHex(),
    name: accountName,
    isSelf: compareKeys(accountId, ground.own.accountId) === 0,
  };
  return {
    kind: "text",
    conversationId,
    position,
    messageId: messageId.toHex() as MessageId,
    author,
    text: text.text,
    sentAtMs,
    acceptedAtMs,
    state: state === "unknown" ? "failed" : state,
    ...state === "failed"
      ? { failure: { code: text.failureCode, message: text.failureMessage } }
      : {},
  };
}

function noticeOf({ kind, name, names, count, code }: StoredNotice): Notice {
  switch (kind) {
    case "joined":
      return { kind, isEntry: code === "entered" };
    case "left-self":
    case "rejoined":
    case "closed":
      return { kind };
    case "succeeded":
      return { kind, without: names };
    case "members-added":
    case "members-removed":
    case "admins-changed":
      return { kind, by: name, names };
    case "members-left":
      return { kind, names };
    case "member-joined":
    case "device-added":
    case "unknown-device":
    case "device-replaced":
    case "key-changed":
      return { kind, name };
    case "renamed":
      return { kind, by: name, name: names[0] ?? "" };
    case "removed-self":
      return { kind, by: name };
    case "gap":
      return { kind, count, reason: code };
    case "missing-messages":
      return { kind, name, count };
    case "undecryptable":
      return { kind, name, code };
    default:
      return { kind: "broken", code: code === "" ? kind : code };
  }
}

/** The members of the group as it stands, in the order of their leaves. */
export async function membersViewOf(
  ground: Ground,
  live: LiveConversation,
  trustOf: (name: string) => Promise<MemberView["trust"]>,
): Promise<readonly MemberView[]> {
  const { state, record: { invitedIds } } = live;
  if (state === undefined) return [];
  const context = findConversationContext(state.context.extensions);
  const accounts = ground.leaves.accounts(membersOf(await state.tree.load()));
  return await Promise.all([...accounts.values()].map(async ({ id, devices }) => {
    const [{ device: { accountName: name, accountId } }] = devices;
    const isSelf = compareKeys(accountId, ground.own.accountId) === 0;
    return {
      name,
      accountId: id,
      isSelf,
      isAdmin: context.admins.some((admin) => compareKeys(admin, accountId) === 0),
      devicesCount: devices.length,
      isInvited: invitedIds.some((invited) => compareKeys(invited, accountId) === 0),
      trust: isSelf ? "self" as const : await trustOf(name),
    };
  }));
}
