import { MessengerError } from "@qpq/ports";
import { type CommitClaim, decodeCommitClaim, encodeCommitClaim } from "./groups.gen.ts";

export type { CommitClaim } from "./groups.gen.ts";

/** Bytes of the id that a client gives what it sends, and of an account's id. */
const ID_BYTES = 16;

/**
 * The `authenticated_data` of a commit: which entry it is, and which accounts come and go with it. The
 * server changes its list of members by exactly that; clients refuse a commit whose proposals say
 * something else.
 */
export function encodeClaim(claim: CommitClaim): Uint8Array {
  return encodeCommitClaim(claim);
}

/** @throws MessengerError `channels/bad-claim`: malformed, or an account is in it twice */
export function decodeClaim(authenticatedData: Uint8Array): CommitClaim {
  let claim: CommitClaim;
  try {
    claim = decodeCommitClaim(authenticatedData);
  } catch (cause) {
    throw refusal("malformed", cause);
  }
  const accounts = [...claim.added, ...claim.removed];
  if ([claim.entryId, ...accounts].some((id) => id.length !== ID_BYTES)) {
    throw refusal("an id has another length");
  }
  if (new Set(accounts.map((id) => id.toHex())).size !== accounts.length) {
    throw refusal("an account is in it twice");
  }
  return claim;
}

function refusal(state: string, cause?: unknown): MessengerError {
  const message = `Cannot accept what a commit says of itself: ${state}`;
  return new MessengerError("channels/bad-claim", message, { cause });
}
