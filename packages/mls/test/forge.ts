import { assert } from "@qpq/ports";
import type { CipherSuite } from "../crypto/provider.ts";
import type { Identity, OwnKeyPackage } from "../group/identity.ts";
import type { GroupState } from "../group/state.ts";
import { encode } from "../codec/codec.ts";
import { keyPackageReference, signWithLabel } from "../labels.ts";
import { protectPublic, signContent } from "../messages/protection.ts";
import type { Commit } from "../wire/commit.ts";
import {
  decodeMessage,
  encodeMessage,
  type FramedContent,
  type FramedContentAuthData,
  type Sender,
} from "../wire/framing.ts";
import type { GroupContext } from "../wire/group-info.ts";
import { keyPackage as keyPackageCodec, keyPackageToBeSigned } from "../wire/key-package.ts";
import type { KeyPackage, UnsignedKeyPackage } from "../wire/key-package.ts";
import { type LeafNode, leafNodeToBeSigned, type UnsignedLeafNode } from "../wire/leaf-node.ts";
import type { Proposal } from "../wire/proposal.ts";
import { CRYPTO, LIFETIME, random } from "./members.ts";

/** What a malicious member can make: everything is signed and tagged as it should be. */

const EMPTY = new Uint8Array();

/** A public commit with any content, by the member whose state it is. */
export function forgeCommit(
  state: GroupState,
  commit: Commit,
  options: { readonly sender?: Sender; readonly confirmationTag?: Uint8Array } = {},
): Uint8Array {
  return forgeContent(state, { kind: "commit", commit }, {
    sender: options.sender ?? { kind: "member", leafIndex: state.ownLeafIndex },
    confirmationTag: options.confirmationTag ?? new Uint8Array(state.crypto.hashLength),
  });
}

export function forgeProposal(state: GroupState, proposal: Proposal, sender?: Sender): Uint8Array {
  return forgeContent(state, { kind: "proposal", proposal }, {
    sender: sender ?? { kind: "member", leafIndex: state.ownLeafIndex },
    confirmationTag: undefined,
  });
}

function forgeContent(
  state: GroupState,
  content: FramedContent["content"],
  options: { readonly sender: Sender; readonly confirmationTag: Uint8Array | undefined },
): Uint8Array {
  const { groupId, epoch } = state.context;
  return forgePublic(state.crypto, {
    groupId,
    epoch,
    sender: options.sender,
    authenticatedData: EMPTY,
    content,
  }, {
    context: state.context,
    signaturePrivateKey: state.ownKeys.signaturePrivateKey,
    membershipKey: state.secrets.membershipKey,
    confirmationTag: options.confirmationTag,
  });
}

export function forgePublic(
  crypto: CipherSuite,
  content: FramedContent,
  options: {
    readonly context: GroupContext;
    readonly signaturePrivateKey: Uint8Array;
    readonly membershipKey: Uint8Array;
    readonly confirmationTag: Uint8Array | undefined;
  },
): Uint8Array {
  const { context, confirmationTag } = options;
  const wireFormat = "public-message";
  const signature = signContent(crypto, content, { ...options, wireFormat });
  const auth: FramedContentAuthData = { signature, confirmationTag };
  const publicMessage = protectPublic(crypto, { wireFormat, content, auth }, {
    context,
    membershipKey: options.membershipKey,
  });
  return encodeMessage({ kind: "public-message", publicMessage });
}

/** The commit inside a PublicMessage, and its confirmation tag. */
export function readCommit(bytes: Uint8Array): {
  readonly framed: FramedContent;
  readonly commit: Commit;
  readonly confirmationTag: Uint8Array;
} {
  const decoded = decodeMessage(bytes);
  assert(decoded.kind === "public-message", "a commit to be changed is public");
  const { content: framed, auth } = decoded.publicMessage;
  assert(framed.content.kind === "commit", "it is a commit");
  assert(auth.confirmationTag !== undefined, "a commit has a confirmation tag");
  return { framed, commit: framed.content.commit, confirmationTag: auth.confirmationTag };
}

/** Signs a leaf again after a change. */
export function resignLeaf(
  leaf: UnsignedLeafNode,
  options: {
    readonly signaturePrivateKey: Uint8Array;
    readonly place?: { readonly groupId: Uint8Array; readonly leafIndex: number };
  },
): LeafNode {
  const signature = signWithLabel(CRYPTO, options.signaturePrivateKey, {
    label: "LeafNodeTBS",
    content: leafNodeToBeSigned(leaf, options.place),
  });
  return { ...leaf, signature };
}

/** A KeyPackage of which leaf and outer part were changed, both signed again. */
export async function forgeKeyPackage(
  identity: Identity,
  changes: {
    readonly leaf?: (leaf: UnsignedLeafNode) => UnsignedLeafNode;
    readonly outer?: (keyPackage: UnsignedKeyPackage) => UnsignedKeyPackage;
    readonly place?: { readonly groupId: Uint8Array; readonly leafIndex: number };
  },
): Promise<OwnKeyPackage> {
  const init = await CRYPTO.generateHpkeKeyPair(random);
  const encryption = await CRYPTO.generateHpkeKeyPair(random);
  const { privateKey, publicKey } = identity.signatureKeyPair;
  const leaf: UnsignedLeafNode = {
    encryptionKey: encryption.publicKey,
    signatureKey: publicKey,
    credential: identity.credential,
    capabilities: identity.capabilities,
    source: { kind: "key-package", lifetime: LIFETIME },
    extensions: identity.extensions,
  };
  const leafNode = resignLeaf(changes.leaf?.(leaf) ?? leaf, {
    signaturePrivateKey: privateKey,
    ...(changes.place ? { place: changes.place } : {}),
  });
  const plain: UnsignedKeyPackage = {
    version: 1,
    cipherSuite: CRYPTO.id,
    initKey: init.publicKey,
    leafNode,
    extensions: [],
  };
  const unsigned = changes.outer?.(plain) ?? plain;
  const signature = signWithLabel(CRYPTO, privateKey, {
    label: "KeyPackageTBS",
    content: keyPackageToBeSigned(unsigned),
  });
  const keyPackage: KeyPackage = { ...unsigned, signature };
  return {
    keyPackage,
    message: encodeMessage({ kind: "key-package", keyPackage }),
    reference: keyPackageReference(CRYPTO, encode(keyPackageCodec, keyPackage)),
    initPrivateKey: init.privateKey,
    encryptionPrivateKey: encryption.privateKey,
    signaturePrivateKey: privateKey,
  };
}

/** The same bytes with one bit turned. */
export function flipped(bytes: Uint8Array, index = 0): Uint8Array {
  return bytes.map((byte, each) => each === index ? byte ^ 1 : byte);
}
