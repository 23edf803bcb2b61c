// Generated from channels.capnp by scripts/generate.ts: change the schema, not this file.
import {
  type BoundMethod,
  CALL_BYTES_MAX,
  type Caller,
  type CallOptions,
  type DecodeLimits,
  ELEMENT,
  type Method,
  openFrame,
  openWriter,
  type Reader,
  refuseUnknown,
  type Writer,
} from "@qpq/capnp";

export type EntryKind = "application" | "proposal" | "commit" | "closed" | "unknown";

export type GapReason = "expired" | "notMember" | "unknown";

export interface Recipient {
  readonly accountId: Uint8Array;
  readonly deviceId: Uint8Array;
}

export interface WelcomeUpload {
  /** An MLSMessage. */
  readonly message: Uint8Array;
  readonly recipients: readonly Recipient[];
}

/** A commit and all that takes effect with it. */
export interface CommitUpload {
  /** Of the client's making. The same again, with the same bytes, has the same result. */
  readonly entryId: Uint8Array;
  /** An MLSMessage. */
  readonly message: Uint8Array;
  /** An MLSMessage: of the epoch that the commit begins, with tree and external key. */
  readonly groupInfo: Uint8Array;
  /** Together at most as large as one may be. */
  readonly welcomes: readonly WelcomeUpload[];
}

export interface Cursor {
  readonly channelId: Uint8Array;
  /** The last sequence number that is not wanted any more; 0: none. */
  readonly after: number;
}

export interface Entry {
  /** 1, 2, 3 … in its channel. */
  readonly sequence: number;
  readonly kind: EntryKind;
  /** The server's wall clock, milliseconds since 1970. */
  readonly acceptedAtMs: number;
  readonly entryId: Uint8Array;
  /** An MLSMessage; empty when it is too large for where this entry stands. */
  readonly message: Uint8Array;
  /** Its length, here or not. */
  readonly messageBytes: number;
}

/** Entries that this reader won't get: sequence numbers, both included. */
export interface Gap {
  readonly from: number;
  readonly to: number;
  readonly reason: GapReason;
}

export type ChannelEvent =
  & {
    readonly channelId: Uint8Array;
  }
  & (
    | {
      /** One behind the other. */
      readonly kind: "entries";
      readonly entries: readonly Entry[];
    }
    | {
      readonly kind: "gap";
      readonly gap: Gap;
    }
    | {
      /** All that was there is sent: the channel's last sequence number. Once for each channel. */
      readonly kind: "caughtUp";
      readonly caughtUp: number;
    }
    | {
      /** The reader gets nothing of this channel, now or later, unless it is added anew. */
      readonly kind: "notMember";
    }
    | { readonly kind: "unknown" }
  );

export interface InboxEntry {
  /** 1, 2, 3 … in this inbox. */
  readonly sequence: number;
  readonly acceptedAtMs: number;
  readonly channelId: Uint8Array;
  /** Of the commit that this Welcome came with: the channel is read behind it. */
  readonly channelSequence: number;
  /** An MLSMessage; empty when it is too large for where this entry stands. */
  readonly welcome: Uint8Array;
  readonly welcomeBytes: number;
}

export type InboxEvent =
  | {
    readonly kind: "entries";
    readonly entries: readonly InboxEntry[];
  }
  | {
    readonly kind: "gap";
    readonly gap: Gap;
  }
  | {
    readonly kind: "caughtUp";
    readonly caughtUp: number;
  }
  | { readonly kind: "unknown" };

export interface ChannelsCreateParams {
  readonly upload: CommitUpload;
}

export interface ChannelsCreateResults {
  readonly channelId: Uint8Array;
  readonly sequence: number;
  readonly isNew: boolean;
  readonly undelivered: readonly Recipient[];
}

export interface ChannelsAppendParams {
  readonly channelId: Uint8Array;
  readonly entryId: Uint8Array;
  readonly message: Uint8Array;
}

export interface ChannelsAppendResults {
  readonly sequence: number;
  readonly acceptedAtMs: number;
}

export interface ChannelsCommitParams {
  readonly channelId: Uint8Array;
  readonly upload: CommitUpload;
}

export interface ChannelsCommitResults {
  readonly sequence: number;
  readonly undelivered: readonly Recipient[];
}

export interface ChannelsReadParams {
  readonly incarnation: Uint8Array;
  readonly cursor: Cursor;
  readonly countMax: number;
}

export interface ChannelsReadResults {
  readonly gap?: Gap | undefined;
  readonly entries: readonly Entry[];
  readonly head: number;
}

export interface ChannelsSubscribeParams {
  readonly incarnation: Uint8Array;
  readonly cursors: readonly Cursor[];
  readonly inboxAfter: number;
}

export interface ChannelsSubscribeResults {
  readonly channels: readonly ChannelEvent[];
  readonly inbox: readonly InboxEvent[];
  readonly allSent: boolean;
}

export interface ChannelsAcknowledgeParams {
  readonly incarnation: Uint8Array;
  readonly cursors: readonly Cursor[];
  readonly inboxAfter: number;
}

export type ChannelsAcknowledgeResults = Readonly<Record<never, never>>;

export interface ChannelsMembersParams {
  readonly channelId: Uint8Array;
}

export interface ChannelsMembersResults {
  readonly accounts: readonly Uint8Array[];
  readonly epoch: number;
  readonly sequence: number;
  readonly reports: number;
  readonly successor: Uint8Array;
}

export interface ChannelsGroupInfoParams {
  readonly channelId: Uint8Array;
}

export interface ChannelsGroupInfoResults {
  readonly groupInfo: Uint8Array;
  readonly epoch: number;
  readonly sequence: number;
}

export interface ChannelsWelcomeParams {
  readonly incarnation: Uint8Array;
  readonly sequence: number;
}

export interface ChannelsWelcomeResults {
  readonly welcome: Uint8Array;
}

export interface ChannelsReportParams {
  readonly channelId: Uint8Array;
  readonly sequence: number;
}

export type ChannelsReportResults = Readonly<Record<never, never>>;

export interface ChannelsSucceedParams {
  readonly channelId: Uint8Array;
  readonly upload: CommitUpload;
}

export interface ChannelsSucceedResults {
  readonly successorId: Uint8Array;
  readonly sequence: number;
  readonly undelivered: readonly Recipient[];
}

export interface ChannelsReadInboxParams {
  readonly incarnation: Uint8Array;
  readonly after: number;
  readonly countMax: number;
}

export interface ChannelsReadInboxResults {
  readonly gap?: Gap | undefined;
  readonly entries: readonly InboxEntry[];
  readonly head: number;
}

/** Of a channel: what each append reads and writes. */
export interface StoredHead {
  /** The one that application entries must have. */
  readonly epoch: number;
  /** The last entry's. */
  readonly sequence: number;
  /** The first entry that is still there; sequence + 1 when none is. */
  readonly firstSequence: number;
  /** The last commit's. */
  readonly commitSequence: number;
  /** The account that made it. */
  readonly committer: Uint8Array;
  readonly membersCount: number;
  /** Empty while the channel is open. */
  readonly successor: Uint8Array;
  /** Of those who sent last, latest last: here, not in their own records, so that an append writes less. */
  readonly usage: readonly StoredUsage[];
}

export interface StoredUsage {
  readonly accountId: Uint8Array;
  /** Application entries that the account sent and that are still there, … */
  readonly entriesCount: number;
  /** … and their bytes. */
  readonly entriesBytes: number;
}

/** What only commits read. */
export interface StoredChannel {
  readonly cipherSuite: number;
  /** ConversationContext, as the extension had it last. */
  readonly context: Uint8Array;
  readonly createdAtMs: number;
}

export interface StoredEntry {
  readonly kind: EntryKind;
  readonly acceptedAtMs: number;
  readonly entryId: Uint8Array;
  /** Who sent it; empty for the server. */
  readonly accountId: Uint8Array;
  readonly message: Uint8Array;
  /** Above 65536 the message is a body of its own. */
  readonly messageBytes: number;
}

/** An account that is, or was, a member of a channel. */
export interface StoredMember {
  /** Oldest first. */
  readonly spans: readonly StoredSpan[];
  readonly entriesCount: number;
  /** As in StoredUsage, which counts where the head has one for this account. */
  readonly entriesBytes: number;
  /** The account that put this one in; empty when it came by itself, or has sent something since. */
  readonly addedBy: Uint8Array;
}

export interface StoredSpan {
  /** The commit that added it. */
  readonly from: number;
  /** The commit that removed it; 0 for a member. */
  readonly to: number;
}

/** What a device's entry id stands for. */
export interface StoredEntryId {
  /** SHA-256 of all that came with it. */
  readonly hash: Uint8Array;
  readonly channelId: Uint8Array;
  readonly sequence: number;
  readonly acceptedAtMs: number;
}

export interface StoredInboxHead {
  readonly sequence: number;
  readonly firstSequence: number;
  readonly acknowledged: number;
  /** The device is gone: the sweep deletes all of it. */
  readonly isForgotten: boolean;
}

export interface StoredInboxEntry {
  readonly acceptedAtMs: number;
  readonly channelId: Uint8Array;
  readonly channelSequence: number;
  /** Among those of that commit. */
  readonly welcomeIndex: number;
  readonly welcomeBytes: number;
}

export const channelsMethods: {
  readonly create: Method<ChannelsCreateParams, ChannelsCreateResults>;
  readonly append: Method<ChannelsAppendParams, ChannelsAppendResults>;
  readonly commit: Method<ChannelsCommitParams, ChannelsCommitResults>;
  readonly read: Method<ChannelsReadParams, ChannelsReadResults>;
  readonly subscribe: Method<ChannelsSubscribeParams, ChannelsSubscribeResults>;
  readonly acknowledge: Method<ChannelsAcknowledgeParams, ChannelsAcknowledgeResults>;
  readonly members: Method<ChannelsMembersParams, ChannelsMembersResults>;
  readonly groupInfo: Method<ChannelsGroupInfoParams, ChannelsGroupInfoResults>;
  readonly welcome: Method<ChannelsWelcomeParams, ChannelsWelcomeResults>;
  readonly report: Method<ChannelsReportParams, ChannelsReportResults>;
  readonly succeed: Method<ChannelsSucceedParams, ChannelsSucceedResults>;
  readonly readInbox: Method<ChannelsReadInboxParams, ChannelsReadInboxResults>;
} = {
  create: {
    interfaceId: 0x860e0e01fb4df842n,
    ordinal: 0,
    name: "channels/create",
    kind: "large",
    encodeParams: encodeChannelsCreateParams,
    decodeParams: (frame) => decodeChannelsCreateParams(frame, { bytesMax: 25_690_112 }),
    encodeResults: encodeChannelsCreateResults,
    decodeResults: (frame) => decodeChannelsCreateResults(frame, { bytesMax: 262_144 }),
    paramsBytesMax: 25_690_112,
    resultsBytesMax: 262_144,
  },
  append: {
    interfaceId: 0x860e0e01fb4df842n,
    ordinal: 1,
    name: "channels/append",
    kind: "call",
    encodeParams: encodeChannelsAppendParams,
    decodeParams: decodeChannelsAppendParams,
    encodeResults: encodeChannelsAppendResults,
    decodeResults: decodeChannelsAppendResults,
    paramsBytesMax: CALL_BYTES_MAX,
    resultsBytesMax: CALL_BYTES_MAX,
  },
  commit: {
    interfaceId: 0x860e0e01fb4df842n,
    ordinal: 2,
    name: "channels/commit",
    kind: "large",
    encodeParams: encodeChannelsCommitParams,
    decodeParams: (frame) => decodeChannelsCommitParams(frame, { bytesMax: 25_690_112 }),
    encodeResults: encodeChannelsCommitResults,
    decodeResults: (frame) => decodeChannelsCommitResults(frame, { bytesMax: 262_144 }),
    paramsBytesMax: 25_690_112,
    resultsBytesMax: 262_144,
  },
  read: {
    interfaceId: 0x860e0e01fb4df842n,
    ordinal: 3,
    name: "channels/read",
    kind: "large",
    encodeParams: encodeChannelsReadParams,
    decodeParams: (frame) => decodeChannelsReadParams(frame, { bytesMax: 262_144 }),
    encodeResults: encodeChannelsReadResults,
    decodeResults: (frame) => decodeChannelsReadResults(frame, { bytesMax: 8_650_752 }),
    paramsBytesMax: 262_144,
    resultsBytesMax: 8_650_752,
  },
  subscribe: {
    interfaceId: 0x860e0e01fb4df842n,
    ordinal: 4,
    name: "channels/subscribe",
    kind: "subscription",
    encodeParams: encodeChannelsSubscribeParams,
    decodeParams: decodeChannelsSubscribeParams,
    encodeResults: encodeChannelsSubscribeResults,
    decodeResults: decodeChannelsSubscribeResults,
    paramsBytesMax: CALL_BYTES_MAX,
    resultsBytesMax: CALL_BYTES_MAX,
  },
  acknowledge: {
    interfaceId: 0x860e0e01fb4df842n,
    ordinal: 5,
    name: "channels/acknowledge",
    kind: "call",
    encodeParams: encodeChannelsAcknowledgeParams,
    decodeParams: decodeChannelsAcknowledgeParams,
    encodeResults: encodeChannelsAcknowledgeResults,
    decodeResults: decodeChannelsAcknowledgeResults,
    paramsBytesMax: CALL_BYTES_MAX,
    resultsBytesMax: CALL_BYTES_MAX,
  },
  members: {
    interfaceId: 0x860e0e01fb4df842n,
    ordinal: 6,
    name: "channels/members",
    kind: "call",
    encodeParams: encodeChannelsMembersParams,
    decodeParams: decodeChannelsMembersParams,
    encodeResults: encodeChannelsMembersResults,
    decodeResults: decodeChannelsMembersResults,
    paramsBytesMax: CALL_BYTES_MAX,
    resultsBytesMax: CALL_BYTES_MAX,
  },
  groupInfo: {
    interfaceId: 0x860e0e01fb4df842n,
    ordinal: 7,
    name: "channels/group-info",
    kind: "large",
    encodeParams: encodeChannelsGroupInfoParams,
    decodeParams: (frame) => decodeChannelsGroupInfoParams(frame, { bytesMax: 262_144 }),
    encodeResults: encodeChannelsGroupInfoResults,
    decodeResults: (frame) => decodeChannelsGroupInfoResults(frame, { bytesMax: 8_650_752 }),
    paramsBytesMax: 262_144,
    resultsBytesMax: 8_650_752,
  },
  welcome: {
    interfaceId: 0x860e0e01fb4df842n,
    ordinal: 8,
    name: "channels/welcome",
    kind: "large",
    encodeParams: encodeChannelsWelcomeParams,
    decodeParams: (frame) => decodeChannelsWelcomeParams(frame, { bytesMax: 262_144 }),
    encodeResults: encodeChannelsWelcomeResults,
    decodeResults: (frame) => decodeChannelsWelcomeResults(frame, { bytesMax: 8_650_752 }),
    paramsBytesMax: 262_144,
    resultsBytesMax: 8_650_752,
  },
  report: {
    interfaceId: 0x860e0e01fb4df842n,
    ordinal: 9,
    name: "channels/report",
    kind: "call",
    encodeParams: encodeChannelsReportParams,
    decodeParams: decodeChannelsReportParams,
    encodeResults: encodeChannelsReportResults,
    decodeResults: decodeChannelsReportResults,
    paramsBytesMax: CALL_BYTES_MAX,
    resultsBytesMax: CALL_BYTES_MAX,
  },
  succeed: {
    interfaceId: 0x860e0e01fb4df842n,
    ordinal: 10,
    name: "channels/succeed",
    kind: "large",
    encodeParams: encodeChannelsSucceedParams,
    decodeParams: (frame) => decodeChannelsSucceedParams(frame, { bytesMax: 25_690_112 }),
    encodeResults: encodeChannelsSucceedResults,
    decodeResults: (frame) => decodeChannelsSucceedResults(frame, { bytesMax: 262_144 }),
    paramsBytesMax: 25_690_112,
    resultsBytesMax: 262_144,
  },
  readInbox: {
    interfaceId: 0x860e0e01fb4df842n,
    ordinal: 11,
    name: "channels/read-inbox",
    kind: "call",
    encodeParams: encodeChannelsReadInboxParams,
    decodeParams: decodeChannelsReadInboxParams,
    encodeResults: encodeChannelsReadInboxResults,
    decodeResults: decodeChannelsReadInboxResults,
    paramsBytesMax: CALL_BYTES_MAX,
    resultsBytesMax: CALL_BYTES_MAX,
  },
};

/** Everything here needs a device. */
export interface ChannelsClient {
  create(params: ChannelsCreateParams, options?: CallOptions): Promise<ChannelsCreateResults>;
  /** An application message, or a SelfRemove. Durable when it returns. */
  append(params: ChannelsAppendParams, options?: CallOptions): Promise<ChannelsAppendResults>;
  commit(params: ChannelsCommitParams, options?: CallOptions): Promise<ChannelsCommitResults>;
  read(params: ChannelsReadParams, options?: CallOptions): Promise<ChannelsReadResults>;
  /** All channels of the account, also those that it comes into later, and the device's inbox. */
  subscribe(
    params: ChannelsSubscribeParams,
    options?: CallOptions,
  ): AsyncIterable<ChannelsSubscribeResults>;
  /** What this device has stored. Channels it may not read any more are passed over. */
  acknowledge(
    params: ChannelsAcknowledgeParams,
    options?: CallOptions,
  ): Promise<ChannelsAcknowledgeResults>;
  members(params: ChannelsMembersParams, options?: CallOptions): Promise<ChannelsMembersResults>;
  groupInfo(
    params: ChannelsGroupInfoParams,
    options?: CallOptions,
  ): Promise<ChannelsGroupInfoResults>;
  /** Of the device's inbox: one that was too large for the subscription. */
  welcome(params: ChannelsWelcomeParams, options?: CallOptions): Promise<ChannelsWelcomeResults>;
  /** This device can't process the last commit, which has that sequence number. */
  report(params: ChannelsReportParams, options?: CallOptions): Promise<ChannelsReportResults>;
  /** Creates the one successor of a channel and closes it, in one. */
  succeed(params: ChannelsSucceedParams, options?: CallOptions): Promise<ChannelsSucceedResults>;
  readInbox(
    params: ChannelsReadInboxParams,
    options?: CallOptions,
  ): Promise<ChannelsReadInboxResults>;
}

export function channelsClient(caller: Caller): ChannelsClient {
  return {
    create: (params, options) => caller.call(channelsMethods.create, params, options),
    append: (params, options) => caller.call(channelsMethods.append, params, options),
    commit: (params, options) => caller.call(channelsMethods.commit, params, options),
    read: (params, options) => caller.call(channelsMethods.read, params, options),
    subscribe: (params, options) => caller.subscribe(channelsMethods.subscribe, params, options),
    acknowledge: (params, options) => caller.call(channelsMethods.acknowledge, params, options),
    members: (params, options) => caller.call(channelsMethods.members, params, options),
    groupInfo: (params, options) => caller.call(channelsMethods.groupInfo, params, options),
    welcome: (params, options) => caller.call(channelsMethods.welcome, params, options),
    report: (params, options) => caller.call(channelsMethods.report, params, options),
    succeed: (params, options) => caller.call(channelsMethods.succeed, params, options),
    readInbox: (params, options) => caller.call(channelsMethods.readInbox, params, options),
  };
}

export interface ChannelsHandlers<Context> {
  create(
    params: ChannelsCreateParams,
    context: Context,
    signal: AbortSignal,
  ): Promise<ChannelsCreateResults>;
  /** An application message, or a SelfRemove. Durable when it returns. */
  append(
    params: ChannelsAppendParams,
    context: Context,
    signal: AbortSignal,
  ): Promise<ChannelsAppendResults>;
  commit(
    params: ChannelsCommitParams,
    context: Context,
    signal: AbortSignal,
  ): Promise<ChannelsCommitResults>;
  read(
    params: ChannelsReadParams,
    context: Context,
    signal: AbortSignal,
  ): Promise<ChannelsReadResults>;
  /** All channels of the account, also those that it comes into later, and the device's inbox. */
  subscribe(
    params: ChannelsSubscribeParams,
    context: Context,
    signal: AbortSignal,
  ): AsyncIterable<ChannelsSubscribeResults>;
  /** What this device has stored. Channels it may not read any more are passed over. */
  acknowledge(
    params: ChannelsAcknowledgeParams,
    context: Context,
    signal: AbortSignal,
  ): Promise<ChannelsAcknowledgeResults>;
  members(
    params: ChannelsMembersParams,
    context: Context,
    signal: AbortSignal,
  ): Promise<ChannelsMembersResults>;
  groupInfo(
    params: ChannelsGroupInfoParams,
    context: Context,
    signal: AbortSignal,
  ): Promise<ChannelsGroupInfoResults>;
  /** Of the device's inbox: one that was too large for the subscription. */
  welcome(
    params: ChannelsWelcomeParams,
    context: Context,
    signal: AbortSignal,
  ): Promise<ChannelsWelcomeResults>;
  /** This device can't process the last commit, which has that sequence number. */
  report(
    params: ChannelsReportParams,
    context: Context,
    signal: AbortSignal,
  ): Promise<ChannelsReportResults>;
  /** Creates the one successor of a channel and closes it, in one. */
  succeed(
    params: ChannelsSucceedParams,
    context: Context,
    signal: AbortSignal,
  ): Promise<ChannelsSucceedResults>;
  readInbox(
    params: ChannelsReadInboxParams,
    context: Context,
    signal: AbortSignal,
  ): Promise<ChannelsReadInboxResults>;
}

export function channelsHandlers<Context>(
  handlers: ChannelsHandlers<Context>,
): readonly BoundMethod<Context>[] {
  return [
    {
      method: channelsMethods.create,
      handler: (params: ChannelsCreateParams, context, signal) =>
        handlers.create(params, context, signal),
    },
    {
      method: channelsMethods.append,
      handler: (params: ChannelsAppendParams, context, signal) =>
        handlers.append(params, context, signal),
    },
    {
      method: channelsMethods.commit,
      handler: (params: ChannelsCommitParams, context, signal) =>
        handlers.commit(params, context, signal),
    },
    {
      method: channelsMethods.read,
      handler: (params: ChannelsReadParams, context, signal) =>
        handlers.read(params, context, signal),
    },
    {
      method: channelsMethods.subscribe,
      handler: (params: ChannelsSubscribeParams, context, signal) =>
        handlers.subscribe(params, context, signal),
    },
    {
      method: channelsMethods.acknowledge,
      handler: (params: ChannelsAcknowledgeParams, context, signal) =>
        handlers.acknowledge(params, context, signal),
    },
    {
      method: channelsMethods.members,
      handler: (params: ChannelsMembersParams, context, signal) =>
        handlers.members(params, context, signal),
    },
    {
      method: channelsMethods.groupInfo,
      handler: (params: ChannelsGroupInfoParams, context, signal) =>
        handlers.groupInfo(params, context, signal),
    },
    {
      method: channelsMethods.welcome,
      handler: (params: ChannelsWelcomeParams, context, signal) =>
        handlers.welcome(params, context, signal),
    },
    {
      method: channelsMethods.report,
      handler: (params: ChannelsReportParams, context, signal) =>
        handlers.report(params, context, signal),
    },
    {
      method: channelsMethods.succeed,
      handler: (params: ChannelsSucceedParams, context, signal) =>
        handlers.succeed(params, context, signal),
    },
    {
      method: channelsMethods.readInbox,
      handler: (params: ChannelsReadInboxParams, context, signal) =>
        handlers.readInbox(params, context, signal),
    },
  ];
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeRecipient(value: Recipient): Uint8Array {
  const writer = openWriter(0, 2);
  writeRecipient(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeRecipient(frame: Uint8Array, limits?: DecodeLimits): Recipient {
  return readRecipient(openFrame(frame, limits), 1);
}

export function readRecipient(reader: Reader, _depth: number): Recipient {
  const { pointers, end } = reader;
  return {
    accountId: reader.bytes(pointers, end, 16, "Recipient.accountId"),
    deviceId: reader.bytes(pointers + 8, end, 16, "Recipient.deviceId"),
  };
}

export function writeRecipient(writer: Writer, at: number, value: Recipient): void {
  writer.data(at, value.accountId, 16, "Recipient.accountId");
  writer.data(at + 8, value.deviceId, 16, "Recipient.deviceId");
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeWelcomeUpload(value: WelcomeUpload): Uint8Array {
  const writer = openWriter(0, 2);
  writeWelcomeUpload(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeWelcomeUpload(frame: Uint8Array, limits?: DecodeLimits): WelcomeUpload {
  return readWelcomeUpload(openFrame(frame, limits), 1);
}

export function readWelcomeUpload(reader: Reader, depth: number): WelcomeUpload {
  const { pointers, end } = reader;
  return {
    message: reader.bytes(pointers, end, 8_388_608, "WelcomeUpload.message"),
    recipients: readListOfRecipient(
      reader,
      pointers + 8,
      end,
      4096,
      depth,
      "WelcomeUpload.recipients",
    ),
  };
}

export function writeWelcomeUpload(writer: Writer, at: number, value: WelcomeUpload): void {
  writer.data(at, value.message, 8_388_608, "WelcomeUpload.message");
  if (value.recipients.length !== 0) {
    writeListOfRecipient(writer, at + 8, value.recipients, 4096, "WelcomeUpload.recipients");
  }
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeCommitUpload(value: CommitUpload): Uint8Array {
  const writer = openWriter(0, 4);
  writeCommitUpload(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeCommitUpload(frame: Uint8Array, limits?: DecodeLimits): CommitUpload {
  return readCommitUpload(openFrame(frame, limits), 1);
}

export function readCommitUpload(reader: Reader, depth: number): CommitUpload {
  const { pointers, end } = reader;
  return {
    entryId: reader.bytes(pointers, end, 16, "CommitUpload.entryId"),
    message: reader.bytes(pointers + 8, end, 8_388_608, "CommitUpload.message"),
    groupInfo: reader.bytes(pointers + 16, end, 8_388_608, "CommitUpload.groupInfo"),
    welcomes: readListOfWelcomeUpload(
      reader,
      pointers + 24,
      end,
      64,
      depth,
      "CommitUpload.welcomes",
    ),
  };
}

export function writeCommitUpload(writer: Writer, at: number, value: CommitUpload): void {
  writer.data(at, value.entryId, 16, "CommitUpload.entryId");
  writer.data(at + 8, value.message, 8_388_608, "CommitUpload.message");
  writer.data(at + 16, value.groupInfo, 8_388_608, "CommitUpload.groupInfo");
  if (value.welcomes.length !== 0) {
    writeListOfWelcomeUpload(writer, at + 24, value.welcomes, 64, "CommitUpload.welcomes");
  }
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeCursor(value: Cursor): Uint8Array {
  const writer = openWriter(1, 1);
  writeCursor(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeCursor(frame: Uint8Array, limits?: DecodeLimits): Cursor {
  return readCursor(openFrame(frame, limits), 1);
}

export function readCursor(reader: Reader, _depth: number): Cursor {
  const { data, pointers, end } = reader;
  return {
    channelId: reader.bytes(pointers, end, 64, "Cursor.channelId"),
    after: reader.safeInteger(data, pointers, false, "Cursor.after"),
  };
}

export function writeCursor(writer: Writer, at: number, value: Cursor): void {
  writer.data(at + 8, value.channelId, 64, "Cursor.channelId");
  writer.safeInteger(at, value.after, false);
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeEntry(value: Entry): Uint8Array {
  const writer = openWriter(3, 2);
  writeEntry(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeEntry(frame: Uint8Array, limits?: DecodeLimits): Entry {
  return readEntry(openFrame(frame, limits), 1);
}

export function readEntry(reader: Reader, _depth: number): Entry {
  const { data, pointers, end } = reader;
  return {
    sequence: reader.safeInteger(data, pointers, false, "Entry.sequence"),
    kind: readEntryKind(reader.uint16(data + 8, pointers)),
    acceptedAtMs: reader.safeInteger(data + 16, pointers, false, "Entry.acceptedAtMs"),
    entryId: reader.bytes(pointers, end, 16, "Entry.entryId"),
    message: reader.bytes(pointers + 8, end, 8_388_608, "Entry.message"),
    messageBytes: reader.uint32(data + 12, pointers),
  };
}

export function writeEntry(writer: Writer, at: number, value: Entry): void {
  writer.safeInteger(at, value.sequence, false);
  writer.uint16(at + 8, ordinalOfEntryKind(value.kind));
  writer.safeInteger(at + 16, value.acceptedAtMs, false);
  writer.data(at + 24, value.entryId, 16, "Entry.entryId");
  writer.data(at + 32, value.message, 8_388_608, "Entry.message");
  writer.uint32(at + 12, value.messageBytes);
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeGap(value: Gap): Uint8Array {
  const writer = openWriter(3, 0);
  writeGap(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeGap(frame: Uint8Array, limits?: DecodeLimits): Gap {
  return readGap(openFrame(frame, limits), 1);
}

export function readGap(reader: Reader, _depth: number): Gap {
  const { data, pointers } = reader;
  return {
    from: reader.safeInteger(data, pointers, false, "Gap.from"),
    to: reader.safeInteger(data + 8, pointers, false, "Gap.to"),
    reason: readGapReason(reader.uint16(data + 16, pointers)),
  };
}

export function writeGap(writer: Writer, at: number, value: Gap): void {
  writer.safeInteger(at, value.from, false);
  writer.safeInteger(at + 8, value.to, false);
  writer.uint16(at + 16, ordinalOfGapReason(value.reason));
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeChannelEvent(value: ChannelEvent): Uint8Array {
  const writer = openWriter(2, 2);
  writeChannelEvent(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeChannelEvent(frame: Uint8Array, limits?: DecodeLimits): ChannelEvent {
  return readChannelEvent(openFrame(frame, limits), 1);
}

export function readChannelEvent(reader: Reader, depth: number): ChannelEvent {
  const { data, pointers, end } = reader;
  const fieldChannelId = reader.bytes(pointers, end, 64, "ChannelEvent.channelId");
  switch (reader.uint16(data, pointers)) {
    case 0:
      return {
        channelId: fieldChannelId,
        kind: "entries",
        entries: readListOfEntry(reader, pointers + 8, end, 1024, depth, "ChannelEvent.entries"),
      };
    case 1:
      return {
        channelId: fieldChannelId,
        kind: "gap",
        gap: readGap(reader.openStruct(pointers + 8, end, depth, "ChannelEvent.gap"), depth + 1),
      };
    case 2:
      return {
        channelId: fieldChannelId,
        kind: "caughtUp",
        caughtUp: reader.safeInteger(data + 8, pointers, false, "ChannelEvent.caughtUp"),
      };
    case 3:
      return { channelId: fieldChannelId, kind: "notMember" };
    default:
      return { channelId: fieldChannelId, kind: "unknown" };
  }
}

export function writeChannelEvent(writer: Writer, at: number, value: ChannelEvent): void {
  writer.data(at + 16, value.channelId, 64, "ChannelEvent.channelId");
  switch (value.kind) {
    case "entries":
      if (value.entries.length !== 0) {
        writeListOfEntry(writer, at + 24, value.entries, 1024, "ChannelEvent.entries");
      }
      break;
    case "gap":
      writer.uint16(at, 1);
      writeGap(writer, writer.struct(at + 24, 3, 0), value.gap);
      break;
    case "caughtUp":
      writer.uint16(at, 2);
      writer.safeInteger(at + 8, value.caughtUp, false);
      break;
    case "notMember":
      writer.uint16(at, 3);
      break;
    default:
      refuseUnknown("ChannelEvent");
  }
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeInboxEntry(value: InboxEntry): Uint8Array {
  const writer = openWriter(4, 2);
  writeInboxEntry(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeInboxEntry(frame: Uint8Array, limits?: DecodeLimits): InboxEntry {
  return readInboxEntry(openFrame(frame, limits), 1);
}

export function readInboxEntry(reader: Reader, _depth: number): InboxEntry {
  const { data, pointers, end } = reader;
  return {
    sequence: reader.safeInteger(data, pointers, false, "InboxEntry.sequence"),
    acceptedAtMs: reader.safeInteger(data + 8, pointers, false, "InboxEntry.acceptedAtMs"),
    channelId: reader.bytes(pointers, end, 64, "InboxEntry.channelId"),
    channelSequence: reader.safeInteger(data + 16, pointers, false, "InboxEntry.channelSequence"),
    welcome: reader.bytes(pointers + 8, end, 8_388_608, "InboxEntry.welcome"),
    welcomeBytes: reader.uint32(data + 24, pointers),
  };
}

export function writeInboxEntry(writer: Writer, at: number, value: InboxEntry): void {
  writer.safeInteger(at, value.sequence, false);
  writer.safeInteger(at + 8, value.acceptedAtMs, false);
  writer.data(at + 32, value.channelId, 64, "InboxEntry.channelId");
  writer.safeInteger(at + 16, value.channelSequence, false);
  writer.data(at + 40, value.welcome, 8_388_608, "InboxEntry.welcome");
  writer.uint32(at + 24, value.welcomeBytes);
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeInboxEvent(value: InboxEvent): Uint8Array {
  const writer = openWriter(2, 1);
  writeInboxEvent(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeInboxEvent(frame: Uint8Array, limits?: DecodeLimits): InboxEvent {
  return readInboxEvent(openFrame(frame, limits), 1);
}

export function readInboxEvent(reader: Reader, depth: number): InboxEvent {
  const { data, pointers, end } = reader;

  switch (reader.uint16(data, pointers)) {
    case 0:
      return {
        kind: "entries",
        entries: readListOfInboxEntry(reader, pointers, end, 1024, depth, "InboxEvent.entries"),
      };
    case 1:
      return {
        kind: "gap",
        gap: readGap(reader.openStruct(pointers, end, depth, "InboxEvent.gap"), depth + 1),
      };
    case 2:
      return {
        kind: "caughtUp",
        caughtUp: reader.safeInteger(data + 8, pointers, false, "InboxEvent.caughtUp"),
      };
    default:
      return { kind: "unknown" };
  }
}

export function writeInboxEvent(writer: Writer, at: number, value: InboxEvent): void {
  switch (value.kind) {
    case "entries":
      if (value.entries.length !== 0) {
        writeListOfInboxEntry(writer, at + 16, value.entries, 1024, "InboxEvent.entries");
      }
      break;
    case "gap":
      writer.uint16(at, 1);
      writeGap(writer, writer.struct(at + 16, 3, 0), value.gap);
      break;
    case "caughtUp":
      writer.uint16(at, 2);
      writer.safeInteger(at + 8, value.caughtUp, false);
      break;
    default:
      refuseUnknown("InboxEvent");
  }
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeChannelsCreateParams(value: ChannelsCreateParams): Uint8Array {
  const writer = openWriter(0, 1);
  writeChannelsCreateParams(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeChannelsCreateParams(
  frame: Uint8Array,
  limits?: DecodeLimits,
): ChannelsCreateParams {
  return readChannelsCreateParams(openFrame(frame, limits), 1);
}

export function readChannelsCreateParams(reader: Reader, depth: number): ChannelsCreateParams {
  const { pointers, end } = reader;
  return {
    upload: readCommitUpload(
      reader.openStruct(pointers, end, depth, "Channels.create$Params.upload"),
      depth + 1,
    ),
  };
}

export function writeChannelsCreateParams(
  writer: Writer,
  at: number,
  value: ChannelsCreateParams,
): void {
  writeCommitUpload(writer, writer.struct(at, 0, 4), value.upload);
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeChannelsCreateResults(value: ChannelsCreateResults): Uint8Array {
  const writer = openWriter(2, 2);
  writeChannelsCreateResults(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeChannelsCreateResults(
  frame: Uint8Array,
  limits?: DecodeLimits,
): ChannelsCreateResults {
  return readChannelsCreateResults(openFrame(frame, limits), 1);
}

export function readChannelsCreateResults(reader: Reader, depth: number): ChannelsCreateResults {
  const { data, pointers, end } = reader;
  return {
    channelId: reader.bytes(pointers, end, 64, "Channels.create$Results.channelId"),
    sequence: reader.safeInteger(data, pointers, false, "Channels.create$Results.sequence"),
    isNew: reader.bool(data + 8, 0, pointers),
    undelivered: readListOfRecipient(
      reader,
      pointers + 8,
      end,
      4096,
      depth,
      "Channels.create$Results.undelivered",
    ),
  };
}

export function writeChannelsCreateResults(
  writer: Writer,
  at: number,
  value: ChannelsCreateResults,
): void {
  writer.data(at + 16, value.channelId, 64, "Channels.create$Results.channelId");
  writer.safeInteger(at, value.sequence, false);
  writer.bool(at + 8, 0, value.isNew);
  if (value.undelivered.length !== 0) {
    writeListOfRecipient(
      writer,
      at + 24,
      value.undelivered,
      4096,
      "Channels.create$Results.undelivered",
    );
  }
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeChannelsAppendParams(value: ChannelsAppendParams): Uint8Array {
  const writer = openWriter(0, 3);
  writeChannelsAppendParams(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeChannelsAppendParams(
  frame: Uint8Array,
  limits?: DecodeLimits,
): ChannelsAppendParams {
  return readChannelsAppendParams(openFrame(frame, limits), 1);
}

export function readChannelsAppendParams(reader: Reader, _depth: number): ChannelsAppendParams {
  const { pointers, end } = reader;
  return {
    channelId: reader.bytes(pointers, end, 64, "Channels.append$Params.channelId"),
    entryId: reader.bytes(pointers + 8, end, 16, "Channels.append$Params.entryId"),
    message: reader.bytes(pointers + 16, end, 65_536, "Channels.append$Params.message"),
  };
}

export function writeChannelsAppendParams(
  writer: Writer,
  at: number,
  value: ChannelsAppendParams,
): void {
  writer.data(at, value.channelId, 64, "Channels.append$Params.channelId");
  writer.data(at + 8, value.entryId, 16, "Channels.append$Params.entryId");
  writer.data(at + 16, value.message, 65_536, "Channels.append$Params.message");
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeChannelsAppendResults(value: ChannelsAppendResults): Uint8Array {
  const writer = openWriter(2, 0);
  writeChannelsAppendResults(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeChannelsAppendResults(
  frame: Uint8Array,
  limits?: DecodeLimits,
): ChannelsAppendResults {
  return readChannelsAppendResults(openFrame(frame, limits), 1);
}

export function readChannelsAppendResults(reader: Reader, _depth: number): ChannelsAppendResults {
  const { data, pointers } = reader;
  return {
    sequence: reader.safeInteger(data, pointers, false, "Channels.append$Results.sequence"),
    acceptedAtMs: reader.safeInteger(
      data + 8,
      pointers,
      false,
      "Channels.append$Results.acceptedAtMs",
    ),
  };
}

export function writeChannelsAppendResults(
  writer: Writer,
  at: number,
  value: ChannelsAppendResults,
): void {
  writer.safeInteger(at, value.sequence, false);
  writer.safeInteger(at + 8, value.acceptedAtMs, false);
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeChannelsCommitParams(value: ChannelsCommitParams): Uint8Array {
  const writer = openWriter(0, 2);
  writeChannelsCommitParams(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeChannelsCommitParams(
  frame: Uint8Array,
  limits?: DecodeLimits,
): ChannelsCommitParams {
  return readChannelsCommitParams(openFrame(frame, limits), 1);
}

export function readChannelsCommitParams(reader: Reader, depth: number): ChannelsCommitParams {
  const { pointers, end } = reader;
  return {
    channelId: reader.bytes(pointers, end, 64, "Channels.commit$Params.channelId"),
    upload: readCommitUpload(
      reader.openStruct(pointers + 8, end, depth, "Channels.commit$Params.upload"),
      depth + 1,
    ),
  };
}

export function writeChannelsCommitParams(
  writer: Writer,
  at: number,
  value: ChannelsCommitParams,
): void {
  writer.data(at, value.channelId, 64, "Channels.commit$Params.channelId");
  writeCommitUpload(writer, writer.struct(at + 8, 0, 4), value.upload);
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeChannelsCommitResults(value: ChannelsCommitResults): Uint8Array {
  const writer = openWriter(1, 1);
  writeChannelsCommitResults(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeChannelsCommitResults(
  frame: Uint8Array,
  limits?: DecodeLimits,
): ChannelsCommitResults {
  return readChannelsCommitResults(openFrame(frame, limits), 1);
}

export function readChannelsCommitResults(reader: Reader, depth: number): ChannelsCommitResults {
  const { data, pointers, end } = reader;
  return {
    sequence: reader.safeInteger(data, pointers, false, "Channels.commit$Results.sequence"),
    undelivered: readListOfRecipient(
      reader,
      pointers,
      end,
      4096,
      depth,
      "Channels.commit$Results.undelivered",
    ),
  };
}

export function writeChannelsCommitResults(
  writer: Writer,
  at: number,
  value: ChannelsCommitResults,
): void {
  writer.safeInteger(at, value.sequence, false);
  if (value.undelivered.length !== 0) {
    writeListOfRecipient(
      writer,
      at + 8,
      value.undelivered,
      4096,
      "Channels.commit$Results.undelivered",
    );
  }
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeChannelsReadParams(value: ChannelsReadParams): Uint8Array {
  const writer = openWriter(1, 2);
  writeChannelsReadParams(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeChannelsReadParams(
  frame: Uint8Array,
  limits?: DecodeLimits,
): ChannelsReadParams {
  return readChannelsReadParams(openFrame(frame, limits), 1);
}

export function readChannelsReadParams(reader: Reader, depth: number): ChannelsReadParams {
  const { data, pointers, end } = reader;
  return {
    incarnation: reader.bytes(pointers, end, 16, "Channels.read$Params.incarnation"),
    cursor: readCursor(
      reader.openStruct(pointers + 8, end, depth, "Channels.read$Params.cursor"),
      depth + 1,
    ),
    countMax: reader.uint16(data, pointers, 128),
  };
}

export function writeChannelsReadParams(
  writer: Writer,
  at: number,
  value: ChannelsReadParams,
): void {
  writer.data(at + 8, value.incarnation, 16, "Channels.read$Params.incarnation");
  writeCursor(writer, writer.struct(at + 16, 1, 1), value.cursor);
  writer.uint16(at, value.countMax, 128);
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeChannelsReadResults(value: ChannelsReadResults): Uint8Array {
  const writer = openWriter(1, 2);
  writeChannelsReadResults(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeChannelsReadResults(
  frame: Uint8Array,
  limits?: DecodeLimits,
): ChannelsReadResults {
  return readChannelsReadResults(openFrame(frame, limits), 1);
}

export function readChannelsReadResults(reader: Reader, depth: number): ChannelsReadResults {
  const { data, pointers, end } = reader;
  return {
    gap: reader.isNull(pointers, end)
      ? undefined
      : readGap(reader.openStruct(pointers, end, depth, "Channels.read$Results.gap"), depth + 1),
    entries: readListOfEntry(
      reader,
      pointers + 8,
      end,
      1024,
      depth,
      "Channels.read$Results.entries",
    ),
    head: reader.safeInteger(data, pointers, false, "Channels.read$Results.head"),
  };
}

export function writeChannelsReadResults(
  writer: Writer,
  at: number,
  value: ChannelsReadResults,
): void {
  if (value.gap !== undefined) {
    writeGap(writer, writer.struct(at + 8, 3, 0), value.gap);
  }
  if (value.entries.length !== 0) {
    writeListOfEntry(writer, at + 16, value.entries, 1024, "Channels.read$Results.entries");
  }
  writer.safeInteger(at, value.head, false);
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeChannelsSubscribeParams(value: ChannelsSubscribeParams): Uint8Array {
  const writer = openWriter(1, 2);
  writeChannelsSubscribeParams(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeChannelsSubscribeParams(
  frame: Uint8Array,
  limits?: DecodeLimits,
): ChannelsSubscribeParams {
  return readChannelsSubscribeParams(openFrame(frame, limits), 1);
}

export function readChannelsSubscribeParams(
  reader: Reader,
  depth: number,
): ChannelsSubscribeParams {
  const { data, pointers, end } = reader;
  return {
    incarnation: reader.bytes(pointers, end, 16, "Channels.subscribe$Params.incarnation"),
    cursors: readListOfCursor(
      reader,
      pointers + 8,
      end,
      4096,
      depth,
      "Channels.subscribe$Params.cursors",
    ),
    inboxAfter: reader.safeInteger(data, pointers, false, "Channels.subscribe$Params.inboxAfter"),
  };
}

export function writeChannelsSubscribeParams(
  writer: Writer,
  at: number,
  value: ChannelsSubscribeParams,
): void {
  writer.data(at + 8, value.incarnation, 16, "Channels.subscribe$Params.incarnation");
  if (value.cursors.length !== 0) {
    writeListOfCursor(writer, at + 16, value.cursors, 4096, "Channels.subscribe$Params.cursors");
  }
  writer.safeInteger(at, value.inboxAfter, false);
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeChannelsSubscribeResults(value: ChannelsSubscribeResults): Uint8Array {
  const writer = openWriter(1, 2);
  writeChannelsSubscribeResults(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeChannelsSubscribeResults(
  frame: Uint8Array,
  limits?: DecodeLimits,
): ChannelsSubscribeResults {
  return readChannelsSubscribeResults(openFrame(frame, limits), 1);
}

export function readChannelsSubscribeResults(
  reader: Reader,
  depth: number,
): ChannelsSubscribeResults {
  const { data, pointers, end } = reader;
  return {
    channels: readListOfChannelEvent(
      reader,
      pointers,
      end,
      1024,
      depth,
      "Channels.subscribe$Results.channels",
    ),
    inbox: readListOfInboxEvent(
      reader,
      pointers + 8,
      end,
      64,
      depth,
      "Channels.subscribe$Results.inbox",
    ),
    allSent: reader.bool(data, 0, pointers),
  };
}

export function writeChannelsSubscribeResults(
  writer: Writer,
  at: number,
  value: ChannelsSubscribeResults,
): void {
  if (value.channels.length !== 0) {
    writeListOfChannelEvent(
      writer,
      at + 8,
      value.channels,
      1024,
      "Channels.subscribe$Results.channels",
    );
  }
  if (value.inbox.length !== 0) {
    writeListOfInboxEvent(writer, at + 16, value.inbox, 64, "Channels.subscribe$Results.inbox");
  }
  writer.bool(at, 0, value.allSent);
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeChannelsAcknowledgeParams(value: ChannelsAcknowledgeParams): Uint8Array {
  const writer = openWriter(1, 2);
  writeChannelsAcknowledgeParams(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeChannelsAcknowledgeParams(
  frame: Uint8Array,
  limits?: DecodeLimits,
): ChannelsAcknowledgeParams {
  return readChannelsAcknowledgeParams(openFrame(frame, limits), 1);
}

export function readChannelsAcknowledgeParams(
  reader: Reader,
  depth: number,
): ChannelsAcknowledgeParams {
  const { data, pointers, end } = reader;
  return {
    incarnation: reader.bytes(pointers, end, 16, "Channels.acknowledge$Params.incarnation"),
    cursors: readListOfCursor(
      reader,
      pointers + 8,
      end,
      256,
      depth,
      "Channels.acknowledge$Params.cursors",
    ),
    inboxAfter: reader.safeInteger(data, pointers, false, "Channels.acknowledge$Params.inboxAfter"),
  };
}

export function writeChannelsAcknowledgeParams(
  writer: Writer,
  at: number,
  value: ChannelsAcknowledgeParams,
): void {
  writer.data(at + 8, value.incarnation, 16, "Channels.acknowledge$Params.incarnation");
  if (value.cursors.length !== 0) {
    writeListOfCursor(writer, at + 16, value.cursors, 256, "Channels.acknowledge$Params.cursors");
  }
  writer.safeInteger(at, value.inboxAfter, false);
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeChannelsAcknowledgeResults(value: ChannelsAcknowledgeResults): Uint8Array {
  const writer = openWriter(0, 0);
  writeChannelsAcknowledgeResults(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeChannelsAcknowledgeResults(
  frame: Uint8Array,
  limits?: DecodeLimits,
): ChannelsAcknowledgeResults {
  return readChannelsAcknowledgeResults(openFrame(frame, limits), 1);
}

export function readChannelsAcknowledgeResults(
  _reader: Reader,
  _depth: number,
): ChannelsAcknowledgeResults {
  return {};
}

export function writeChannelsAcknowledgeResults(
  _writer: Writer,
  _at: number,
  _value: ChannelsAcknowledgeResults,
): void {
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeChannelsMembersParams(value: ChannelsMembersParams): Uint8Array {
  const writer = openWriter(0, 1);
  writeChannelsMembersParams(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeChannelsMembersParams(
  frame: Uint8Array,
  limits?: DecodeLimits,
): ChannelsMembersParams {
  return readChannelsMembersParams(openFrame(frame, limits), 1);
}

export function readChannelsMembersParams(reader: Reader, _depth: number): ChannelsMembersParams {
  const { pointers, end } = reader;
  return {
    channelId: reader.bytes(pointers, end, 64, "Channels.members$Params.channelId"),
  };
}

export function writeChannelsMembersParams(
  writer: Writer,
  at: number,
  value: ChannelsMembersParams,
): void {
  writer.data(at, value.channelId, 64, "Channels.members$Params.channelId");
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeChannelsMembersResults(value: ChannelsMembersResults): Uint8Array {
  const writer = openWriter(3, 2);
  writeChannelsMembersResults(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeChannelsMembersResults(
  frame: Uint8Array,
  limits?: DecodeLimits,
): ChannelsMembersResults {
  return readChannelsMembersResults(openFrame(frame, limits), 1);
}

export function readChannelsMembersResults(reader: Reader, depth: number): ChannelsMembersResults {
  const { data, pointers, end } = reader;
  return {
    accounts: readListOfData(
      reader,
      pointers,
      end,
      1024,
      16,
      depth,
      "Channels.members$Results.accounts",
    ),
    epoch: reader.safeInteger(data, pointers, false, "Channels.members$Results.epoch"),
    sequence: reader.safeInteger(data + 8, pointers, false, "Channels.members$Results.sequence"),
    reports: reader.uint32(data + 16, pointers),
    successor: reader.bytes(pointers + 8, end, 64, "Channels.members$Results.successor"),
  };
}

export function writeChannelsMembersResults(
  writer: Writer,
  at: number,
  value: ChannelsMembersResults,
): void {
  if (value.accounts.length !== 0) {
    writeListOfData(writer, at + 24, value.accounts, 1024, 16, "Channels.members$Results.accounts");
  }
  writer.safeInteger(at, value.epoch, false);
  writer.safeInteger(at + 8, value.sequence, false);
  writer.uint32(at + 16, value.reports);
  writer.data(at + 32, value.successor, 64, "Channels.members$Results.successor");
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeChannelsGroupInfoParams(value: ChannelsGroupInfoParams): Uint8Array {
  const writer = openWriter(0, 1);
  writeChannelsGroupInfoParams(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeChannelsGroupInfoParams(
  frame: Uint8Array,
  limits?: DecodeLimits,
): ChannelsGroupInfoParams {
  return readChannelsGroupInfoParams(openFrame(frame, limits), 1);
}

export function readChannelsGroupInfoParams(
  reader: Reader,
  _depth: number,
): ChannelsGroupInfoParams {
  const { pointers, end } = reader;
  return {
    channelId: reader.bytes(pointers, end, 64, "Channels.groupInfo$Params.channelId"),
  };
}

export function writeChannelsGroupInfoParams(
  writer: Writer,
  at: number,
  value: ChannelsGroupInfoParams,
): void {
  writer.data(at, value.channelId, 64, "Channels.groupInfo$Params.channelId");
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeChannelsGroupInfoResults(value: ChannelsGroupInfoResults): Uint8Array {
  const writer = openWriter(2, 1);
  writeChannelsGroupInfoResults(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeChannelsGroupInfoResults(
  frame: Uint8Array,
  limits?: DecodeLimits,
): ChannelsGroupInfoResults {
  return readChannelsGroupInfoResults(openFrame(frame, limits), 1);
}

export function readChannelsGroupInfoResults(
  reader: Reader,
  _depth: number,
): ChannelsGroupInfoResults {
  const { data, pointers, end } = reader;
  return {
    groupInfo: reader.bytes(pointers, end, 8_388_608, "Channels.groupInfo$Results.groupInfo"),
    epoch: reader.safeInteger(data, pointers, false, "Channels.groupInfo$Results.epoch"),
    sequence: reader.safeInteger(data + 8, pointers, false, "Channels.groupInfo$Results.sequence"),
  };
}

export function writeChannelsGroupInfoResults(
  writer: Writer,
  at: number,
  value: ChannelsGroupInfoResults,
): void {
  writer.data(at + 16, value.groupInfo, 8_388_608, "Channels.groupInfo$Results.groupInfo");
  writer.safeInteger(at, value.epoch, false);
  writer.safeInteger(at + 8, value.sequence, false);
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeChannelsWelcomeParams(value: ChannelsWelcomeParams): Uint8Array {
  const writer = openWriter(1, 1);
  writeChannelsWelcomeParams(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeChannelsWelcomeParams(
  frame: Uint8Array,
  limits?: DecodeLimits,
): ChannelsWelcomeParams {
  return readChannelsWelcomeParams(openFrame(frame, limits), 1);
}

export function readChannelsWelcomeParams(reader: Reader, _depth: number): ChannelsWelcomeParams {
  const { data, pointers, end } = reader;
  return {
    incarnation: reader.bytes(pointers, end, 16, "Channels.welcome$Params.incarnation"),
    sequence: reader.safeInteger(data, pointers, false, "Channels.welcome$Params.sequence"),
  };
}

export function writeChannelsWelcomeParams(
  writer: Writer,
  at: number,
  value: ChannelsWelcomeParams,
): void {
  writer.data(at + 8, value.incarnation, 16, "Channels.welcome$Params.incarnation");
  writer.safeInteger(at, value.sequence, false);
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeChannelsWelcomeResults(value: ChannelsWelcomeResults): Uint8Array {
  const writer = openWriter(0, 1);
  writeChannelsWelcomeResults(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeChannelsWelcomeResults(
  frame: Uint8Array,
  limits?: DecodeLimits,
): ChannelsWelcomeResults {
  return readChannelsWelcomeResults(openFrame(frame, limits), 1);
}

export function readChannelsWelcomeResults(reader: Reader, _depth: number): ChannelsWelcomeResults {
  const { pointers, end } = reader;
  return {
    welcome: reader.bytes(pointers, end, 8_388_608, "Channels.welcome$Results.welcome"),
  };
}

export function writeChannelsWelcomeResults(
  writer: Writer,
  at: number,
  value: ChannelsWelcomeResults,
): void {
  writer.data(at, value.welcome, 8_388_608, "Channels.welcome$Results.welcome");
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeChannelsReportParams(value: ChannelsReportParams): Uint8Array {
  const writer = openWriter(1, 1);
  writeChannelsReportParams(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeChannelsReportParams(
  frame: Uint8Array,
  limits?: DecodeLimits,
): ChannelsReportParams {
  return readChannelsReportParams(openFrame(frame, limits), 1);
}

export function readChannelsReportParams(reader: Reader, _depth: number): ChannelsReportParams {
  const { data, pointers, end } = reader;
  return {
    channelId: reader.bytes(pointers, end, 64, "Channels.report$Params.channelId"),
    sequence: reader.safeInteger(data, pointers, false, "Channels.report$Params.sequence"),
  };
}

export function writeChannelsReportParams(
  writer: Writer,
  at: number,
  value: ChannelsReportParams,
): void {
  writer.data(at + 8, value.channelId, 64, "Channels.report$Params.channelId");
  writer.safeInteger(at, value.sequence, false);
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeChannelsReportResults(value: ChannelsReportResults): Uint8Array {
  const writer = openWriter(0, 0);
  writeChannelsReportResults(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeChannelsReportResults(
  frame: Uint8Array,
  limits?: DecodeLimits,
): ChannelsReportResults {
  return readChannelsReportResults(openFrame(frame, limits), 1);
}

export function readChannelsReportResults(_reader: Reader, _depth: number): ChannelsReportResults {
  return {};
}

export function writeChannelsReportResults(
  _writer: Writer,
  _at: number,
  _value: ChannelsReportResults,
): void {
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeChannelsSucceedParams(value: ChannelsSucceedParams): Uint8Array {
  const writer = openWriter(0, 2);
  writeChannelsSucceedParams(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeChannelsSucceedParams(
  frame: Uint8Array,
  limits?: DecodeLimits,
): ChannelsSucceedParams {
  return readChannelsSucceedParams(openFrame(frame, limits), 1);
}

export function readChannelsSucceedParams(reader: Reader, depth: number): ChannelsSucceedParams {
  const { pointers, end } = reader;
  return {
    channelId: reader.bytes(pointers, end, 64, "Channels.succeed$Params.channelId"),
    upload: readCommitUpload(
      reader.openStruct(pointers + 8, end, depth, "Channels.succeed$Params.upload"),
      depth + 1,
    ),
  };
}

export function writeChannelsSucceedParams(
  writer: Writer,
  at: number,
  value: ChannelsSucceedParams,
): void {
  writer.data(at, value.channelId, 64, "Channels.succeed$Params.channelId");
  writeCommitUpload(writer, writer.struct(at + 8, 0, 4), value.upload);
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeChannelsSucceedResults(value: ChannelsSucceedResults): Uint8Array {
  const writer = openWriter(1, 2);
  writeChannelsSucceedResults(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeChannelsSucceedResults(
  frame: Uint8Array,
  limits?: DecodeLimits,
): ChannelsSucceedResults {
  return readChannelsSucceedResults(openFrame(frame, limits), 1);
}

export function readChannelsSucceedResults(reader: Reader, depth: number): ChannelsSucceedResults {
  const { data, pointers, end } = reader;
  return {
    successorId: reader.bytes(pointers, end, 64, "Channels.succeed$Results.successorId"),
    sequence: reader.safeInteger(data, pointers, false, "Channels.succeed$Results.sequence"),
    undelivered: readListOfRecipient(
      reader,
      pointers + 8,
      end,
      4096,
      depth,
      "Channels.succeed$Results.undelivered",
    ),
  };
}

export function writeChannelsSucceedResults(
  writer: Writer,
  at: number,
  value: ChannelsSucceedResults,
): void {
  writer.data(at + 8, value.successorId, 64, "Channels.succeed$Results.successorId");
  writer.safeInteger(at, value.sequence, false);
  if (value.undelivered.length !== 0) {
    writeListOfRecipient(
      writer,
      at + 16,
      value.undelivered,
      4096,
      "Channels.succeed$Results.undelivered",
    );
  }
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeChannelsReadInboxParams(value: ChannelsReadInboxParams): Uint8Array {
  const writer = openWriter(2, 1);
  writeChannelsReadInboxParams(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeChannelsReadInboxParams(
  frame: Uint8Array,
  limits?: DecodeLimits,
): ChannelsReadInboxParams {
  return readChannelsReadInboxParams(openFrame(frame, limits), 1);
}

export function readChannelsReadInboxParams(
  reader: Reader,
  _depth: number,
): ChannelsReadInboxParams {
  const { data, pointers, end } = reader;
  return {
    incarnation: reader.bytes(pointers, end, 16, "Channels.readInbox$Params.incarnation"),
    after: reader.safeInteger(data, pointers, false, "Channels.readInbox$Params.after"),
    countMax: reader.uint16(data + 8, pointers, 128),
  };
}

export function writeChannelsReadInboxParams(
  writer: Writer,
  at: number,
  value: ChannelsReadInboxParams,
): void {
  writer.data(at + 16, value.incarnation, 16, "Channels.readInbox$Params.incarnation");
  writer.safeInteger(at, value.after, false);
  writer.uint16(at + 8, value.countMax, 128);
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeChannelsReadInboxResults(value: ChannelsReadInboxResults): Uint8Array {
  const writer = openWriter(1, 2);
  writeChannelsReadInboxResults(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeChannelsReadInboxResults(
  frame: Uint8Array,
  limits?: DecodeLimits,
): ChannelsReadInboxResults {
  return readChannelsReadInboxResults(openFrame(frame, limits), 1);
}

export function readChannelsReadInboxResults(
  reader: Reader,
  depth: number,
): ChannelsReadInboxResults {
  const { data, pointers, end } = reader;
  return {
    gap: reader.isNull(pointers, end) ? undefined : readGap(
      reader.openStruct(pointers, end, depth, "Channels.readInbox$Results.gap"),
      depth + 1,
    ),
    entries: readListOfInboxEntry(
      reader,
      pointers + 8,
      end,
      1024,
      depth,
      "Channels.readInbox$Results.entries",
    ),
    head: reader.safeInteger(data, pointers, false, "Channels.readInbox$Results.head"),
  };
}

export function writeChannelsReadInboxResults(
  writer: Writer,
  at: number,
  value: ChannelsReadInboxResults,
): void {
  if (value.gap !== undefined) {
    writeGap(writer, writer.struct(at + 8, 3, 0), value.gap);
  }
  if (value.entries.length !== 0) {
    writeListOfInboxEntry(
      writer,
      at + 16,
      value.entries,
      1024,
      "Channels.readInbox$Results.entries",
    );
  }
  writer.safeInteger(at, value.head, false);
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeStoredHead(value: StoredHead): Uint8Array {
  const writer = openWriter(5, 3);
  writeStoredHead(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeStoredHead(frame: Uint8Array, limits?: DecodeLimits): StoredHead {
  return readStoredHead(openFrame(frame, limits), 1);
}

export function readStoredHead(reader: Reader, depth: number): StoredHead {
  const { data, pointers, end } = reader;
  return {
    epoch: reader.safeInteger(data, pointers, false, "StoredHead.epoch"),
    sequence: reader.safeInteger(data + 8, pointers, false, "StoredHead.sequence"),
    firstSequence: reader.safeInteger(data + 16, pointers, false, "StoredHead.firstSequence"),
    commitSequence: reader.safeInteger(data + 24, pointers, false, "StoredHead.commitSequence"),
    committer: reader.bytes(pointers, end, 16, "StoredHead.committer"),
    membersCount: reader.uint32(data + 32, pointers),
    successor: reader.bytes(pointers + 8, end, 64, "StoredHead.successor"),
    usage: readListOfStoredUsage(reader, pointers + 16, end, 8, depth, "StoredHead.usage"),
  };
}

export function writeStoredHead(writer: Writer, at: number, value: StoredHead): void {
  writer.safeInteger(at, value.epoch, false);
  writer.safeInteger(at + 8, value.sequence, false);
  writer.safeInteger(at + 16, value.firstSequence, false);
  writer.safeInteger(at + 24, value.commitSequence, false);
  writer.data(at + 40, value.committer, 16, "StoredHead.committer");
  writer.uint32(at + 32, value.membersCount);
  writer.data(at + 48, value.successor, 64, "StoredHead.successor");
  if (value.usage.length !== 0) {
    writeListOfStoredUsage(writer, at + 56, value.usage, 8, "StoredHead.usage");
  }
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeStoredUsage(value: StoredUsage): Uint8Array {
  const writer = openWriter(2, 1);
  writeStoredUsage(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeStoredUsage(frame: Uint8Array, limits?: DecodeLimits): StoredUsage {
  return readStoredUsage(openFrame(frame, limits), 1);
}

export function readStoredUsage(reader: Reader, _depth: number): StoredUsage {
  const { data, pointers, end } = reader;
  return {
    accountId: reader.bytes(pointers, end, 16, "StoredUsage.accountId"),
    entriesCount: reader.uint32(data, pointers),
    entriesBytes: reader.safeInteger(data + 8, pointers, false, "StoredUsage.entriesBytes"),
  };
}

export function writeStoredUsage(writer: Writer, at: number, value: StoredUsage): void {
  writer.data(at + 16, value.accountId, 16, "StoredUsage.accountId");
  writer.uint32(at, value.entriesCount);
  writer.safeInteger(at + 8, value.entriesBytes, false);
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeStoredChannel(value: StoredChannel): Uint8Array {
  const writer = openWriter(2, 1);
  writeStoredChannel(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeStoredChannel(frame: Uint8Array, limits?: DecodeLimits): StoredChannel {
  return readStoredChannel(openFrame(frame, limits), 1);
}

export function readStoredChannel(reader: Reader, _depth: number): StoredChannel {
  const { data, pointers, end } = reader;
  return {
    cipherSuite: reader.uint16(data, pointers),
    context: reader.bytes(pointers, end, 4096, "StoredChannel.context"),
    createdAtMs: reader.safeInteger(data + 8, pointers, false, "StoredChannel.createdAtMs"),
  };
}

export function writeStoredChannel(writer: Writer, at: number, value: StoredChannel): void {
  writer.uint16(at, value.cipherSuite);
  writer.data(at + 16, value.context, 4096, "StoredChannel.context");
  writer.safeInteger(at + 8, value.createdAtMs, false);
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeStoredEntry(value: StoredEntry): Uint8Array {
  const writer = openWriter(2, 3);
  writeStoredEntry(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeStoredEntry(frame: Uint8Array, limits?: DecodeLimits): StoredEntry {
  return readStoredEntry(openFrame(frame, limits), 1);
}

export function readStoredEntry(reader: Reader, _depth: number): StoredEntry {
  const { data, pointers, end } = reader;
  return {
    kind: readEntryKind(reader.uint16(data, pointers)),
    acceptedAtMs: reader.safeInteger(data + 8, pointers, false, "StoredEntry.acceptedAtMs"),
    entryId: reader.bytes(pointers, end, 16, "StoredEntry.entryId"),
    accountId: reader.bytes(pointers + 8, end, 16, "StoredEntry.accountId"),
    message: reader.bytes(pointers + 16, end, 65_536, "StoredEntry.message"),
    messageBytes: reader.uint32(data + 4, pointers),
  };
}

export function writeStoredEntry(writer: Writer, at: number, value: StoredEntry): void {
  writer.uint16(at, ordinalOfEntryKind(value.kind));
  writer.safeInteger(at + 8, value.acceptedAtMs, false);
  writer.data(at + 16, value.entryId, 16, "StoredEntry.entryId");
  writer.data(at + 24, value.accountId, 16, "StoredEntry.accountId");
  writer.data(at + 32, value.message, 65_536, "StoredEntry.message");
  writer.uint32(at + 4, value.messageBytes);
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeStoredMember(value: StoredMember): Uint8Array {
  const writer = openWriter(2, 2);
  writeStoredMember(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeStoredMember(frame: Uint8Array, limits?: DecodeLimits): StoredMember {
  return readStoredMember(openFrame(frame, limits), 1);
}

export function readStoredMember(reader: Reader, depth: number): StoredMember {
  const { data, pointers, end } = reader;
  return {
    spans: readListOfStoredSpan(reader, pointers, end, 16, depth, "StoredMember.spans"),
    entriesCount: reader.uint32(data, pointers),
    entriesBytes: reader.safeInteger(data + 8, pointers, false, "StoredMember.entriesBytes"),
    addedBy: reader.bytes(pointers + 8, end, 16, "StoredMember.addedBy"),
  };
}

export function writeStoredMember(writer: Writer, at: number, value: StoredMember): void {
  if (value.spans.length !== 0) {
    writeListOfStoredSpan(writer, at + 16, value.spans, 16, "StoredMember.spans");
  }
  writer.uint32(at, value.entriesCount);
  writer.safeInteger(at + 8, value.entriesBytes, false);
  writer.data(at + 24, value.addedBy, 16, "StoredMember.addedBy");
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeStoredSpan(value: StoredSpan): Uint8Array {
  const writer = openWriter(2, 0);
  writeStoredSpan(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeStoredSpan(frame: Uint8Array, limits?: DecodeLimits): StoredSpan {
  return readStoredSpan(openFrame(frame, limits), 1);
}

export function readStoredSpan(reader: Reader, _depth: number): StoredSpan {
  const { data, pointers } = reader;
  return {
    from: reader.safeInteger(data, pointers, false, "StoredSpan.from"),
    to: reader.safeInteger(data + 8, pointers, false, "StoredSpan.to"),
  };
}

export function writeStoredSpan(writer: Writer, at: number, value: StoredSpan): void {
  writer.safeInteger(at, value.from, false);
  writer.safeInteger(at + 8, value.to, false);
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeStoredEntryId(value: StoredEntryId): Uint8Array {
  const writer = openWriter(2, 2);
  writeStoredEntryId(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeStoredEntryId(frame: Uint8Array, limits?: DecodeLimits): StoredEntryId {
  return readStoredEntryId(openFrame(frame, limits), 1);
}

export function readStoredEntryId(reader: Reader, _depth: number): StoredEntryId {
  const { data, pointers, end } = reader;
  return {
    hash: reader.bytes(pointers, end, 32, "StoredEntryId.hash"),
    channelId: reader.bytes(pointers + 8, end, 64, "StoredEntryId.channelId"),
    sequence: reader.safeInteger(data, pointers, false, "StoredEntryId.sequence"),
    acceptedAtMs: reader.safeInteger(data + 8, pointers, false, "StoredEntryId.acceptedAtMs"),
  };
}

export function writeStoredEntryId(writer: Writer, at: number, value: StoredEntryId): void {
  writer.data(at + 16, value.hash, 32, "StoredEntryId.hash");
  writer.data(at + 24, value.channelId, 64, "StoredEntryId.channelId");
  writer.safeInteger(at, value.sequence, false);
  writer.safeInteger(at + 8, value.acceptedAtMs, false);
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeStoredInboxHead(value: StoredInboxHead): Uint8Array {
  const writer = openWriter(4, 0);
  writeStoredInboxHead(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeStoredInboxHead(frame: Uint8Array, limits?: DecodeLimits): StoredInboxHead {
  return readStoredInboxHead(openFrame(frame, limits), 1);
}

export function readStoredInboxHead(reader: Reader, _depth: number): StoredInboxHead {
  const { data, pointers } = reader;
  return {
    sequence: reader.safeInteger(data, pointers, false, "StoredInboxHead.sequence"),
    firstSequence: reader.safeInteger(data + 8, pointers, false, "StoredInboxHead.firstSequence"),
    acknowledged: reader.safeInteger(data + 16, pointers, false, "StoredInboxHead.acknowledged"),
    isForgotten: reader.bool(data + 24, 0, pointers),
  };
}

export function writeStoredInboxHead(writer: Writer, at: number, value: StoredInboxHead): void {
  writer.safeInteger(at, value.sequence, false);
  writer.safeInteger(at + 8, value.firstSequence, false);
  writer.safeInteger(at + 16, value.acknowledged, false);
  writer.bool(at + 24, 0, value.isForgotten);
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeStoredInboxEntry(value: StoredInboxEntry): Uint8Array {
  const writer = openWriter(3, 1);
  writeStoredInboxEntry(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeStoredInboxEntry(frame: Uint8Array, limits?: DecodeLimits): StoredInboxEntry {
  return readStoredInboxEntry(openFrame(frame, limits), 1);
}

export function readStoredInboxEntry(reader: Reader, _depth: number): StoredInboxEntry {
  const { data, pointers, end } = reader;
  return {
    acceptedAtMs: reader.safeInteger(data, pointers, false, "StoredInboxEntry.acceptedAtMs"),
    channelId: reader.bytes(pointers, end, 64, "StoredInboxEntry.channelId"),
    channelSequence: reader.safeInteger(
      data + 8,
      pointers,
      false,
      "StoredInboxEntry.channelSequence",
    ),
    welcomeIndex: reader.uint16(data + 16, pointers),
    welcomeBytes: reader.uint32(data + 20, pointers),
  };
}

export function writeStoredInboxEntry(writer: Writer, at: number, value: StoredInboxEntry): void {
  writer.safeInteger(at, value.acceptedAtMs, false);
  writer.data(at + 24, value.channelId, 64, "StoredInboxEntry.channelId");
  writer.safeInteger(at + 8, value.channelSequence, false);
  writer.uint16(at + 16, value.welcomeIndex);
  writer.uint32(at + 20, value.welcomeBytes);
}

export function readEntryKind(ordinal: number): EntryKind {
  switch (ordinal) {
    case 0:
      return "application";
    case 1:
      return "proposal";
    case 2:
      return "commit";
    case 3:
      return "closed";
    default:
      return "unknown";
  }
}

export function ordinalOfEntryKind(value: EntryKind): number {
  switch (value) {
    case "application":
      return 0;
    case "proposal":
      return 1;
    case "commit":
      return 2;
    case "closed":
      return 3;
    default:
      return refuseUnknown("EntryKind");
  }
}

export function readGapReason(ordinal: number): GapReason {
  switch (ordinal) {
    case 0:
      return "expired";
    case 1:
      return "notMember";
    default:
      return "unknown";
  }
}

export function ordinalOfGapReason(value: GapReason): number {
  switch (value) {
    case "expired":
      return 0;
    case "notMember":
      return 1;
    default:
      return refuseUnknown("GapReason");
  }
}

function readListOfRecipient(
  reader: Reader,
  pointerAt: number,
  end: number,
  itemsMax: number,
  depth: number,
  field: string,
): Recipient[] {
  const count = reader.openStructList(pointerAt, end, itemsMax, depth, field);
  const { listAt, stride, itemDataBytes, itemBytes } = reader;
  const items: Recipient[] = [];
  for (let index = 0; index < count; index++) {
    const at = listAt + index * stride;
    items.push(
      readRecipient(reader.openItem(at, itemDataBytes, itemBytes), depth + 1),
    );
  }
  return items;
}

function writeListOfRecipient(
  writer: Writer,
  pointerAt: number,
  items: readonly Recipient[],
  itemsMax: number,
  field: string,
): void {
  let at = writer.structList(
    pointerAt,
    0,
    2,
    items.length,
    itemsMax,
    field,
  );
  for (const item of items) {
    writeRecipient(writer, at, item);
    at += 16;
  }
}

function readListOfWelcomeUpload(
  reader: Reader,
  pointerAt: number,
  end: number,
  itemsMax: number,
  depth: number,
  field: string,
): WelcomeUpload[] {
  const count = reader.openStructList(pointerAt, end, itemsMax, depth, field);
  const { listAt, stride, itemDataBytes, itemBytes } = reader;
  const items: WelcomeUpload[] = [];
  for (let index = 0; index < count; index++) {
    const at = listAt + index * stride;
    items.push(
      readWelcomeUpload(reader.openItem(at, itemDataBytes, itemBytes), depth + 1),
    );
  }
  return items;
}

function writeListOfWelcomeUpload(
  writer: Writer,
  pointerAt: number,
  items: readonly WelcomeUpload[],
  itemsMax: number,
  field: string,
): void {
  let at = writer.structList(
    pointerAt,
    0,
    2,
    items.length,
    itemsMax,
    field,
  );
  for (const item of items) {
    writeWelcomeUpload(writer, at, item);
    at += 16;
  }
}

function readListOfEntry(
  reader: Reader,
  pointerAt: number,
  end: number,
  itemsMax: number,
  depth: number,
  field: string,
): Entry[] {
  const count = reader.openStructList(pointerAt, end, itemsMax, depth, field);
  const { listAt, stride, itemDataBytes, itemBytes } = reader;
  const items: Entry[] = [];
  for (let index = 0; index < count; index++) {
    const at = listAt + index * stride;
    items.push(
      readEntry(reader.openItem(at, itemDataBytes, itemBytes), depth + 1),
    );
  }
  return items;
}

function writeListOfEntry(
  writer: Writer,
  pointerAt: number,
  items: readonly Entry[],
  itemsMax: number,
  field: string,
): void {
  let at = writer.structList(
    pointerAt,
    3,
    2,
    items.length,
    itemsMax,
    field,
  );
  for (const item of items) {
    writeEntry(writer, at, item);
    at += 40;
  }
}

function readListOfInboxEntry(
  reader: Reader,
  pointerAt: number,
  end: number,
  itemsMax: number,
  depth: number,
  field: string,
): InboxEntry[] {
  const count = reader.openStructList(pointerAt, end, itemsMax, depth, field);
  const { listAt, stride, itemDataBytes, itemBytes } = reader;
  const items: InboxEntry[] = [];
  for (let index = 0; index < count; index++) {
    const at = listAt + index * stride;
    items.push(
      readInboxEntry(reader.openItem(at, itemDataBytes, itemBytes), depth + 1),
    );
  }
  return items;
}

function writeListOfInboxEntry(
  writer: Writer,
  pointerAt: number,
  items: readonly InboxEntry[],
  itemsMax: number,
  field: string,
): void {
  let at = writer.structList(
    pointerAt,
    4,
    2,
    items.length,
    itemsMax,
    field,
  );
  for (const item of items) {
    writeInboxEntry(writer, at, item);
    at += 48;
  }
}

function readListOfCursor(
  reader: Reader,
  pointerAt: number,
  end: number,
  itemsMax: number,
  depth: number,
  field: string,
): Cursor[] {
  const count = reader.openStructList(pointerAt, end, itemsMax, depth, field);
  const { listAt, stride, itemDataBytes, itemBytes } = reader;
  const items: Cursor[] = [];
  for (let index = 0; index < count; index++) {
    const at = listAt + index * stride;
    items.push(
      readCursor(reader.openItem(at, itemDataBytes, itemBytes), depth + 1),
    );
  }
  return items;
}

function writeListOfCursor(
  writer: Writer,
  pointerAt: number,
  items: readonly Cursor[],
  itemsMax: number,
  field: string,
): void {
  let at = writer.structList(
    pointerAt,
    1,
    1,
    items.length,
    itemsMax,
    field,
  );
  for (const item of items) {
    writeCursor(writer, at, item);
    at += 16;
  }
}

function readListOfChannelEvent(
  reader: Reader,
  pointerAt: number,
  end: number,
  itemsMax: number,
  depth: number,
  field: string,
): ChannelEvent[] {
  const count = reader.openStructList(pointerAt, end, itemsMax, depth, field);
  const { listAt, stride, itemDataBytes, itemBytes } = reader;
  const items: ChannelEvent[] = [];
  for (let index = 0; index < count; index++) {
    const at = listAt + index * stride;
    items.push(
      readChannelEvent(reader.openItem(at, itemDataBytes, itemBytes), depth + 1),
    );
  }
  return items;
}

function writeListOfChannelEvent(
  writer: Writer,
  pointerAt: number,
  items: readonly ChannelEvent[],
  itemsMax: number,
  field: string,
): void {
  let at = writer.structList(
    pointerAt,
    2,
    2,
    items.length,
    itemsMax,
    field,
  );
  for (const item of items) {
    writeChannelEvent(writer, at, item);
    at += 32;
  }
}

function readListOfInboxEvent(
  reader: Reader,
  pointerAt: number,
  end: number,
  itemsMax: number,
  depth: number,
  field: string,
): InboxEvent[] {
  const count = reader.openStructList(pointerAt, end, itemsMax, depth, field);
  const { listAt, stride, itemDataBytes, itemBytes } = reader;
  const items: InboxEvent[] = [];
  for (let index = 0; index < count; index++) {
    const at = listAt + index * stride;
    items.push(
      readInboxEvent(reader.openItem(at, itemDataBytes, itemBytes), depth + 1),
    );
  }
  return items;
}

function writeListOfInboxEvent(
  writer: Writer,
  pointerAt: number,
  items: readonly InboxEvent[],
  itemsMax: number,
  field: string,
): void {
  let at = writer.structList(
    pointerAt,
    2,
    1,
    items.length,
    itemsMax,
    field,
  );
  for (const item of items) {
    writeInboxEvent(writer, at, item);
    at += 24;
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

function readListOfStoredUsage(
  reader: Reader,
  pointerAt: number,
  end: number,
  itemsMax: number,
  depth: number,
  field: string,
): StoredUsage[] {
  const count = reader.openStructList(pointerAt, end, itemsMax, depth, field);
  const { listAt, stride, itemDataBytes, itemBytes } = reader;
  const items: StoredUsage[] = [];
  for (let index = 0; index < count; index++) {
    const at = listAt + index * stride;
    items.push(
      readStoredUsage(reader.openItem(at, itemDataBytes, itemBytes), depth + 1),
    );
  }
  return items;
}

function writeListOfStoredUsage(
  writer: Writer,
  pointerAt: number,
  items: readonly StoredUsage[],
  itemsMax: number,
  field: string,
): void {
  let at = writer.structList(
    pointerAt,
    2,
    1,
    items.length,
    itemsMax,
    field,
  );
  for (const item of items) {
    writeStoredUsage(writer, at, item);
    at += 24;
  }
}

function readListOfStoredSpan(
  reader: Reader,
  pointerAt: number,
  end: number,
  itemsMax: number,
  depth: number,
  field: string,
): StoredSpan[] {
  const count = reader.openStructList(pointerAt, end, itemsMax, depth, field);
  const { listAt, stride, itemDataBytes, itemBytes } = reader;
  const items: StoredSpan[] = [];
  for (let index = 0; index < count; index++) {
    const at = listAt + index * stride;
    items.push(
      readStoredSpan(reader.openItem(at, itemDataBytes, itemBytes), depth + 1),
    );
  }
  return items;
}

function writeListOfStoredSpan(
  writer: Writer,
  pointerAt: number,
  items: readonly StoredSpan[],
  itemsMax: number,
  field: string,
): void {
  let at = writer.structList(
    pointerAt,
    2,
    0,
    items.length,
    itemsMax,
    field,
  );
  for (const item of items) {
    writeStoredSpan(writer, at, item);
    at += 16;
  }
}
