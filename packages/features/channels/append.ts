/** Adding a message of the head epoch to a channel. */
import { getBody, MessengerError, type StoreReader } from "@qpq/ports";
import { type MessageHeader, parseGroupInfo, parseMessageHeader } from "@qpq/mls/public";
import { checkExternalCommit, checkSelfRemove, publicGroupOf } from "../groups/admission.ts";
import { parseConversationContext, sidesOf } from "../groups/context.ts";
import {
  type ChannelsAppendParams,
  type ChannelsAppendResults,
  encodeStoredEntryId,
} from "./channels.gen.ts";
import {
  type Caller,
  type ChannelsCore,
  checkChannelId,
  checkId,
  checkNotClosed,
  checkNotRevoked,
  epochAhead,
  epochOf,
  findEntryId,
  hashParts,
  notAMember,
  rateKey,
  rateLimited,
  sameBytes,
  withTokens,
} from "./core.ts";
import { entryIdKey, groupInfoParts, leavingKey } from "./keys.ts";
import { APPLICATION_BYTES_MAX, QUOTA_RETRY_MS } from "./limits.ts";
import { noteAsked } from "./membership.ts";
import {
  encodeSequence,
  isOpen,
  type NewEntry,
  putEntry,
  putHead,
  putMember,
  readChannel,
  readHead,
  readMember,
} from "./records.ts";
import { noteUsage, type Usage, usageOf } from "./usage.ts";

/**
 * Adds an application message, or a SelfRemove. Durable when it resolves; only then do others see it.
 * @throws MessengerError in this order: `malformed`, `too-large`, `channels/bad-message`;
 *   `channels/entry-id-reused`; `channels/not-a-member`, `channels/closed`; `channels/epoch-too-old`,
 *   `channels/epoch-ahead`; `channels/rate-limited`, `channels/quota-exceeded`
 */
export async function append(
  core: ChannelsCore,
  caller: Caller,
  params: ChannelsAppendParams,
): Promise<ChannelsAppendResults> {
  const { channelId, entryId, message } = params;
  checkId(entryId, "entry id");
  const header = parseAppended(params);
  const hash = hashParts(core, [channelId, message]);
  const verdict = await verdictOnPublic(core, caller, header);
  const acceptedAtMs = core.clock.now();
  const rates = [{ buckets: core.appendRates, key: rateKey(caller, channelId) }];
  return await withTokens(rates, async (waitMs) => {
    const accepted = await core.store.transaction(async (transaction) => {
      checkNotRevoked(caller);
      const [earlier, head, member] = await Promise.all([
        findEntryId(transaction, caller, { entryId, hash }),
        readHead(transaction, channelId),
        readMember(transaction, channelId, caller.accountId),
      ]);
      if (earlier !== undefined) return { ...earlier, isNew: false };
      if (head === undefined || !isOpen(member)) throw notAMember();
      checkNotClosed(head);
      checkEpoch(header, head.epoch);
      throwIfRefused(verdict);
      if (waitMs > 0) throw rateLimited(waitMs);
      const before = usageOf(head, caller.accountId, member);
      const usage = {
        accountId: caller.accountId,
        entriesCount: before.entriesCount + 1,
        entriesBytes: before.entriesBytes + message.length,
      };
      checkQuota(core, usage);
      if (member.addedBy.length > 0 && header.contentType === "application") {
        await noteAsked(transaction, caller.accountId, member);
        const { accountId } = caller;
        putMember(transaction, { channelId, accountId }, { ...member, addedBy: new Uint8Array() });
      }
      const sequence = head.sequence + 1;
      const noted = await noteUsage(transaction, channelId, { head, usage });
      putHead(transaction, channelId, { ...noted, sequence });
      putEntry(
        transaction,
        { channelId, sequence },
        entryOfAppend(header, {
          entryId,
          accountId: caller.accountId,
          message,
          acceptedAtMs,
        }),
      );
      transaction.put(
        entryIdKey(caller.accountId, caller.deviceId, entryId),
        encodeStoredEntryId({ hash, channelId, sequence, acceptedAtMs }),
      );
      if (header.contentType === "proposal") {
        transaction.put(leavingKey(channelId, caller.accountId), encodeSequence(head.epoch));
      }
      return { sequence, acceptedAtMs, isNew: true };
    });
    if (accepted.isNew) {
      const { kind } = entryOfAppend(header, params);
      const messageBytes = message.length;
      core.hub.offer(channelId, { ...accepted, kind, entryId, message, messageBytes });
    }
    const { sequence } = accepted;
    return { isUsed: accepted.isNew, result: { sequence, acceptedAtMs: accepted.acceptedAtMs } };
  });
}

function parseAppended({ channelId, message }: ChannelsAppendParams): MessageHeader {
  checkChannelId(channelId);
  if (message.length > APPLICATION_BYTES_MAX) {
    throw new MessengerError("too-large", `Cannot accept message: ${message.length} bytes`);
  }
  const header = parseMessageHeader(message);
  if (!sameBytes(header.groupId, channelId)) throw badMessage("it is for another group");
  const { wireFormat, contentType } = header;
  const isApplication = wireFormat === "private-message" && contentType === "application";
  if (!isApplication && !isSelfRemove(header)) {
    throw badMessage("it is neither an application message nor a SelfRemove");
  }
  return header;
}

function isSelfRemove({ publicMessage }: MessageHeader): boolean {
  const content = publicMessage?.content;
  return content?.kind === "proposal" && content.proposal.kind === "self-remove";
}

function entryOfAppend<Rest>(
  header: MessageHeader,
  rest: Rest,
): Rest & Pick<NewEntry, "kind"> {
  return { ...rest, kind: header.contentType === "application" ? "application" : "proposal" };
}

function checkEpoch(header: MessageHeader, headEpoch: number): void {
  const epoch = epochOf(header);
  if (epoch > headEpoch) throw epochAhead();
  if (epoch === headEpoch) return;
  throw new MessengerError(
    "channels/epoch-too-old",
    "Cannot add to channel: a commit has ended the message's epoch",
  );
}

function checkQuota(
  core: ChannelsCore,
  { entriesCount, entriesBytes }: Usage,
): void {
  const { quotaEntries, quotaBytes } = core.limits;
  if (entriesCount <= quotaEntries && entriesBytes <= quotaBytes) return;
  throw new MessengerError(
    "channels/quota-exceeded",
    "Cannot add to channel: the account keeps as much there as it may",
    { retryAfterMs: QUOTA_RETRY_MS },
  );
}

/** What a look at a public message, beside the epoch that it is of, came to. */
export type PublicVerdict =
  | { readonly kind: "fine" }
  | { readonly kind: "refused"; readonly error: MessengerError }
  /** Its epoch was not the channel's when it was looked at. */
  | { readonly kind: "not-checked" };

const FINE: PublicVerdict = { kind: "fine" };

/**
 * Looks at a public message before the transaction: verifying takes a while, and nothing but its epoch
 * can change meanwhile. The verdict counts in the transaction, after the checks that come first.
 */
export async function verdictOnPublic(
  core: ChannelsCore,
  caller: Caller,
  header: MessageHeader,
): Promise<PublicVerdict> {
  if (header.publicMessage === undefined) return FINE;
  const waitMs = core.commitTryRates.take(rateKey(caller, header.groupId));
  if (waitMs > 0) return { kind: "refused", error: rateLimited(waitMs) };
  const group = await core.store.snapshot((reader) => readPublicGroup(reader, caller, header));
  if (group === undefined) return { kind: "not-checked" };
  const cost = Math.ceil(group.groupInfo.length / 1024);
  const lookWaitMs = core.lookRates.take(caller.accountId.toHex(), cost);
  if (lookWaitMs > 0) return { kind: "refused", error: rateLimited(lookWaitMs) };
  try {
    const options = {
      crypto: core.crypto,
      group: publicGroupOf(parseGroupInfo(group.groupInfo)),
      sender: caller,
      readLeaf: core.readLeaf,
    };
    if (header.contentType === "commit") {
      const isOpenTo = sidesOf(parseConversationContext(group.context)) !== undefined;
      checkExternalCommit(header, { ...options, isOpenTo });
    } else checkSelfRemove(header, options);
    return FINE;
  } catch (error) {
    if (!(error instanceof MessengerError)) throw error;
    return { kind: "refused", error };
  }
}

async function readPublicGroup(
  reader: StoreReader,
  caller: Caller,
  header: MessageHeader,
): Promise<{ readonly groupInfo: Uint8Array; readonly context: Uint8Array } | undefined> {
  const [head, member] = await Promise.all([
    readHead(reader, header.groupId),
    readMember(reader, header.groupId, caller.accountId),
  ]);
  // Nobody else makes the server verify anything.
  if (head === undefined || !isOpen(member)) return undefined;
  if (BigInt(head.epoch) !== header.epoch) return undefined;
  const [groupInfo, channel] = await Promise.all([
    getBody(reader, groupInfoParts(header.groupId)),
    readChannel(reader, header.groupId),
  ]);
  return groupInfo === undefined ? undefined : { groupInfo, context: channel.context };
}

/** To be called when the message's epoch is the channel's. @throws MessengerError */
export function throwIfRefused(verdict: PublicVerdict): void {
  if (verdict.kind === "refused") throw verdict.error;
  // The channel reached the epoch in between: the same again will be checked.
  if (verdict.kind === "not-checked") throw epochAhead();
}

function badMessage(state: string): MessengerError {
  return new MessengerError("channels/bad-message", `Cannot accept message: ${state}`);
}
