import { assert, MessengerError } from "@qpq/ports";
import { encode } from "../codec/codec.ts";
import type { Bytes } from "../crypto/provider.ts";
import { isWithinLifetime, validateKeyPackage } from "../key-package.ts";
import { proposalReference } from "../labels.ts";
import { memberRequirements, validateSupport } from "../tree/leaf-validation.ts";
import { PROTOCOL_VERSION } from "../wire/key-package.ts";
import { authenticatedContent } from "../wire/framing.ts";
import type { AuthenticatedContent, Sender } from "../wire/framing.ts";
import type { LeafNode } from "../wire/leaf-node.ts";
import {
  findExternalSenders,
  preSharedKeyId,
  type Proposal,
  PROPOSAL_TYPE,
} from "../wire/proposal.ts";
import {
  type CommittedProposal,
  type EnteringCredential,
  enteringExternalSenders,
  enteringLeaf,
  findHeldPsks,
  type FindPsks,
} from "./outcome.ts";
import {
  applyProposals,
  nextTreeValidation,
  validatePskId,
  validateSender,
  validateUpdate,
} from "./proposal-list.ts";
import type { GroupState, OwnUpdate, PendingProposal } from "./state.ts";
import { runSlices } from "../slices.ts";
import { encryptionKeySearch, nameOf } from "../tree/unique-keys.ts";
import { sameBytes } from "../tree/validation.ts";

/** Proposals kept in one epoch, from all senders together. */
export const PENDING_PROPOSALS_COUNT_MAX = 1024;
/** Their bytes together. */
export const PENDING_PROPOSALS_BYTES_MAX = 16 * 2 ** 20;
/** Of one sender: it takes four of them to keep out all others. New members are one sender. */
export const SENDERS_PENDING_COUNT_MAX = PENDING_PROPOSALS_COUNT_MAX / 4;
export const SENDERS_PENDING_BYTES_MAX = PENDING_PROPOSALS_BYTES_MAX / 4;

/**
 * The state with a proposal in it that was verified; the same state when it has it already.
 * @throws MessengerError `mls/group-full`: too many, or too many bytes, of all or of this sender
 */
export function addPending(
  state: GroupState,
  message: AuthenticatedContent,
  ownUpdate?: OwnUpdate,
): { readonly state: GroupState; readonly reference: Bytes } {
  const encoded = encode(authenticatedContent, message);
  const reference = proposalReference(state.crypto, encoded);
  if (state.pendingProposals.some((each) => sameBytes(each.reference, reference))) {
    return { state, reference };
  }
  const pending: PendingProposal = { reference, message, ownUpdate, bytesCount: encoded.length };
  refuseBeyond(state.pendingProposals, pending, {
    countMax: PENDING_PROPOSALS_COUNT_MAX,
    bytesMax: PENDING_PROPOSALS_BYTES_MAX,
  });
  const sender = senderName(message.content.sender);
  const ofSender = state.pendingProposals
    .filter((each) => senderName(each.message.content.sender) === sender);
  refuseBeyond(ofSender, pending, {
    countMax: SENDERS_PENDING_COUNT_MAX,
    bytesMax: SENDERS_PENDING_BYTES_MAX,
  });
  return {
    state: { ...state, pendingProposals: [...state.pendingProposals, pending] },
    reference,
  };
}

function refuseBeyond(
  kept: readonly PendingProposal[],
  pending: PendingProposal,
  limits: { readonly countMax: number; readonly bytesMax: number },
): void {
  const bytes = kept.reduce((sum, each) => sum + each.bytesCount, pending.bytesCount);
  if (kept.length >= limits.countMax || bytes > limits.bytesMax) {
    throw new MessengerError("mls/group-full", "Cannot keep proposal: too many in this epoch");
  }
}

function senderName(sender: Sender): string {
  if (sender.kind === "member") return `member ${sender.leafIndex}`;
  return sender.kind === "external" ? `external ${sender.senderIndex}` : sender.kind;
}

/**
 * The state without the proposals that wait, for a caller that refuses them. A commit of somebody
 * else that refers to one of them is `mls/unknown-proposal` from then on, and this member stays
 * behind: to leave proposals out of a commit of one's own, `CommitOptions.pending` is enough.
 */
export function dropPendingProposals(state: GroupState): GroupState {
  return { ...state, pendingProposals: [] };
}

/**
 * A proposal on its own, in the current epoch (RFC 9420 §12.1). A commit checks it again, with the
 * others.
 * @throws MessengerError `mls/invalid-proposal`, `mls/invalid-leaf-node`, `mls/invalid-key-package`
 */
export async function validateProposal(
  state: GroupState,
  message: AuthenticatedContent,
): Promise<void> {
  const { content, sender } = message.content;
  assert(content.kind === "proposal", "a proposal is validated");
  const { proposal } = content;
  validateSender(proposal, sender);
  if (proposal.kind === "external-init") refuse("an ExternalInit outside an external commit");
  if (proposal.kind === "add") {
    const { leafNode } = proposal.keyPackage;
    validateKeyPackage(state.crypto, proposal.keyPackage);
    validateSupport(leafNode, memberRequirements(state.context));
    await refuseKnownKey(state, leafNode);
  }
  if (proposal.kind === "group-context-extensions") {
    findExternalSenders(proposal.extensions);
    memberRequirements({ groupId: state.context.groupId, extensions: proposal.extensions });
  }
  if (proposal.kind === "remove" && await state.tree.leaf(proposal.removed) === undefined) {
    refuse("it removes a leaf that is blank");
  }
  if (proposal.kind === "psk") validatePskId(state.crypto, proposal.psk, undefined);
  if (proposal.kind === "reinit" && proposal.version < PROTOCOL_VERSION) {
    refuse("a ReInit to an older version");
  }
  if (sender.kind !== "member") return;
  const leaf = await state.tree.leaf(sender.leafIndex);
  assert(leaf !== undefined, "the sender's signature was verified with its leaf");
  if (proposal.kind === "update") {
    validateUpdate(state.crypto, proposal.leafNode, {
      groupId: state.context.groupId,
      leafIndex: sender.leafIndex,
      before: leaf,
    });
    await refuseKnownKey(state, proposal.leafNode);
  }
  if (proposal.kind === "self-remove") {
    // draft-ietf-mls-extensions §5.3: external joiners must be able to read it.
    if (message.wireFormat !== "public-message") refuse("a SelfRemove that is not public");
    if (!leaf.capabilities.proposals.includes(PROPOSAL_TYPE["self-remove"])) {
      refuse("a SelfRemove from a member that does not support it");
    }
  }
}

/**
 * A copied encryption key (RFC 9420 §7.3): no member has two, and nobody but its owner can use it. A
 * signature key may be in the tree, its old leaf removed by the commit that takes the proposal.
 */
async function refuseKnownKey(state: GroupState, leafNode: LeafNode): Promise<void> {
  if (runSlices(encryptionKeySearch(await state.tree.load(), [leafNode.encryptionKey]))) {
    refuse("its encryption key is in the tree");
  }
}

/** Credentials that a proposal would bring into the group (RFC 9420 §5.3.1). */
export async function enteringBy(
  state: GroupState,
  proposal: Proposal,
  sender: Sender,
): Promise<readonly EnteringCredential[]> {
  if (proposal.kind === "add") return enteringLeaf(proposal.keyPackage.leafNode, undefined);
  if (proposal.kind === "update" && sender.kind === "member") {
    return enteringLeaf(proposal.leafNode, await state.tree.leaf(sender.leafIndex));
  }
  return proposal.kind === "group-context-extensions"
    ? enteringExternalSenders(state.context.extensions, proposal.extensions)
    : [];
}

/** Lists that a committer tries, where what waits is not valid together. */
export const SELECTION_TRIES_MAX = 256;
/** Of these for what one sender proposed: who sends nonsense pushes out its own proposals only. */
export const SENDERS_SELECTION_TRIES_MAX = 16;

type Candidate = CommittedProposal & { readonly reference: Uint8Array };

/**
 * The pending proposals that a commit of this member takes (RFC 9420 §12.2): not its own Updates; for
 * one leaf a removal rather than an Update, else the last Update; one Add of a client, one list of
 * extensions; no KeyPackage that has expired and no pre-shared key that it does not hold; anything
 * rather than a ReInit; and none that makes the list invalid.
 */
export async function selectPending(
  state: GroupState,
  options: {
    readonly byValue: readonly CommittedProposal[];
    readonly wanted: (proposal: CommittedProposal) => boolean;
    readonly nowMs: number;
    readonly findPsks: FindPsks | undefined;
  },
): Promise<readonly Candidate[]> {
  const candidates = state.pendingProposals.flatMap(({ reference, message }): Candidate[] => {
    const { content, sender } = message.content;
    assert(content.kind === "proposal", "only proposals wait");
    const candidate = { reference, proposal: content.proposal, sender, byReference: true };
    return options.wanted(candidate) ? [candidate] : [];
  });
  const { byValue } = options;
  const others = candidates.filter(({ proposal }) => proposal.kind !== "reinit");
  if (others.length === 0 && byValue.length === 0) return candidates.slice(0, 1);
  if (byValue.some(({ proposal }) => proposal.kind === "reinit")) return [];
  const usable = (await withHeldPsks(state, others, options.findPsks))
    .filter(({ proposal }) => {
      if (proposal.kind !== "add") return true;
      const { source } = proposal.keyPackage.leafNode;
      return source.kind === "key-package" && isWithinLifetime(source.lifetime, options);
    });
  // What each is about: of those with one subject, only one can be committed.
  const chosen = new Map<string, CommittedProposal>();
  for (const each of byValue) chosen.set(subjectOf(each), each);
  for (const each of usable) {
    const subject = subjectOf(each);
    if (subject === `leaf ${state.ownLeafIndex}`) continue;
    const rival = chosen.get(subject);
    const wins = rival === undefined ||
      (rival.byReference && (rank(each) > rank(rival) || rank(each) + rank(rival) === 0));
    if (wins) chosen.set(subject, each);
  }
  return validTogether(
    state,
    usable.filter((each) => chosen.get(subjectOf(each)) === each),
    byValue,
  );
}

/** Without those pre-shared keys that nobody but their sender may hold. */
async function withHeldPsks(
  state: GroupState,
  candidates: readonly Candidate[],
  findPsks: FindPsks | undefined,
): Promise<readonly Candidate[]> {
  const ids = candidates.flatMap(({ proposal }) => proposal.kind === "psk" ? [proposal.psk] : []);
  const keys = await findHeldPsks(ids, { state, findPsks });
  const held = new Set(ids.filter((_, index) => keys[index] !== undefined));
  return candidates.filter(({ proposal }) => proposal.kind !== "psk" || held.has(proposal.psk));
}

/**
 * Those of `candidates` that are valid with each other and with `byValue`; of what is in conflict the
 * first stays. Each that is left out costs tries, logarithmic in their number; when these are used
 * up, what is not decided is left out.
 */
function validTogether(
  state: GroupState,
  candidates: readonly Candidate[],
  byValue: readonly CommittedProposal[],
): readonly Candidate[] {
  const tree = state.tree.loaded;
  assert(tree !== undefined, "a committer has read its tree");
  let tries = 0;
  const isValid = (pending: readonly Candidate[]): boolean => {
    tries++;
    try {
      const applied = applyProposals(state.crypto, { tree, context: state.context }, {
        proposals: [...pending, ...byValue],
        committer: state.ownLeafIndex,
      });
      runSlices(nextTreeValidation(applied.tree));
      return true;
    } catch (error) {
      if (!(error instanceof MessengerError)) throw error;
      return false;
    }
  };
  // What the caller asks for by value is its own affair: where that is invalid, it learns why.
  if (candidates.length === 0 || isValid(candidates) || !isValid([])) return candidates;
  const kept = new Set<Candidate>();
  const add = (groups: readonly (readonly Candidate[])[], triesMax: number): void => {
    const all = groups.flat();
    if (all.length === 0 || tries >= triesMax) return;
    if (isValid([...kept, ...all])) {
      for (const each of all) kept.add(each);
    } else if (groups.length > 1) {
      for (const half of halvesOf(groups)) add(half, triesMax);
    } else if (all.length > 1) {
      const sendersMax = Math.min(triesMax, tries + SENDERS_SELECTION_TRIES_MAX);
      for (const half of halvesOf(all)) add([half], sendersMax);
    }
  };
  // First what removes: it makes room for what is added.
  const removals = candidates.filter(isRemoval);
  const others = candidates.filter((each) => !isRemoval(each));
  for (const part of [removals, others]) {
    add(
      Map.groupBy(part, ({ sender }) => senderName(sender)).values().toArray(),
      SELECTION_TRIES_MAX,
    );
  }
  return candidates.filter((each) => kept.has(each));
}

function halvesOf<T>(list: readonly T[]): readonly (readonly T[])[] {
  const middle = list.length >>> 1;
  return [list.slice(0, middle), list.slice(middle)];
}

function isRemoval({ proposal }: CommittedProposal): boolean {
  return proposal.kind === "remove" || proposal.kind === "self-remove";
}

function subjectOf({ proposal, sender }: CommittedProposal): string {
  if (proposal.kind === "remove") return `leaf ${proposal.removed}`;
  if (proposal.kind === "add") return `key ${nameOf(proposal.keyPackage.leafNode.signatureKey)}`;
  if (proposal.kind === "psk") return `psk ${nameOf(encode(preSharedKeyId, proposal.psk))}`;
  const isOwnLeaf = proposal.kind === "update" || proposal.kind === "self-remove";
  return isOwnLeaf && sender.kind === "member" ? `leaf ${sender.leafIndex}` : proposal.kind;
}

/**
 * A SelfRemove wins over a Remove (draft-ietf-mls-extensions §5.3), both over an Update. Among
 * Updates the last wins, among others the first.
 */
function rank({ proposal }: CommittedProposal): number {
  const ranks: Partial<Record<Proposal["kind"], number>> = {
    "self-remove": 2,
    "update": 0,
  };
  return ranks[proposal.kind] ?? 1;
}

function refuse(state: string): never {
  throw new MessengerError("mls/invalid-proposal", `Cannot accept proposal: ${state}`);
}
