/** What every conversation of one account stands on. */
import type { CipherSuite, CryptoProvider, Identity } from "@qpq/mls";
import { type Clock, type Log, type Random, sleep, type Store } from "@qpq/ports";
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

/** Milliseconds of long work after which others get a turn. */
export const TURN_MS = 10;

/**
 * What long work on one conversation calls between its pieces: a turn for others when it is time. The
 * conversation stays its lane's. Without a signal it goes on when the client closes: a message that was
 * not read to its end must not count as one that can't be.
 */
export function pausing(
  { clock, signal }: { readonly clock: Clock; readonly signal?: AbortSignal },
): () => Promise<void> {
  let fromMs = clock.monotonic();
  return async () => {
    if (clock.monotonic() - fromMs < TURN_MS) return;
    await sleep(clock, 0, signal);
    fromMs = clock.monotonic();
  };
}
