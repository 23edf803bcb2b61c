import { assert, equalConstantTime, MessengerError } from "@qpq/ports";
import type { CipherSuite } from "../crypto/provider.ts";
import { externalInitReceiver } from "../keys/key-schedule.ts";
import { mergePath, openPath, wipeOpenedPath } from "../keys/treekem.ts";
import { type Pause, pauseAfter, runSlicesPausing, type Slices } from "../slices.ts";
import { treeHash, treeHashing } from "../tree/hashes.ts";
import { validateLeaf, validateSupport } from "../tree/leaf-validation.ts";
import { nodeOfLeaf } from "../tree/math.ts";
import { leafAt, type RatchetTree, TreeEditor } from "../tree/ratchet-tree.ts";
import { encryptionKeySearch, nameOf } from "../tree/unique-keys.ts";
import { sameBytes } from "../tree/validation.ts";
import type { Commit, UpdatePath } from "../wire/commit.ts";
import type { AuthenticatedContent, Sender } from "../wire/framing.ts";
import type { GroupContext } from "../wire/group-info.ts";
import type { LeafNode } from "../wire/leaf-node.ts";
import {
  deriveEpoch,
  keptPrivateKeys,
  stateOfEpoch,
  wipeEpoch,
  wipeWelcomeSecrets,
} from "./next-epoch.ts";
import {
  type Authenticate,
  authenticateAll,
  type CommitSummary,
  type CommittedProposal,
  enteringExternalSenders,
  enteringLeaf,
  type FindPsks,
  lookUpPsks,
  type Policy,
  type StagedCommit,
} from "./outcome.ts";
import {
  type AppliedProposals,
  applyProposals,
  nextTreeValidation,
  validateAdded,
} from "./proposal-list.ts";
import { type GroupState, type OwnKeys, requireLive } from "./state.ts";

/** Whom a commit is shown before it is staged. Each sees what all members see, and must answer alike at all. */
export interface CommitCallbacks {
  readonly authenticate: Authenticate;
  readonly policy?: Policy;
  readonly findPsks?: FindPsks;
  /** Called between two slices of the work for a large tree or message. Default: no pause. */
  readonly pause?: Pause;
}

/**
 * A next epoch, or the end of this membership. The removed cannot derive the next epoch, so the
 * confirmation tag is the one rule that they cannot check: a member who may remove another can make
 * it leave by a commit with a wrong tag, which those who stay refuse.
 */
export type CommitOutcome =
  | { readonly kind: "staged"; readonly staged: StagedCommit }
  | { readonly kind: "removed"; readonly summary: CommitSummary };

/**
 * Processes a commit of somebody else, whose signature was verified (RFC 9420 §12.4.2). Whether it
 * is valid depends on its bytes and the state only; the callbacks see nothing else.
 * @throws MessengerError with the rule's code; the state is as before
 */
export async function processCommit(
  state: GroupState,
  received: { readonly message: AuthenticatedContent; readonly bytes: Uint8Array },
  options: CommitCallbacks,
): Promise<CommitOutcome> {
  const { message } = received;
  const { content } = message.content;
  assert(content.kind === "commit", "a commit is processed");
  const { commit } = content;
  const { crypto } = state;
  const { sender } = message.content;
  const before = await state.tree.load();
  const proposals = resolveProposals(state, commit, sender);
  const applied = applyProposals(crypto, { tree: before, context: state.context }, {
    proposals,
    committer: sender.kind === "member" ? sender.leafIndex : undefined,
  });
  await validateAdded(crypto, applied, options);
  const next = await runSlicesPausing(
    commitMerge(state, { before, applied, sender, path: commit.path }),
    options.pause,
  );
  const summary = summarize(state, { message, before, applied, proposals, ...next });
  const isRemoved = applied.removed.some((member) => member.leafIndex === state.ownLeafIndex);
  // Also of a commit that removes this member: all members come to the same answer, or one alone
  // would believe that it is out. It cannot check the confirmation tag, having no keys of the epoch.
  await authenticateAll(options.authenticate, enteringAll(summary, applied, before));
  await refuseByPolicy(options.policy, summary);
  if (isRemoved) return { kind: "removed", summary };
  // While the callbacks answered, the caller may have gone on without this state.
  requireLive(state);

  const provisionalContext: GroupContext = {
    ...state.context,
    epoch: state.context.epoch + 1n,
    treeHash: treeHash(crypto, next.tree),
    extensions: applied.extensions,
  };
  const own = keysAfter(state, before, applied);
  using used = new DisposableStack();
  using refused = new DisposableStack();
  const opened = commit.path === undefined ? undefined : await openPath(crypto, next.treeOfPath, {
    path: commit.path,
    senderLeafIndex: next.committerIndex,
    ownLeafIndex: state.ownLeafIndex,
    privateKeys: own.encryption,
    context: provisionalContext,
    added: addedIndices(applied),
  });
  if (opened !== undefined) refused.defer(() => wipeOpenedPath(crypto, opened));
  const initSecret = await initSecretOf(state, applied);
  // An external commit's is of this commit alone; the epoch's own is needed if it loses.
  if (!Object.is(initSecret, state.secrets.initSecret)) used.defer(() => initSecret.fill(0));
  const psks = await lookUpPsks(applied.psks, { state, findPsks: options.findPsks });
  await pauseAfter(received.bytes.length, options.pause);
  // Zeros would say that the commit is wrong.
  requireLive(state);
  const derived = deriveEpoch(crypto, {
    provisionalContext,
    interimTranscriptHash: state.interimTranscriptHash,
    initSecret,
    commitSecret: opened?.commitSecret,
    psks,
    wireFormat: message.wireFormat,
    content: message.content,
    signature: message.auth.signature,
  });
  refused.defer(() => wipeEpoch(derived));
  const claimedTag = message.auth.confirmationTag;
  if (claimedTag === undefined || !equalConstantTime(derived.confirmationTag, claimedTag)) {
    throw new MessengerError(
      "mls/wrong-confirmation-tag",
      "Cannot accept commit: it leads to other keys than it confirms",
    );
  }
  refused.move();
  wipeWelcomeSecrets(derived);
  const kept = keptPrivateKeys(own.encryption, next.treeOfPath, next.tree);
  for (const [node, key] of opened?.privateKeys ?? []) kept.set(node, key);
  const nextState = stateOfEpoch(crypto, {
    ...derived,
    tree: next.tree,
    ownLeafIndex: state.ownLeafIndex,
    ownKeys: { signaturePrivateKey: own.signaturePrivateKey, encryption: kept },
    reinit: applied.reinit,
  });
  return { kind: "staged", staged: { message: received.bytes, summary, next: nextState } };
}

/** @throws MessengerError `mls/unknown-proposal` */
function resolveProposals(
  state: GroupState,
  commit: Commit,
  sender: Sender,
): readonly CommittedProposal[] {
  const byReference = new Map(
    state.pendingProposals.map((pending) => [nameOf(pending.reference), pending]),
  );
  return commit.proposals.map((each): CommittedProposal => {
    if (each.kind === "proposal") return { proposal: each.proposal, sender, byReference: false };
    const pending = byReference.get(nameOf(each.reference));
    const content = pending?.message.content;
    if (content?.content.kind !== "proposal") {
      throw new MessengerError(
        "mls/unknown-proposal",
        "Cannot accept commit: it refers to a proposal that was not received",
      );
    }
    return { proposal: content.content.proposal, sender: content.sender, byReference: true };
  });
}

/** The public half of a commit, applied. */
export interface MergedCommit {
  readonly tree: RatchetTree;
  /** The one that path secrets are encrypted to: after the proposals, before the path. */
  readonly treeOfPath: RatchetTree;
  readonly committerIndex: number;
}

/** The tree after a commit: path rules of §12.4, leaf rules of §7.3, keys that are new (§12.4.2). */
function* commitMerge(
  state: GroupState,
  parts: {
    readonly before: RatchetTree;
    readonly applied: AppliedProposals;
    readonly sender: Sender;
    readonly path: UpdatePath | undefined;
  },
): Slices<MergedCommit> {
  const { before, applied, sender, path } = parts;
  if (path === undefined) {
    if (applied.needsPath || sender.kind !== "member") refuse("its proposals require a path");
    yield* nextTreeValidation(applied.tree);
    yield* treeHashing(state.crypto, applied.tree);
    return { tree: applied.tree, treeOfPath: applied.tree, committerIndex: sender.leafIndex };
  }
  const place = sender.kind === "member"
    ? { tree: applied.tree, leafIndex: sender.leafIndex }
    : joinersPlace(applied.tree);
  // An external committer that removes its old leaf follows the rules of an Update for it (§12.2).
  const replaced = sender.kind === "member"
    ? leafAt(before, sender.leafIndex)
    : applied.resynced?.leafNode;
  validatePathLeaf(state.crypto, path.leafNode, {
    groupId: state.context.groupId,
    leafIndex: place.leafIndex,
    replaced,
  });
  validateSupport(path.leafNode, applied.requirements);
  if (yield* encryptionKeySearch(place.tree, keysOf(path))) {
    refuse("its path has a key that is in the tree");
  }
  yield* treeHashing(state.crypto, place.tree);
  const tree = mergePath(state.crypto, place.tree, {
    leafIndex: place.leafIndex,
    path,
    added: addedIndices(applied),
  });
  yield* nextTreeValidation(tree);
  return { tree, treeOfPath: place.tree, committerIndex: place.leafIndex };
}

/** The leftmost blank leaf, the tree extended where there is none (RFC 9420 §12.4.2). */
export function joinersPlace(
  tree: RatchetTree,
): { readonly tree: RatchetTree; readonly leafIndex: number } {
  const editor = new TreeEditor(tree);
  const leafIndex = editor.blankLeaf();
  return { tree: editor.finish(), leafIndex };
}

function validatePathLeaf(
  crypto: CipherSuite,
  leaf: LeafNode,
  options: {
    readonly groupId: Uint8Array;
    readonly leafIndex: number;
    readonly replaced: LeafNode | undefined;
  },
): void {
  validateLeaf(crypto, leaf, { ...options, source: "commit" });
  if (options.replaced && sameBytes(leaf.encryptionKey, options.replaced.encryptionKey)) {
    refuse("its path keeps the leaf's encryption key");
  }
}

/** "none of the public keys in the UpdatePath appear in any node of the new ratchet tree" (§12.4.2) */
function keysOf(path: UpdatePath): readonly Uint8Array[] {
  return [path.leafNode, ...path.nodes].map(({ encryptionKey }) => encryptionKey);
}

/** Leaves of those who get a Welcome instead of a path secret. */
export function addedIndices(applied: AppliedProposals): ReadonlySet<number> {
  return new Set(applied.added.map((member) => member.leafIndex));
}

/** This member's keys after the proposals: those of its own Update, where one is committed. */
function keysAfter(state: GroupState, before: RatchetTree, applied: AppliedProposals): OwnKeys {
  const kept = keptPrivateKeys(state.ownKeys.encryption, before, applied.tree);
  const updated = applied.updated.find((member) => member.leafIndex === state.ownLeafIndex);
  if (updated === undefined) {
    return { signaturePrivateKey: state.ownKeys.signaturePrivateKey, encryption: kept };
  }
  const ownUpdate = state.pendingProposals.find(({ message }) => {
    const { content } = message.content;
    return content.kind === "proposal" && content.proposal.kind === "update" &&
      content.proposal.leafNode === updated.leafNode;
  })?.ownUpdate;
  assert(ownUpdate !== undefined, "an Update of this member is kept with its keys");
  kept.set(nodeOfLeaf(state.ownLeafIndex), ownUpdate.encryptionPrivateKey);
  return { signaturePrivateKey: ownUpdate.signaturePrivateKey, encryption: kept };
}

async function initSecretOf(state: GroupState, applied: AppliedProposals): Promise<Uint8Array> {
  if (applied.externalInit === undefined) return state.secrets.initSecret;
  const secret = await externalInitReceiver(state.crypto, state.secrets, applied.externalInit);
  if (secret === undefined) refuse("its kem_output is malformed");
  return secret;
}

/** What the callbacks and the caller are told of a commit. */
export function summarize(
  state: Pick<GroupState, "context">,
  parts: MergedCommit & {
    readonly message: Pick<AuthenticatedContent, "content">;
    readonly before: RatchetTree;
    readonly applied: AppliedProposals;
    readonly proposals: readonly CommittedProposal[];
  },
): CommitSummary {
  const { message, before, applied, committerIndex, tree } = parts;
  const { sender, authenticatedData, content } = message.content;
  return {
    groupId: state.context.groupId,
    epoch: state.context.epoch,
    sender,
    committerBefore: sender.kind === "member" ? leafAt(before, sender.leafIndex) : undefined,
    committer: {
      leafIndex: committerIndex,
      leafNode: leafAt(tree, committerIndex) as LeafNode,
    },
    authenticatedData,
    proposals: parts.proposals,
    added: applied.added,
    removed: applied.removed,
    updated: applied.updated,
    extensionsBefore: state.context.extensions,
    extensionsAfter: applied.extensions,
    psks: applied.psks,
    reinit: applied.reinit,
    hasPath: content.kind === "commit" && content.commit.path !== undefined,
  };
}

/** Every credential that a commit brings into the group, in one batch (RFC 9420 §5.3.1). */
export function enteringAll(
  summary: CommitSummary,
  applied: AppliedProposals,
  before: RatchetTree,
): Parameters<Authenticate>[0] {
  // What an external committer removes is its own old leaf: the new one must be its successor.
  const replaced = summary.sender.kind === "member"
    ? leafAt(before, summary.committer.leafIndex)
    : applied.resynced?.leafNode;
  return [
    ...applied.added.flatMap(({ leafNode }) => enteringLeaf(leafNode, undefined)),
    ...applied.updated.flatMap((member) => enteringLeaf(member.leafNode, member.before)),
    ...enteringLeaf(summary.committer.leafNode, replaced),
    ...enteringExternalSenders(summary.extensionsBefore, summary.extensionsAfter),
  ];
}

/** @throws MessengerError `mls/commit-refused` */
export async function refuseByPolicy(
  policy: Policy | undefined,
  summary: CommitSummary,
): Promise<void> {
  const reason = await policy?.(summary);
  if (reason !== undefined) {
    throw new MessengerError("mls/commit-refused", `Cannot accept commit: ${reason}`);
  }
}

function refuse(state: string): never {
  throw new MessengerError("mls/invalid-commit", `Cannot accept commit: ${state}`);
}
