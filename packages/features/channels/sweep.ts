/** Lets go of what nobody may need any more, a little at a time, so that appends never wait long. */
import {
  decodeKey,
  deleteBody,
  type Entry,
  keyAfter,
  keyAfterPrefix,
  type KeyPart,
  sleep,
  type StoreTransaction,
} from "@qpq/ports";
import {
  decodeStoredEntryId,
  decodeStoredMember,
  type StoredHead,
  type StoredInboxHead,
  type StoredUsage,
} from "./channels.gen.ts";
import type { ChannelsCore } from "./core.ts";
import {
  accountChannelKey,
  accountKey,
  acknowledgedKey,
  acknowledgedKeys,
  allReportKeys,
  CHANNEL_KEYS,
  ENTRY_ID_KEYS,
  entryBodyParts,
  entryKey,
  INBOX_KEYS,
  inboxEntryKey,
  inboxKey,
  memberKey,
  memberKeys,
  welcomeParts,
  welcomeUsesKey,
} from "./keys.ts";
import {
  decodeCount,
  decodeSequence,
  encodeCount,
  type InboxOwner,
  isInline,
  putHead,
  putInboxHead,
  readEntries,
  readHead,
  readInboxEntries,
  readInboxHead,
  readMember,
} from "./records.ts";
import { SWEEP_BYTES_ENOUGH } from "./limits.ts";
import { noteAsked } from "./membership.ts";
import { giveBackUsage } from "./usage.ts";

/** Members, entry ids and reports that are looked at in one go; then others have their turn. */
const LOOK_COUNT = 128;

/** One sweep of everything. */
export async function sweepAll(core: ChannelsCore, signal: AbortSignal): Promise<void> {
  for await (const id of groups(core, CHANNEL_KEYS, signal)) {
    await sweepChannel(core, id.at(-1) as Uint8Array, signal);
  }
  for await (const id of groups(core, INBOX_KEYS, signal)) {
    const [accountId, deviceId] = id.slice(-2) as [Uint8Array, Uint8Array];
    await sweepInbox(core, { accountId, deviceId }, signal);
  }
  await sweepEntryIds(core, signal);
}

/** The first key of each channel, or inbox: the one that begins all others of its. */
async function* groups(
  core: ChannelsCore,
  prefix: Uint8Array,
  signal: AbortSignal,
): AsyncGenerator<readonly KeyPart[]> {
  let start: Uint8Array | undefined = prefix;
  while (start !== undefined && !signal.aborted) {
    const from: Uint8Array = start;
    const page = await core.store.snapshot((reader) =>
      reader.range({ prefix, start: from, countMax: 1 })
    );
    const [first] = page.entries;
    if (first === undefined) return;
    yield decodeKey(first.key);
    start = keyAfterPrefix(first.key);
    await sleep(core.clock, core.limits.sweepPauseMs, signal);
  }
}

async function sweepChannel(
  core: ChannelsCore,
  channelId: Uint8Array,
  signal: AbortSignal,
): Promise<void> {
  const acknowledged = await acknowledgedByAll(core, channelId, signal);
  for (;;) {
    const hasMore = await core.store.transaction((transaction) =>
      sweepEntries(core, transaction, { channelId, acknowledged })
    );
    if (!hasMore || signal.aborted) break;
    await sleep(core.clock, core.limits.sweepPauseMs, signal);
  }
  // Each time: a sweep may have been cut short behind the last commit that ever goes.
  await forgetFormerMembers(core, channelId, signal);
  await forgetReports(core, channelId, signal);
}

/** The highest sequence number that every device of every member has acknowledged. */
async function acknowledgedByAll(
  core: ChannelsCore,
  channelId: Uint8Array,
  signal: AbortSignal,
): Promise<number> {
  const { retentionAcknowledgedMs } = core.limits;
  const head = await core.store.snapshot((reader) => readHead(reader, channelId));
  if (head === undefined || head.firstSequence > head.sequence) return 0;
  const isOld = await core.store.snapshot(async (reader) => {
    const { firstSequence: from } = head;
    // Swept in between: looked at again next time.
    if (await reader.get(entryKey(channelId, from)) === undefined) return false;
    const [first] = await readEntries(reader, channelId, { from, to: from, countMax: 1 });
    return first !== undefined && first.acceptedAtMs + retentionAcknowledgedMs <= core.clock.now();
  });
  if (!isOld) return 0;
  let lowest = head.sequence;
  for await (const page of pages(core, memberKeys(channelId), signal)) {
    lowest = await core.store.snapshot(async (reader) => {
      let low = lowest;
      for (const { key, value } of page) {
        if (decodeStoredMember(value).spans.at(-1)?.to !== 0) continue;
        const accountId = decodeKey(key).at(-1) as Uint8Array;
        for (const deviceId of await core.devices.devicesOf(reader, accountId)) {
          const bytes = await reader.get(acknowledgedKey(channelId, accountId, deviceId));
          low = Math.min(low, decodeSequence(bytes));
        }
      }
      return low;
    });
    if (lowest === 0) return 0;
  }
  return lowest;
}

async function* pages(
  core: ChannelsCore,
  prefix: Uint8Array,
  signal: AbortSignal,
): AsyncGenerator<readonly Entry[]> {
  let start: Uint8Array = prefix;
  while (!signal.aborted) {
    const from = start;
    const page = await core.store.snapshot((reader) =>
      reader.range({ prefix, start: from, countMax: LOOK_COUNT })
    );
    const last = page.entries.at(-1);
    if (last === undefined) return;
    yield page.entries;
    if (!page.more) return;
    start = keyAfter(last.key);
    await sleep(core.clock, core.limits.sweepPauseMs, signal);
  }
}

/**
 * Deletes the oldest entries that may go: always the first ones, so that no hole appears.
 * @returns whether more may go
 */
async function sweepEntries(
  core: ChannelsCore,
  transaction: StoreTransaction,
  options: { readonly channelId: Uint8Array; readonly acknowledged: number },
): Promise<boolean> {
  const { channelId, acknowledged } = options;
  const { retentionMs, retentionAcknowledgedMs, sweepEntries: countMax } = core.limits;
  const nowMs = core.clock.now();
  const head = await readHead(transaction, channelId);
  if (head === undefined) return false;
  const span = { from: head.firstSequence, to: head.sequence, countMax };
  const freed = new Map<string, StoredUsage>();
  let { firstSequence } = head;
  const entries = await readEntries(transaction, channelId, span);
  let bytes = 0;
  for (const entry of entries) {
    if (bytes >= SWEEP_BYTES_ENOUGH) break;
    const { sequence, acceptedAtMs, accountId, kind, messageBytes } = entry;
    bytes += messageBytes;
    const keptMs = sequence <= acknowledged ? retentionAcknowledgedMs : retentionMs;
    if (acceptedAtMs + keptMs > nowMs) break;
    transaction.delete(entryKey(channelId, sequence));
    if (!isInline(messageBytes)) {
      await deleteBody(transaction, entryBodyParts(channelId, sequence));
    }
    if (kind !== "commit" && kind !== "closed") {
      const before = freed.get(accountId.toHex());
      freed.set(accountId.toHex(), {
        accountId,
        entriesCount: (before?.entriesCount ?? 0) + 1,
        entriesBytes: (before?.entriesBytes ?? 0) + messageBytes,
      });
    }
    firstSequence = sequence + 1;
  }
  if (firstSequence === head.firstSequence) return false;
  const swept = [...freed.values()];
  const noted = await giveBackUsage(transaction, channelId, { head, swept });
  putHead(transaction, channelId, { ...noted, firstSequence });
  return bytes >= SWEEP_BYTES_ENOUGH || firstSequence === head.firstSequence + entries.length;
}

/** Accounts that were removed, and whose last entry is swept. */
async function forgetFormerMembers(
  core: ChannelsCore,
  channelId: Uint8Array,
  signal: AbortSignal,
): Promise<void> {
  const seen = await core.store.snapshot((reader) => readHead(reader, channelId));
  if (seen === undefined) return;
  for await (const page of pages(core, memberKeys(channelId), signal)) {
    const former = page.filter(({ value }) => {
      const to = decodeStoredMember(value).spans.at(-1)?.to ?? 0;
      return to !== 0 && to < seen.firstSequence;
    }).map(({ key }) => decodeKey(key).at(-1) as Uint8Array);
    if (former.length === 0) continue;
    await core.store.transaction(async (transaction) => {
      const head = await readHead(transaction, channelId);
      for (const accountId of former) {
        if (head !== undefined) await forgetMember(transaction, { channelId, accountId, head });
      }
    });
  }
}

async function forgetMember(
  transaction: StoreTransaction,
  former: {
    readonly channelId: Uint8Array;
    readonly accountId: Uint8Array;
    readonly head: StoredHead;
  },
): Promise<void> {
  const { channelId, accountId, head } = former;
  const [member, count, acknowledged] = await Promise.all([
    readMember(transaction, channelId, accountId),
    transaction.get(accountKey(accountId)),
    transaction.range({ prefix: acknowledgedKeys(channelId, accountId) }),
  ]);
  const last = member?.spans.at(-1);
  if (member === undefined || last === undefined) return;
  if (last.to === 0 || last.to >= head.firstSequence) return;
  await noteAsked(transaction, accountId, member);
  transaction.delete(memberKey(channelId, accountId));
  transaction.delete(accountChannelKey(accountId, channelId));
  transaction.put(accountKey(accountId), encodeCount(Math.max(0, decodeCount(count) - 1)));
  for (const { key } of acknowledged.entries) transaction.delete(key);
}

/** Reports of commits that are not the last any more. */
async function forgetReports(
  core: ChannelsCore,
  channelId: Uint8Array,
  signal: AbortSignal,
): Promise<void> {
  const seen = await core.store.snapshot((reader) => readHead(reader, channelId));
  for await (const page of pages(core, allReportKeys(channelId), signal)) {
    if (page.every(({ key }) => decodeKey(key).at(-3) === seen?.commitSequence)) continue;
    await core.store.transaction(async (transaction) => {
      const head = await readHead(transaction, channelId);
      for (const { key } of page) {
        const sequence = decodeKey(key).at(-3);
        if (head !== undefined && sequence !== head.commitSequence) transaction.delete(key);
      }
    });
  }
}

async function sweepInbox(
  core: ChannelsCore,
  owner: InboxOwner,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    const hasMore = await core.store.transaction(async (transaction) =>
      await sweepInboxEntries(core, transaction, owner)
    );
    if (!hasMore || signal.aborted) return;
    await sleep(core.clock, core.limits.sweepPauseMs, signal);
  }
}

async function sweepInboxEntries(
  core: ChannelsCore,
  transaction: StoreTransaction,
  owner: InboxOwner,
): Promise<boolean> {
  const { retentionMs, retentionAcknowledgedMs, sweepEntries: countMax } = core.limits;
  const nowMs = core.clock.now();
  const head: StoredInboxHead = await readInboxHead(transaction, owner);
  const span = { from: head.firstSequence, to: head.sequence, countMax };
  const entries = await readInboxEntries(transaction, owner, span);
  let { firstSequence } = head;
  let bytes = 0;
  for (const entry of entries) {
    if (bytes >= SWEEP_BYTES_ENOUGH) break;
    const { sequence, acceptedAtMs, welcomeBytes } = entry;
    const keptMs = sequence <= head.acknowledged ? retentionAcknowledgedMs : retentionMs;
    if (acceptedAtMs + keptMs > nowMs && !head.isForgotten) break;
    bytes += welcomeBytes;
    transaction.delete(inboxEntryKey(owner.accountId, owner.deviceId, sequence));
    await releaseWelcome(transaction, entry);
    firstSequence = sequence + 1;
  }
  if (head.isForgotten && firstSequence > head.sequence) {
    transaction.delete(inboxKey(owner.accountId, owner.deviceId));
    return false;
  }
  if (firstSequence === head.firstSequence) return false;
  putInboxHead(transaction, owner, { ...head, firstSequence });
  return bytes >= SWEEP_BYTES_ENOUGH || firstSequence === head.firstSequence + entries.length;
}

/** An inbox entry goes: its Welcome, too, when no other inbox points to it. */
async function releaseWelcome(
  transaction: StoreTransaction,
  entry: {
    readonly channelId: Uint8Array;
    readonly channelSequence: number;
    readonly welcomeIndex: number;
  },
): Promise<void> {
  const { channelId, channelSequence, welcomeIndex } = entry;
  const usesKey = welcomeUsesKey(channelId, channelSequence, welcomeIndex);
  const uses = decodeCount(await transaction.get(usesKey)) - 1;
  if (uses > 0) {
    transaction.put(usesKey, encodeCount(uses));
    return;
  }
  transaction.delete(usesKey);
  await deleteBody(transaction, welcomeParts(channelId, channelSequence, welcomeIndex));
}

async function sweepEntryIds(core: ChannelsCore, signal: AbortSignal): Promise<void> {
  const isOver = (value: Uint8Array): boolean =>
    decodeStoredEntryId(value).acceptedAtMs + core.limits.entryIdMs <= core.clock.now();
  for await (const page of pages(core, ENTRY_ID_KEYS, signal)) {
    const over = page.filter(({ value }) => isOver(value));
    if (over.length === 0) continue;
    await core.store.transaction(async (transaction) => {
      for (const { key } of over) transaction.delete(key);
    });
  }
}
