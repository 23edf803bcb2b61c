/** The calls that only look, and what a device says of what it has seen. */
import {
  decodeKey,
  getBody,
  keyAfter,
  MessengerError,
  RANGE_ENTRIES_MAX,
  type StoreReader,
} from "@qpq/ports";
import {
  type ChannelsAcknowledgeParams,
  type ChannelsGroupInfoResults,
  type ChannelsMembersResults,
  type ChannelsReadInboxParams,
  type ChannelsReadInboxResults,
  type ChannelsReadParams,
  type ChannelsReadResults,
  type ChannelsReportParams,
  type ChannelsWelcomeParams,
  decodeStoredMember,
  type Entry,
  type InboxEntry,
  type StoredHead,
  type StoredInboxHead,
  type StoredMember,
} from "./channels.gen.ts";
import {
  type Caller,
  type ChannelsCore,
  checkChannelId,
  checkIncarnation,
  checkNotRevoked,
  notAMember,
} from "./core.ts";
import { acknowledgedKey, groupInfoParts, memberKeys, reportKey, reportKeys } from "./keys.ts";
import { COMMIT_BYTES_MAX, PAGE_ENTRIES_MAX } from "./limits.ts";
import { readWelcome } from "./membership.ts";
import {
  decodeSequence,
  encodeSequence,
  entryOf,
  type InboxOwner,
  isInline,
  isOpen,
  putInboxHead,
  readEntries,
  readHead,
  readInboxEntries,
  readInboxHead,
  readMember,
  readMessage,
  type SequencedInboxEntry,
} from "./records.ts";
import { lastReadable, readableAfter } from "./span.ts";

const EMPTY = new Uint8Array();

/** A channel that the account is, or was, a member of. @throws MessengerError `channels/not-a-member` */
async function readAsReader(
  reader: StoreReader,
  caller: Caller,
  channelId: Uint8Array,
): Promise<{ readonly head: StoredHead; readonly member: StoredMember }> {
  checkChannelId(channelId);
  const [head, member] = await Promise.all([
    readHead(reader, channelId),
    readMember(reader, channelId, caller.accountId),
  ]);
  if (head === undefined || member === undefined) throw notAMember();
  return { head, member };
}

/** A channel that the account is a member of now. @throws MessengerError `channels/not-a-member` */
async function readAsMember(
  reader: StoreReader,
  caller: Caller,
  channelId: Uint8Array,
): Promise<StoredHead> {
  const { head, member } = await readAsReader(reader, caller, channelId);
  if (!isOpen(member)) throw notAMember();
  return head;
}

/**
 * One page behind a cursor: at most 128 entries, and 8 MiB. A message above 64 KiB comes in a page of
 * its own.
 * @throws MessengerError `malformed`, `channels/incarnation-changed`, `channels/not-a-member`,
 *   `channels/bad-cursor`
 */
export async function read(
  core: ChannelsCore,
  caller: Caller,
  params: ChannelsReadParams,
): Promise<ChannelsReadResults> {
  checkIncarnation(core, params.incarnation);
  const { channelId, after } = params.cursor;
  return await core.store.snapshot(async (reader) => {
    const { head, member } = await readAsReader(reader, caller, channelId);
    const last = lastReadable(head, member);
    // A former member learns no more of the channel by what it is refused either.
    if (after > last) throw badCursor();
    const { from, to, gap } = readableAfter(head, member, after);
    const countMax = Math.min(Math.max(1, params.countMax), PAGE_ENTRIES_MAX);
    const stored = await readEntries(reader, channelId, { from, to, countMax });
    const [first] = stored;
    const page: Entry[] = [];
    let bytes = 0;
    if (first !== undefined && !isInline(first.messageBytes)) {
      page.push(entryOf(first, await readMessage(reader, channelId, first)));
    } else {
      for (const entry of stored) {
        bytes += entry.message.length;
        if (!isInline(entry.messageBytes) || bytes > COMMIT_BYTES_MAX) break;
        page.push(entryOf(entry));
      }
    }
    return { gap, entries: page, head: last };
  });
}

/** @throws MessengerError `channels/incarnation-changed`, `channels/bad-cursor` */
export async function readInbox(
  core: ChannelsCore,
  caller: Caller,
  params: ChannelsReadInboxParams,
): Promise<ChannelsReadInboxResults> {
  checkIncarnation(core, params.incarnation);
  const { after } = params;
  return await core.store.snapshot(async (reader) => {
    const head = await readInboxHead(reader, caller);
    if (after > head.sequence) throw badCursor();
    const countMax = Math.min(Math.max(1, params.countMax), PAGE_ENTRIES_MAX);
    const page = await readInboxPage(reader, caller, { head, after, countMax, bytesMax: 0 });
    return { ...page, head: head.sequence };
  });
}

export interface InboxPage {
  readonly gap:
    | { readonly from: number; readonly to: number; readonly reason: "expired" }
    | undefined;
  readonly entries: readonly InboxEntry[];
}

/** Entries of an inbox; Welcomes stand in them as long as they have `bytesMax` together. */
export async function readInboxPage(
  reader: StoreReader,
  owner: InboxOwner,
  page: {
    readonly head: StoredInboxHead;
    readonly after: number;
    readonly countMax: number;
    readonly bytesMax: number;
  },
): Promise<InboxPage> {
  const { head, after, countMax } = page;
  const from = Math.max(after + 1, head.firstSequence);
  const stored = await readInboxEntries(reader, owner, { from, to: head.sequence, countMax });
  const entries: InboxEntry[] = [];
  let bytesLeft = page.bytesMax;
  for (const entry of stored) {
    const fits = entry.welcomeBytes <= bytesLeft && isInline(entry.welcomeBytes);
    const welcome = fits ? await readWelcome(reader, entry) : EMPTY;
    bytesLeft -= welcome.length;
    entries.push(inboxEntryOf(entry, welcome));
  }
  const gap = from > after + 1
    ? { from: after + 1, to: from - 1, reason: "expired" } as const
    : undefined;
  return { gap, entries };
}

function inboxEntryOf(entry: SequencedInboxEntry, welcome: Uint8Array): InboxEntry {
  const { sequence, acceptedAtMs, channelId, channelSequence, welcomeBytes } = entry;
  return { sequence, acceptedAtMs, channelId, channelSequence, welcome, welcomeBytes };
}

/** @throws MessengerError `channels/incarnation-changed`, `channels/bad-cursor`: not, or no longer there */
export async function welcome(
  core: ChannelsCore,
  caller: Caller,
  params: ChannelsWelcomeParams,
): Promise<{ readonly welcome: Uint8Array }> {
  checkIncarnation(core, params.incarnation);
  const { sequence } = params;
  return await core.store.snapshot(async (reader) => {
    const head = await readInboxHead(reader, caller);
    if (sequence < head.firstSequence || sequence > head.sequence) throw badCursor();
    const span = { from: sequence, to: sequence, countMax: 1 };
    const [entry] = await readInboxEntries(reader, caller, span);
    if (entry === undefined) throw badCursor();
    return { welcome: await readWelcome(reader, entry) };
  });
}

/** @throws MessengerError `channels/not-a-member` */
export async function members(
  core: ChannelsCore,
  caller: Caller,
  { channelId }: { readonly channelId: Uint8Array },
): Promise<ChannelsMembersResults> {
  return await core.store.snapshot(async (reader) => {
    const head = await readAsMember(reader, caller, channelId);
    const [accounts, reports] = await Promise.all([
      readMembers(reader, channelId),
      reader.range({ prefix: reportKeys(channelId, head.commitSequence) }),
    ]);
    const { epoch, sequence, successor } = head;
    return { accounts, epoch, sequence, reports: reports.entries.length, successor };
  });
}

async function readMembers(reader: StoreReader, channelId: Uint8Array): Promise<Uint8Array[]> {
  const accounts: Uint8Array[] = [];
  for await (const { accountId, member } of allMembers(reader, channelId)) {
    if (isOpen(member)) accounts.push(accountId);
  }
  return accounts;
}

/** Every account that has a record in the channel. */
export async function* allMembers(
  reader: StoreReader,
  channelId: Uint8Array,
): AsyncGenerator<{ readonly accountId: Uint8Array; readonly member: StoredMember }> {
  const prefix = memberKeys(channelId);
  let start: Uint8Array | undefined;
  for (;;) {
    const page = await reader.range({
      prefix,
      countMax: RANGE_ENTRIES_MAX,
      ...(start === undefined ? {} : { start }),
    });
    for (const { key, value } of page.entries) {
      yield { accountId: decodeKey(key).at(-1) as Uint8Array, member: decodeStoredMember(value) };
    }
    const last = page.entries.at(-1);
    if (!page.more || last === undefined) return;
    start = keyAfter(last.key);
  }
}

/** For those who enter by external commit. @throws MessengerError `channels/not-a-member` */
export async function groupInfo(
  core: ChannelsCore,
  caller: Caller,
  { channelId }: { readonly channelId: Uint8Array },
): Promise<ChannelsGroupInfoResults> {
  return await core.store.snapshot(async (reader) => {
    const head = await readAsMember(reader, caller, channelId);
    const stored = await getBody(reader, groupInfoParts(channelId));
    if (stored === undefined) throw notAMember();
    return { groupInfo: stored, epoch: head.epoch, sequence: head.commitSequence };
  });
}

/**
 * Notes what a device has stored. Never backwards; channels that it may not read are passed over.
 * @throws MessengerError `channels/incarnation-changed`; `channels/bad-cursor`: nothing is noted
 */
export async function acknowledge(
  core: ChannelsCore,
  caller: Caller,
  params: ChannelsAcknowledgeParams,
): Promise<Readonly<Record<never, never>>> {
  checkIncarnation(core, params.incarnation);
  for (const { channelId } of params.cursors) checkChannelId(channelId);
  await core.store.transaction(async (transaction) => {
    checkNotRevoked(caller);
    for (const { channelId, after } of params.cursors) {
      const key = acknowledgedKey(channelId, caller.accountId, caller.deviceId);
      const [head, member, before] = await Promise.all([
        readHead(transaction, channelId),
        readMember(transaction, channelId, caller.accountId),
        transaction.get(key),
      ]);
      if (head === undefined || member === undefined) continue;
      if (after > lastReadable(head, member)) throw badCursor();
      if (after > decodeSequence(before)) transaction.put(key, encodeSequence(after));
    }
    if (params.inboxAfter === 0) return;
    const inbox = await readInboxHead(transaction, caller);
    if (params.inboxAfter > inbox.sequence) throw badCursor();
    if (params.inboxAfter <= inbox.acknowledged) return;
    putInboxHead(transaction, caller, { ...inbox, acknowledged: params.inboxAfter });
  });
  return {};
}

/**
 * Notes that this device can't process the last commit: its members see how many can't, and an admin
 * may then make a successor.
 * @throws MessengerError `channels/not-a-member`; `channels/bad-cursor`: it is not the last commit
 */
export async function report(
  core: ChannelsCore,
  caller: Caller,
  { channelId, sequence }: ChannelsReportParams,
): Promise<Readonly<Record<never, never>>> {
  await core.store.transaction(async (transaction) => {
    checkNotRevoked(caller);
    const head = await readAsMember(transaction, caller, channelId);
    if (sequence !== head.commitSequence) throw badCursor();
    transaction.put(reportKey(channelId, sequence, caller), EMPTY);
  });
  return {};
}

/** A sequence number beyond the end of a log, or not the one that was meant. */
export function badCursor(): MessengerError {
  return new MessengerError("channels/bad-cursor", "Cannot read: nothing has that number");
}
