/** The server's list of a channel's accounts, and the inboxes of those who come. */
import { assert, getBody, MessengerError, putBody, type StoreTransaction } from "@qpq/ports";
import {
  encodeStoredInboxEntry,
  type Recipient,
  type StoredMember,
  type WelcomeUpload,
} from "./channels.gen.ts";
import { type ChannelsCore, sameBytes } from "./core.ts";
import {
  accountChannelKey,
  accountKey,
  inboxEntryKey,
  leavingKey,
  unaskedKey,
  welcomeParts,
  welcomeUsesKey,
} from "./keys.ts";
import { SPANS_MAX } from "./limits.ts";
import {
  decodeCount,
  decodeSequence,
  encodeCount,
  isOpen,
  putInboxHead,
  putMember,
  readInboxHead,
  readMember,
} from "./records.ts";

const EMPTY = new Uint8Array();
const NO_MEMBER: StoredMember = { spans: [], entriesCount: 0, entriesBytes: 0, addedBy: EMPTY };

/**
 * Makes accounts members from `sequence` on, the entry that adds them included.
 * @throws MessengerError `channels/bad-claim`: one is a member; `accounts/unknown`: there is none, or
 *   it has no device; `channels/too-many-channels`: it is in as many as it may be, or as others, or
 *   `by`, may put it in
 */
export async function addMembers(
  core: ChannelsCore,
  transaction: StoreTransaction,
  added: {
    readonly channelId: Uint8Array;
    readonly sequence: number;
    readonly accounts: readonly Uint8Array[];
    /** Who does it; among them perhaps. */
    readonly by: Uint8Array;
  },
): Promise<void> {
  const { channelId, sequence, by } = added;
  for (const accountId of added.accounts) {
    const [member, devices, count, isListed] = await Promise.all([
      readMember(transaction, channelId, accountId),
      core.devices.devicesOf(transaction, accountId),
      transaction.get(accountKey(accountId)),
      transaction.get(accountChannelKey(accountId, channelId)),
    ]);
    if (isOpen(member)) throw badClaim("it adds a member");
    if (devices.length === 0) {
      throw new MessengerError(
        "accounts/unknown",
        "Cannot add account: there is none, or no device",
      );
    }
    const before = member ?? NO_MEMBER;
    const spans = [...before.spans, { from: sequence, to: 0 }].slice(-SPANS_MAX);
    const addedBy = sameBytes(accountId, by) ? EMPTY : by;
    await noteAsked(transaction, accountId, before);
    if (addedBy !== EMPTY) await noteUnasked(core, transaction, accountId, by);
    putMember(transaction, { channelId, accountId }, { ...before, spans, addedBy });
    // Again, too: whoever follows the account's channels hears of it.
    transaction.put(accountChannelKey(accountId, channelId), new Uint8Array());
    if (isListed !== undefined) continue;
    const channels = decodeCount(count) + 1;
    const { channelsMax, channelsByOthersMax } = core.limits;
    // Nobody keeps an account from creating its own by putting it into many.
    const countMax = addedBy === EMPTY ? channelsMax : Math.min(channelsMax, channelsByOthersMax);
    if (channels > countMax) throw tooManyChannels();
    transaction.put(accountKey(accountId), encodeCount(channels));
  }
}

async function noteUnasked(
  core: ChannelsCore,
  transaction: StoreTransaction,
  accountId: Uint8Array,
  by: Uint8Array,
): Promise<void> {
  const key = unaskedKey(accountId, by);
  const count = decodeCount(await transaction.get(key)) + 1;
  if (count > core.limits.channelsUnaskedMax) throw tooManyChannels();
  transaction.put(key, encodeCount(count));
}

/** The account has sent something, or goes: who put it in may put it into another channel. */
export async function noteAsked(
  transaction: StoreTransaction,
  accountId: Uint8Array,
  { addedBy }: StoredMember,
): Promise<void> {
  if (addedBy.length === 0) return;
  const key = unaskedKey(accountId, addedBy);
  const count = decodeCount(await transaction.get(key)) - 1;
  if (count > 0) transaction.put(key, encodeCount(count));
  else transaction.delete(key);
}

function tooManyChannels(): MessengerError {
  return new MessengerError("channels/too-many-channels", "Cannot add account: in too many");
}

/**
 * Accounts get the entry `sequence`, and nothing after it. Who is no admin removes those alone that
 * have said in this epoch that they leave: otherwise one member's lie could lock out all others, and
 * with them every admin who could make a successor.
 * @throws MessengerError `channels/bad-claim`: one is no member; `channels/not-admin`
 */
export async function removeMembers(
  transaction: StoreTransaction,
  removed: {
    readonly channelId: Uint8Array;
    readonly sequence: number;
    readonly accounts: readonly Uint8Array[];
    /** That the commit ends. */
    readonly epoch: number;
    readonly isByAdmin: boolean;
  },
): Promise<void> {
  const { channelId, sequence, epoch, isByAdmin } = removed;
  for (const accountId of removed.accounts) {
    const leaving = leavingKey(channelId, accountId);
    const [member, leftAt] = await Promise.all([
      readMember(transaction, channelId, accountId),
      transaction.get(leaving),
    ]);
    if (!isOpen(member)) throw badClaim("it removes somebody who is no member");
    // No epoch that somebody leaves in is 0: `create` ends that.
    if (!isByAdmin && decodeSequence(leftAt) !== epoch) throw notAdmin();
    if (leftAt !== undefined) transaction.delete(leaving);
    const spans = member.spans.map((span) => span.to === 0 ? { ...span, to: sequence } : span);
    putMember(transaction, { channelId, accountId }, { ...member, spans });
  }
}

/**
 * Puts the Welcomes of an accepted commit into inboxes: nothing else ever does.
 * @returns devices that get none: gone, or with a full inbox
 * @throws MessengerError `channels/bad-welcome`: for somebody who is no member
 */
export async function deliverWelcomes(
  core: ChannelsCore,
  transaction: StoreTransaction,
  commit: {
    readonly channelId: Uint8Array;
    readonly sequence: number;
    readonly acceptedAtMs: number;
    readonly welcomes: readonly WelcomeUpload[];
  },
): Promise<readonly Recipient[]> {
  const { channelId, sequence, acceptedAtMs } = commit;
  const undelivered: Recipient[] = [];
  /** Devices of accounts that are members, by account: looked up once, however many recipients name one. */
  const devicesOf = new Map<string, ReadonlySet<string>>();
  for (const [welcomeIndex, { message, recipients }] of commit.welcomes.entries()) {
    let uses = 0;
    for (const recipient of recipients) {
      const { accountId, deviceId } = recipient;
      const account = accountId.toHex();
      const devices = devicesOf.get(account) ??
        await readMemberDevices(core, transaction, { channelId, accountId });
      devicesOf.set(account, devices);
      if (!devices.has(deviceId.toHex())) {
        undelivered.push(recipient);
        continue;
      }
      const inbox = await readInboxHead(transaction, recipient);
      // What the device has taken in is no burden: else a stranger could fill it for a day.
      const taken = Math.max(inbox.acknowledged, inbox.firstSequence - 1);
      const hasRoom = inbox.sequence - taken < core.limits.inboxEntriesMax;
      if (!hasRoom) {
        undelivered.push(recipient);
        continue;
      }
      uses += 1;
      putInboxHead(transaction, recipient, { ...inbox, sequence: inbox.sequence + 1 });
      transaction.put(
        inboxEntryKey(accountId, deviceId, inbox.sequence + 1),
        encodeStoredInboxEntry({
          acceptedAtMs,
          channelId,
          channelSequence: sequence,
          welcomeIndex,
          welcomeBytes: message.length,
        }),
      );
    }
    if (uses === 0) continue;
    await putBody(transaction, welcomeParts(channelId, sequence, welcomeIndex), message);
    transaction.put(welcomeUsesKey(channelId, sequence, welcomeIndex), encodeCount(uses));
  }
  return undelivered;
}

/** @throws MessengerError `channels/bad-welcome`: the account is no member */
async function readMemberDevices(
  core: ChannelsCore,
  transaction: StoreTransaction,
  { channelId, accountId }: { readonly channelId: Uint8Array; readonly accountId: Uint8Array },
): Promise<ReadonlySet<string>> {
  const [member, devices] = await Promise.all([
    readMember(transaction, channelId, accountId),
    core.devices.devicesOf(transaction, accountId),
  ]);
  if (isOpen(member)) return new Set(devices.map((id) => id.toHex()));
  throw new MessengerError(
    "channels/bad-welcome",
    "Cannot accept Welcome: it is for somebody outside the channel",
  );
}

/** The Welcome that an inbox entry points to. */
export async function readWelcome(
  reader: Parameters<typeof getBody>[0],
  entry: {
    readonly channelId: Uint8Array;
    readonly channelSequence: number;
    readonly welcomeIndex: number;
  },
): Promise<Uint8Array> {
  const parts = welcomeParts(entry.channelId, entry.channelSequence, entry.welcomeIndex);
  const welcome = await getBody(reader, parts);
  assert(welcome !== undefined, "a Welcome stays as long as an inbox points to it");
  return welcome;
}

export function notAdmin(): MessengerError {
  return new MessengerError(
    "channels/not-admin",
    "Cannot accept commit: only an admin may do that",
  );
}

export function badClaim(state: string): MessengerError {
  return new MessengerError("channels/bad-claim", `Cannot accept commit: ${state}`);
}
