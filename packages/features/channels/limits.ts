import type { Rate } from "../limits/token-buckets.ts";

/** Bytes of a channel's id, which is its group's. */
export const CHANNEL_ID_BYTES_MIN = 16;
export const CHANNEL_ID_BYTES_MAX = 64;
/** Bytes of an account's, a device's and an entry's id. */
export const ID_BYTES = 16;
/** Bytes of an application message or SelfRemove; and of what a subscription carries inline. */
export const APPLICATION_BYTES_MAX = 65_536;
/** Bytes of a commit, of a GroupInfo, and of the Welcomes of one commit together. */
export const COMMIT_BYTES_MAX = 8_388_608;
/** Devices that one commit welcomes. */
export const RECIPIENTS_MAX = 4_096;
/**
 * What a device that a commit welcomes, or an account that it adds or removes, counts among the KiB of
 * `uploadRate`: as much as it keeps the store from other work.
 */
export const CONCERNED_COST_KIB = 4;
/** Entries that one page of a read holds. */
export const PAGE_ENTRIES_MAX = 128;
/** Bytes of messages from which a frame of a subscription takes no further page … */
export const FRAME_BYTES_ENOUGH = 65_536;
/** … and at most, so that with what waits to be sent (64 KiB) a subscriber holds below 256 KiB. */
export const FRAME_BYTES_MAX = 163_840;
/** Bytes of messages from which one transaction of the sweep deletes no further entry. */
export const SWEEP_BYTES_ENOUGH = 4_194_304;
/** Times that an account's coming and going is remembered in one channel. */
export const SPANS_MAX = 16;

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** What who has no quota left may wait for: the next sweep. */
export const QUOTA_RETRY_MS: number = HOUR_MS;

/** What an operator may set. */
export interface ChannelLimits {
  /** Milliseconds that an entry is kept at most, … */
  readonly retentionMs: number;
  /** … and when every device of every member has acknowledged it. */
  readonly retentionAcknowledgedMs: number;
  /** Milliseconds for which the same entry id has the same result. */
  readonly entryIdMs: number;
  /** Application entries that one account keeps in one channel, and their bytes. */
  readonly quotaEntries: number;
  readonly quotaBytes: number;
  /** For each account and channel: application entries; commits taken in; commits tried. */
  readonly appendRate: Rate;
  readonly commitRate: Rate;
  readonly commitTryRate: Rate;
  /** Channels that one account creates. */
  readonly createRate: Rate;
  /**
   * KiB of commits, GroupInfos and Welcomes of one account, in all channels, and 4 for each device and
   * account that they concern: no quota counts them.
   */
  readonly uploadRate: Rate;
  /** KiB of GroupInfos that one account has the server look through: for external commits, SelfRemoves. */
  readonly lookRate: Rate;
  /** Milliseconds for which an account leaves the next epoch to one whose commit it beat. */
  readonly turnMs: number;
  /** Accounts of one channel, at most 1,000. */
  readonly membersMax: number;
  /** Channels of one account, at most 4,096. */
  readonly channelsMax: number;
  /** Of them, those from which on nobody else puts it into another one. */
  readonly channelsByOthersMax: number;
  /** Channels that one account has put another one in, where that has sent nothing. */
  readonly channelsUnaskedMax: number;
  /** Welcomes that wait in one inbox. */
  readonly inboxEntriesMax: number;
  /** Subscriptions that one device has open. */
  readonly subscriptionsMax: number;
  /** Bytes of fresh entries kept in memory for those who follow, of all channels together. */
  readonly freshBytesMax: number;
  /** Entries that one transaction of the sweep deletes, and milliseconds between two. */
  readonly sweepEntries: number;
  readonly sweepPauseMs: number;
}

export const CHANNEL_LIMITS: ChannelLimits = {
  retentionMs: 30 * DAY_MS,
  retentionAcknowledgedMs: DAY_MS,
  entryIdMs: 30 * DAY_MS,
  quotaEntries: 50_000,
  quotaBytes: 64 * 1024 * 1024,
  appendRate: { burst: 2_000, perMinute: 1_200 },
  commitRate: { burst: 5, perMinute: 6 },
  commitTryRate: { burst: 60, perMinute: 60 },
  createRate: { burst: 20, perMinute: 10 },
  uploadRate: { burst: 262_144, perMinute: 16_384 },
  lookRate: { burst: 32_768, perMinute: 2_048 },
  turnMs: 10_000,
  membersMax: 1_000,
  channelsMax: 4_096,
  channelsByOthersMax: 3_072,
  channelsUnaskedMax: 256,
  inboxEntriesMax: 1_000,
  subscriptionsMax: 4,
  freshBytesMax: 32 * 1024 * 1024,
  sweepEntries: 32,
  sweepPauseMs: 10,
};
