import { MessengerError } from "@qpq/ports";
import type { Primitives } from "../accounts/primitives.ts";
import { openCredential } from "../devices/credential.ts";
import type { ReadLeaf } from "./admission.ts";

/** Whose a leaf is, by the device certificate for `serverName` in its basic credential. */
export function leafReader(primitives: Primitives, serverName: string): ReadLeaf {
  return ({ credential, signatureKey }) => {
    if (credential.kind !== "basic") return undefined;
    try {
      const device = openCredential(primitives, credential.identity, signatureKey);
      if (device.serverName !== serverName) return undefined;
      const { accountId, deviceId, generation } = device;
      return { accountId, deviceId, generation };
    } catch (error) {
      if (error instanceof MessengerError) return undefined;
      throw error;
    }
  };
}
