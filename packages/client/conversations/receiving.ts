/** Receiving: process, then one transaction stores state, messages and cursor. */
import type { MessengerError } from "@qpq/ports";
import type { Entry } from "../../features/channels/client.ts";
import { Draft } from "./draft.ts";
import type { Ground } from "./ground.ts";
import type { LiveConversation } from "./live-conversation.ts";
import { Behind, processEntry } from "./processing.ts";

/** Entries that one transaction takes in. */
const BATCH_ENTRIES_MAX = 128;

/** What a conversation has to see to after it took entries in. */
export interface Received {
  /** Behind which the rest is still to be processed. */
  readonly isWhole: boolean;
  readonly entered: Draft["entered"];
  /** What has become of the own commit that was on its way. */
  readonly settled:
    | { readonly entryId: Uint8Array; readonly fate: "applied" | "lost" }
    | undefined;
  readonly hasNewEpoch: boolean;
  readonly hasNewName: boolean;
  readonly owesName: boolean;
  /** This device can't process what comes next. */
  readonly behind: Behind | undefined;
}

/**
 * Processes entries that follow the cursor, up to the next commit and with it, and stores what they
 * come to. Only inside `exclusive`.
 * @param entries without holes; those up to the cursor are passed over
 */
export async function receiveEntries(
  ground: Ground,
  live: LiveConversation,
  entries: readonly Entry[],
): Promise<Received> {
  const fresh = entries.filter(({ sequence }) => sequence > live.record.cursor);
  const { name } = live.record;
  const draft = new Draft(live.record, live.state);
  let behind: Behind | undefined;
  let count = 0;
  for (const entry of fresh.slice(0, BATCH_ENTRIES_MAX)) {
    const record = draft.record;
    try {
      await processEntry(ground, draft, entry, live);
    } catch (error) {
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
  if (count > 0) await store(live, draft);
  return {
    isWhole: count === fresh.length,
    entered: draft.entered,
    settled: commit === undefined || draft.commit === undefined
      ? undefined
      : { entryId: commit.stored.entryId, fate: draft.commit },
    hasNewEpoch: draft.isBoundary,
    hasNewName: draft.record.name !== name,
    owesName: draft.owesName,
    behind,
  };
}

async function store(live: LiveConversation, draft: Draft): Promise<void> {
  const isOver = draft.record.state === "left" || draft.record.state === "removed" ||
    draft.record.state === "closed";
  const failed = isOver ? unsent(live, draft) : [];
  await live.write({
    record: draft.record,
    ...draft.state === undefined && live.state !== undefined ? { state: "gone" } : {},
    ...draft.state === undefined ? {} : { state: draft.state },
    isFresh: draft.isFresh,
    spent: draft.spent,
    ...draft.commit === undefined ? {} : { commit: draft.commit },
    ...draft.effects.length === 0 && failed.length === 0 ? {} : {
      history: async (thread) => {
        for (const effect of draft.effects) await effect(thread);
        for (const [order, { position, sequence }] of failed) {
          await thread.changeText(position, {
            state: "failed",
            failureCode: "conversations/not-active",
            failureMessage: "Cannot send: the conversation is over",
          });
          thread.dequeue(order, sequence === 0);
        }
      },
    },
  });
  for (const order of draft.returned) live.setQueued(order, undefined);
  for (const [order] of failed) live.setQueued(order, undefined);
}

function unsent(live: LiveConversation, draft: Draft) {
  return [...live.queue].filter(([order]) => !draft.returned.has(order));
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
  await live.write({
    record: { cursor: gap.to },
    history: (thread) =>
      thread.addNotice({ kind: "gap", count: gap.to - from + 1, code: gap.reason }, atMs),
  });
}

/** Whether a failure is the connection's: what was tried is tried again when there is one. */
export function isPassing({ code }: MessengerError): boolean {
  return code === "cancelled" || code.startsWith("transport/") || PASSING.has(code);
}

const PASSING: ReadonlySet<string> = new Set([
  "rpc/disconnected",
  "rpc/going-away",
  "rpc/handshake-timeout",
  "rpc/not-authenticated",
]);
