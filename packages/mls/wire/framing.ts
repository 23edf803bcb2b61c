import { MessengerError } from "@qpq/ports";
import {
  decodeExact,
  decoding,
  decodingFrom,
  encode,
  encoding,
  encodingTo,
  enumeration,
  type NamedCodec,
  opaque,
  select,
  struct,
  uint16,
  uint32,
  uint64,
  uint8,
} from "../codec/codec.ts";
import { Reader } from "../codec/reader.ts";
import { Writer } from "../codec/writer.ts";
import { CODEC_SLICE_BYTES, type Slices } from "../slices.ts";
import { type Commit, commit } from "./commit.ts";
import {
  type GroupContext,
  groupContext,
  type GroupInfo,
  groupInfo,
  type Welcome,
  welcome,
} from "./group-info.ts";
import { type KeyPackage, keyPackage, PROTOCOL_VERSION, protocolVersion } from "./key-package.ts";
import { MESSAGE_BYTES_MAX } from "./limits.ts";
import { type Proposal, proposal } from "./proposal.ts";

/** RFC 9420 §6 */
export type Sender =
  | { readonly kind: "member"; readonly leafIndex: number }
  | { readonly kind: "external"; readonly senderIndex: number }
  | { readonly kind: "new-member-proposal" }
  | { readonly kind: "new-member-commit" };

export const sender = select<Sender>("Sender", uint8, {
  "member": { tag: 1, fields: { leafIndex: uint32 } },
  "external": { tag: 2, fields: { senderIndex: uint32 } },
  "new-member-proposal": { tag: 3, fields: {} },
  "new-member-commit": { tag: 4, fields: {} },
});

/** What a message carries. */
export type Content =
  | { readonly kind: "application"; readonly applicationData: Uint8Array }
  | { readonly kind: "proposal"; readonly proposal: Proposal }
  | { readonly kind: "commit"; readonly commit: Commit };

/** What of it a PrivateMessage shows. */
export type ContentType = Content["kind"];

const CONTENT_TYPE = { application: 1, proposal: 2, commit: 3 } as const;

const content = select<Content>("FramedContent", uint8, {
  application: { tag: CONTENT_TYPE.application, fields: { applicationData: opaque } },
  proposal: { tag: CONTENT_TYPE.proposal, fields: { proposal } },
  commit: { tag: CONTENT_TYPE.commit, fields: { commit } },
});

/** RFC 9420 §6 */
export interface FramedContent {
  readonly groupId: Uint8Array;
  readonly epoch: bigint;
  readonly sender: Sender;
  readonly authenticatedData: Uint8Array;
  readonly content: Content;
}

export const framedContent = struct<FramedContent>("FramedContent", {
  groupId: opaque,
  epoch: uint64,
  sender,
  authenticatedData: opaque,
  content,
});

/** Commits have a confirmation tag, other contents don't (RFC 9420 §6.1). */
export interface FramedContentAuthData {
  readonly signature: Uint8Array;
  readonly confirmationTag: Uint8Array | undefined;
}

function encodeAuthData(writer: Writer, auth: FramedContentAuthData): void {
  writer.opaque(auth.signature);
  if (auth.confirmationTag !== undefined) writer.opaque(auth.confirmationTag);
}

function decodeAuthData(reader: Reader, contentType: ContentType): FramedContentAuthData {
  const signature = opaque.decode(reader);
  return {
    signature,
    confirmationTag: contentType === "commit" ? opaque.decode(reader) : undefined,
  };
}

/** IANA "MLS Wire Formats" (RFC 9420 §17.2). */
export const WIRE_FORMAT = {
  "public-message": 1,
  "private-message": 2,
  "welcome": 3,
  "group-info": 4,
  "key-package": 5,
} as const;

/** The two formats of messages to a group. */
export type MessageWireFormat = "public-message" | "private-message";

/** A content with what proves it (RFC 9420 §6). */
export interface AuthenticatedContent {
  readonly wireFormat: MessageWireFormat;
  readonly content: FramedContent;
  readonly auth: FramedContentAuthData;
}

export const authenticatedContent: NamedCodec<AuthenticatedContent> = {
  name: "AuthenticatedContent",
  encode: (writer, value) => {
    writer.uint16(WIRE_FORMAT[value.wireFormat]);
    framedContent.encode(writer, value.content);
    encodeAuthData(writer, value.auth);
  },
  decode: (reader) => {
    const tag = reader.uint16();
    if (tag !== 1 && tag !== 2) reader.fail(`the wire format ${tag} carries no content`);
    const decoded = framedContent.decode(reader);
    const auth = decodeAuthData(reader, decoded.content.kind);
    return {
      wireFormat: tag === 1 ? "public-message" : "private-message",
      content: decoded,
      auth,
    };
  },
};

/**
 * FramedContentTBS: what the sender signs. Members and external committers sign the group's context
 * too; others cannot know it (RFC 9420 §6.1).
 */
export function framedContentToBeSigned(
  wireFormat: MessageWireFormat,
  framed: FramedContent,
  context: GroupContext | undefined,
): Uint8Array {
  const writer = new Writer();
  writer.uint16(PROTOCOL_VERSION);
  writer.uint16(WIRE_FORMAT[wireFormat]);
  framedContent.encode(writer, framed);
  const { kind } = framed.sender;
  if (context !== undefined && (kind === "member" || kind === "new-member-commit")) {
    groupContext.encode(writer, context);
  }
  return writer.finish();
}

/** AuthenticatedContentTBM: what the membership tag covers (RFC 9420 §6.2). */
export function contentToBeMaced(
  message: AuthenticatedContent,
  context: GroupContext,
): Uint8Array {
  const writer = new Writer();
  writer.bytes(framedContentToBeSigned(message.wireFormat, message.content, context));
  encodeAuthData(writer, message.auth);
  return writer.finish();
}

/** ConfirmedTranscriptHashInput, the interim hash before it (RFC 9420 §8.2). */
export function confirmedTranscriptHashInput(
  interimBefore: Uint8Array,
  { wireFormat, content: framed, signature }: {
    readonly wireFormat: MessageWireFormat;
    readonly content: FramedContent;
    readonly signature: Uint8Array;
  },
): Uint8Array {
  const writer = new Writer();
  writer.bytes(interimBefore);
  writer.uint16(WIRE_FORMAT[wireFormat]);
  framedContent.encode(writer, framed);
  writer.opaque(signature);
  return writer.finish();
}

/** Signed, not encrypted (RFC 9420 §6.2). */
export interface PublicMessage {
  readonly content: FramedContent;
  readonly auth: FramedContentAuthData;
  /** There if, and only if, the sender is a member. */
  readonly membershipTag: Uint8Array | undefined;
}

const publicMessage: NamedCodec<PublicMessage> = {
  name: "PublicMessage",
  encode: (writer, value) => {
    framedContent.encode(writer, value.content);
    encodePublicProofs(writer, value);
  },
  decode: (reader) => {
    const content = framedContent.decode(reader);
    return { content, ...decodePublicProofs(reader, content) };
  },
  slices: {
    *encode(writer, value) {
      yield* encodingTo(writer, framedContent, value.content);
      encodePublicProofs(writer, value);
    },
    *decode(reader) {
      const content = yield* decodingFrom(reader, framedContent);
      return { content, ...decodePublicProofs(reader, content) };
    },
  },
};

function encodePublicProofs(writer: Writer, { auth, membershipTag }: PublicMessage): void {
  encodeAuthData(writer, auth);
  if (membershipTag !== undefined) writer.opaque(membershipTag);
}

function decodePublicProofs(
  reader: Reader,
  { content, sender }: FramedContent,
): Pick<PublicMessage, "auth" | "membershipTag"> {
  const auth = decodeAuthData(reader, content.kind);
  return { auth, membershipTag: sender.kind === "member" ? opaque.decode(reader) : undefined };
}

/** Signed and encrypted (RFC 9420 §6.3). */
export interface PrivateMessage {
  readonly groupId: Uint8Array;
  readonly epoch: bigint;
  readonly contentType: ContentType;
  readonly authenticatedData: Uint8Array;
  readonly encryptedSenderData: Uint8Array;
  readonly ciphertext: Uint8Array;
}

const contentType = enumeration<ContentType>("ContentType", uint8, CONTENT_TYPE);

const privateMessage = struct<PrivateMessage>("PrivateMessage", {
  groupId: opaque,
  epoch: uint64,
  contentType,
  authenticatedData: opaque,
  encryptedSenderData: opaque,
  ciphertext: opaque,
});

/** PrivateContentAAD (RFC 9420 §6.3.1). */
export function privateContentAdditionalData(header: PrivateMessageHeader): Uint8Array {
  const writer = new Writer();
  writeSenderDataAdditionalData(writer, header);
  writer.opaque(header.authenticatedData);
  return writer.finish();
}

/** SenderDataAAD (RFC 9420 §6.3.2). */
export function senderDataAdditionalData(header: PrivateMessageHeader): Uint8Array {
  const writer = new Writer();
  writeSenderDataAdditionalData(writer, header);
  return writer.finish();
}

export type PrivateMessageHeader = Pick<
  PrivateMessage,
  "groupId" | "epoch" | "contentType" | "authenticatedData"
>;

function writeSenderDataAdditionalData(writer: Writer, header: PrivateMessageHeader): void {
  writer.opaque(header.groupId);
  writer.uint64(header.epoch);
  contentType.encode(writer, header.contentType);
}

/** Who sent it and with which key (RFC 9420 §6.3.2). */
export interface SenderData {
  readonly leafIndex: number;
  readonly generation: number;
  /** 4 bytes. */
  readonly reuseGuard: Uint8Array;
}

export const REUSE_GUARD_LENGTH = 4;

export const senderData = struct<SenderData>("SenderData", {
  leafIndex: uint32,
  generation: uint32,
  reuseGuard: {
    encode: (writer, value) => writer.bytes(value),
    decode: (reader) => reader.bytes(REUSE_GUARD_LENGTH),
  },
});

/** PrivateMessageContent, `paddingLength` zero bytes behind it (RFC 9420 §6.3.1). */
export function encodePrivateMessageContent(
  value: Content,
  auth: FramedContentAuthData,
  options: { readonly paddingLength: (contentLength: number) => number },
): Uint8Array {
  const writer = new Writer();
  encodeContentBody(writer, value);
  encodeAuthData(writer, auth);
  const unpadded = writer.finish();
  const padded = new Uint8Array(unpadded.length + options.paddingLength(unpadded.length));
  padded.set(unpadded);
  unpadded.fill(0);
  return padded;
}

/** @throws MessengerError `malformed`, also when a byte of the padding is not zero */
export function* privateMessageContentDecoding(
  plaintext: Uint8Array,
  kind: ContentType,
): Slices<{ readonly content: Content; readonly auth: FramedContentAuthData }> {
  const reader = new Reader("PrivateMessageContent", plaintext);
  const decoded = plaintext.length < CODEC_SLICE_BYTES || kind !== "commit"
    ? decodeContentBody(reader, kind)
    : { kind, commit: yield* decodingFrom(reader, commit) };
  const auth = decodeAuthData(reader, kind);
  const padding = reader.bytes(reader.left);
  let bits = 0;
  for (const byte of padding) bits |= byte;
  if (bits !== 0) reader.fail("the padding is not zero");
  return { content: decoded, auth };
}

function encodeContentBody(writer: Writer, value: Content): void {
  if (value.kind === "application") writer.opaque(value.applicationData);
  else if (value.kind === "proposal") proposal.encode(writer, value.proposal);
  else commit.encode(writer, value.commit);
}

function decodeContentBody(reader: Reader, kind: ContentType): Content {
  if (kind === "application") return { kind, applicationData: opaque.decode(reader) };
  if (kind === "proposal") return { kind, proposal: proposal.decode(reader) };
  return { kind, commit: commit.decode(reader) };
}

/** Everything that MLS puts on a wire (RFC 9420 §6). */
export type MlsMessage =
  | { readonly kind: "public-message"; readonly publicMessage: PublicMessage }
  | { readonly kind: "private-message"; readonly privateMessage: PrivateMessage }
  | { readonly kind: "welcome"; readonly welcome: Welcome }
  | { readonly kind: "group-info"; readonly groupInfo: GroupInfo }
  | { readonly kind: "key-package"; readonly keyPackage: KeyPackage };

const message = select<MlsMessage>("MLSMessage", uint16, {
  "public-message": { tag: 1, fields: { publicMessage } },
  "private-message": { tag: 2, fields: { privateMessage } },
  "welcome": { tag: 3, fields: { welcome } },
  "group-info": { tag: 4, fields: { groupInfo } },
  "key-package": { tag: 5, fields: { keyPackage } },
});

const mlsMessage: NamedCodec<MlsMessage> = {
  name: "MLSMessage",
  encode: (writer, value) => {
    protocolVersion.encode(writer, PROTOCOL_VERSION);
    message.encode(writer, value);
  },
  decode: (reader) => {
    protocolVersion.decode(reader);
    return message.decode(reader);
  },
  slices: {
    *encode(writer, value) {
      protocolVersion.encode(writer, PROTOCOL_VERSION);
      yield* encodingTo(writer, message, value);
    },
    *decode(reader) {
      protocolVersion.decode(reader);
      return yield* decodingFrom(reader, message);
    },
  },
};

/**
 * The bytes of an MLSMessage.
 * @throws MessengerError `too-large`: nobody would decode it
 */
export function encodeMessage(value: MlsMessage): Uint8Array<ArrayBuffer> {
  return refuseTooLarge(value, encode(mlsMessage, value));
}

/** The same in slices. */
export function* messageEncoding(value: MlsMessage): Slices<Uint8Array<ArrayBuffer>> {
  return refuseTooLarge(value, yield* encoding(mlsMessage, value));
}

function refuseTooLarge(
  { kind }: MlsMessage,
  bytes: Uint8Array<ArrayBuffer>,
): Uint8Array<ArrayBuffer> {
  if (bytes.length <= MESSAGE_BYTES_MAX) return bytes;
  throw new MessengerError(
    "too-large",
    `Cannot send ${kind}: ${bytes.length} bytes, ${MESSAGE_BYTES_MAX} allowed`,
  );
}

/** @throws MessengerError `malformed`; `too-large` above `MESSAGE_BYTES_MAX` */
export function decodeMessage(bytes: Uint8Array): MlsMessage {
  return decodeExact(mlsMessage, bytes, { bytesMax: MESSAGE_BYTES_MAX });
}

/** The same in slices. `bytes` must stay as they are until it is done. */
export function messageDecoding(bytes: Uint8Array): Slices<MlsMessage> {
  return decoding(mlsMessage, bytes, { bytesMax: MESSAGE_BYTES_MAX });
}
