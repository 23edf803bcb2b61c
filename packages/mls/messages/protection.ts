import { equalConstantTime, MessengerError, type Random } from "@qpq/ports";
import { decodeExact, encode } from "../codec/codec.ts";
import type { CipherSuite } from "../crypto/provider.ts";
import type { MessageKey } from "../keys/sender-ratchet.ts";
import type { Slices } from "../slices.ts";
import { expandWithLabel, signWithLabel, verifyWithLabel } from "../labels.ts";
import {
  type AuthenticatedContent,
  contentToBeMaced,
  encodePrivateMessageContent,
  type FramedContent,
  framedContentToBeSigned,
  type MessageWireFormat,
  privateContentAdditionalData,
  type PrivateMessage,
  privateMessageContentDecoding,
  type PrivateMessageHeader,
  type PublicMessage,
  REUSE_GUARD_LENGTH,
  type SenderData,
  senderData,
  senderDataAdditionalData,
} from "../wire/framing.ts";
import type { GroupContext } from "../wire/group-info.ts";
import { type Padding, paddingLength } from "./padding.ts";

/** Signs a content for one wire format (RFC 9420 §6.1). */
export function signContent(
  crypto: CipherSuite,
  content: FramedContent,
  options: {
    readonly wireFormat: MessageWireFormat;
    readonly context: GroupContext | undefined;
    readonly signaturePrivateKey: Uint8Array;
  },
): Uint8Array {
  return signWithLabel(crypto, options.signaturePrivateKey, {
    label: "FramedContentTBS",
    content: framedContentToBeSigned(options.wireFormat, content, options.context),
  });
}

/** @throws MessengerError `mls/invalid-signature` */
export function verifyContentSignature(
  crypto: CipherSuite,
  message: AuthenticatedContent,
  options: { readonly context: GroupContext | undefined; readonly signatureKey: Uint8Array },
): void {
  const isValid = verifyWithLabel(crypto, options.signatureKey, {
    label: "FramedContentTBS",
    content: framedContentToBeSigned(message.wireFormat, message.content, options.context),
    signature: message.auth.signature,
  });
  if (!isValid) {
    throw new MessengerError("mls/invalid-signature", "Cannot accept message: wrong signature");
  }
}

/** Adds the membership tag, if the sender is a member (RFC 9420 §6.2). */
export function protectPublic(
  crypto: CipherSuite,
  message: AuthenticatedContent,
  options: { readonly context: GroupContext; readonly membershipKey: Uint8Array },
): PublicMessage {
  const isMember = message.content.sender.kind === "member";
  return {
    content: message.content,
    auth: message.auth,
    membershipTag: isMember
      ? crypto.hmac(options.membershipKey, contentToBeMaced(message, options.context))
      : undefined,
  };
}

/** @throws MessengerError `mls/invalid-message` for a membership tag that does not fit */
export function unprotectPublic(
  crypto: CipherSuite,
  message: PublicMessage,
  options: { readonly context: GroupContext; readonly membershipKey: Uint8Array },
): AuthenticatedContent {
  const content: AuthenticatedContent = {
    wireFormat: "public-message",
    content: message.content,
    auth: message.auth,
  };
  if (message.membershipTag !== undefined) {
    const tag = crypto.hmac(options.membershipKey, contentToBeMaced(content, options.context));
    if (!equalConstantTime(tag, message.membershipTag)) {
      throw new MessengerError(
        "mls/invalid-message",
        "Cannot accept message: wrong membership tag",
      );
    }
  }
  return content;
}

/** Encrypts a signed content of a member (RFC 9420 §6.3), in slices. */
export function* privateProtection(
  crypto: CipherSuite,
  message: AuthenticatedContent,
  options: {
    readonly leafIndex: number;
    readonly messageKey: MessageKey;
    readonly senderDataSecret: Uint8Array;
    readonly padding: Padding;
    readonly random: Random;
  },
): Slices<PrivateMessage> {
  const { groupId, epoch, authenticatedData, content } = message.content;
  const header = { groupId, epoch, contentType: content.kind, authenticatedData };
  const { key, nonce, generation } = options.messageKey;
  const reuseGuard = options.random.bytes(REUSE_GUARD_LENGTH);
  const plaintext = encodePrivateMessageContent(content, message.auth, {
    paddingLength: (length) => paddingLength(options.padding, length),
  });
  const ciphertext = yield* crypto.aeadSealing({
    key,
    nonce: guardedNonce(nonce, reuseGuard),
    additionalData: privateContentAdditionalData(header),
    text: plaintext,
  });
  plaintext.fill(0);
  const keys = senderDataKey(crypto, options.senderDataSecret, ciphertext);
  const encryptedSenderData = crypto.aeadSeal({
    ...keys,
    additionalData: senderDataAdditionalData(header),
    text: encode(senderData, { leafIndex: options.leafIndex, generation, reuseGuard }),
  });
  keys.key.fill(0);
  keys.nonce.fill(0);
  return { ...header, encryptedSenderData, ciphertext };
}

/**
 * Who sent a message and with which key. The leaf and the generation are claims: the caller checks
 * that they exist.
 * @throws MessengerError `mls/cannot-decrypt`, `malformed`
 */
export function openSenderData(
  crypto: CipherSuite,
  message: PrivateMessage,
  senderDataSecret: Uint8Array,
): SenderData {
  const keys = senderDataKey(crypto, senderDataSecret, message.ciphertext);
  const plaintext = crypto.aeadOpen({
    ...keys,
    additionalData: senderDataAdditionalData(message),
    text: message.encryptedSenderData,
  });
  keys.key.fill(0);
  keys.nonce.fill(0);
  if (plaintext === undefined) throw cannotDecrypt("sender data");
  return decodeExact(senderData, plaintext, { bytesMax: SENDER_DATA_BYTES });
}

const SENDER_DATA_BYTES = 4 + 4 + REUSE_GUARD_LENGTH;

/**
 * The content, whose signature is not verified yet, in slices.
 * @throws MessengerError `mls/cannot-decrypt`, `malformed`
 */
export function* privateUnprotection(
  crypto: CipherSuite,
  message: PrivateMessage,
  options: { readonly senderData: SenderData; readonly messageKey: MessageKey },
): Slices<AuthenticatedContent> {
  const { key, nonce } = options.messageKey;
  const plaintext = yield* crypto.aeadOpening({
    key,
    nonce: guardedNonce(nonce, options.senderData.reuseGuard),
    additionalData: privateContentAdditionalData(message),
    text: message.ciphertext,
  });
  if (plaintext === undefined) throw cannotDecrypt("content");
  const { groupId, epoch, contentType, authenticatedData } = message;
  const sender = { kind: "member", leafIndex: options.senderData.leafIndex } as const;
  try {
    const { content, auth } = yield* privateMessageContentDecoding(plaintext, contentType);
    return {
      wireFormat: "private-message",
      content: { groupId, epoch, sender, authenticatedData, content },
      auth,
    };
  } finally {
    plaintext.fill(0);
  }
}

function senderDataKey(
  crypto: CipherSuite,
  senderDataSecret: Uint8Array,
  ciphertext: Uint8Array,
): { readonly key: Uint8Array; readonly nonce: Uint8Array } {
  const context = ciphertext.subarray(0, crypto.hashLength);
  return {
    key: expandWithLabel(crypto, senderDataSecret, {
      label: "key",
      context,
      length: crypto.aeadKeyLength,
    }),
    nonce: expandWithLabel(crypto, senderDataSecret, {
      label: "nonce",
      context,
      length: crypto.aeadNonceLength,
    }),
  };
}

/** The nonce with the reuse guard over its first bytes (RFC 9420 §6.3.1). */
function guardedNonce(nonce: Uint8Array, reuseGuard: Uint8Array): Uint8Array {
  const guarded = nonce.slice();
  reuseGuard.forEach((byte, index) => guarded[index] = (guarded[index] as number) ^ byte);
  return guarded;
}

function cannotDecrypt(what: string): MessengerError {
  return new MessengerError(
    "mls/cannot-decrypt",
    `Cannot decrypt message: the key does not fit its ${what}`,
  );
}

export type { PrivateMessageHeader };
