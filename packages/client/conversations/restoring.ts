/** After a restore of the server from a backup: its log may end before what this device has seen of it. */
import { type GroupState, parseGroupInfo } from "@qpq/mls";
import { compareKeys, MessengerError } from "@qpq/ports";
import type { PendingCommit } from "../../features/groups/group-store.ts";
import type { Ground } from "./ground.ts";
import type { LiveConversation } from "./live-conversation.ts";
import { isPassing, isRetried } from "./receiving.ts";
import { standingOf } from "./succession.ts";

/** States of which the log is read on. */
const IS_IN: ReadonlySet<string> = new Set(["invited", "active", "leaving", "broken", "joining"]);

/**
 * Brings a conversation's cursor to the server's new incarnation, once; says what is gone.
 * @returns the own commit that was on its way and won't be accepted any more
 */
export async function reconcile(
  ground: Ground,
  live: LiveConversation,
  incarnation: Uint8Array,
): Promise<PendingCommit | undefined> {
  // Only tried; or the program, or the connection, ended before all of them were done.
  if (!live.isStored || compareKeys(live.record.incarnation, incarnation) === 0) return undefined;
  const pending = await live.exclusive(() => Promise.resolve(live.commit));
  if (live.record.state === "joining" && pending?.stored.call !== "enter") {
    // Made here, and sent until the server has it: it has nothing of it to compare with.
    await live.exclusive(() => live.write({ record: { cursor: 0, incarnation } }));
    return undefined;
  }
  if (
    !IS_IN.has(live.record.state) || pending?.stored.call === "enter" && live.state === undefined
  ) {
    // Where the log ends now, nobody knows: told anew once, and nothing of it is shown.
    await live.exclusive(() =>
      live.write({
        record: { cursor: 0, incarnation },
        ...pending === undefined ? {} : { commit: "lost" as const },
      })
    );
    return pending;
  }
  const { calls, clock, signal } = ground;
  const found = await calls.members(live.groupId, { signal }).catch((error: unknown) => {
    const isGone = error instanceof MessengerError && error.code === "channels/not-a-member";
    if (isGone) return undefined;
    throw error;
  });
  const { state } = live;
  const isElsewhere = found !== undefined && state !== undefined &&
    found.epoch === Number(state.context.epoch) && await isFork(ground, state);
  return await live.exclusive(async () => {
    const { commit } = live;
    const epoch = Number(live.state?.context.epoch ?? 0n);
    // No client returns to an earlier epoch: this one's keys are gone. Nor to another one of its number.
    const isBehind = found === undefined || found.epoch < epoch || isElsewhere;
    // What an entry was made from may be gone: it is made anew.
    const isLost = isBehind || commit?.stored.call === "enter";
    const lost = live.record.cursor - (found?.sequence ?? 0);
    await live.write({
      record: {
        cursor: Math.min(live.record.cursor, found?.sequence ?? 0),
        incarnation,
        ...isBehind
          ? {
            state: "broken",
            stood: standingOf(live.record),
            failure: "channels/incarnation-changed",
          }
          : {},
      },
      ...isLost && commit !== undefined ? { commit: "lost" as const } : {},
      history: (thread) => {
        thread.addNotice({ kind: "gap", count: Math.max(0, lost), code: "restored" }, clock.now());
        thread.noteConversation();
      },
    });
    return isLost ? commit : undefined;
  });
}

/** Whether the server has gone on from the backup to another epoch of the same number. */
async function isFork({ calls, signal }: Ground, { context }: GroupState): Promise<boolean> {
  try {
    const found = await calls.groupInfo(context.groupId, { signal });
    const { groupContext } = parseGroupInfo(found.groupInfo);
    return groupContext.epoch === context.epoch &&
      compareKeys(groupContext.confirmedTranscriptHash, context.confirmedTranscriptHash) !== 0;
  } catch (error) {
    if (!(error instanceof MessengerError) || isPassing(error) || isRetried(error)) throw error;
    // Nothing to compare with: what comes shows it.
    return false;
  }
}
