/** A server with accounts and devices, and devices that are enrolled there: for tests. */
import { openMemoryStore, runningTwice } from "@qpq/adapters";
import {
  createKeyPackage,
  HYBRID_CIPHER_SUITE,
  type OwnKeyPackage,
  runtimeCryptoProvider,
} from "@qpq/mls";
import { openSlices, type Store } from "@qpq/ports";
import type { RpcClient } from "@qpq/rpc";
import { accountsSchema } from "../accounts/keys.ts";
import type { PasswordOptions } from "../accounts/client.ts";
import type { AccountIdentity } from "../accounts/unlocked.ts";
import type { DeviceOptions } from "../devices/client.ts";
import { enrol } from "../devices/enrolment.ts";
import { devicesSchema } from "../devices/keys.ts";
import { deviceCredentials } from "../devices/own-device.ts";
import { type DeviceLimits, type Devices, openDevices } from "../devices/server.ts";
import { ownLeafIdentity } from "../key-packages/client.ts";
import { keyPackagesSchema } from "../key-packages/keys.ts";
import {
  type KeyPackageLimits,
  type KeyPackages,
  openKeyPackages,
} from "../key-packages/server.ts";
import { as, openWorld, primitives, SERVER_NAME, type World, type WorldOptions } from "./world.ts";

export { as, contentOf, primitives, refusedWith, SERVER_NAME } from "./world.ts";

/** The suite of the product, and one whose packages are quick to make. */
export const hybridSuite = runtimeCryptoProvider().cipherSuite(HYBRID_CIPHER_SUITE);
export const classicalSuite = runtimeCryptoProvider().cipherSuite(0x0001);

export interface DeviceWorld extends World {
  readonly devices: Devices;
  readonly keyPackages: KeyPackages;
  /** Ids of revoked devices, as other slices hear of them. */
  readonly revoked: readonly string[];
  /** Of those, the devices that are no more. */
  readonly gone: readonly string[];
}

export async function openDeviceWorld(
  options: WorldOptions & { readonly keyPackageLimits?: Partial<KeyPackageLimits> } = {},
  limits: Partial<DeviceLimits> = {},
): Promise<DeviceWorld> {
  let devices: Devices | undefined;
  let keyPackages: KeyPackages | undefined;
  const revoked: string[] = [];
  const gone: string[] = [];
  const world = await openWorld(options, async ({ accounts, store, clock, random }) => {
    await openSlices(store, [devicesSchema, keyPackagesSchema]);
    const opened = openDevices({ store, clock, random, primitives, accounts, limits });
    devices = opened;
    opened.onVoid(async (_, __, ids) => {
      for (const id of ids) if (!revoked.includes(id.toHex())) revoked.push(id.toHex());
    });
    opened.onGone(async (_, __, ids) => {
      for (const id of ids) if (!gone.includes(id.toHex())) gone.push(id.toHex());
    });
    const packages = openKeyPackages({
      store,
      clock,
      primitives,
      devices: opened,
      cipherSuites: [hybridSuite, classicalSuite],
      ...options.keyPackageLimits === undefined ? {} : { limits: options.keyPackageLimits },
    });
    keyPackages = packages;
    return { ...opened, methods: [...opened.methods, ...packages.methods] };
  });
  return {
    ...world,
    devices: devices as Devices,
    keyPackages: keyPackages as KeyPackages,
    revoked,
    gone,
  };
}

/** A device with its store, its connection, and what its operations take. */
export interface EnrolledDevice extends DeviceOptions {
  readonly home: RpcClient;
  readonly own: AccountIdentity;
  /** A new connection, which shows the stored token. */
  reconnect(): RpcClient;
}

export async function enrolled(
  world: World,
  name: string,
  options: Partial<PasswordOptions> & {
    readonly kind?: "register" | "log-in";
    readonly store?: Store;
    /** Where it connects from. */
    readonly hostname?: string;
  } = {},
): Promise<EnrolledDevice> {
  const store = await openClientStore(options.store ?? runningTwice(openMemoryStore()));
  const reconnect = () =>
    world.connect({
      ...options.hostname === undefined ? {} : { hostname: options.hostname },
      credentials: deviceCredentials({ store, primitives, serverName: SERVER_NAME }),
    });
  const home = reconnect();
  const { clock, random } = world;
  const all = { kind: "register" as const, ...as(world, name), store, clock, random, ...options };
  using unlocked = await enrol(home, { ...all, store });
  return { home, own: unlocked.identity, reconnect, store, clock, random, primitives };
}

/** The store of a client, ready for these slices. */
export async function openClientStore(store: Store): Promise<Store> {
  await openSlices(store, [accountsSchema, devicesSchema, keyPackagesSchema]);
  return store;
}

const DAY_MS = 24 * 60 * 60 * 1_000;

/** One more package of a device, as it could make it; of the quick suite. */
export async function makePackage(
  world: World,
  device: EnrolledDevice,
  options: {
    readonly lifetimeMs?: number;
    readonly lastResort?: boolean;
    readonly beginMs?: number;
  } = {},
): Promise<OwnKeyPackage> {
  const { lifetimeMs = 90 * DAY_MS, lastResort = false, beginMs = world.clock.now() } = options;
  const seconds = (ms: number) => BigInt(Math.floor(ms / 1_000));
  return await createKeyPackage(classicalSuite, {
    identity: await ownLeafIdentity({ ...device, suite: classicalSuite }),
    lifetime: { notBefore: seconds(beginMs), notAfter: seconds(beginMs + lifetimeMs) },
    random: world.random,
    lastResort,
  });
}
