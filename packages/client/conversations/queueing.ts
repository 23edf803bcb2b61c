/** What waits to be encrypted. */
import { encodeGroupName, encodeJoined, newMessageId } from "../../features/messages/body.ts";
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

/** Tells the members that the account has accepted its invitation. */
export function queuedAcceptance({ random, clock }: Ground): StoredQueued {
  const messageId = newMessageId(random);
  const body = encodeJoined({ messageId, sentAtMs: Math.floor(clock.now()) });
  return { ...NOT_ENCRYPTED, position: 0, messageId, body };
}

/** Under a new entry id, in a later epoch than the one that was refused. */
export function encryptAgain(queued: StoredQueued): StoredQueued {
  return { ...queued, entryId: EMPTY, message: EMPTY };
}

export function isUnencrypted({ entryId, sequence }: StoredQueued): boolean {
  return entryId.length === 0 && sequence === 0;
}

/** The only thing that is queued without a body. */
export function isSelfRemove({ messageId }: StoredQueued): boolean {
  return messageId.length === 0;
}
