/** Own commits: made, stored, sent until there is an answer, and made anew when another one was first. */
import {
  createCommit,
  createGroupInfo,
  type GroupState,
  type KeyPackage,
  membersOf,
  type Proposal,
} from "@qpq/mls";
import { assert, ERROR_CODES, MessengerError, randomFraction, sleep } from "@qpq/ports";
import { type CommitUpload, newEntryId } from "../../features/channels/client.ts";
import { encodeClaim } from "../../features/groups/claim.ts";
import { encodeCommit, type PendingCommit } from "../../features/groups/group-store.ts";
import { accountChanges } from "../../features/groups/members.ts";
import { authenticateWith, policyOf } from "../../features/groups/rules.ts";
import { nameExtension } from "./group-name.ts";
import { type Ground, pausing } from "./ground.ts";
import type { LiveConversation } from "./live-conversation.ts";
import { isPassing } from "./receiving.ts";

/** Times that one wish is committed anew, when others were first. */
const ATTEMPTS_MAX = 10;
/** Milliseconds, at random, that who lost waits before it commits anew. */
const JITTER_MS = 400;
const RETRY_MS = 1_000;
const RETRY_MS_MAX = 60_000;

/** States of a conversation in which this device commits: what it may wish for is for others to say. */
export const MAY_COMMIT: ReadonlySet<string> = new Set(["invited", "active", "leaving"]);

/** What a commit is to do. */
export interface Wish {
  readonly proposals: readonly Proposal[];
  /** Devices that the proposals add. */
  readonly joiners: readonly { readonly accountId: Uint8Array; readonly deviceId: Uint8Array }[];
}

/** A commit that was made and not yet stored. */
export interface MadeCommit {
  readonly pending: PendingCommit;
  readonly encoded: { readonly upload: Uint8Array; readonly staged: Uint8Array };
  /** The current epoch, with the key used up. */
  readonly state: GroupState;
}

/** What became of a commit that was sent. */
export type CommitFate = "applied" | "lost";

/** Makes the commit for a wish in the current epoch. Nothing is stored yet. */
export async function makeCommit(
  ground: Ground,
  state: GroupState,
  options: {
    readonly wish: Wish;
    readonly name: string;
    readonly call: "create" | "commit" | "succeed" | "leave";
  },
): Promise<MadeCommit> {
  const { random, clock, leaves } = ground;
  const { wish, name, call } = options;
  const entryId = newEntryId(ground);
  const pause = pausing({ clock });
  const created = await createCommit(state, {
    random,
    nowMs: clock.now(),
    authenticate: authenticateWith(leaves),
    policy: policyOf(state, leaves),
    proposals: wish.proposals,
    pending: ({ proposal, sender }) =>
      proposal.kind === "self-remove" &&
      !(sender.kind === "member" && sender.leafIndex === state.ownLeafIndex),
    identity: await ground.identity(state.crypto),
    authenticatedData: encodeClaim({ entryId, ...await claimOf(ground, state, wish) }),
    welcomeExtensions: name === "" ? [] : [nameExtension(name)],
    pause,
  });
  const { staged, welcome } = created;
  const upload: CommitUpload = {
    entryId,
    message: created.commit,
    groupInfo: await createGroupInfo(staged.next, { pause }),
    welcomes: welcome === undefined ? [] : [{ message: welcome, recipients: wish.joiners }],
  };
  const pending = { stored: { call, entryId, sequence: 0 }, upload, staged };
  return {
    pending,
    encoded: encodeCommit(created.state, { upload, staged }),
    state: created.state,
  };
}

/** Which accounts come and go, by the proposals and the SelfRemoves that wait. */
async function claimOf({ leaves }: Ground, state: GroupState, { proposals }: Wish) {
  const members = membersOf(await state.tree.load());
  const before = leaves.accounts(members);
  const gone = new Set(
    proposals.flatMap((proposal) => proposal.kind === "remove" ? [proposal.removed] : []),
  );
  for (const { message: { content: { sender } } } of state.pendingProposals) {
    if (sender.kind === "member" && sender.leafIndex !== state.ownLeafIndex) {
      gone.add(sender.leafIndex);
    }
  }
  const added = proposals.flatMap((proposal) =>
    proposal.kind === "add" ? [proposal.keyPackage.leafNode] : []
  );
  const after = leaves.accounts([
    ...members.filter(({ leafIndex }) => !gone.has(leafIndex)),
    ...added.map((leafNode, index) => ({ leafIndex: Number.MAX_SAFE_INTEGER - index, leafNode })),
  ]);
  const changes = accountChanges(before, after);
  return {
    added: changes.added.map((id) => Uint8Array.fromHex(id)),
    removed: changes.removed.map((id) => Uint8Array.fromHex(id)),
  };
}

export function addProposals(packages: readonly KeyPackage[]): readonly Proposal[] {
  return packages.map((keyPackage) => ({ kind: "add", keyPackage }));
}

export interface CommitOptions {
  readonly signal?: AbortSignal;
  /** With this commit the conversation is left behind: what remains is to be removed by somebody else. */
  readonly isLeave?: boolean;
}

interface Waiter {
  readonly resolve: (fate: CommitFate) => void;
  readonly reject: (error: unknown) => void;
}

export class Committer {
  readonly #ground: Ground;
  readonly #live: LiveConversation;
  readonly #isCaughtUp: () => boolean;
  readonly #untilReady: (signal: AbortSignal) => Promise<void>;
  readonly #onForgotten: () => void;
  readonly #onDropped: () => void;
  #isKicked = false;
  readonly #waiters = new Map<string, Waiter[]>();
  #sending: Promise<void> | undefined;

  constructor(
    ground: Ground,
    live: LiveConversation,
    options: {
      readonly isCaughtUp: () => boolean;
      /** Resolves when all that the server had is processed, or the conversation is over. */
      readonly untilReady: (signal: AbortSignal) => Promise<void>;
      /** The conversation never came to be: nothing is left of it. */
      readonly onForgotten: () => void;
      /** It won't be accepted: what waited for it goes on. */
      readonly onDropped: () => void;
    },
  ) {
    this.#ground = ground;
    this.#live = live;
    this.#isCaughtUp = options.isCaughtUp;
    this.#untilReady = options.untilReady;
    this.#onForgotten = options.onForgotten;
    this.#onDropped = options.onDropped;
  }

  /**
   * Commits what `plan` wants of the group as it stands then, again when another commit was first.
   * @param plan asked anew each time; undefined: nothing is to be done any more
   * @throws MessengerError why the server refuses it for good; `conversations/conflict`; `cancelled`
   */
  async commit(
    plan: (state: GroupState) => Promise<Wish | undefined>,
    options: CommitOptions = {},
  ): Promise<void> {
    const signal = options.signal ?? this.#ground.signal;
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      // Made while others' commits wait to be processed, it would only lose to them.
      await this.#untilReady(signal);
      const begun = await this.#live.exclusive(() => this.#begin(plan, options.isLeave === true));
      if (begun === "nothing") return;
      const fate = await aborting(this.#fateOf(begun.entryId), signal);
      if (fate === "applied" && begun.isOwn) return;
      if (fate === "lost") {
        await sleep(this.#ground.clock, randomFraction(this.#ground.random) * JITTER_MS, signal);
      }
    }
    throw new MessengerError(
      "conversations/conflict",
      "Cannot change the group: other members kept changing it at the same time",
    );
  }

  /** Sends the commit that is on its way, again until there is an answer. */
  kick(): void {
    this.#isKicked = true;
    this.#sending ??= this.#run().finally(() => {
      this.#sending = undefined;
      if (this.#isKicked && !this.#ground.signal.aborted) this.kick();
    });
    this.#sending.catch((error: unknown) => this.#ground.fail(error));
  }

  /** Tells those who wait what has become of it. */
  settle(entryId: Uint8Array, fate: CommitFate): void {
    for (const { resolve } of this.#take(entryId)) resolve(fate);
  }

  fail(entryId: Uint8Array, error: unknown): void {
    for (const { reject } of this.#take(entryId)) reject(error);
  }

  failAll(error: unknown): void {
    for (const waiters of this.#waiters.values()) for (const { reject } of waiters) reject(error);
    this.#waiters.clear();
  }

  #take(entryId: Uint8Array): readonly Waiter[] {
    const waiters = this.#waiters.get(entryId.toHex()) ?? [];
    this.#waiters.delete(entryId.toHex());
    return waiters;
  }

  /** Resolves when the commit with that entry id is settled. Registered before it can be. */
  #fateOf(entryId: string): Promise<CommitFate> {
    return new Promise((resolve, reject) => {
      const waiters = this.#waiters.get(entryId) ?? [];
      this.#waiters.set(entryId, [...waiters, { resolve, reject }]);
    });
  }

  /** Waits for the fate of a commit that is on its way. */
  async fate(entryId: Uint8Array, signal: AbortSignal): Promise<CommitFate> {
    return await aborting(this.#fateOf(entryId.toHex()), signal);
  }

  async #begin(
    plan: (state: GroupState) => Promise<Wish | undefined>,
    isLeave: boolean,
  ): Promise<"nothing" | { readonly entryId: string; readonly isOwn: boolean }> {
    const live = this.#live;
    if (live.commit !== undefined) {
      return { entryId: live.commit.stored.entryId.toHex(), isOwn: false };
    }
    const { state, record } = live;
    // An earlier run of the program had asked for it.
    if (isLeave && record.state === "leaving") return "nothing";
    if (state === undefined || !MAY_COMMIT.has(record.state)) {
      throw new MessengerError(
        "conversations/not-active",
        "Cannot change the group: the account is not in it",
      );
    }
    const wish = await plan(state);
    if (wish === undefined) return "nothing";
    const name = record.kind === "group" ? record.name : "";
    const made = await makeCommit(this.#ground, state, {
      wish,
      name,
      call: isLeave ? "leave" : "commit",
    });
    // Stored before it leaves: the same bytes go out again, never the key (RFC 9420 §9).
    await live.write({ state: made.state, commit: made });
    this.kick();
    return { entryId: made.pending.stored.entryId.toHex(), isOwn: true };
  }

  async #run(): Promise<void> {
    while (this.#isKicked) {
      this.#isKicked = false;
      await this.#sendWaiting();
    }
  }

  async #sendWaiting(): Promise<void> {
    const { signal, clock } = this.#ground;
    // From the second time on somebody waits for the entry, and the answer is known.
    let answered: string | undefined;
    while (!signal.aborted && this.#ground.isOnline()) {
      const commit = await this.#live.exclusive(() => Promise.resolve(this.#live.commit));
      if (commit === undefined) return;
      const entryId = commit.stored.entryId.toHex();
      if (entryId === answered) return;
      const { call } = commit.stored;
      const isWaiting = (call === "commit" || call === "leave") && !this.#isCaughtUp();
      // Never commit while still draining a backlog: it would lose, or was accepted long ago.
      if (isWaiting) return;
      try {
        await this.#send(commit);
        answered = entryId;
      } catch (error) {
        if (!(error instanceof MessengerError)) throw error;
        if (isPassing(error) || error.code === "cancelled") return;
        if (error.code === "channels/epoch-taken") {
          answered = entryId;
          if (commit.stored.call === "enter") await this.#drop(commit, undefined);
        } else if (isRefusal(error)) await this.#drop(commit, error);
        else {
          const waitMs = Math.min(error.retryAfterMs ?? RETRY_MS, RETRY_MS_MAX);
          await sleep(clock, waitMs, signal).catch(() => {});
        }
      }
    }
  }

  async #send({ stored, upload }: PendingCommit): Promise<void> {
    const { calls, signal } = this.#ground;
    if (stored.call === "succeed") {
      const { predecessorId: channelId } = this.#live.record;
      return void await calls.succeed({ channelId, upload }, { signal });
    }
    if (stored.call !== "create") {
      await calls.commit({ channelId: this.#live.groupId, upload }, { signal });
      return;
    }
    const { isNew, channelId } = await calls.create(upload, { signal });
    if (!isNew) await this.#forget(stored.entryId, new DirectMessageExists(channelId));
  }

  /** The group was made here alone: nobody else ever saw it. */
  async #forget(entryId: Uint8Array, reason: Error): Promise<void> {
    await this.#live.exclusive(() => this.#live.forget());
    this.#onForgotten();
    this.fail(entryId, reason);
  }

  /** It won't be accepted any more. @param error undefined: another one was first */
  async #drop(commit: PendingCommit, error: MessengerError | undefined): Promise<void> {
    const { entryId, call } = commit.stored;
    const isFirst = call === "create" || call === "succeed";
    if (isFirst && error !== undefined) return await this.#forget(entryId, error);
    await this.#live.exclusive(async () => {
      if (this.#live.commit?.stored.entryId !== entryId) return;
      await this.#live.write({ commit: "lost" });
    });
    if (error === undefined) this.settle(entryId, "lost");
    else this.fail(entryId, error);
    this.#onDropped();
  }
}

/** For good. A channel that is behind an external commit's epoch has only just got there. */
function isRefusal({ code }: MessengerError): boolean {
  return ERROR_CODES[code].retry === "never" && code !== "channels/epoch-ahead";
}

/** Two accounts have one direct message: the other one was first to make it. */
export class DirectMessageExists extends Error {
  readonly channelId: Uint8Array;

  constructor(channelId: Uint8Array) {
    super("the two accounts have a direct message already");
    this.channelId = channelId;
  }
}

/** @throws MessengerError `cancelled` */
async function aborting<Result>(work: Promise<Result>, signal: AbortSignal): Promise<Result> {
  work.catch(() => {});
  if (signal.aborted) throw signal.reason;
  let onAbort: (() => void) | undefined;
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    assert(onAbort !== undefined, "it was set at once");
    signal.removeEventListener("abort", onAbort);
  }
}
