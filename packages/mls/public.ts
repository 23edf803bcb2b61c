/**
 * The half of MLS that a server may use: it parses what is in clear and validates what is public. No
 * module that it reaches holds, derives or decrypts a secret; a test walks its imports.
 *
 * @module
 */
import { type ErrorCode, MessengerError } from "@qpq/ports";
import { encode } from "./codec/codec.ts";
import type { CipherSuite } from "./crypto/provider.ts";
import { validateKeyPackage, validateKeyPackageLifetime } from "./key-package.ts";
import { verifyWithLabel } from "./labels.ts";
import { type Pause, runSlices, runSlicesPausing } from "./slices.ts";
import { type RatchetTree, treeFromNodes } from "./tree/ratchet-tree.ts";
import { sameBytes } from "./tree/validation.ts";
import {
  type ContentType,
  decodeMessage,
  type MessageWireFormat,
  type MlsMessage,
  type Sender,
  WIRE_FORMAT,
} from "./wire/framing.ts";
import { type GroupContext, groupContext, type GroupInfo } from "./wire/group-info.ts";
import type { KeyPackage } from "./wire/key-package.ts";
import type { LeafNode } from "./wire/leaf-node.ts";
import { KEY_PACKAGE_BYTES_MAX } from "./wire/limits.ts";
import { findExternalSenders, type ProposalOrRef } from "./wire/proposal.ts";
import { decodePublicHeader, type PublicHeader } from "./wire/public-header.ts";
import { ratchetTreeDecoding } from "./wire/ratchet-tree.ts";

export * from "./crypto/provider.ts";
export {
  type Extension,
  EXTENSION_TYPE,
  findExtension,
  findExternalPub,
  findRequiredCapabilities,
  type RequiredCapabilities,
  requiredCapabilitiesExtension,
} from "./wire/extension.ts";
export {
  type Capabilities,
  type Credential,
  CREDENTIAL_TYPE,
  credentialTypeOf,
  type LeafNode,
  type LeafNodeSource,
  type Lifetime,
} from "./wire/leaf-node.ts";
export * from "./wire/limits.ts";
export {
  type ExternalPskId,
  type ExternalSender,
  externalSendersExtension,
  findExternalSenders,
  type PreSharedKeyId,
  type Proposal,
  PROPOSAL_TYPE,
  type ProposalOrRef,
  type ReInit,
  type ResumptionPskId,
} from "./wire/proposal.ts";
export type { GroupContext, GroupInfo, Welcome } from "./wire/group-info.ts";
export type { KeyPackage } from "./wire/key-package.ts";
export type { ContentType, MessageWireFormat, Sender } from "./wire/framing.ts";
export type { RatchetTree } from "./tree/ratchet-tree.ts";
export { type Pause, VALIDATION_SLICE_NODES_COUNT } from "./slices.ts";
export { membersOf } from "./tree/ratchet-tree.ts";
export { decodeLeaves, type EncodedLeaf } from "./wire/leaves.ts";
export {
  isLastResort,
  KEY_PACKAGE_LIFETIME_SECONDS_MAX,
  validateKeyPackage,
  validateKeyPackageLifetime,
} from "./key-package.ts";
export {
  type GroupInfoValidation,
  type PausingValidation,
  validateGroupInfo,
  validateGroupInfoPausing,
} from "./group-info.ts";

/** What anyone on the way can see of a message to a group (RFC 9420 §6). */
export interface MessageHeader {
  readonly wireFormat: MessageWireFormat;
  readonly groupId: Uint8Array;
  readonly epoch: bigint;
  readonly contentType: ContentType;
  readonly authenticatedData: Uint8Array;
  /** Undefined in a PrivateMessage: the sender is encrypted. */
  readonly sender: Sender | undefined;
  /** What else of a PublicMessage is decoded: nothing of it is verified. */
  readonly publicMessage: PublicHeader | undefined;
}

/**
 * Reads the clear header of a PublicMessage or PrivateMessage. Nothing is verified.
 * @param bytes an MLSMessage
 * @throws MessengerError `malformed`, `too-large`, `mls/invalid-message` for other wire formats
 */
export function parseMessageHeader(bytes: Uint8Array): MessageHeader {
  const format = wireFormatOf(bytes);
  if (format === "public-message") {
    const publicMessage = decodePublicHeader(bytes);
    const { groupId, epoch, sender, authenticatedData, content } = publicMessage;
    return {
      wireFormat: format,
      groupId,
      epoch,
      contentType: content.kind,
      authenticatedData,
      sender,
      publicMessage,
    };
  }
  const { privateMessage } = decodeOnly("private-message", bytes, "mls/invalid-message");
  const { groupId, epoch, contentType, authenticatedData } = privateMessage;
  return {
    wireFormat: "private-message",
    groupId,
    epoch,
    contentType,
    authenticatedData,
    sender: undefined,
    publicMessage: undefined,
  };
}

/** What an MLSMessage says that it is (RFC 9420 §6); undefined when it is none. */
function wireFormatOf(bytes: Uint8Array): MlsMessage["kind"] | undefined {
  if (bytes.length < 4) return undefined;
  const number = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint16(2);
  return (Object.keys(WIRE_FORMAT) as MlsMessage["kind"][]).find((kind) =>
    WIRE_FORMAT[kind] === number
  );
}

/**
 * Decodes a message of one wire format. One of another is not decoded before it is refused: some cost
 * a hundred times as much as the one that is wanted.
 * @throws MessengerError `malformed`, `too-large`; `code` for other wire formats
 */
function decodeOnly<Kind extends MlsMessage["kind"]>(
  kind: Kind,
  bytes: Uint8Array,
  code: ErrorCode,
): Extract<MlsMessage, { readonly kind: Kind }> {
  const found = wireFormatOf(bytes);
  if (found !== undefined && found !== kind) {
    throw new MessengerError(code, `Cannot read ${kind}: it is a ${found}`);
  }
  return decodeMessage(bytes) as Extract<MlsMessage, { readonly kind: Kind }>;
}

/** An external commit, as a delivery service sees it. */
export interface ExternalCommitHeader {
  /** The joiner's new leaf: credential, keys, capabilities. */
  readonly leafNode: LeafNode;
  /** The first eight. */
  readonly proposals: readonly ProposalOrRef[];
  /** The leaf that it removes: the joiner's old one. */
  readonly removed: number | undefined;
}

/** What an external commit shows; undefined for every other message. Nothing is verified. */
export function externalCommitOf(header: MessageHeader): ExternalCommitHeader | undefined {
  const content = header.publicMessage?.content;
  if (header.sender?.kind !== "new-member-commit" || content?.kind !== "commit") return undefined;
  const { proposals, leafNode } = content;
  if (leafNode === undefined) return undefined;
  const remove = proposals.flatMap((each) =>
    each.kind === "proposal" && each.proposal.kind === "remove" ? [each.proposal.removed] : []
  );
  return { leafNode, proposals, removed: remove[0] };
}

/**
 * Verifies the signature of a PublicMessage against the epoch's context and tree, which a GroupInfo
 * has (RFC 9420 §6.1); of the tree the sender's leaf is enough. The membership tag only members can check.
 * @throws MessengerError `mls/invalid-signature`, also for a sender that the epoch has not;
 *   `mls/invalid-message` when it is encrypted, or of another group or epoch
 */
export function verifyPublicMessage(
  crypto: CipherSuite,
  header: MessageHeader,
  group: { readonly context: GroupContext; readonly tree: Pick<RatchetTree, "leaves"> },
): void {
  const message = header.publicMessage;
  if (message === undefined) {
    throw new MessengerError("mls/invalid-message", "Cannot verify message: it is encrypted");
  }
  const { groupId, epoch, sender, toBeSigned, signature } = message;
  if (!sameBytes(groupId, group.context.groupId) || epoch !== group.context.epoch) {
    throw new MessengerError(
      "mls/invalid-message",
      "Cannot verify message: it is of another group or epoch",
    );
  }
  const signatureKey = signatureKeyOf(message, group);
  // Proposals from outside are signed without the context (RFC 9420 §6.1).
  const hasContext = sender.kind === "member" || sender.kind === "new-member-commit";
  const isSigned = signatureKey !== undefined && verifyWithLabel(crypto, signatureKey, {
    label: "FramedContentTBS",
    content: hasContext ? joined(toBeSigned, encode(groupContext, group.context)) : toBeSigned,
    signature,
  });
  if (!isSigned) {
    throw new MessengerError("mls/invalid-signature", "Cannot accept message: wrong signature");
  }
}

function joined(one: Uint8Array, other: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(one.length + other.length);
  bytes.set(one);
  bytes.set(other, one.length);
  return bytes;
}

function signatureKeyOf(
  { sender, content }: PublicHeader,
  group: { readonly context: GroupContext; readonly tree: Pick<RatchetTree, "leaves"> },
): Uint8Array | undefined {
  if (sender.kind === "member") return group.tree.leaves[sender.leafIndex]?.signatureKey;
  if (sender.kind === "external") {
    return findExternalSenders(group.context.extensions)[sender.senderIndex]?.signatureKey;
  }
  if (sender.kind === "new-member-proposal") {
    return content.kind === "proposal" && content.proposal.kind === "add"
      ? content.proposal.keyPackage.leafNode.signatureKey
      : undefined;
  }
  return content.kind === "commit" ? content.leafNode?.signatureKey : undefined;
}

/**
 * A KeyPackage as it is published: decoded, with a limit. `validateKeyPackage` and
 * `validateKeyPackageLifetime` check it.
 * @param bytes an MLSMessage, at most 64 KiB
 * @throws MessengerError `malformed`, `too-large`, `mls/invalid-key-package` for other wire formats
 */
export function parseKeyPackage(bytes: Uint8Array): KeyPackage {
  if (bytes.length > KEY_PACKAGE_BYTES_MAX) {
    throw new MessengerError("too-large", `Cannot read key package: ${bytes.length} bytes`);
  }
  return decodeOnly("key-package", bytes, "mls/invalid-key-package").keyPackage;
}

/**
 * A KeyPackage that may be stored or claimed now: every check of RFC 9420 §10.1, and its lifetime.
 * @param bytes an MLSMessage
 * @throws MessengerError those of `parseKeyPackage`, `validateKeyPackage`, `validateKeyPackageLifetime`
 */
export function acceptKeyPackage(
  crypto: CipherSuite,
  bytes: Uint8Array,
  options: { readonly nowMs: number; readonly lifetimeSecondsMax?: number },
): KeyPackage {
  const keyPackage = parseKeyPackage(bytes);
  validateKeyPackage(crypto, keyPackage);
  validateKeyPackageLifetime(keyPackage, options);
  return keyPackage;
}

/**
 * A GroupInfo as it goes over the wire. `validateGroupInfo` checks it with its tree.
 * @param bytes an MLSMessage
 * @throws MessengerError `malformed`, `too-large`, `mls/invalid-group-info` for other wire formats
 */
export function parseGroupInfo(bytes: Uint8Array): GroupInfo {
  return decodeOnly("group-info", bytes, "mls/invalid-group-info").groupInfo;
}

/** @throws MessengerError `malformed`, `too-large`, `mls/invalid-tree` */
export function parseRatchetTree(bytes: Uint8Array): RatchetTree {
  return treeFromNodes(runSlices(ratchetTreeDecoding(bytes)));
}

/** The same with a pause between two slices; `bytes` must stay as they are until it is done. */
export async function parseRatchetTreePausing(
  bytes: Uint8Array,
  options: { readonly pause?: Pause },
): Promise<RatchetTree> {
  return treeFromNodes(await runSlicesPausing(ratchetTreeDecoding(bytes), options.pause));
}
