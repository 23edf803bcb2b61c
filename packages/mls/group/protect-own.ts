import type { Random } from "@qpq/ports";
import type { Bytes } from "../crypto/provider.ts";
import { openLeaf, withRatchets } from "../keys/secret-tree.ts";
import { keyToSend, wipeMessageKey } from "../keys/sender-ratchet.ts";
import { type Padding, PADDING_DEFAULT } from "../messages/padding.ts";
import { privateProtection, protectPublic, signContent } from "../messages/protection.ts";
import { runSlices, type Slices } from "../slices.ts";
import {
  type AuthenticatedContent,
  type Content,
  encodeMessage,
  messageEncoding,
  type MessageWireFormat,
} from "../wire/framing.ts";
import { type GroupState, requireLive } from "./state.ts";

/** How a message is encrypted. */
export interface ProtectOptions {
  readonly random: Random;
  readonly padding?: Padding | undefined;
}

/** A message, and what is left after it. */
export interface Protected {
  /** With the key used up, where one was. */
  readonly state: GroupState;
  readonly message: Bytes;
}

const EMPTY = new Uint8Array();

/** A content of this member with its signature; a commit's tag comes later (RFC 9420 §6.1). */
export function signOwn(
  state: GroupState,
  content: Content,
  options: {
    readonly wireFormat: MessageWireFormat;
    readonly authenticatedData?: Uint8Array | undefined;
  },
): AuthenticatedContent {
  requireLive(state);
  const { crypto, context } = state;
  const { wireFormat } = options;
  const framed = {
    groupId: context.groupId,
    epoch: context.epoch,
    sender: { kind: "member", leafIndex: state.ownLeafIndex },
    authenticatedData: options.authenticatedData ?? EMPTY,
    content,
  } as const;
  const signature = signContent(crypto, framed, {
    wireFormat,
    context,
    signaturePrivateKey: state.ownKeys.signaturePrivateKey,
  });
  return { wireFormat, content: framed, auth: { signature, confirmationTag: undefined } };
}

/** Puts a signed content on the wire in the format that it was signed for (RFC 9420 §6.2, §6.3). */
export function protectOwn(
  state: GroupState,
  message: AuthenticatedContent,
  options: ProtectOptions,
): Protected {
  return runSlices(ownProtection(state, message, options));
}

/** The same in slices. */
export function* ownProtection(
  state: GroupState,
  message: AuthenticatedContent,
  options: ProtectOptions,
): Slices<Protected> {
  // Signed before the last wait: the state may have been retired since.
  requireLive(state);
  return message.wireFormat === "private-message"
    ? yield* ownEncryption(state, message, options)
    : { state, message: yield* ownTagging(state, message) };
}

function* ownTagging(
  { crypto, context, secrets }: GroupState,
  message: AuthenticatedContent,
): Slices<Bytes> {
  const { membershipKey } = secrets;
  const publicMessage = protectPublic(crypto, message, { context, membershipKey });
  return yield* messageEncoding({ kind: "public-message", publicMessage });
}

/** Uses up one key of the ratchet that the content asks for. When anything fails, none is. */
function* ownEncryption(
  state: GroupState,
  message: AuthenticatedContent,
  options: ProtectOptions,
): Slices<Protected> {
  const { crypto, secrets, ownLeafIndex } = state;
  const type = message.content.content.kind === "application" ? "application" : "handshake";
  const place = { leafIndex: ownLeafIndex, leafCount: state.tree.leafCount };
  const { tree: secretTree, ratchets } = openLeaf(crypto, state.secretTree, place);
  const { messageKey, next } = keyToSend(crypto, ratchets[type]);
  using used = new DisposableStack();
  used.defer(() => wipeMessageKey(messageKey));
  // Before others have their turn: the key is nobody else's until this is refused.
  const { sending } = ratchets[type];
  sending.spent = true;
  using refused = new DisposableStack();
  refused.defer(() => {
    next.secret.fill(0);
    sending.spent = false;
  });
  const privateMessage = yield* privateProtection(crypto, message, {
    leafIndex: ownLeafIndex,
    messageKey,
    senderDataSecret: secrets.senderDataSecret,
    padding: options.padding ?? PADDING_DEFAULT,
    random: options.random,
  });
  const encoded = encodeMessage({ kind: "private-message", privateMessage });
  // The sender data was encrypted after a turn of others, who may have retired the state.
  requireLive(state);
  refused.move();
  return {
    state: { ...state, secretTree: withRatchets(secretTree, place, { ...ratchets, [type]: next }) },
    message: encoded,
  };
}
