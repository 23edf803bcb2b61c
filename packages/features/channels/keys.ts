import { encodeKey, type KeyPart, type SliceSchema } from "@qpq/ports";

/** The first part of every key of this slice. */
const SLICE = "channels";

export const channelsSchema: SliceSchema = { name: SLICE, version: 1, migrations: [] };

// All of a channel lies together: an append touches few pages. The numbers order its records: those
// that are read with the head come first, the entries last.

const ABOUT = 0;
const MEMBER = 1;
const ACKNOWLEDGED = 2;
const REPORT = 3;
const WELCOME = 4;
const WELCOME_USES = 5;
const GROUP_INFO = 6;
const BODY = 7;
const ENTRY = 8;
const LEAVING = 9;

export const CHANNEL_KEYS: Uint8Array = encodeKey(SLICE, "log");
/** `StoredHead`; begins every other key of the channel. */
export const headKey = (channelId: Uint8Array): Uint8Array => encodeKey(SLICE, "log", channelId);
/** `StoredChannel`. */
export const aboutKey = (id: Uint8Array): Uint8Array => encodeKey(SLICE, "log", id, ABOUT);
/** 8 bytes: the highest sequence number that this device has acknowledged. */
export const acknowledgedKey = (
  id: Uint8Array,
  accountId: Uint8Array,
  deviceId: Uint8Array,
): Uint8Array => encodeKey(SLICE, "log", id, ACKNOWLEDGED, accountId, deviceId);
export const acknowledgedKeys = (id: Uint8Array, accountId: Uint8Array): Uint8Array =>
  encodeKey(SLICE, "log", id, ACKNOWLEDGED, accountId);
/** A body: the message of an entry that is too large to stand in it. */
export const entryBodyParts = (id: Uint8Array, sequence: number): readonly KeyPart[] => [
  SLICE,
  "log",
  id,
  BODY,
  sequence,
];
/** `StoredEntry`. */
export const entryKey = (id: Uint8Array, sequence: number): Uint8Array =>
  encodeKey(SLICE, "log", id, ENTRY, sequence);
export const entryKeys = (id: Uint8Array): Uint8Array => encodeKey(SLICE, "log", id, ENTRY);
/** A body: the GroupInfo of the current epoch. */
export const groupInfoParts = (
  id: Uint8Array,
): readonly KeyPart[] => [SLICE, "log", id, GROUP_INFO];
/** 8 bytes: the epoch in which a device of the account has sent a SelfRemove. */
export const leavingKey = (id: Uint8Array, accountId: Uint8Array): Uint8Array =>
  encodeKey(SLICE, "log", id, LEAVING, accountId);
/** `StoredMember`. */
export const memberKey = (id: Uint8Array, accountId: Uint8Array): Uint8Array =>
  encodeKey(SLICE, "log", id, MEMBER, accountId);
export const memberKeys = (id: Uint8Array): Uint8Array => encodeKey(SLICE, "log", id, MEMBER);
/** Empty: the device has reported the commit with that sequence number. */
export const reportKey = (
  id: Uint8Array,
  sequence: number,
  reporter: { readonly accountId: Uint8Array; readonly deviceId: Uint8Array },
): Uint8Array =>
  encodeKey(SLICE, "log", id, REPORT, sequence, reporter.accountId, reporter.deviceId);
export const reportKeys = (id: Uint8Array, sequence: number): Uint8Array =>
  encodeKey(SLICE, "log", id, REPORT, sequence);
export const allReportKeys = (id: Uint8Array): Uint8Array => encodeKey(SLICE, "log", id, REPORT);
/** A body: a Welcome of the commit with that sequence number, while inboxes point to it. */
export const welcomeParts = (
  id: Uint8Array,
  sequence: number,
  index: number,
): readonly KeyPart[] => [SLICE, "log", id, WELCOME, sequence, index];
/** 4 bytes: inboxes that point to it. */
export const welcomeUsesKey = (id: Uint8Array, sequence: number, index: number): Uint8Array =>
  encodeKey(SLICE, "log", id, WELCOME_USES, sequence, index);

/** 4 bytes: how many channels follow. */
export const accountKey = (accountId: Uint8Array): Uint8Array =>
  encodeKey(SLICE, "account", accountId);
/** Empty: the account is a member, or may still read what it was told as one. */
export const accountChannelKey = (accountId: Uint8Array, channelId: Uint8Array): Uint8Array =>
  encodeKey(SLICE, "account", accountId, channelId);
/** 4 bytes: channels that `by` has put the account in, where that has sent nothing yet. */
export const unaskedKey = (accountId: Uint8Array, by: Uint8Array): Uint8Array =>
  encodeKey(SLICE, "unasked", accountId, by);
/** The id of the direct message's channel. */
export const pairKey = (lower: Uint8Array, higher: Uint8Array): Uint8Array =>
  encodeKey(SLICE, "pair", lower, higher);

/**
 * `StoredEntryId`. The id comes first, and it begins with the time: those of all who append at the
 * same time lie together, which halves what a database has to write.
 */
export const entryIdKey = (
  accountId: Uint8Array,
  deviceId: Uint8Array,
  entryId: Uint8Array,
): Uint8Array => encodeKey(SLICE, "id", entryId, accountId, deviceId);
export const ENTRY_ID_KEYS: Uint8Array = encodeKey(SLICE, "id");

export const INBOX_KEYS: Uint8Array = encodeKey(SLICE, "inbox");
/** `StoredInboxHead`; begins every other key of the inbox. */
export const inboxKey = (accountId: Uint8Array, deviceId: Uint8Array): Uint8Array =>
  encodeKey(SLICE, "inbox", accountId, deviceId);
/** Those of all devices of an account. */
export const inboxKeys = (accountId: Uint8Array): Uint8Array =>
  encodeKey(SLICE, "inbox", accountId);
/** `StoredInboxEntry`. */
export const inboxEntryKey = (
  accountId: Uint8Array,
  deviceId: Uint8Array,
  sequence: number,
): Uint8Array => encodeKey(SLICE, "inbox", accountId, deviceId, sequence);
