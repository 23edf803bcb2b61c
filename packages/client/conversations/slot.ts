/** One conversation at work: receives in order, sends, commits, and sees to what each of them asks for. */
import type { GroupState } from "@qpq/mls";
import { MessengerError, randomFraction, sleep } from "@qpq/ports";
import type { Entry, Gap } from "../../features/channels/client.ts";
import { wishToRemove } from "./changing.ts";
import { type CommitOptions, Committer, MAY_COMMIT, type Wish } from "./committing.ts";
import type { Engine } from "./engine.ts";
import type { Ground } from "./ground.ts";
import { Entrance, notActive } from "./entering.ts";
import { goOnLeaving, leaveAgain } from "./leaving.ts";
import type { LiveConversation } from "./live-conversation.ts";
import type { Behind } from "./processing.ts";
import {
  endConversation,
  isOut,
  isOver,
  isPassing,
  isRetried,
  type Received,
  receiveEntries,
  receiveGap,
} from "./receiving.ts";
import { Sender } from "./sending.ts";
import type { SharedView } from "./sharing.ts";
import { isUnverifiable } from "./succeeding.ts";
import type { FindConversation } from "./succession.ts";
import { Trust } from "./trust.ts";

/** What the subscription says of a channel, in its order. */
export type SlotDelivery =
  | { readonly kind: "entry"; readonly entry: Entry }
  | { readonly kind: "gap"; readonly gap: Gap }
  | { readonly kind: "caught-up"; readonly sequence: number }
  | { readonly kind: "not-a-member" };

/** Milliseconds, at random, before a member commits what another one asked for: mostly one does it. */
const UPKEEP_JITTER_MS = 1_500;
/** Milliseconds for which a device leaves it to each of the account's before it to remove a revoked one. */
const RANK_MS = 1_500;
/** Milliseconds for which who is only invited, or leaves, leaves it to the others to let somebody go. */
const STAND_IN_MS = 10_000;
const UPKEEP_MS_MAX = 10 * 60_000;
/** Milliseconds before what could not be read is asked for again. */
const READ_AGAIN_MS = 5_000;

export interface SlotSurroundings {
  /** Told when the cursor has moved: to be acknowledged. */
  readonly onStored: (slot: Slot) => void;
  /** Told of anything that somebody may wait for. */
  readonly onChange: () => void;
  /** Told when its epoch, name or state is another: other devices should know. */
  readonly onNews: (slot: Slot) => void;
  /** What the account's devices have seen of a channel. */
  readonly sharedView: (channelId: Uint8Array) => Promise<SharedView | undefined>;
  readonly until: Engine["until"];
  /** The conversation with a group. */
  readonly find: FindConversation;
  /** Where a conversation goes on that another group has taken the place of. */
  readonly followerOf: (live: LiveConversation) => Slot | undefined;
  /** Nobody can go on with the group: a successor is due. */
  readonly onStuck: (slot: Slot) => void;
  /** Its group is closed, and no other one has come in its place. */
  readonly onClosed: (slot: Slot) => void;
  /** Nothing is left of the conversation. */
  readonly onForgotten: (slot: Slot) => void;
  /** The account was added to a group anew that this device is out of. */
  readonly onBack: (slot: Slot) => void;
}

export class Slot {
  readonly live: LiveConversation;
  readonly sender: Sender;
  readonly committer: Committer;
  readonly entrance: Entrance;
  readonly trust: Trust;
  readonly #ground: Ground;
  readonly #surroundings: SlotSurroundings;
  #deliveries: SlotDelivery[] = [];
  #waitingBytes = 0;
  /** Where the server was asked to begin. */
  #beganAfter = 0;
  #working: Promise<void> | undefined;
  /** Something came while it worked. */
  #isWorkDue = false;
  #hasAll = false;
  /** The last sequence number that the server has told of. */
  #head = 0;
  #isUpkeepDue = false;
  /** Asked for while it was due: what it was due for may be another thing. */
  #isUpkeepWanted = false;
  /** Upkeep that came to nothing, one after another. */
  #upkeepFailures = 0;

  constructor(ground: Ground, live: LiveConversation, surroundings: SlotSurroundings) {
    this.#ground = ground;
    this.#surroundings = surroundings;
    this.live = live;
    const isCaughtUp = (): boolean => this.isCaughtUp;
    this.trust = new Trust(ground, live, { onBehind: () => this.#background(this.#renew()) });
    this.sender = new Sender(ground, live, {
      isCaughtUp,
      blockedBy: () => this.trust.blockedBy(),
      isJudged: () => this.trust.isJudged,
      needsCommit: () => this.#keepUp(0),
      successor: () => {
        const isHere = live.record.successorId.length === 0;
        return isHere ? undefined : surroundings.followerOf(live)?.sender;
      },
    });
    this.committer = new Committer(ground, live, {
      isCaughtUp,
      untilReady: (signal) =>
        surroundings.until(() => this.isCaughtUp || !MAY_COMMIT.has(live.record.state), { signal }),
      onForgotten: () => surroundings.onForgotten(this),
      onDropped: () => this.sender.kick(),
    });
    live.onSuperseded = () => this.committer.failAll(notActive());
    this.entrance = new Entrance(ground, live, {
      committer: this.committer,
      onStored: () => this.deliver([]),
      sharedView: () => surroundings.sharedView(live.groupId),
      find: surroundings.find,
      onNoWayIn: (error) => {
        if (isUnverifiable(error)) surroundings.onStuck(this);
      },
      onForgotten: () => surroundings.onForgotten(this),
    });
  }

  /** What waits to be processed. */
  get waiting(): { readonly count: number; readonly bytes: number } {
    return { count: this.#deliveries.length, bytes: this.#waitingBytes };
  }

  /** @returns the entry behind which a session begins */
  beginSession(): number {
    return this.#beganAfter = this.live.record.cursor;
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

  /** The last sequence number that the server has told of in this session; 0: none. */
  get head(): number {
    return Math.max(this.#head, ...this.#deliveries.map(headOf));
  }

  /** The session is over: what the server has is unknown from here on. */
  loseSession(): void {
    this.#hasAll = false;
    // A server that was restored from a backup may have less.
    this.#head = 0;
    this.#beganAfter = 0;
    this.#keep([]);
  }

  #keep(deliveries: SlotDelivery[]): void {
    this.#deliveries = deliveries;
    this.#waitingBytes = bytesOf(deliveries);
  }

  /** Takes what the server said of its log from deliveries whose entries are read later. */
  #putOff(): void {
    this.#head = this.head;
    if (this.#deliveries.some(({ kind }) => kind === "caught-up")) this.#hasAll = true;
    this.#keep(this.#deliveries.filter(({ kind }) => kind === "not-a-member"));
  }

  /** What the server had told before there was a conversation to tell it to. */
  expect(head: number): void {
    this.#head = Math.max(this.#head, head);
    this.#hasAll = true;
    this.deliver([]);
  }

  deliver(deliveries: readonly SlotDelivery[]): void {
    this.#deliveries.push(...deliveries);
    this.#isWorkDue = true;
    this.#waitingBytes += bytesOf(deliveries);
    this.#working ??= this.#work().finally(() => {
      this.#working = undefined;
      this.#surroundings.onChange();
      if (this.#isWorkDue && !this.#ground.signal.aborted) this.deliver([]);
    });
    this.#background(this.#working);
  }

  /** Reads on to the end of the log, for as long as this device can. */
  async drain(): Promise<void> {
    if (!READS_ON.has(this.live.record.state)) return;
    try {
      await this.#fill(Number.MAX_SAFE_INTEGER);
    } catch (error) {
      const isFinal = error instanceof MessengerError && !error.code.startsWith("store/") &&
        !isPassing(error) && !isRetried(error);
      if (!isFinal) throw error;
      this.#ground.log.warn("reading-failed", { code: error.code });
    }
  }

  /** Goes on with what waits, in a new session. */
  resume(): void {
    this.committer.kick();
    this.#background(this.#resume());
  }

  async #resume(): Promise<void> {
    const { live, entrance } = this;
    // What was begun in an earlier session may just be failing with it.
    await entrance.ended();
    const call = await live.exclusive(() => Promise.resolve(live.commit?.stored.call));
    const { state, failure } = live.record;
    await this.judge();
    if (state === "broken") await entrance.rejoin(failure);
    else if (state === "closed") this.#surroundings.onClosed(this);
    else if (state === "joining" && (call === undefined || call === "enter")) {
      await entrance.enterOrGiveUp();
    } else if (state === "leaving") await goOnLeaving(this.#ground, this);
    else if (call === "leave") await leaveAgain(this.#ground, this);
  }

  /** Has leaves of revoked devices removed, and strangers alarmed. */
  async judge(): Promise<void> {
    if (this.trust.isJudged) return;
    await this.live.exclusive(() => this.trust.judge());
    if (this.live.owesCommit) this.#keepUp(UPKEEP_JITTER_MS);
    this.sender.kick();
    this.#surroundings.onChange();
  }

  /** Commits what `plan` wants, and what others wait for with it. */
  async commit(
    plan: Parameters<Committer["commit"]>[0],
    options: CommitOptions = {},
  ): Promise<void> {
    await this.committer.commit(plan, options);
  }

  async #work(): Promise<void> {
    try {
      this.#isWorkDue = false;
      await this.#workThrough();
    } catch (error) {
      if (!(error instanceof MessengerError) || error.code.startsWith("store/")) throw error;
      // The connection's, or the server's word: what is missing is read again from the cursor.
      this.#ground.log.warn("reading-failed", { code: error.code });
      this.#putOff();
      // A connection that is there is another one than what was read from: nobody else begins anew.
      if (!isPassing(error) || this.#ground.isOnline()) this.#background(this.#readAgain());
    }
  }

  async #readAgain(): Promise<void> {
    const { clock, signal } = this.#ground;
    await sleep(clock, READ_AGAIN_MS, signal).catch(() => {});
    const isOver = signal.aborted || this.live.isForgotten;
    if (!isOver && this.#ground.isOnline()) this.deliver([]);
  }

  async #workThrough(): Promise<void> {
    while (this.#deliveries.length > 0) {
      const deliveries = this.#deliveries;
      const first = deliveries[0] as SlotDelivery;
      if (first.kind === "entry") {
        const end = deliveries.findIndex(({ kind }) => kind !== "entry");
        const run = deliveries.slice(0, end < 0 ? deliveries.length : end);
        const entries = run.flatMap((each) => each.kind === "entry" ? [each.entry] : []);
        this.#head = Math.max(this.#head, entries.at(-1)?.sequence ?? 0);
        const isDone = await this.#receive(entries);
        if (this.#deliveries === deliveries) this.#keep(deliveries.slice(run.length));
        if (!isDone) return;
        continue;
      }
      await this.#take(first);
      if (this.#deliveries === deliveries) this.#keep(deliveries.slice(1));
    }
    this.#isWorkDue = false;
    if (this.#hasAll && this.live.record.cursor < this.#head) await this.#fill(this.#head);
    // A commit may have passed over what was asked for, or another group have come in the place of its own.
    if (this.live.record.state === "leaving") await goOnLeaving(this.#ground, this);
    this.sender.kick();
    this.committer.kick();
    if (this.live.owesCommit) this.#keepUp(UPKEEP_JITTER_MS);
    await this.judge();
  }

  async #take(delivery: Exclude<SlotDelivery, { readonly kind: "entry" }>): Promise<void> {
    const { live } = this;
    if (delivery.kind === "caught-up") {
      this.#head = Math.max(this.#head, delivery.sequence);
      this.#hasAll = true;
      // Of other channels the server says nothing but that the account is no member.
      const isNews = delivery.sequence > this.#beganAfter;
      if (isOut(live.record) && isNews) this.#surroundings.onBack(this);
    } else if (delivery.kind === "gap") {
      await live.exclusive(() => receiveGap(this.#ground, live, delivery.gap));
      this.#surroundings.onStored(this);
    } else if (IS_IN.has(live.record.state)) {
      const isOwnWish = live.record.state === "leaving";
      await live.exclusive(() =>
        endConversation(live, {
          state: isOwnWish ? "left" : "removed",
          notice: { kind: isOwnWish ? "left-self" : "removed-self" },
          atMs: this.#ground.clock.now(),
        })
      );
      this.committer.failAll(notActive());
    }
  }

  /** @returns false when this device can't go on from here */
  async #receive(entries: readonly Entry[]): Promise<boolean> {
    const { live } = this;
    if (live.record.state === "broken" && live.commit === undefined) {
      this.#putOff();
      return false;
    }
    for (;;) {
      const { find } = this.#surroundings;
      const received = await live.exclusive(() =>
        receiveEntries(this.#ground, live, { entries, find })
      );
      await this.#follow(received);
      if (received.behind !== undefined) return this.#recover(received.behind);
      if (received.isWhole) return true;
      const { holeBefore } = received;
      if (holeBefore > 0 && !await this.#fill(holeBefore - 1)) return false;
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
    if (received.isBack) this.#surroundings.onBack(this);
    if (settled !== undefined) this.committer.settle(settled.entryId, settled.fate);
    this.#surroundings.onStored(this);
    if (received.entered.length > 0) await this.trust.see(received.entered);
    if (received.hasNewEpoch || received.hasNewName) this.#surroundings.onNews(this);
    if (this.live.record.state === "closed") this.#surroundings.onClosed(this);
    if (received.hasNewEpoch) this.trust.forget();
    if (this.live.owesCommit) this.#keepUp(UPKEEP_JITTER_MS);
    this.#surroundings.onChange();
  }

  /** This device's leaf gets the certificate that it has now. */
  async #renew(): Promise<void> {
    await this.live.exclusive(async () => {
      const { state, needsUpdate } = this.live.record;
      if (state === "active" && !needsUpdate) {
        await this.live.write({ record: { needsUpdate: true } });
      }
    });
    this.#keepUp(0);
  }

  /** Commits what others wait for, unless somebody else does so first. */
  #keepUp(jitterMs: number): void {
    this.#isUpkeepWanted = true;
    if (this.#isUpkeepDue) return;
    this.#isUpkeepDue = true;
    this.#background(
      this.#upkeep(jitterMs).finally(() => {
        this.#isUpkeepDue = false;
        if (this.#isUpkeepWanted && !this.#ground.signal.aborted) this.#keepUp(jitterMs);
      }),
    );
  }

  async #upkeep(jitterMs: number): Promise<void> {
    const { clock, random, signal } = this.#ground;
    const backOffMs = this.#upkeepFailures === 0
      ? 0
      : Math.min(READ_AGAIN_MS * 2 ** this.#upkeepFailures, UPKEEP_MS_MAX);
    const isRevocation = jitterMs > 0 && this.live.revokedLeaves.length > 0;
    const turnMs = isRevocation ? this.trust.rank * RANK_MS : 0;
    const isStandIn = this.live.record.state !== "active";
    const standInMs = isStandIn ? STAND_IN_MS : 0;
    const waitMs = backOffMs + turnMs + standInMs + randomFraction(random) * jitterMs;
    await sleep(clock, waitMs, signal).catch(() => {});
    this.#isUpkeepWanted = false;
    // Before it is caught up it would lose; it is asked for again when it is.
    if (signal.aborted || !this.isCaughtUp) return;
    const isDue = await this.live.exclusive(() => Promise.resolve(this.live.owesCommit));
    if (!isDue) this.#upkeepFailures = 0;
    if (!isDue || !MAY_COMMIT.has(this.live.record.state)) return;
    const nothing: Wish = { proposals: [], joiners: [] };
    try {
      await this.commit(async (state) => {
        // Nobody else may be there who could let a member go. All else is for who is in for good.
        const isStandIn = this.live.record.state !== "active";
        if (!(isStandIn ? this.live.hasLeaver : this.live.owesCommit)) return undefined;
        return isStandIn ? nothing : await this.#wishToRemoveRevoked(state) ?? nothing;
      });
      this.#upkeepFailures = 0;
      this.sender.kick();
    } catch (error) {
      if (!(error instanceof MessengerError)) throw error;
      this.#upkeepFailures++;
      this.#isUpkeepWanted = true;
      this.#ground.log.warn("upkeep-failed", { code: error.code });
    }
  }

  async #wishToRemoveRevoked(state: GroupState): Promise<Wish | undefined> {
    const { live: { revokedLeaves } } = this;
    // Who asked to go is removed by that.
    const leaving = new Set(
      state.pendingProposals.map(({ message: { content: { sender } } }) =>
        sender.kind === "member" ? sender.leafIndex : -1
      ),
    );
    return await wishToRemove(
      this.#ground,
      state,
      ({ devices }) =>
        devices.filter(({ leafIndex }) =>
          revokedLeaves.includes(leafIndex) && !leaving.has(leafIndex)
        ),
    );
  }

  /** What is not done yet, for who has waited in vain: nothing, or one line. */
  describe(): readonly string[] {
    const { live } = this;
    const { record, queue } = live;
    const parts = [
      ...this.#hasAll ? [] : ["the server has not told of all of it"],
      ...record.cursor >= this.#head ? [] : [`entry ${record.cursor} of ${this.#head}`],
      ...this.#deliveries.length === 0 ? [] : [`${this.#deliveries.length} to be processed`],
      ...queue.size === 0 ? [] : [`${queue.size} to be sent`],
      ...live.commit === undefined ? [] : [`its own commit (${live.commit.stored.call}) waits`],
      ...live.owesCommit ? ["it owes a commit"] : [],
      ...this.trust.knownBlockedBy.length === 0 ? [] : ["a key has changed"],
    ];
    if (parts.length === 0 || isOver(record.state)) return [];
    return [`${live.id.slice(0, 8)} (${record.state}, epoch ${record.epoch}): ${parts.join(", ")}`];
  }

  /** @returns false: nothing more can be processed until this device is in anew */
  #recover(behind: Behind): boolean {
    // Read again from the cursor when it is.
    this.#putOff();
    this.#ground.log.warn("behind", { code: behind.code, sequence: this.live.record.cursor + 1 });
    this.#background(this.entrance.rejoin(behind.code));
    return false;
  }

  #background(work: Promise<void>): void {
    work.catch((error: unknown) => this.#ground.fail(error));
  }
}

function headOf(delivery: SlotDelivery): number {
  if (delivery.kind === "entry") return delivery.entry.sequence;
  if (delivery.kind === "gap") return delivery.gap.to;
  return delivery.kind === "caught-up" ? delivery.sequence : 0;
}

const READS_ON: ReadonlySet<string> = new Set(["invited", "active", "leaving"]);
/** States that end when the server says that the account is no member. */
const IS_IN: ReadonlySet<string> = new Set(["invited", "active", "leaving", "broken"]);

function bytesOf(deliveries: readonly SlotDelivery[]): number {
  let bytes = 0;
  for (const each of deliveries) if (each.kind === "entry") bytes += each.entry.messageBytes;
  return bytes;
}
