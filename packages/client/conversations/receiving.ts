/** Receiving: process, then one transaction stores state, messages and cursor. */
import { membersOf } from "@qpq/mls";
import { assert, ERROR_CODES, MessengerError } from "@qpq/ports";
import type { NewNotice } from "../../features/messages/thread.ts";
import type { ConversationView } from "../conversation-views.ts";
import type { Entry } from "../../features/channels/client.ts";
import { Draft } from "./draft.ts";
import type { StoredConversation } from "../../features/groups/group-store.ts";
import type { StoredQueued } from "../../features/messages/history.ts";
import type { ThreadWriter } from "../../features/messages/thread.ts";
import type { Ground } from "./ground.ts";
import type { LiveConversation } from "./live-conversation.ts";
import { UNNAMED } from "./group-name.ts";
import { Behind, giveUp, processEntry, REPLACED } from "./processing.ts";
import { queuedName } from "./queueing.ts";
import {
  type FindConversation,
  inheritedBy,
  successionNotice,
  takingPlaceOf,
} from "./succession.ts";

/** Entries that one transaction takes in. */
export const BATCH_ENTRIES_MAX = 128;

/** What a conversation has to see to after it took entries in. */
export interface Received {
  /** False: the rest is still to be processed. */
  readonly isWhole: boolean;
  /** The entry before which others are missing; 0: none. */
  readonly holeBefore: number;
  readonly entered: Draft["entered"];
  /** What has become of the own commit that was on its way. */
  readonly settled:
    | { readonly entryId: Uint8Array; readonly fate: "applied" | "lost" }
    | undefined;
  readonly hasNewEpoch: boolean;
  readonly hasNewName: boolean;
  /** The server delivers what comes after this device went out: its account was added anew. */
  readonly isBack: boolean;
  /** This device can't process what comes next. */
  readonly behind: Behind | undefined;
}

/**
 * Processes entries that follow the cursor, up to the next commit and with it, and stores what they
 * come to. Only inside `exclusive`.
 * @param options.find the conversation that a group comes in the place of
 * @param options.entries those up to the cursor are passed over, those behind a hole are not taken
 */
export async function receiveEntries(
  ground: Ground,
  live: LiveConversation,
  { entries, find }: { readonly entries: readonly Entry[]; readonly find: FindConversation },
): Promise<Received> {
  const fresh = entries.filter(({ sequence }) => sequence > live.record.cursor);
  const { name: nameBefore } = live.record;
  const draft = new Draft(live.record, live.state);
  let behind: Behind | undefined;
  let count = 0;
  let holeBefore = 0;
  const wasOut = isOut(live.record);
  const { guard } = ground;
  for (const entry of fresh.slice(0, guard.isCareful(live.channel) ? 1 : BATCH_ENTRIES_MAX)) {
    const record = draft.record;
    // The cursor may have moved since they were asked for: a Welcome begins behind its own commit.
    if (entry.sequence !== record.cursor + 1) {
      holeBefore = entry.sequence;
      break;
    }
    try {
      const mayTry = live.failedAt !== entry.sequence &&
        await guard.mayTry(entry.sequence, live.groupId);
      if (!mayTry) giveUp(draft, entry);
      else await processEntry(ground, draft, entry, live);
    } catch (error) {
      if (isBug(error)) {
        // Once more, on what is stored; then without this entry.
        ground.log.error("entry-failed", { error: String(error) });
        live.failAt(entry.sequence);
        return { ...NOTHING, isWhole: false };
      }
      if (!(error instanceof Behind)) throw error;
      draft.record = { ...record, cursor: entry.sequence - 1 };
      behind = error;
      break;
    }
    count++;
    if (draft.isBoundary) break;
  }
  const commit = live.commit;
  if (draft.missedCount > 0) {
    draft.note({ kind: "gap", count: draft.missedCount, code: "missed" }, ground.clock.now());
  }
  if (draft.isBoundary) judge(ground, draft);
  if (count > 0) {
    const { state, predecessorId } = live.record;
    const isIn = state === "joining" && draft.record.state !== "joining";
    const old = isIn && predecessorId.length > 0 ? await find(predecessorId) : undefined;
    const name = nameToTell(ground, draft);
    await takingPlaceOf(old, async (taken) => {
      if (taken !== undefined) {
        await store(live, follow(ground, draft, taken), { name, old: taken });
      } else await store(live, old === undefined ? draft : standAlone(draft), { name });
    });
  }
  return {
    isWhole: count === fresh.length,
    holeBefore,
    entered: draft.entered,
    settled: commit === undefined || draft.commit === undefined
      ? undefined
      : { entryId: commit.stored.entryId, fate: draft.commit },
    hasNewEpoch: draft.isBoundary,
    hasNewName: draft.record.name !== nameBefore,
    isBack: count > 0 && wasOut,
    behind,
  };
}

const EMPTY = new Uint8Array();

const NOTHING: Received = {
  isWhole: true,
  holeBefore: 0,
  entered: [],
  settled: undefined,
  hasNewEpoch: false,
  hasNewName: false,
  isBack: false,
  behind: undefined,
};

/** Neither about the bytes nor about the store: this program is wrong, or out of memory. */
function isBug(error: unknown): boolean {
  return !(error instanceof MessengerError || error instanceof Behind);
}

/** A new epoch whose own leaves are all known is so from its first moment. */
function judge({ ownDevices }: Ground, draft: Draft): void {
  const { state } = draft;
  if (state === undefined) return;
  assert(state.tree.loaded !== undefined, "a commit was made or processed with its tree");
  const { counter, revoked, strangers } = ownDevices.judge(
    membersOf(state.tree.loaded),
    state.ownLeafIndex,
  );
  const isClean = revoked.length + strangers.length === 0;
  draft.record = { ...draft.record, judgedList: isClean ? counter : 0 };
}

/** The member with the lowest leaf, but for who has just entered, says what the group is called. */
function nameToTell(ground: Ground, draft: Draft): StoredQueued | undefined {
  const { state, record: { kind, name }, entered } = draft;
  if (!draft.owesName || kind !== "group" || name === UNNAMED || state === undefined) return;
  assert(state.tree.loaded !== undefined, "a commit was made or processed with its tree");
  const ids = new Set(entered.map(({ deviceId }) => deviceId.toHex()));
  const first = membersOf(state.tree.loaded).find(({ leafNode }) =>
    !ids.has(ground.leaves.open(leafNode).deviceId.toHex())
  );
  return first?.leafIndex === state.ownLeafIndex ? queuedName(ground, name) : undefined;
}

/** Another group took that place while this device was on its way: one history is no two groups'. */
function standAlone(draft: Draft): Draft {
  draft.record = { ...draft.record, threadId: EMPTY, predecessorId: EMPTY };
  return draft;
}

/** The conversation goes on in this group: as it stood, and with its history. */
function follow(ground: Ground, draft: Draft, old: LiveConversation): Draft {
  const { state } = draft;
  assert(state?.tree.loaded !== undefined, "who comes in has the tree");
  const devices = membersOf(state.tree.loaded).map(({ leafNode }) => ground.leaves.open(leafNode));
  const { state: stands, invitedIds } = inheritedBy(old);
  draft.record = { ...draft.record, state: stands, invitedIds, name: old.record.name };
  draft.note(successionNotice(old, ground.leaves, devices), ground.clock.now());
  return draft;
}

async function store(
  live: LiveConversation,
  draft: Draft,
  { name, old }: { readonly name: StoredQueued | undefined; readonly old?: LiveConversation },
): Promise<void> {
  const told = name === undefined ? [] : live.takeOrders(1).map((order) => [order, name] as const);
  const rest = [...live.queue].filter(([order]) => !draft.returned.has(order));
  const passed = passedBy(rest, draft.record.cursor);
  const failed = isFailing(draft.record.state) ? rest.filter((each) => !passed.includes(each)) : [];
  await live.write({
    record: draft.record,
    ...draft.state === undefined && live.state !== undefined ? { state: "gone" } : {},
    ...draft.state === undefined ? {} : { state: draft.state },
    isFresh: draft.isFresh,
    supersedes: old,
    spent: draft.spent,
    ...draft.commit === undefined ? {} : { commit: draft.commit },
    ...draft.effects.length + failed.length + passed.length + told.length === 0 ? {} : {
      history: async (thread) => {
        for (const effect of draft.effects) await effect(thread);
        for (const [order] of passed) thread.dequeue(order, undefined);
        await fail(thread, failed);
        for (const [order, queued] of told) thread.enqueue(order, queued);
      },
    },
  });
  for (const [order, queued] of told) live.setQueued(order, queued);
  for (const order of draft.returned) live.setQueued(order, undefined);
  for (const [order] of [...failed, ...passed]) live.setQueued(order, undefined);
}

type Waiting = readonly (readonly [order: number, queued: StoredQueued])[];

/** What an abandoned conversation says in the place of a failure: the server was not asked. */
const ABANDONED = "abandoned";

/** Whether this device went out of the group, and would come in again if it were added. */
export function isOut({ state, failure }: StoredConversation): boolean {
  const isForGood = failure === ABANDONED || failure === REPLACED;
  return (state === "removed" || state === "left") && !isForGood;
}

/** A closed one may go on in another group, and what waits with it. */
function isFailing(state: StoredConversation["state"]): boolean {
  return state === "left" || state === "removed";
}

export function isOver(state: StoredConversation["state"]): boolean {
  return state === "left" || state === "removed" || state === "closed";
}

/** Those that the server has had in entries that are passed over. */
function passedBy(queue: Waiting, cursor: number): Waiting {
  return queue.filter(([, { sequence }]) => sequence > 0 && sequence <= cursor);
}

async function fail(thread: ThreadWriter, failed: Waiting): Promise<void> {
  for (const [order, { position, sequence }] of failed) {
    await thread.changeText(position, {
      state: "failed",
      failureCode: "conversations/not-active",
      failureMessage: "Cannot send: the conversation is over",
    });
    thread.dequeue(order, sequence === 0 ? { position } : undefined);
  }
}

/** The device is in the conversation no more: its secrets go, and what waits is not sent. Only inside `exclusive`. */
export async function endConversation(
  live: LiveConversation,
  { state, notice, atMs, isAbandoned = false }: {
    readonly state: Extract<ConversationView["state"], "left" | "removed" | "closed">;
    /** Left without a word to anybody. */
    readonly isAbandoned?: boolean;
    /** Left out: all was said. */
    readonly notice?: NewNotice;
    readonly atMs: number;
  },
): Promise<void> {
  const waiting: Waiting = [...live.queue];
  await live.write({
    record: { state, failure: isAbandoned ? ABANDONED : "" },
    state: "gone",
    ...live.commit === undefined ? {} : { commit: "lost" as const },
    history: async (thread) => {
      await fail(thread, waiting);
      if (notice !== undefined) thread.addNotice(notice, atMs);
      thread.noteConversation();
    },
  });
  for (const [order] of waiting) live.setQueued(order, undefined);
}

/** Entries that are gone for this device: shown, never passed over in silence. */
export async function receiveGap(
  ground: Ground,
  live: LiveConversation,
  gap: { readonly from: number; readonly to: number; readonly reason: string },
): Promise<void> {
  const { cursor } = live.record;
  if (gap.to <= cursor) return;
  const from = Math.max(gap.from, cursor + 1);
  const atMs = ground.clock.now();
  const passed = passedBy([...live.queue], gap.to);
  await live.write({
    record: { cursor: gap.to },
    history: (thread) => {
      for (const [order] of passed) thread.dequeue(order, undefined);
      // Who is not in has lost nothing.
      if (live.state === undefined) return;
      thread.addNotice({ kind: "gap", count: gap.to - from + 1, code: gap.reason }, atMs);
    },
  });
  for (const [order] of passed) live.setQueued(order, undefined);
}

/** Whether a failure is the connection's: what was tried is tried again when there is one. */
export function isPassing({ code }: MessengerError): boolean {
  return code === "cancelled" || code.startsWith("transport/") || PASSING.has(code);
}

/** Whether the same may go well later, on this connection: the server was busy, or others were first. */
export function isRetried(error: MessengerError): boolean {
  return !isPassing(error) && ERROR_CODES[error.code].retry !== "never";
}

const PASSING: ReadonlySet<string> = new Set([
  "rpc/disconnected",
  "rpc/going-away",
  "rpc/handshake-timeout",
  "rpc/not-authenticated",
]);
