/**
 * What a message says: the MIMI content format (draft-ietf-mimi-content-09, July 2026), CBOR inside the
 * padded plaintext of an MLS application message. Section numbers in this file are that draft's.
 *
 * Ours, within what the draft leaves open:
 * - The salt is also our message id: 16 random bytes of the sender's, the same when a message is encrypted
 *   again for another epoch. The draft's `MessageId`, which replies and edits refer to, is a hash over it.
 * - The draft has the hub's time only, which the server decides on. The sender's own time goes into the
 *   extension `SENT_AT_KEY`; text keys are for private use (§4.3), and others' clients pass over it.
 */
import { MessengerError } from "@qpq/ports";
import type { Primitives } from "../accounts/primitives.ts";
import { cbor, type CborKey, CborReader, malformed, requireAscending, tooLarge } from "./cbor.ts";

export const SALT_BYTES = 16;
export const MESSAGE_ID_BYTES = 32;
export const CONTENT_BYTES_MAX = 64 * 1024;
/** Of one text, in UTF-8. */
export const TEXT_BYTES_MAX = 32 * 1024;
/** Of each short field: topic id, URIs, media types, file names and so on. §9.1 names it for topic ids. */
export const FIELD_BYTES_MAX = 4_096;
/** §9.1. */
export const PARTS_COUNT_MAX = 1_024;
/** §6.3. */
export const PART_DEPTH_MAX = 4;
export const EXTENSIONS_COUNT_MAX = 32;
/** §6.3: four levels, of which the map of extensions is the first. */
const EXTENSION_VALUE_DEPTH_MAX = 3;
/** What a `Date` can hold. */
export const SENT_AT_MS_MAX = 8_640_000_000_000_000;

/** Keys of extensions (§8.2.1), and the private one: milliseconds since 1970, a CBOR unsigned integer. */
const SENDER_URI_KEY = 1;
const ROOM_URI_KEY = 2;
export const SENT_AT_KEY = "qpq-sent-at";

/** §8.2.2. Others, to 255, are valid: a receiver that knows them not takes them as `render`. */
export const DISPOSITION = {
  unspecified: 0,
  render: 1,
  reaction: 2,
  profile: 3,
  inline: 4,
  icon: 5,
  attachment: 6,
  session: 7,
  preview: 8,
} as const;

export const PLAIN_TEXT = "text/plain;charset=utf-8";
export const MARKDOWN_TEXT = "text/markdown;variant=GFM-MIMI";

/** §4. */
export interface Content {
  /** 16 random bytes, and our message id. */
  readonly salt: Uint8Array;
  /** The `MessageId` (32 bytes) of the first version of the message that this one edits or deletes. */
  readonly replaces: Uint8Array | undefined;
  /** What the messages of one topic share; empty: none. */
  readonly topicId: Uint8Array;
  readonly expires: Expiration | undefined;
  /** The `MessageId` (32 bytes) of the message that this one answers or reacts to. */
  readonly inReplyTo: Uint8Array | undefined;
  readonly extensions: Extensions;
  readonly body: Part;
}

/** A request, not a promise (§4.1): `after-reading` in seconds, `at` in seconds since 1970; to 2^32 - 1. */
export interface Expiration {
  readonly kind: "after-reading" | "at";
  readonly seconds: number;
}

/** What the sender says of itself: claims, until compared with what MLS and the channel say. */
export interface Extensions {
  readonly senderUri: string | undefined;
  readonly roomUri: string | undefined;
  /** The sender's clock when the message was written: milliseconds since 1970. */
  readonly sentAtMs: number | undefined;
  /** Those that we know not, in any order; read, in the order of their keys. */
  readonly others: readonly Extension[];
}

export interface Extension {
  readonly key: CborKey;
  /** One item of deterministic CBOR, as it came. */
  readonly value: Uint8Array;
}

export type Part = NullPart | SinglePart | ExternalPart | MultiPart;

interface AnyPart {
  /** 0 to 255, see `DISPOSITION`. */
  readonly disposition: number;
  /** Language tags (RFC 5646), separated by commas; or empty. */
  readonly language: string;
}

/** No body: deletes a message, takes back a reaction. */
export interface NullPart extends AnyPart {
  readonly kind: "null";
}

export interface SinglePart extends AnyPart {
  readonly kind: "single";
  readonly contentType: string;
  readonly content: Uint8Array;
}

/** Content that is kept elsewhere, encrypted (§4.5). A URL is a stranger's: nothing fetches it by itself. */
export interface ExternalPart extends AnyPart {
  readonly kind: "external";
  readonly contentType: string;
  readonly url: string;
  /** Seconds since 1970, to 2^32 - 1; 0: does not expire. */
  readonly expires: number;
  /** Bytes, to 2^53 - 1; 0: not said. */
  readonly size: number;
  /** IANA AEAD algorithm; 0: not encrypted. */
  readonly encryptionAlgorithm: number;
  readonly key: Uint8Array;
  readonly nonce: Uint8Array;
  readonly additionalData: Uint8Array;
  /** IANA named information hash algorithm; 0: none. */
  readonly hashAlgorithm: number;
  readonly contentHash: Uint8Array;
  readonly description: string;
  readonly filename: string;
}

export interface MultiPart extends AnyPart {
  readonly kind: "multi";
  /** Which of the parts a receiver processes: one of its choice, all or none, as many as it can. */
  readonly semantics: PartSemantics;
  /** Two or more. */
  readonly parts: readonly Part[];
}

export type PartSemantics = (typeof PART_SEMANTICS)[number];

/** By their numbers (§4.4). */
const PART_SEMANTICS = ["choose-one", "single-unit", "process-all"] as const;
const CARDINALITY = { null: 0, single: 1, external: 2, multi: 3 } as const;
const UINT32_MAX = 0xffff_ffff;

/**
 * @returns deterministic CBOR, at most 64 KiB: the same content, the same bytes
 * @throws MessengerError `too-large` or `malformed`: no receiver would take it (`decodeContent()` says the same)
 */
export function encodeContent(content: Content): Uint8Array {
  const { expires } = content;
  const bytes = cbor.array([
    cbor.bytes(content.salt),
    encodeReference(content.replaces),
    cbor.bytes(content.topicId),
    expires === undefined
      ? cbor.null
      : cbor.array([cbor.boolean(expires.kind === "after-reading"), cbor.integer(expires.seconds)]),
    encodeReference(content.inReplyTo),
    encodeExtensions(content.extensions),
    encodePart(content.body, 1),
  ]);
  // So that each rule stands in one place: what is sent is what a receiver takes.
  decodeContent(bytes);
  return bytes;
}

/**
 * Reads the plaintext of a member, who may send any bytes. The result shares no memory with `bytes`.
 * @throws MessengerError `malformed`, or `too-large` above the limits of this file
 */
export function decodeContent(bytes: Uint8Array): Content {
  if (bytes.length > CONTENT_BYTES_MAX) throw tooLarge(`it is above ${CONTENT_BYTES_MAX} bytes`);
  const reader = new CborReader(bytes);
  if (reader.array() !== 7) throw malformed("it has not 7 fields");
  const salt = exactly(SALT_BYTES, reader.bytes(FIELD_BYTES_MAX, "the salt"));
  const content: Content = {
    salt,
    replaces: readReference(reader),
    topicId: reader.bytes(FIELD_BYTES_MAX, "the topic id"),
    expires: readExpiration(reader),
    inReplyTo: readReference(reader),
    extensions: readExtensions(reader),
    body: readPart(reader, { depth: 1, count: { parts: 0 } }),
  };
  reader.end();
  return content;
}

/**
 * The draft's `MessageId` (§3.3), which replies, edits and reactions refer to.
 * @param message.bytes the encoded content, as it was sent: not encoded again
 * @returns 32 bytes: 1 for SHA-256, then the first 31 of the hash
 */
export function messageIdOf(
  primitives: Pick<Primitives, "hash">,
  message: {
    readonly senderUri: string;
    readonly roomUri: string;
    readonly bytes: Uint8Array;
    readonly salt: Uint8Array;
  },
): Uint8Array {
  const { bytes, salt } = message;
  const uris = [message.senderUri, message.roomUri].map((uri) => new TextEncoder().encode(uri));
  const input = new Uint8Array(
    uris.reduce((sum, uri) => sum + 2 + uri.length, bytes.length + salt.length),
  );
  const view = new DataView(input.buffer);
  let at = 0;
  for (const uri of uris) {
    if (uri.length > FIELD_BYTES_MAX) {
      const state = `a URI has ${uri.length} bytes, above ${FIELD_BYTES_MAX}`;
      throw new MessengerError("too-large", `Cannot make a message id: ${state}`);
    }
    view.setUint16(at, uri.length);
    input.set(uri, at + 2);
    at += 2 + uri.length;
  }
  input.set(bytes, at);
  // Twice, so that nobody who sees an id can extend what it is of.
  input.set(salt, at + bytes.length);
  const messageId = new Uint8Array(MESSAGE_ID_BYTES);
  messageId[0] = 1;
  messageId.set(primitives.hash(input).subarray(0, MESSAGE_ID_BYTES - 1), 1);
  return messageId;
}

/**
 * A message that shows text.
 * @throws MessengerError `too-large` above 32 KiB of UTF-8; `malformed` for a lone surrogate
 */
export function textMessage(message: {
  readonly text: string;
  /** 16 random bytes: the message's id. */
  readonly salt: Uint8Array;
  readonly sentAtMs: number;
  readonly format?: "plain" | "markdown";
  readonly replaces?: Uint8Array;
  readonly inReplyTo?: Uint8Array;
}): Content {
  requireWellFormed(message.text);
  const content = new TextEncoder().encode(message.text);
  if (content.length > TEXT_BYTES_MAX) {
    const state = `it has ${content.length} bytes, above ${TEXT_BYTES_MAX}`;
    throw new MessengerError("too-large", `Cannot send the text: ${state}`);
  }
  return {
    salt: message.salt,
    replaces: message.replaces,
    topicId: new Uint8Array(),
    expires: undefined,
    inReplyTo: message.inReplyTo,
    extensions: {
      senderUri: undefined,
      roomUri: undefined,
      sentAtMs: message.sentAtMs,
      others: [],
    },
    body: {
      kind: "single",
      disposition: DISPOSITION.render,
      language: "",
      contentType: message.format === "markdown" ? MARKDOWN_TEXT : PLAIN_TEXT,
      content,
    },
  };
}

/**
 * The first text of a message, plain or Markdown as it was written, depth first; not of an attachment, a
 * preview and the like. It is a stranger's: `sanitizeForDisplay()` comes before any terminal. Who wants to
 * know whether it is a reaction or an edit looks at `body.disposition` and `replaces`.
 * @returns undefined when there is none
 */
export function readText(content: Content): string | undefined {
  return textOf(content.body);
}

function textOf(part: Part): string | undefined {
  if (NOT_TEXT_DISPOSITIONS.has(part.disposition)) return undefined;
  if (part.kind === "multi") {
    for (const inner of part.parts) {
      const text = textOf(inner);
      if (text !== undefined) return text;
    }
  }
  if (part.kind !== "single" || !isText(part.contentType)) return undefined;
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(part.content);
  } catch {
    return undefined;
  }
}

const NOT_TEXT_DISPOSITIONS: ReadonlySet<number> = new Set([
  DISPOSITION.profile,
  DISPOSITION.icon,
  DISPOSITION.attachment,
  DISPOSITION.session,
  DISPOSITION.preview,
]);

/** Plain text or Markdown in UTF-8, which is the default of both here (§7.1). */
function isText(contentType: string): boolean {
  const [type, ...parameters] = contentType.toLowerCase().split(";").map((piece) => piece.trim());
  return (type === "text/plain" || type === "text/markdown") &&
    parameters.every((parameter) =>
      !parameter.startsWith("charset=") || /^charset="?(utf-8|us-ascii)"?$/.test(parameter)
    );
}

function encodeReference(messageId: Uint8Array | undefined): Uint8Array {
  return messageId === undefined ? cbor.null : cbor.bytes(messageId);
}

function readReference(reader: CborReader): Uint8Array | undefined {
  if (reader.takeNull()) return undefined;
  return exactly(MESSAGE_ID_BYTES, reader.bytes(FIELD_BYTES_MAX, "a message id"));
}

function exactly(length: number, bytes: Uint8Array): Uint8Array {
  if (bytes.length !== length) throw malformed(`an id has ${bytes.length} bytes, not ${length}`);
  return bytes;
}

function readExpiration(reader: CborReader): Expiration | undefined {
  if (reader.takeNull()) return undefined;
  if (reader.array() !== 2) throw malformed("the expiration has not 2 fields");
  const kind = reader.boolean("the kind of expiration") ? "after-reading" : "at";
  return { kind, seconds: reader.unsigned(UINT32_MAX, "the expiration") };
}

function encodeExtensions(extensions: Extensions): Uint8Array {
  const { senderUri, roomUri, sentAtMs } = extensions;
  const entries: [Uint8Array, Uint8Array][] = extensions.others.map((
    { key, value },
  ) => [encodeKey(key), value]);
  if (senderUri !== undefined) entries.push([cbor.integer(SENDER_URI_KEY), encodeText(senderUri)]);
  if (roomUri !== undefined) entries.push([cbor.integer(ROOM_URI_KEY), encodeText(roomUri)]);
  if (sentAtMs !== undefined) entries.push([cbor.text(SENT_AT_KEY), cbor.integer(sentAtMs)]);
  return cbor.map(entries);
}

function encodeKey(key: CborKey): Uint8Array {
  return typeof key === "string" ? encodeText(key) : cbor.integer(key);
}

function readExtensions(reader: CborReader): Extensions {
  const count = reader.map();
  if (count > EXTENSIONS_COUNT_MAX) throw tooLarge(`above ${EXTENSIONS_COUNT_MAX} extensions`);
  let senderUri: string | undefined;
  let roomUri: string | undefined;
  let sentAtMs: number | undefined;
  const others: Extension[] = [];
  let previous: Uint8Array | undefined;
  for (let index = 0; index < count; index++) {
    const start = reader.offset;
    const key = reader.key();
    const encodedKey = reader.since(start);
    requireAscending(previous, encodedKey);
    previous = encodedKey;
    if (key === SENDER_URI_KEY) senderUri = reader.text(FIELD_BYTES_MAX, "the sender's URI");
    else if (key === ROOM_URI_KEY) roomUri = reader.text(FIELD_BYTES_MAX, "the room's URI");
    else if (key === SENT_AT_KEY) sentAtMs = reader.unsigned(SENT_AT_MS_MAX, "the time");
    else if (key === 0) throw malformed("the key 0 is reserved");
    else others.push({ key, value: reader.item(EXTENSION_VALUE_DEPTH_MAX) });
  }
  return { senderUri, roomUri, sentAtMs, others };
}

function encodePart(part: Part, depth: number): Uint8Array {
  // Here too, since a loop of parts would never come to the reader.
  requireDepth(depth);
  const start = [
    cbor.integer(part.disposition),
    encodeText(part.language),
    cbor.integer(CARDINALITY[part.kind]),
  ];
  switch (part.kind) {
    case "null":
      return cbor.array(start);
    case "single":
      return cbor.array([...start, encodeText(part.contentType), cbor.bytes(part.content)]);
    case "external":
      return cbor.array([
        ...start,
        encodeText(part.contentType),
        encodeText(part.url),
        cbor.integer(part.expires),
        cbor.integer(part.size),
        cbor.integer(part.encryptionAlgorithm),
        cbor.bytes(part.key),
        cbor.bytes(part.nonce),
        cbor.bytes(part.additionalData),
        cbor.integer(part.hashAlgorithm),
        cbor.bytes(part.contentHash),
        encodeText(part.description),
        encodeText(part.filename),
      ]);
    case "multi":
      return cbor.array([
        ...start,
        cbor.integer(PART_SEMANTICS.indexOf(part.semantics)),
        cbor.array(part.parts.map((inner) => encodePart(inner, depth + 1))),
      ]);
  }
}

/** Where a part stands, and how many the message had so far. */
interface Place {
  readonly depth: number;
  readonly count: { parts: number };
}

function readPart(reader: CborReader, place: Place): Part {
  requireDepth(place.depth);
  if (++place.count.parts > PARTS_COUNT_MAX) throw tooLarge(`above ${PARTS_COUNT_MAX} parts`);
  const fields = reader.array();
  const disposition = reader.unsigned(0xff, "the disposition");
  const language = reader.text(FIELD_BYTES_MAX, "the language");
  const start = { disposition, language };
  switch (reader.unsigned(CARDINALITY.multi, "the cardinality")) {
    case CARDINALITY.null:
      requireFields(fields, 3);
      return { kind: "null", ...start };
    case CARDINALITY.single:
      requireFields(fields, 5);
      return { kind: "single", ...start, ...readInline(reader) };
    case CARDINALITY.external:
      requireFields(fields, 15);
      return { kind: "external", ...start, ...readExternal(reader) };
    default:
      requireFields(fields, 5);
      return { kind: "multi", ...start, ...readParts(reader, place) };
  }
}

function requireDepth(depth: number): void {
  if (depth > PART_DEPTH_MAX) throw tooLarge(`parts are nested above ${PART_DEPTH_MAX} levels`);
}

function requireFields(fields: number, expected: number): void {
  if (fields !== expected) throw malformed(`a part has ${fields} fields, not ${expected}`);
}

function readInline(reader: CborReader): Pick<SinglePart, "contentType" | "content"> {
  const contentType = reader.text(FIELD_BYTES_MAX, "the content type");
  const bytesMax = isText(contentType) ? TEXT_BYTES_MAX : CONTENT_BYTES_MAX;
  return { contentType, content: reader.bytes(bytesMax, "the content") };
}

function readExternal(reader: CborReader): Omit<ExternalPart, "kind" | keyof AnyPart> {
  return {
    contentType: reader.text(FIELD_BYTES_MAX, "the content type"),
    url: reader.text(FIELD_BYTES_MAX, "the URL"),
    expires: reader.unsigned(UINT32_MAX, "the expiration"),
    size: reader.unsigned(Number.MAX_SAFE_INTEGER, "the size"),
    encryptionAlgorithm: reader.unsigned(0xffff, "the encryption algorithm"),
    key: reader.bytes(FIELD_BYTES_MAX, "the key"),
    nonce: reader.bytes(FIELD_BYTES_MAX, "the nonce"),
    additionalData: reader.bytes(FIELD_BYTES_MAX, "the additional data"),
    hashAlgorithm: reader.unsigned(0xff, "the hash algorithm"),
    contentHash: reader.bytes(FIELD_BYTES_MAX, "the hash"),
    description: reader.text(FIELD_BYTES_MAX, "the description"),
    filename: reader.text(FIELD_BYTES_MAX, "the file name"),
  };
}

function readParts(reader: CborReader, place: Place): Pick<MultiPart, "semantics" | "parts"> {
  const last = PART_SEMANTICS.length - 1;
  const semantics = PART_SEMANTICS[reader.unsigned(last, "the semantics")] as PartSemantics;
  const count = reader.array();
  if (count < 2) throw malformed("a multipart has fewer than two parts");
  const parts: Part[] = [];
  for (let index = 0; index < count; index++) {
    parts.push(readPart(reader, { depth: place.depth + 1, count: place.count }));
  }
  return { semantics, parts };
}

function encodeText(text: string): Uint8Array {
  requireWellFormed(text);
  return cbor.text(text);
}

/** Half a surrogate pair would arrive as another text than was given. */
function requireWellFormed(text: string): void {
  if (!text.isWellFormed()) {
    throw new MessengerError("malformed", "Cannot encode content: a text has a lone surrogate");
  }
}
