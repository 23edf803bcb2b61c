import type { Random } from "@qpq/ports";
import { validateForReceivers } from "../codec/codec.ts";
import type { Bytes, CipherSuite } from "../crypto/provider.ts";
import { validateKeyPackageLifetime } from "../key-package.ts";
import { signLeaf } from "../keys/treekem.ts";
import type { Padding } from "../messages/padding.ts";
import { signContent } from "../messages/protection.ts";
import {
  encodeMessage,
  type FramedContent,
  type MessageWireFormat,
  type Sender,
} from "../wire/framing.ts";
import type { LeafNode } from "../wire/leaf-node.ts";
import { MESSAGE_BYTES_MAX } from "../wire/limits.ts";
import { type Proposal, proposal as proposalCodec } from "../wire/proposal.ts";
import { leafTemplate } from "./create-commit.ts";
import type { Identity } from "./identity.ts";
import { protectOwn, signOwn } from "./protect-own.ts";
import { addPending, validateProposal } from "./pending-proposals.ts";
import { type GroupState, type OwnUpdate, refuseWhenClosed } from "./state.ts";

/** How a proposal is sent. */
export interface ProposalOptions {
  readonly random: Random;
  /** Milliseconds since 1970-01-01 UTC: an expired KeyPackage is not proposed (RFC 9420 §7.3). */
  readonly nowMs: number;
  /** Default `private-message`; a SelfRemove is always public (draft-ietf-mls-extensions §5.3). */
  readonly wireFormat?: MessageWireFormat;
  readonly authenticatedData?: Uint8Array;
  readonly padding?: Padding;
}

/** A proposal on its way. */
export interface CreatedProposal {
  /** Has the proposal pending. Store it before the message leaves. */
  readonly state: GroupState;
  readonly message: Bytes;
  readonly reference: Bytes;
}

const EMPTY = new Uint8Array();

/**
 * Proposes a change to the group (RFC 9420 §12.1). For an Update there is `createUpdate`.
 * @throws MessengerError as `processMessage` would at the receivers, `malformed` and `too-large` for
 *   what they could not decode; `mls/key-package-expired`
 */
export async function createProposal(
  state: GroupState,
  proposal: Exclude<Proposal, { readonly kind: "update" }>,
  options: ProposalOptions,
): Promise<CreatedProposal> {
  return await propose(state, proposal, options);
}

/** Proposes new keys for this member's leaf, and what it says (RFC 9420 §12.1.2). */
export async function createUpdate(
  state: GroupState,
  options: ProposalOptions & { readonly identity?: Identity },
): Promise<CreatedProposal> {
  const { crypto, ownLeafIndex } = state;
  const { identity, random } = options;
  const keyPair = await crypto.generateHpkeKeyPair(random);
  using refused = new DisposableStack();
  refused.defer(() => crypto.destroyKey(keyPair.privateKey));
  const own = await state.tree.leaf(ownLeafIndex) as LeafNode;
  const signaturePrivateKey = identity?.signatureKeyPair.privateKey ??
    state.ownKeys.signaturePrivateKey;
  const leafNode = signLeaf(crypto, {
    ...leafTemplate(own, identity),
    encryptionKey: keyPair.publicKey,
    source: { kind: "update" },
  }, { groupId: state.context.groupId, leafIndex: ownLeafIndex, signaturePrivateKey });
  const ownUpdate = { encryptionPrivateKey: keyPair.privateKey, signaturePrivateKey };
  const created = await propose(state, { kind: "update", leafNode }, options, ownUpdate);
  refused.move();
  return created;
}

async function propose(
  state: GroupState,
  proposal: Proposal,
  options: ProposalOptions,
  ownUpdate?: OwnUpdate,
): Promise<CreatedProposal> {
  refuseWhenClosed(state);
  validateForReceivers(proposalCodec, proposal, { bytesMax: MESSAGE_BYTES_MAX });
  if (proposal.kind === "add") validateKeyPackageLifetime(proposal.keyPackage, options);
  const wireFormat = proposal.kind === "self-remove"
    ? "public-message"
    : options.wireFormat ?? "private-message";
  const { authenticatedData } = options;
  const message = signOwn(state, { kind: "proposal", proposal }, { wireFormat, authenticatedData });
  await validateProposal(state, message);
  const pending = addPending(state, message, ownUpdate);
  const sent = protectOwn(pending.state, message, options);
  return { state: sent.state, message: sent.message, reference: pending.reference };
}

/**
 * A proposal from outside the group (RFC 9420 §12.1.8): by one of its external senders, or a new
 * member's Add of itself. Always public.
 * @throws MessengerError `malformed`, `too-large`: nobody could decode it
 */
export function createExternalProposal(
  crypto: CipherSuite,
  proposal: Proposal,
  options: {
    readonly groupId: Uint8Array;
    readonly epoch: bigint;
    readonly sender: Extract<Sender, { readonly kind: "external" | "new-member-proposal" }>;
    readonly signaturePrivateKey: Uint8Array;
    readonly authenticatedData?: Uint8Array;
  },
): Bytes {
  validateForReceivers(proposalCodec, proposal, { bytesMax: MESSAGE_BYTES_MAX });
  const content: FramedContent = {
    groupId: options.groupId,
    epoch: options.epoch,
    sender: options.sender,
    authenticatedData: options.authenticatedData ?? EMPTY,
    content: { kind: "proposal", proposal },
  };
  const signature = signContent(crypto, content, {
    wireFormat: "public-message",
    context: undefined,
    signaturePrivateKey: options.signaturePrivateKey,
  });
  const auth = { signature, confirmationTag: undefined };
  const publicMessage = { content, auth, membershipTag: undefined };
  return encodeMessage({ kind: "public-message", publicMessage });
}
