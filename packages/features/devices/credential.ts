/** The credential of an MLS leaf: which device of which account it is, provable from its bytes. */
import { MessengerError } from "@qpq/ports";
import type { Signed } from "../accounts/accounts.gen.ts";
import type { Primitives } from "../accounts/primitives.ts";
import { sameBytes } from "../accounts/signed.ts";
import { type Credential, decodeCredential, encodeCredential } from "./devices.gen.ts";
import { type CertifiedDevice, verifyCertificate } from "./statements.ts";

/** Bytes of a credential at most. */
export const CREDENTIAL_BYTES_MAX = 1_024;

/** A device as a leaf shows it. */
export interface LeafDevice extends CertifiedDevice {
  /** Whether it is the pinned one is for the client that sees it, never a matter of validity. */
  readonly accountKey: Uint8Array;
}

/** The identity for a basic credential (RFC 9420 §5.3). */
export function makeCredential(accountKey: Uint8Array, certificate: Signed): Uint8Array {
  return encodeCredential({ accountKey, certificate });
}

/**
 * Verifies a leaf's identity. The result depends on the bytes alone, so every member of a group comes
 * to the same one.
 * @param identity of the leaf's basic credential
 * @param signatureKey of the same leaf
 * @throws MessengerError `devices/bad-certificate`
 */
export function openCredential(
  primitives: Primitives,
  identity: Uint8Array,
  signatureKey: Uint8Array,
): LeafDevice {
  const { accountKey, certificate } = decode(identity);
  const device = verifyCertificate(primitives, accountKey, certificate);
  if (!sameBytes(device.signatureKey, signatureKey)) {
    throw refused("the leaf signs with another key");
  }
  return { ...device, accountKey };
}

function decode(identity: Uint8Array): Credential {
  let credential: Credential;
  try {
    credential = decodeCredential(identity, { bytesMax: CREDENTIAL_BYTES_MAX });
  } catch (cause) {
    throw new MessengerError("devices/bad-certificate", "Cannot accept credential: malformed", {
      cause,
    });
  }
  // One device, one identity: no member may see two where another sees one.
  if (!sameBytes(encodeCredential(credential), identity)) {
    throw refused("it is not the canonical form");
  }
  return credential;
}

function refused(state: string): MessengerError {
  return new MessengerError("devices/bad-certificate", `Cannot accept credential: ${state}`);
}
