/** What peers can make a server hold: each, and all of them together. */
import assert from "node:assert/strict";
import type { Stream } from "@qpq/ports";
import { encodeServerMessage } from "./session.gen.ts";
import { probeMethods } from "./test/probe.gen.ts";
import { callMessage, lastOf } from "./test/streams.ts";
import { openWorld, type ScriptedPeer, type World, type WorldOptions } from "./test/world.ts";

const { count, echo, upload } = probeMethods;
const KNOWN = Uint8Array.of(1);
const authenticate = (): Promise<string> => Promise.resolve("alice");

async function inWorld(
  options: WorldOptions,
  run: (world: World) => Promise<void>,
): Promise<void> {
  await using world = openWorld(options);
  await run(world);
}

async function known(world: World): Promise<ScriptedPeer> {
  return await (await world.connect()).open("", KNOWN);
}

async function stranger(world: World): Promise<ScriptedPeer> {
  return await (await world.connect()).open();
}

/** Opens a stream and sends a call's message, and of its parameters what is given. */
async function begin(
  peer: ScriptedPeer,
  method: typeof upload | typeof count,
  params: Uint8Array,
): Promise<Stream> {
  const stream = await peer.connection.openStream();
  await stream.write(callMessage(method));
  void stream.write(params).catch(() => {});
  await peer.clock.settle();
  return stream;
}

function uploadOf(payloadBytes: number): Uint8Array {
  return upload.encodeParams({ payload: new Uint8Array(payloadBytes) });
}

async function nextError(peer: ScriptedPeer): Promise<string> {
  const message = await peer.next();
  return message?.kind === "error" ? `${message.callId} ${message.error.code}` : `${message?.kind}`;
}

Deno.test("a stranger may make no large call and no subscription, and is told by the header", () =>
  inWorld({ authenticate }, async (world) => {
    const peer = await stranger(world);
    const large = await begin(peer, upload, new Uint8Array(0));
    assert.equal(await lastOf(large), "rpc/not-authenticated");
    assert.equal(
      await lastOf(await begin(peer, count, new Uint8Array(0))),
      "rpc/not-authenticated",
    );
    assert.equal(world.handled.calls, 0);
    const other = await known(world);
    assert.equal(await lastOf(await begin(other, upload, uploadOf(10))), "1 results");
    // Who says that it is nobody is a stranger again.
    await other.send({
      callId: 0,
      kind: "start",
      start: {
        nonce: other.hello?.nonce as Uint8Array,
        sessionToken: new Uint8Array(0),
        deviceSignature: new Uint8Array(0),
      },
    });
    assert.equal((await other.next())?.kind, "started");
    assert.equal(await lastOf(await begin(other, upload, uploadOf(10))), "rpc/not-authenticated");
  }));

Deno.test("a stranger's parameters above 64 KiB go by unread, and its session goes on", () =>
  inWorld({ authenticate }, async (world) => {
    const peer = await stranger(world);
    const large = echo.encodeParams({ payload: new Uint8Array(100_000) });
    const sending = peer.send(callMessage(echo, { callId: 1 }), large.subarray(0, 8));
    assert.equal(await nextError(peer), "1 rpc/not-authenticated");
    await sending;
    const small = echo.encodeParams({ payload: new Uint8Array(60_000) });
    const rest = peer.send(large.subarray(8), callMessage(echo, { callId: 2 }), small);
    assert.equal((await peer.next())?.kind, "result");
    await rest;
    assert.equal(world.handled.calls, 1);
    await (await known(world)).send(callMessage(echo, { callId: 1 }), large);
    await world.clock.settle();
    assert.equal(world.handled.calls, 2);
  }));

Deno.test("a stranger that does not read its answers loses its session", () =>
  inWorld({ authenticate }, async (world) => {
    for (const open of [stranger, known]) {
      const peer = await open(world);
      const params = echo.encodeParams({ payload: new Uint8Array(60_000) });
      const sending = (async () => {
        for (let callId = 1; callId <= 100; callId++) {
          await peer.send(callMessage(echo, { callId }), params);
        }
      })().catch(() => {});
      for (let turn = 0; turn < 200; turn++) await world.clock.settle();
      let end = "";
      void peer.connection.closed.then(({ reason }) => end = reason);
      await world.clock.settle();
      assert.equal(end, open === known ? "" : "rpc/protocol: What is sent is not read");
      peer.connection.close(0, "");
      await sending;
    }
  }));

Deno.test("strangers together hold no more than their share, and others do not feel it", () =>
  inWorld({ authenticate, limits: { allStrangersBytesMax: 120_000 } }, async (world) => {
    const params = echo.encodeParams({ payload: new Uint8Array(60_000) });
    const closed: string[] = [];
    for (let count = 0; count < 5; count++) {
      const peer = await stranger(world);
      void peer.connection.closed.then(({ reason }) => closed.push(reason));
      await peer.send(callMessage(echo, { callId: 1 }), params.subarray(0, 59_000));
      await world.clock.settle();
    }
    // 48 KiB beyond the 16 KiB that each session has: two fit.
    assert.equal(closed.length, 3);
    for (const reason of closed) assert.match(reason, /^rpc\/overloaded:/);
    const late = await stranger(world);
    await late.send(callMessage(echo, { callId: 1 }), params.subarray(0, 10));
    const other = await known(world);
    await other.send(callMessage(echo, { callId: 1 }), params);
    assert.equal((await other.next())?.kind, "result");
    // What is begun and not completed is given up, and its room is free again.
    await world.clock.advance(10_000);
    const next = await stranger(world);
    await next.send(callMessage(echo, { callId: 1 }), params);
    assert.equal((await next.next())?.kind, "result");
  }));

Deno.test("parameters of running calls count, until they are answered", async () => {
  const { hold } = probeMethods;
  const params = hold.encodeParams({ name: "1", resultBytes: 0 });
  const limits = { strangerBytesMax: 2 * params.length };
  await inWorld({ authenticate, limits }, async (world) => {
    const peer = await stranger(world);
    for (let callId = 1; callId <= 3; callId++) {
      await peer.send(
        callMessage(hold, { callId }),
        hold.encodeParams({ name: `${callId}`, resultBytes: 0 }),
      );
    }
    assert.equal(await nextError(peer), "3 rpc/overloaded");
    world.handled.release.get("1")?.();
    assert.equal((await peer.next())?.callId, 1);
    await peer.send(callMessage(hold, { callId: 4 }), params);
    await world.clock.settle();
    assert.equal(world.handled.calls, 3);
  });
});

Deno.test("large parameters count for all connections, from their header to the handler's end", () =>
  inWorld({ limits: { allKnownBytesMax: 4_300_000 } }, async (world) => {
    const [first, second, third] = [
      await anybody(world),
      await anybody(world),
      await anybody(world),
    ];
    const small = uploadOf(600_000);
    const header = uploadOf(3_900_000).subarray(0, 8);
    const claimed = await begin(first, upload, header);
    assert.equal(await lastOf(await begin(second, upload, header)), "rpc/overloaded");
    claimed.abort();
    await world.clock.settle();
    // One result of 600 kB is made and not read: there is no room for another of up to 4 MB.
    const unread = await begin(first, upload, small);
    await world.clock.settle();
    assert.equal(world.handled.calls, 1);
    const waiting = await begin(second, upload, small);
    await world.clock.settle();
    assert.equal(world.handled.calls, 1, "the second waits before it is done");
    assert.equal(await lastOf(await begin(third, upload, header)), "rpc/overloaded");
    assert.equal(await lastOf(unread), "1 results");
    assert.equal(await lastOf(waiting), "1 results");
    assert.equal(world.handled.calls, 2);
    const again = await begin(third, upload, uploadOf(3_900_000));
    assert.equal(await lastOf(again), "1 results");
  }));

/** In a world without accounts, everybody is known. */
async function anybody(world: World): Promise<ScriptedPeer> {
  return await stranger(world);
}

Deno.test("a call that waits for room gives up at its deadline, and holds nothing then", () =>
  inWorld({ limits: { knownBytesMax: 4_300_000 } }, async (world) => {
    const peer = await stranger(world);
    const unread = await begin(peer, upload, uploadOf(600_000));
    const waiting = await peer.connection.openStream();
    await waiting.write(callMessage(upload, { timeoutMs: 2_000 }));
    await waiting.write(uploadOf(10));
    await world.clock.advance(2_100);
    assert.equal(await lastOf(waiting), "rpc/deadline");
    assert.equal(world.handled.calls, 1);
    assert.equal(await lastOf(unread), "1 results");
    assert.equal(await lastOf(await begin(peer, upload, uploadOf(3_900_000))), "1 results");
  }));

Deno.test("results of subscriptions that nobody reads count for all connections", () =>
  inWorld({ limits: { allKnownBytesMax: 16 * 1024 }, windowBytes: 1_024 }, async (world) => {
    const params = count.encodeParams({ upTo: 1_000 });
    const streams: Stream[] = [];
    for (let connection = 0; connection < 2; connection++) {
      const peer = await anybody(world);
      for (let place = 0; place < 5; place++) streams.push(await begin(peer, count, params));
    }
    await world.clock.settle();
    const resultBytes = count.encodeResults({ value: 1, padding: new Uint8Array(0) }).length +
      encodeServerMessage({ callId: 0, kind: "result" }).length;
    // What the windows took, what may wait, and of each stream one that is made and finds no room.
    const most = (streams.length * 1_024 + 16 * 1024) / resultBytes + 2 * streams.length;
    const { produced } = world.handled;
    assert.ok(produced <= most, `${produced} results were made, at most ${most} find room`);
    for (let read = 0; read < 20; read++) await streams[0]?.read(new Uint8Array(1_024));
    await world.clock.settle();
    assert.ok(world.handled.produced > produced, "who reads goes on");
  }));
