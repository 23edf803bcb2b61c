/** Who calls, as the handlers of every slice learn it. */
import { MessengerError } from "@qpq/ports";
import type { SessionInfo } from "@qpq/rpc";
import type { AccountId, AccountName, DeviceId } from "../accounts/names.ts";

/** Handlers' context: `context: (session, identity) => ({ session, identity })`. */
export interface CallContext {
  /** The same object for as long as the connection lasts. */
  readonly session: SessionInfo;
  /** Undefined before a login. */
  readonly identity: DeviceIdentity | undefined;
}

/** A device that has shown its session token and signed this session's nonce. */
export interface DeviceIdentity {
  readonly accountId: AccountId;
  readonly accountName: AccountName;
  readonly deviceId: DeviceId;
  /** Ed25519, 32 bytes. */
  readonly signatureKey: Uint8Array;
  /** Aborted when the device is revoked or logged out, or its account suspended or deleted. */
  readonly revoked: AbortSignal;
}

/**
 * The calling device; to be asked again after each wait that others could have used.
 * @throws MessengerError `rpc/not-authenticated`: nobody is logged in; `devices/revoked`: no longer
 */
export function requireDevice({ identity }: CallContext): DeviceIdentity {
  if (identity === undefined) {
    throw new MessengerError("rpc/not-authenticated", "Cannot call: not logged in");
  }
  if (identity.revoked.aborted) {
    throw new MessengerError(
      "devices/revoked",
      "Cannot call: the device was revoked or logged out",
    );
  }
  return identity;
}
