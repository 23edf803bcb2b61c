import { equalConstantTime } from "@qpq/ports";
import { encode, type NamedCodec, struct, uint16 } from "../codec/codec.ts";
import type { Bytes, CipherSuite, HpkeExported, KeyPair } from "../crypto/provider.ts";
import type { Random } from "@qpq/ports";
import { deriveSecret, expandWithLabel } from "../labels.ts";
import { type GroupContext, groupContext } from "../wire/group-info.ts";
import { type PreSharedKeyId, preSharedKeyId } from "../wire/proposal.ts";

const EMPTY = new Uint8Array();

/**
 * The secrets of one epoch that live as long as it does (RFC 9420 §8, table 4). `encryption_secret`
 * is not among them: it is consumed by the secret tree.
 */
export interface EpochSecrets {
  readonly senderDataSecret: Bytes;
  readonly exporterSecret: Bytes;
  readonly externalSecret: Bytes;
  readonly confirmationKey: Bytes;
  readonly membershipKey: Bytes;
  readonly resumptionPsk: Bytes;
  readonly epochAuthenticator: Bytes;
  readonly initSecret: Bytes;
}

const EPOCH_SECRET_LABELS: { readonly [Name in keyof EpochSecrets]: string } = {
  senderDataSecret: "sender data",
  exporterSecret: "exporter",
  externalSecret: "external",
  confirmationKey: "confirm",
  membershipKey: "membership",
  resumptionPsk: "resumption",
  epochAuthenticator: "authentication",
  initSecret: "init",
};

export const EPOCH_SECRET_NAMES = Object.keys(
  EPOCH_SECRET_LABELS,
) as readonly (keyof EpochSecrets)[];

export function wipeEpochSecrets(secrets: EpochSecrets): void {
  for (const name of EPOCH_SECRET_NAMES) secrets[name].fill(0);
}

/** A fresh epoch: `secrets` stay; the tree, and who welcomes joiners, use up the others. */
export interface NewEpoch {
  readonly secrets: EpochSecrets;
  readonly encryptionSecret: Bytes;
}

export function wipeNewEpoch({ secrets, encryptionSecret }: NewEpoch): void {
  wipeEpochSecrets(secrets);
  encryptionSecret.fill(0);
}

/** `joiner_secret`, with what the new members of an epoch are welcomed (RFC 9420 §8). */
export function joinerSecret(
  crypto: CipherSuite,
  inputs: {
    readonly initSecret: Uint8Array;
    readonly commitSecret: Uint8Array;
    readonly context: GroupContext;
  },
): Bytes {
  const extracted = crypto.hkdfExtract(inputs.initSecret, inputs.commitSecret);
  const joiner = expandWithLabel(crypto, extracted, {
    label: "joiner",
    context: encode(groupContext, inputs.context),
    length: crypto.hashLength,
  });
  extracted.fill(0);
  return joiner;
}

/** `welcome_secret` (RFC 9420 §8). */
export function welcomeSecret(
  crypto: CipherSuite,
  joiner: Uint8Array,
  pskSecret: Uint8Array,
): Bytes {
  const member = crypto.hkdfExtract(joiner, pskSecret);
  const welcome = deriveSecret(crypto, member, "welcome");
  member.fill(0);
  return welcome;
}

/** Everything that the epoch secret gives (RFC 9420 §8). */
export function epochFromJoinerSecret(
  crypto: CipherSuite,
  inputs: {
    readonly joinerSecret: Uint8Array;
    readonly pskSecret: Uint8Array;
    readonly context: GroupContext;
  },
): NewEpoch {
  const member = crypto.hkdfExtract(inputs.joinerSecret, inputs.pskSecret);
  const epochSecret = expandWithLabel(crypto, member, {
    label: "epoch",
    context: encode(groupContext, inputs.context),
    length: crypto.hashLength,
  });
  member.fill(0);
  return epochFromEpochSecret(crypto, epochSecret);
}

/** The same from the epoch secret, which it wipes: epoch 0 starts with a random one (RFC 9420 §11). */
export function epochFromEpochSecret(crypto: CipherSuite, epochSecret: Bytes): NewEpoch {
  const entries = Object.entries(EPOCH_SECRET_LABELS)
    .map(([name, label]) => [name, deriveSecret(crypto, epochSecret, label)]);
  const encryptionSecret = deriveSecret(crypto, epochSecret, "encryption");
  epochSecret.fill(0);
  return { secrets: Object.fromEntries(entries) as EpochSecrets, encryptionSecret };
}

/** `MAC(confirmation_key, confirmed_transcript_hash)` (RFC 9420 §6.1). */
export function confirmationTag(
  crypto: CipherSuite,
  secrets: EpochSecrets,
  confirmedTranscriptHash: Uint8Array,
): Bytes {
  return crypto.hmac(secrets.confirmationKey, confirmedTranscriptHash);
}

/** Whether a GroupInfo leads to the keys that it confirms (RFC 9420 §12.4.3.1). */
export function isConfirmationTag(
  crypto: CipherSuite,
  secrets: EpochSecrets,
  claimed: { readonly confirmedTranscriptHash: Uint8Array; readonly tag: Uint8Array },
): boolean {
  const expected = confirmationTag(crypto, secrets, claimed.confirmedTranscriptHash);
  return equalConstantTime(expected, claimed.tag);
}

/** The key and nonce that a GroupInfo is encrypted with in a Welcome (RFC 9420 §12.4.3.1). */
export function welcomeKeyAndNonce(
  crypto: CipherSuite,
  secret: Uint8Array,
): { readonly key: Bytes; readonly nonce: Bytes } {
  const expand = (label: string, length: number): Bytes =>
    expandWithLabel(crypto, secret, { label, context: EMPTY, length });
  return {
    key: expand("key", crypto.aeadKeyLength),
    nonce: expand("nonce", crypto.aeadNonceLength),
  };
}

/** The key pair that the whole group holds, for external commits (RFC 9420 §8). */
export function externalKeyPair(crypto: CipherSuite, secrets: EpochSecrets): Promise<KeyPair> {
  return crypto.deriveKeyPair(secrets.externalSecret);
}

const EXTERNAL_INIT_LABEL = new TextEncoder().encode("MLS 1.0 external init secret");

/** The joiner's half of an external commit: a fresh init secret (RFC 9420 §8.3). */
export function externalInitSender(
  crypto: CipherSuite,
  externalPub: Uint8Array,
  random: Random,
): Promise<HpkeExported> {
  return crypto.hpkeExportSender(externalPub, {
    info: crypto.prepareInfo(EMPTY),
    exporterContext: EXTERNAL_INIT_LABEL,
    length: crypto.hashLength,
    random,
  });
}

/** The members' half: undefined when `kemOutput` is malformed (RFC 9420 §8.3). */
export async function externalInitReceiver(
  crypto: CipherSuite,
  secrets: EpochSecrets,
  kemOutput: Uint8Array,
): Promise<Bytes | undefined> {
  const { privateKey } = await externalKeyPair(crypto, secrets);
  const secret = await crypto.hpkeExportReceiver(privateKey, {
    info: crypto.prepareInfo(EMPTY),
    kemOutput,
    exporterContext: EXTERNAL_INIT_LABEL,
    length: crypto.hashLength,
  });
  crypto.destroyKey(privateKey);
  return secret;
}

/** A pre-shared key and its name. */
export interface PreSharedKey {
  readonly id: PreSharedKeyId;
  readonly psk: Uint8Array;
}

interface PskLabel {
  readonly id: PreSharedKeyId;
  readonly index: number;
  readonly count: number;
}

const pskLabel: NamedCodec<PskLabel> = struct<PskLabel>("PSKLabel", {
  id: preSharedKeyId,
  index: uint16,
  count: uint16,
});

/** `psk_secret` of any number of keys, in the order of their proposals (RFC 9420 §8.4). */
export function pskSecret(crypto: CipherSuite, psks: readonly PreSharedKey[]): Bytes {
  const zero = new Uint8Array(crypto.hashLength);
  let secret: Bytes = zero;
  psks.forEach(({ id, psk }, index) => {
    const extracted = crypto.hkdfExtract(zero, psk);
    const input = expandWithLabel(crypto, extracted, {
      label: "derived psk",
      context: encode(pskLabel, { id, index, count: psks.length }),
      length: crypto.hashLength,
    });
    extracted.fill(0);
    const next = crypto.hkdfExtract(input, secret);
    input.fill(0);
    if (!Object.is(secret, zero)) secret.fill(0);
    secret = next;
  });
  return secret;
}

/** `MLS-Exporter` (RFC 9420 §8.5). */
export function exportFromSecret(
  crypto: CipherSuite,
  exporterSecret: Uint8Array,
  exported: { readonly label: string; readonly context: Uint8Array; readonly length: number },
): Bytes {
  const derived = deriveSecret(crypto, exporterSecret, exported.label);
  const secret = expandWithLabel(crypto, derived, {
    label: "exported",
    context: crypto.hash(exported.context),
    length: exported.length,
  });
  derived.fill(0);
  return secret;
}
