import type { Bytes, CipherSuite } from "../crypto/provider.ts";
import {
  confirmationTag,
  epochFromJoinerSecret,
  joinerSecret,
  type NewEpoch,
  type PreSharedKey,
  pskSecret,
  wipeNewEpoch,
} from "../keys/key-schedule.ts";
import { createSecretTree, openLeaf } from "../keys/secret-tree.ts";
import { confirmedTranscriptHash, interimTranscriptHash } from "../keys/transcript-hashes.ts";
import { encryptionKeyAt, type RatchetTree } from "../tree/ratchet-tree.ts";
import { sameBytes } from "../tree/validation.ts";
import type { FramedContent, MessageWireFormat } from "../wire/framing.ts";
import type { GroupContext } from "../wire/group-info.ts";
import type { ReInit } from "../wire/proposal.ts";
import { type GroupState, type OwnKeys, treeInMemory } from "./state.ts";

/** The keys that a commit leads to, its confirmation tag among them (RFC 9420 §12.4.1, §12.4.2). */
export interface EpochKeys {
  readonly context: GroupContext;
  readonly epoch: NewEpoch;
  readonly confirmationTag: Bytes;
  readonly interimTranscriptHash: Uint8Array;
  readonly joinerSecret: Bytes;
  readonly pskSecret: Bytes;
}

/** Runs transcript hash and key schedule for one commit. Wipes `initSecret` never, `commitSecret` always. */
export function deriveEpoch(
  crypto: CipherSuite,
  inputs: {
    /** Of the new epoch, with the old confirmed transcript hash (§12.4.1, "provisional"). */
    readonly provisionalContext: GroupContext;
    readonly interimTranscriptHash: Uint8Array;
    readonly initSecret: Uint8Array;
    /** Undefined without a path. */
    readonly commitSecret: Bytes | undefined;
    readonly psks: readonly PreSharedKey[];
    readonly wireFormat: MessageWireFormat;
    readonly content: FramedContent;
    readonly signature: Uint8Array;
  },
): EpochKeys {
  const confirmed = confirmedTranscriptHash(crypto, inputs.interimTranscriptHash, inputs);
  const context = { ...inputs.provisionalContext, confirmedTranscriptHash: confirmed };
  const commitSecret = inputs.commitSecret ?? new Uint8Array(crypto.hashLength);
  const joiner = joinerSecret(crypto, { initSecret: inputs.initSecret, commitSecret, context });
  commitSecret.fill(0);
  const psk = pskSecret(crypto, inputs.psks);
  const epoch = epochFromJoinerSecret(crypto, { joinerSecret: joiner, pskSecret: psk, context });
  const tag = confirmationTag(crypto, epoch.secrets, confirmed);
  return {
    context,
    epoch,
    confirmationTag: tag,
    interimTranscriptHash: interimTranscriptHash(crypto, confirmed, tag),
    joinerSecret: joiner,
    pskSecret: psk,
  };
}

/** Overwrites what only joiners need, when they were told (RFC 9420 §9.2). */
export function wipeWelcomeSecrets({ joinerSecret, pskSecret }: EpochKeys): void {
  joinerSecret.fill(0);
  pskSecret.fill(0);
}

/** Overwrites an epoch that nobody enters. */
export function wipeEpoch(keys: EpochKeys): void {
  wipeWelcomeSecrets(keys);
  wipeNewEpoch(keys.epoch);
}

/** A member's state in an epoch that begins. Past epochs are not kept. */
export function stateOfEpoch(
  crypto: CipherSuite,
  parts: {
    readonly context: GroupContext;
    readonly tree: RatchetTree;
    readonly ownLeafIndex: number;
    readonly ownKeys: OwnKeys;
    readonly epoch: NewEpoch;
    readonly confirmationTag: Uint8Array;
    readonly interimTranscriptHash: Uint8Array;
    readonly reinit: ReInit | undefined;
  },
): GroupState {
  const { encryptionSecret, secrets } = parts.epoch;
  // Opened at once, so that all states of the epoch share one ratchet to send with.
  const { tree: secretTree } = openLeaf(crypto, createSecretTree(encryptionSecret), {
    leafIndex: parts.ownLeafIndex,
    leafCount: parts.tree.leafCount,
  });
  encryptionSecret.fill(0);
  return {
    crypto,
    context: parts.context,
    tree: treeInMemory(parts.tree),
    ownLeafIndex: parts.ownLeafIndex,
    ownKeys: parts.ownKeys,
    secrets,
    secretTree,
    confirmationTag: parts.confirmationTag,
    interimTranscriptHash: parts.interimTranscriptHash,
    pendingProposals: [],
    reinit: parts.reinit,
    readSecretPath: undefined,
  };
}

/** Those private keys whose nodes have the same public key in both trees. */
export function keptPrivateKeys(
  keys: ReadonlyMap<number, Bytes>,
  before: RatchetTree,
  after: RatchetTree,
): Map<number, Bytes> {
  const kept = new Map<number, Bytes>();
  for (const [node, key] of keys) {
    const [old, now] = [encryptionKeyAt(before, node), encryptionKeyAt(after, node)];
    if (old !== undefined && now !== undefined && sameBytes(old, now)) kept.set(node, key);
  }
  return kept;
}
