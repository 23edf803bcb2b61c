import type { Random } from "@qpq/ports";
import { AEAD_KEY_BYTES, AEAD_NONCE_BYTES, AEAD_TAG_BYTES, type Primitives } from "./primitives.ts";

/** Random bytes in front of what is sealed: its own key is derived from them. */
const SALT_BYTES = 32;

/** Bytes that sealing adds. */
export const SEAL_BYTES = SALT_BYTES + AEAD_TAG_BYTES;

/** What something sealed is for, and bound to. */
export interface SealPurpose {
  /** One for each purpose of a key; the derived keys have nothing in common. */
  readonly label: string;
  readonly associatedData: Uint8Array;
}

/**
 * Encrypts under a key of its own, derived with a fresh salt, so no nonce can repeat however often
 * one secret seals.
 * @param secret 32 bytes or more
 * @returns salt, ciphertext, tag
 */
export function seal(
  primitives: Primitives,
  secret: Uint8Array,
  { label, associatedData, plaintext, random }: SealPurpose & {
    readonly plaintext: Uint8Array;
    readonly random: Random;
  },
): Uint8Array<ArrayBuffer> {
  const salt = random.bytes(SALT_BYTES);
  const key = sealingKey(primitives, secret, { salt, label });
  const ciphertext = primitives.aeadSeal({
    key,
    nonce: new Uint8Array(AEAD_NONCE_BYTES),
    additionalData: associatedData,
    text: plaintext,
  });
  key.fill(0);
  const sealed = new Uint8Array(SALT_BYTES + ciphertext.length);
  sealed.set(salt);
  sealed.set(ciphertext, SALT_BYTES);
  return sealed;
}

/** @returns the plaintext; undefined when it was sealed by another secret, for something else, or changed */
export function openSealed(
  primitives: Primitives,
  secret: Uint8Array,
  { label, associatedData, sealed }: SealPurpose & { readonly sealed: Uint8Array },
): Uint8Array<ArrayBuffer> | undefined {
  if (sealed.length < SEAL_BYTES) return undefined;
  const key = sealingKey(primitives, secret, { salt: sealed.subarray(0, SALT_BYTES), label });
  const plaintext = primitives.aeadOpen({
    key,
    nonce: new Uint8Array(AEAD_NONCE_BYTES),
    additionalData: associatedData,
    text: sealed.subarray(SALT_BYTES),
  });
  key.fill(0);
  return plaintext;
}

/** RFC 5869, with the label as `info`. */
function sealingKey(
  primitives: Primitives,
  secret: Uint8Array,
  { salt, label }: { readonly salt: Uint8Array; readonly label: string },
): Uint8Array<ArrayBuffer> {
  const extracted = primitives.hkdfExtract(salt, secret);
  const key = primitives.hkdfExpand(extracted, new TextEncoder().encode(label), AEAD_KEY_BYTES);
  extracted.fill(0);
  return key;
}
