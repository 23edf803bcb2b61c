/**
 * SIGKILL of the real server under load: everything that was acknowledged is read back, in order, once;
 * what was never acknowledged is there once or not at all.
 */
import assert from "node:assert/strict";
import {
  createQuicTransport,
  createSeededRandom,
  openMemoryStore,
  parsePin,
  systemClock,
  systemRandom,
} from "@qpq/adapters";
import { HYBRID_CIPHER_SUITE } from "@qpq/mls";
import { MessengerError, parseHostPort, silentLog } from "@qpq/ports";
import { openRpcClient, type RpcClient } from "@qpq/rpc";
import { type ChannelCalls, openChannelCalls } from "../../packages/features/channels/client.ts";
import { fakeCommit, framed } from "../../packages/features/channels/test/messages.ts";
import { enrol } from "../../packages/features/devices/enrolment.ts";
import { deviceCredentials } from "../../packages/features/devices/own-device.ts";
import { openClientStore } from "../../packages/features/test/device-world.ts";
import { FAST_STRETCHING, primitives } from "../../packages/features/test/world.ts";
import { type RunningServer, startServer, temporaryFolder } from "../e2e/processes.ts";

const ROUNDS = Deno.env.get("QPQ_TEST_LEVEL") === "full" ? 30 : 3;
const CLIENTS = 32;
/** Of an account, each in another channel. */
const DEVICES = 4;
const CHANNELS = 8;
/** Entries that are acknowledged in a round before the kill: so that it falls into different moments. */
const ACKNOWLEDGED = { min: 40, spread: 600 };
const READ_TRIES_MAX = 20;
const SERVER_NAME = "localhost";

/** What one client has sent to its channel. */
interface Sent {
  readonly entryId: string;
  /** 0 until it was acknowledged. */
  sequence: number;
}

Deno.test(`bin/qpq-server loses and repeats nothing in ${ROUNDS} kills under load`, async () => {
  await using folder = await temporaryFolder();
  const random = createSeededRandom(6);
  let server = await startServer([], { dataFolder: folder.path });
  const clients: DeviceClient[] = [];
  try {
    for (let number = 0; number < CLIENTS; number++) {
      clients.push(await enrolClient(() => server, number));
    }
    const channels = await createChannels(random, clients);
    const sent = clients.map((): Sent[] => []);
    for (let round = 0; round < ROUNDS; round++) {
      let isOver = false;
      const loads = clients.map((client, number) =>
        load(client, {
          channelId: channels[number % CHANNELS] as Uint8Array,
          random,
          sent: sent[number] as Sent[],
          isOver: () => isOver,
        })
      );
      const wanted = acknowledgedOf(sent) + ACKNOWLEDGED.min +
        Math.floor((random.bytes(1)[0] as number) / 256 * ACKNOWLEDGED.spread);
      while (acknowledgedOf(sent) < wanted) await new Promise((resolve) => setTimeout(resolve, 10));
      server.signal("SIGKILL");
      await server.ended;
      isOver = true;
      server = await startServer([], { dataFolder: folder.path });
      await Promise.all(loads);
      await compare(clients, { channels, sent });
    }
  } finally {
    await Promise.all(clients.map(({ rpc }) => rpc.close()));
    await server[Symbol.asyncDispose]();
  }
});

/** A device that is logged in. */
interface DeviceClient {
  readonly accountId: Uint8Array;
  readonly rpc: RpcClient;
  readonly calls: ChannelCalls;
}

/** Connects again, logged in, when the server comes back. */
async function enrolClient(server: () => RunningServer, number: number): Promise<DeviceClient> {
  const store = await openClientStore(openMemoryStore());
  const rpc = openRpcClient({
    connect: (signal) => {
      const { address, pin } = server();
      const place = parseHostPort(address);
      assert.ok(place !== undefined);
      const transport = createQuicTransport({ clock: systemClock, trust: parsePin(pin) });
      return transport.connect(place, { signal });
    },
    build: "test",
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
    credentials: deviceCredentials({ store, primitives, serverName: SERVER_NAME }),
  });
  using unlocked = await enrol(rpc, {
    kind: number % DEVICES === 0 ? "register" : "log-in",
    name: `user-${Math.floor(number / DEVICES)}`,
    password: "correct horse battery staple",
    serverName: SERVER_NAME,
    store,
    clock: systemClock,
    random: systemRandom,
    primitives,
    keyStretching: FAST_STRETCHING,
  });
  return { accountId: unlocked.identity.accountId, rpc, calls: openChannelCalls(rpc) };
}

function acknowledgedOf(sent: readonly (readonly Sent[])[]): number {
  return sent.flat().filter(({ sequence }) => sequence > 0).length;
}

/** Each channel has the same four clients all the time. */
async function createChannels(
  random: ReturnType<typeof createSeededRandom>,
  clients: readonly DeviceClient[],
): Promise<readonly Uint8Array[]> {
  return await Promise.all(Array.from({ length: CHANNELS }, async (_, index) => {
    const [creator, ...others] = clients.filter((_, number) => number % CHANNELS === index);
    assert.ok(creator !== undefined);
    const channelId = random.bytes(32);
    await creator.calls.create(fakeCommit(random, {
      channelId,
      context: { kind: "group", admins: [creator.accountId] },
      suite: HYBRID_CIPHER_SUITE,
      added: others.map(({ accountId }) => accountId),
    }));
    return channelId;
  }));
}

/** One entry after another; an entry of unknown outcome is left alone, or sent again, by turns. */
async function load(
  client: DeviceClient,
  options: {
    readonly channelId: Uint8Array;
    readonly random: ReturnType<typeof createSeededRandom>;
    readonly sent: Sent[];
    readonly isOver: () => boolean;
  },
): Promise<void> {
  const { channelId, random, sent, isOver } = options;
  while (!isOver()) {
    const entryId = random.bytes(16);
    const message = framed(random, { channelId, epoch: 1, bytes: 200 });
    const entry: Sent = { entryId: entryId.toHex(), sequence: 0 };
    sent.push(entry);
    for (let isRetry = false;; isRetry = true) {
      try {
        entry.sequence = (await client.calls.append({ channelId, entryId, message })).sequence;
        break;
      } catch (error) {
        assertAway(error);
        if (isRetry || (random.bytes(1)[0] as number) % 2 === 0) break;
      }
    }
  }
}

/** Whether it was done is unknown, or there is no service at the moment: nothing else may come of a kill, or of a stall. */
function assertAway(error: unknown): asserts error is MessengerError {
  assert.ok(error instanceof MessengerError, String(error));
  assert.match(error.code, /^(rpc\/(disconnected|deadline|handshake-timeout)|transport\/)/);
}

/** A busy machine stalls a server that has just come back for longer than its clients wait. */
async function untilThere<Result>(read: () => Promise<Result>): Promise<Result> {
  for (let tries = 1;; tries++) {
    try {
      return await read();
    } catch (error) {
      assertAway(error);
      if (tries === READ_TRIES_MAX) throw error;
    }
  }
}

async function compare(
  clients: readonly DeviceClient[],
  { channels, sent }: {
    readonly channels: readonly Uint8Array[];
    readonly sent: readonly (readonly Sent[])[];
  },
): Promise<void> {
  for (const [index, channelId] of channels.entries()) {
    const reader = clients[index] as DeviceClient;
    const stored = await readIds(reader, channelId);
    const places = new Map(stored.map((entryId, at) => [entryId, at + 2]));
    assert.equal(places.size, stored.length, "no entry is there twice");
    const mine = sent.filter((_, number) => number % CHANNELS === index).flat();
    for (const { entryId, sequence } of mine) {
      if (sequence > 0) {
        assert.equal(places.get(entryId), sequence, "acknowledged: there, in place");
      }
      places.delete(entryId);
    }
    assert.equal(places.size, 0, "nothing is there that nobody sent");
  }
}

/** The entry ids behind the first commit, in order; the client checks that no number is left out. */
async function readIds(
  { calls, rpc }: DeviceClient,
  channelId: Uint8Array,
): Promise<readonly string[]> {
  const ids: string[] = [];
  for (let after = 1;;) {
    const cursor = { channelId, after };
    const page = await untilThere(async () =>
      await calls.read({ incarnation: (await rpc.connected()).incarnation, cursor })
    );
    assert.equal(page.gap, undefined);
    for (const { entryId } of page.entries) ids.push(entryId.toHex());
    after = page.entries.at(-1)?.sequence ?? after;
    if (after >= page.head) return ids;
  }
}
