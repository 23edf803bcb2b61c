/**
 * The delivery service, the server's half: logs that lose nothing (docs/channels.md).
 *
 * ```ts
 * await openSlices(store, [..., channelsSchema]);
 * const channels = openChannels({ store, clock, log, crypto, incarnation, devices, ... });
 * createRpcServer({ methods: [...channels.methods], incarnation, ... });
 * ```
 */
import type { BoundMethod } from "@qpq/capnp";
import { assert, type StoreTransaction } from "@qpq/ports";
import { append } from "./append.ts";
import { channelsHandlers } from "./channels.gen.ts";
import { commit, create, succeed } from "./commit.ts";
import { type Caller, type ChannelsOptions, createCore } from "./core.ts";
import { forgetDevices } from "./forget.ts";
import {
  CHANNEL_LIMITS,
  type ChannelLimits,
  COMMIT_BYTES_MAX,
  CONCERNED_COST_KIB,
  RECIPIENTS_MAX,
} from "./limits.ts";
import { acknowledge, groupInfo, members, read, readInbox, report, welcome } from "./read.ts";
import { subscribe } from "./subscribe.ts";
import { sweepAll } from "./sweep.ts";

export type { Caller, ChannelsOptions, DeviceDirectory } from "./core.ts";
export { channelsSchema } from "./keys.ts";
export { CHANNEL_LIMITS, type ChannelLimits } from "./limits.ts";

export interface Channels<Context> {
  readonly methods: readonly BoundMethod<Context>[];
  /** Lets go of what is over, in small transactions. To be called every hour or so. */
  sweep(signal?: AbortSignal): Promise<void>;
  /**
   * Gives up the inboxes of devices that were revoked, in the same transaction; the sweep deletes them.
   * @param deviceIds left out: of all devices of an account that goes
   */
  forgetDevices(
    transaction: StoreTransaction,
    accountId: Uint8Array,
    deviceIds?: readonly Uint8Array[],
  ): Promise<void>;
  /** Subscriptions that are open: for metrics. */
  readonly subscriptions: number;
}

/**
 * Call it after `openSlices`.
 * @param options.callerOf who calls; throws `rpc/not-authenticated`, `devices/revoked`
 */
export function openChannels<Context>(
  options: ChannelsOptions & { readonly callerOf: (context: Context) => Caller },
): Channels<Context> {
  const { callerOf } = options;
  const core = createCore(options, checkLimits({ ...CHANNEL_LIMITS, ...options.limits }));
  const methods = channelsHandlers<Context>({
    create: async ({ upload }, context) => await create(core, callerOf(context), upload),
    append: async (params, context) => await append(core, callerOf(context), params),
    commit: async (params, context) => await commit(core, callerOf(context), params),
    succeed: async (params, context) => await succeed(core, callerOf(context), params),
    read: async (params, context) => await read(core, callerOf(context), params),
    readInbox: async (params, context) => await readInbox(core, callerOf(context), params),
    welcome: async (params, context) => await welcome(core, callerOf(context), params),
    members: async (params, context) => await members(core, callerOf(context), params),
    groupInfo: async (params, context) => await groupInfo(core, callerOf(context), params),
    acknowledge: async (params, context) => await acknowledge(core, callerOf(context), params),
    report: async (params, context) => await report(core, callerOf(context), params),
    subscribe: (params, context, signal) => subscribe(core, callerOf(context), params, signal),
  });
  return {
    methods,
    forgetDevices,
    sweep: (signal = NEVER) => sweepAll(core, signal),
    get subscriptions(): number {
      let count = 0;
      for (const open of core.subscriptions.values()) count += open.size;
      return count;
    },
  };
}

/** Of a commit: its three parts, recipients, and as many accounts as a claim has room for, twice. */
const UPLOAD_COST_KIB_MAX = 3 * COMMIT_BYTES_MAX / 1024 +
  CONCERNED_COST_KIB * (RECIPIENTS_MAX + 2 * 1_024);

const NEVER: AbortSignal = new AbortController().signal;

/** What the schema and the stores hold at most. */
function checkLimits(limits: ChannelLimits): ChannelLimits {
  assert(limits.membersMax >= 1 && limits.membersMax <= 1_000, "membersMax is 1 to 1,000");
  assert(limits.channelsMax >= 1 && limits.channelsMax <= 4_096, "channelsMax is 1 to 4,096");
  assert(limits.sweepEntries >= 1 && limits.sweepEntries <= 1_000, "sweepEntries is 1 to 1,000");
  assert(
    limits.uploadRate.burst >= UPLOAD_COST_KIB_MAX,
    "uploadRate lets any commit through",
  );
  assert(
    limits.lookRate.burst >= COMMIT_BYTES_MAX / 1024,
    "lookRate lets any GroupInfo be looked through",
  );
  assert(limits.entryIdMs >= limits.retentionMs, "an entry id outlives its entry");
  return limits;
}
