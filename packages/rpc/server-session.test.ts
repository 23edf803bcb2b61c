import assert from "node:assert/strict";
import type { CloseReason } from "@qpq/ports";
import { encodeClientMessage, type ServerMessage } from "./session.gen.ts";
import { probeMethods } from "./test/probe.gen.ts";
import { callMessage } from "./test/streams.ts";
import { openWorld, type ScriptedPeer, type World } from "./test/world.ts";

const { echo, hold, count, upload } = probeMethods;

/** A call's message and its parameters, as bytes. */
function call(callId: number, method: typeof echo, payload: Uint8Array): Uint8Array[];
function call(callId: number, method: typeof hold, name: string): Uint8Array[];
function call(callId: number, method: typeof echo | typeof hold, value: Uint8Array | string) {
  const { interfaceId, ordinal } = method;
  return [
    encodeClientMessage({ callId, kind: "call", call: { interfaceId, ordinal, timeoutMs: 0 } }),
    value instanceof Uint8Array
      ? echo.encodeParams({ payload: value })
      : hold.encodeParams({ name: value, resultBytes: 0 }),
  ];
}

const hello = encodeClientMessage({
  callId: 0,
  kind: "hello",
  hello: { versionMin: 1, versionMax: 1, build: "peer", authToken: new Uint8Array(0) },
});

function start(nonce: Uint8Array): Uint8Array {
  return encodeClientMessage({
    callId: 0,
    kind: "start",
    start: { nonce, sessionToken: new Uint8Array(0), deviceSignature: new Uint8Array(0) },
  });
}

/** How the server ends a connection: at once, or when time moves on by so much. */
async function ended(peer: ScriptedPeer, advanceMs = 0): Promise<CloseReason> {
  let closed: CloseReason | undefined;
  void peer.connection.closed.then((reason) => closed = reason);
  await peer.clock.advance(advanceMs);
  assert.ok(closed !== undefined, "the server has closed the connection");
  return closed;
}

async function stays(peer: ScriptedPeer, advanceMs: number): Promise<void> {
  let closed = false;
  void peer.connection.closed.then(() => closed = true);
  await peer.clock.advance(advanceMs);
  assert.equal(closed, false, "the connection stays");
}

async function nextError(peer: ScriptedPeer): Promise<string> {
  const message = await peer.next();
  assert.equal(message?.kind, "error");
  return message.kind === "error" ? `${message.callId} ${message.error.code}` : "";
}

async function inWorld(
  options: Parameters<typeof openWorld>[0],
  run: (world: World) => Promise<void>,
): Promise<void> {
  await using world = openWorld(options);
  await run(world);
}

Deno.test("a session needs its stream, its hello and its start, each in time", async () => {
  for (const silentAfter of ["nothing", "stream", "hello"]) {
    await inWorld({}, async (world) => {
      const peer = await world.connect();
      if (silentAfter !== "nothing") await peer.openStream();
      if (silentAfter === "stream") await peer.send(hello.subarray(0, 5));
      if (silentAfter === "hello") await peer.send(hello);
      await stays(peer, 2_900);
      assert.match((await ended(peer, 200)).reason, /^rpc\/handshake-timeout:/);
      assert.deepEqual(world.observed, ["opened", "refused rpc/handshake-timeout", "closed"]);
    });
  }
});

Deno.test("a hello that trickles in does not hold a session open", () =>
  inWorld({}, async (world) => {
    const peer = await world.connect();
    await peer.openStream();
    for (const byte of hello.subarray(0, 2)) {
      await peer.send(Uint8Array.of(byte));
      await world.clock.advance(1_000);
    }
    assert.match((await ended(peer, 1_000)).reason, /^rpc\/handshake-timeout:/);
  }));

Deno.test("a hello without a version in common is refused", () =>
  inWorld({}, async (world) => {
    for (const [versionMin, versionMax] of [[2, 9], [0, 0]] as const) {
      const peer = await world.connect();
      await peer.openStream();
      await peer.send({
        callId: 0,
        kind: "hello",
        hello: { versionMin, versionMax, build: "", authToken: new Uint8Array(0) },
      });
      assert.match((await ended(peer)).reason, /^rpc\/version-unsupported:/);
    }
  }));

Deno.test("a hello needs one of the server's access tokens, when it has some", () =>
  inWorld({ authTokens: ["old token", "new token"] }, async (world) => {
    await (await world.connect()).open("old token");
    await (await world.connect()).open("new token");
    for (const authToken of ["", "old", "old tokem", "old token "]) {
      const peer = await world.connect();
      await assert.rejects(peer.open(authToken));
      assert.match((await ended(peer)).reason, /^rpc\/bad-auth-token:/);
    }
    assert.equal(world.observed.filter((row) => row === "refused rpc/bad-auth-token").length, 4);
  }));

Deno.test("what comes before the start, or out of order, ends the session", async () => {
  const scripts: Record<string, (peer: ScriptedPeer) => Promise<void>> = {
    "a start first": (peer) => peer.send(start(new Uint8Array(32))),
    "a call first": (peer) => peer.send(...call(1, echo, new Uint8Array(1))),
    "a call after the hello": (peer) => peer.send(hello, ...call(1, echo, new Uint8Array(1))),
    "a second hello": (peer) => peer.send(hello, hello),
    "no message at all": (peer) => peer.send(new Uint8Array(64).fill(255)),
  };
  for (const [name, script] of Object.entries(scripts)) {
    await inWorld({}, async (world) => {
      const peer = await world.connect();
      await peer.openStream();
      await script(peer);
      assert.match((await ended(peer)).reason, /^(rpc\/protocol|malformed):/, name);
      assert.equal(world.handled.calls, 0);
    });
  }
});

Deno.test("a recorded session that is played again reaches no handler", () =>
  inWorld({}, async (world) => {
    const honest = await (await world.connect()).open();
    assert.ok(honest.hello !== undefined);
    const recorded = [hello, start(honest.hello.nonce), ...call(1, echo, new Uint8Array(1))];
    await honest.send(...call(1, echo, new Uint8Array(1)));
    assert.equal((await honest.next())?.kind, "result");
    assert.equal(world.handled.calls, 1);
    const replay = await world.connect();
    await replay.openStream();
    await replay.send(...recorded);
    assert.match((await ended(replay)).reason, /^rpc\/protocol:/);
    assert.equal(world.handled.calls, 1);
  }));

Deno.test("pipelined calls get their own answers, in whatever order they end", () =>
  inWorld({}, async (world) => {
    const peer = await (await world.connect()).open();
    await peer.send(
      ...call(1, hold, "first"),
      ...call(2, echo, Uint8Array.of(2)),
      ...call(3, hold, "third"),
    );
    assert.equal((await peer.next())?.callId, 2);
    world.handled.release.get("third")?.();
    assert.equal((await peer.next())?.callId, 3);
    world.handled.release.get("first")?.();
    assert.equal((await peer.next())?.callId, 1);
  }));

Deno.test("an unknown method, one of another kind and bad parameters are refused, each alone", () =>
  inWorld({}, async (world) => {
    const peer = await (await world.connect()).open();
    const { interfaceId } = echo;
    const asked: readonly (readonly [bigint, number, Uint8Array])[] = [
      [interfaceId + 1n, 0, new Uint8Array([0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])],
      [interfaceId, 9_999, new Uint8Array([0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])],
      [interfaceId, count.ordinal, count.encodeParams({ upTo: 1 })],
      [interfaceId, upload.ordinal, upload.encodeParams({ payload: new Uint8Array(1) })],
      [interfaceId, echo.ordinal, new Uint8Array([0, 0, 0, 0, 1, 0, 0, 0, 255, 255, 255, 255])],
    ];
    const codes: string[] = [];
    for (const [id, ordinal, params] of asked) {
      const padded = new Uint8Array(16);
      padded.set(params.subarray(0, 16));
      const body = params.length >= 16 ? params : padded;
      await peer.send(
        encodeClientMessage({
          callId: 5,
          kind: "call",
          call: { interfaceId: id, ordinal, timeoutMs: 0 },
        }),
        body,
      );
      codes.push(await nextError(peer));
    }
    assert.deepEqual(codes, [
      "5 rpc/unknown-method",
      "5 rpc/unknown-method",
      "5 rpc/protocol",
      "5 rpc/protocol",
      "5 malformed",
    ]);
    assert.equal(world.handled.calls, 0);
    await peer.send(...call(6, echo, new Uint8Array(3)));
    assert.equal((await peer.next())?.kind, "result");
  }));

Deno.test("a message or parameters above their limit end the session unread", async () => {
  const header = (words: number): Uint8Array => {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setUint32(4, words, true);
    return bytes;
  };
  const segments = Uint8Array.of(255, 255, 255, 127, 1, 0, 0, 0);
  for (const [frame, code] of [[header(1_000), "too-large"], [segments, "malformed"]] as const) {
    await inWorld({}, async (world) => {
      const peer = await (await world.connect()).open();
      await peer.send(frame);
      assert.match((await ended(peer)).reason, new RegExp(`^${code}:`));
    });
  }
  await inWorld({}, async (world) => {
    const peer = await (await world.connect()).open();
    const [message] = call(1, echo, new Uint8Array(0)) as [Uint8Array];
    await peer.send(message, header(256 * 1024 / 8));
    assert.match((await ended(peer)).reason, /^too-large:/);
  });
});

Deno.test("a frame that comes in a byte a second ends the session", () =>
  inWorld({}, async (world) => {
    const peer = await (await world.connect()).open();
    const [message, params] = call(1, echo, new Uint8Array(100)) as [Uint8Array, Uint8Array];
    await peer.send(message);
    let closed: CloseReason | undefined;
    void peer.connection.closed.then((reason) => closed = reason);
    let seconds = 0;
    for (; seconds < 60 && closed === undefined; seconds++) {
      await peer.send(params.subarray(seconds, seconds + 1)).catch(() => {});
      await world.clock.advance(1_000);
    }
    assert.match(closed?.reason ?? "", /^rpc\/protocol:/);
    assert.ok(seconds <= 11, `${seconds} s`);
    assert.equal(world.handled.calls, 0);
  }));

Deno.test("the 257th call in flight is refused, and 256 go on", () =>
  inWorld({}, async (world) => {
    const peer = await (await world.connect()).open();
    for (let id = 1; id <= 257; id++) await peer.send(...call(id, hold, `call ${id}`));
    assert.equal(await nextError(peer), "257 rpc/too-many-calls");
    assert.equal(world.handled.running, 256);
    world.handled.release.get("call 1")?.();
    assert.equal((await peer.next())?.callId, 1);
    await peer.send(...call(258, echo, new Uint8Array(1)));
    assert.equal((await peer.next())?.callId, 258);
  }));

Deno.test("a cancelled call keeps its place until its handler has ended", () =>
  inWorld({ limits: { callsMax: 1 } }, async (world) => {
    const peer = await (await world.connect()).open();
    await peer.send(...call(1, hold, "held"), { callId: 1, kind: "cancel" });
    assert.equal(await nextError(peer), "1 cancelled");
    assert.deepEqual(world.handled.aborted, ["held cancelled"]);
    await peer.send(...call(2, hold, "stubborn"), { callId: 2, kind: "cancel" });
    await peer.send(...call(3, echo, new Uint8Array(1)));
    assert.equal(await nextError(peer), "3 rpc/too-many-calls");
    world.handled.release.get("stubborn")?.();
    assert.equal((await peer.next())?.callId, 2);
    await peer.send(...call(4, echo, new Uint8Array(1)));
    assert.equal((await peer.next())?.kind, "result");
    assert.equal(world.handled.runningMost, 1);
  }));

Deno.test("cancelling unknown ids, and pongs that nobody asked for, change nothing", () =>
  inWorld({}, async (world) => {
    const peer = await (await world.connect()).open();
    await peer.send({ callId: 77, kind: "cancel" }, { callId: 0, kind: "pong" });
    await peer.send(...call(77, echo, new Uint8Array(1)), { callId: 77, kind: "cancel" });
    assert.equal((await peer.next())?.kind, "result");
  }));

Deno.test("an id that is in use for two calls ends the session", () =>
  inWorld({}, async (world) => {
    const peer = await (await world.connect()).open();
    await peer.send(...call(1, hold, "one"), ...call(1, hold, "again"));
    assert.match((await ended(peer)).reason, /^rpc\/protocol:/);
    assert.deepEqual(world.handled.aborted, ["one rpc/disconnected"]);
    assert.equal(world.handled.calls, 1);
  }));

Deno.test("a call's deadline reaches its handler, and no client may set it too far", async () => {
  for (const [asked, endsMs] of [[500, 500], [0, 10_000], [2 ** 32 - 1, 300_000]] as const) {
    await inWorld({}, async (world) => {
      const peer = await (await world.connect()).open();
      const { interfaceId, ordinal } = hold;
      await peer.send(
        encodeClientMessage({
          callId: 1,
          kind: "call",
          call: { interfaceId, ordinal, timeoutMs: asked },
        }),
        hold.encodeParams({ name: "held", resultBytes: 0 }),
      );
      const answered = nextErrorWhileAlive(peer);
      await alive(peer, endsMs - 10);
      assert.deepEqual(world.handled.aborted, []);
      await world.clock.advance(20);
      assert.deepEqual(world.handled.aborted, ["held rpc/deadline"]);
      assert.equal(await answered, "1 rpc/deadline");
    });
  }
});

/** Lets time pass for a peer that shows life every ten seconds. */
async function alive(peer: ScriptedPeer, durationMs: number): Promise<void> {
  for (let passed = 0; passed < durationMs; passed += 10_000) {
    await peer.send({ callId: 0, kind: "ping" });
    await peer.clock.advance(Math.min(10_000, durationMs - passed));
  }
}

async function nextErrorWhileAlive(peer: ScriptedPeer): Promise<string> {
  for (;;) {
    const message: ServerMessage | undefined = await peer.next();
    if (message?.kind === "ping" || message?.kind === "pong") continue;
    assert.equal(message?.kind, "error");
    return message.kind === "error" ? `${message.callId} ${message.error.code}` : "";
  }
}

Deno.test("a silent peer is asked after 15 s and dead before 30 s; one that answers stays", () =>
  inWorld({}, async (world) => {
    const peer = await (await world.connect()).open();
    await peer.send(...call(1, hold, "held"));
    await world.clock.advance(9_000);
    const silent = await (await world.connect()).open();
    const answering = (async () => {
      for (;;) {
        const message = await peer.next().catch(() => undefined);
        if (message === undefined) return;
        if (message.kind === "ping") await peer.send({ callId: 0, kind: "pong" });
      }
    })();
    await stays(silent, 15_100);
    assert.equal((await silent.next())?.kind, "ping");
    await stays(silent, 13_800);
    assert.match((await ended(silent, 300)).reason, /^rpc\/disconnected:/);
    await stays(peer, 120_000);
    peer.connection.close(0, "");
    await answering;
  }));

Deno.test("a peer that goes away aborts its calls", () =>
  inWorld({}, async (world) => {
    const peer = await (await world.connect()).open();
    await peer.send(...call(1, hold, "held"));
    await world.clock.settle();
    peer.connection.close(0, "bye");
    await world.clock.settle();
    assert.deepEqual(world.handled.aborted, ["held rpc/disconnected"]);
    assert.equal(world.handled.running, 0);
    assert.deepEqual(world.observed, ["opened", "probe/hold rpc/disconnected", "closed"]);
  }));

Deno.test("a peer that never reads stops the server at 1 MiB, and then loses the connection", () =>
  inWorld({}, async (world) => {
    const peer = await (await world.connect()).open();
    const payload = new Uint8Array(100_000);
    let sent = 0;
    void (async () => {
      for (let id = 1; id <= 2_000; id++) {
        await peer.send(...call(id, echo, payload));
        sent = id;
      }
    })().catch(() => {});
    await world.clock.settle();
    await world.clock.settle();
    const stuckAt = world.handled.calls;
    await world.clock.settle();
    assert.equal(world.handled.calls, stuckAt, "no further calls are served");
    // 256 KiB of answers before reading stops, and what stood in the buffers.
    assert.ok(stuckAt * payload.length <= 1024 * 1024, `${stuckAt} answers of 100 kB were made`);
    assert.ok(sent < 20, `${sent} calls were taken`);
    // Neither silence nor the half of a call that stands in the buffer is the peer's fault meanwhile.
    await stays(peer, 29_000);
    assert.match((await ended(peer, 31_000)).reason, /^rpc\/protocol: What is sent is not read/);
  }));

Deno.test("a peer that reads slowly keeps its session, however long the server does not read", () =>
  inWorld({}, async (world) => {
    const peer = await (await world.connect()).open();
    const payload = new Uint8Array(100_000);
    const sending = (async () => {
      for (let id = 1; id <= 20; id++) await peer.send(...call(id, echo, payload));
    })();
    const kinds: (string | undefined)[] = [];
    while (kinds.length < 20) {
      await stays(peer, 10_000);
      const message = await peer.next();
      if (message?.kind === "ping") await peer.send({ callId: 0, kind: "pong" });
      else kinds.push(message?.kind);
    }
    await sending;
    assert.deepEqual(new Set(kinds), new Set(["result"]));
  }));

Deno.test("results beyond 1 MiB wait until those before are read, and none is lost", () =>
  inWorld({}, async (world) => {
    const peer = await (await world.connect()).open();
    for (let callId = 1; callId <= 20; callId++) {
      await peer.send(
        callMessage(hold, { callId }),
        hold.encodeParams({ name: `${callId}`, resultBytes: 200_000 }),
      );
    }
    await world.clock.settle();
    assert.equal(world.handled.running, 20);
    for (const release of world.handled.release.values()) release();
    await world.clock.settle();
    const sent = world.observed.filter((row) => row === "probe/hold ok").length;
    assert.ok(sent >= 1 && sent <= 5, `${sent} results of 200 kB stand in the queue`);
    const kinds: (string | undefined)[] = [];
    for (let count = 0; count < 20; count++) kinds.push((await peer.next())?.kind);
    assert.deepEqual(new Set(kinds), new Set(["result"]));
    await peer.send(...call(99, echo, new Uint8Array(1)));
    assert.equal((await peer.next())?.kind, "result");
  }));

Deno.test("a start that is not answered in time ends the session, the first and any other", () =>
  inWorld({
    // Does not even listen to its signal.
    authenticate: ({ sessionToken }) =>
      sessionToken[0] === 1 ? Promise.resolve("alice") : new Promise(() => {}),
  }, async (world) => {
    for (const tokens of [[2], [1, 2]]) {
      const peer = await world.connect();
      const nonce = await peer.greet();
      for (const token of tokens) {
        await peer.send({
          callId: 0,
          kind: "start",
          start: {
            nonce,
            sessionToken: Uint8Array.of(token),
            deviceSignature: new Uint8Array(0),
          },
        });
        if (token === 1) assert.equal((await peer.next())?.kind, "started");
      }
      await stays(peer, 2_900);
      assert.match((await ended(peer, 200)).reason, /^rpc\/handshake-timeout:/);
      await world.clock.settle();
      assert.equal(world.server.connections, 0, "nothing is left of it");
    }
  }));
