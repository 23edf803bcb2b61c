import { assert, MessengerError } from "@qpq/ports";
import type { Bytes, CipherSuite } from "../crypto/provider.ts";
import { deriveTreeSecret } from "../labels.ts";

/** How far a message may be ahead of the last one seen from its sender, in one epoch. */
export const FORWARD_GENERATIONS_MAX = 1000;
/**
 * Keys kept for messages that were skipped: those of the last generations before the newest one.
 * So a ratchet fits a record of 1.1 kB.
 */
export const SKIPPED_KEYS_COUNT_MAX = 20;
/** Last generation of a ratchet: a uint32 that can still be counted past. */
const GENERATION_MAX = 2 ** 32 - 2;

/**
 * A chain of message keys of one sender (RFC 9420 §9.1). `secret` gives generation `generation` and
 * all after it; those before it are gone, except the single keys in `skipped`.
 */
export interface SenderRatchet {
  readonly generation: number;
  readonly secret: Bytes;
  /** Keys and nonces only: never a secret from which a later one could be derived. Oldest first. */
  readonly skipped: readonly MessageKey[];
  /** Set when the ratchet was sent with: the same generation must never encrypt twice. */
  readonly sending: { spent: boolean };
}

/** What encrypts one message. */
export interface MessageKey {
  readonly generation: number;
  readonly key: Bytes;
  readonly nonce: Bytes;
}

export function wipeMessageKey({ key, nonce }: MessageKey): void {
  key.fill(0);
  nonce.fill(0);
}

/** A ratchet at generation 0. */
export function createRatchet(secret: Bytes): SenderRatchet {
  return { generation: 0, secret, skipped: [], sending: { spent: false } };
}

/** The key to send with, and the ratchet for the message after it. */
export function keyToSend(
  crypto: CipherSuite,
  ratchet: SenderRatchet,
): { readonly messageKey: MessageKey; readonly next: SenderRatchet } {
  assertUnspent(ratchet);
  if (ratchet.generation >= GENERATION_MAX) {
    throw new MessengerError(
      "mls/group-full",
      "Cannot encrypt: the epoch has no generation left; commit first",
    );
  }
  const messageKey = deriveMessageKey(crypto, ratchet.secret, ratchet.generation);
  const secret = nextSecret(crypto, ratchet.secret, ratchet.generation);
  const { generation, skipped } = ratchet;
  return {
    messageKey,
    next: { generation: generation + 1, secret, skipped, sending: { spent: false } },
  };
}

/**
 * Every state that shares this ratchet is spent for sending once one of them has sent: two sends
 * from one state are a bug of the caller (RFC 9420 §9.1, "MUST NOT be used to encrypt more than one").
 */
export function assertUnspent(ratchet: SenderRatchet): void {
  assert(!ratchet.sending.spent, "a group state encrypts once; go on with the state it returned");
}

/** What a ratchet has for a generation. */
export type ReceivedKey =
  | { readonly kind: "key"; readonly messageKey: MessageKey; readonly next: SenderRatchet }
  /** Used before, or skipped too long ago. */
  | { readonly kind: "replayed" };

/**
 * The key of `generation`, and the ratchet without it.
 * @throws MessengerError `mls/generation-too-far`
 */
export function keyToReceive(
  crypto: CipherSuite,
  ratchet: SenderRatchet,
  generation: number,
): ReceivedKey {
  if (generation < ratchet.generation) return skippedKey(ratchet, generation);
  if (generation - ratchet.generation > FORWARD_GENERATIONS_MAX || generation > GENERATION_MAX) {
    throw new MessengerError(
      "mls/generation-too-far",
      `Cannot decrypt: more than ${FORWARD_GENERATIONS_MAX} generations ahead`,
    );
  }
  const skipped = [...ratchet.skipped];
  let secret = ratchet.secret;
  const advance = (from: number): void => {
    const following = nextSecret(crypto, secret, from);
    if (!Object.is(secret, ratchet.secret)) secret.fill(0);
    secret = following;
  };
  for (let each = ratchet.generation; each < generation; each++) {
    if (generation - each <= SKIPPED_KEYS_COUNT_MAX) {
      skipped.push(deriveMessageKey(crypto, secret, each));
    }
    advance(each);
  }
  const messageKey = deriveMessageKey(crypto, secret, generation);
  advance(generation);
  const kept = skipped.filter((each) => generation - each.generation <= SKIPPED_KEYS_COUNT_MAX);
  const next = { generation: generation + 1, secret, skipped: kept, sending: { spent: false } };
  return { kind: "key", messageKey, next };
}

function skippedKey(ratchet: SenderRatchet, generation: number): ReceivedKey {
  const messageKey = ratchet.skipped.find((each) => each.generation === generation);
  if (messageKey === undefined) return { kind: "replayed" };
  const skipped = ratchet.skipped.filter((each) => !Object.is(each, messageKey));
  return { kind: "key", messageKey, next: { ...ratchet, skipped } };
}

function deriveMessageKey(crypto: CipherSuite, secret: Bytes, generation: number): MessageKey {
  const derive = (label: string, length: number): Bytes =>
    deriveTreeSecret(crypto, secret, { label, generation, length });
  return {
    generation,
    key: derive("key", crypto.aeadKeyLength),
    nonce: derive("nonce", crypto.aeadNonceLength),
  };
}

function nextSecret(crypto: CipherSuite, secret: Bytes, generation: number): Bytes {
  return deriveTreeSecret(crypto, secret, {
    label: "secret",
    generation,
    length: crypto.hashLength,
  });
}
