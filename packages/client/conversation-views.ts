/** What programs see of conversations: plain data. */
import { MessengerError } from "@qpq/ports";

/** The MLS group's id, 32 to 128 lower-case hexadecimal digits; `"notes"` for the notes to oneself. */
export type ConversationId = string & { readonly _brand: "ConversationId" };
/** 32 lower-case hexadecimal digits; the same at everybody who has the message. */
export type MessageId = string & { readonly _brand: "MessageId" };

/** Bytes in UTF-8, at least 1, of a group's name and of a text message. */
export { GROUP_NAME_BYTES_MAX } from "../features/messages/body.ts";
export { TEXT_BYTES_MAX } from "../features/messages/content.ts";

/** Accounts in one `invite` or `createGroup`. */
export const INVITED_COUNT_MAX = 1_000;
/** Entries of one page of history, which is the default. */
export const HISTORY_PAGE_MAX = 100;

/** @throws MessengerError `malformed` */
export function parseConversationId(text: string): ConversationId {
  if (text === "notes" || /^(?:[0-9a-f]{2}){16,64}$/.test(text)) return text as ConversationId;
  throw new MessengerError("malformed", "Cannot read conversation id: not 32 to 128 hex digits");
}

/** @throws MessengerError `malformed` */
export function parseMessageId(text: string): MessageId {
  if (/^[0-9a-f]{32}$/.test(text)) return text as MessageId;
  throw new MessengerError("malformed", "Cannot read message id: not 32 hex digits");
}

/**
 * - `invited`: a group that waits for `join`, or for being left.
 * - `joining`: this device is on its way in, by its own commit.
 * - `active`: messages come and go.
 * - `leaving`: it has asked to be removed; somebody's commit does it.
 * - `left`, `removed`: history only.
 * - `closed`: its group is over. What is sent before it is known that none follows waits for the one that does.
 * - `broken`: this device cannot follow the group any more: what is sent waits until it can, or another
 *   group comes in its place.
 */
export type ConversationState =
  | "invited"
  | "joining"
  | "active"
  | "leaving"
  | "left"
  | "removed"
  | "closed"
  | "broken";

export interface ConversationView {
  readonly id: ConversationId;
  readonly kind: "direct-message" | "group" | "notes";
  /** A direct message's: the other account's name. A group's: what its members call it. */
  readonly name: string;
  readonly state: ConversationState;
  /** Messages of others behind the last `markRead`. */
  readonly unreadCount: number;
  /** Own messages that the server doesn't have yet. */
  readonly queuedCount: number;
  /** Whoever wrote first: an account that this one never wrote to. */
  readonly isFromStranger: boolean;
  /** Nothing of it is shown. */
  readonly isBlocked: boolean;
  /** Members whose account key changed: nothing is sent until it is accepted. */
  readonly blockedBy: readonly string[];
  /** A device that the account's list does not have is in it as one of its own: nothing is sent. */
  readonly hasUnknownDevice: boolean;
  /**
   * This device came in by itself, and nobody else's message was decrypted since: who the members are is
   * what the server said.
   */
  readonly isUnconfirmed: boolean;
  /** The group's epoch; 0 before there is one. */
  readonly epoch: number;
  /** Wall clock, milliseconds since 1970: of the last entry of the history. */
  readonly lastAtMs: number;
}

/** How a conversation is protected right now, for comparison with others. */
export interface ConversationStatus {
  readonly epoch: number;
  /** Hexadecimal; the same at all members of one epoch (RFC 9420 §8.7). */
  readonly epochAuthenticator: string;
  readonly cipherSuite: number;
  readonly isPostQuantum: boolean;
  readonly leavesCount: number;
}

export interface MemberView {
  readonly name: string;
  /** 32 hexadecimal digits. */
  readonly accountId: string;
  readonly isSelf: boolean;
  readonly isAdmin: boolean;
  readonly devicesCount: number;
  /** It was added while this device was here, and has said nothing since: not even that it has accepted. */
  readonly isInvited: boolean;
  /** `changed`: another account key than the pinned one. */
  readonly trust: "self" | "first-use" | "pinned" | "verified" | "changed";
}

/** Who wrote something. */
export interface Author {
  readonly accountId: string;
  readonly name: string;
  readonly isSelf: boolean;
}

/** An entry of a conversation's history. */
export type HistoryItem = TextItem | NoticeItem;

export interface TextItem {
  readonly kind: "text";
  readonly conversationId: ConversationId;
  /** 1, 2, 3 … in this device's history of the conversation. */
  readonly position: number;
  readonly messageId: MessageId;
  readonly author: Author;
  readonly text: string;
  /** By the author's clock, milliseconds since 1970. */
  readonly sentAtMs: number;
  /** By the server's; 0 until it has the message. */
  readonly acceptedAtMs: number;
  /**
   * Of others: `received`. Of one's own: `pending` until the server has it, then `sent`; `failed`: it
   * will not be sent again.
   */
  readonly state: "received" | "pending" | "sent" | "failed";
  /** Why it failed: a code of docs/errors.md. */
  readonly failure?: { readonly code: string; readonly message: string };
}

export interface NoticeItem {
  readonly kind: "notice";
  readonly conversationId: ConversationId;
  readonly position: number;
  readonly atMs: number;
  readonly notice: Notice;
}

/** What is said in a history beside messages. Names are of accounts. */
export type Notice =
  /** `isEntry`: this device came in by itself, where the account is a member: it has nothing from before. */
  | { readonly kind: "joined"; readonly isEntry: boolean }
  /** `by` is empty when this device could not follow then: it finds them there, or gone. */
  | { readonly kind: "members-added"; readonly by: string; readonly names: readonly string[] }
  | { readonly kind: "members-removed"; readonly by: string; readonly names: readonly string[] }
  | { readonly kind: "members-left"; readonly names: readonly string[] }
  /** It has accepted its invitation. */
  | { readonly kind: "member-joined"; readonly name: string }
  | { readonly kind: "device-added"; readonly name: string }
  /** A device that the own account's list does not have is in the conversation as one of its own. */
  | { readonly kind: "unknown-device"; readonly name: string }
  /** Another one has entered with this device's own key: a copy of it. This one is out. */
  | { readonly kind: "device-replaced"; readonly name: string }
  | { readonly kind: "renamed"; readonly by: string; readonly name: string }
  | { readonly kind: "admins-changed"; readonly by: string; readonly names: readonly string[] }
  | { readonly kind: "removed-self"; readonly by: string }
  | { readonly kind: "left-self" }
  /** Entries that the server has no more, or that were before this device's time. */
  | { readonly kind: "gap"; readonly count: number; readonly reason: string }
  /** Its author sent messages that never came. */
  | { readonly kind: "missing-messages"; readonly name: string; readonly count: number }
  | { readonly kind: "undecryptable"; readonly name: string; readonly code: string }
  | { readonly kind: "key-changed"; readonly name: string }
  /** This device could not follow and entered anew. */
  | { readonly kind: "rejoined" }
  /** Its group is closed; another one may follow. */
  | { readonly kind: "closed" }
  /** It goes on in a new group, in which those accounts are not. */
  | { readonly kind: "succeeded"; readonly without: readonly string[] }
  | { readonly kind: "broken"; readonly code: string };

/** A page of history, oldest first. */
export interface HistoryPage {
  readonly items: readonly HistoryItem[];
  /** Whether there are older ones. */
  readonly more: boolean;
}

/** What came of inviting one account. */
export type InviteResult =
  /** It is in the group already; nothing was done. */
  | { readonly kind: "present"; readonly name: string }
  /** `devicesWithout`: devices that enter by themselves when they are on line. */
  | { readonly kind: "added"; readonly name: string; readonly devicesWithout: number }
  | {
    readonly kind: "failed";
    readonly name: string;
    readonly code: string;
    readonly message: string;
  };

/** Something that happened, durable before it is told. */
export type ClientEvent =
  & {
    /** Where this event stands: what `events` goes on behind. Grows. */
    readonly cursor: number;
    readonly conversationId: ConversationId;
  }
  & (
    /** A new entry of a history: a message that came or was queued here, or a notice. */
    | { readonly kind: "item"; readonly item: HistoryItem }
    /** An own message has become `sent` or `failed`. */
    | { readonly kind: "item-changed"; readonly item: TextItem }
    /** Its name, state or members: read it again. */
    | { readonly kind: "conversation" }
  );
