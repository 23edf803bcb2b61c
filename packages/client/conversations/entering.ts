/** Entering a group by a commit of this device's own: a new device's, or one that was left behind. */
import { retire } from "@qpq/mls";
import { MessengerError, randomFraction, sleep } from "@qpq/ports";
import type { Committer } from "./committing.ts";
import type { Ground } from "./ground.ts";
import { makeEntry } from "./joining.ts";
import type { LiveConversation } from "./live-conversation.ts";
import { endConversation, isOver, isRetried } from "./receiving.ts";
import type { SharedView } from "./sharing.ts";
import { type FindConversation, standingOf } from "./succession.ts";

/** Times that a device enters a group anew by itself, within a day. */
const REJOINS_MAX = 3;
const DAY_MS = 24 * 60 * 60 * 1_000;
/** Times that an external commit is made anew, when others were first. */
const ENTRY_ATTEMPTS_MAX = 10;
const ENTRY_JITTER_MS = 500;
/** Milliseconds before an entry that failed is tried again: doubled each time. */
const RETRY_MS = 2_000;
const RETRY_MS_MAX = 10 * 60_000;

export interface EntranceOptions {
  /** An external commit is stored: what comes in behind it can be processed. */
  readonly onStored: () => void;
  /** There is no way in by itself: what the server hands out is no group that could be entered. */
  readonly onNoWayIn: (error: MessengerError) => void;
  readonly find: FindConversation;
  /** What the account's devices have seen of the channel. */
  readonly sharedView: () => Promise<SharedView | undefined>;
  /** Nothing is left of the conversation. */
  readonly onForgotten: () => void;
}

export class Entrance {
  readonly #ground: Ground;
  readonly #live: LiveConversation;
  readonly #committer: Committer;
  readonly #options: EntranceOptions;
  #entering: Promise<void> | undefined;
  #rejoining: Promise<void> | undefined;
  /** For a day to be over. */
  #isWaiting = false;

  constructor(
    ground: Ground,
    live: LiveConversation,
    options: EntranceOptions & { readonly committer: Committer },
  ) {
    this.#ground = ground;
    this.#live = live;
    this.#committer = options.committer;
    this.#options = options;
  }

  /** Whether an external commit of this device is on its way. */
  async isEntering(): Promise<boolean> {
    const live = this.#live;
    return await live.exclusive(() => Promise.resolve(live.commit?.stored.call === "enter"));
  }

  /** Resolves when nothing is tried any more that was begun before. */
  async ended(): Promise<void> {
    await Promise.allSettled([this.#entering, this.#rejoining]);
  }

  /** Enters the group by a commit of this device. Resolves when it is in. */
  async enter(): Promise<void> {
    this.#entering ??= this.#enter().finally(() => this.#entering = undefined);
    await this.#entering;
  }

  /** This device can't follow any more: `code` says why. It comes in anew, a few times a day. */
  async rejoin(code: string): Promise<void> {
    this.#rejoining ??= this.#tryToRejoin(code).finally(() => this.#rejoining = undefined);
    await this.#rejoining;
  }

  async #tryToRejoin(code: string): Promise<void> {
    const live = this.#live;
    const { clock, calls, signal } = this.#ground;
    const nowMs = clock.now();
    const report = { channelId: live.groupId, sequence: live.record.cursor + 1 };
    await calls.report(report, { signal }).catch(() => {});
    await live.exclusive(async () => {
      // What is over, or goes on in another group, is not entered anew.
      if (live.record.state === "broken" || isOver(live.record.state)) return;
      await live.write({
        record: { state: "broken", stood: standingOf(live.record), failure: code.slice(0, 64) },
        ...live.commit === undefined ? {} : { commit: "lost" as const },
        history: (thread) => {
          thread.addNotice({ kind: "broken", code: code.slice(0, 64) }, nowMs);
          thread.noteConversation();
        },
      });
      this.#committer.failAll(notActive());
    });
    if (isOver(live.record.state)) return;
    await this.enterOrGiveUp();
    if (live.record.state === "broken") this.#waitForTomorrow();
  }

  /** After all the times that it may, this device enters anew when it may again. */
  #waitForTomorrow(): void {
    const { clock, signal, fail } = this.#ground;
    const recent = this.#recentRejoins(clock.now());
    if (this.#isWaiting || recent.length < REJOINS_MAX) return;
    this.#isWaiting = true;
    sleep(clock, Number(recent[0]) + DAY_MS - clock.now(), signal).then(async () => {
      this.#isWaiting = false;
      const { state, failure } = this.#live.record;
      if (state === "broken") await this.rejoin(failure);
    }).catch((error: unknown) => signal.aborted || fail(error));
  }

  /** When this device entered anew by itself, within the last day. */
  #recentRejoins(nowMs: number): readonly bigint[] {
    return this.#live.record.rejoinedAtMs.filter((atMs) => Number(atMs) > nowMs - DAY_MS);
  }

  /**
   * Enters, trying again what may go well later; if there is no way in, what was begun is forgotten. What
   * passes with the connection is for the next session.
   */
  async enterOrGiveUp(): Promise<void> {
    const { log, clock, signal } = this.#ground;
    for (let failures = 0;; failures++) {
      try {
        return await this.enter();
      } catch (error) {
        if (!(error instanceof MessengerError) || error.code.startsWith("store/")) throw error;
        log.warn("entry-failed", { code: error.code });
        if (!isRetried(error)) {
          await this.forgetUnentered();
          if (error.code === "channels/not-a-member") await this.#endLost();
          if (this.#live.record.state === "broken") this.#options.onNoWayIn(error);
          return;
        }
      }
      const waitMs = Math.min(RETRY_MS * 2 ** failures, RETRY_MS_MAX);
      await sleep(clock, waitMs, signal).catch(() => {});
      if (signal.aborted || !isOutside(this.#live.record.state)) return;
    }
  }

  /**
   * Both sides are in a direct message for as long as its channel is there: a server that was restored has
   * lost it, and knows of nobody who could make a successor. Else what is written would wait for ever.
   */
  async #endLost(): Promise<void> {
    const live = this.#live;
    await live.exclusive(async () => {
      if (live.record.state !== "broken" || live.record.kind !== "directMessage") return;
      const notice = { kind: "removed-self" } as const;
      await endConversation(live, { state: "removed", notice, atMs: this.#ground.clock.now() });
    });
  }

  /** Nothing is left of a conversation that this device never came into. */
  async forgetUnentered(): Promise<void> {
    const live = this.#live;
    await live.exclusive(async () => {
      if (live.record.state !== "joining" || live.commit !== undefined) return;
      await live.forget();
      this.#options.onForgotten();
    });
  }

  async #enter(): Promise<void> {
    const live = this.#live;
    const { random, clock, signal } = this.#ground;
    for (let attempt = 0; attempt < ENTRY_ATTEMPTS_MAX; attempt++) {
      const pending = await live.exclusive(() => Promise.resolve(live.commit));
      // One that an earlier run of the program has made goes first.
      const entryId = pending?.stored.entryId ?? await this.#storeEntry(attempt === 0);
      // A Welcome may have been faster.
      if (entryId === undefined || !isOutside(live.record.state)) return;
      // Settled already, before anybody could wait for it.
      if (live.commit?.stored.entryId !== entryId) continue;
      const fate = this.#committer.fate(entryId, signal);
      this.#committer.kick();
      this.#options.onStored();
      if (await fate === "applied" || !isOutside(live.record.state)) return;
      await sleep(clock, randomFraction(random) * ENTRY_JITTER_MS, signal);
    }
    throw new MessengerError(
      "conversations/conflict",
      "Cannot enter the group: its members kept changing it at the same time",
    );
  }

  /**
   * @param isFirst whether it counts as one more time that this device enters anew
   * @returns undefined when this device came in by itself in the meantime, or enters no more today
   */
  async #storeEntry(isFirst: boolean): Promise<Uint8Array | undefined> {
    const live = this.#live;
    const { clock } = this.#ground;
    const shared = await this.#options.sharedView();
    const made = await makeEntry(this.#ground, live.groupId, {
      epochMin: live.record.epoch,
      shared,
      find: this.#options.find,
    });
    const { entryId } = made.pending.stored;
    return await live.exclusive(async () => {
      const { state, cursor } = live.record;
      const nowMs = clock.now();
      // There is a way in that this device has taken often enough: it is for others to say what is wrong.
      const isGivenUp = state === "broken" && isFirst &&
        this.#recentRejoins(nowMs).length >= REJOINS_MAX;
      if (!isOutside(state) || live.commit !== undefined || isGivenUp) {
        retire(made.pending.staged.next, live.state);
        return undefined;
      }
      const isNew = state === "joining";
      // Who was out has missed nothing.
      const missed = state === "broken" ? made.cursor - cursor : 0;
      const rejoinedAtMs = [...this.#recentRejoins(nowMs), BigInt(Math.floor(nowMs))]
        .slice(-REJOINS_MAX);
      await live.write({
        record: {
          ...isNew ? made.describes : {},
          ...state === "broken" && isFirst ? { rejoinedAtMs } : {},
          cursor: Math.max(cursor, made.cursor),
        },
        commit: made,
        history: (thread) => {
          if (missed <= 0) return thread.noteConversation();
          thread.addNotice({ kind: "gap", count: missed, code: "missed" }, nowMs);
        },
      });
      return entryId;
    });
  }
}

function isOutside(state: string): boolean {
  return state === "joining" || state === "broken" || state === "removed" || state === "left";
}

export function notActive(): MessengerError {
  return new MessengerError(
    "conversations/not-active",
    "Cannot go on: this device is not in that conversation",
  );
}
