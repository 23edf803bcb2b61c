/** What is said of a new device on its way into its account's conversations. */
import type { Conversations, ConversationView } from "@qpq/client";
import { MessengerError } from "@qpq/ports";
import { counted } from "./describe.ts";

const NO_HISTORY = "what was said before stays on your other devices";

/** @param count of them; 0: not known yet */
export function joiningText(count: number): string {
  const what = count === 0 ? "your conversations" : counted(count, "conversation");
  return `joining ${what}; ${NO_HISTORY}`;
}

/**
 * @param list the command that shows them
 * @returns `""` for an account without any
 */
export function joinedText(views: readonly ConversationView[], list: string): string {
  const count = views.filter(({ kind, state }) => kind !== "notes" && state === "active").length;
  return count === 0
    ? ""
    : `joined ${counted(count, "conversation")}: ${list} shows them; ${NO_HISTORY}`;
}

/** Waits for a new device to be in, as long as that may take. @returns what is to be said of it */
export async function enterConversations(
  conversations: Conversations,
  timeoutMs: number,
): Promise<string> {
  try {
    await conversations.waitUntilCaughtUp({ timeoutMs });
    return joinedText(await conversations.list(), "qpq list");
  } catch (error) {
    if (!(error instanceof MessengerError)) throw error;
    return `still ${joiningText(await conversations.entering())}. The next qpq goes on`;
  }
}
