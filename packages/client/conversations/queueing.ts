/** What waits to be encrypted. */
import { encodeGroupName, newMessageId } from "../../features/messages/body.ts";
import type { StoredQueued } from "../../features/messages/history.ts";
import type { Ground } from "./ground.ts";

const EMPTY = new Uint8Array();

export const NOT_ENCRYPTED = { entryId: EMPTY, message: EMPTY, epoch: 0, sequence: 0 } as const;

/** Tells the members what the group is called. */
export function queuedName({ random, clock }: Ground, name: string): StoredQueued {
  const messageId = newMessageId(random);
  const body = encodeGroupName({ messageId, sentAtMs: Math.floor(clock.now()), name });
  return { ...NOT_ENCRYPTED, position: 0, messageId, body };
}
