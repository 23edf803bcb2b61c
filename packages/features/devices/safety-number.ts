/**
 * Safety numbers: what two people compare to know that no server stands between them. They compare
 * account keys; which devices an account has is shown apart.
 *
 * After Signal's numeric fingerprints (libsignal, `rust/protocol/src/fingerprint.rs`): an iterated
 * hash of each side, 30 digits each, in an order that is the same on both sides.
 */
import type { AccountId } from "../accounts/names.ts";
import type { Primitives } from "../accounts/primitives.ts";
import { sameBytes } from "../accounts/signed.ts";

/** What of an account goes into its half. */
export interface FingerprintedAccount {
  readonly accountId: AccountId;
  readonly accountKey: Uint8Array;
}

/** Hashes for each half: makes a key with the same digits that much dearer to find. */
const ITERATIONS = 5_200;
const LABEL = "qpq/1 safety number\0";
const GROUPS_EACH = 6;
const GROUP_BYTES = 5;
const GROUP_DIGITS = 5;
const FINGERPRINT_BYTES = 32;
const QR_PREFIX = "QPQ1:";

/** @returns 60 digits in 12 groups with spaces between them; the same on both sides */
export function safetyNumber(
  primitives: Primitives,
  own: FingerprintedAccount,
  other: FingerprintedAccount,
): string {
  return [own, other].map((account) => digits(fingerprint(primitives, account)))
    .toSorted().join(" ");
}

/** @returns what to show as a QR code: letters and digits of its alphanumeric mode, 133 of them */
export function safetyQrText(
  primitives: Primitives,
  own: FingerprintedAccount,
  other: FingerprintedAccount,
): string {
  const [ownHash, otherHash] = [fingerprint(primitives, own), fingerprint(primitives, other)];
  return `${QR_PREFIX}${ownHash.toHex()}${otherHash.toHex()}`.toUpperCase();
}

/**
 * Compares a scanned code, made by the other side, with what is known here.
 * @returns `not-a-code` for text that is something else
 */
export function compareSafetyQr(
  primitives: Primitives,
  scanned: string,
  { own, other }: { readonly own: FingerprintedAccount; readonly other: FingerprintedAccount },
): "same" | "different" | "not-a-code" {
  if (scanned.length !== QR_PREFIX.length + 4 * FINGERPRINT_BYTES) return "not-a-code";
  const hex = scanned.slice(QR_PREFIX.length);
  if (!scanned.startsWith(QR_PREFIX) || !/^[0-9A-F]+$/.test(hex)) return "not-a-code";
  const bytes = Uint8Array.fromHex(hex);
  const isSame = sameBytes(bytes.subarray(0, FINGERPRINT_BYTES), fingerprint(primitives, other)) &&
    sameBytes(bytes.subarray(FINGERPRINT_BYTES), fingerprint(primitives, own));
  return isSame ? "same" : "different";
}

function fingerprint(
  primitives: Primitives,
  { accountId, accountKey }: FingerprintedAccount,
): Uint8Array {
  let hash: Uint8Array = concat(new TextEncoder().encode(LABEL), accountId, accountKey);
  for (let round = 0; round < ITERATIONS; round++) hash = primitives.hash(concat(hash, accountKey));
  return hash;
}

function digits(hash: Uint8Array): string {
  return Array.from({ length: GROUPS_EACH }, (_, index) => {
    const chunk = hash.subarray(index * GROUP_BYTES, (index + 1) * GROUP_BYTES);
    const value = chunk.reduce((sum, byte) => sum * 256 + byte, 0);
    return String(value % 10 ** GROUP_DIGITS).padStart(GROUP_DIGITS, "0");
  }).join(" ");
}

function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}
