import { MessengerError } from "@qpq/ports";
import type { Primitives } from "../accounts/primitives.ts";
import { openCredential } from "../devices/credential.ts";
import type { ReadLeaf } from "./admission.ts";

/** Whose a leaf is, by the device certificate in its basic credential. */
export function leafReader(primitives: Primitives): ReadLeaf {
  return ({ credential, signatureKey }) => {
    if (credential.kind !== "basic") return undefined;
    try {
      const { accountId, deviceId, generation } = openCredential(
        primitives,
        credential.identity,
        signatureKey,
      );
      return { accountId, deviceId, generation };
    } catch (error) {
      if (error instanceof MessengerError) return undefined;
      throw error;
    }
  };
}
