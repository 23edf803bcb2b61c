/** A delivery service and devices of it, in one process: for tests. */
import assert from "node:assert/strict";
import {
  createManualClock,
  createMemoryNetwork,
  createSeededRandom,
  type ManualClock,
  type MemoryStoreOptions,
  openMemoryStore,
  runningTwice,
  systemClock,
} from "@qpq/adapters";
import { createIdentity, type Identity, runtimeCryptoProvider } from "@qpq/mls";
import {
  type ErrorCode,
  MessengerError,
  openSlices,
  type Random,
  silentLog,
  type Store,
} from "@qpq/ports";
import { createRpcServer, openRpcClient, type RpcClient } from "@qpq/rpc";
import { createCapabilities } from "../../../mls/group/identity.ts";
import type { LeafOwner, ReadLeaf } from "../../groups/admission.ts";
import {
  type CheckedContext,
  CONVERSATION_EXTENSION_TYPE,
  directMessageContext,
} from "../../groups/context.ts";
import { type ChannelCalls, type Delivery, openChannelCalls } from "../client.ts";
import { type ChannelsClient, channelsClient, type Cursor } from "../channels.gen.ts";
import {
  type Caller,
  type ChannelLimits,
  type Channels,
  channelsSchema,
  openChannels,
} from "../server.ts";
import { type FakeCommit, fakeCommit, framed, SUITE } from "./messages.ts";

export const crypto = runtimeCryptoProvider().cipherSuite(SUITE);

/** Real time for something that should happen at once: only to end a test that hangs. */
const PATIENCE_MS = 60_000;

export interface WorldOptions {
  readonly limits?: Partial<ChannelLimits>;
  readonly memory?: MemoryStoreOptions;
  readonly store?: Store;
  readonly seed?: number;
  /** Called for each leaf that the server verifies. */
  readonly onReadLeaf?: () => void;
}

export interface World extends AsyncDisposable {
  readonly clock: ManualClock;
  readonly random: Random;
  readonly store: Store;
  readonly channels: Channels<Caller | undefined>;
  readonly incarnation: Uint8Array;
  /** Nobody's connection. */
  stranger(): ChannelsClient;
  /** A new device, of a new account unless one is given. */
  device(of?: { readonly accountId: Uint8Array }, generation?: number): TestDevice;
}

export interface TestDevice extends Caller {
  readonly identity: Identity;
  readonly rpc: RpcClient;
  readonly calls: ChannelCalls;
  /** Without the client's checks. */
  readonly stub: ChannelsClient;
  readonly revoke: () => void;
}

let seeds = 1;

export async function openWorld(options: WorldOptions = {}): Promise<World> {
  const clock = createManualClock();
  const random = createSeededRandom(options.seed ?? seeds++);
  const store = options.store ?? runningTwice(openMemoryStore(options.memory));
  await openSlices(store, [channelsSchema]);
  const incarnation = random.bytes(16);
  const known = new Map<string, Caller>();
  const channels = openChannels<Caller | undefined>({
    store,
    clock,
    log: silentLog,
    crypto: runtimeCryptoProvider(),
    incarnation,
    devices: {
      devicesOf: async (_reader, accountId) =>
        [...known.values()].filter((device) =>
          !device.revoked.aborted && device.accountId.toHex() === accountId.toHex()
        ).map(({ deviceId }) => deviceId),
    },
    readLeaf: (leaf) => {
      options.onReadLeaf?.();
      return readTestLeaf(leaf);
    },
    cipherSuites: [SUITE],
    callerOf,
    limits: options.limits ?? {},
  });
  const rpc = createRpcServer<Caller, Caller | undefined>({
    methods: channels.methods,
    name: "test",
    build: "test",
    incarnation,
    authTokens: [],
    authenticate: async ({ sessionToken }) => callerOf(known.get(sessionToken.toHex())),
    context: (_session, caller) => caller,
    clock: systemClock,
    random,
    log: silentLog,
  });
  const network = createMemoryNetwork({ clock: systemClock, random });
  const address = { hostname: "server", port: 1 };
  const opened = new AsyncDisposableStack();
  opened.defer(() => store.close());
  const listener = opened.use(network.listen(address));
  void (async () => {
    for (let next; (next = await listener.accept()) !== undefined;) void rpc.serve(next);
  })();
  return {
    clock,
    random,
    store,
    channels,
    incarnation,
    stranger: () =>
      channelsClient(opened.use(openRpcClient({
        connect: (signal) => network.transport.connect(address, { signal }),
        build: "test",
        clock: systemClock,
        random,
        log: silentLog,
      }))),
    device(of, generation = 1) {
      const accountId = of?.accountId ?? random.bytes(16);
      const deviceId = random.bytes(16);
      const identity = identityOf(random, { accountId, deviceId, generation });
      const revoking = new AbortController();
      const caller = {
        accountId,
        deviceId,
        signatureKey: identity.signatureKeyPair.publicKey,
        revoked: revoking.signal,
      };
      const token = new Uint8Array([...accountId, ...deviceId]);
      known.set(token.toHex(), caller);
      const client = opened.use(openRpcClient({
        connect: (signal) => network.transport.connect(address, { signal }),
        build: "test",
        clock: systemClock,
        random,
        log: silentLog,
        credentials: async () => ({ sessionToken: token, deviceSignature: new Uint8Array() }),
      }));
      return {
        ...caller,
        identity,
        rpc: client,
        calls: openChannelCalls(client),
        stub: channelsClient(client),
        revoke: () => revoking.abort(),
      };
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

function callerOf(caller: Caller | undefined): Caller {
  if (caller !== undefined) return caller;
  throw new MessengerError("rpc/not-authenticated", "Cannot call: not logged in");
}

/** An account id, a device id, a generation. */
export function identityOf(random: Random, owner: LeafOwner): Identity {
  return createIdentity(crypto, {
    credential: {
      kind: "basic",
      identity: new Uint8Array([...owner.accountId, ...owner.deviceId, owner.generation]),
    },
    signatureKeyPair: crypto.generateSignatureKeyPair(random),
    random,
    capabilities: createCapabilities({
      cipherSuites: [SUITE],
      credentials: [1],
      extensions: [CONVERSATION_EXTENSION_TYPE],
      random,
    }),
  });
}

export const readTestLeaf: ReadLeaf = ({ credential }) =>
  credential.kind === "basic" ? readIdentity(credential.identity) : undefined;

function readIdentity(identity: Uint8Array): LeafOwner | undefined {
  if (identity.length !== 33) return undefined;
  return {
    accountId: identity.slice(0, 16),
    deviceId: identity.slice(16, 32),
    generation: identity[32] as number,
  };
}

export function groupContext(...admins: readonly Caller[]): CheckedContext {
  return { kind: "group", admins: admins.map(({ accountId }) => accountId) };
}

/** A group of these accounts, made by the first device; epoch 1, sequence 1. */
export async function createGroup(
  world: World,
  [creator, ...others]: readonly [TestDevice, ...TestDevice[]],
  options: Partial<FakeCommit> = {},
): Promise<Uint8Array> {
  const channelId = world.random.bytes(32);
  const upload = fakeCommit(world.random, {
    channelId,
    context: groupContext(creator),
    added: others.map(({ accountId }) => accountId),
    ...options,
  });
  const { sequence, isNew } = await creator.calls.create(upload);
  assert.deepEqual([sequence, isNew], [1, true]);
  return channelId;
}

export async function createDirectMessage(
  world: World,
  [one, other]: readonly [TestDevice, TestDevice],
): Promise<Uint8Array> {
  const context = directMessageContext(one.accountId, other.accountId);
  return await createGroup(world, [one, other], { context });
}

/** Appends an application message of that epoch. @returns its sequence number */
export async function send(
  world: World,
  device: TestDevice,
  message: {
    readonly channelId: Uint8Array;
    readonly epoch?: number;
    readonly entryId?: Uint8Array;
    readonly bytes?: number;
  },
): Promise<number> {
  const { channelId, epoch = 1, entryId = world.random.bytes(16), bytes = 64 } = message;
  const framedMessage = framed(world.random, { channelId, epoch, bytes });
  return (await device.calls.append({ channelId, entryId, message: framedMessage })).sequence;
}

/** Reads a whole channel behind `after`. */
export async function readAll(
  world: World,
  device: TestDevice,
  channelId: Uint8Array,
  after = 0,
): Promise<readonly string[]> {
  const found: string[] = [];
  const { incarnation } = world;
  for (let cursor = { channelId, after };;) {
    const page = await device.calls.read({ incarnation, cursor });
    if (page.gap !== undefined) {
      found.push(`gap ${page.gap.from}-${page.gap.to} ${page.gap.reason}`);
    }
    for (const { sequence, kind } of page.entries) found.push(`${sequence} ${kind}`);
    const last = page.entries.at(-1)?.sequence ?? page.gap?.to;
    if (last === undefined || last >= page.head) return found;
    cursor = { channelId, after: last };
  }
}

export interface Followed {
  readonly deliveries: Delivery[];
  /** One line each: of one channel, or of all. */
  lines(channelId?: Uint8Array): readonly string[];
  /** Waits until a line is there. */
  until(line: string): Promise<void>;
  /** How it ended. */
  readonly ended: Promise<unknown>;
  readonly stop: () => Promise<unknown>;
}

/** Follows in the background. */
export function follow(
  world: World,
  device: TestDevice,
  options: { readonly cursors?: readonly Cursor[]; readonly inboxAfter?: number } = {},
): Followed {
  const deliveries: Delivery[] = [];
  const stopping = new AbortController();
  const { cursors = [], inboxAfter = 0 } = options;
  const { incarnation } = world;
  let wake = (): void => {};
  const ended = (async () => {
    try {
      const all = { incarnation, cursors, inboxAfter, signal: stopping.signal };
      for await (const delivery of device.calls.follow(all)) {
        deliveries.push(delivery);
        wake();
      }
    } catch (error) {
      return error;
    } finally {
      wake();
    }
  })();
  const lines = (channelId?: Uint8Array): readonly string[] =>
    deliveries.filter((each) =>
      channelId === undefined ||
      ("channelId" in each && each.channelId.toHex() === channelId.toHex())
    ).map(lineOf);
  return {
    deliveries,
    lines,
    until: async (line) => {
      const timeout = AbortSignal.timeout(PATIENCE_MS);
      while (!lines().includes(line)) {
        if (timeout.aborted) throw new Error(`no "${line}" in ${JSON.stringify(lines())}`);
        await new Promise<void>((resolve) => {
          wake = resolve;
          setTimeout(resolve, 20);
        });
      }
    },
    ended,
    stop: () => {
      stopping.abort(new MessengerError("cancelled", "The test is over"));
      return ended;
    },
  };
}

export function lineOf(delivery: Delivery): string {
  switch (delivery.kind) {
    case "entry":
      return `${delivery.entry.sequence} ${delivery.entry.kind}`;
    case "gap":
      return `gap ${delivery.gap.from}-${delivery.gap.to} ${delivery.gap.reason}`;
    case "caught-up":
      return `caught up ${delivery.sequence}`;
    case "not-a-member":
      return "not a member";
    case "welcome":
      return `welcome ${delivery.inboxEntry.sequence}`;
    case "inbox-gap":
      return `inbox gap ${delivery.gap.from}-${delivery.gap.to}`;
    case "inbox-caught-up":
      return `inbox caught up ${delivery.sequence}`;
    case "all-caught-up":
      return "all caught up";
  }
}

/** Fails unless it is refused with that code. */
export async function refusedWith(
  code: ErrorCode,
  run: Promise<unknown> | (() => Promise<unknown>),
): Promise<MessengerError> {
  let error: unknown;
  try {
    await (typeof run === "function" ? run() : run);
  } catch (thrown) {
    error = thrown;
  }
  assert.ok(error instanceof MessengerError, `refused: ${error}`);
  assert.equal(error.code, code, error.message);
  return error;
}
