/** What every conversation of one account stands on. */
import type { CipherSuite, CryptoProvider, Identity } from "@qpq/mls";
import type { Clock, Log, Random, Store } from "@qpq/ports";
import type { RpcClient } from "@qpq/rpc";
import type { Primitives } from "../../features/accounts/primitives.ts";
import type { AccountIdentity } from "../../features/accounts/unlocked.ts";
import type { ChannelCalls } from "../../features/channels/client.ts";
import type { LeafDevices } from "../../features/groups/members.ts";
import type { CrashGuard } from "./crash-guard.ts";
import type { OwnDevices } from "./own-devices.ts";

export interface Ground {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly primitives: Primitives;
  readonly crypto: CryptoProvider;
  /** Of new groups. */
  readonly suite: CipherSuite;
  readonly rpc: RpcClient;
  readonly calls: ChannelCalls;
  readonly serverName: string;
  readonly own: AccountIdentity;
  readonly deviceId: Uint8Array;
  readonly leaves: LeafDevices;
  readonly ownDevices: OwnDevices;
  readonly guard: CrashGuard;
  /** What this device's new leaves say, under its newest certificate. */
  readonly identity: (suite: CipherSuite) => Promise<Identity>;
  /** Aborted when the client closes. */
  readonly signal: AbortSignal;
  /** Whether there is a session that has this device's name. */
  readonly isOnline: () => boolean;
  /** Told of what nobody waits for: a store that is closed, a bug. */
  readonly fail: (error: unknown) => void;
}
