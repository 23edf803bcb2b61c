// Generated from messages.capnp by scripts/generate.ts: change the schema, not this file.
import {
  type DecodeLimits,
  ELEMENT,
  openFrame,
  openWriter,
  type Reader,
  refuseUnknown,
  type Writer,
} from "@qpq/capnp";

export type TextState = "received" | "pending" | "sent" | "failed" | "unknown";

export type EventKind = "item" | "itemChanged" | "conversation" | "unknown";

/** One conversation's history, in numbers. */
export interface StoredThread {
  readonly lastPosition: number;
  readonly unreadCount: number;
  /** The last position that counts as read. */
  readonly readUpTo: number;
  readonly queuedCount: number;
  readonly lastAtMs: number;
}

/** An entry of a history. */
export type StoredItem =
  | {
    readonly kind: "text";
    readonly text: StoredText;
  }
  | {
    readonly kind: "notice";
    readonly notice: StoredNotice;
  }
  | { readonly kind: "unknown" };

export interface StoredText {
  readonly messageId: Uint8Array;
  readonly accountId: Uint8Array;
  readonly accountName: string;
  readonly text: string;
  readonly sentAtMs: number;
  readonly acceptedAtMs: number;
  readonly state: TextState;
  readonly failureCode: string;
  readonly failureMessage: string;
}

/** Which of its fields say something depends on the kind. */
export interface StoredNotice {
  readonly kind: string;
  readonly atMs: number;
  readonly name: string;
  readonly names: readonly string[];
  readonly count: number;
  readonly code: string;
}

/** An own message that the server doesn't have, or whose entry hasn't come back yet. */
export interface StoredQueued {
  /** In the history; 0: something that is not shown. */
  readonly position: number;
  readonly messageId: Uint8Array;
  /** What is encrypted. */
  readonly body: Uint8Array;
  /** Empty until it is encrypted. */
  readonly entryId: Uint8Array;
  /** The MLSMessage, exactly as it goes out, again and again; empty when the server has it. */
  readonly message: Uint8Array;
  /** That it was encrypted in. */
  readonly epoch: number;
  /** Where the server has put it; 0: not known. */
  readonly sequence: number;
}

export interface StoredEvent {
  readonly conversationId: Uint8Array;
  readonly kind: EventKind;
  /** Of the item. */
  readonly position: number;
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeStoredThread(value: StoredThread): Uint8Array {
  const writer = openWriter(4, 0);
  writeStoredThread(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeStoredThread(frame: Uint8Array, limits?: DecodeLimits): StoredThread {
  return readStoredThread(openFrame(frame, limits), 1);
}

export function readStoredThread(reader: Reader, _depth: number): StoredThread {
  const { data, pointers } = reader;
  return {
    lastPosition: reader.safeInteger(data, pointers, false, "StoredThread.lastPosition"),
    unreadCount: reader.uint32(data + 8, pointers),
    readUpTo: reader.safeInteger(data + 16, pointers, false, "StoredThread.readUpTo"),
    queuedCount: reader.uint32(data + 12, pointers),
    lastAtMs: reader.safeInteger(data + 24, pointers, false, "StoredThread.lastAtMs"),
  };
}

export function writeStoredThread(writer: Writer, at: number, value: StoredThread): void {
  writer.safeInteger(at, value.lastPosition, false);
  writer.uint32(at + 8, value.unreadCount);
  writer.safeInteger(at + 16, value.readUpTo, false);
  writer.uint32(at + 12, value.queuedCount);
  writer.safeInteger(at + 24, value.lastAtMs, false);
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeStoredItem(value: StoredItem): Uint8Array {
  const writer = openWriter(1, 1);
  writeStoredItem(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeStoredItem(frame: Uint8Array, limits?: DecodeLimits): StoredItem {
  return readStoredItem(openFrame(frame, limits), 1);
}

export function readStoredItem(reader: Reader, depth: number): StoredItem {
  const { data, pointers, end } = reader;

  switch (reader.uint16(data, pointers)) {
    case 0:
      return {
        kind: "text",
        text: readStoredText(reader.openStruct(pointers, end, depth, "StoredItem.text"), depth + 1),
      };
    case 1:
      return {
        kind: "notice",
        notice: readStoredNotice(
          reader.openStruct(pointers, end, depth, "StoredItem.notice"),
          depth + 1,
        ),
      };
    default:
      return { kind: "unknown" };
  }
}

export function writeStoredItem(writer: Writer, at: number, value: StoredItem): void {
  switch (value.kind) {
    case "text":
      writeStoredText(writer, writer.struct(at + 8, 3, 6), value.text);
      break;
    case "notice":
      writer.uint16(at, 1);
      writeStoredNotice(writer, writer.struct(at + 8, 2, 4), value.notice);
      break;
    default:
      refuseUnknown("StoredItem");
  }
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeStoredText(value: StoredText): Uint8Array {
  const writer = openWriter(3, 6);
  writeStoredText(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeStoredText(frame: Uint8Array, limits?: DecodeLimits): StoredText {
  return readStoredText(openFrame(frame, limits), 1);
}

export function readStoredText(reader: Reader, _depth: number): StoredText {
  const { data, pointers, end } = reader;
  return {
    messageId: reader.bytes(pointers, end, 16, "StoredText.messageId"),
    accountId: reader.bytes(pointers + 8, end, 16, "StoredText.accountId"),
    accountName: reader.text(pointers + 16, end, 64, "StoredText.accountName"),
    text: reader.text(pointers + 24, end, 65_536, "StoredText.text"),
    sentAtMs: reader.safeInteger(data, pointers, false, "StoredText.sentAtMs"),
    acceptedAtMs: reader.safeInteger(data + 8, pointers, false, "StoredText.acceptedAtMs"),
    state: readTextState(reader.uint16(data + 16, pointers)),
    failureCode: reader.text(pointers + 32, end, 64, "StoredText.failureCode"),
    failureMessage: reader.text(pointers + 40, end, 1024, "StoredText.failureMessage"),
  };
}

export function writeStoredText(writer: Writer, at: number, value: StoredText): void {
  writer.data(at + 24, value.messageId, 16, "StoredText.messageId");
  writer.data(at + 32, value.accountId, 16, "StoredText.accountId");
  writer.text(at + 40, value.accountName, 64, "StoredText.accountName");
  writer.text(at + 48, value.text, 65_536, "StoredText.text");
  writer.safeInteger(at, value.sentAtMs, false);
  writer.safeInteger(at + 8, value.acceptedAtMs, false);
  writer.uint16(at + 16, ordinalOfTextState(value.state));
  writer.text(at + 56, value.failureCode, 64, "StoredText.failureCode");
  writer.text(at + 64, value.failureMessage, 1024, "StoredText.failureMessage");
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeStoredNotice(value: StoredNotice): Uint8Array {
  const writer = openWriter(2, 4);
  writeStoredNotice(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeStoredNotice(frame: Uint8Array, limits?: DecodeLimits): StoredNotice {
  return readStoredNotice(openFrame(frame, limits), 1);
}

export function readStoredNotice(reader: Reader, depth: number): StoredNotice {
  const { data, pointers, end } = reader;
  return {
    kind: reader.text(pointers, end, 32, "StoredNotice.kind"),
    atMs: reader.safeInteger(data, pointers, false, "StoredNotice.atMs"),
    name: reader.text(pointers + 8, end, 256, "StoredNotice.name"),
    names: readListOfText(reader, pointers + 16, end, 1024, 64, depth, "StoredNotice.names"),
    count: reader.safeInteger(data + 8, pointers, false, "StoredNotice.count"),
    code: reader.text(pointers + 24, end, 64, "StoredNotice.code"),
  };
}

export function writeStoredNotice(writer: Writer, at: number, value: StoredNotice): void {
  writer.text(at + 16, value.kind, 32, "StoredNotice.kind");
  writer.safeInteger(at, value.atMs, false);
  writer.text(at + 24, value.name, 256, "StoredNotice.name");
  if (value.names.length !== 0) {
    writeListOfText(writer, at + 32, value.names, 1024, 64, "StoredNotice.names");
  }
  writer.safeInteger(at + 8, value.count, false);
  writer.text(at + 40, value.code, 64, "StoredNotice.code");
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeStoredQueued(value: StoredQueued): Uint8Array {
  const writer = openWriter(3, 4);
  writeStoredQueued(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeStoredQueued(frame: Uint8Array, limits?: DecodeLimits): StoredQueued {
  return readStoredQueued(openFrame(frame, limits), 1);
}

export function readStoredQueued(reader: Reader, _depth: number): StoredQueued {
  const { data, pointers, end } = reader;
  return {
    position: reader.safeInteger(data, pointers, false, "StoredQueued.position"),
    messageId: reader.bytes(pointers, end, 16, "StoredQueued.messageId"),
    body: reader.bytes(pointers + 8, end, 65_536, "StoredQueued.body"),
    entryId: reader.bytes(pointers + 16, end, 16, "StoredQueued.entryId"),
    message: reader.bytes(pointers + 24, end, 65_536, "StoredQueued.message"),
    epoch: reader.safeInteger(data + 8, pointers, false, "StoredQueued.epoch"),
    sequence: reader.safeInteger(data + 16, pointers, false, "StoredQueued.sequence"),
  };
}

export function writeStoredQueued(writer: Writer, at: number, value: StoredQueued): void {
  writer.safeInteger(at, value.position, false);
  writer.data(at + 24, value.messageId, 16, "StoredQueued.messageId");
  writer.data(at + 32, value.body, 65_536, "StoredQueued.body");
  writer.data(at + 40, value.entryId, 16, "StoredQueued.entryId");
  writer.data(at + 48, value.message, 65_536, "StoredQueued.message");
  writer.safeInteger(at + 8, value.epoch, false);
  writer.safeInteger(at + 16, value.sequence, false);
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeStoredEvent(value: StoredEvent): Uint8Array {
  const writer = openWriter(2, 1);
  writeStoredEvent(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeStoredEvent(frame: Uint8Array, limits?: DecodeLimits): StoredEvent {
  return readStoredEvent(openFrame(frame, limits), 1);
}

export function readStoredEvent(reader: Reader, _depth: number): StoredEvent {
  const { data, pointers, end } = reader;
  return {
    conversationId: reader.bytes(pointers, end, 64, "StoredEvent.conversationId"),
    kind: readEventKind(reader.uint16(data, pointers)),
    position: reader.safeInteger(data + 8, pointers, false, "StoredEvent.position"),
  };
}

export function writeStoredEvent(writer: Writer, at: number, value: StoredEvent): void {
  writer.data(at + 16, value.conversationId, 64, "StoredEvent.conversationId");
  writer.uint16(at, ordinalOfEventKind(value.kind));
  writer.safeInteger(at + 8, value.position, false);
}

export function readTextState(ordinal: number): TextState {
  switch (ordinal) {
    case 0:
      return "received";
    case 1:
      return "pending";
    case 2:
      return "sent";
    case 3:
      return "failed";
    default:
      return "unknown";
  }
}

export function ordinalOfTextState(value: TextState): number {
  switch (value) {
    case "received":
      return 0;
    case "pending":
      return 1;
    case "sent":
      return 2;
    case "failed":
      return 3;
    default:
      return refuseUnknown("TextState");
  }
}

export function readEventKind(ordinal: number): EventKind {
  switch (ordinal) {
    case 0:
      return "item";
    case 1:
      return "itemChanged";
    case 2:
      return "conversation";
    default:
      return "unknown";
  }
}

export function ordinalOfEventKind(value: EventKind): number {
  switch (value) {
    case "item":
      return 0;
    case "itemChanged":
      return 1;
    case "conversation":
      return 2;
    default:
      return refuseUnknown("EventKind");
  }
}

function readListOfText(
  reader: Reader,
  pointerAt: number,
  end: number,
  itemsMax: number,
  itemMax: number,
  depth: number,
  field: string,
): string[] {
  const count = reader.openList(pointerAt, end, ELEMENT.pointer, itemsMax, depth, field);
  const { listAt, stride } = reader;
  const items: string[] = [];
  for (let index = 0; index < count; index++) {
    const at = listAt + index * stride;
    items.push(reader.text(at, at + 8, itemMax, field));
  }
  return items;
}

function writeListOfText(
  writer: Writer,
  pointerAt: number,
  items: readonly string[],
  itemsMax: number,
  itemMax: number,
  field: string,
): void {
  let at = writer.list(
    pointerAt,
    ELEMENT.pointer,
    64,
    items.length,
    itemsMax,
    field,
  );
  for (const item of items) {
    writer.text(at, item, itemMax, field);
    at += 8;
  }
}
