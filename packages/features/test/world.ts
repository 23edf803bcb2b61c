/** A server with accounts and devices, and clients of it, in one process: for tests. */
import {
  createManualClock,
  createMemoryNetwork,
  createSeededRandom,
  type ManualClock,
  type MemoryDisk,
  openMemoryStore,
  runningTwice,
  systemClock,
} from "@qpq/adapters";
import type { BoundMethod } from "@qpq/capnp";
import {
  type Connection,
  type ErrorCode,
  MessengerError,
  openSlices,
  type Random,
  silentLog,
  type Store,
} from "@qpq/ports";
import { createRpcServer, openRpcClient, type RpcClient } from "@qpq/rpc";
import assert from "node:assert/strict";
import { runtimeCryptoProvider } from "@qpq/mls";
import { accountsSchema } from "../accounts/keys.ts";
import type { PasswordOptions } from "../accounts/client.ts";
import type { Home } from "../accounts/home.ts";
import type { KeyStretching } from "../accounts/opaque.ts";
import { type Accounts, type AccountsOptions, openAccounts } from "../accounts/server.ts";
import { type CallLimits, limitCalls } from "../limits/call-quota.ts";
import type { CallContext, DeviceIdentity } from "../devices/caller.ts";

export const SERVER_NAME = "example.org";

/** The cipher suite that has what accounts need. */
export const primitives = runtimeCryptoProvider().cipherSuite(0x0003);

/** As little as Argon2id allows: tests of logins are about everything else. */
export const FAST_STRETCHING: KeyStretching = {
  "argon2id-custom": { memory: 8, iterations: 1, parallelism: 1 },
};

/** Wraps what a handler gets and gives: a server that cheats. */
export type Tamper = (
  method: string,
  call: () => Promise<unknown>,
  context: CallContext,
  params: unknown,
) => Promise<unknown>;

export interface WorldOptions extends Partial<AccountsOptions> {
  readonly disk?: MemoryDisk;
  readonly tamper?: Tamper;
  readonly callLimits?: Partial<CallLimits>;
}

/** The slices' clock stands still until told; the network's is the machine's, without delay. */
export interface World extends AsyncDisposable {
  readonly clock: ManualClock;
  readonly random: Random;
  readonly store: Store;
  readonly accounts: Accounts;
  /** A connection of its own, from that address. */
  connect(options?: ConnectionOptions): RpcClient;
}

export interface ConnectionOptions {
  /** Default 192.0.2.1. */
  readonly hostname?: string;
  readonly credentials?: NonNullable<Parameters<typeof openRpcClient>[0]["credentials"]>;
}

/** What other slices add to a world. */
export interface Extension {
  readonly methods: readonly BoundMethod<CallContext>[];
  readonly authenticate?: NonNullable<
    Parameters<typeof createRpcServer<DeviceIdentity, CallContext>>[0]["authenticate"]
  >;
}

let seed = 1;

export async function openWorld(
  options: WorldOptions = {},
  extend: (world: {
    readonly accounts: Accounts;
    readonly store: Store;
    readonly clock: ManualClock;
    readonly random: Random;
  }) => Promise<Extension> = () => Promise.resolve({ methods: [] }),
): Promise<World> {
  const clock = createManualClock();
  const random = createSeededRandom(seed++);
  const store = options.store ??
    runningTwice(openMemoryStore(options.disk === undefined ? {} : { disk: options.disk }));
  await openSlices(store, [accountsSchema]);
  const accounts = await openAccounts({
    store,
    clock,
    random,
    primitives,
    log: silentLog,
    serverName: SERVER_NAME,
    registration: "open",
    ...options,
  });
  const { methods, authenticate } = await extend({ accounts, store, clock, random });
  const network = createMemoryNetwork({ clock: systemClock, random });
  const rpc = createRpcServer<DeviceIdentity, CallContext>({
    methods: limitCalls(tampered([...accounts.methods, ...methods], options.tamper), {
      clock,
      limits: options.callLimits ?? {},
    }),
    name: accounts.serverName,
    build: "test",
    incarnation: new Uint8Array(16),
    authTokens: [],
    context: (session, identity) => ({ session, identity }),
    ...authenticate === undefined ? {} : { authenticate },
    clock: systemClock,
    random,
    log: silentLog,
  });
  const opened = new AsyncDisposableStack();
  opened.defer(() => store.close());
  let port = 0;
  return {
    clock,
    random,
    store,
    accounts,
    connect({ hostname = "192.0.2.1", credentials } = {}) {
      const address = { hostname: "server", port: ++port };
      const listener = opened.use(network.listen(address));
      void (async () => {
        for (let next; (next = await listener.accept()) !== undefined;) {
          void rpc.serve(from(next, hostname));
        }
      })();
      const client = openRpcClient({
        connect: (signal) => network.transport.connect(address, { signal }),
        build: "test",
        clock: systemClock,
        random,
        log: silentLog,
        ...credentials === undefined ? {} : { credentials },
      });
      return opened.use(client);
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

/** What every password operation of these tests takes, besides what differs. */
export function as(world: World, name: string, password = "correct horse"): PasswordOptions {
  const { random } = world;
  return {
    name,
    password,
    serverName: SERVER_NAME,
    primitives,
    random,
    keyStretching: FAST_STRETCHING,
  };
}

/** Fails unless `run` is refused with that code. @returns the refusal */
export async function refusedWith(
  code: ErrorCode,
  run: Promise<unknown> | (() => Promise<unknown>),
): Promise<MessengerError> {
  try {
    await (typeof run === "function" ? run() : run);
  } catch (error) {
    if (!(error instanceof MessengerError)) throw error;
    assert.equal(error.code, code, error.message);
    return error;
  }
  assert.fail(`not refused with ${code}`);
}

/** Everything that the store holds, as text: to see that nothing has changed. */
export async function contentOf(store: Store): Promise<string> {
  const lines: string[] = [];
  await store.snapshot(async (reader) => {
    const { entries } = await reader.range({ prefix: new Uint8Array() });
    for (const { key, value } of entries) lines.push(`${key.toHex()} ${value.toHex()}`);
  });
  return lines.join("\n");
}

function from(connection: Connection, hostname: string): Connection {
  return {
    remoteAddress: { hostname, port: 1 },
    closed: connection.closed,
    openStream: (streamOptions) => connection.openStream(streamOptions),
    acceptStream: () => connection.acceptStream(),
    close: (code, reason) => connection.close(code, reason),
    [Symbol.asyncDispose]: () => connection[Symbol.asyncDispose](),
  };
}

function tampered(
  methods: readonly BoundMethod<CallContext>[],
  tamper: Tamper | undefined,
): readonly BoundMethod<CallContext>[] {
  if (tamper === undefined) return methods;
  return methods.map(({ method, handler }) => ({
    method,
    handler: (params, context, signal) =>
      tamper(
        method.name,
        () => handler(params, context, signal) as Promise<unknown>,
        context,
        params,
      ),
  }));
}

/** Tells of each call, may wait before it, and may send it elsewhere. */
export function recordingHome(
  home: Home,
  record: (params: unknown, method: string) => void,
  before: (method: string) => Promise<void> = () => Promise.resolve(),
  route: (method: string) => Home = () => home,
): Home {
  return {
    connected: (options) => home.connected(options),
    call: async (method, params, options) => {
      record(params, method.name);
      await before(method.name);
      return await route(method.name).call(method, params, options);
    },
    subscribe: (method, params, options) => home.subscribe(method, params, options),
  };
}

/** The same store, which tells of each read in a snapshot. */
export function countingReads(store: Store, count: () => void): Store {
  return {
    ...store,
    closed: store.closed,
    transaction: (fn, options) => store.transaction(fn, options),
    snapshot: (fn) =>
      store.snapshot((reader) =>
        fn({
          get: (key) => {
            count();
            return reader.get(key);
          },
          range: (options) => {
            count();
            return reader.range(options);
          },
        })
      ),
    watch: (prefix, onChange) => store.watch(prefix, onChange),
    close: () => store.close(),
    [Symbol.asyncDispose]: () => store.close(),
  };
}
