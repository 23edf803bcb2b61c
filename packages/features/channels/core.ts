/** What the calls of this slice share. */
import {
  type Clock,
  compareKeys,
  type Log,
  MessengerError,
  type Store,
  type StoreReader,
} from "@qpq/ports";
import type { CryptoProvider, MessageHeader } from "@qpq/mls/public";
import type { ReadLeaf } from "../groups/admission.ts";
import { TokenBuckets } from "../limits/token-buckets.ts";
import { decodeStoredEntryId, type StoredEntryId, type StoredHead } from "./channels.gen.ts";
import { ChannelHub } from "./hub.ts";
import { entryIdKey } from "./keys.ts";
import {
  CHANNEL_ID_BYTES_MAX,
  CHANNEL_ID_BYTES_MIN,
  type ChannelLimits,
  ID_BYTES,
} from "./limits.ts";
import { CommitTurns } from "./turns.ts";

/** Who calls: a device that has logged in. `DeviceIdentity` of devices/ fits. */
export interface Caller {
  /** 16 bytes each. */
  readonly accountId: Uint8Array;
  readonly deviceId: Uint8Array;
  /** Ed25519, 32 bytes. */
  readonly signatureKey: Uint8Array;
  /** Aborted when the device may not call any more. */
  readonly revoked: AbortSignal;
}

/** What this slice asks of accounts and devices. */
export interface DeviceDirectory {
  /** Ids of the devices of an account that are in force; none when there is no such account. */
  devicesOf(reader: StoreReader, accountId: Uint8Array): Promise<readonly Uint8Array[]>;
}

export interface ChannelsOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly crypto: CryptoProvider;
  /** Of the logs: 16 bytes, renewed by a restore from a backup. */
  readonly incarnation: Uint8Array;
  readonly devices: DeviceDirectory;
  readonly readLeaf: ReadLeaf;
  /** Suites of new channels; the hybrid one alone, unless configured otherwise. */
  readonly cipherSuites: readonly number[];
  readonly limits?: Partial<ChannelLimits>;
}

/** A subscription that runs. */
export interface OpenSubscription {
  /** The device has begun a newer one: this one has no place any more. */
  readonly replace: () => void;
}

export interface ChannelsCore extends Omit<ChannelsOptions, "limits"> {
  readonly limits: ChannelLimits;
  readonly hub: ChannelHub;
  readonly turns: CommitTurns;
  readonly appendRates: TokenBuckets;
  readonly commitRates: TokenBuckets;
  readonly commitTryRates: TokenBuckets;
  readonly createRates: TokenBuckets;
  readonly uploadRates: TokenBuckets;
  readonly lookRates: TokenBuckets;
  /** Open subscriptions by device, oldest first. */
  readonly subscriptions: Map<string, Set<OpenSubscription>>;
}

export function createCore(options: ChannelsOptions, limits: ChannelLimits): ChannelsCore {
  const { clock, store } = options;
  return {
    ...options,
    limits,
    hub: new ChannelHub(store, { freshBytesMax: limits.freshBytesMax }),
    turns: new CommitTurns(clock, limits.turnMs),
    appendRates: new TokenBuckets({ clock, rate: limits.appendRate }),
    commitRates: new TokenBuckets({ clock, rate: limits.commitRate }),
    commitTryRates: new TokenBuckets({ clock, rate: limits.commitTryRate }),
    createRates: new TokenBuckets({ clock, rate: limits.createRate }),
    uploadRates: new TokenBuckets({ clock, rate: limits.uploadRate }),
    lookRates: new TokenBuckets({ clock, rate: limits.lookRate }),
    subscriptions: new Map(),
  };
}

/** The suite whose hash entry ids are bound to: SHA-256. */
const HASH_SUITE = 0x0003;

/** SHA-256 over all parts, each behind its length: no two lists of parts give the same bytes. */
export function hashParts(core: ChannelsCore, parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + 4 + part.length, 0);
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  let offset = 0;
  for (const part of parts) {
    view.setUint32(offset, part.length);
    bytes.set(part, offset + 4);
    offset += 4 + part.length;
  }
  return core.crypto.cipherSuite(HASH_SUITE).hash(bytes);
}

export function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  return compareKeys(one, other) === 0;
}

/** @throws MessengerError `malformed` */
export function checkChannelId(id: Uint8Array): void {
  if (id.length < CHANNEL_ID_BYTES_MIN || id.length > CHANNEL_ID_BYTES_MAX) {
    throw new MessengerError("malformed", `Cannot accept channel id: ${id.length} bytes`);
  }
}

/** @throws MessengerError `malformed` */
export function checkId(id: Uint8Array, name: string): void {
  if (id.length !== ID_BYTES) {
    throw new MessengerError("malformed", `Cannot accept ${name}: ${id.length} bytes, not 16`);
  }
}

/** @throws MessengerError `channels/incarnation-changed` */
export function checkIncarnation(core: ChannelsCore, incarnation: Uint8Array): void {
  if (sameBytes(incarnation, core.incarnation)) return;
  throw new MessengerError(
    "channels/incarnation-changed",
    "Cannot read: the cursors belong to logs from before a restore",
  );
}

/** @throws MessengerError `devices/revoked` */
export function checkNotRevoked(caller: Caller): void {
  if (!caller.revoked.aborted) return;
  throw new MessengerError("devices/revoked", "Cannot call: the device was revoked or logged out");
}

/** The answer for what is not there is the same as for what is not the caller's. */
export function notAMember(): MessengerError {
  return new MessengerError(
    "channels/not-a-member",
    "Cannot use channel: it is not there, or the account is not a member",
  );
}

/** @throws MessengerError `channels/closed` */
export function checkNotClosed(head: StoredHead): void {
  if (head.successor.length === 0) return;
  throw new MessengerError("channels/closed", "Cannot add to channel: it has a successor");
}

/** The epoch of a message as a number. @throws MessengerError `channels/epoch-ahead` */
export function epochOf({ epoch }: MessageHeader): number {
  // No channel gets there in the life of a server.
  if (epoch >= BigInt(Number.MAX_SAFE_INTEGER)) throw epochAhead();
  return Number(epoch);
}

export function epochAhead(): MessengerError {
  return new MessengerError(
    "channels/epoch-ahead",
    "Cannot add to channel: it has not reached that epoch",
  );
}

/**
 * What this device's entry id stands for already.
 * @throws MessengerError `channels/entry-id-reused`: for other bytes than `hash`
 */
export async function findEntryId(
  reader: StoreReader,
  caller: Caller,
  entry: { readonly entryId: Uint8Array; readonly hash: Uint8Array },
): Promise<StoredEntryId | undefined> {
  const bytes = await reader.get(entryIdKey(caller.accountId, caller.deviceId, entry.entryId));
  if (bytes === undefined) return undefined;
  const stored = decodeStoredEntryId(bytes);
  if (sameBytes(stored.hash, entry.hash)) return stored;
  throw new MessengerError(
    "channels/entry-id-reused",
    "Cannot accept entry: the device has used its id for other bytes",
  );
}

/** For rates that are counted by account and channel. */
export function rateKey(caller: Caller, channelId: Uint8Array): string {
  return `${caller.accountId.toHex()} ${channelId.toHex()}`;
}

export function rateLimited(waitMs: number): MessengerError {
  return new MessengerError("channels/rate-limited", "Cannot add to channel: too many at once", {
    retryAfterMs: waitMs,
  });
}

/**
 * Runs `act` with tokens taken, and gives them back unless they were used.
 * @param rates each with its key and what it costs, 1 unless it says
 * @param act gets the milliseconds that the tokens would take; 0: they were taken
 */
export async function withTokens<Result>(
  rates: readonly {
    readonly buckets: TokenBuckets;
    readonly key: string;
    readonly cost?: number;
  }[],
  act: (waitMs: number) => Promise<{ readonly isUsed: boolean; readonly result: Result }>,
): Promise<Result> {
  const waits = rates.map(({ buckets, key, cost }) => buckets.take(key, cost));
  let isUsed = false;
  try {
    const outcome = await act(Math.max(...waits));
    isUsed = outcome.isUsed;
    return outcome.result;
  } finally {
    if (!isUsed) {
      for (const [index, { buckets, key, cost }] of rates.entries()) {
        if (waits[index] === 0) buckets.giveBack(key, cost);
      }
    }
  }
}
