/** After a restore of the server from a backup: its log may end before what this device has seen of it. */
import { MessengerError } from "@qpq/ports";
import type { PendingCommit } from "../../features/groups/group-store.ts";
import type { Ground } from "./ground.ts";
import type { LiveConversation } from "./live-conversation.ts";
import { standingOf } from "./succession.ts";

/** States of which the log is read on. */
const IS_IN: ReadonlySet<string> = new Set(["invited", "active", "leaving", "broken", "joining"]);

/**
 * Brings a conversation's cursor to the server's new incarnation; says what is gone.
 * @returns the own commit that was on its way and won't be accepted any more
 */
export async function reconcile(
  ground: Ground,
  live: LiveConversation,
): Promise<PendingCommit | undefined> {
  const { calls, clock, signal } = ground;
  if (!IS_IN.has(live.record.state)) {
    // Where the log ends now, nobody knows: told anew once, and nothing of it is shown.
    await live.exclusive(() => live.write({ record: { cursor: 0 } }));
    return undefined;
  }
  const found = await calls.members(live.groupId, { signal }).catch((error: unknown) => {
    const isGone = error instanceof MessengerError && error.code === "channels/not-a-member";
    if (isGone) return undefined;
    throw error;
  });
  return await live.exclusive(async () => {
    const { commit } = live;
    const epoch = Number(live.state?.context.epoch ?? 0n);
    // No client returns to an earlier epoch: this one's keys are gone.
    const isBehind = found === undefined || found.epoch < epoch;
    const lost = live.record.cursor - (found?.sequence ?? 0);
    await live.write({
      record: {
        cursor: Math.min(live.record.cursor, found?.sequence ?? 0),
        ...isBehind
          ? {
            state: "broken",
            stood: standingOf(live.record),
            failure: "channels/incarnation-changed",
          }
          : {},
      },
      ...isBehind && commit !== undefined ? { commit: "lost" as const } : {},
      history: (thread) => {
        thread.addNotice({ kind: "gap", count: Math.max(0, lost), code: "restored" }, clock.now());
        thread.noteConversation();
      },
    });
    return isBehind ? commit : undefined;
  });
}
