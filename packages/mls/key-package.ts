import { MessengerError } from "@qpq/ports";
import type { CipherSuite } from "./crypto/provider.ts";
import { verifyWithLabel } from "./labels.ts";
import { supportsExtensions, validateLeaf } from "./tree/leaf-validation.ts";
import { sameBytes } from "./tree/validation.ts";
import { EXTENSION_TYPE, findExtension } from "./wire/extension.ts";
import { type KeyPackage, keyPackageToBeSigned } from "./wire/key-package.ts";
import type { Lifetime } from "./wire/leaf-node.ts";

/** Longest total lifetime of a KeyPackage that is claimed or committed (RFC 9420 §7.2). */
export const KEY_PACKAGE_LIFETIME_SECONDS_MAX = 100 * 24 * 60 * 60;

/**
 * A KeyPackage by itself (RFC 9420 §10.1), without a clock: what each receiver of a commit checks.
 * @throws MessengerError `mls/invalid-key-package`, `mls/invalid-leaf-node`, `mls/invalid-signature`
 */
export function validateKeyPackage(crypto: CipherSuite, keyPackage: KeyPackage): void {
  if (keyPackage.cipherSuite !== crypto.id) refuse("it is for another cipher suite");
  const { leafNode } = keyPackage;
  validateLeaf(crypto, leafNode, {
    groupId: undefined,
    leafIndex: undefined,
    source: "key-package",
  });
  validateKeyPackageExtensions(keyPackage);
  if (!crypto.isHpkePublicKey(keyPackage.initKey)) refuse("its init key is not one");
  if (sameBytes(keyPackage.initKey, leafNode.encryptionKey)) {
    refuse("its init key is its encryption key");
  }
  const isSigned = verifyWithLabel(crypto, leafNode.signatureKey, {
    label: "KeyPackageTBS",
    content: keyPackageToBeSigned(keyPackage),
    signature: keyPackage.signature,
  });
  if (!isSigned) {
    throw new MessengerError("mls/invalid-signature", "Cannot accept key package: wrong signature");
  }
}

/**
 * The leaf's capabilities have all of the KeyPackage's own extensions (RFC 9420 §10).
 * @throws MessengerError `mls/invalid-key-package`
 */
export function validateKeyPackageExtensions(
  { leafNode, extensions }: Pick<KeyPackage, "leafNode" | "extensions">,
): void {
  if (!supportsExtensions(leafNode, extensions)) {
    refuse("its capabilities lack one of its own extensions");
  }
}

/**
 * Whether a KeyPackage may be claimed or committed now (RFC 9420 §7.3). Only there: two receivers
 * with different clocks must never disagree about a commit.
 * @param options.nowMs milliseconds since 1970-01-01 UTC
 * @throws MessengerError `mls/key-package-expired`
 */
export function validateKeyPackageLifetime(
  keyPackage: KeyPackage,
  options: { readonly nowMs: number; readonly lifetimeSecondsMax?: number },
): void {
  const { source } = keyPackage.leafNode;
  if (source.kind !== "key-package") refuse("its leaf node has no lifetime");
  if (!isWithinLifetime(source.lifetime, options)) {
    throw new MessengerError(
      "mls/key-package-expired",
      "Cannot accept key package: outside its lifetime, or its lifetime is too long",
    );
  }
}

/** The same of a lifetime, as an answer. */
export function isWithinLifetime(
  { notBefore, notAfter }: Lifetime,
  options: { readonly nowMs: number; readonly lifetimeSecondsMax?: number },
): boolean {
  const now = BigInt(Math.floor(options.nowMs / 1000));
  const longest = BigInt(options.lifetimeSecondsMax ?? KEY_PACKAGE_LIFETIME_SECONDS_MAX);
  return notBefore <= now && now <= notAfter && notAfter - notBefore <= longest;
}

/** Whether it may be used more than once (draft-ietf-mls-extensions §5.4). */
export function isLastResort(keyPackage: KeyPackage): boolean {
  return findExtension(keyPackage.extensions, EXTENSION_TYPE.lastResortKeyPackage) !== undefined;
}

function refuse(state: string): never {
  throw new MessengerError("mls/invalid-key-package", `Cannot accept key package: ${state}`);
}
