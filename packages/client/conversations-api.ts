/** What `Client.conversations` offers. */
import type {
  ClientEvent,
  ConversationId,
  ConversationStatus,
  ConversationView,
  HistoryPage,
  InviteResult,
  MemberView,
  MessageId,
  TextItem,
} from "./conversation-views.ts";

export interface Waiting {
  readonly signal?: AbortSignal;
  /** Milliseconds; then `rpc/deadline`. */
  readonly timeoutMs?: number;
}

/**
 * The account's conversations on this device. What is local works without a server: history, and
 * `send`, which queues. What needs the server says so.
 *
 * Errors are `MessengerError`s: `conversations/unknown`, `conversations/not-active`, and as each says.
 */
export interface Conversations {
  /** Those with the latest entry first. */
  list(): Promise<readonly ConversationView[]>;
  /** @throws MessengerError `conversations/unknown` */
  get(id: ConversationId): Promise<ConversationView>;
  /**
   * By what a person types: `@name`, `#group`, `notes`, an id, or the first 8 or more digits of one.
   * @throws MessengerError `conversations/unknown`; `conversations/ambiguous`: several have the name
   */
  find(handle: string): Promise<ConversationView>;

  /**
   * The direct message with an account: the one there is, or a new one (needs the server). What is
   * sent waits until a device of the other account is in it: one without key packages enters by itself.
   * @throws MessengerError `accounts/unknown`, `devices/key-changed`, `conversations/with-self`
   */
  openDirectMessage(name: string, options?: Waiting): Promise<ConversationView>;
  /** Needs the server. Whoever can't be added is reported, and the others are. */
  createGroup(
    options: { readonly name: string; readonly invite?: readonly string[] } & Waiting,
  ): Promise<{
    readonly conversation: ConversationView;
    readonly invited: readonly InviteResult[];
  }>;
  /** The notes to oneself: never leaves this device. */
  notes(): Promise<ConversationView>;

  /** Needs the server. One commit for all. */
  invite(
    id: ConversationId,
    names: readonly string[],
    options?: Waiting,
  ): Promise<readonly InviteResult[]>;
  /** Accepts an invitation. @throws MessengerError `conversations/not-invited` */
  join(id: ConversationId, options?: Waiting): Promise<ConversationView>;
  /**
   * Leaves a group, or declines an invitation.
   * @throws MessengerError `conversations/last-admin`: make somebody else admin first;
   *   `conversations/not-a-group`
   */
  leave(id: ConversationId, options?: Waiting): Promise<void>;
  /** @throws MessengerError `conversations/not-admin`, `conversations/not-a-member`, `conversations/with-self` */
  remove(id: ConversationId, names: readonly string[], options?: Waiting): Promise<void>;
  /** @throws MessengerError `conversations/not-admin`, `conversations/not-a-member`, `conversations/last-admin` */
  setAdmin(
    id: ConversationId,
    change: { readonly name: string; readonly isAdmin: boolean } & Waiting,
  ): Promise<void>;
  /** Tells the members a new name of the group. */
  rename(id: ConversationId, name: string): Promise<void>;
  members(id: ConversationId): Promise<readonly MemberView[]>;
  /** @throws MessengerError `conversations/not-active` */
  status(id: ConversationId): Promise<ConversationStatus>;

  /**
   * Queues a text, durably, and sends it as soon as that goes: in the order of these calls, and again
   * after a crash, until the server has it or refuses it for good.
   * @param options.messageId a retry's: the same again changes nothing
   * @returns the entry, `pending`; in `notes` it is `sent`
   * @throws MessengerError `conversations/not-active`, `too-large`, `malformed`,
   *   `conversations/queue-full`, `conversations/message-id-reused`; `devices/key-changed`: accept it first
   */
  send(
    id: ConversationId,
    text: string,
    options?: { readonly messageId?: MessageId },
  ): Promise<TextItem>;
  /**
   * Waits until an own message is `sent`.
   * @throws MessengerError with the code of its failure when it has `failed`; `rpc/deadline`,
   *   `cancelled`: it is still queued; `conversations/unknown`
   */
  waitUntilSent(id: ConversationId, messageId: MessageId, options?: Waiting): Promise<TextItem>;
  /** Waits until nothing is queued any more, in any conversation. */
  waitUntilAllSent(options?: Waiting): Promise<void>;
  /** Waits until all that the server had, when this was called, is stored here. */
  waitUntilCaughtUp(options?: Waiting): Promise<void>;

  /**
   * How many conversations this device is still on its way into: a new device of an account enters all
   * of them by itself. `waitUntilCaughtUp` waits for it.
   */
  entering(): Promise<number>;

  /** @param options.before only entries in front of this position; default: the newest */
  history(
    id: ConversationId,
    options?: { readonly before?: number; readonly countMax?: number },
  ): Promise<HistoryPage>;
  /** Nothing up to this position counts as unread any more; default: all. */
  markRead(id: ConversationId, upTo?: number): Promise<void>;

  /** Hides what this account writes in direct messages, until `unblock`. */
  block(name: string): Promise<void>;
  unblock(name: string): Promise<void>;

  /**
   * What happens, from the store: nothing is missed between two runs, and a slow reader holds nothing
   * up. The last 100,000 are kept; who comes later goes on with the oldest.
   * @param options.after a cursor that was seen; default: only what comes from now on; 0: all
   */
  events(
    options?: { readonly after?: number; readonly signal?: AbortSignal },
  ): AsyncGenerator<ClientEvent, void, void>;
  /** The newest event's; 0 before the first. */
  lastCursor(): Promise<number>;
}
