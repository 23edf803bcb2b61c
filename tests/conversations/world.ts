/** A whole server and clients of it in one process, over a network in memory: for tests of conversations. */
import {
  createMemoryNetwork,
  createSeededRandom,
  MemoryDisk,
  openMemoryStore,
  systemClock,
} from "@qpq/adapters";
import {
  type Client,
  type ClientOptions,
  logInClient,
  openClient,
  recoverClient,
  registerClient,
} from "@qpq/client";
import {
  type Clock,
  type Connection,
  type Log,
  openSlices,
  silentLog,
  type Store,
} from "@qpq/ports";
import { createRpcServer, openRpcClient, type RpcClient } from "@qpq/rpc";
import type { CallContext, DeviceIdentity } from "../../packages/features/devices/caller.ts";
import { quotasOf } from "../../packages/server/quotas.ts";
import { loadConfig } from "../../packages/server/config.ts";
import { type ChannelCalls, openChannelCalls } from "../../packages/features/channels/client.ts";
import { Machine, type MachineOptions } from "./machine.ts";
import { storesOpenedBy } from "./memory-stores.ts";
import { openServedSlices, SLICE_SCHEMAS } from "../../packages/server/slices.ts";

export const SERVER_NAME = "chat.example";
const ADDRESS = { hostname: "server", port: 7000 };
/** As little as Argon2id allows: what passwords cost is tested elsewhere. */
const CHEAP = { memoryKiB: 64, passes: 1, lanes: 1 };
/** Devices have their stores on the disk then, in memory else: what stores do is tested elsewhere. */
const IS_FULL = Deno.env.get("QPQ_TEST_LEVEL") === "full";
const FAST_STRETCHING = {
  "argon2id-custom": { memory: 8, iterations: 1, parallelism: 1 },
} as const;

export interface ConversationWorld extends AsyncDisposable {
  /** Cuts every connection; clients come back by themselves. */
  cut(): void;
  /** Cuts every connection, and refuses new ones or takes them again. */
  setReachable(isReachable: boolean): void;
  /** Ends the server as a kill does, and begins it anew on what was durable. */
  restart(): Promise<void>;
  readonly serverStore: Store;
  /** What the server has on its disk, as a backup of this moment. */
  backup(): MemoryDisk;
  /** The server begins anew on a backup: its logs are another incarnation. Sessions go on, here. */
  restore(backup: MemoryDisk): Promise<void>;
  /** Registers an account on a device of its own, or enters one that there is. */
  client(name: string, options?: DeviceOptions): Promise<Client>;
  /** Opens a device whose account the server has an older state of, and brings that forward. */
  recover(name: string, options?: DeviceOptions): Promise<Client>;
  /** The same on a machine that can crash: rejects then. */
  clientOn(machine: Machine, options?: Omit<DeviceOptions, "device">): Promise<Client>;
  /** A device whose store is in memory, and can fail. */
  machine(options: Omit<MachineOptions, "clock" | "transport">): Machine;
}

export interface DeviceOptions {
  /** Default 1. The same again, after it was closed, opens it again. */
  readonly device?: number;
  readonly log?: Log;
  /** Told of the connection's changes. */
  readonly onStatus?: () => void;
  /** Stands between the device and the server: a hostile one. */
  readonly tamper?: (calls: ChannelCalls) => ChannelCalls;
  /** Holds each of the device's other calls back until it resolves; told of the method's name. */
  readonly hold?: (method: string) => Promise<void> | undefined;
}

let seed = 1;

export async function openConversationWorld(
  options: {
    readonly seed?: number;
    readonly disk?: MemoryDisk;
    /** Default: the machine's own. */
    readonly clock?: Clock;
    /** What each piece of bytes takes on its way, drawn from the seed; default: nothing. */
    readonly delayMs?: { readonly min: number; readonly max: number };
    /** Takes commits, devices and claims of key packages as anybody wants; default: as a server does. */
    readonly isGenerous?: boolean;
  } = {},
): Promise<ConversationWorld> {
  const { clock = systemClock } = options;
  const random = createSeededRandom(options.seed ?? seed++);
  const opened = new AsyncDisposableStack();
  const stateFolder = await Deno.makeTempDir({ prefix: "qpq-conversations-" });
  opened.defer(() => Deno.remove(stateFolder, { recursive: true }));
  let disk = options.disk ?? new MemoryDisk();
  let store = openMemoryStore({ disk });
  opened.defer(() => store.close());
  await openSlices(store, SLICE_SCHEMAS);
  let incarnation = random.bytes(16);
  const network = createMemoryNetwork({
    ...{ clock, random, idleTimeoutMs: 1_000 },
    ...options.delayMs === undefined ? {} : { delayMs: options.delayMs },
  });
  const { config } = loadConfig({
    flags: {},
    environment: () => undefined,
    workingFolder: stateFolder,
  });
  const quotas = quotasOf(config);
  const often = { burst: 10_000, perMinute: 10_000 };
  const generous = options.isGenerous === true
    ? {
      channels: { ...quotas.channels, commitRate: often },
      devices: { ...quotas.devices, devicesMax: 64 },
      keyPackages: {
        ...quotas.keyPackages,
        claimsOfTarget: often,
        singleUseOfNetwork: often,
        singleUseOfAll: often,
      },
    }
    : {};
  const serve = async () => {
    const slices = await openServedSlices({
      store,
      clock,
      random,
      log: silentLog,
      incarnation,
      serverName: SERVER_NAME,
      registration: "open",
      quotas: { ...quotas, ...generous },
      isDraining: () => false,
    });
    return createRpcServer<DeviceIdentity, CallContext>({
      methods: slices.methods,
      name: slices.serverName,
      build: "test",
      incarnation,
      authTokens: [],
      context: slices.context,
      authenticate: slices.authenticate,
      clock,
      random,
      log: silentLog,
    });
  };
  let rpc = await serve();
  const listener = opened.use(network.listen(ADDRESS));
  void (async () => {
    for (let next: Connection | undefined; (next = await listener.accept()) !== undefined;) {
      void rpc.serve(next);
    }
  })();
  const clientOptions = (
    name: string,
    { device = 1, log, onStatus, tamper, hold, machine }: DeviceOptions & {
      readonly machine?: Machine;
    },
  ): ClientOptions => ({
    stateFolder: `${stateFolder}/${name}-${device}`,
    server: { hostname: "127.0.0.1", port: 7000 },
    trust: { kind: "system" },
    serverName: SERVER_NAME,
    name,
    password: `the password of ${name}`,
    ...log === undefined ? {} : { log },
    ...onStatus === undefined ? {} : { onStatus },
    surroundings: {
      clock,
      random,
      connect: ({ credentials, onStatus, log: clientLog = silentLog }) =>
        holding(
          hold,
          openRpcClient({
            connect: (signal) => network.transport.connect(ADDRESS, { signal }),
            build: "test",
            clock,
            random,
            log: clientLog,
            credentials,
            ...onStatus === undefined ? {} : { onStatus },
            ...machine?.rpc(ADDRESS) ?? {},
          }),
        ),
      keyStretching: FAST_STRETCHING,
      keyFileCost: CHEAP,
      ...tamper === undefined ? {} : { openChannelCalls: (rpc) => tamper(openChannelCalls(rpc)) },
      ...machine?.surroundings ?? (IS_FULL ? {} : storesOpenedBy(storeOf(`${name} ${device}`))),
    },
  });
  const disks = new Map<string, MemoryDisk>();
  const storeOf = (device: string) => {
    const disk = disks.get(device) ?? new MemoryDisk();
    disks.set(device, disk);
    return () => openMemoryStore({ disk });
  };
  const open = (own: ClientOptions, name: string, id: string): Promise<Client> => {
    const isOpened = known.has(id);
    const isFirst = ![...known].some((each) => each.startsWith(`${name} `));
    known.add(id);
    return isOpened ? openClient(own) : isFirst ? registerClient(own) : logInClient(own);
  };
  const known = new Set<string>();
  return {
    get serverStore() {
      return store;
    },
    backup: () => copyOf(disk),
    restore: async (backup) => {
      network.cut();
      await store.close();
      disk = copyOf(backup);
      store = openMemoryStore({ disk });
      incarnation = random.bytes(16);
      rpc = await serve();
    },
    cut: () => network.cut(),
    setReachable: (isReachable) => {
      if (isReachable) network.heal();
      else network.partition();
      network.cut();
    },
    restart: async () => {
      const next = await serve();
      // In one moment: nobody is served by the old one beside the new one.
      rpc = next;
      network.cut();
    },
    client: async (name, device = {}) => {
      const client = await open(
        clientOptions(name, device),
        name,
        `${name} ${device.device ?? 1}`,
      );
      opened.use(client);
      return client;
    },
    recover: async (name, device = {}) => {
      const confirm = () => Promise.resolve(true);
      const client = await recoverClient({ ...clientOptions(name, device), confirm });
      opened.use(client);
      return client;
    },
    machine: (own) => {
      const machine = new Machine({ ...own, clock, transport: network.transport });
      opened.use(machine);
      return machine;
    },
    clientOn: async (machine, device = {}) => {
      const { name, number } = machine;
      machine.boot();
      const own = clientOptions(name, { ...device, device: number, machine });
      return await machine.run(open(own, name, `${name} ${number}`));
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

function copyOf({ entries }: MemoryDisk): MemoryDisk {
  const copy = new MemoryDisk();
  for (const [key, value] of entries.entries()) copy.entries.set(key, new Uint8Array(value));
  return copy;
}

function holding(hold: DeviceOptions["hold"], rpc: RpcClient): RpcClient {
  if (hold === undefined) return rpc;
  return new Proxy(rpc, {
    get: (target, property) => {
      const value: unknown = Reflect.get(target, property, target);
      if (typeof value !== "function") return value;
      if (property !== "call") return value.bind(target);
      return async (...[method, params, options]: Parameters<RpcClient["call"]>) => {
        await hold(method.name);
        return await target.call(method, params, options);
      };
    },
  });
}
