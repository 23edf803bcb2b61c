/** The one list of what this server serves: each slice's server half. */
import type { BoundMethod } from "@qpq/capnp";
import { HYBRID_CIPHER_SUITE, runtimeCryptoProvider } from "@qpq/mls/primitives";
import type { Clock, Log, Random, SliceSchema, Store } from "@qpq/ports";
import type { RpcServerOptions } from "@qpq/rpc";
import type { AccountsAdmin } from "../features/accounts/admin.ts";
import { accountsSchema } from "../features/accounts/keys.ts";
import { openAccounts, type RegistrationPolicy } from "../features/accounts/server.ts";
import { parseAccountId } from "../features/accounts/names.ts";
import { channelsSchema, openChannels } from "../features/channels/server.ts";
import {
  type CallContext,
  type DeviceIdentity,
  requireDevice,
} from "../features/devices/caller.ts";
import { devicesSchema, SESSION_KEYS } from "../features/devices/keys.ts";
import { openDevices } from "../features/devices/server.ts";
import { leafReader } from "../features/groups/read-leaf.ts";
import { serveHealth } from "../features/health/server.ts";
import {
  keyPackagesSchema,
  LAST_RESORT_KEYS,
  PACKAGE_KEYS,
  SUPPLY_KEYS,
} from "../features/key-packages/keys.ts";
import { openKeyPackages } from "../features/key-packages/server.ts";
import { limitCalls } from "../features/limits/call-quota.ts";
import { servePing } from "../features/ping/server.ts";
import type { Quotas } from "./quotas.ts";

/** What each slice keeps in the store. */
export const SLICE_SCHEMAS: readonly SliceSchema[] = [
  accountsSchema,
  devicesSchema,
  keyPackagesSchema,
  channelsSchema,
];

/**
 * What a restore from a backup voids: sessions, which may have ended since, and key packages, which
 * may have been given away.
 */
export const VOID_AFTER_RESTORE: readonly Uint8Array[] = [
  SESSION_KEYS,
  PACKAGE_KEYS,
  LAST_RESORT_KEYS,
  SUPPLY_KEYS,
];

/** Cipher suite whose primitives accounts and devices stand on: Ed25519, SHA-256, ChaCha20-Poly1305. */
const ACCOUNTS_CIPHER_SUITE = 0x0003;

export interface SliceOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Of the logs: renewed by a restore from a backup. */
  readonly incarnation: Uint8Array;
  /** What the server is called when its store is new. */
  readonly serverName: string;
  readonly registration: RegistrationPolicy;
  readonly quotas: Quotas;
  readonly isDraining: () => boolean;
}

type RpcOptions = RpcServerOptions<DeviceIdentity, CallContext>;

export interface Slices {
  /** The name that accounts belong to: kept in the store for good. */
  readonly serverName: string;
  readonly methods: readonly BoundMethod<CallContext>[];
  readonly authenticate: NonNullable<RpcOptions["authenticate"]>;
  readonly context: RpcOptions["context"];
  readonly accountsAdmin: AccountsAdmin;
  /** Deletes what has expired. Never rejects: a slice that can't is logged, and holds up no other. */
  readonly sweep: (signal: AbortSignal) => Promise<void>;
}

/** Call it after `openServerStore`. */
export async function openServedSlices(options: SliceOptions): Promise<Slices> {
  const { clock, quotas, isDraining } = options;
  const crypto = runtimeCryptoProvider();
  const shared = { ...options, primitives: crypto.cipherSuite(ACCOUNTS_CIPHER_SUITE) };
  const accounts = await openAccounts({ ...shared, limits: quotas.accounts });
  const devices = openDevices({ ...shared, accounts, limits: quotas.devices });
  const keyPackages = openKeyPackages({
    ...shared,
    devices,
    cipherSuites: [crypto.cipherSuite(HYBRID_CIPHER_SUITE)],
    limits: quotas.keyPackages,
  });
  const channels = openChannels({
    ...shared,
    crypto,
    callerOf: requireDevice,
    devices: {
      devicesOf: async (reader, accountId) =>
        (await devices.devicesOf(reader, parseAccountId(accountId))).map(({ deviceId }) =>
          deviceId
        ),
    },
    readLeaf: leafReader(shared.primitives, accounts.serverName),
    cipherSuites: [HYBRID_CIPHER_SUITE],
    limits: quotas.channels,
  });
  devices.onGone(channels.forgetDevices);
  return {
    serverName: accounts.serverName,
    methods: limitCalls([
      ...servePing({ clock }),
      ...serveHealth({ clock, state: () => isDraining() ? "draining" : "serving" }),
      ...accounts.methods,
      ...devices.methods,
      ...keyPackages.methods,
      ...channels.methods,
    ], { clock, limits: quotas.calls }),
    authenticate: devices.authenticate,
    context: (session, identity) => ({ session, identity }),
    accountsAdmin: accounts.admin,
    sweep: (signal) =>
      sweepEach({
        accounts: () => accounts.admin.sweep(),
        devices: () => devices.sweep(),
        keyPackages: () => keyPackages.sweep(),
        channels: () => channels.sweep(signal),
      }, { signal, log: options.log }),
  };
}

/** One after another, until `signal`. */
export async function sweepEach(
  sweeps: Readonly<Record<string, () => Promise<void>>>,
  { signal, log }: { readonly signal: AbortSignal; readonly log: Log },
): Promise<void> {
  for (const [slice, sweep] of Object.entries(sweeps)) {
    if (signal.aborted) return;
    try {
      await sweep();
    } catch (error) {
      if (signal.aborted) return;
      log.error("sweep-failed", {
        slice,
        reason: error instanceof Error ? error.message : "unknown",
      });
    }
  }
}
