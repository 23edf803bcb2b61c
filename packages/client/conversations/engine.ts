/** Everything that the server has for this device, followed, stored and acknowledged. */
import { compareKeys, MessengerError, randomFraction, sleep, type StoreWatch } from "@qpq/ports";
import type { Cursor, Delivery, InboxEntry } from "../../features/channels/client.ts";
import { watchPins } from "../../features/devices/pin-watch.ts";
import {
  putSync,
  readConversations,
  readSync,
  type StoredSync,
} from "../../features/groups/group-store.ts";
import type { ConversationId } from "../conversation-views.ts";
import { Acknowledger } from "./acknowledging.ts";
import type { Ground } from "./ground.ts";
import { joinByWelcome, NEW_CONVERSATION } from "./joining.ts";
import { Forgotten, LiveConversation } from "./live-conversation.ts";
import { isOut, isPassing, isRetried } from "./receiving.ts";
import { reconcile } from "./restoring.ts";
import { Sharing } from "./sharing.ts";
import { Slot } from "./slot.ts";
import { settleClosed, Succession } from "./succeeding.ts";
import type { FindConversation } from "./succession.ts";
import { UnknownChannels } from "./unknown-channels.ts";

/** Deliveries that wait to be processed, in all, before no more are taken from the connection. */
const WAITING_COUNT_MAX = 1_024;
/** Bytes of their messages, beside those of one more. */
const WAITING_BYTES_MAX = 16 * 2 ** 20;
/** Channels that a subscription may begin behind cursors, as on the server. */
const CURSORS_COUNT_MAX = 4_096;
/** Milliseconds before a subscription that ended is begun anew: doubled each time, with jitter. */
const RETRY_MS_MIN = 100;
const RETRY_MS_MAX = 10_000;
/** Failures after which it is as long as it gets. */
const RETRIES_ENOUGH = 7;
/** Milliseconds that a Welcome is waited for before a device enters by itself. */
const WELCOME_WAIT_MS = 1_500;

/** States in which a conversation's channel is followed. */
const FOLLOWED: ReadonlySet<string> = new Set([
  "invited",
  "active",
  "leaving",
  "broken",
  "joining",
]);

/** This device is in already, or nobody is any more: a group that was closed is so for good. */
const TAKES_NO_WELCOME: ReadonlySet<string> = new Set(["active", "invited", "leaving", "closed"]);

export class Engine {
  readonly ground: Ground;
  /** By channel. */
  readonly #slots = new Map<string, Slot>();
  readonly #unknown: UnknownChannels;
  readonly #changes = new Set<() => void>();
  #sync: StoredSync = { incarnation: new Uint8Array(), inboxAfter: 0 };
  #isFollowing = false;
  #hasInbox = false;
  /** Everything that the server had when this session began has come. */
  #hasAll = false;
  #running: Promise<void> | undefined;
  readonly #watches: StoreWatch[] = [];
  #isJudging = false;
  #isJudgedAgain = false;
  readonly #sharing: Sharing;
  readonly #acknowledger: Acknowledger;
  readonly #succession: Succession;

  constructor(ground: Ground) {
    this.ground = ground;
    this.#sharing = new Sharing(ground);
    this.#succession = new Succession(this);
    this.#acknowledger = new Acknowledger(ground, () => this.#isFollowing ? this.#sync : undefined);
    this.#unknown = new UnknownChannels(ground, {
      // A Welcome may have led there first: what was told of the channel before is for it, too.
      enter: async (channelId) => this.adopt((await this.enter(channelId)).live),
      onChange: () => this.#changed(),
    });
  }

  get isFollowing(): boolean {
    return this.#isFollowing;
  }

  /** By channel. */
  get slots(): ReadonlyMap<string, Slot> {
    return this.#slots;
  }

  /** The group in which a conversation goes on; undefined: there is none here. */
  slotOf(id: ConversationId): Slot | undefined {
    let slot = this.#slots.get(id);
    while (slot !== undefined && slot.live.record.successorId.length > 0) {
      slot = this.#slots.get(slot.live.record.successorId.toHex());
    }
    return slot;
  }

  /** Loads what this device has, then follows the server until the client closes. */
  async start(): Promise<void> {
    const { store } = this.ground;
    await this.ground.guard.open();
    this.#sync = await store.snapshot(readSync) ?? this.#sync;
    for (const { groupId, stored } of await readConversations(store)) {
      this.#add(new LiveConversation(this.ground, { groupId, record: stored, isNew: false }));
    }
    this.#watches.push(
      watchPins(store, () => {
        for (const slot of this.#slots.values()) {
          slot.trust.forget();
          slot.sender.kick();
        }
        this.#changed();
      }),
      await this.ground.ownDevices.open(() => this.#judgeSoon()),
    );
    this.#running = this.#run().catch((error: unknown) => this.ground.fail(error));
  }

  /** Waits until nothing runs any more; the ground's signal was aborted. */
  async stop(): Promise<void> {
    for (const watch of this.#watches) watch.close();
    this.#changed();
    await this.#running;
    // What holds a lane ends before the store closes.
    await Promise.all(
      [...this.#slots.values()].map(({ live }) =>
        live.exclusive(() => Promise.resolve()).catch(() => {})
      ),
    );
    const { guard, signal } = this.ground;
    // A store that can't be written to: the next run is careful.
    await guard.close(signal.reason).catch(() => {});
  }

  /** The account has got a new key: this device shows it wherever it is. */
  async renewLeaves(): Promise<void> {
    for (const slot of this.#slots.values()) {
      slot.trust.forget();
      await slot.trust.blockedBy();
    }
  }

  /** A conversation that is made here, or that this device enters. */
  adopt(live: LiveConversation): Slot {
    const slot = this.#slots.get(live.channel) ?? this.#add(live);
    const head = this.#unknown.take(live.channel);
    if (head !== undefined) slot.expect(head);
    return slot;
  }

  /**
   * Enters a channel of the account's that this device is not in, unless a Welcome comes first.
   * @param options.isAsked by its user: also where another one has taken this device's place
   */
  async enter(
    channelId: Uint8Array,
    options: { readonly isAsked?: boolean } = {},
  ): Promise<Slot> {
    const id = channelId.toHex();
    const { signal } = this.ground;
    const known = (): Slot | undefined => {
      const slot = this.#slots.get(id);
      if (slot === undefined || !slot.live.isStored || isOut(slot.live.record)) return undefined;
      return options.isAsked === true && slot.live.record.state === "removed" ? undefined : slot;
    };
    await this.until(() => known() !== undefined, { timeoutMs: WELCOME_WAIT_MS }).catch(
      (error: unknown) => {
        if (signal.aborted) throw error;
      },
    );
    const present = known();
    if (present !== undefined) return present;
    const slot = this.adopt(this.#slots.get(id)?.live ?? this.#newLive(channelId));
    try {
      await slot.entrance.enter();
    } catch (error) {
      // Somebody else who was at it gave up.
      if (error instanceof Forgotten) return await this.enter(channelId, options);
      await slot.entrance.forgetUnentered();
      throw error;
    }
    return slot;
  }

  /** Whether all that the server told of is stored here. */
  get isCaughtUp(): boolean {
    return this.#isFollowing && this.#hasInbox && this.#hasAll && this.#unknown.ids.size === 0 &&
      [...this.#slots.values()].every((slot) =>
        !FOLLOWED.has(slot.live.record.state) || slot.live.record.state === "broken" ||
        slot.live.record.state === "joining" || slot.isCaughtUp
      );
  }

  /** Channels that this device is on its way into. */
  get enteringCount(): number {
    const joining = [...this.#slots.values()].filter(({ live }) => live.record.state === "joining")
      .map(({ live }) => live.channel);
    return new Set([...this.#unknown.ids, ...joining]).size;
  }

  /** What is not done yet, for who has waited in vain; empty: nothing that this knows of. */
  describe(): string {
    const hasHeard = this.#hasInbox && this.#hasAll;
    const { size: count } = this.#unknown.ids;
    return [
      ...this.#isFollowing ? [] : ["there is no connection"],
      ...!this.#isFollowing || hasHeard ? [] : ["the server has not told of everything yet"],
      ...count === 0 ? [] : [`${count} conversations are being entered`],
      ...[...this.#slots.values()].flatMap((slot) => slot.describe()),
    ].join("; ");
  }

  /**
   * Resolves when `isSo`, asked again after every change.
   * @throws MessengerError `rpc/deadline`, `cancelled`
   */
  async until(
    isSo: () => boolean | Promise<boolean>,
    options: { readonly signal?: AbortSignal; readonly timeoutMs?: number } = {},
  ): Promise<void> {
    const { clock, signal: closing } = this.ground;
    const signal = options.signal === undefined
      ? closing
      : AbortSignal.any([closing, options.signal]);
    let isLate = false;
    let wake: () => void = () => {};
    const onChange = (): void => wake();
    const timer = options.timeoutMs === undefined
      ? undefined
      : clock.schedule(options.timeoutMs, () => {
        isLate = true;
        wake();
      });
    this.#changes.add(onChange);
    signal.addEventListener("abort", onChange);
    try {
      for (;;) {
        // Armed before it is asked: a change in between is not missed.
        const { promise, resolve } = Promise.withResolvers<void>();
        wake = resolve;
        if (closing.aborted) throw closing.reason;
        if (signal.aborted) throw new MessengerError("cancelled", "Cannot wait: cancelled");
        if (await isSo()) return;
        if (isLate) {
          const state = this.describe();
          throw new MessengerError(
            "rpc/deadline",
            `Cannot wait longer: ${state === "" ? "not done in time" : state}`,
          );
        }
        await promise;
      }
    } finally {
      timer?.cancel();
      this.#changes.delete(onChange);
      signal.removeEventListener("abort", onChange);
    }
  }

  /** Asks those who wait by `until` again. */
  notify(): void {
    this.#changed();
  }

  #add(live: LiveConversation): Slot {
    const slot = new Slot(this.ground, live, {
      onStored: ({ live: stored }) => this.#acknowledger.note(stored),
      onChange: () => this.#changed(),
      onNews: ({ live: changed }) => this.#sharing.note(changed),
      sharedView: (channelId) => this.#sharing.viewOf(channelId),
      until: (isSo, options) => this.until(isSo, options),
      find: (groupId) => this.#find(groupId),
      followerOf: ({ id }) => this.slotOf(id),
      onStuck: (stuck) => this.#background(this.#succession.succeed(stuck)),
      onClosed: (closed) => this.#background(settleClosed(this, closed)),
      onBack: ({ live: { channel: id, groupId, record: { cursor } } }) =>
        this.#unknown.note(id, { channelId: groupId, head: cursor }),
      onForgotten: (forgotten) => {
        const { channel: id } = forgotten.live;
        if (this.#slots.get(id) === forgotten) this.#slots.delete(id);
        this.#changed();
      },
    });
    this.#slots.set(live.channel, slot);
    this.#changed();
    return slot;
  }

  async #find(groupId: Uint8Array): Promise<LiveConversation | undefined> {
    const slot = this.#slots.get(groupId.toHex());
    await slot?.drain();
    return slot?.live;
  }

  #background(work: Promise<void>): void {
    work.catch((error: unknown) => this.ground.fail(error));
  }

  /** Own leaves are looked at anew, one conversation after the other. */
  #judgeSoon(): void {
    if (this.#isJudging) {
      this.#isJudgedAgain = true;
      return;
    }
    this.#isJudging = true;
    this.#judgeAll().catch((error: unknown) => this.ground.fail(error)).finally(() => {
      this.#isJudging = false;
    });
  }

  async #judgeAll(): Promise<void> {
    do {
      this.#isJudgedAgain = false;
      for (const slot of [...this.#slots.values()]) {
        if (this.ground.signal.aborted) return;
        await slot.judge();
      }
    } while (this.#isJudgedAgain);
  }

  #newLive(groupId: Uint8Array): LiveConversation {
    return new LiveConversation(this.ground, { groupId, record: NEW_CONVERSATION, isNew: true });
  }

  #changed(): void {
    for (const change of [...this.#changes]) change();
  }

  async #run(): Promise<void> {
    const { clock, random, rpc, signal, log } = this.ground;
    let failures = 0;
    while (!signal.aborted) {
      try {
        const { incarnation } = await rpc.connected({ signal });
        await this.#adoptIncarnation(incarnation);
        await this.#follow(incarnation, () => failures = 0);
      } catch (error) {
        if (!(error instanceof MessengerError) || error.code.startsWith("store/")) throw error;
        if (!signal.aborted) log.debug("subscription-ended", { code: error.code });
        // Another program has this device, too: taking turns as fast as possible would help neither.
        if (error.code === "channels/subscription-replaced") failures = RETRIES_ENOUGH;
      } finally {
        this.#isFollowing = false;
        this.#hasInbox = false;
        this.#hasAll = false;
        this.#sharing.forget();
        this.#unknown.clear();
        for (const slot of this.#slots.values()) slot.loseSession();
        this.#changed();
      }
      const backOffMs = Math.min(RETRY_MS_MIN * 2 ** failures++, RETRY_MS_MAX);
      await sleep(clock, backOffMs * (0.5 + randomFraction(random)), signal).catch(() => {});
    }
  }

  async #follow(incarnation: Uint8Array, onBegun: () => void): Promise<void> {
    const { calls, signal } = this.ground;
    const { inboxAfter } = this.#sync;
    const cursors = this.#cursors();
    this.#isFollowing = true;
    this.#changed();
    for (const slot of this.#slots.values()) slot.resume();
    for await (const delivery of calls.follow({ incarnation, cursors, inboxAfter, signal })) {
      onBegun();
      await this.#route(delivery);
      if (!this.#hasRoom(1)) await this.until(() => this.#hasRoom(2));
    }
  }

  /** Also of conversations that are over: else all of them would come anew in each session. */
  #cursors(): readonly Cursor[] {
    return [...this.#slots.values()].filter(({ live: { record } }) => record.cursor > 0)
      .toSorted((one, other) => Number(isFollowed(other)) - Number(isFollowed(one)))
      .slice(0, CURSORS_COUNT_MAX)
      .map((slot) => ({ channelId: slot.live.groupId, after: slot.beginSession() }));
  }

  /** @param share of what may wait, one in so many */
  #hasRoom(share: number): boolean {
    let count = 0;
    let bytes = 0;
    for (const { waiting } of this.#slots.values()) {
      count += waiting.count;
      bytes += waiting.bytes;
    }
    return count <= WAITING_COUNT_MAX / share && bytes <= WAITING_BYTES_MAX / share;
  }

  async #route(delivery: Delivery): Promise<void> {
    if (delivery.kind === "welcome") return await this.#takeWelcome(delivery.inboxEntry);
    if (delivery.kind === "inbox-gap") {
      this.ground.log.warn("inbox-gap", { count: delivery.gap.to - delivery.gap.from + 1 });
      return await this.#moveInbox(delivery.gap.to);
    }
    if (delivery.kind === "inbox-caught-up") {
      this.#hasInbox = true;
      this.#unknown.begin();
      return this.#changed();
    }
    if (delivery.kind === "all-caught-up") {
      this.#hasAll = true;
      return this.#changed();
    }
    const { channelId, ...rest } = delivery;
    const id = channelId.toHex();
    const slot = this.#slots.get(id);
    if (slot !== undefined) return slot.deliver([rest]);
    if (rest.kind === "not-a-member") {
      this.#unknown.take(id);
      return this.#changed();
    }
    const head = rest.kind === "entry"
      ? rest.entry.sequence
      : rest.kind === "gap"
      ? rest.gap.to
      : rest.sequence;
    this.#unknown.note(id, { channelId, head });
  }

  async #takeWelcome(inboxEntry: InboxEntry): Promise<void> {
    const id = inboxEntry.channelId.toHex();
    const existing = this.#slots.get(id);
    const state = existing?.live.record.state;
    // An entry that is on its way would take the place of what the Welcome gives.
    const isEntering = existing !== undefined && await existing.entrance.isEntering();
    if (state !== undefined && TAKES_NO_WELCOME.has(state) || isEntering) {
      return await this.#moveInbox(inboxEntry.sequence);
    }
    if (!await this.ground.guard.mayTry(inboxEntry.sequence)) {
      this.ground.log.error("welcome-given-up", { sequence: inboxEntry.sequence });
      return await this.#moveInbox(inboxEntry.sequence);
    }
    const live = existing?.live ?? this.#newLive(inboxEntry.channelId);
    // Known before it is written: who hears of it finds it.
    const slot = existing ?? this.#add(live);
    try {
      const sync = this.#sync;
      const find: FindConversation = (groupId) => this.#find(groupId);
      const devices = await joinByWelcome(this.ground, { live, inboxEntry, sync, find });
      this.#sync = { ...this.#sync, inboxAfter: inboxEntry.sequence };
      this.#acknowledger.noteInbox();
      this.adopt(live);
      this.#sharing.note(live);
      await slot.trust.see(devices);
      slot.deliver([]);
    } catch (error) {
      if (!(error instanceof MessengerError) || error.code.startsWith("store/")) throw error;
      // An entry that was tried beside it came to nothing: the Welcome has the place for itself.
      if (error instanceof Forgotten) return await this.#takeWelcome(inboxEntry);
      // The server was asked, and had no answer: the next session tells of the Welcome again.
      if (isPassing(error) || isRetried(error)) throw error;
      // Nothing to be done about it: a device that is in a group in spite of it enters by itself.
      this.ground.log.warn("welcome-refused", { code: error.code });
      if (existing === undefined) await this.#giveBack(slot);
      await this.#moveInbox(inboxEntry.sequence);
    }
  }

  /** A Welcome led nowhere: what the server has told of its channel since is for an entry of this device. */
  async #giveBack(slot: Slot): Promise<void> {
    await slot.entrance.forgetUnentered();
    const { live: { channel: id, groupId: channelId }, head } = slot;
    if (!this.#slots.has(id) && head > 0) this.#unknown.note(id, { channelId, head });
  }

  async #moveInbox(inboxAfter: number): Promise<void> {
    const sync = { ...this.#sync, inboxAfter };
    await this.ground.store.transaction((transaction) => {
      putSync(transaction, sync);
      return Promise.resolve();
    });
    this.#sync = sync;
    this.#acknowledger.noteInbox();
  }

  /** Cursors belong to one incarnation of the server's logs: a restore from a backup begins another. */
  async #adoptIncarnation(incarnation: Uint8Array): Promise<void> {
    if (compareKeys(incarnation, this.#sync.incarnation) === 0) return;
    const isFirst = this.#sync.incarnation.length === 0;
    if (!isFirst) {
      for (const { live, committer } of this.#slots.values()) {
        const lost = await reconcile(this.ground, live, incarnation);
        if (lost !== undefined) committer.settle(lost.stored.entryId, "lost");
      }
    }
    const sync = { incarnation, inboxAfter: 0 };
    await this.ground.store.transaction((transaction) => {
      putSync(transaction, sync);
      return Promise.resolve();
    });
    this.#sync = sync;
  }
}

function isFollowed({ live: { record } }: Slot): boolean {
  return FOLLOWED.has(record.state);
}
