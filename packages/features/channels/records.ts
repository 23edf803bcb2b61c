/** What the slice keeps, read and written. */
import {
  assert,
  compareKeys,
  type Entry as KeyValue,
  getBody,
  keyAfter,
  type StoreReader,
  type StoreTransaction,
} from "@qpq/ports";
import {
  decodeStoredChannel,
  decodeStoredEntry,
  decodeStoredHead,
  decodeStoredInboxEntry,
  decodeStoredInboxHead,
  decodeStoredMember,
  encodeStoredEntry,
  encodeStoredHead,
  encodeStoredInboxHead,
  encodeStoredMember,
  type Entry,
  type EntryKind,
  type StoredChannel,
  type StoredEntry,
  type StoredHead,
  type StoredInboxEntry,
  type StoredInboxHead,
  type StoredMember,
} from "./channels.gen.ts";
import {
  aboutKey,
  entryBodyParts,
  entryKey,
  entryKeys,
  headKey,
  inboxEntryKey,
  inboxKey,
  memberKey,
} from "./keys.ts";
import { APPLICATION_BYTES_MAX } from "./limits.ts";

const EMPTY = new Uint8Array();

export async function readHead(
  reader: StoreReader,
  channelId: Uint8Array,
): Promise<StoredHead | undefined> {
  const bytes = await reader.get(headKey(channelId));
  return bytes && decodeStoredHead(bytes);
}

export function putHead(transaction: StoreTransaction, id: Uint8Array, head: StoredHead): void {
  transaction.put(headKey(id), encodeStoredHead(head));
}

/** Of a channel that is there. */
export async function readChannel(reader: StoreReader, id: Uint8Array): Promise<StoredChannel> {
  const bytes = await reader.get(aboutKey(id));
  assert(bytes !== undefined, "a channel has all its records");
  return decodeStoredChannel(bytes);
}

export async function readMember(
  reader: StoreReader,
  id: Uint8Array,
  accountId: Uint8Array,
): Promise<StoredMember | undefined> {
  const bytes = await reader.get(memberKey(id, accountId));
  return bytes && decodeStoredMember(bytes);
}

export function putMember(
  transaction: StoreTransaction,
  place: { readonly channelId: Uint8Array; readonly accountId: Uint8Array },
  member: StoredMember,
): void {
  transaction.put(memberKey(place.channelId, place.accountId), encodeStoredMember(member));
}

/** Whether the account is a member now. */
export function isOpen(member: StoredMember | undefined): member is StoredMember {
  return member?.spans.at(-1)?.to === 0;
}

/** What a new entry says, beside its place. */
export interface NewEntry {
  readonly kind: Exclude<EntryKind, "unknown">;
  readonly acceptedAtMs: number;
  readonly entryId: Uint8Array;
  /** Empty for the server. */
  readonly accountId: Uint8Array;
  readonly message: Uint8Array;
}

/** Puts an entry whose message fits into it. */
export function putEntry(
  transaction: StoreTransaction,
  place: { readonly channelId: Uint8Array; readonly sequence: number },
  entry: NewEntry,
): void {
  const { message } = entry;
  transaction.put(
    entryKey(place.channelId, place.sequence),
    encodeStoredEntry({
      ...entry,
      message: isInline(message.length) ? message : EMPTY,
      messageBytes: message.length,
    }),
  );
}

/** Whether a message of that many bytes stands in its entry. */
export function isInline(messageBytes: number): boolean {
  return messageBytes <= APPLICATION_BYTES_MAX;
}

export interface SequencedEntry extends StoredEntry {
  readonly sequence: number;
}

/**
 * Entries from `from` to `to`, both included, as far as a page goes; cut at 4 MiB.
 * All that are asked for are there: the caller has read the head in the same moment.
 */
export async function readEntries(
  reader: StoreReader,
  channelId: Uint8Array,
  span: { readonly from: number; readonly to: number; readonly countMax: number },
): Promise<readonly SequencedEntry[]> {
  if (span.to < span.from) return [];
  const { entries } = await reader.range({
    prefix: entryKeys(channelId),
    start: entryKey(channelId, span.from),
    end: keyAfter(entryKey(channelId, span.to)),
    countMax: Math.min(span.countMax, span.to - span.from + 1),
  });
  assertWhole(entries, (count) => entryKey(channelId, span.from + count - 1));
  return entries.map(({ value }, index) => ({
    ...decodeStoredEntry(value),
    sequence: span.from + index,
  }));
}

/** As readers get it. */
export function entryOf(entry: SequencedEntry, message: Uint8Array = entry.message): Entry {
  const { sequence, kind, acceptedAtMs, entryId, messageBytes } = entry;
  return { sequence, kind, acceptedAtMs, entryId, message, messageBytes };
}

/** The whole message of an entry. */
export async function readMessage(
  reader: StoreReader,
  channelId: Uint8Array,
  entry: SequencedEntry,
): Promise<Uint8Array> {
  if (isInline(entry.messageBytes)) return entry.message;
  const body = await getBody(reader, entryBodyParts(channelId, entry.sequence));
  assert(body !== undefined, "a large entry has its body");
  return body;
}

export interface InboxOwner {
  readonly accountId: Uint8Array;
  readonly deviceId: Uint8Array;
}

const EMPTY_INBOX: StoredInboxHead = {
  sequence: 0,
  firstSequence: 1,
  acknowledged: 0,
  isForgotten: false,
};

export async function readInboxHead(
  reader: StoreReader,
  owner: InboxOwner,
): Promise<StoredInboxHead> {
  const bytes = await reader.get(inboxKey(owner.accountId, owner.deviceId));
  return bytes === undefined ? EMPTY_INBOX : decodeStoredInboxHead(bytes);
}

export function putInboxHead(
  transaction: StoreTransaction,
  owner: InboxOwner,
  head: StoredInboxHead,
): void {
  transaction.put(inboxKey(owner.accountId, owner.deviceId), encodeStoredInboxHead(head));
}

export interface SequencedInboxEntry extends StoredInboxEntry {
  readonly sequence: number;
}

/** As `readEntries`, of an inbox. */
export async function readInboxEntries(
  reader: StoreReader,
  owner: InboxOwner,
  span: { readonly from: number; readonly to: number; readonly countMax: number },
): Promise<readonly SequencedInboxEntry[]> {
  if (span.to < span.from) return [];
  const { accountId, deviceId } = owner;
  const { entries } = await reader.range({
    prefix: inboxKey(accountId, deviceId),
    start: inboxEntryKey(accountId, deviceId, span.from),
    end: keyAfter(inboxEntryKey(accountId, deviceId, span.to)),
    countMax: Math.min(span.countMax, span.to - span.from + 1),
  });
  assertWhole(entries, (count) => inboxEntryKey(accountId, deviceId, span.from + count - 1));
  return entries.map(({ value }, index) => ({
    ...decodeStoredInboxEntry(value),
    sequence: span.from + index,
  }));
}

/** Reads page by page: every log is 1, 2, 3 … without holes between its first and last entry. */
function assertWhole(
  entries: readonly KeyValue[],
  keyOfLast: (count: number) => Uint8Array,
): void {
  const last = entries.at(-1);
  const isWhole = last !== undefined && compareKeys(last.key, keyOfLast(entries.length)) === 0;
  assert(isWhole, "a log has no holes");
}

export function encodeSequence(sequence: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(sequence));
  return bytes;
}

/** 0 when nothing is stored. */
export function decodeSequence(bytes: Uint8Array | undefined): number {
  if (bytes === undefined) return 0;
  assert(bytes.length === 8, "a sequence number has 8 bytes");
  return Number(new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0));
}

export function encodeCount(count: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, count);
  return bytes;
}

/** 0 when nothing is stored. */
export function decodeCount(bytes: Uint8Array | undefined): number {
  if (bytes === undefined) return 0;
  assert(bytes.length === 4, "a count has 4 bytes");
  return new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0);
}
