import { type CipherSuite, type KeyPackage, parseKeyPackage } from "@qpq/mls/public";
import { MessengerError } from "@qpq/ports";
import type { Primitives } from "../accounts/primitives.ts";
import { type LeafDevice, openCredential } from "../devices/credential.ts";

/** A key package with the device that its leaf proves; nothing else of it is checked yet. */
export interface OpenedPackage {
  readonly keyPackage: KeyPackage;
  readonly suite: CipherSuite;
  readonly device: LeafDevice;
}

/**
 * @param suites those that are accepted, by their ids
 * @throws MessengerError `malformed`, `too-large`, `mls/invalid-key-package`,
 *   `key-packages/wrong-suite`, `devices/bad-certificate`
 */
export function openPackage(
  primitives: Primitives,
  suites: ReadonlyMap<number, CipherSuite>,
  bytes: Uint8Array,
): OpenedPackage {
  const keyPackage = parseKeyPackage(bytes);
  const suite = suites.get(keyPackage.cipherSuite);
  if (suite === undefined) {
    throw new MessengerError("key-packages/wrong-suite", "Cannot accept key package: other suite");
  }
  const { credential, signatureKey } = keyPackage.leafNode;
  if (credential.kind !== "basic") {
    throw new MessengerError("devices/bad-certificate", "Cannot accept key package: not our kind");
  }
  return {
    keyPackage,
    suite,
    device: openCredential(primitives, credential.identity, signatureKey),
  };
}
