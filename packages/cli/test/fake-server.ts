/** What accounts of a `FakeConversations` talk through. */
import type {
  Author,
  ClientEvent,
  ConversationId,
  ConversationState,
  ConversationView,
  HistoryItem,
  MemberView,
  MessageId,
  Notice,
  TextItem,
  Waiting,
} from "@qpq/client";
import { type ErrorCode, MessengerError } from "@qpq/ports";

export type Entry =
  | { readonly kind: "text"; readonly from: string; readonly id: MessageId; readonly text: string }
  | { readonly kind: "notice"; readonly by: string; readonly notice: Notice };

export interface Group {
  readonly id: ConversationId;
  readonly kind: "direct-message" | "group";
  name: string;
  readonly members: Map<string, Member>;
  readonly log: Entry[];
  epoch: number;
}

export interface Member {
  isAdmin: boolean;
  isInvited?: boolean;
}

/** What one account has of a conversation. */
export interface Local {
  readonly id: ConversationId;
  readonly items: HistoryItem[];
  state: ConversationState;
  /** Entries of the group's log that were taken over. */
  read: number;
  /** Where the log ends for an account that is no member any more. */
  until: number | undefined;
  readUpTo: number;
  isFromStranger: boolean;
}

export function newLocal(id: ConversationId, state: ConversationState, read: number): Local {
  return { id, items: [], state, read, until: undefined, readUpTo: 0, isFromStranger: false };
}

export interface FakeAccount {
  readonly name: string;
  /** Takes over what the server has. */
  drain(): void;
  /** Another account, or this one, has let it into a group. */
  enter(group: Group, state: "active" | "invited", by: string): void;
  expel(group: Group, by: string): void;
}

export const NOTES = "notes" as ConversationId;

export class FakeServer {
  readonly groups = new Map<ConversationId, Group>();
  readonly accounts = new Map<string, FakeAccount>();
  /** Names whose account key has changed. */
  readonly changedKeys = new Set<string>();
  #ids = 0;

  newId<Id extends string>(): Id {
    // The first digits differ, as those of random ids do.
    return (++this.#ids).toString(16).padStart(4, "0").repeat(8) as Id;
  }

  group(id: ConversationId): Group {
    const group = this.groups.get(id);
    if (group === undefined) throw new Error(`no group ${id}`);
    return group;
  }

  /** An invitation is accepted: all hear of it. */
  accept(group: Group, name: string): void {
    group.members.set(name, { isAdmin: group.members.get(name)?.isAdmin === true });
    this.append(group, { kind: "notice", by: name, notice: { kind: "member-joined", name } });
  }

  append(group: Group, entry: Entry): void {
    group.log.push(entry);
    for (const account of this.accounts.values()) account.drain();
  }
}

/** What happened at one account, and who waits for more. */
export class EventLog {
  /** Whether time limits never pass, because something is on its way. */
  isPatient = false;
  readonly #events: ClientEvent[] = [];
  #waiting: (() => void)[] = [];

  get last(): number {
    return this.#events.length;
  }

  add(
    event:
      | { kind: "conversation" }
      | { kind: "item"; item: HistoryItem }
      | { kind: "item-changed"; item: TextItem },
    conversationId: ConversationId,
  ): void {
    this.#events.push({ ...event, conversationId, cursor: this.last + 1 });
    this.stir();
  }

  /** Lets who waits look again. */
  stir(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }

  async *follow(
    { after = this.last, signal }: { readonly after?: number; readonly signal?: AbortSignal },
  ): AsyncGenerator<ClientEvent, void, void> {
    using _ = this.#stirredBy(signal);
    for (let cursor = after; signal?.aborted !== true;) {
      const next = this.#events[cursor];
      if (next === undefined) await this.#more();
      else {
        cursor = next.cursor;
        yield next;
      }
    }
  }

  /** A time limit passes at once where nothing happens: tests don't wait. */
  async until(isDone: () => boolean, { signal, timeoutMs }: Waiting): Promise<void> {
    using _ = this.#stirredBy(signal);
    await Promise.resolve();
    while (!isDone()) {
      if (signal?.aborted === true) throw refusal("cancelled", "Cannot wait: cancelled");
      if (timeoutMs !== undefined && !this.isPatient) {
        throw refusal("rpc/deadline", "Cannot wait: too long");
      }
      await this.#more();
    }
  }

  #more(): Promise<void> {
    return new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #stirredBy(signal: AbortSignal | undefined): Disposable {
    const stir = (): void => this.stir();
    signal?.addEventListener("abort", stir);
    return { [Symbol.dispose]: () => signal?.removeEventListener("abort", stir) };
  }
}

export function memberViewsOf({ members }: Group, self: string): readonly MemberView[] {
  return [...members].map(([name, { isAdmin, isInvited = false }]) => ({
    ...authorOf(name, name === self),
    isAdmin,
    isInvited,
    devicesCount: 1,
    trust: name === self ? "self" : "first-use",
  }));
}

export function viewOf(
  local: Local,
  { server, self, blocked }: {
    readonly server: FakeServer;
    readonly self: string;
    readonly blocked: ReadonlySet<string>;
  },
): ConversationView {
  const { id, items, state, readUpTo, isFromStranger } = local;
  const group = id === NOTES ? undefined : server.group(id);
  const others = [...group?.members.keys() ?? []].filter((name) => name !== self);
  const texts = items.filter((item) => item.kind === "text");
  const name = group?.kind === "direct-message" ? others[0] ?? "" : group?.name ?? "notes";
  return {
    id,
    kind: group?.kind ?? "notes",
    name,
    state,
    unreadCount: texts.filter(({ author, position }) => !author.isSelf && position > readUpTo)
      .length,
    queuedCount: texts.filter((text) => text.state === "pending").length,
    isFromStranger,
    isBlocked: group?.kind === "direct-message" && blocked.has(name),
    hasUnknownDevice: false,
    isUnconfirmed: false,
    blockedBy: others.filter((other) => server.changedKeys.has(other)),
    epoch: group?.epoch ?? 0,
    lastAtMs: itemAtMs(items.at(-1)),
  };
}

export function authorOf(name: string, isSelf: boolean): Author {
  const accountId = [...new TextEncoder().encode(name)].map((byte) => byte.toString(16)).join("")
    .padEnd(32, "0").slice(0, 32);
  return { accountId, name, isSelf };
}

export function itemAtMs(item: HistoryItem | undefined): number {
  if (item === undefined) return 0;
  return item.kind === "text" ? item.sentAtMs : item.atMs;
}

export function refusal(code: ErrorCode, message: string): MessengerError {
  return new MessengerError(code, message);
}

export async function promised<Result>(run: () => Result): Promise<Result> {
  return await run();
}
