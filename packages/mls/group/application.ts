import { assert, MessengerError, type Random } from "@qpq/ports";
import type { Bytes } from "../crypto/provider.ts";
import { exportFromSecret } from "../keys/key-schedule.ts";
import type { Padding } from "../messages/padding.ts";
import { type Protected, protectOwn, signOwn } from "./protect-own.ts";
import { type GroupState, refuseWhenClosed, requireLive } from "./state.ts";

/** What goes with the data of one message. */
export interface EncryptOptions {
  readonly random: Random;
  /** In clear for the delivery service, and authenticated. */
  readonly authenticatedData?: Uint8Array;
  readonly padding?: Padding;
}

/**
 * Encrypts application data to the group (RFC 9420 §6.3, §15). Store the state that comes back before
 * the message leaves, and never encrypt with the old one again: that is an assertion failure.
 * @throws MessengerError `mls/proposals-pending`: a commit comes first (§12.4); `mls/group-closed`;
 *   `too-large` above `MESSAGE_BYTES_MAX`
 */
export function encryptMessage(
  state: GroupState,
  data: Uint8Array,
  options: EncryptOptions,
): Protected {
  refuseWhenClosed(state);
  if (state.pendingProposals.length > 0) {
    throw new MessengerError(
      "mls/proposals-pending",
      "Cannot encrypt: proposals are waiting to be committed",
    );
  }
  const content = { kind: "application", applicationData: data } as const;
  const { authenticatedData } = options;
  const signed = signOwn(state, content, { wireFormat: "private-message", authenticatedData });
  return protectOwn(state, signed, options);
}

/** Longest secret that HKDF-Expand gives with the shortest hash of a suite (RFC 5869 §2.3). */
const EXPORT_LENGTH_MAX = 255 * 32;

/**
 * `MLS-Exporter`: a secret that all members of the epoch have, and nobody else (RFC 9420 §8.5).
 * @param options.length bytes, 1 to 8160
 */
export function exportSecret(
  state: GroupState,
  options: { readonly label: string; readonly context: Uint8Array; readonly length: number },
): Bytes {
  requireLive(state);
  assert(
    options.length > 0 && options.length <= EXPORT_LENGTH_MAX,
    "an exported secret has a length",
  );
  return exportFromSecret(state.crypto, state.secrets.exporterSecret, options);
}

/** The same at all members of one epoch; compared out of band it exposes impersonation (RFC 9420 §8.7). */
export function epochAuthenticator(state: GroupState): Bytes {
  requireLive(state);
  return state.secrets.epochAuthenticator.slice();
}

/** For a later group or epoch that proves membership in this one (RFC 9420 §8.6). A secret. */
export function resumptionPsk(state: GroupState): Bytes {
  requireLive(state);
  return state.secrets.resumptionPsk.slice();
}
