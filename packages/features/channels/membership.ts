/** The server's list of a channel's accounts, and the inboxes of those who come. */
import { assert, getBody, MessengerError, putBody, type StoreTransaction } from "@qpq/ports";
import {
  encodeStoredInboxEntry,
  type Recipient,
  type StoredMember,
  type WelcomeUpload,
} from "./channels.gen.ts";
import type { ChannelsCore } from "./core.ts";
import {
  accountChannelKey,
  accountKey,
  inboxEntryKey,
  leavingKey,
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

const NO_MEMBER: StoredMember = { spans: [], entriesCount: 0, entriesBytes: 0 };

/**
 * Makes accounts members from `sequence` on, the entry that adds them included.
 * @throws MessengerError `channels/bad-claim`: one is a member; `accounts/unknown`: there is none, or
 *   it has no device; `channels/too-many-channels`
 */
export async function addMembers(
  core: ChannelsCore,
  transaction: StoreTransaction,
  added: {
    readonly channelId: Uint8Array;
    readonly sequence: number;
    readonly accounts: readonly Uint8Array[];
  },
): Promise<void> {
  const { channelId, sequence } = added;
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
    putMember(transaction, { channelId, accountId }, { ...before, spans });
    // Again, too: whoever follows the account's channels hears of it.
    transaction.put(accountChannelKey(accountId, channelId), new Uint8Array());
    if (isListed !== undefined) continue;
    const channels = decodeCount(count) + 1;
    if (channels > core.limits.channelsMax) {
      throw new MessengerError("channels/too-many-channels", "Cannot add account: in too many");
    }
    transaction.put(accountKey(accountId), encodeCount(channels));
  }
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
  for (const [welcomeIndex, { message, recipients }] of commit.welcomes.entries()) {
    let uses = 0;
    for (const recipient of recipients) {
      const { accountId, deviceId } = recipient;
      const [member, devices, inbox] = await Promise.all([
        readMember(transaction, channelId, accountId),
        core.devices.devicesOf(transaction, accountId),
        readInboxHead(transaction, recipient),
      ]);
      if (!isOpen(member)) {
        throw new MessengerError(
          "channels/bad-welcome",
          "Cannot accept Welcome: it is for somebody outside the channel",
        );
      }
      // What the device has taken in is no burden: else a stranger could fill it for a day.
      const taken = Math.max(inbox.acknowledged, inbox.firstSequence - 1);
      const hasRoom = inbox.sequence - taken < core.limits.inboxEntriesMax;
      const isKnown = devices.some((id) => id.toHex() === deviceId.toHex());
      if (!hasRoom || !isKnown) {
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
