// Generated from groups.capnp by scripts/generate.ts: change the schema, not this file.
import {
  type DecodeLimits,
  ELEMENT,
  openFrame,
  openWriter,
  type Reader,
  refuseUnknown,
  type Writer,
} from "@qpq/capnp";

export type ConversationKind = "group" | "directMessage" | "unknown";

export type ConversationState =
  | "joining"
  | "invited"
  | "active"
  | "leaving"
  | "left"
  | "removed"
  | "closed"
  | "broken"
  | "unknown";

export type CommitCall = "create" | "commit" | "enter" | "succeed" | "leave" | "unknown";

/** The data of the group context extension 0xF071. */
export type ConversationContext =
  & {
    /** Account ids. Empty in a direct message: either side is one. */
    readonly admins: readonly Uint8Array[];
    /** Of a successor: the group that it replaces. */
    readonly predecessor?: Predecessor | undefined;
  }
  & (
    | {
      readonly kind: "group";
    }
    | {
      readonly kind: "directMessage";
      readonly directMessage: {
        readonly lowerAccountId: Uint8Array;
        /** The two accounts, in the order of their bytes. */
        readonly higherAccountId: Uint8Array;
      };
    }
    | { readonly kind: "unknown" }
  );

export interface Predecessor {
  readonly groupId: Uint8Array;
  /** The last that its members agreed on. */
  readonly epoch: number;
  readonly confirmedTranscriptHash: Uint8Array;
}

/** The authenticated data of a commit. */
export interface CommitClaim {
  readonly entryId: Uint8Array;
  /** Accounts without a leaf before the commit, and with one after it. */
  readonly added: readonly Uint8Array[];
  /** Accounts with a leaf before the commit, and without one after it. */
  readonly removed: readonly Uint8Array[];
}

export interface StoredConversation {
  readonly kind: ConversationKind;
  readonly state: ConversationState;
  /** Grows with each change: what was made beside it is written only on the version that it was made of. */
  readonly version: number;
  /** A group's, as its members call it; a direct message's other account. */
  readonly name: string;
  /** That account's id; empty for a group. */
  readonly peerId: Uint8Array;
  /** The last entry that was processed and stored. */
  readonly cursor: number;
  /** Entered by a last-resort key package: a new path comes before anything is sent. */
  readonly needsUpdate: boolean;
  readonly isFromStranger: boolean;
  /** When this device entered anew by itself, within the last day. */
  readonly rejoinedAtMs: readonly bigint[];
  /** Why it is broken: a code. */
  readonly failure: string;
  /** The group's, for showing. */
  readonly epoch: number;
  /**
   * Entered by an external commit, and no other member's message was decrypted since: who its members are is
   * what the server said.
   */
  readonly isUnconfirmed: boolean;
  /** Devices in it with leaves of the own account that its list does not have: nothing is sent. */
  readonly strangers: readonly Uint8Array[];
  /** The counter of the own account's list on which all its leaves of this epoch are; 0: none yet. */
  readonly judgedList: number;
  /**
   * What the conversation goes by, and its history with it: the first of the groups that followed one
   * another. Empty: this one.
   */
  readonly threadId: Uint8Array;
  /** The group in whose place this one comes. */
  readonly predecessorId: Uint8Array;
  /** The group in which the conversation goes on: of this one nothing is shown. */
  readonly successorId: Uint8Array;
  /** When this device last tried to make a successor of the conversation's group. */
  readonly succeededAtMs: number;
  /** Of a broken or closed one: how it stood before, which it does again when this device is back. */
  readonly stood: ConversationState;
  /**
   * Accounts that were added while this device was there, and have said nothing since: not even that they
   * have accepted.
   */
  readonly invitedIds: readonly Uint8Array[];
  /** Of the server's logs: the last that the cursor was brought to after a restore. Empty: none. */
  readonly incarnation: Uint8Array;
}

/** An own commit on its way; beside it stand the upload and the epoch that it leads to. */
export interface StoredCommit {
  readonly call: CommitCall;
  readonly entryId: Uint8Array;
  /** Where the server has put it; 0: not known yet. */
  readonly sequence: number;
}

/** The entry of a channel, or of the inbox, that was being taken in when the program ended, perhaps by it. */
export interface StoredAttempt {
  readonly sequence: number;
  readonly count: number;
}

/** What cursors are worth. */
export interface StoredSync {
  readonly incarnation: Uint8Array;
  readonly inboxAfter: number;
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeConversationContext(value: ConversationContext): Uint8Array {
  const writer = openWriter(1, 4);
  writeConversationContext(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeConversationContext(
  frame: Uint8Array,
  limits?: DecodeLimits,
): ConversationContext {
  return readConversationContext(openFrame(frame, limits), 1);
}

export function readConversationContext(reader: Reader, depth: number): ConversationContext {
  const { data, pointers, end } = reader;
  const fieldAdmins = readListOfData(
    reader,
    pointers + 16,
    end,
    64,
    16,
    depth,
    "ConversationContext.admins",
  );
  const fieldPredecessor = reader.isNull(pointers + 24, end) ? undefined : readPredecessor(
    reader.openStruct(pointers + 24, end, depth, "ConversationContext.predecessor"),
    depth + 1,
  );
  switch (reader.uint16(data, pointers)) {
    case 0:
      return { admins: fieldAdmins, predecessor: fieldPredecessor, kind: "group" };
    case 1:
      return {
        admins: fieldAdmins,
        predecessor: fieldPredecessor,
        kind: "directMessage",
        directMessage: {
          lowerAccountId: reader.bytes(
            pointers,
            end,
            16,
            "ConversationContext.directMessage.lowerAccountId",
          ),
          higherAccountId: reader.bytes(
            pointers + 8,
            end,
            16,
            "ConversationContext.directMessage.higherAccountId",
          ),
        },
      };
    default:
      return { admins: fieldAdmins, predecessor: fieldPredecessor, kind: "unknown" };
  }
}

export function writeConversationContext(
  writer: Writer,
  at: number,
  value: ConversationContext,
): void {
  if (value.admins.length !== 0) {
    writeListOfData(writer, at + 24, value.admins, 64, 16, "ConversationContext.admins");
  }
  if (value.predecessor !== undefined) {
    writePredecessor(writer, writer.struct(at + 32, 1, 2), value.predecessor);
  }
  switch (value.kind) {
    case "group":
      break;
    case "directMessage":
      writer.uint16(at, 1);
      writer.data(
        at + 8,
        value.directMessage.lowerAccountId,
        16,
        "ConversationContext.directMessage.lowerAccountId",
      );
      writer.data(
        at + 16,
        value.directMessage.higherAccountId,
        16,
        "ConversationContext.directMessage.higherAccountId",
      );
      break;
    default:
      refuseUnknown("ConversationContext");
  }
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodePredecessor(value: Predecessor): Uint8Array {
  const writer = openWriter(1, 2);
  writePredecessor(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodePredecessor(frame: Uint8Array, limits?: DecodeLimits): Predecessor {
  return readPredecessor(openFrame(frame, limits), 1);
}

export function readPredecessor(reader: Reader, _depth: number): Predecessor {
  const { data, pointers, end } = reader;
  return {
    groupId: reader.bytes(pointers, end, 64, "Predecessor.groupId"),
    epoch: reader.safeInteger(data, pointers, false, "Predecessor.epoch"),
    confirmedTranscriptHash: reader.bytes(
      pointers + 8,
      end,
      64,
      "Predecessor.confirmedTranscriptHash",
    ),
  };
}

export function writePredecessor(writer: Writer, at: number, value: Predecessor): void {
  writer.data(at + 8, value.groupId, 64, "Predecessor.groupId");
  writer.safeInteger(at, value.epoch, false);
  writer.data(at + 16, value.confirmedTranscriptHash, 64, "Predecessor.confirmedTranscriptHash");
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeCommitClaim(value: CommitClaim): Uint8Array {
  const writer = openWriter(0, 3);
  writeCommitClaim(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeCommitClaim(frame: Uint8Array, limits?: DecodeLimits): CommitClaim {
  return readCommitClaim(openFrame(frame, limits), 1);
}

export function readCommitClaim(reader: Reader, depth: number): CommitClaim {
  const { pointers, end } = reader;
  return {
    entryId: reader.bytes(pointers, end, 16, "CommitClaim.entryId"),
    added: readListOfData(reader, pointers + 8, end, 1024, 16, depth, "CommitClaim.added"),
    removed: readListOfData(reader, pointers + 16, end, 1024, 16, depth, "CommitClaim.removed"),
  };
}

export function writeCommitClaim(writer: Writer, at: number, value: CommitClaim): void {
  writer.data(at, value.entryId, 16, "CommitClaim.entryId");
  if (value.added.length !== 0) {
    writeListOfData(writer, at + 8, value.added, 1024, 16, "CommitClaim.added");
  }
  if (value.removed.length !== 0) {
    writeListOfData(writer, at + 16, value.removed, 1024, 16, "CommitClaim.removed");
  }
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeStoredConversation(value: StoredConversation): Uint8Array {
  const writer = openWriter(6, 10);
  writeStoredConversation(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeStoredConversation(
  frame: Uint8Array,
  limits?: DecodeLimits,
): StoredConversation {
  return readStoredConversation(openFrame(frame, limits), 1);
}

export function readStoredConversation(reader: Reader, depth: number): StoredConversation {
  const { data, pointers, end } = reader;
  return {
    kind: readConversationKind(reader.uint16(data, pointers)),
    state: readConversationState(reader.uint16(data + 2, pointers)),
    version: reader.safeInteger(data + 8, pointers, false, "StoredConversation.version"),
    name: reader.text(pointers, end, 256, "StoredConversation.name"),
    peerId: reader.bytes(pointers + 8, end, 16, "StoredConversation.peerId"),
    cursor: reader.safeInteger(data + 16, pointers, false, "StoredConversation.cursor"),
    needsUpdate: reader.bool(data + 4, 0, pointers),
    isFromStranger: reader.bool(data + 4, 1, pointers),
    rejoinedAtMs: readListOfUint64(
      reader,
      pointers + 16,
      end,
      8,
      depth,
      "StoredConversation.rejoinedAtMs",
    ),
    failure: reader.text(pointers + 24, end, 64, "StoredConversation.failure"),
    epoch: reader.safeInteger(data + 24, pointers, false, "StoredConversation.epoch"),
    isUnconfirmed: reader.bool(data + 4, 2, pointers),
    strangers: readListOfData(
      reader,
      pointers + 32,
      end,
      1024,
      16,
      depth,
      "StoredConversation.strangers",
    ),
    judgedList: reader.safeInteger(data + 32, pointers, false, "StoredConversation.judgedList"),
    threadId: reader.bytes(pointers + 40, end, 64, "StoredConversation.threadId"),
    predecessorId: reader.bytes(pointers + 48, end, 64, "StoredConversation.predecessorId"),
    successorId: reader.bytes(pointers + 56, end, 64, "StoredConversation.successorId"),
    succeededAtMs: reader.safeInteger(
      data + 40,
      pointers,
      false,
      "StoredConversation.succeededAtMs",
    ),
    stood: readConversationState(reader.uint16(data + 6, pointers)),
    invitedIds: readListOfData(
      reader,
      pointers + 64,
      end,
      1024,
      16,
      depth,
      "StoredConversation.invitedIds",
    ),
    incarnation: reader.bytes(pointers + 72, end, 16, "StoredConversation.incarnation"),
  };
}

export function writeStoredConversation(
  writer: Writer,
  at: number,
  value: StoredConversation,
): void {
  writer.uint16(at, ordinalOfConversationKind(value.kind));
  writer.uint16(at + 2, ordinalOfConversationState(value.state));
  writer.safeInteger(at + 8, value.version, false);
  writer.text(at + 48, value.name, 256, "StoredConversation.name");
  writer.data(at + 56, value.peerId, 16, "StoredConversation.peerId");
  writer.safeInteger(at + 16, value.cursor, false);
  writer.bool(at + 4, 0, value.needsUpdate);
  writer.bool(at + 4, 1, value.isFromStranger);
  if (value.rejoinedAtMs.length !== 0) {
    writeListOfUint64(writer, at + 64, value.rejoinedAtMs, 8, "StoredConversation.rejoinedAtMs");
  }
  writer.text(at + 72, value.failure, 64, "StoredConversation.failure");
  writer.safeInteger(at + 24, value.epoch, false);
  writer.bool(at + 4, 2, value.isUnconfirmed);
  if (value.strangers.length !== 0) {
    writeListOfData(writer, at + 80, value.strangers, 1024, 16, "StoredConversation.strangers");
  }
  writer.safeInteger(at + 32, value.judgedList, false);
  writer.data(at + 88, value.threadId, 64, "StoredConversation.threadId");
  writer.data(at + 96, value.predecessorId, 64, "StoredConversation.predecessorId");
  writer.data(at + 104, value.successorId, 64, "StoredConversation.successorId");
  writer.safeInteger(at + 40, value.succeededAtMs, false);
  writer.uint16(at + 6, ordinalOfConversationState(value.stood));
  if (value.invitedIds.length !== 0) {
    writeListOfData(writer, at + 112, value.invitedIds, 1024, 16, "StoredConversation.invitedIds");
  }
  writer.data(at + 120, value.incarnation, 16, "StoredConversation.incarnation");
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeStoredCommit(value: StoredCommit): Uint8Array {
  const writer = openWriter(2, 1);
  writeStoredCommit(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeStoredCommit(frame: Uint8Array, limits?: DecodeLimits): StoredCommit {
  return readStoredCommit(openFrame(frame, limits), 1);
}

export function readStoredCommit(reader: Reader, _depth: number): StoredCommit {
  const { data, pointers, end } = reader;
  return {
    call: readCommitCall(reader.uint16(data, pointers)),
    entryId: reader.bytes(pointers, end, 16, "StoredCommit.entryId"),
    sequence: reader.safeInteger(data + 8, pointers, false, "StoredCommit.sequence"),
  };
}

export function writeStoredCommit(writer: Writer, at: number, value: StoredCommit): void {
  writer.uint16(at, ordinalOfCommitCall(value.call));
  writer.data(at + 16, value.entryId, 16, "StoredCommit.entryId");
  writer.safeInteger(at + 8, value.sequence, false);
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeStoredAttempt(value: StoredAttempt): Uint8Array {
  const writer = openWriter(2, 0);
  writeStoredAttempt(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeStoredAttempt(frame: Uint8Array, limits?: DecodeLimits): StoredAttempt {
  return readStoredAttempt(openFrame(frame, limits), 1);
}

export function readStoredAttempt(reader: Reader, _depth: number): StoredAttempt {
  const { data, pointers } = reader;
  return {
    sequence: reader.safeInteger(data, pointers, false, "StoredAttempt.sequence"),
    count: reader.uint32(data + 8, pointers),
  };
}

export function writeStoredAttempt(writer: Writer, at: number, value: StoredAttempt): void {
  writer.safeInteger(at, value.sequence, false);
  writer.uint32(at + 8, value.count);
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeStoredSync(value: StoredSync): Uint8Array {
  const writer = openWriter(1, 1);
  writeStoredSync(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeStoredSync(frame: Uint8Array, limits?: DecodeLimits): StoredSync {
  return readStoredSync(openFrame(frame, limits), 1);
}

export function readStoredSync(reader: Reader, _depth: number): StoredSync {
  const { data, pointers, end } = reader;
  return {
    incarnation: reader.bytes(pointers, end, 16, "StoredSync.incarnation"),
    inboxAfter: reader.safeInteger(data, pointers, false, "StoredSync.inboxAfter"),
  };
}

export function writeStoredSync(writer: Writer, at: number, value: StoredSync): void {
  writer.data(at + 8, value.incarnation, 16, "StoredSync.incarnation");
  writer.safeInteger(at, value.inboxAfter, false);
}

export function readConversationKind(ordinal: number): ConversationKind {
  switch (ordinal) {
    case 0:
      return "group";
    case 1:
      return "directMessage";
    default:
      return "unknown";
  }
}

export function ordinalOfConversationKind(value: ConversationKind): number {
  switch (value) {
    case "group":
      return 0;
    case "directMessage":
      return 1;
    default:
      return refuseUnknown("ConversationKind");
  }
}

export function readConversationState(ordinal: number): ConversationState {
  switch (ordinal) {
    case 0:
      return "joining";
    case 1:
      return "invited";
    case 2:
      return "active";
    case 3:
      return "leaving";
    case 4:
      return "left";
    case 5:
      return "removed";
    case 6:
      return "closed";
    case 7:
      return "broken";
    default:
      return "unknown";
  }
}

export function ordinalOfConversationState(value: ConversationState): number {
  switch (value) {
    case "joining":
      return 0;
    case "invited":
      return 1;
    case "active":
      return 2;
    case "leaving":
      return 3;
    case "left":
      return 4;
    case "removed":
      return 5;
    case "closed":
      return 6;
    case "broken":
      return 7;
    default:
      return refuseUnknown("ConversationState");
  }
}

export function readCommitCall(ordinal: number): CommitCall {
  switch (ordinal) {
    case 0:
      return "create";
    case 1:
      return "commit";
    case 2:
      return "enter";
    case 3:
      return "succeed";
    case 4:
      return "leave";
    default:
      return "unknown";
  }
}

export function ordinalOfCommitCall(value: CommitCall): number {
  switch (value) {
    case "create":
      return 0;
    case "commit":
      return 1;
    case "enter":
      return 2;
    case "succeed":
      return 3;
    case "leave":
      return 4;
    default:
      return refuseUnknown("CommitCall");
  }
}

function readListOfData(
  reader: Reader,
  pointerAt: number,
  end: number,
  itemsMax: number,
  itemMax: number,
  depth: number,
  field: string,
): Uint8Array[] {
  const count = reader.openList(pointerAt, end, ELEMENT.pointer, itemsMax, depth, field);
  const { listAt, stride } = reader;
  const items: Uint8Array[] = [];
  for (let index = 0; index < count; index++) {
    const at = listAt + index * stride;
    items.push(reader.bytes(at, at + 8, itemMax, field));
  }
  return items;
}

function writeListOfData(
  writer: Writer,
  pointerAt: number,
  items: readonly Uint8Array[],
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
    writer.data(at, item, itemMax, field);
    at += 8;
  }
}

function readListOfUint64(
  reader: Reader,
  pointerAt: number,
  end: number,
  itemsMax: number,
  depth: number,
  field: string,
): bigint[] {
  const count = reader.openList(pointerAt, end, ELEMENT.eightBytes, itemsMax, depth, field);
  const { listAt, stride } = reader;
  const items: bigint[] = [];
  for (let index = 0; index < count; index++) {
    const at = listAt + index * stride;
    items.push(reader.uint64(at, at + 8));
  }
  return items;
}

function writeListOfUint64(
  writer: Writer,
  pointerAt: number,
  items: readonly bigint[],
  itemsMax: number,
  field: string,
): void {
  let at = writer.list(
    pointerAt,
    ELEMENT.eightBytes,
    64,
    items.length,
    itemsMax,
    field,
  );
  for (const item of items) {
    writer.uint64(at, item);
    at += 8;
  }
}
