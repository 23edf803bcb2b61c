import { assert, MessengerError } from "@qpq/ports";
import { ratchetsHeld, wipeSecretTree, withRatchets } from "../keys/secret-tree.ts";
import { keyToReceive, wipeMessageKey } from "../keys/sender-ratchet.ts";
import { openSenderData, privateUnprotection, unprotectPublic } from "../messages/protection.ts";
import { verifyContentSignature } from "../messages/protection.ts";
import { type Pause, pauseAfter, runSlicesPausing } from "../slices.ts";
import { sameBytes } from "../tree/validation.ts";
import type {
  AuthenticatedContent,
  MlsMessage,
  PrivateMessage,
  PublicMessage,
  Sender,
} from "../wire/framing.ts";
import { messageDecoding } from "../wire/framing.ts";
import type { LeafNode } from "../wire/leaf-node.ts";
import { findExternalSenders, type Proposal } from "../wire/proposal.ts";
import { authenticateAll, type CommitSummary, type Member, type StagedCommit } from "./outcome.ts";
import { addPending, enteringBy, validateProposal } from "./pending-proposals.ts";
import { type CommitCallbacks, processCommit } from "./process-commit.ts";
import { type GroupState, ratchetsOf, refuseWhenClosed, requireLive } from "./state.ts";

/** Whom a commit is shown, and what of our own is on its way. */
export interface ProcessOptions extends CommitCallbacks {
  /** Own commits that are on their way: one that comes back is recognised by its bytes. */
  readonly staged?: readonly StagedCommit[];
  /**
   * Default false. Whether anyone may propose its own Add (RFC 9420 §12.1.8): such a proposal shows
   * no secret of the group, and while it waits nothing can be encrypted. All members must agree.
   */
  readonly acceptNewMemberProposals?: boolean;
}

/** What came of a message. Where there is no `state`, the one before goes on. */
export type Outcome =
  | {
    readonly kind: "application";
    readonly state: GroupState;
    readonly sender: Member;
    readonly generation: number;
    /** Earlier messages of this sender in this epoch that have not come: they may be late, or lost. */
    readonly skippedCount: number;
    readonly authenticatedData: Uint8Array;
    readonly data: Uint8Array;
  }
  | {
    readonly kind: "proposal";
    readonly state: GroupState;
    readonly sender: Sender;
    readonly authenticatedData: Uint8Array;
    readonly proposal: Proposal;
    readonly reference: Uint8Array;
  }
  /**
   * `state` is the current epoch still: merge `staged` to go on, or drop it. It holds keys that the
   * state before had not: when the next epoch is durable, retire both.
   */
  | { readonly kind: "commit-staged"; readonly state: GroupState; readonly staged: StagedCommit }
  /** A commit removes this member: nothing later can be read. Retire the state. */
  | { readonly kind: "removed"; readonly summary: CommitSummary }
  /** One of `options.staged` was accepted: merge it. */
  | { readonly kind: "own-commit"; readonly staged: StagedCommit }
  /** It says that this member sent it; it cannot be decrypted, and was not checked. */
  | { readonly kind: "own-message" }
  | { readonly kind: "past-epoch"; readonly epoch: bigint }
  | { readonly kind: "future-epoch"; readonly epoch: bigint }
  /** Its key was used before, or was skipped too long ago. */
  | { readonly kind: "replayed-generation"; readonly sender: number; readonly generation: number }
  | { readonly kind: "other-group"; readonly groupId: Uint8Array };

/**
 * Processes one message from the delivery service (RFC 9420 §6, §12.4.2). No clock, and no past epoch.
 * @param bytes an MLSMessage
 * @throws MessengerError with the code of the broken rule; the state is as before
 */
export async function processMessage(
  state: GroupState,
  bytes: Uint8Array,
  options: ProcessOptions,
): Promise<Outcome> {
  const { pause } = options;
  // Others may have their turn before all of it is read, and the caller's buffer is the caller's.
  const received = bytes.slice();
  const decoded = await runSlicesPausing(messageDecoding(received), pause);
  const own = options.staged?.find((staged) => sameBytes(staged.message, received));
  if (own !== undefined && own.summary.epoch === state.context.epoch) {
    return { kind: "own-commit", staged: own };
  }
  const elsewhere = notHere(state, decoded);
  if (elsewhere !== undefined) return elsewhere;
  refuseWhenClosed(state);
  const opened = decoded.kind === "private-message"
    ? await openPrivate(state, decoded.privateMessage, pause)
    : await openPublic(state, publicMessageOf(decoded), options);
  if (opened.kind !== "opened") return opened;
  using refused = new DisposableStack();
  refused.defer(() => wipeSecretTree(opened.state.secretTree, state.secretTree));
  await pauseAfter(received.length, pause);
  const outcome = await processContent(opened, received, options);
  if (outcome.kind !== "removed") refused.move();
  return outcome;
}

/** Messages of other groups and epochs are no errors: they are not for this state. */
function notHere(state: GroupState, message: MlsMessage): Outcome | undefined {
  const { groupId, epoch } = message.kind === "private-message"
    ? message.privateMessage
    : publicMessageOf(message).content;
  if (!sameBytes(groupId, state.context.groupId)) return { kind: "other-group", groupId };
  if (epoch < state.context.epoch) return { kind: "past-epoch", epoch };
  if (epoch > state.context.epoch) return { kind: "future-epoch", epoch };
  return undefined;
}

function publicMessageOf(message: MlsMessage): PublicMessage {
  if (message.kind !== "public-message") refuse(`a ${message.kind} is not for a group`);
  return message.publicMessage;
}

/** A content whose tags and signature are verified, and the state that has consumed its key. */
interface Opened {
  readonly kind: "opened";
  readonly state: GroupState;
  readonly message: AuthenticatedContent;
  /** The sender, if it is a member. */
  readonly member: Member | undefined;
  readonly generation: number;
  /** Generations that this message is the first to pass over. */
  readonly skippedCount: number;
}

async function openPrivate(
  state: GroupState,
  message: PrivateMessage,
  pause: Pause | undefined,
): Promise<Opened | Extract<Outcome, { kind: "own-message" | "replayed-generation" }>> {
  const { crypto, context, secrets } = state;
  const senderData = openSenderData(crypto, message, secrets.senderDataSecret);
  const { leafIndex, generation } = senderData;
  if (leafIndex === state.ownLeafIndex) return { kind: "own-message" };
  const leafNode = await knownLeaf(state, leafIndex);
  const { secretTree, ratchets } = await ratchetsOf(state, leafIndex);
  // Zeros would only say that the message does not decrypt.
  requireLive(state);
  const type = message.contentType === "application" ? "application" : "handshake";
  const place = { leafIndex, leafCount: state.tree.leafCount };
  // What is derived or read for this message is in no state yet: nothing else will overwrite it.
  using refused = new DisposableStack();
  refused.defer(() => wipeSecretTree(secretTree, state.secretTree));
  const received = keyToReceive(crypto, ratchets[type], generation);
  if (received.kind === "replayed") {
    return { kind: "replayed-generation", sender: leafIndex, generation };
  }
  const { messageKey, next } = received;
  const after = withRatchets(secretTree, place, { ...ratchets, [type]: next });
  refused.defer(() => wipeSecretTree(after, state.secretTree));
  const held = ratchetsHeld(state.secretTree, place)?.[type];
  using done = new DisposableStack();
  if (held?.skipped.includes(messageKey) !== true) done.defer(() => wipeMessageKey(messageKey));
  const content = await runSlicesPausing(
    privateUnprotection(crypto, message, { senderData, messageKey }),
    pause,
  );
  verifyContentSignature(crypto, content, { context, signatureKey: leafNode.signatureKey });
  refused.move();
  // The ratchet that was opened on the way to `after`.
  const { secret } = ratchets[type];
  if (held === undefined && !Object.is(secret, next.secret)) secret.fill(0);
  return {
    kind: "opened",
    state: { ...state, secretTree: after },
    message: content,
    member: { leafIndex, leafNode },
    generation,
    skippedCount: Math.max(0, generation - ratchets[type].generation),
  };
}

async function openPublic(
  state: GroupState,
  message: PublicMessage,
  options: ProcessOptions,
): Promise<Opened | Extract<Outcome, { kind: "own-message" }>> {
  const { crypto, context, secrets } = state;
  const { sender, content } = message.content;
  if (content.kind === "application") refuse("application data must be encrypted");
  if (sender.kind === "new-member-proposal" && options.acceptNewMemberProposals !== true) {
    throw unknownSender();
  }
  if (sender.kind === "member" && sender.leafIndex === state.ownLeafIndex) {
    return { kind: "own-message" };
  }
  const member = sender.kind === "member"
    ? { leafIndex: sender.leafIndex, leafNode: await knownLeaf(state, sender.leafIndex) }
    : undefined;
  const opened = unprotectPublic(crypto, message, {
    context,
    membershipKey: secrets.membershipKey,
  });
  const signatureKey = member?.leafNode.signatureKey ?? outsidersKey(state, opened);
  verifyContentSignature(crypto, opened, { context, signatureKey });
  return { kind: "opened", state, message: opened, member, generation: 0, skippedCount: 0 };
}

/** RFC 9420 §6.1: where the signature key of a sender who is not a member is found. */
function outsidersKey(state: GroupState, message: AuthenticatedContent): Uint8Array {
  const { sender, content } = message.content;
  if (sender.kind === "external") {
    if (content.kind !== "proposal") refuse("an external sender sends proposals only");
    const known = findExternalSenders(state.context.extensions)[sender.senderIndex];
    if (known === undefined) throw unknownSender();
    return known.signatureKey;
  }
  if (sender.kind === "new-member-proposal") {
    if (content.kind !== "proposal" || content.proposal.kind !== "add") {
      refuse("a new member proposes its own Add only");
    }
    return content.proposal.keyPackage.leafNode.signatureKey;
  }
  if (content.kind !== "commit" || content.commit.path === undefined) {
    refuse("a new member commits with a path only");
  }
  return content.commit.path.leafNode.signatureKey;
}

/** RFC 9420 §6.3.2: the sender must be a leaf that is not blank. */
async function knownLeaf(state: GroupState, leafIndex: number): Promise<LeafNode> {
  const leaf = leafIndex < state.tree.leafCount ? await state.tree.leaf(leafIndex) : undefined;
  if (leaf === undefined) throw unknownSender();
  return leaf;
}

async function processContent(
  opened: Opened,
  bytes: Uint8Array,
  options: ProcessOptions,
): Promise<Outcome> {
  const { state, message, member, generation, skippedCount } = opened;
  const { authenticatedData, content, sender } = message.content;
  if (content.kind === "application") {
    assert(member !== undefined, "only members encrypt");
    const data = content.applicationData;
    return {
      kind: "application",
      state,
      sender: member,
      generation,
      skippedCount,
      authenticatedData,
      data,
    };
  }
  if (content.kind === "proposal") {
    const { proposal } = content;
    // First the bounds: who sends too many makes nobody look at them.
    const added = addPending(state, message);
    await validateProposal(state, message);
    await authenticateAll(options.authenticate, await enteringBy(state, proposal, sender));
    return { kind: "proposal", sender, authenticatedData, proposal, ...added };
  }
  const outcome = await processCommit(state, { message, bytes }, options);
  if (outcome.kind === "removed") return outcome;
  return { kind: "commit-staged", state, staged: outcome.staged };
}

function unknownSender(): MessengerError {
  return new MessengerError("mls/unknown-sender", "Cannot accept message: its sender is not known");
}

function refuse(state: string): never {
  throw new MessengerError("mls/invalid-message", `Cannot accept message: ${state}`);
}
