import { MessengerError, type Random } from "@qpq/ports";
import { validateForReceivers, validationForReceivers } from "../codec/codec.ts";
import type { Bytes, CipherSuite } from "../crypto/provider.ts";
import { validateKeyPackageLifetime } from "../key-package.ts";
import {
  createPath,
  encryptPath,
  type NewPath,
  wipePath,
  wipePathSecrets,
} from "../keys/treekem.ts";
import type { Padding } from "../messages/padding.ts";
import { pauseAfter, runSlicesPausing } from "../slices.ts";
import { treeHash } from "../tree/hashes.ts";
import { type MemberRequirements, validateLeaf, validateSupport } from "../tree/leaf-validation.ts";
import { nodeOfLeaf } from "../tree/math.ts";
import { leafAt } from "../tree/ratchet-tree.ts";
import { sameBytes } from "../tree/validation.ts";
import { commit as commitCodec } from "../wire/commit.ts";
import { type Extension, EXTENSION_TYPE, groupInfoExtensions } from "../wire/extension.ts";
import type { MessageWireFormat } from "../wire/framing.ts";
import type { GroupContext } from "../wire/group-info.ts";
import { type LeafNode, leafNode as leafNodeCodec } from "../wire/leaf-node.ts";
import { LEAF_NODE_BYTES_MAX, MESSAGE_BYTES_MAX } from "../wire/limits.ts";
import type { Proposal, ProposalOrRef } from "../wire/proposal.ts";
import { createWelcome } from "./group-info.ts";
import type { Identity } from "./identity.ts";
import {
  deriveEpoch,
  keptPrivateKeys,
  stateOfEpoch,
  wipeEpoch,
  wipeWelcomeSecrets,
} from "./next-epoch.ts";
import {
  authenticateAll,
  type CommittedProposal,
  lookUpPsks,
  type StagedCommit,
} from "./outcome.ts";
import { selectPending } from "./pending-proposals.ts";
import {
  addedIndices,
  type CommitCallbacks,
  enteringAll,
  refuseByPolicy,
  summarize,
} from "./process-commit.ts";
import { ownProtection, signOwn } from "./protect-own.ts";
import {
  applyProposals,
  nextTreeValidation,
  type Succession,
  validateAdded,
} from "./proposal-list.ts";
import { type GroupState, refuseWhenClosed, retire } from "./state.ts";

/** What to commit, how, and who is asked. The authentication service is asked of the author, too. */
export interface CommitOptions extends CommitCallbacks {
  readonly random: Random;
  /** Milliseconds since 1970-01-01 UTC: the committer refuses expired KeyPackages (RFC 9420 §7.3). */
  readonly nowMs: number;
  /** By value. */
  readonly proposals?: readonly Proposal[];
  /**
   * Which pending proposals to commit, by reference; default: all that fit together. Where `policy`
   * refuses what members may propose, choose here by the same rule: it is shown the whole commit.
   */
  readonly pending?: (proposal: CommittedProposal) => boolean;
  /** Default `always`: a path heals the group, also where the RFC lets it be left out (§12.4). */
  readonly path?: "always" | "when-needed";
  /** Default `private-message`. */
  readonly wireFormat?: MessageWireFormat;
  readonly authenticatedData?: Uint8Array;
  readonly padding?: Padding;
  /** What this member's new leaf says; default: what the old one says. Asks for a path. */
  readonly identity?: Identity;
  /** Default true: joiners find the tree in the Welcome. */
  readonly ratchetTreeInWelcome?: boolean;
  readonly welcomeExtensions?: readonly Extension[];
}

/** A commit on its way. */
export interface CreatedCommit {
  /**
   * The current epoch, which goes on if the commit loses. Store it before the commit leaves: the key
   * that the commit was encrypted with is used up in it.
   */
  readonly state: GroupState;
  readonly staged: StagedCommit;
  /** For the group, as an MLSMessage. */
  readonly commit: Bytes;
  /** For those who were added, once the commit was accepted (RFC 9420 §14). */
  readonly welcome: Bytes | undefined;
}

/**
 * Makes a commit and the epoch that it leads to (RFC 9420 §12.4.1). Nothing is consumed but one key
 * of the handshake ratchet: `staged` is merged when the delivery service has accepted the commit, and
 * dropped when it has not; then this member processes the winner.
 * @throws MessengerError as `processMessage` would at the receivers, `malformed` and `too-large` for
 *   what they could not decode; `mls/key-package-expired`
 */
export async function createCommit(
  state: GroupState,
  options: CommitOptions,
): Promise<CreatedCommit> {
  return await commitInEpoch(state, options, undefined);
}

/** @param following the group that this one follows: allows its resumption key (RFC 9420 §11) */
export async function commitInEpoch(
  state: GroupState,
  options: CommitOptions,
  following: { readonly usage: Succession; readonly old: GroupState } | undefined,
): Promise<CreatedCommit> {
  refuseWhenClosed(state);
  validateWelcomeExtensions(options);
  const { crypto, ownLeafIndex } = state;
  const { random, pause } = options;
  const before = await state.tree.load();
  const sender = { kind: "member", leafIndex: ownLeafIndex } as const;
  const byValue = (options.proposals ?? []).map((proposal): CommittedProposal => ({
    proposal,
    sender,
    byReference: false,
  }));
  const pending = await selectPending(state, {
    byValue,
    wanted: options.pending ?? (() => true),
    nowMs: options.nowMs,
    findPsks: options.findPsks,
  });
  const proposals = [...pending, ...byValue];
  const applied = applyProposals(crypto, { tree: before, context: state.context }, {
    proposals,
    committer: ownLeafIndex,
    succession: following?.usage,
  });
  await validateAdded(crypto, applied, options);
  for (const { keyPackage } of applied.added) validateKeyPackageLifetime(keyPackage, options);

  const withPath = applied.needsPath || options.path !== "when-needed" ||
    options.identity !== undefined;
  const own = leafAt(before, ownLeafIndex) as LeafNode;
  const signaturePrivateKey = options.identity?.signatureKeyPair.privateKey ??
    state.ownKeys.signaturePrivateKey;
  using refused = new DisposableStack();
  const path = withPath
    ? await createPath(crypto, applied.tree, {
      leafIndex: ownLeafIndex,
      groupId: state.context.groupId,
      leaf: leafTemplate(own, options.identity),
      signaturePrivateKey,
      random,
      pause,
    })
    : undefined;
  const tree = path?.tree ?? applied.tree;
  if (path !== undefined) {
    refused.defer(() => wipePath(crypto, path));
    validateOwnLeaf(crypto, path.leafNode, {
      groupId: state.context.groupId,
      leafIndex: ownLeafIndex,
      requirements: applied.requirements,
    });
  }
  await runSlicesPausing(nextTreeValidation(tree), pause);
  const provisionalContext: GroupContext = {
    ...state.context,
    epoch: state.context.epoch + 1n,
    treeHash: treeHash(crypto, tree),
    extensions: applied.extensions,
  };
  const updatePath = path && await encryptPath(crypto, applied.tree, {
    path,
    context: provisionalContext,
    added: addedIndices(applied),
    random,
    pause,
  });
  const wireFormat = options.wireFormat ?? "private-message";
  const commit = {
    proposals: [...pending.map(toReference), ...byValue.map(toValue)],
    path: updatePath,
  };
  const bytesCount = await runSlicesPausing(
    validationForReceivers(commitCodec, commit, { bytesMax: MESSAGE_BYTES_MAX }),
    pause,
  );
  const { authenticatedData } = options;
  const signed = signOwn(state, { kind: "commit", commit }, { wireFormat, authenticatedData });
  await pauseAfter(bytesCount, pause);
  const summary = summarize(state, {
    message: signed,
    before,
    applied,
    proposals,
    tree,
    treeOfPath: applied.tree,
    committerIndex: ownLeafIndex,
  });
  await authenticateAll(options.authenticate, enteringAll(summary, applied, before));
  await refuseByPolicy(options.policy, summary);
  const psks = await lookUpPsks(applied.psks, {
    state: following?.old ?? state,
    findPsks: options.findPsks,
  });

  const { signature } = signed.auth;
  await pauseAfter(bytesCount, pause);
  const keys = deriveEpoch(crypto, {
    provisionalContext,
    interimTranscriptHash: state.interimTranscriptHash,
    initSecret: state.secrets.initSecret,
    commitSecret: path?.commitSecret,
    psks,
    wireFormat,
    content: signed.content,
    signature,
  });
  refused.defer(() => wipeEpoch(keys));
  await pauseAfter(bytesCount, pause);
  const welcome = applied.added.length === 0 ? undefined : await createWelcome(crypto, {
    keys,
    tree,
    committerIndex: ownLeafIndex,
    signaturePrivateKey,
    path,
    added: applied.added,
    psks: applied.psks,
    ratchetTreeInside: options.ratchetTreeInWelcome ?? true,
    extensions: options.welcomeExtensions ?? [],
    random,
    pause,
  });
  wipeWelcomeSecrets(keys);
  const next = stateOfEpoch(crypto, {
    ...keys,
    tree,
    ownLeafIndex,
    ownKeys: {
      signaturePrivateKey: path ? signaturePrivateKey : state.ownKeys.signaturePrivateKey,
      encryption: path
        ? pathPrivateKeys(path, ownLeafIndex)
        : keptPrivateKeys(state.ownKeys.encryption, before, tree),
    },
    reinit: applied.reinit,
  });
  refused.defer(() => retire(next, state));
  const auth = { signature, confirmationTag: keys.confirmationTag };
  const sent = await runSlicesPausing(
    ownProtection(state, { wireFormat, content: signed.content, auth }, options),
    pause,
  );
  refused.move();
  if (path !== undefined) wipePathSecrets(path);
  return {
    state: sent.state,
    staged: { message: sent.message, summary, next },
    commit: sent.message,
    welcome,
  };
}

function validateWelcomeExtensions(options: CommitOptions): void {
  const tree: readonly Extension[] = options.ratchetTreeInWelcome ?? true
    ? [{ extensionType: EXTENSION_TYPE.ratchetTree, extensionData: new Uint8Array() }]
    : [];
  validateForReceivers(groupInfoExtensions, [...tree, ...options.welcomeExtensions ?? []], {
    bytesMax: MESSAGE_BYTES_MAX,
  });
}

/** The next epoch, once the commit was accepted. `retire` the old one when this is durable. */
export function mergeStaged(state: GroupState, staged: StagedCommit): GroupState {
  const { groupId, epoch } = staged.summary;
  if (epoch !== state.context.epoch || !sameBytes(groupId, state.context.groupId)) {
    throw new MessengerError("mls/invalid-commit", "Cannot merge commit: it is for another epoch");
  }
  return staged.next;
}

/** What the author of a path knows: the keys of its leaf and of all nodes above. */
export function pathPrivateKeys(path: NewPath, leafIndex: number): ReadonlyMap<number, Bytes> {
  return new Map([
    [nodeOfLeaf(leafIndex), path.leafKeyPair.privateKey],
    ...path.nodes.map(({ node, keyPair }): [number, Bytes] => [node, keyPair.privateKey]),
  ]);
}

/** The author's own leaf as the receivers will see it: an invalid one would fork its author off. */
export function validateOwnLeaf(
  crypto: CipherSuite,
  leaf: LeafNode,
  place: {
    readonly groupId: Uint8Array;
    readonly leafIndex: number;
    readonly requirements: MemberRequirements;
  },
): void {
  validateForReceivers(leafNodeCodec, leaf, { bytesMax: LEAF_NODE_BYTES_MAX });
  validateLeaf(crypto, leaf, { ...place, source: "commit" });
  validateSupport(leaf, place.requirements);
}

/** What a leaf says besides its keys. */
export function leafTemplate(
  own: LeafNode,
  identity: Identity | undefined,
): Parameters<typeof createPath>[2]["leaf"] {
  if (identity === undefined) return own;
  return {
    signatureKey: identity.signatureKeyPair.publicKey,
    credential: identity.credential,
    capabilities: identity.capabilities,
    extensions: identity.extensions,
  };
}

function toValue({ proposal }: CommittedProposal): ProposalOrRef {
  return { kind: "proposal", proposal };
}

function toReference({ reference }: { readonly reference: Uint8Array }): ProposalOrRef {
  return { kind: "reference", reference };
}
