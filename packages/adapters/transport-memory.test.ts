import assert from "node:assert/strict";
import { type Connection, MessengerError, type Stream } from "@qpq/ports";
import { systemClock } from "./clock.ts";
import { createManualClock, type ManualClock } from "./clock-manual.ts";
import { createSeededRandom } from "./random.ts";
import { testTransport } from "./transport-contract.ts";
import { createMemoryNetwork, type MemoryNetwork } from "./transport-memory.ts";

for (const delayMs of [{ min: 0, max: 0 }, { min: 0, max: 5 }]) {
  testTransport(`transport-memory, ${delayMs.max} ms`, async () => {
    const network = createMemoryNetwork({
      clock: systemClock,
      random: createSeededRandom(1),
      delayMs,
      idleTimeoutMs: 2_000,
      streamsMax: 8,
    });
    const listener = network.listen({ hostname: "server", port: 7000 });
    return {
      transport: network.transport,
      impatient: network.transport,
      listener,
      nowhere: { hostname: "nowhere", port: 7000 },
      streamsMax: 8,
      [Symbol.asyncDispose]: () => listener[Symbol.asyncDispose](),
    };
  });
}

const ADDRESS = { hostname: "server", port: 7000 } as const;

async function connect(
  network: MemoryNetwork,
  clock: ManualClock,
): Promise<readonly [Connection, Connection]> {
  const listener = network.listen(ADDRESS);
  const connecting = network.transport.connect(ADDRESS);
  await clock.advance(1_000);
  const client = await connecting;
  const server = await listener.accept();
  assert.ok(server !== undefined);
  return [client, server];
}

/** In which order pieces on four streams arrive, with the moments. */
async function arrivalsOf(seed: number): Promise<readonly string[]> {
  const clock = createManualClock();
  const network = createMemoryNetwork({
    clock,
    random: createSeededRandom(seed),
    delayMs: { min: 1, max: 100 },
  });
  const [client, server] = await connect(network, clock);
  const arrivals: string[] = [];
  const read = async (stream: Stream): Promise<void> => {
    for (;;) {
      const bytes = await stream.read(new Uint8Array(8));
      if (bytes.length === 0) return;
      for (const byte of bytes) arrivals.push(`${byte}@${clock.monotonic()}`);
    }
  };
  for (let place = 0; place < 4; place++) {
    const stream = await client.openStream();
    await stream.write(Uint8Array.of(10 * place));
    await stream.write(Uint8Array.of(10 * place + 1));
    await stream.end();
  }
  const readers: Promise<void>[] = [];
  for (let place = 0; place < 4; place++) {
    readers.push(
      server.acceptStream().then((stream) => {
        assert.ok(stream !== undefined);
        return read(stream);
      }),
    );
  }
  await clock.advance(1_000);
  await Promise.all(readers);
  return arrivals;
}

Deno.test("createMemoryNetwork() repeats itself from a seed, and streams overtake one another", async () => {
  const first = await arrivalsOf(7);
  assert.deepEqual(await arrivalsOf(7), first);
  assert.notDeepEqual(await arrivalsOf(8), first);
  const order = first.map((arrival) => Number(arrival.split("@")[0]));
  assert.notDeepEqual(order, order.toSorted((left, right) => left - right));
  for (let place = 0; place < 4; place++) {
    assert.ok(order.indexOf(10 * place) < order.indexOf(10 * place + 1), "a stream keeps order");
  }
});

Deno.test("a stream keeps order when timers of nearly the same moment do not", async () => {
  const due: (() => void)[] = [];
  const network = createMemoryNetwork({
    clock: {
      now: () => 0,
      monotonic: () => 0,
      schedule: (_, callback) => {
        due.push(callback);
        return { cancel: () => {} };
      },
    },
    random: createSeededRandom(1),
    delayMs: { min: 1, max: 2 },
  });
  const listener = network.listen(ADDRESS);
  const connecting = network.transport.connect(ADDRESS);
  for (const callback of due.splice(0)) callback();
  const client = await connecting;
  const server = await listener.accept();
  const stream = await client.openStream();
  for (const byte of [1, 2, 3]) await stream.write(Uint8Array.of(byte));
  await stream.end();
  for (const callback of due.splice(0).toReversed()) callback();
  const far = await server?.acceptStream();
  const received: number[] = [];
  for (;;) {
    const bytes = await far?.read(new Uint8Array(8)) ?? new Uint8Array();
    if (bytes.length === 0) break;
    received.push(...bytes);
  }
  assert.deepEqual(received, [1, 2, 3]);
});

Deno.test("cut() ends every connection, and both sides notice", async () => {
  const clock = createManualClock();
  const network = createMemoryNetwork({ clock, random: createSeededRandom(1) });
  const [client, server] = await connect(network, clock);
  network.cut();
  assert.equal((await client.closed).error?.code, "transport/closed");
  assert.equal((await server.closed).error?.code, "transport/closed");
  assert.equal(network.connections, 0);
});

Deno.test("partition() is silent until the idle timeout, and stays so after heal()", async () => {
  const clock = createManualClock();
  const network = createMemoryNetwork({
    clock,
    random: createSeededRandom(1),
    idleTimeoutMs: 30_000,
  });
  const [client, server] = await connect(network, clock);
  const near = await client.openStream();
  await near.write(Uint8Array.of(1));
  const far = await server.acceptStream();
  assert.ok(far !== undefined);
  await far.read(new Uint8Array(4));
  network.partition();
  await near.write(Uint8Array.of(2));
  let arrived = false;
  const reading = far.read(new Uint8Array(4)).then(() => arrived = true, () => {});
  network.heal();
  await clock.advance(28_000);
  assert.equal(arrived, false);
  assert.equal(network.connections, 1);
  await clock.advance(3_000);
  await reading;
  assert.equal(arrived, false);
  assert.equal((await client.closed).reason, "timed out");
  assert.equal((await server.closed).reason, "timed out");
});

Deno.test("listen() refuses a second listener on one address", async () => {
  const network = createMemoryNetwork({ clock: systemClock, random: createSeededRandom(1) });
  await using _listener = network.listen(ADDRESS);
  assert.throws(
    () => network.listen(ADDRESS),
    (error) => error instanceof MessengerError && error.code === "transport/cannot-listen",
  );
});
