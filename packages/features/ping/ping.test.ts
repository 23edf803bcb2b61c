import assert from "node:assert/strict";
import { createManualClock, createMemoryNetwork, createSeededRandom } from "@qpq/adapters";
import type { BoundMethod } from "@qpq/capnp";
import { MessengerError, silentLog } from "@qpq/ports";
import { createRpcServer, openRpcClient } from "@qpq/rpc";
import { ping } from "./client.ts";
import { pingHandlers } from "./ping.gen.ts";
import { servePing } from "./server.ts";

const ADDRESS = { hostname: "server", port: 7000 } as const;

/** A server with these methods and a client of it, 5 ms away. */
function open(
  methods: (clock: ReturnType<typeof createManualClock>) => readonly BoundMethod<unknown>[],
) {
  const clock = createManualClock();
  const random = createSeededRandom(1);
  const network = createMemoryNetwork({ clock, random, delayMs: { min: 5, max: 5 } });
  const server = createRpcServer({
    methods: methods(clock),
    name: "test",
    build: "test",
    incarnation: new Uint8Array(16),
    authTokens: [],
    context: () => undefined,
    clock,
    random,
    log: silentLog,
  });
  const listener = network.listen(ADDRESS);
  void listener.accept().then((connection) => connection && server.serve(connection));
  const client = openRpcClient({
    connect: (signal) => network.transport.connect(ADDRESS, { signal }),
    build: "test",
    clock,
    random,
    log: silentLog,
  });
  return { clock, random, client };
}

Deno.test("ping() tells the round trip and the server's time", async () => {
  const { clock, random, client } = open((clock) => servePing({ clock }));
  const connecting = client.connected();
  await clock.advance(100);
  await connecting;
  const pinging = ping(client, { clock, random });
  await clock.advance(100);
  assert.deepEqual(await pinging, { roundTripMs: 10, serverTimeMs: 1_700_000_000_105 });
  await client.close();
});

Deno.test("ping() refuses an answer that is not what was sent", async () => {
  const { clock, random, client } = open(() =>
    pingHandlers({
      ping: ({ payload }) => Promise.resolve({ payload: payload.slice(1), serverTimeMs: 0 }),
    })
  );
  const pinging = ping(client, { clock, random });
  const refused = assert.rejects(
    pinging,
    (error) => error instanceof MessengerError && error.code === "malformed",
  );
  await clock.advance(100);
  await refused;
  await client.close();
});

Deno.test("ping() refuses a payload above 32 KiB before it is sent", async () => {
  const { clock, random, client } = open((clock) => servePing({ clock }));
  const pinging = ping(client, { clock, random, payloadBytes: 32 * 1024 + 1 });
  const refused = assert.rejects(
    pinging,
    (error) => error instanceof MessengerError && error.code === "too-large",
  );
  await clock.advance(100);
  await refused;
  await client.close();
});
