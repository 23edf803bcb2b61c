import assert from "node:assert/strict";
import { type Connection, MessengerError, type Stream } from "@qpq/ports";
import { encodeClientMessage, encodeServerMessage } from "./session.gen.ts";
import { probeClient, probeMethods } from "./test/probe.gen.ts";
import { callMessage, lastOf } from "./test/streams.ts";
import { ADDRESS, openWorld, type ScriptedPeer } from "./test/world.ts";

const { count, upload, echo } = probeMethods;

async function openCount(peer: ScriptedPeer, upTo: number): Promise<Stream> {
  const stream = await peer.connection.openStream();
  await stream.write(callMessage(count));
  await stream.write(count.encodeParams({ upTo }));
  return stream;
}

async function refused(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    return error instanceof MessengerError ? error.code : String(error);
  }
  return "accepted";
}

Deno.test("a stream before the session has started ends it, unread", async () => {
  await using world = openWorld();
  const early = await world.connect();
  await early.greet();
  await early.connection.openStream().then((stream) => stream.write(new Uint8Array(64)));
  await world.clock.settle();
  const { reason } = await early.connection.closed;
  assert.match(reason, /^rpc\/protocol: .*a stream before the session is open$/);
  assert.deepEqual(world.observed.filter((line) => line.includes("rpc/")), [
    "refused rpc/protocol",
  ]);
});

Deno.test("a client opens its streams when its session has started", async () => {
  await using world = openWorld();
  world.stopListening();
  await using hostile = world.network.listen(ADDRESS);
  const client = world.openClient();
  const reading = refused(probeClient(client).count({ upTo: 1 })[Symbol.asyncIterator]().next());
  const connection = await hostile.accept() as Connection;
  const stream = await connection.acceptStream() as Stream;
  let further = 0;
  void connection.acceptStream().then((found) => further += found === undefined ? 0 : 1);
  await stream.write(encodeServerMessage({
    callId: 0,
    kind: "hello",
    hello: {
      version: 1,
      build: "slow",
      serverName: "server",
      incarnation: new Uint8Array(16),
      nonce: new Uint8Array(32),
      callsMax: 256,
      streamsMax: 64,
    },
  }));
  await world.clock.advance(500);
  assert.equal(further, 0);
  await stream.write(encodeServerMessage({ callId: 0, kind: "started" }));
  await world.clock.advance(10);
  assert.equal(further, 1);
  connection.close(0, "");
  await world.clock.advance(10);
  assert.equal(await reading, "rpc/disconnected");
});

Deno.test("a subscription gives its results in order, and then ends", async () => {
  await using world = openWorld({ delayMs: { min: 1, max: 20 } });
  const client = world.openClient();
  const values: number[] = [];
  const reading = (async () => {
    for await (const { value } of probeClient(client).count({ upTo: 50 })) values.push(value);
  })();
  await world.clock.advance(5_000);
  await reading;
  assert.deepEqual(values, Array.from({ length: 50 }, (_, index) => index + 1));
  assert.equal(world.handled.running, 0);
  assert.deepEqual(world.observed, ["opened", "probe/count ok"]);
});

Deno.test("leaving a subscription, by break, return() or a signal, reaches its handler", async () => {
  await using world = openWorld();
  const client = world.openClient();
  for await (const { value } of probeClient(client).count({ upTo: 1_000_000 })) {
    if (value === 3) break;
  }
  await world.clock.settle();
  assert.equal(world.handled.running, 0);

  const waiting = probeClient(client).count({ upTo: 0 })[Symbol.asyncIterator]();
  const next = refused(waiting.next());
  await world.clock.settle();
  assert.equal(world.handled.running, 1);
  await waiting.return?.();
  assert.equal(await next, "cancelled");
  await world.clock.settle();
  assert.equal(world.handled.running, 0);

  const controller = new AbortController();
  const options = { signal: controller.signal };
  const iterator = probeClient(client).count({ upTo: 0 }, options)[Symbol.asyncIterator]();
  const pending = refused(iterator.next());
  await world.clock.settle();
  assert.equal(world.handled.running, 1);
  controller.abort();
  assert.equal(await pending, "cancelled");
  await world.clock.settle();
  assert.equal(world.handled.running, 0);
  assert.deepEqual(world.handled.aborted.slice(1), ["count cancelled", "count cancelled"]);
});

Deno.test("a subscriber that does not read gets nothing made for it", async () => {
  await using world = openWorld();
  const peer = await (await world.connect()).open();
  await openCount(peer, 1_000_000);
  await world.clock.settle();
  const produced = world.handled.produced;
  assert.ok(produced * 32 * 1024 <= 256 * 1024, `${produced} results of 32 KiB`);
  await world.clock.settle();
  assert.equal(world.handled.produced, produced);
});

Deno.test("a large call carries megabytes both ways, and small calls pass it by", async () => {
  await using world = openWorld({ delayMs: { min: 10, max: 10 } });
  const client = world.openClient();
  const payload = Uint8Array.from({ length: 3_000_000 }, (_, index) => index % 253);
  let largeDone = false;
  const uploading = probeClient(client).upload({ payload }).finally(() => largeDone = true);
  await world.clock.advance(100);
  const small = probeClient(client).echo({ payload: Uint8Array.of(1) });
  await world.clock.advance(40);
  assert.deepEqual((await small).payload, Uint8Array.of(1));
  assert.equal(largeDone, false);
  await world.clock.advance(10_000);
  assert.deepEqual((await uploading).payload, payload);
});

Deno.test("the 65th stream is refused, and a place that becomes free is taken", async () => {
  await using world = openWorld();
  const peer = await (await world.connect()).open();
  const streams: Stream[] = [];
  for (let place = 0; place < 64; place++) streams.push(await openCount(peer, 0));
  await world.clock.settle();
  assert.equal(world.handled.running, 64);
  assert.equal(await lastOf(await openCount(peer, 1)), "rpc/too-many-streams");
  streams[0]?.abort();
  await world.clock.settle();
  assert.equal(await lastOf(await openCount(peer, 1)), "end");
});

Deno.test("a client refuses its own 65th subscription with the same code", async () => {
  await using world = openWorld();
  const client = world.openClient();
  const controller = new AbortController();
  const options = { signal: controller.signal };
  const open = Array.from({ length: 64 }, () => {
    const iterator = probeClient(client).count({ upTo: 0 }, options)[Symbol.asyncIterator]();
    return refused(iterator.next());
  });
  await world.clock.settle();
  const iterator = probeClient(client).count({ upTo: 0 }, options)[Symbol.asyncIterator]();
  assert.equal(await refused(iterator.next()), "rpc/too-many-streams");
  controller.abort();
  await Promise.all(open);
});

Deno.test("streams that are opened and say nothing, or trickle, are given up", async () => {
  await using world = openWorld();
  const peer = await (await world.connect()).open();
  const silent = await peer.connection.openStream();
  await silent.write(callMessage(count).subarray(0, 3));
  const trickling = await peer.connection.openStream();
  await trickling.write(callMessage(count));
  const params = count.encodeParams({ upTo: 1 });
  const half = await peer.connection.openStream();
  await half.write(callMessage(count));
  const ends = [silent, trickling, half].map((stream) => refused(readToEnd(stream)));
  for (let second = 0; second < 12; second++) {
    await trickling.write(params.subarray(second, second + 1)).catch(() => {});
    await peer.send({ callId: 0, kind: "ping" });
    await world.clock.advance(1_000);
  }
  assert.deepEqual(await Promise.all(ends), ["accepted", "accepted", "accepted"]);
  assert.equal(world.handled.calls, 0);
});

async function readToEnd(stream: Stream): Promise<void> {
  while ((await stream.read(new Uint8Array(64))).length > 0);
}

Deno.test("a stream that does not begin with its call is refused alone", async () => {
  await using world = openWorld();
  const peer = await (await world.connect()).open();
  const outcomes: string[] = [];
  for (
    const bytes of [
      [encodeClientMessage({ callId: 0, kind: "ping" })],
      [callMessage(echo), echo.encodeParams({ payload: new Uint8Array(0) })],
      [callMessage({ interfaceId: 1n, ordinal: 0 })],
      [new Uint8Array(16).fill(255)],
      [callMessage(upload), Uint8Array.of(0, 0, 0, 0, 255, 255, 255, 1)],
    ]
  ) {
    const stream = await peer.connection.openStream();
    for (const frame of bytes) await stream.write(frame);
    outcomes.push(await lastOf(stream));
  }
  assert.deepEqual(outcomes, [
    "rpc/protocol",
    "rpc/protocol",
    "rpc/unknown-method",
    "malformed",
    "too-large",
  ]);
  await peer.send({ callId: 0, kind: "ping" });
  assert.equal((await peer.next())?.kind, "pong");
});

Deno.test("incomplete large calls of one connection hold no more than their limit", async () => {
  await using world = openWorld({
    limits: { knownBytesMax: 1024 * 1024 },
    windowBytes: 1024 * 1024,
  });
  const peer = await (await world.connect()).open();
  const params = upload.encodeParams({ payload: new Uint8Array(600_000) });
  const streams: Stream[] = [];
  for (let place = 0; place < 4; place++) {
    const stream = await peer.connection.openStream();
    streams.push(stream);
    await stream.write(callMessage(upload));
    void stream.write(params.subarray(0, 590_000)).catch(() => {});
    await world.clock.settle();
  }
  await world.clock.settle();
  assert.equal(await lastOf(streams[3] as Stream), "rpc/overloaded");
  const [first] = streams as [Stream];
  await first.write(params.subarray(590_000));
  assert.equal(await lastOf(first), "1 results");
  // What was held has been given back.
  const again = await peer.connection.openStream();
  streams[1]?.abort();
  streams[2]?.abort();
  await world.clock.settle();
  await again.write(callMessage(upload));
  await again.write(params);
  assert.equal(await lastOf(again), "1 results");
});

/** Lets time pass for a peer that shows life on its call stream. */
async function alive(peer: ScriptedPeer, durationMs: number): Promise<void> {
  for (let passed = 0; passed < durationMs; passed += 1_000) {
    await peer.send({ callId: 0, kind: "ping" });
    await peer.clock.advance(1_000);
  }
}

async function openUpload(peer: ScriptedPeer): Promise<Stream> {
  const stream = await peer.connection.openStream();
  await stream.write(callMessage(upload, { timeoutMs: 300_000 }));
  return stream;
}

Deno.test("who reads a large result slowly gets all of it", async () => {
  await using world = openWorld();
  const peer = await (await world.connect()).open();
  const stream = await openUpload(peer);
  const params = upload.encodeParams({ payload: new Uint8Array(200_000) });
  await stream.write(params);
  let bytes = 0;
  for (;;) {
    await alive(peer, 1_000);
    const piece = await stream.read(new Uint8Array(8 * 1024));
    if (piece.length === 0) break;
    bytes += piece.length;
  }
  assert.ok(bytes > 200_000, `${bytes} bytes came`);
});

Deno.test("a large result that nobody reads is given up, and its stream's place is free", async () => {
  await using world = openWorld({ limits: { streamsMax: 1 } });
  const peer = await (await world.connect()).open();
  const unread = await openUpload(peer);
  await unread.write(upload.encodeParams({ payload: new Uint8Array(200_000) }));
  await alive(peer, 29_000);
  assert.equal(await lastOf(await openCount(peer, 1)), "rpc/too-many-streams");
  await alive(peer, 16_000);
  assert.equal(await lastOf(await openCount(peer, 1)), "end");
});

Deno.test("a refusal that nobody reads keeps its stream's place for a second", async () => {
  // The refusal is larger than what the stream takes unread.
  await using world = openWorld({ limits: { streamsMax: 1 }, windowBytes: 64 });
  const peer = await (await world.connect()).open();
  const refusedUnread = await peer.connection.openStream();
  await refusedUnread.write(callMessage({ interfaceId: 1n, ordinal: 0 }));
  await world.clock.advance(900);
  const opened = async (): Promise<string> => {
    const stream = await peer.connection.openStream();
    // One that is refused is not read, and this is more than the stream takes then.
    void (async () => {
      await stream.write(callMessage(count));
      await stream.write(count.encodeParams({ upTo: 1 }));
    })().catch(() => {});
    return await lastOf(stream);
  };
  assert.equal(await opened(), "rpc/too-many-streams");
  await world.clock.advance(200);
  assert.equal(await opened(), "end");
});

Deno.test("large parameters may come slowly, but not stop, nor last for ever", async () => {
  const params = upload.encodeParams({ payload: new Uint8Array(3_000_000) });
  const secondsTo = async (bytesASecond: number, seconds: number): Promise<string> => {
    await using world = openWorld();
    const peer = await (await world.connect()).open();
    const stream = await openUpload(peer);
    let over = false;
    const end = lastOf(stream).finally(() => over = true);
    let second = 0;
    for (; second < seconds && !over; second++) {
      const piece = params.subarray(second * bytesASecond, (second + 1) * bytesASecond);
      if (piece.length > 0) await stream.write(piece).catch(() => {});
      await alive(peer, 1_000);
    }
    return over ? `${await end} after ${second}` : "still comes in";
  };
  // A stream that is given up ends without a word.
  assert.equal(await secondsTo(16_000, 400), "1 results after 188");
  assert.match(await secondsTo(9_000, 400), /^0 results after 30[01]$/);
  assert.match(await secondsTo(7_000, 400), /^0 results after 1[01]$/);
});
