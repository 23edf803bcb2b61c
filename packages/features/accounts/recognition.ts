import type { Random, Store } from "@qpq/ports";
import type { CallContext } from "../devices/caller.ts";
import { readDevice } from "../devices/sessions.ts";
import { sessionProof } from "../devices/statements.ts";
import type { DeviceProof } from "./accounts.gen.ts";
import { type AccountId, type AccountName, type DeviceId, NOBODY, parseDeviceId } from "./names.ts";
import type { Primitives } from "./primitives.ts";
import { findAccountId } from "./records.ts";
import { isSignedBy } from "./signed.ts";

/** A device that was on the account's list when it asked. */
export interface KnownDevice {
  readonly accountId: AccountId;
  readonly deviceId: DeviceId;
}

/**
 * Tells devices of an account from strangers before the password is shown, whether they have a session
 * or not: a device whose session is over is otherwise as anybody else is.
 * @returns for a name and what the caller shows, if anything, the device that it is; undefined for
 *   strangers. The same work for a name, or a device, that isn't there.
 */
export function createRecognition(
  { store, random, primitives, serverName }: {
    readonly store: Store;
    readonly random: Random;
    readonly primitives: Primitives;
    readonly serverName: string;
  },
) {
  /** Nobody has signed with it, and nobody will. */
  const { publicKey: nobodysKey, privateKey } = primitives.generateSignatureKeyPair(random);
  primitives.destroyKey(privateKey);
  return async (
    name: AccountName,
    { proof, context: { session } }: {
      readonly proof: DeviceProof | undefined;
      readonly context: CallContext;
    },
  ): Promise<KnownDevice | undefined> => {
    if (proof === undefined) return undefined;
    const deviceId = parseDeviceId(proof.deviceId);
    const { accountId, device } = await store.snapshot(async (reader) => {
      const accountId = await findAccountId(reader, name) ?? NOBODY;
      return { accountId, device: await readDevice(reader, accountId, deviceId) };
    });
    const isProven = isSignedBy(primitives, device?.signatureKey ?? nobodysKey, {
      ...sessionProof(session, serverName),
      signature: proof.signature,
    });
    return isProven && device !== undefined ? { accountId, deviceId } : undefined;
  };
}
