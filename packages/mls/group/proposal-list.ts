import { assert, MessengerError } from "@qpq/ports";
import { encode } from "../codec/codec.ts";
import type { CipherSuite } from "../crypto/provider.ts";
import { validateKeyPackage } from "../key-package.ts";
import {
  type MemberRequirements,
  memberRequirements,
  missingSupport,
  validateCredentialTypes,
  validateLeaf,
  validateSupport,
} from "../tree/leaf-validation.ts";
import { inSlices, type Pause, runSlicesPausing, type Slices } from "../slices.ts";
import { leafAt, membersOf, type RatchetTree, TreeEditor } from "../tree/ratchet-tree.ts";
import { nameOf, uniqueKeysValidation } from "../tree/unique-keys.ts";
import { sameBytes } from "../tree/validation.ts";
import type { Extension } from "../wire/extension.ts";
import type { Sender } from "../wire/framing.ts";
import type { GroupContext } from "../wire/group-info.ts";
import { PROTOCOL_VERSION } from "../wire/key-package.ts";
import { PSKS_COUNT_MAX } from "../wire/limits.ts";
import type { LeafNode } from "../wire/leaf-node.ts";
import {
  findExternalSenders,
  type PreSharedKeyId,
  preSharedKeyId,
  type Proposal,
  PROPOSAL_TYPE,
  type ReInit,
} from "../wire/proposal.ts";
import type { CommittedProposal, Member } from "./outcome.ts";

/** The effect of a commit's proposals (RFC 9420 §12.3). */
export interface AppliedProposals {
  readonly tree: RatchetTree;
  readonly extensions: readonly Extension[];
  readonly requirements: MemberRequirements;
  readonly added: readonly AddedMember[];
  readonly removed: readonly Member[];
  readonly updated: readonly UpdatedMember[];
  /** The old leaf that an external committer removes. */
  readonly resynced: Member | undefined;
  readonly psks: readonly PreSharedKeyId[];
  /** `kem_output`, in an external commit. */
  readonly externalInit: Uint8Array | undefined;
  readonly reinit: ReInit | undefined;
  /** Whether the commit must have a path (RFC 9420 §12.4). */
  readonly needsPath: boolean;
}

/** A member by an Add. */
export interface AddedMember extends Member {
  readonly keyPackage: Extract<Proposal, { kind: "add" }>["keyPackage"];
}

/** A member by an Update. */
export interface UpdatedMember extends Member {
  readonly before: LeafNode;
}

/** The initial commit of a group that follows another may use its resumption key (RFC 9420 §11). */
export type Succession = "reinit" | "branch" | undefined;

const NEEDS_NO_PATH: ReadonlySet<Proposal["kind"]> = new Set(["add", "psk", "reinit"]);

/**
 * Checks the proposals of one commit together (RFC 9420 §12.2) and applies them in the order of
 * §12.3. New members are checked by `validateAdded`; what the resulting leaves must fulfil with
 * a path in place, by `nextTreeValidation`.
 * @throws MessengerError `mls/invalid-proposal`, `mls/invalid-proposal-list`, and those of leaves and
 *   key packages
 */
export function applyProposals(
  crypto: CipherSuite,
  before: { readonly tree: RatchetTree; readonly context: GroupContext },
  list: {
    readonly proposals: readonly CommittedProposal[];
    /** Undefined for an external commit. */
    readonly committer: number | undefined;
    readonly succession?: Succession;
  },
): AppliedProposals {
  const { proposals, committer } = list;
  const of = <K extends Proposal["kind"]>(kind: K): readonly Committed<K>[] =>
    proposals.filter((each): each is Committed<K> => each.proposal.kind === kind);
  if (committer === undefined) refuseInExternalCommit(proposals);
  else refuseInRegularCommit(proposals, committer);

  const contextExtensions = of("group-context-extensions");
  if (contextExtensions.length > 1) refuseList("two GroupContextExtensions");
  const extensions = contextExtensions[0]?.proposal.extensions ?? before.context.extensions;
  findExternalSenders(extensions);
  const requirements = memberRequirements({ groupId: before.context.groupId, extensions });

  const psks = of("psk").map(({ proposal }) => proposal.psk);
  if (psks.length > PSKS_COUNT_MAX) refuseList(`more than ${PSKS_COUNT_MAX} pre-shared keys`);
  for (const psk of psks) validatePskId(crypto, psk, list.succession);
  if (new Set(psks.map((id) => nameOf(encode(preSharedKeyId, id)))).size !== psks.length) {
    refuseList("one PreSharedKeyID twice");
  }
  const reinit = of("reinit")[0]?.proposal;
  if (reinit !== undefined && proposals.length > 1) refuseList("ReInit with another proposal");
  if (reinit !== undefined && reinit.version < PROTOCOL_VERSION) {
    refuse("a ReInit to an older version");
  }

  const changed = changeLeaves(before.tree, {
    updates: of("update"),
    selfRemoves: of("self-remove"),
    removes: of("remove"),
    adds: of("add"),
  });
  if (contextExtensions.length > 0) refuseUnsupported(changed.tree, requirements);
  for (const { leafNode } of [...changed.updated, ...changed.added]) {
    validateSupport(leafNode, requirements);
  }
  return {
    ...changed,
    // Removes come last among the removed.
    resynced: committer === undefined && of("remove").length > 0
      ? changed.removed.at(-1)
      : undefined,
    extensions,
    requirements,
    psks,
    externalInit: of("external-init")[0]?.proposal.kemOutput,
    reinit,
    needsPath: proposals.length === 0 ||
      proposals.some(({ proposal }) => !NEEDS_NO_PATH.has(proposal.kind)),
  };
}

type Committed<K extends Proposal["kind"]> = CommittedProposal & {
  readonly proposal: Extract<Proposal, { readonly kind: K }>;
};

/** RFC 9420 §12.2, for a regular commit. */
function refuseInRegularCommit(proposals: readonly CommittedProposal[], committer: number): void {
  for (const { proposal, sender, byReference } of proposals) {
    validateSender(proposal, sender);
    if (proposal.kind === "external-init") refuseList("an ExternalInit in a regular commit");
    if (proposal.kind === "update") {
      if (!byReference || (sender.kind === "member" && sender.leafIndex === committer)) {
        refuseList("an Update by the committer");
      }
    }
    if (proposal.kind === "remove" && proposal.removed === committer) {
      refuseList("a Remove of the committer");
    }
    if (proposal.kind === "self-remove") {
      // draft-ietf-mls-extensions §5.3: by reference only; its sender knows the next epoch no more.
      if (!byReference) refuseList("a SelfRemove by value");
      if (sender.kind === "member" && sender.leafIndex === committer) {
        refuseList("a SelfRemove by the committer");
      }
    }
  }
}

/** RFC 9420 §12.2 for an external commit; SelfRemove by draft-ietf-mls-extensions §5.3. */
function refuseInExternalCommit(proposals: readonly CommittedProposal[]): void {
  const count = (kind: Proposal["kind"]): number =>
    proposals.filter(({ proposal }) => proposal.kind === kind).length;
  if (count("external-init") !== 1) refuseList("not one ExternalInit in an external commit");
  if (count("remove") > 1) refuseList("two Removes in an external commit");
  for (const { proposal, byReference } of proposals) {
    if (proposal.kind === "self-remove") {
      if (!byReference) refuseList("a SelfRemove by value");
      continue;
    }
    if (byReference) refuseList("a proposal by reference in an external commit");
    if (!EXTERNAL_COMMIT_KINDS.has(proposal.kind)) {
      refuseList(`${proposal.kind} in an external commit`);
    }
  }
}

const EXTERNAL_COMMIT_KINDS: ReadonlySet<Proposal["kind"]> = new Set([
  "external-init",
  "remove",
  "psk",
]);

/** A new member's proposal was an Add when its signature key was looked up (RFC 9420 §6.1, §12.1.8). */
const PROPOSABLE_BY_EXTERNAL: ReadonlySet<Proposal["kind"]> = new Set([
  "add",
  "remove",
  "psk",
  "reinit",
  "group-context-extensions",
]);

/** @throws MessengerError `mls/invalid-proposal` */
export function validateSender(proposal: Proposal, sender: Sender): void {
  if (sender.kind === "external" && !PROPOSABLE_BY_EXTERNAL.has(proposal.kind)) {
    refuse(`${proposal.kind} from an external sender`);
  }
}

/** @throws MessengerError `mls/invalid-proposal` (RFC 9420 §12.1.4) */
export function validatePskId(
  crypto: CipherSuite,
  id: PreSharedKeyId,
  succession: Succession,
): void {
  if (id.pskNonce.length !== crypto.hashLength) refuse("a PSK nonce of the wrong length");
  if (id.kind === "resumption" && id.usage !== "application" && id.usage !== succession) {
    refuse(`a resumption PSK for ${id.usage}`);
  }
}

/** Updates, SelfRemoves, Removes, Adds: in this order (RFC 9420 §12.3, draft §5.3). */
function changeLeaves(
  tree: RatchetTree,
  by: {
    readonly updates: readonly Committed<"update">[];
    readonly selfRemoves: readonly Committed<"self-remove">[];
    readonly removes: readonly Committed<"remove">[];
    readonly adds: readonly Committed<"add">[];
  },
): Pick<AppliedProposals, "tree" | "added" | "removed" | "updated"> {
  const editor = new TreeEditor(tree);
  const touched = new Set<number>();
  const touch = (leafIndex: number): Member => {
    const leafNode = leafAt(tree, leafIndex);
    if (leafNode === undefined) refuse("it names a leaf that is blank");
    if (touched.has(leafIndex)) refuseList("two Updates or Removes of one leaf");
    touched.add(leafIndex);
    return { leafIndex, leafNode };
  };
  const updated = by.updates.map(({ proposal, sender }): UpdatedMember => {
    const { leafIndex, leafNode: old } = touch(memberIndex(sender));
    const { leafNode } = proposal;
    editor.updateLeaf(leafIndex, leafNode);
    return { leafIndex, leafNode, before: old };
  });
  const removed = [
    ...by.selfRemoves.map(({ sender }) => memberIndex(sender)),
    ...by.removes.map(({ proposal }) => proposal.removed),
  ].map((leafIndex) => {
    const member = touch(leafIndex);
    editor.removeLeaf(leafIndex);
    return member;
  });
  editor.truncate();
  if (by.selfRemoves.length > 0) refuseWithoutSelfRemove(tree, removed);
  refuseSameClient(by.adds);
  const added = by.adds.map(({ proposal: { keyPackage } }): AddedMember => {
    const { leafNode } = keyPackage;
    return { leafIndex: editor.addLeaf(leafNode), leafNode, keyPackage };
  });
  return { tree: editor.finish(), updated, removed, added };
}

function refuseSameClient(adds: readonly Committed<"add">[]): void {
  const clients = adds.map(({ proposal }) => nameOf(proposal.keyPackage.leafNode.signatureKey));
  if (new Set(clients).size !== clients.length) refuseList("two Adds of one client");
}

/**
 * The KeyPackages that a commit brings (RFC 9420 §10.1). After what is wrong with the list: a commit of
 * many copies must not cost more than reading it. Updates were validated when they came: they are
 * committed by reference only.
 */
export async function validateAdded(
  crypto: CipherSuite,
  { added }: AppliedProposals,
  options: { readonly pause?: Pause | undefined },
): Promise<void> {
  const slices = inSlices(added, ({ keyPackage }) => validateKeyPackage(crypto, keyPackage));
  await runSlicesPausing(slices, options.pause);
}

/** The leaf of an Update for its place (RFC 9420 §7.3, §12.1.2). */
export function validateUpdate(
  crypto: CipherSuite,
  leaf: LeafNode,
  place: { readonly groupId: Uint8Array; readonly leafIndex: number; readonly before: LeafNode },
): void {
  validateLeaf(crypto, leaf, { ...place, source: "update" });
  if (sameBytes(leaf.encryptionKey, place.before.encryptionKey)) {
    refuse("an Update keeps its encryption key");
  }
}

function memberIndex(sender: Sender): number {
  assert(sender.kind === "member", "only members change their own leaf");
  return sender.leafIndex;
}

/** All who process the commit must support a proposal type that is not default (RFC 9420 §12.2). */
function refuseWithoutSelfRemove(tree: RatchetTree, removed: readonly Member[]): void {
  const gone = new Set(removed.map((member) => member.leafIndex));
  const lacksIt = membersOf(tree).some(({ leafIndex, leafNode }) =>
    !gone.has(leafIndex) && !leafNode.capabilities.proposals.includes(PROPOSAL_TYPE["self-remove"])
  );
  if (lacksIt) refuseList("a SelfRemove that a member does not support");
}

/** RFC 9420 §12.1.7, §13.4: all members of the new epoch support what the context asks. */
function refuseUnsupported(tree: RatchetTree, requirements: MemberRequirements): void {
  for (const { leafNode } of membersOf(tree)) {
    if (missingSupport(leafNode, requirements) !== undefined) {
      refuse("GroupContextExtensions that a member does not support");
    }
  }
}

/**
 * The tree that a commit leads to: "After processing the Commit the ratchet tree is invalid" (§12.2).
 * Leaves that the commit did not touch were valid before it.
 */
export function* nextTreeValidation(tree: RatchetTree): Slices<void> {
  yield* uniqueKeysValidation(tree);
  validateCredentialTypes(
    membersOf(tree).map((member) => member.leafNode),
    "mls/invalid-proposal-list",
  );
}

function refuse(state: string): never {
  throw new MessengerError("mls/invalid-proposal", `Cannot accept proposal: ${state}`);
}

function refuseList(state: string): never {
  throw new MessengerError("mls/invalid-proposal-list", `Cannot accept proposals: ${state}`);
}
