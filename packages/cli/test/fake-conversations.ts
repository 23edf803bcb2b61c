/**
 * `Conversations` in memory, true to its docstrings, for tests of what is built on it: accounts that
 * talk through one `FakeServer`, which each of them may lose and find again.
 */
import {
  type ClientEvent,
  type ConversationId,
  type Conversations,
  type ConversationView,
  HISTORY_PAGE_MAX,
  type HistoryItem,
  type InviteResult,
  type MemberView,
  type MessageId,
  type Notice,
  type NoticeItem,
  TEXT_BYTES_MAX,
  type TextItem,
  type Waiting,
} from "@qpq/client";
import type { ErrorCode } from "@qpq/ports";
import {
  authorOf,
  type Entry,
  EventLog,
  type FakeAccount,
  type FakeServer,
  type Group,
  type Local,
  memberViewsOf,
  newLocal,
  NOTES,
  promised,
  refusal,
  viewOf,
} from "./fake-server.ts";

export class FakeConversations implements Conversations, FakeAccount {
  readonly name: string;
  readonly #server: FakeServer;
  readonly #local = new Map<ConversationId, Local>();
  readonly happened = new EventLog();
  readonly #blocked = new Set<string>();
  enteringCount = 0;
  #isOnline = true;
  #nowMs = Date.UTC(2026, 0, 2, 12, 0);

  constructor(name: string, server: FakeServer) {
    this.name = name;
    this.#server = server;
    this.#local.set(NOTES, newLocal(NOTES, "active", 0));
    server.accounts.set(name, this);
  }

  get isOnline(): boolean {
    return this.#isOnline;
  }

  set isOnline(isOnline: boolean) {
    this.#isOnline = isOnline;
    if (isOnline) this.#flush();
    this.drain();
    this.happened.stir();
  }

  list(): Promise<readonly ConversationView[]> {
    const views = [...this.#local.values()].map((local) => this.#view(local));
    return Promise.resolve(views.toSorted((one, other) => other.lastAtMs - one.lastAtMs));
  }

  get(id: ConversationId): Promise<ConversationView> {
    return promised(() => this.#view(this.#get(id)));
  }

  async find(handle: string): Promise<ConversationView> {
    const views = await this.list();
    const found = views.filter(({ id, kind, name }) => {
      if (handle === "notes") return id === NOTES;
      if (handle.startsWith("@")) return kind === "direct-message" && name === handle.slice(1);
      if (handle.startsWith("#")) return kind === "group" && name === handle.slice(1);
      return /^[0-9a-f]{8,}$/.test(handle) && id.startsWith(handle);
    });
    const [first] = found;
    if (first === undefined) {
      throw refusal("conversations/unknown", `Cannot find ${handle}: no such conversation`);
    }
    if (found.length > 1) {
      throw refusal("conversations/ambiguous", `Cannot find ${handle}: several`);
    }
    return first;
  }

  async openDirectMessage(name: string, options: Waiting = {}): Promise<ConversationView> {
    if (name === this.name) throw refusal("conversations/with-self", "Cannot talk to oneself");
    const known = [...this.#local.values()].map((local) => this.#view(local))
      .find((view) => view.kind === "direct-message" && view.name === name);
    if (known !== undefined) return known;
    await this.#online(options);
    this.#account(name);
    if (this.#server.changedKeys.has(name)) {
      throw refusal("devices/key-changed", `Cannot send to ${name}: the account key has changed`);
    }
    const group = this.#newGroup("direct-message", name);
    group.members.set(name, { isAdmin: true });
    this.#server.accounts.get(name)?.enter(group, "active", this.name);
    return await this.get(group.id);
  }

  async createGroup(
    options: { readonly name: string; readonly invite?: readonly string[] } & Waiting,
  ): Promise<{ conversation: ConversationView; invited: readonly InviteResult[] }> {
    await this.#online(options);
    const group = this.#newGroup("group", options.name);
    const invited = options.invite === undefined ? [] : await this.invite(group.id, options.invite);
    return { conversation: await this.get(group.id), invited };
  }

  notes(): Promise<ConversationView> {
    return this.get(NOTES);
  }

  async invite(
    id: ConversationId,
    names: readonly string[],
    options: Waiting = {},
  ): Promise<readonly InviteResult[]> {
    const group = this.#activeGroup(id);
    await this.#online(options);
    const results = names.map((name): InviteResult => {
      const account = this.#server.accounts.get(name);
      if (account === undefined) {
        const message = `Cannot invite ${name}: no such account`;
        return { kind: "failed", name, code: "accounts/unknown", message };
      }
      group.members.set(name, { isAdmin: false, isInvited: true });
      account.enter(group, "invited", this.name);
      return { kind: "added", name, devicesWithout: 0 };
    });
    const added = results.flatMap(({ kind, name }) => kind === "added" ? [name] : []);
    if (added.length > 0) {
      this.#commit(group, { kind: "members-added", by: this.name, names: added });
    }
    return results;
  }

  async join(id: ConversationId, options: Waiting = {}): Promise<ConversationView> {
    const local = this.#get(id);
    if (local.state !== "invited") {
      throw refusal("conversations/not-invited", "Cannot join: no invitation waits");
    }
    await this.#online(options);
    local.state = "active";
    this.happened.add({ kind: "conversation" }, id);
    this.#note(local, { kind: "joined", isEntry: false });
    this.drain();
    this.#server.accept(this.#server.group(id), this.name);
    return this.#view(local);
  }

  async leave(id: ConversationId, options: Waiting = {}): Promise<void> {
    const local = this.#get(id);
    if (id === NOTES || this.#server.group(id).kind !== "group") {
      throw refusal("conversations/not-a-group", "Cannot leave: not a group");
    }
    const group = this.#server.group(id);
    const others = [...group.members].filter(([name]) => name !== this.name);
    const isLast = group.members.get(this.name)?.isAdmin === true && others.length > 0 &&
      !others.some(([, { isAdmin }]) => isAdmin);
    if (isLast) throw refusal("conversations/last-admin", "Cannot leave: the last admin");
    await this.#online(options);
    local.until = group.log.length;
    local.state = "left";
    group.members.delete(this.name);
    this.#note(local, { kind: "left-self" });
    this.happened.add({ kind: "conversation" }, id);
    this.#commit(group, { kind: "members-left", names: [this.name] });
  }

  async remove(
    id: ConversationId,
    names: readonly string[],
    options: Waiting = {},
  ): Promise<void> {
    const group = this.#adminOf(id);
    for (const name of names) this.#memberOf(group, name);
    await this.#online(options);
    for (const name of names) {
      group.members.delete(name);
      this.#server.accounts.get(name)?.expel(group, this.name);
    }
    this.#commit(group, { kind: "members-removed", by: this.name, names });
  }

  async setAdmin(
    id: ConversationId,
    change: { readonly name: string; readonly isAdmin: boolean } & Waiting,
  ): Promise<void> {
    const group = this.#adminOf(id);
    const member = this.#memberOf(group, change.name);
    await this.#online(change);
    member.isAdmin = change.isAdmin;
    const names = [...group.members].flatMap(([name, { isAdmin }]) => isAdmin ? [name] : []);
    this.#commit(group, { kind: "admins-changed", by: this.name, names });
  }

  rename(id: ConversationId, name: string): Promise<void> {
    return promised(() => {
      const group = this.#activeGroup(id);
      group.name = name;
      this.#commit(group, { kind: "renamed", by: this.name, name });
    });
  }

  members(id: ConversationId): Promise<readonly MemberView[]> {
    return promised(() => {
      this.#get(id);
      return memberViewsOf(this.#server.group(id), this.name);
    });
  }

  status(id: ConversationId) {
    return promised(() => {
      const { epoch, members } = this.#activeGroup(id);
      return {
        epoch,
        epochAuthenticator: `${id}${epoch.toString(16).padStart(4, "0")}`.slice(-32),
        cipherSuite: 0xf001,
        isPostQuantum: true,
        leavesCount: members.size,
      };
    });
  }

  send(
    id: ConversationId,
    text: string,
    options: { readonly messageId?: MessageId } = {},
  ): Promise<TextItem> {
    return promised(() => {
      const local = this.#get(id);
      if (local.state !== "active") {
        throw refusal("conversations/not-active", "Cannot send: the account is no member");
      }
      const { length } = new TextEncoder().encode(text);
      if (length === 0) throw refusal("malformed", "Cannot send: an empty text");
      if (length > TEXT_BYTES_MAX) throw refusal("too-large", `Cannot send: ${length} bytes`);
      const messageId = options.messageId ?? this.#server.newId<MessageId>();
      const known = this.#text(local, messageId);
      if (known !== undefined) {
        if (known.text === text) return known;
        throw refusal("conversations/message-id-reused", "Cannot send: the id is taken");
      }
      if (id !== NOTES && this.#view(local).blockedBy.length > 0) {
        throw refusal("devices/key-changed", "Cannot send: an account key has changed");
      }
      const item = this.#add<TextItem>(local, {
        kind: "text",
        conversationId: id,
        messageId,
        author: authorOf(this.name, true),
        text,
        sentAtMs: this.#now(),
        acceptedAtMs: 0,
        state: id === NOTES ? "sent" : "pending",
      });
      local.isFromStranger = false;
      if (this.happened.isPatient) setTimeout(() => this.#flush(), 0);
      else queueMicrotask(() => this.#flush());
      return item;
    });
  }

  async waitUntilSent(
    id: ConversationId,
    messageId: MessageId,
    options: Waiting = {},
  ): Promise<TextItem> {
    const read = (): TextItem => {
      const item = this.#text(this.#get(id), messageId);
      if (item === undefined) {
        throw refusal("conversations/unknown", "Cannot wait: no such message");
      }
      return item;
    };
    await this.happened.until(() => read().state !== "pending", options);
    const item = read();
    if (item.state === "failed") {
      throw refusal((item.failure?.code ?? "internal") as ErrorCode, item.failure?.message ?? "");
    }
    return item;
  }

  async waitUntilAllSent(options: Waiting = {}): Promise<void> {
    await this.happened.until(() => this.#pending().length === 0, options);
  }

  async waitUntilCaughtUp(options: Waiting = {}): Promise<void> {
    await this.#online(options);
  }

  entering(): Promise<number> {
    return Promise.resolve(this.enteringCount);
  }

  history(
    id: ConversationId,
    options: { readonly before?: number; readonly countMax?: number } = {},
  ) {
    return promised(() => {
      const { before = Infinity, countMax = HISTORY_PAGE_MAX } = options;
      const older = this.#get(id).items.filter(({ position }) => position < before);
      return { items: older.slice(-countMax), more: older.length > countMax };
    });
  }

  markRead(id: ConversationId, upTo = Infinity): Promise<void> {
    return promised(() => {
      const local = this.#get(id);
      local.readUpTo = Math.max(local.readUpTo, Math.min(upTo, local.items.length));
    });
  }

  block(name: string): Promise<void> {
    return promised(() => void this.#blocked.add(this.#account(name).name));
  }

  unblock(name: string): Promise<void> {
    return promised(() => void this.#blocked.delete(this.#account(name).name));
  }

  events(
    options: { readonly after?: number; readonly signal?: AbortSignal } = {},
  ): AsyncGenerator<ClientEvent, void, void> {
    return this.happened.follow(options);
  }

  lastCursor = (): Promise<number> => Promise.resolve(this.happened.last);

  /** Makes the oldest queued message fail for good. */
  failNext(code: ErrorCode, message: string): void {
    const [item] = this.#pending();
    if (item !== undefined) this.#change(item, { state: "failed", failure: { code, message } });
  }

  enter(group: Group, state: "active" | "invited", by: string): void {
    const local = newLocal(group.id, state, group.log.length);
    local.isFromStranger = group.kind === "direct-message" && by !== this.name;
    this.#local.set(group.id, local);
    this.happened.add({ kind: "conversation" }, group.id);
  }

  expel(group: Group, by: string): void {
    const local = this.#get(group.id);
    local.until = group.log.length;
    local.state = "removed";
    this.#note(local, { kind: "removed-self", by });
    this.happened.add({ kind: "conversation" }, group.id);
  }

  drain(): void {
    if (!this.#isOnline) return;
    for (const local of this.#local.values()) {
      if (local.id === NOTES || local.state === "invited") continue;
      const { log } = this.#server.group(local.id);
      for (const end = local.until ?? log.length; local.read < end;) {
        this.#receive(local, log[local.read++] as Entry);
      }
    }
  }

  #receive(local: Local, entry: Entry): void {
    if (entry.kind === "notice") {
      this.#note(local, entry.notice);
      this.happened.add({ kind: "conversation" }, local.id);
      return;
    }
    const own = entry.from === this.name ? this.#text(local, entry.id) : undefined;
    if (own !== undefined) this.#change(own, { state: "sent", acceptedAtMs: this.#now() });
    else {
      this.#add<TextItem>(local, {
        kind: "text",
        conversationId: local.id,
        messageId: entry.id,
        author: authorOf(entry.from, entry.from === this.name),
        text: entry.text,
        sentAtMs: this.#now(),
        acceptedAtMs: this.#now(),
        state: "received",
      });
    }
  }

  #flush(): void {
    if (!this.#isOnline) return;
    for (const item of this.#pending()) {
      const { conversationId, messageId: id, text } = item;
      this.#server.append(this.#server.group(conversationId), {
        kind: "text",
        from: this.name,
        id,
        text,
      });
    }
  }

  #pending(): readonly TextItem[] {
    return [...this.#local.values()].flatMap(({ items }) => items)
      .filter((item) => item.kind === "text" && item.state === "pending") as TextItem[];
  }

  #commit(group: Group, notice: Notice): void {
    group.epoch++;
    this.#server.append(group, { kind: "notice", by: this.name, notice });
  }

  #newGroup(kind: Group["kind"], name: string): Group {
    const id = this.#server.newId<ConversationId>();
    const members = new Map([[this.name, { isAdmin: true }]]);
    const group: Group = { id, kind, name, members, log: [], epoch: 1 };
    this.#server.groups.set(id, group);
    this.enter(group, "active", this.name);
    return group;
  }

  #view(local: Local): ConversationView {
    return viewOf(local, { server: this.#server, self: this.name, blocked: this.#blocked });
  }

  #note(local: Local, notice: Notice): void {
    this.#add<NoticeItem>(local, {
      kind: "notice",
      conversationId: local.id,
      atMs: this.#now(),
      notice,
    });
  }

  #add<Item extends HistoryItem>(local: Local, fields: Omit<Item, "position">): Item {
    const item = { ...fields, position: local.items.length + 1 } as unknown as Item;
    local.items.push(item);
    this.happened.add({ kind: "item", item }, local.id);
    return item;
  }

  #change(item: TextItem, change: Partial<TextItem>): void {
    const changed = { ...item, ...change };
    this.#get(item.conversationId).items[item.position - 1] = changed;
    this.happened.add({ kind: "item-changed", item: changed }, item.conversationId);
  }

  #text(local: Local, messageId: MessageId): TextItem | undefined {
    return local.items.find((item): item is TextItem =>
      item.kind === "text" && item.messageId === messageId
    );
  }

  #get(id: ConversationId): Local {
    const local = this.#local.get(id);
    if (local === undefined) throw refusal("conversations/unknown", "No such conversation");
    return local;
  }

  #activeGroup(id: ConversationId): Group {
    if (id === NOTES || this.#get(id).state !== "active") {
      throw refusal("conversations/not-active", "Cannot go on: not an active member");
    }
    return this.#server.group(id);
  }

  #adminOf(id: ConversationId): Group {
    const group = this.#activeGroup(id);
    if (group.members.get(this.name)?.isAdmin === true) return group;
    throw refusal("conversations/not-admin", "Cannot do that: only an admin may");
  }

  #memberOf(group: Group, name: string): { isAdmin: boolean } {
    const member = group.members.get(name);
    if (member !== undefined) return member;
    throw refusal("conversations/not-a-member", `Cannot do that: ${name} is no member`);
  }

  #account(name: string): FakeAccount {
    const account = this.#server.accounts.get(name);
    if (account !== undefined) return account;
    throw refusal("accounts/unknown", `Cannot find ${name}: no such account`);
  }

  async #online(options: Waiting): Promise<void> {
    await this.happened.until(() => this.#isOnline, options);
    this.drain();
  }

  #now(): number {
    this.#nowMs += 1_000;
    return this.#nowMs;
  }
}
