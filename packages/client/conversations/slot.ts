/** One conversation at work: receives in order, sends, commits, and sees to what each of them asks for. */
import { membersOf } from "@qpq/mls";
import { compareKeys, MessengerError, randomFraction, sleep } from "@qpq/ports";
import type { Entry, Gap } from "../../features/channels/client.ts";
import type { LeafDevice } from "../../features/devices/credential.ts";
import { seeCredential } from "../../features/devices/peers.ts";
import { untrustedAccounts } from "../../features/devices/pin-watch.ts";
import { Committer, type Wish } from "./committing.ts";
import type { Ground } from "./ground.ts";
import { UNNAMED } from "./group-name.ts";
import { makeEntry } from "./joining.ts";
import type { LiveConversation } from "./live-conversation.ts";
import type { Behind } from "./processing.ts";
import { type Received, receiveEntries, receiveGap } from "./receiving.ts";
import { Sender } from "./sending.ts";
import type { SharedView } from "./sharing.ts";

/** What the subscription says of a channel, in its order. */
export type SlotDelivery =
  | { readonly kind: "entry"; readonly entry: Entry }
  | { readonly kind: "gap"; readonly gap: Gap }
  | { readonly kind: "caught-up"; readonly sequence: number }
  | { readonly kind: "not-a-member" };

/** Milliseconds, at random, before a member commits what another one asked for: mostly one does it. */
const UPKEEP_JITTER_MS = 1_500;
/** Times that a device enters a group anew by itself, within a day. */
const REJOINS_MAX = 3;
const DAY_MS = 24 * 60 * 60 * 1_000;
/** Times that an external commit is made anew, when others were first. */
const ENTRY_ATTEMPTS_MAX = 10;
const ENTRY_JITTER_MS = 500;

export interface SlotSurroundings {
  /** Told when the cursor has moved: to be acknowledged. */
  readonly onStored: (slot: Slot) => void;
  /** Told of anything that somebody may wait for. */
  readonly onChange: () => void;
  /** Told when its epoch, name or state is another: other devices should know. */
  readonly onNews: (slot: Slot) => void;
  /** What the account's devices have seen of a channel. */
  readonly sharedView: (channelId: Uint8Array) => Promise<SharedView | undefined>;
  /** Nothing is left of the conversation. */
  readonly onForgotten: (slot: Slot) => void;
}

export class Slot {
  readonly live: LiveConversation;
  readonly sender: Sender;
  readonly committer: Committer;
  readonly #ground: Ground;
  readonly #surroundings: SlotSurroundings;
  #deliveries: SlotDelivery[] = [];
  #working: Promise<void> | undefined;
  #hasAll = false;
  /** The last sequence number that the server has told of. */
  #head = 0;
  #entering: Promise<void> | undefined;
  #blockedBy: Promise<readonly string[]> | undefined;
  #knownBlockedBy: readonly string[] = [];
  #isUpkeepDue = false;

  constructor(ground: Ground, live: LiveConversation, surroundings: SlotSurroundings) {
    this.#ground = ground;
    this.#surroundings = surroundings;
    this.live = live;
    const isCaughtUp = (): boolean => this.isCaughtUp;
    this.sender = new Sender(ground, live, {
      isCaughtUp,
      blockedBy: () => this.blockedBy(),
      needsCommit: () => this.#keepUp(0),
    });
    this.committer = new Committer(ground, live, {
      isCaughtUp,
      onForgotten: () => surroundings.onForgotten(this),
    });
  }

  /** Entries that wait to be processed. */
  get waitingCount(): number {
    return this.#deliveries.length;
  }

  /** On line, and all that the server told of is stored. */
  get isCaughtUp(): boolean {
    return this.#hasAll && this.#deliveries.length === 0 && this.#ground.isOnline() &&
      this.live.record.cursor >= this.#head;
  }

  /** The server has said which entry was the last when it began. */
  get hasHeard(): boolean {
    return this.#hasAll;
  }

  /** The session is over: what the server has is unknown from here on. */
  loseSession(): void {
    this.#hasAll = false;
    this.#deliveries = [];
  }

  /** What the server had told before there was a conversation to tell it to. */
  expect(head: number): void {
    this.#head = Math.max(this.#head, head);
    this.#hasAll = true;
    this.deliver([]);
  }

  deliver(deliveries: readonly SlotDelivery[]): void {
    this.#deliveries.push(...deliveries);
    this.#working ??= this.#work().finally(() => {
      this.#working = undefined;
      this.#surroundings.onChange();
      if (this.#deliveries.length > 0) this.deliver([]);
    });
    this.#background(this.#working);
  }

  /** Goes on with what waits, in a new session. */
  resume(): void {
    this.committer.kick();
    const { state, failure } = this.live.record;
    if (state === "broken" && this.live.commit === undefined) {
      this.#background(this.#rejoin(failure));
    }
  }

  /** Members to whom nothing may be sent; asked again after each change of members or pins. */
  blockedBy(): Promise<readonly string[]> {
    this.#blockedBy ??= this.#untrusted().then((names) => this.#knownBlockedBy = names);
    return this.#blockedBy;
  }

  /** The same as far as it is known already. */
  get knownBlockedBy(): readonly string[] {
    return this.#knownBlockedBy;
  }

  forgetTrust(): void {
    this.#blockedBy = undefined;
  }

  /** Enters the group by a commit of this device. Resolves when it is in. */
  async enter(): Promise<void> {
    this.#entering ??= this.#enter().finally(() => this.#entering = undefined);
    await this.#entering;
  }

  /** Commits what `plan` wants, and what others wait for with it. */
  async commit(
    plan: Parameters<Committer["commit"]>[0],
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<void> {
    await this.committer.commit(plan, options);
  }

  async #work(): Promise<void> {
    while (this.#deliveries.length > 0) {
      const deliveries = this.#deliveries;
      const first = deliveries[0] as SlotDelivery;
      if (first.kind === "entry") {
        const end = deliveries.findIndex(({ kind }) => kind !== "entry");
        const run = deliveries.slice(0, end < 0 ? deliveries.length : end);
        const entries = run.flatMap((each) => each.kind === "entry" ? [each.entry] : []);
        this.#head = Math.max(this.#head, entries.at(-1)?.sequence ?? 0);
        const isDone = await this.#receive(entries);
        if (this.#deliveries === deliveries) this.#deliveries = deliveries.slice(run.length);
        if (!isDone) return;
        continue;
      }
      await this.#take(first);
      if (this.#deliveries === deliveries) this.#deliveries = deliveries.slice(1);
    }
    if (this.#hasAll && this.live.record.cursor < this.#head) await this.#fill(this.#head);
    this.sender.kick();
    this.committer.kick();
    if (this.live.owesCommit) this.#keepUp(UPKEEP_JITTER_MS);
  }

  async #take(delivery: Exclude<SlotDelivery, { readonly kind: "entry" }>): Promise<void> {
    const { live } = this;
    if (delivery.kind === "caught-up") {
      this.#head = Math.max(this.#head, delivery.sequence);
      this.#hasAll = true;
    } else if (delivery.kind === "gap") {
      if (live.record.state === "joining") return;
      await live.exclusive(() => receiveGap(this.#ground, live, delivery.gap));
      this.#surroundings.onStored(this);
    } else if (live.record.state === "active" || live.record.state === "invited") {
      await live.exclusive(() =>
        live.write({
          record: { state: "removed" },
          state: "gone",
          ...live.commit === undefined ? {} : { commit: "lost" as const },
          history: (thread) => {
            thread.addNotice({ kind: "removed-self" }, this.#ground.clock.now());
            thread.noteConversation();
          },
        })
      );
    }
  }

  /** @returns false when this device can't go on from here */
  async #receive(entries: readonly Entry[]): Promise<boolean> {
    const { live } = this;
    if (live.record.state === "broken" && live.commit === undefined) {
      this.#deliveries = [];
      return false;
    }
    const first = entries.find(({ sequence }) => sequence > live.record.cursor);
    if (first !== undefined && first.sequence > live.record.cursor + 1) {
      if (!await this.#fill(first.sequence - 1)) return false;
    }
    for (;;) {
      const received = await live.exclusive(() => receiveEntries(this.#ground, live, entries));
      await this.#follow(received);
      if (received.behind !== undefined) return this.#recover(received.behind);
      if (received.isWhole) return true;
    }
  }

  /** Reads what lies between the cursor and an entry. */
  async #fill(upTo: number): Promise<boolean> {
    const { calls, rpc, signal } = this.#ground;
    const { live } = this;
    while (live.record.cursor < upTo) {
      const { cursor: after } = live.record;
      const { incarnation } = await rpc.connected({ signal });
      const cursor = { channelId: live.groupId, after };
      const page = await calls.read({ incarnation, cursor }, { signal });
      if (page.gap !== undefined) {
        const { gap } = page;
        await live.exclusive(() => receiveGap(this.#ground, live, gap));
      }
      if (page.entries.length > 0 && !await this.#receive(page.entries)) return false;
      if (live.record.cursor === after) return true;
    }
    return true;
  }

  /** What comes of entries that were stored. */
  async #follow(received: Received): Promise<void> {
    const { settled } = received;
    if (settled !== undefined) this.committer.settle(settled.entryId, settled.fate);
    this.#surroundings.onStored(this);
    if (received.entered.length > 0) await this.see(received.entered);
    if (received.hasNewEpoch || received.hasNewName) this.#surroundings.onNews(this);
    if (received.hasNewEpoch) {
      this.forgetTrust();
      if (this.live.record.state === "leaving") {
        // A commit that came in between may have passed over what was asked for.
        await this.live.exclusive(() => this.sender.enqueueSelfRemove());
      }
    }
    if (received.owesName) await this.#tellName(received.entered);
    if (this.live.owesCommit) this.#keepUp(UPKEEP_JITTER_MS);
    this.#surroundings.onChange();
  }

  /** Compares devices with what is pinned, and says when an account is not who it was. */
  async see(devices: readonly LeafDevice[]): Promise<void> {
    const { store, clock, primitives, own } = this.#ground;
    const changed = new Set<string>();
    for (const device of devices) {
      if (compareKeys(device.accountId, own.accountId) === 0) {
        if (compareKeys(device.accountKey, own.accountKey) !== 0) changed.add(own.name);
        continue;
      }
      const { state } = await seeCredential(device, { store, clock, primitives });
      if (state.kind === "changed") changed.add(device.accountName);
    }
    this.forgetTrust();
    if (changed.size === 0) return;
    const { live } = this;
    await live.exclusive(() =>
      live.write({
        history: (thread) => {
          for (const name of changed) thread.addNotice({ kind: "key-changed", name }, clock.now());
          thread.noteConversation();
        },
      })
    );
  }

  async #untrusted(): Promise<readonly string[]> {
    const { store, leaves, own } = this.#ground;
    const { state } = this.live;
    if (state === undefined) return [];
    const devices = membersOf(await state.tree.load()).map(({ leafNode }) => leaves.open(leafNode));
    const isOwn = (device: LeafDevice) => compareKeys(device.accountId, own.accountId) === 0;
    const others = await untrustedAccounts(store, devices.filter((device) => !isOwn(device)));
    const isStrange = devices.some((device) =>
      isOwn(device) && compareKeys(device.accountKey, own.accountKey) !== 0
    );
    return isStrange ? [...others, own.name] : others;
  }

  /** The member with the lowest leaf, but for who has just entered, says what the group is called. */
  async #tellName(entered: readonly LeafDevice[]): Promise<void> {
    const { state, record } = this.live;
    if (record.kind !== "group" || record.name === UNNAMED || state === undefined) return;
    const ids = new Set(entered.map(({ deviceId }) => deviceId.toHex()));
    const first = membersOf(await state.tree.load()).find(({ leafNode }) =>
      !ids.has(this.#ground.leaves.open(leafNode).deviceId.toHex())
    );
    if (first?.leafIndex === state.ownLeafIndex) await this.sender.sendName(record.name);
  }

  /** Commits what others wait for, unless somebody else does so first. */
  #keepUp(jitterMs: number): void {
    if (this.#isUpkeepDue) return;
    this.#isUpkeepDue = true;
    this.#background(this.#upkeep(jitterMs).finally(() => this.#isUpkeepDue = false));
  }

  async #upkeep(jitterMs: number): Promise<void> {
    const { clock, random, signal } = this.#ground;
    await sleep(clock, randomFraction(random) * jitterMs, signal).catch(() => {});
    if (signal.aborted || !this.isCaughtUp) return;
    const isDue = await this.live.exclusive(() => Promise.resolve(this.live.owesCommit));
    if (!isDue || this.live.record.state !== "active") return;
    const nothing: Wish = { proposals: [], joiners: [] };
    try {
      await this.commit(() => Promise.resolve(this.live.owesCommit ? nothing : undefined));
      this.sender.kick();
    } catch (error) {
      if (!(error instanceof MessengerError)) throw error;
      this.#ground.log.warn("upkeep-failed", { code: error.code });
    }
  }

  /** @returns false: nothing more can be processed until this device is in anew */
  #recover(behind: Behind): boolean {
    // Read again from the cursor when it is.
    this.#deliveries = [];
    this.#ground.log.warn("behind", { code: behind.code, sequence: this.live.record.cursor + 1 });
    this.#background(this.#rejoin(behind.code));
    return false;
  }

  async #rejoin(code: string): Promise<void> {
    const { live } = this;
    const { clock, calls, signal } = this.#ground;
    const nowMs = clock.now();
    const recent = live.record.rejoinedAtMs.filter((atMs) => Number(atMs) > nowMs - DAY_MS);
    const report = { channelId: live.groupId, sequence: live.record.cursor + 1 };
    await calls.report(report, { signal }).catch(() => {});
    const isGivenUp = recent.length >= REJOINS_MAX;
    if (isGivenUp && live.record.state === "broken") return;
    await live.exclusive(() =>
      live.write({
        record: {
          state: "broken",
          failure: code.slice(0, 64),
          rejoinedAtMs: isGivenUp ? recent : [...recent, BigInt(Math.floor(nowMs))],
        },
        ...live.commit === undefined ? {} : { commit: "lost" as const },
        history: (thread) => {
          if (live.record.state === "broken") return;
          thread.addNotice({ kind: "broken", code: code.slice(0, 64) }, nowMs);
          thread.noteConversation();
        },
      })
    );
    this.committer.failAll(
      new MessengerError("conversations/not-active", "Cannot change the group: it was left behind"),
    );
    if (isGivenUp) return;
    try {
      await this.enter();
    } catch (error) {
      if (!(error instanceof MessengerError)) throw error;
      this.#ground.log.warn("rejoin-failed", { code: error.code });
    }
  }

  async #enter(): Promise<void> {
    const { live } = this;
    const { random, clock, signal } = this.#ground;
    for (let attempt = 0; attempt < ENTRY_ATTEMPTS_MAX; attempt++) {
      const epochMin = Number(live.state?.context.epoch ?? 0n);
      const shared = await this.#surroundings.sharedView(live.groupId);
      const made = await makeEntry(this.#ground, live.groupId, { epochMin, shared });
      const isNew = live.record.state === "joining";
      const missed = made.cursor - live.record.cursor;
      await live.exclusive(() =>
        live.write({
          record: {
            ...isNew ? made.describes : {},
            cursor: Math.max(live.record.cursor, made.cursor),
          },
          commit: made,
          history: (thread) => {
            if (isNew || missed <= 0) return thread.noteConversation();
            thread.addNotice({ kind: "gap", count: missed, code: "missed" }, clock.now());
          },
        })
      );
      const fate = this.committer.fate(made.pending.stored.entryId, signal);
      this.committer.kick();
      this.deliver([]);
      // A Welcome may have been faster.
      if (await fate === "applied" || !isOutside(live.record.state)) return;
      await sleep(clock, randomFraction(random) * ENTRY_JITTER_MS, signal);
    }
    throw new MessengerError(
      "conversations/conflict",
      "Cannot enter the group: its members kept changing it at the same time",
    );
  }

  #background(work: Promise<void>): void {
    work.catch((error: unknown) => this.#ground.fail(error));
  }
}

function isOutside(state: string): boolean {
  return state === "joining" || state === "broken";
}
