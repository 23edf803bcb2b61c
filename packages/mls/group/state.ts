import { assert, MessengerError } from "@qpq/ports";
import type { Bytes, CipherSuite } from "../crypto/provider.ts";
import { type EpochSecrets, wipeEpochSecrets } from "../keys/key-schedule.ts";
import {
  openLeaf,
  type SecretTree,
  type SenderRatchets,
  wipeSecretTree,
} from "../keys/secret-tree.ts";
import type { PrivateKeys } from "../keys/treekem.ts";
import { leafAt, type RatchetTree } from "../tree/ratchet-tree.ts";
import type { AuthenticatedContent } from "../wire/framing.ts";
import type { GroupContext } from "../wire/group-info.ts";
import type { LeafNode } from "../wire/leaf-node.ts";
import type { ReInit } from "../wire/proposal.ts";

/**
 * One member's view of a group in one epoch. Immutable: each operation gives a new one, and leaves
 * this one as it was when it fails. It holds secrets: `retire` overwrites those of a state that was
 * replaced.
 *
 * A state encrypts once. Using it again for that is a bug of the caller, and caught by an assertion:
 * go on with the state that was returned.
 */
export interface GroupState {
  readonly crypto: CipherSuite;
  readonly context: GroupContext;
  readonly tree: TreeSource;
  readonly ownLeafIndex: number;
  readonly ownKeys: OwnKeys;
  readonly secrets: EpochSecrets;
  readonly secretTree: SecretTree;
  /** Of the commit that began this epoch. */
  readonly confirmationTag: Uint8Array;
  readonly interimTranscriptHash: Uint8Array;
  /** Proposals received or sent in this epoch, oldest first. */
  readonly pendingProposals: readonly PendingProposal[];
  /** Set when the last commit reinitialised the group: it takes no more messages (§11.2). */
  readonly reinit: ReInit | undefined;
  /** Reads what `secretTree` has not in memory. */
  readonly readSecretPath: ReadSecretPath | undefined;
}

/** Reads the records on the path to a leaf into a secret tree. */
export type ReadSecretPath = (tree: SecretTree, leafIndex: number) => Promise<SecretTree>;

/** This member's private keys in one epoch. */
export interface OwnKeys {
  readonly signaturePrivateKey: Bytes;
  readonly encryption: PrivateKeys;
}

/** A proposal that a later commit may refer to (RFC 9420 §12.1). */
export interface PendingProposal {
  /** ProposalRef (RFC 9420 §5.2). */
  readonly reference: Uint8Array;
  readonly message: AuthenticatedContent;
  /** The new private keys of an Update of our own. */
  readonly ownUpdate: OwnUpdate | undefined;
  /** Length of `message`, encoded. */
  readonly bytesCount: number;
}

/** The private keys behind an Update that was proposed. */
export interface OwnUpdate {
  readonly encryptionPrivateKey: Bytes;
  readonly signaturePrivateKey: Bytes;
}

/** A ratchet tree, in memory or read when it is first needed. */
export interface TreeSource {
  readonly leafCount: number;
  /** In memory already. */
  readonly loaded: RatchetTree | undefined;
  load(): Promise<RatchetTree>;
  leaf(leafIndex: number): Promise<LeafNode | undefined>;
}

/** A tree that needs no reading. */
export function treeInMemory(tree: RatchetTree): TreeSource {
  return {
    leafCount: tree.leafCount,
    loaded: tree,
    load: () => Promise.resolve(tree),
    leaf: (leafIndex) => Promise.resolve(leafAt(tree, leafIndex)),
  };
}

/** The ratchets of a leaf, read and derived as far as needed; the secret tree then holds them. */
export async function ratchetsOf(
  state: GroupState,
  leafIndex: number,
): Promise<{ readonly secretTree: SecretTree; readonly ratchets: SenderRatchets }> {
  const read = await state.readSecretPath?.(state.secretTree, leafIndex) ?? state.secretTree;
  const { tree, ratchets } = openLeaf(state.crypto, read, {
    leafIndex,
    leafCount: state.tree.leafCount,
  });
  // What was read here belongs to no state: what was derived from it is all that is needed.
  if (read !== state.secretTree) wipeSecretTree(read, tree);
  return { secretTree: tree, ratchets };
}

/** @throws MessengerError `mls/group-closed` */
export function refuseWhenClosed(state: GroupState): void {
  requireLive(state);
  if (state.reinit !== undefined) {
    throw new MessengerError("mls/group-closed", "Cannot use group: it was reinitialised");
  }
}

/**
 * A retired state must not be used: its secrets are zeros, which everybody knows. Using one is a
 * bug of the caller, caught wherever secrets of an epoch are about to be used.
 */
export function requireLive(state: GroupState): void {
  const { epochAuthenticator } = state.secrets;
  assert(epochAuthenticator.some((byte) => byte !== 0), "a retired state is not used again");
}

/**
 * Overwrites the secrets that `previous` has and `next` has not: call it when `next` is durable. The
 * runtime may hold copies that nothing here can reach (moved by its collector, in key objects): what
 * this promises is that no reachable object keeps them. `previous` must not be used again, nor any
 * other state of its epoch when that has ended.
 *
 * Every state between the two is retired, too: each holds keys that the one before it had not derived
 * yet. After `commit-staged` that is the outcome's `state` besides the one that processed the commit.
 * @param next undefined after the group was left
 */
export function retire(previous: GroupState, next: GroupState | undefined): void {
  if (!Object.is(previous.secrets, next?.secrets)) wipeEpochSecrets(previous.secrets);
  wipeSecretTree(previous.secretTree, next?.secretTree);
  const kept = new Set<Bytes>(next?.ownKeys.encryption.values());
  // An epoch that is dropped may have taken the key of an own Update that is still proposed.
  for (const { ownUpdate } of next?.pendingProposals ?? []) {
    if (ownUpdate !== undefined) kept.add(ownUpdate.encryptionPrivateKey);
  }
  for (const key of previous.ownKeys.encryption.values()) {
    if (!kept.has(key)) previous.crypto.destroyKey(key);
  }
  const keptUpdates = new Set(next?.pendingProposals.map((pending) => pending.ownUpdate));
  for (const { ownUpdate } of previous.pendingProposals) {
    if (ownUpdate === undefined || keptUpdates.has(ownUpdate)) continue;
    if (!kept.has(ownUpdate.encryptionPrivateKey)) {
      previous.crypto.destroyKey(ownUpdate.encryptionPrivateKey);
    }
  }
}
