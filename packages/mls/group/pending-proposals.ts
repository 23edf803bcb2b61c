import { assert, MessengerError } from "@qpq/ports";
import { encode } from "../codec/codec.ts";
import type { Bytes } from "../crypto/provider.ts";
import { validateKeyPackage } from "../key-package.ts";
import { proposalReference } from "../labels.ts";
import { memberRequirements, validateSupport } from "../tree/leaf-validation.ts";
import { PROTOCOL_VERSION } from "../wire/key-package.ts";
import { authenticatedContent } from "../wire/framing.ts";
import type { AuthenticatedContent } from "../wire/framing.ts";
import { preSharedKeyId, type Proposal, PROPOSAL_TYPE } from "../wire/proposal.ts";
import type { CommittedProposal } from "./outcome.ts";
import { validatePskId, validateSender, validateUpdate } from "./proposal-list.ts";
import type { GroupState, OwnUpdate, PendingProposal } from "./state.ts";
import { nameOf } from "../tree/unique-keys.ts";
import { sameBytes } from "../tree/validation.ts";

/** Proposals kept in one epoch, from all senders together. */
export const PENDING_PROPOSALS_COUNT_MAX = 1024;

/**
 * The state with a proposal in it that was verified; the same state when it has it already.
 * @throws MessengerError `mls/group-full`
 */
export function addPending(
  state: GroupState,
  message: AuthenticatedContent,
  ownUpdate?: OwnUpdate,
): { readonly state: GroupState; readonly reference: Bytes } {
  const reference = proposalReference(state.crypto, encode(authenticatedContent, message));
  if (state.pendingProposals.some((each) => sameBytes(each.reference, reference))) {
    return { state, reference };
  }
  if (state.pendingProposals.length >= PENDING_PROPOSALS_COUNT_MAX) {
    throw new MessengerError("mls/group-full", "Cannot keep proposal: too many in this epoch");
  }
  const pending: PendingProposal = { reference, message, ownUpdate };
  return {
    state: { ...state, pendingProposals: [...state.pendingProposals, pending] },
    reference,
  };
}

/** The state without the proposals that wait, for a caller that refuses them. */
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
    validateKeyPackage(state.crypto, proposal.keyPackage);
    validateSupport(proposal.keyPackage.leafNode, memberRequirements(state.context));
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
  }
  if (proposal.kind === "self-remove") {
    // draft-ietf-mls-extensions §5.3: external joiners must be able to read it.
    if (message.wireFormat !== "public-message") refuse("a SelfRemove that is not public");
    if (!leaf.capabilities.proposals.includes(PROPOSAL_TYPE["self-remove"])) {
      refuse("a SelfRemove from a member that does not support it");
    }
  }
}

type Candidate = CommittedProposal & { readonly reference: Uint8Array };

/**
 * The pending proposals that a commit of this member takes (RFC 9420 §12.2): not its own Updates; for
 * one leaf a removal rather than an Update, else the last Update; one Add of a client, one list of
 * extensions; anything rather than a ReInit.
 */
export function selectPending(
  state: GroupState,
  options: {
    readonly byValue: readonly CommittedProposal[];
    readonly wanted: (proposal: CommittedProposal) => boolean;
  },
): readonly Candidate[] {
  const candidates = state.pendingProposals.flatMap(({ reference, message }): Candidate[] => {
    const { content, sender } = message.content;
    if (content.kind !== "proposal") return [];
    const candidate = { reference, proposal: content.proposal, sender, byReference: true };
    return options.wanted(candidate) ? [candidate] : [];
  });
  const { byValue } = options;
  const others = candidates.filter(({ proposal }) => proposal.kind !== "reinit");
  if (others.length === 0 && byValue.length === 0) return candidates.slice(0, 1);
  if (byValue.some(({ proposal }) => proposal.kind === "reinit")) return [];
  // What each is about: of those with one subject, only one can be committed.
  const chosen = new Map<string, CommittedProposal>();
  for (const each of byValue) chosen.set(subjectOf(each), each);
  for (const each of others) {
    const subject = subjectOf(each);
    if (subject === `leaf ${state.ownLeafIndex}`) continue;
    const rival = chosen.get(subject);
    const wins = rival === undefined ||
      (rival.byReference && (rank(each) > rank(rival) || rank(each) + rank(rival) === 0));
    if (wins) chosen.set(subject, each);
  }
  return others.filter((each) => chosen.get(subjectOf(each)) === each);
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
