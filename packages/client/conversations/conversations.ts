/** `Client.conversations`: what programs call, over the engine. */
import { epochAuthenticator, HYBRID_CIPHER_SUITE, membersOf } from "@qpq/mls";
import { compareKeys, MessengerError, type Store } from "@qpq/ports";
import { parseAccountName } from "../../features/accounts/names.ts";
import { readPin, stateOf } from "../../features/devices/peers.ts";
import { type CheckedContext, directMessageContext } from "../../features/groups/context.ts";
import { checkGroupName } from "../../features/messages/body.ts";
import {
  lastEventOf,
  markRead,
  positionOf,
  readBlocked,
  readHistory,
  readItem,
  requireItem,
  setBlocked,
  watchEvents,
} from "../../features/messages/history.ts";
import { readThread } from "../../features/messages/thread.ts";
import type { Conversations, Waiting } from "../conversations-api.ts";
import {
  type ClientEvent,
  type ConversationId,
  type ConversationStatus,
  type ConversationView,
  HISTORY_PAGE_MAX,
  type HistoryPage,
  type InviteResult,
  type MemberView,
  type MessageId,
  TEXT_BYTES_MAX,
  type TextItem,
} from "../conversation-views.ts";
import {
  claim,
  claimAll,
  claimOwnOthers,
  createConversation,
  wishForAdmin,
  wishToAdd,
  wishToRemove,
} from "./changing.ts";
import { DirectMessageExists } from "./committing.ts";
import type { Engine } from "./engine.ts";
import { notActive } from "./entering.ts";
import type { Ground } from "./ground.ts";
import { leaveGroup } from "./leaving.ts";
import { addNote } from "./notes.ts";
import { isOver } from "./receiving.ts";
import type { Slot } from "./slot.ts";
import { takesTexts } from "./succession.ts";
import { tellEvents } from "./telling.ts";
import {
  bytesOf,
  isShown,
  itemOf,
  membersViewOf,
  NOTES_BYTES,
  NOTES_ID,
  notesView,
  viewOf,
} from "./views.ts";
import { withinTime } from "./waiting.ts";

/** Digits that stand for an id, at least. */
const ID_DIGITS_MIN = 8;

export function openConversations(engine: Engine): Conversations {
  return new EngineConversations(engine);
}

class EngineConversations implements Conversations {
  readonly #engine: Engine;
  readonly #ground: Ground;
  readonly #store: Store;

  constructor(engine: Engine) {
    this.#engine = engine;
    this.#ground = engine.ground;
    this.#store = engine.ground.store;
  }

  async list(): Promise<readonly ConversationView[]> {
    const views = await Promise.all((await this.#shown()).map((slot) => this.#view(slot)));
    const notes = await this.#store.snapshot((reader) => readThread(reader, NOTES_BYTES));
    const all = notes.lastPosition > 0 ? [...views, notesView(notes)] : views;
    return all.toSorted((one, other) => other.lastAtMs - one.lastAtMs);
  }

  async get(id: ConversationId): Promise<ConversationView> {
    if (id === NOTES_ID) return await this.notes();
    const slot = await this.#slot(id);
    await slot.trust.blockedBy();
    return await this.#view(slot);
  }

  async find(handle: string): Promise<ConversationView> {
    if (handle === NOTES_ID) return await this.notes();
    const slots = await this.#shown();
    const found = slots.filter(({ live: { record, id } }) => {
      if (handle.startsWith("@")) {
        return record.kind === "directMessage" && record.name === handle.slice(1).toLowerCase();
      }
      if (handle.startsWith("#")) return record.kind === "group" && record.name === handle.slice(1);
      return handle.length >= ID_DIGITS_MIN && id.startsWith(handle.toLowerCase());
    });
    const open = found.filter(({ live: { record } }) => !isOver(record.state));
    const [one, ...others] = open.length > 0 ? open : found;
    if (one === undefined) throw unknown();
    if (others.length > 0) {
      throw new MessengerError(
        "conversations/ambiguous",
        `Cannot choose: ${
          others.length + 1
        } conversations go by that name; use the first digits of the id`,
      );
    }
    return await this.#view(one);
  }

  async openDirectMessage(name: string, options: Waiting = {}): Promise<ConversationView> {
    const accountName = parseAccountName(name);
    const known = [...this.#engine.slots.values()].find(({ live }) =>
      live.record.kind === "directMessage" && live.record.name === accountName && takesTexts(live)
    );
    if (known !== undefined) return await this.#view(known);
    return await withinTime(this.#ground, options, async (signal) => {
      const { own } = this.#ground;
      if (accountName === own.name) {
        throw new MessengerError(
          "conversations/with-self",
          "Cannot write to oneself: use the notes",
        );
      }
      await this.#ground.rpc.connected({ signal });
      const invitee = await claim(this.#ground, accountName, signal);
      const context = directMessageContext(own.accountId, invitee.peer.account.accountId);
      const invitees = [invitee, ...await claimOwnOthers(this.#ground, signal)];
      try {
        return await this.#view(
          await createConversation(this.#engine, { context, name: accountName, invitees, signal }),
        );
      } catch (error) {
        if (!(error instanceof DirectMessageExists)) throw error;
        const slot = await this.#engine.enter(error.channelId, { isAsked: true });
        const { live } = slot;
        const isThere = (): boolean => this.#engine.slots.get(live.channel)?.live === live;
        await this.#engine.until(() => live.record.state !== "joining" || !isThere(), { signal });
        if (!isThere()) throw unknown();
        const { kind, peerId } = live.record;
        const isIt = kind === "directMessage" &&
          compareKeys(peerId, invitee.peer.account.accountId) === 0;
        if (!isIt) throw notTheDirectMessage();
        await this.#engine.until(
          () => live.record.state === "active" || isOver(live.record.state) || !isThere(),
          { signal },
        );
        return await this.#view(slot);
      }
    });
  }

  async createGroup(
    options: { readonly name: string; readonly invite?: readonly string[] } & Waiting,
  ): Promise<{
    readonly conversation: ConversationView;
    readonly invited: readonly InviteResult[];
  }> {
    const name = checkGroupName(options.name);
    return await withinTime(this.#ground, options, async (signal) => {
      const { own, rpc } = this.#ground;
      await rpc.connected({ signal });
      const { invitees, results } = await claimAll(this.#ground, options.invite ?? [], signal);
      const context: CheckedContext = { kind: "group", admins: [own.accountId] };
      const others = await claimOwnOthers(this.#ground, signal);
      const slot = await createConversation(this.#engine, {
        context,
        name,
        invitees: [...invitees, ...others],
        signal,
      });
      return { conversation: await this.#view(slot), invited: results };
    });
  }

  async notes(): Promise<ConversationView> {
    return notesView(await this.#store.snapshot((reader) => readThread(reader, NOTES_BYTES)));
  }

  async invite(
    id: ConversationId,
    names: readonly string[],
    options: Waiting = {},
  ): Promise<readonly InviteResult[]> {
    const slot = await this.#group(id);
    this.#requireActive(slot);
    return await withinTime(this.#ground, options, async (signal) => {
      await this.#ground.rpc.connected({ signal });
      await this.#engine.until(() => slot.isCaughtUp || slot.live.record.state !== "active", {
        signal,
      });
      const present = new Set((await this.members(id)).map(({ name }) => name));
      const isPresent = (name: string): boolean => present.has(name.toLowerCase());
      const { invitees, results } = await claimAll(
        this.#ground,
        names.filter((name) => !isPresent(name)),
        signal,
      );
      await slot.commit((state) => wishToAdd(this.#ground, state, invitees), { signal });
      const already = names.filter(isPresent).map((name): InviteResult => ({
        kind: "present",
        name,
      }));
      return [...results, ...already];
    });
  }

  async join(id: ConversationId, options: Waiting = {}): Promise<ConversationView> {
    options.signal?.throwIfAborted();
    const slot = await this.#slot(id);
    await slot.live.exclusive(async () => {
      if (slot.live.record.state !== "invited") {
        throw new MessengerError(
          "conversations/not-invited",
          "Cannot join: no invitation to that group waits",
        );
      }
      await slot.sender.enqueueAcceptance();
    });
    slot.deliver([]);
    return await this.#view(slot);
  }

  async leave(id: ConversationId, options: Waiting = {}): Promise<void> {
    await leaveGroup(this.#ground, await this.#group(id), options);
  }

  async remove(
    id: ConversationId,
    names: readonly string[],
    options: Waiting = {},
  ): Promise<void> {
    const slot = await this.#group(id);
    this.#requireActive(slot);
    const wanted = new Set(names.map((name) => parseAccountName(name) as string));
    if (wanted.has(this.#ground.own.name)) {
      throw new MessengerError("conversations/with-self", "Cannot remove oneself: leave the group");
    }
    await withinTime(this.#ground, options, async (signal) => {
      await this.#requireMembers(slot, wanted);
      await slot.commit(
        (state) =>
          wishToRemove(
            this.#ground,
            state,
            ({ devices }) => wanted.has(devices[0].device.accountName) ? devices : [],
          ),
        { signal },
      );
    });
  }

  async setAdmin(
    id: ConversationId,
    change: { readonly name: string; readonly isAdmin: boolean } & Waiting,
  ): Promise<void> {
    const slot = await this.#group(id);
    this.#requireActive(slot);
    const name = parseAccountName(change.name) as string;
    await withinTime(this.#ground, change, async (signal) => {
      await this.#requireMembers(slot, new Set([name]));
      const wish = { name, isAdmin: change.isAdmin };
      await slot.commit((state) => wishForAdmin(this.#ground, state, wish), { signal });
    });
  }

  async rename(id: ConversationId, name: string): Promise<void> {
    const slot = await this.#group(id);
    this.#requireActive(slot);
    checkGroupName(name);
    await slot.sender.sendName(name, {
      kind: "renamed",
      name: this.#ground.own.name,
      names: [name],
    });
  }

  async members(id: ConversationId): Promise<readonly MemberView[]> {
    const { live } = await this.#slot(id);
    await live.exclusive(() => Promise.resolve());
    return await membersViewOf(this.#ground, live, async (name) => {
      const pin = await readPin(this.#store, parseAccountName(name));
      const kind = pin === undefined ? "first-use" : stateOf(pin).kind;
      return kind;
    });
  }

  async status(id: ConversationId): Promise<ConversationStatus> {
    const { live } = await this.#slot(id);
    await live.exclusive(() => Promise.resolve());
    const { state } = live;
    if (state === undefined) throw notActive();
    return {
      epoch: Number(state.context.epoch),
      epochAuthenticator: epochAuthenticator(state).toHex(),
      cipherSuite: state.crypto.id,
      isPostQuantum: state.crypto.id === HYBRID_CIPHER_SUITE,
      leavesCount: membersOf(await state.tree.load()).length,
    };
  }

  async send(
    id: ConversationId,
    text: string,
    options: { readonly messageId?: MessageId } = {},
  ): Promise<TextItem> {
    checkText(text);
    const { messageId } = options;
    const bytes = messageId === undefined ? undefined : Uint8Array.fromHex(messageId);
    const position = id === NOTES_ID
      ? await addNote(this.#ground, text, bytes)
      : await (await this.#slot(id)).sender.send(text, bytes);
    return await this.#textItem(bytesOf(id), position);
  }

  async waitUntilSent(
    id: ConversationId,
    messageId: MessageId,
    options: Waiting = {},
  ): Promise<TextItem> {
    const { own: { accountId } } = this.#ground;
    const groupId = bytesOf(id);
    const message = { groupId, accountId, messageId: Uint8Array.fromHex(messageId) };
    const position = await this.#store.snapshot((reader) => positionOf(reader, message));
    if (position === undefined) throw unknown();
    let item = await this.#textItem(groupId, position);
    await this.#untilEvents(async () => {
      item = await this.#textItem(groupId, position);
      return item.state !== "pending";
    }, options);
    if (item.failure === undefined) return item;
    const { code, message: said } = item.failure;
    throw new MessengerError(code as MessengerError["code"], said);
  }

  async waitUntilAllSent(options: Waiting = {}): Promise<void> {
    await this.#untilEvents(async () => {
      const threads = await this.#store.snapshot((reader) =>
        Promise.all(
          [...this.#engine.slots.values()].map(({ live }) => readThread(reader, live.threadId)),
        )
      );
      return threads.every(({ queuedCount }) => queuedCount === 0);
    }, options);
  }

  async waitUntilCaughtUp(options: Waiting = {}): Promise<void> {
    await this.#engine.until(() => this.#engine.isCaughtUp, options);
  }

  entering(): Promise<number> {
    return Promise.resolve(this.#engine.enteringCount);
  }

  async history(
    id: ConversationId,
    options: { readonly before?: number; readonly countMax?: number } = {},
  ): Promise<HistoryPage> {
    const groupId = id === NOTES_ID ? NOTES_BYTES : (await this.#slot(id)).live.threadId;
    const countMax = Math.max(1, Math.min(options.countMax ?? HISTORY_PAGE_MAX, HISTORY_PAGE_MAX));
    const page = await readHistory(this.#store, groupId, { before: options.before, countMax });
    return {
      items: page.items.map((item) => itemOf(this.#ground, groupId, item)),
      more: page.more,
    };
  }

  async markRead(id: ConversationId, upTo?: number): Promise<void> {
    if (id === NOTES_ID) return;
    await markRead(this.#store, (await this.#slot(id)).live.threadId, upTo);
  }

  async block(name: string): Promise<void> {
    await setBlocked(this.#store, await this.#accountIdOf(name), true);
  }

  async unblock(name: string): Promise<void> {
    await setBlocked(this.#store, await this.#accountIdOf(name), false);
  }

  events(
    options: { readonly after?: number; readonly signal?: AbortSignal } = {},
  ): AsyncGenerator<ClientEvent, void, void> {
    return tellEvents(this.#ground, options);
  }

  async lastCursor(): Promise<number> {
    return await lastEventOf(this.#store);
  }

  async #requireMembers(slot: Slot, names: ReadonlySet<string>): Promise<void> {
    const members = new Set((await this.members(slot.live.id)).map(({ name }) => name));
    const missing = [...names].filter((name) => !members.has(name));
    if (missing.length === 0) return;
    throw new MessengerError(
      "conversations/not-a-member",
      `Cannot go on: ${missing.join(", ")} is not in the group`,
    );
  }

  async #textItem(groupId: Uint8Array, position: number): Promise<TextItem> {
    const stored = await this.#store.snapshot((reader) => readItem(reader, groupId, position));
    const item = itemOf(this.#ground, groupId, { position, item: requireItem(stored) });
    if (item.kind !== "text") throw unknown();
    return item;
  }

  async #accountIdOf(name: string): Promise<Uint8Array> {
    const accountName = parseAccountName(name);
    const pin = await readPin(this.#store, accountName);
    if (pin === undefined) {
      throw new MessengerError("devices/not-pinned", `Cannot block: ${accountName} never wrote`);
    }
    return pin.accountId;
  }

  async #view(slot: Slot): Promise<ConversationView> {
    const { live } = slot;
    await live.settled;
    const [thread, blocked] = await Promise.all([
      this.#store.snapshot((reader) => readThread(reader, live.threadId)),
      readBlocked(this.#store),
    ]);
    return viewOf({ id: live.id, record: live.record, thread }, {
      isBlocked: live.record.peerId.length > 0 && blocked.has(live.record.peerId.toHex()),
      blockedBy: slot.trust.knownBlockedBy,
      epoch: live.record.epoch,
    });
  }

  async #shown(): Promise<readonly Slot[]> {
    const slots = [...this.#engine.slots.values()];
    await Promise.all(slots.map(({ live }) => live.settled));
    return slots.filter(({ live }) => isShown(live.record));
  }

  async #slot(id: ConversationId): Promise<Slot> {
    let slot: Slot | undefined;
    // Another group may have come in its place meanwhile.
    while (slot !== (slot = this.#engine.slotOf(id))) await slot?.live.settled;
    if (slot === undefined || !isShown(slot.live.record)) throw unknown();
    return slot;
  }

  async #group(id: ConversationId): Promise<Slot> {
    if (id !== NOTES_ID) {
      const slot = await this.#slot(id);
      if (slot.live.record.kind === "group") return slot;
    }
    throw new MessengerError("conversations/not-a-group", "Cannot do that: it is not a group");
  }

  #requireActive({ live: { record } }: Slot): void {
    if (record.state !== "active") throw notActive();
  }

  async #untilEvents(isSo: () => Promise<boolean>, options: Waiting): Promise<void> {
    const bell = watchEvents(this.#store, () => this.#engine.notify());
    try {
      await this.#engine.until(isSo, options);
    } finally {
      bell.close();
    }
  }
}

function checkText(text: string): void {
  const bytes = new TextEncoder().encode(text).length;
  if (bytes === 0 || bytes > TEXT_BYTES_MAX) {
    throw new MessengerError(
      "too-large",
      `Cannot send: ${bytes} bytes of text, 1 to ${TEXT_BYTES_MAX}`,
    );
  }
}

/** Nothing that is meant for one account goes to another because the server says so. */
function notTheDirectMessage(): MessengerError {
  return new MessengerError(
    "channels/bad-answer",
    "Cannot open direct message: the server names a conversation with somebody else",
  );
}

function unknown(): MessengerError {
  return new MessengerError("conversations/unknown", "Cannot find: no such conversation here");
}
