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
