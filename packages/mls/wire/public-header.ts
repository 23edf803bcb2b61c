import { MessengerError } from "@qpq/ports";
import { opaque, uint64 } from "../codec/codec.ts";
import { Reader } from "../codec/reader.ts";
import { type Sender, sender, WIRE_FORMAT } from "./framing.ts";
import { protocolVersion } from "./key-package.ts";
import { type LeafNode, leafNode } from "./leaf-node.ts";
import { MESSAGE_BYTES_MAX } from "./limits.ts";
import { type Proposal, proposal, type ProposalOrRef, proposalOrRef } from "./proposal.ts";

/** Proposals of a commit that are decoded, the first ones. */
export const PROPOSALS_SHOWN_MAX = 8;

/** What of a content is decoded. */
export type ShownContent =
  | { readonly kind: "application" }
  | { readonly kind: "proposal"; readonly proposal: Proposal }
  | {
    readonly kind: "commit";
    readonly proposals: readonly ProposalOrRef[];
    /** Of the path; undefined without one. */
    readonly leafNode: LeafNode | undefined;
  };

/** What of a PublicMessage one looks at who only passes it on (RFC 9420 §6.2). */
export interface PublicHeader {
  readonly groupId: Uint8Array;
  readonly epoch: bigint;
  readonly sender: Sender;
  readonly authenticatedData: Uint8Array;
  readonly content: ShownContent;
  /**
   * FramedContentTBS as far as it stands in the message: all but the group's context (RFC 9420 §6.1).
   * No copy.
   */
  readonly toBeSigned: Uint8Array;
  readonly signature: Uint8Array;
}

/**
 * Decodes what `PublicHeader` has, and skips the rest as bytes: a commit's secrets, of which a hostile
 * one has a million, would take a server seconds and hundreds of megabytes.
 * @param bytes an MLSMessage that is a PublicMessage
 * @throws MessengerError `malformed`; `too-large` above `MESSAGE_BYTES_MAX`
 */
export function decodePublicHeader(bytes: Uint8Array): PublicHeader {
  if (bytes.length > MESSAGE_BYTES_MAX) {
    throw new MessengerError(
      "too-large",
      `Cannot decode PublicMessage: ${bytes.length} bytes, ${MESSAGE_BYTES_MAX} allowed`,
    );
  }
  const reader = new Reader("PublicMessage", bytes);
  protocolVersion.decode(reader);
  const format = reader.uint16();
  if (format !== WIRE_FORMAT["public-message"]) reader.fail(`it has the wire format ${format}`);
  const framed = {
    groupId: opaque.decode(reader),
    epoch: uint64.decode(reader),
    sender: sender.decode(reader),
    authenticatedData: opaque.decode(reader),
    content: decodeContent(reader),
  };
  const toBeSigned = bytes.subarray(0, bytes.length - reader.left);
  const signature = opaque.decode(reader);
  // The confirmation and membership tags, which only members can check.
  if (framed.content.kind === "commit") reader.skipVector();
  if (framed.sender.kind === "member") reader.skipVector();
  reader.finish();
  return { ...framed, toBeSigned, signature };
}

function decodeContent(reader: Reader): ShownContent {
  const type = reader.uint8();
  if (type === 1) {
    reader.skipVector();
    return { kind: "application" };
  }
  if (type === 2) return { kind: "proposal", proposal: proposal.decode(reader) };
  if (type !== 3) reader.fail(`FramedContent has the unknown type ${type}`);
  const proposals = reader.vector(() => {
    const shown: ProposalOrRef[] = [];
    while (reader.left > 0 && shown.length < PROPOSALS_SHOWN_MAX) {
      shown.push(proposalOrRef.decode(reader));
    }
    reader.skip(reader.left);
    return shown;
  });
  const presence = reader.uint8();
  if (presence > 1) reader.fail(`an optional has the presence ${presence}`);
  if (presence === 0) return { kind: "commit", proposals, leafNode: undefined };
  const leaf = leafNode.decode(reader);
  // The path's nodes (RFC 9420 §7.6).
  reader.skipVector();
  return { kind: "commit", proposals, leafNode: leaf };
}
