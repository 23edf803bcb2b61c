import { MessengerError } from "@qpq/ports";
import { encode } from "../codec/codec.ts";
import type { Bytes, CipherSuite } from "../crypto/provider.ts";
import { type PausingValidation, validateGroupInfoPausing } from "../group-info.ts";
import { externalInitSender } from "../keys/key-schedule.ts";
import { interimTranscriptHash } from "../keys/transcript-hashes.ts";
import { createPath, encryptPath, wipePath, wipePathSecrets } from "../keys/treekem.ts";
import { proposalReference } from "../labels.ts";
import { protectPublic, signContent, verifyContentSignature } from "../messages/protection.ts";
import { treeHash } from "../tree/hashes.ts";
import { leafAt, membersOf, type RatchetTree } from "../tree/ratchet-tree.ts";
import { sameBytes } from "../tree/validation.ts";
import { findExternalPub } from "../wire/extension.ts";
import {
  type AuthenticatedContent,
  authenticatedContent,
  decodeMessage,
  encodeMessage,
  type FramedContent,
  messageDecoding,
} from "../wire/framing.ts";
import type { GroupContext } from "../wire/group-info.ts";
import type { PreSharedKeyId, Proposal, ProposalOrRef } from "../wire/proposal.ts";
import { type CommitOptions, pathPrivateKeys, validateOwnLeaf } from "./create-commit.ts";
import type { Identity } from "./identity.ts";
import { deriveEpoch, stateOfEpoch, wipeWelcomeSecrets } from "./next-epoch.ts";
import {
  authenticateAll,
  type CommittedProposal,
  enteringExternalSenders,
  enteringLeaf,
  lookUpPsks,
  type StagedCommit,
} from "./outcome.ts";
import { enteringAll, joinersPlace, refuseByPolicy, summarize } from "./process-commit.ts";
import { runSlicesPausing } from "../slices.ts";
import { applyProposals, nextTreeValidation } from "./proposal-list.ts";

/** Who enters, what it brings, and who is asked. */
export interface ExternalCommitOptions extends
  PausingValidation,
  Pick<
    CommitOptions,
    "random" | "authenticate" | "policy" | "findPsks" | "authenticatedData"
  > {
  readonly identity: Identity;
  /** This client's old leaf, to be removed (RFC 9420 §12.4.3.2, "resync"). */
  readonly removes?: number;
  readonly psks?: readonly PreSharedKeyId[];
  /** SelfRemoves that wait in this epoch, as MLSMessages (draft-ietf-mls-extensions §5.3). */
  readonly selfRemoves?: readonly Uint8Array[];
}

/** A commit by which this client enters. */
export interface ExternalCommit {
  /** `next` is the state to go on with when the delivery service has accepted the commit. */
  readonly staged: StagedCommit;
  readonly commit: Bytes;
}

const EMPTY = new Uint8Array();

/**
 * Enters a group by a commit of one's own (RFC 9420 §12.4.3.2), after every check of a joiner.
 * @param groupInfo an MLSMessage with an `external_pub` extension
 * @throws MessengerError those of GroupInfo, tree and commit; `mls/credential-refused`
 */
export async function joinByExternalCommit(
  crypto: CipherSuite,
  groupInfo: Uint8Array,
  options: ExternalCommitOptions,
): Promise<ExternalCommit> {
  const { identity, random } = options;
  const decoded = await runSlicesPausing(messageDecoding(groupInfo.slice()), options.pause);
  if (decoded.kind !== "group-info") refuse("it is not a group info");
  const info = decoded.groupInfo;
  const context = info.groupContext;
  const before = await validateGroupInfoPausing(crypto, info, options);
  const externalPub = findExternalPub(info.extensions);
  if (externalPub === undefined) refuse("it has no external key");
  const selfRemoves = (options.selfRemoves ?? []).map((bytes) =>
    readSelfRemove(crypto, bytes, { context, tree: before })
  );
  const { kemOutput, secret: initSecret } = await externalInitSender(crypto, externalPub, random);
  using used = new DisposableStack();
  used.defer(() => initSecret.fill(0));
  using refused = new DisposableStack();
  const sender = { kind: "new-member-commit" } as const;
  const byValue: readonly Proposal[] = [
    { kind: "external-init", kemOutput },
    ...(options.removes === undefined
      ? []
      : [{ kind: "remove", removed: options.removes } as const]),
    ...(options.psks ?? []).map((psk) => ({ kind: "psk", psk }) as const),
  ];
  const proposals: readonly CommittedProposal[] = [
    ...selfRemoves.map(({ proposal }) => proposal),
    ...byValue.map((proposal) => ({ proposal, sender, byReference: false })),
  ];
  const applied = applyProposals(crypto, { tree: before, context }, {
    proposals,
    committer: undefined,
  });
  const place = joinersPlace(applied.tree);
  const { leafIndex } = place;
  const path = await createPath(crypto, place.tree, {
    leafIndex,
    groupId: context.groupId,
    leaf: {
      signatureKey: identity.signatureKeyPair.publicKey,
      credential: identity.credential,
      capabilities: identity.capabilities,
      extensions: identity.extensions,
    },
    signaturePrivateKey: identity.signatureKeyPair.privateKey,
    random,
    pause: options.pause,
  });
  used.defer(() => wipePathSecrets(path));
  refused.defer(() => wipePath(crypto, path));
  validateOwnLeaf(crypto, path.leafNode, {
    groupId: context.groupId,
    leafIndex,
    requirements: applied.requirements,
  });
  await runSlicesPausing(nextTreeValidation(path.tree), options.pause);
  const provisionalContext: GroupContext = {
    ...context,
    epoch: context.epoch + 1n,
    treeHash: treeHash(crypto, path.tree),
  };
  const updatePath = await encryptPath(crypto, place.tree, {
    path,
    context: provisionalContext,
    added: new Set(),
    random,
    pause: options.pause,
  });
  const content: FramedContent = {
    groupId: context.groupId,
    epoch: context.epoch,
    sender,
    authenticatedData: options.authenticatedData ?? EMPTY,
    content: {
      kind: "commit",
      commit: {
        proposals: [
          ...selfRemoves.map(({ reference }): ProposalOrRef => ({ kind: "reference", reference })),
          ...byValue.map((proposal): ProposalOrRef => ({ kind: "proposal", proposal })),
        ],
        path: updatePath,
      },
    },
  };
  const summary = summarize({ context }, {
    message: { content },
    before,
    applied,
    proposals,
    tree: path.tree,
    treeOfPath: place.tree,
    committerIndex: leafIndex,
  });
  await authenticateAll(options.authenticate, [
    ...membersOf(before).flatMap(({ leafNode }) => enteringLeaf(leafNode, undefined)),
    ...enteringExternalSenders([], context.extensions),
    ...enteringAll(summary, applied, before),
  ]);
  await refuseByPolicy(options.policy, summary);
  const psks = await lookUpPsks(applied.psks, { state: undefined, findPsks: options.findPsks });
  const wireFormat = "public-message";
  const signature = signContent(crypto, content, {
    wireFormat,
    context,
    signaturePrivateKey: identity.signatureKeyPair.privateKey,
  });
  const keys = deriveEpoch(crypto, {
    provisionalContext,
    interimTranscriptHash: interimTranscriptHash(
      crypto,
      context.confirmedTranscriptHash,
      info.confirmationTag,
    ),
    initSecret,
    commitSecret: path.commitSecret,
    psks,
    wireFormat,
    content,
    signature,
  });
  used.defer(() => wipeWelcomeSecrets(keys));
  const next = stateOfEpoch(crypto, {
    ...keys,
    tree: path.tree,
    ownLeafIndex: leafIndex,
    ownKeys: {
      signaturePrivateKey: identity.signatureKeyPair.privateKey,
      encryption: pathPrivateKeys(path, leafIndex),
    },
    reinit: undefined,
  });
  const auth = { signature, confirmationTag: keys.confirmationTag };
  const publicMessage = protectPublic(crypto, { wireFormat, content, auth }, {
    context,
    membershipKey: EMPTY,
  });
  const commit = encodeMessage({ kind: "public-message", publicMessage });
  refused.move();
  return { staged: { message: commit, summary, next }, commit };
}

/**
 * A SelfRemove as one outside can check it: all but its membership tag (draft-ietf-mls-extensions
 * §5.3).
 */
function readSelfRemove(
  crypto: CipherSuite,
  bytes: Uint8Array,
  group: { readonly context: GroupContext; readonly tree: RatchetTree },
): { readonly proposal: CommittedProposal; readonly reference: Uint8Array } {
  const decoded = decodeMessage(bytes);
  if (decoded.kind !== "public-message") refuse("a SelfRemove is not public");
  const { content: framed, auth } = decoded.publicMessage;
  const { sender, content } = framed;
  const { context, tree } = group;
  if (!sameBytes(framed.groupId, context.groupId) || framed.epoch !== context.epoch) {
    refuse("a SelfRemove is of another epoch");
  }
  if (content.kind !== "proposal" || content.proposal.kind !== "self-remove") {
    refuse("a SelfRemove is another content");
  }
  const leaf = sender.kind === "member" ? leafAt(tree, sender.leafIndex) : undefined;
  if (leaf === undefined) refuse("a SelfRemove is not from a member");
  const message: AuthenticatedContent = { wireFormat: "public-message", content: framed, auth };
  verifyContentSignature(crypto, message, { context, signatureKey: leaf.signatureKey });
  return {
    proposal: { proposal: content.proposal, sender, byReference: true },
    reference: proposalReference(crypto, encode(authenticatedContent, message)),
  };
}

function refuse(state: string): never {
  throw new MessengerError("mls/invalid-group-info", `Cannot join group: ${state}`);
}
