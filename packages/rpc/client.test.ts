import assert from "node:assert/strict";
import { MessengerError } from "@qpq/ports";
import { encodeServerMessage } from "./session.gen.ts";
import { probeClient, probeMethods } from "./test/probe.gen.ts";
import { ADDRESS, openWorld } from "./test/world.ts";

async function outcome(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return "ok";
  } catch (error) {
    return error instanceof MessengerError ? error.code : String(error);
  }
}

/** Resolves to what a promise has come to by now. */
async function soFar(promise: Promise<string>): Promise<string> {
  return await Promise.race([promise, new Promise<string>((r) => setTimeout(r, 0, "pending"))]);
}

const payload = Uint8Array.of(1, 2, 3);

Deno.test("connected() tells what the server says of itself", async () => {
  await using world = openWorld();
  const client = world.openClient();
  const server = await client.connected();
  assert.equal(server.name, "test.example");
  assert.equal(server.build, "test-server");
  assert.equal(server.protocolVersion, 1);
  assert.deepEqual(server.incarnation, new Uint8Array(16).fill(7));
  assert.equal(server.nonce.length, 32);
  assert.deepEqual(client.statuses.map(({ kind }) => kind), ["connecting", "connected"]);
});

Deno.test("a refusal keeps its code, its text and its time; a bug tells nothing of itself", async () => {
  await using world = openWorld();
  const probe = probeClient(world.openClient());
  const refusal = await probe.refuse({ code: "rpc/overloaded" }).catch((error) => error);
  assert.ok(refusal instanceof MessengerError);
  assert.deepEqual(
    [refusal.code, refusal.message, refusal.retryAfterMs],
    ["rpc/overloaded", "refused as asked", 1234],
  );
  const bug = await probe.refuse({ code: "name of Alice" }).catch((error) => error);
  assert.ok(bug instanceof MessengerError);
  assert.equal(bug.code, "internal");
  assert.doesNotMatch(`${bug.message} ${JSON.stringify(world.logged)}`, /Alice|secret/);
  assert.equal(world.logged[0]?.event, "handler-failed");
  assert.match(String(world.logged[0]?.fields["stack"]), /world\.ts/);
});

Deno.test("calls made before there is a connection wait for it", async () => {
  await using world = openWorld();
  world.stopListening();
  const client = world.openClient();
  const calls = Array.from({ length: 300 }, () => outcome(probeClient(client).echo({ payload })));
  await world.clock.advance(3_000);
  assert.equal(await soFar(calls[0] as Promise<string>), "pending");
  world.listen();
  await world.clock.advance(6_000);
  assert.deepEqual(new Set(await Promise.all(calls)), new Set(["ok"]));
});

Deno.test("a call that finds no connection in time fails with why there is none", async () => {
  await using world = openWorld();
  world.stopListening();
  const client = world.openClient();
  const calling = outcome(probeClient(client).echo({ payload }, { timeoutMs: 4_000 }));
  await world.clock.advance(3_900);
  assert.equal(await soFar(calling), "pending");
  await world.clock.advance(200);
  assert.equal(await calling, "transport/unreachable");
});

Deno.test("a call whose connection is lost fails, its outcome unknown, and is not sent again", async () => {
  await using world = openWorld();
  const client = world.openClient();
  const held = outcome(probeClient(client).hold({ name: "held", resultBytes: 0 }));
  await world.clock.settle();
  world.network.cut();
  assert.equal(await held, "rpc/disconnected");
  await world.clock.advance(5_000);
  assert.equal(await outcome(probeClient(client).echo({ payload })), "ok");
  assert.equal(world.handled.calls, 2);
});

Deno.test("a silent server is probed after 1 s and replaced after 2, while a call waits", async () => {
  await using world = openWorld();
  const client = world.openClient();
  await client.connected();
  world.network.partition();
  const held = outcome(probeClient(client).hold({ name: "held", resultBytes: 0 }));
  await world.clock.advance(1_900);
  assert.equal(await soFar(held), "pending");
  world.network.heal();
  await world.clock.advance(300);
  assert.equal(await held, "rpc/disconnected");
  const again = outcome(probeClient(client).echo({ payload }));
  await world.clock.advance(1_000);
  assert.equal(await again, "ok");
});

Deno.test("a slow handler of a server that lives is waited for", async () => {
  await using world = openWorld({ delayMs: { min: 50, max: 200 } });
  const client = world.openClient();
  const held = outcome(
    probeClient(client).hold({ name: "held", resultBytes: 0 }, { timeoutMs: 60_000 }),
  );
  await world.clock.advance(30_000);
  world.handled.release.get("held")?.();
  await world.clock.advance(1_000);
  assert.equal(await held, "ok");
  assert.equal(client.statuses.filter(({ kind }) => kind === "lost").length, 0);
});

Deno.test("an idle client learns within 30 s that its server is gone", async () => {
  await using world = openWorld();
  const client = world.openClient();
  await client.connected();
  world.network.partition();
  await world.clock.advance(30_000);
  assert.ok(client.statuses.some(({ kind }) => kind === "lost"));
});

Deno.test("attempts back off to 30 s, with jitter, and to 1 s while work waits", async () => {
  await using world = openWorld();
  world.stopListening();
  const client = world.openClient();
  const delays = (): number[] =>
    client.statuses.flatMap((status) => status.kind === "lost" ? [status.retryInMs] : []);
  await world.clock.advance(600_000);
  const idle = delays();
  assert.ok(idle.length > 20, `${idle.length} attempts in ten minutes`);
  assert.ok(Math.max(...idle) <= 30_000 && Math.max(...idle) > 10_000, `${Math.max(...idle)}`);
  assert.ok(Math.max(...idle.slice(0, 3)) <= 400);
  assert.ok(new Set(idle).size > idle.length / 2, "full jitter");
  client.statuses.length = 0;
  const waiting = outcome(probeClient(client).echo({ payload }, { timeoutMs: 120_000 }));
  await world.clock.advance(121_000);
  assert.equal(await waiting, "transport/unreachable");
  // The first of them may have been under way when the work came.
  assert.ok(Math.max(...delays().slice(0, -1)) <= 1_000, `${Math.max(...delays())}`);
});

Deno.test("what trying again does not help fails those who wait, at once", async () => {
  await using world = openWorld({ authTokens: ["right"] });
  const client = world.openClient({ authToken: "wrong" });
  assert.equal(await outcome(client.connected()), "rpc/bad-auth-token");
  assert.equal(await outcome(world.openClient({ authToken: "right" }).connected()), "ok");
});

Deno.test("a call's deadline and its signal end it here and reach the handler there", async () => {
  await using world = openWorld();
  const probe = probeClient(world.openClient());
  const late = outcome(probe.hold({ name: "late", resultBytes: 0 }, { timeoutMs: 700 }));
  const controller = new AbortController();
  const left = outcome(
    probe.hold({ name: "left", resultBytes: 0 }, { signal: controller.signal }),
  );
  await world.clock.settle();
  controller.abort();
  assert.equal(await left, "cancelled");
  await world.clock.advance(800);
  assert.equal(await late, "rpc/deadline");
  assert.deepEqual(world.handled.aborted.map((row) => row.split(" ")[0]), ["left", "late"]);
  assert.equal(
    await outcome(probe.echo({ payload }, { signal: AbortSignal.abort() })),
    "cancelled",
  );
});

Deno.test("more calls than the server takes at once wait their turn; far more are refused", async () => {
  await using world = openWorld();
  const client = world.openClient();
  await client.connected();
  const probe = probeClient(client);
  const held = Array.from(
    { length: 256 },
    (_, index) => outcome(probe.hold({ name: `${index}`, resultBytes: 0 })),
  );
  const waiting = Array.from({ length: 1_024 }, () => outcome(probe.echo({ payload })));
  assert.equal(await outcome(probe.echo({ payload })), "rpc/overloaded");
  await world.clock.settle();
  assert.equal(world.handled.running, 256);
  for (const release of world.handled.release.values()) release();
  await world.clock.settle();
  assert.deepEqual(new Set(await Promise.all([...held, ...waiting])), new Set(["ok"]));
  assert.equal(world.handled.runningMost, 256);
});

Deno.test("drain() lets calls finish, ends subscriptions, and sends clients elsewhere", async () => {
  await using world = openWorld({ delayMs: { min: 5, max: 5 } });
  const client = world.openClient();
  const probe = probeClient(client);
  const held = outcome(probe.hold({ name: "held", resultBytes: 10 }));
  const iterator = probe.count({ upTo: 0 })[Symbol.asyncIterator]();
  const subscribed = outcome(iterator.next());
  await world.clock.advance(200);
  world.stopListening();
  let drained = false;
  const draining = world.server.drain(10_000).then(() => drained = true);
  await world.clock.advance(1_000);
  assert.equal(await subscribed, "rpc/going-away");
  assert.equal(drained, false);
  assert.equal(client.statuses.at(-1)?.kind === "connected", false);
  world.handled.release.get("held")?.();
  await world.clock.advance(100);
  assert.equal(await held, "ok");
  await draining;
  assert.equal(world.server.connections, 0);
});

Deno.test("drain() cuts off what does not finish, and refuses who comes meanwhile", async () => {
  await using world = openWorld();
  const peer = await (await world.connect()).open();
  const client = world.openClient();
  const held = outcome(probeClient(client).hold({ name: "held", resultBytes: 0 }));
  await world.clock.settle();
  const draining = world.server.drain(10_000);
  const late = world.openClient();
  assert.equal((await peer.next())?.kind, "goingAway");
  const { interfaceId, ordinal } = probeMethods.echo;
  await peer.send(
    { callId: 1, kind: "call", call: { interfaceId, ordinal, timeoutMs: 0 } },
    probeMethods.echo.encodeParams({ payload }),
  );
  const refusal = await peer.next();
  assert.equal(refusal?.kind === "error" && refusal.error.code, "rpc/going-away");
  await world.clock.advance(9_000);
  assert.match((await peer.connection.closed).reason, /^rpc\/going-away:/);
  assert.equal(await soFar(held), "pending");
  await world.clock.advance(1_500);
  await draining;
  assert.equal(await held, "rpc/disconnected");
  assert.ok(
    late.statuses.some((status) =>
      status.kind === "lost" && status.error.code === "rpc/going-away"
    ),
  );
});

Deno.test("credentials are shown for each session, and anew by authenticate()", async () => {
  let token = "alice";
  await using world = openWorld({
    authenticate: ({ sessionToken, deviceSignature }, { nonce }) => {
      const name = new TextDecoder().decode(sessionToken);
      if (name === "mallory" || deviceSignature[0] !== nonce[0]) {
        throw new MessengerError("rpc/not-authenticated", "This session token is not valid");
      }
      return Promise.resolve(name);
    },
  });
  const client = world.openClient({
    credentials: ({ nonce }) =>
      Promise.resolve(
        token === "" ? undefined : {
          sessionToken: new TextEncoder().encode(token),
          deviceSignature: nonce.slice(0, 64),
        },
      ),
  });
  const probe = probeClient(client);
  assert.equal((await probe.whoAmI({})).name, "alice");
  world.network.cut();
  await world.clock.advance(500);
  assert.equal((await probe.whoAmI({})).name, "alice");
  token = "mallory";
  assert.equal(await outcome(client.authenticate()), "rpc/not-authenticated");
  assert.equal((await probe.whoAmI({})).name, "nobody");
  token = "bob";
  await client.authenticate();
  assert.equal((await probe.whoAmI({})).name, "bob");
  token = "";
  await client.authenticate();
  assert.equal((await probe.whoAmI({})).name, "nobody");
});

Deno.test("close() fails what waits, and leaves no timer behind", async () => {
  const world = openWorld();
  const client = world.openClient();
  const held = outcome(probeClient(client).hold({ name: "held", resultBytes: 0 }));
  await world.clock.settle();
  await client.close();
  assert.equal(await held, "rpc/disconnected");
  assert.equal(await outcome(probeClient(client).echo({ payload })), "cancelled");
  assert.deepEqual(client.status, { kind: "closed" });
  await world[Symbol.asyncDispose]();
  assert.equal(world.clock.pending, 0);
});

Deno.test("credentials that can't be made end the attempt, and the next one makes them anew", async () => {
  let failures = 0;
  await using world = openWorld({ authenticate: () => Promise.resolve("alice") });
  const client = world.openClient({
    credentials: () =>
      failures++ < 2
        ? Promise.reject(failures === 1 ? corrupt() : new Error("a bug"))
        : Promise.resolve({ sessionToken: Uint8Array.of(1), deviceSignature: new Uint8Array(0) }),
  });
  // What will not pass is said at once, to who waits.
  assert.equal(await outcome(probeClient(client).whoAmI({})), "store/corrupt");
  const asking = probeClient(client).whoAmI({});
  await world.clock.advance(2_000);
  assert.equal((await asking).name, "alice");
  assert.ok(client.statuses.every((status) => status.kind !== "connected" || !status.refusal));
});

function corrupt(): MessengerError {
  return new MessengerError("store/corrupt", "Cannot read device (injected)");
}

Deno.test("close() does not wait for credentials that never come", async () => {
  await using world = openWorld();
  const client = world.openClient({ credentials: () => new Promise(() => {}) });
  const waiting = outcome(client.connected());
  await world.clock.settle();
  await client.close();
  assert.equal(await waiting, "cancelled");
  await world.clock.settle();
  assert.equal(world.server.connections, 0);
});

Deno.test("a server that breaks the rules loses the connection, not the client", async () => {
  const scripts: Record<string, Uint8Array> = {
    "not a frame": new Uint8Array(64).fill(255),
    "a second hello": encodeServerMessage({
      callId: 0,
      kind: "hello",
      hello: {
        version: 1,
        build: "",
        serverName: "",
        incarnation: new Uint8Array(16),
        nonce: new Uint8Array(32),
        callsMax: 1,
        streamsMax: 1,
      },
    }),
    "an end": encodeServerMessage({ callId: 0, kind: "end" }),
    "an answer to no start": encodeServerMessage({ callId: 0, kind: "started" }),
    "a message that is too large": Uint8Array.of(0, 0, 0, 0, 0, 4, 0, 0),
  };
  for (const [name, bytes] of Object.entries(scripts)) {
    await using world = openWorld();
    world.stopListening();
    const hostile = world.network.listen(ADDRESS);
    const client = world.openClient();
    const calling = outcome(probeClient(client).echo({ payload }));
    const connection = await hostile.accept();
    const stream = await connection?.acceptStream();
    await stream?.write(scripts["a second hello"] as Uint8Array);
    await world.clock.settle();
    await stream?.write(encodeServerMessage({ callId: 0, kind: "started" }));
    await stream?.write(encodeServerMessage({ callId: 4711, kind: "result" }));
    await stream?.write(Uint8Array.of(0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0));
    await world.clock.settle();
    assert.equal(await soFar(calling), "pending", "results of an unknown call are passed over");
    await stream?.write(bytes);
    assert.equal(await calling, "rpc/disconnected", name);
    hostile.stop();
    world.listen();
    await world.clock.advance(2_000);
    assert.equal(await outcome(probeClient(client).echo({ payload })), "ok", name);
  }
});

Deno.test("a server that never opens the session is given up, and a hello without sense", async () => {
  await using world = openWorld();
  world.stopListening();
  await using hostile = world.network.listen(ADDRESS);
  const client = world.openClient();
  const waiting = outcome(client.connected({ timeoutMs: 8_000 }));
  const connection = await hostile.accept();
  await connection?.acceptStream();
  await world.clock.advance(3_500);
  assert.ok(
    client.statuses.some((status) =>
      status.kind === "lost" && status.error.code === "rpc/handshake-timeout"
    ),
  );
  const stream = await (await hostile.accept())?.acceptStream();
  await stream?.write(encodeServerMessage({
    callId: 0,
    kind: "hello",
    hello: {
      version: 9,
      build: "",
      serverName: "",
      incarnation: new Uint8Array(0),
      nonce: new Uint8Array(0),
      callsMax: 0,
      streamsMax: 0,
    },
  }));
  assert.equal(await waiting, "rpc/version-unsupported");
});
