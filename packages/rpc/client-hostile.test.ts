/** What a hostile server can do to its client, which is: nothing but fail it. */
import assert from "node:assert/strict";
import { type Connection, MessengerError, type Stream } from "@qpq/ports";
import type { RpcClientOptions } from "./client.ts";
import type { RpcClient } from "./mod.ts";
import { encodeClientMessage, encodeServerMessage, type ServerMessage } from "./session.gen.ts";
import { probeClient, probeMethods } from "./test/probe.gen.ts";
import { ADDRESS, openWorld, type World } from "./test/world.ts";

const payload = Uint8Array.of(1);
const KIB_64 = 64 * 1024;

async function outcome(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return "ok";
  } catch (error) {
    return error instanceof MessengerError ? error.code : String(error);
  }
}

async function soFar(promise: Promise<string>): Promise<string> {
  return await Promise.race([promise, new Promise<string>((r) => setTimeout(r, 0, "pending"))]);
}

/** A server that a test plays by hand. */
interface Rig {
  readonly world: World;
  readonly client: RpcClient & { readonly statuses: readonly { readonly kind: string }[] };
  readonly connection: Connection;
  readonly stream: Stream;
  say(message: ServerMessage): Promise<void>;
  /** Why the client left, if it has. */
  readonly lost: () => MessengerError | undefined;
}

async function withServer(
  run: (rig: Rig) => Promise<void>,
  { started = true, ...options }: Partial<RpcClientOptions> & { readonly started?: boolean } = {},
): Promise<void> {
  await using world = openWorld();
  world.stopListening();
  await using hostile = world.network.listen(ADDRESS);
  const client = world.openClient(options);
  const connection = await hostile.accept() as Connection;
  const stream = await connection.acceptStream() as Stream;
  const say = (message: ServerMessage): Promise<void> => stream.write(encodeServerMessage(message));
  const hello = {
    version: 1,
    build: "evil\x1b[2J\nbuild",
    serverName: "server",
    incarnation: new Uint8Array(16),
    nonce: new Uint8Array(32),
    callsMax: 256,
    streamsMax: 64,
  };
  await say({ callId: 0, kind: "hello", hello });
  await world.clock.settle();
  await world.clock.settle();
  if (started) await say({ callId: 0, kind: "started" });
  await world.clock.settle();
  const lost = (): MessengerError | undefined =>
    client.statuses.flatMap((status) => status.kind === "lost" ? [status.error] : [])[0];
  await run({ world, client, connection, stream, say, lost });
}

/** Reads and forgets. @returns bytes that were there */
async function drain({ world, stream }: Rig): Promise<number> {
  let bytes = 0;
  let over = false;
  const reading = (async () => {
    while (!over) bytes += (await stream.read(new Uint8Array(KIB_64))).length;
  })().catch(() => {});
  await world.clock.settle();
  over = true;
  stream.abort();
  await reading;
  return bytes;
}

/** Shows life without reading. */
async function alive({ world, say }: Rig, durationMs: number): Promise<void> {
  for (let passed = 0; passed < durationMs; passed += 500) {
    await say({ callId: 0, kind: "pong" }).catch(() => {});
    await world.clock.advance(500);
  }
}

Deno.test("a server that asks for ever and never reads gets one pong to wait", () =>
  withServer(async (rig) => {
    const ping = encodeServerMessage({ callId: 0, kind: "ping" });
    const many = new Uint8Array(ping.length * 1_000);
    for (let place = 0; place < 1_000; place++) many.set(ping, place * ping.length);
    for (let round = 0; round < 40; round++) await rig.stream.write(many);
    await rig.world.clock.settle();
    // The window of 64 KiB may be full of them, and a little may wait.
    const bytes = await drain(rig);
    assert.ok(bytes > 0 && bytes <= 2 * KIB_64, `${bytes} bytes of pongs for 40,000 pings`);
  }));

Deno.test("a server that reads is answered each time that it asks", () =>
  withServer(async ({ world, stream, say }) => {
    const pong = encodeClientMessage({ callId: 0, kind: "pong" }).length;
    let bytes = 0;
    const reading = (async () => {
      for (;;) {
        const { length } = await stream.read(new Uint8Array(KIB_64));
        if (length === 0) return;
        bytes += length;
      }
    })().catch(() => {});
    await world.clock.settle();
    for (let count = 0; count < 3; count++) {
      const before = bytes;
      await say({ callId: 0, kind: "ping" });
      await world.clock.settle();
      assert.equal(bytes - before, pong);
    }
    stream.abort();
    await reading;
  }));

Deno.test("calls beyond 1 MiB that a server does not read wait, and can be given up unsent", () =>
  withServer(async (rig) => {
    const probe = probeClient(rig.client);
    const large = new Uint8Array(200_000);
    const controller = new AbortController();
    const calls = Array.from(
      { length: 100 },
      () => outcome(probe.echo({ payload: large }, { signal: controller.signal })),
    );
    await rig.world.clock.settle();
    controller.abort();
    assert.deepEqual(new Set(await Promise.all(calls)), new Set(["cancelled"]));
    const bytes = await drain(rig);
    assert.ok(bytes >= 5 * 200_000 && bytes <= 8 * 200_000, `${bytes} bytes were queued`);
  }));

Deno.test("a server that does not read what is sent loses the connection", () =>
  withServer(async (rig) => {
    const calling = outcome(
      probeClient(rig.client).echo({ payload: new Uint8Array(200_000) }, { timeoutMs: 120_000 }),
    );
    await alive(rig, 29_000);
    assert.equal(await soFar(calling), "pending");
    await alive(rig, 31_000);
    assert.equal(await soFar(calling), "rpc/disconnected");
    assert.match(rig.lost()?.message ?? "", /does not read/);
  }));

Deno.test("a frame that a server sends a byte a second ends the session", () =>
  withServer(async ({ world, client, stream, lost }) => {
    const calling = outcome(probeClient(client).echo({ payload }, { timeoutMs: 60_000 }));
    const pong = encodeServerMessage({ callId: 0, kind: "pong" });
    for (let second = 0; second < 9; second++) {
      await stream.write(pong.subarray(second, second + 1));
      await world.clock.advance(1_000);
    }
    assert.equal(await soFar(calling), "pending");
    await stream.write(pong.subarray(9, 10));
    await world.clock.advance(1_100);
    assert.equal(await soFar(calling), "rpc/disconnected");
    assert.match(lost()?.message ?? "", /too slowly/);
  }));

Deno.test("results on a stream of their own that claim to be too large are refused unread", () =>
  withServer(async ({ world, client, connection }) => {
    const uploading = outcome(probeClient(client).upload({ payload }));
    const stream = await connection.acceptStream() as Stream;
    await stream.write(encodeServerMessage({ callId: 0, kind: "result" }));
    const header = new Uint8Array(8);
    new DataView(header.buffer).setUint32(4, probeMethods.upload.resultsBytesMax / 8 + 1, true);
    await stream.write(header);
    await world.clock.settle();
    assert.equal(await soFar(uploading), "too-large");
  }));

Deno.test("a start without an answer ends the attempt, and so do credentials that do not come", async () => {
  const sessionToken = Uint8Array.of(1);
  for (
    const credentials of [
      () => Promise.resolve({ sessionToken, deviceSignature: new Uint8Array(0) }),
      () => new Promise<undefined>(() => {}),
    ]
  ) {
    await withServer(async ({ world, client, connection, lost }) => {
      let closed = false;
      void connection.closed.then(() => closed = true);
      await world.clock.advance(2_900);
      assert.equal(closed, false);
      assert.equal(client.status.kind, "connecting");
      await world.clock.advance(200);
      assert.equal(closed, true);
      assert.equal(lost()?.code, "rpc/handshake-timeout");
      assert.ok(client.statuses.every(({ kind }) => kind !== "connected"));
    }, { started: false, credentials });
  }
});

Deno.test("authenticate() fails in time when its start is not answered", () =>
  withServer(async (rig) => {
    const authenticating = outcome(rig.client.authenticate());
    await alive(rig, 2_500);
    assert.equal(await soFar(authenticating), "pending");
    await alive(rig, 1_000);
    assert.equal(await soFar(authenticating), "rpc/disconnected");
    assert.equal(rig.lost()?.code, "rpc/handshake-timeout");
  }));

Deno.test("a refusal says only what a server can know, on one line, and no wait beyond a day", () =>
  withServer(async ({ world, client, say }) => {
    const refuse = async (code: string, message: string): Promise<MessengerError> => {
      const calling = probeClient(client).echo({ payload }).catch((error) => error);
      await world.clock.settle();
      callId += 1;
      await say({ callId, kind: "error", error: { code, message, retryAfterMs: 2 ** 32 - 1 } });
      const error = await calling;
      assert.ok(error instanceof MessengerError);
      return error;
    };
    let callId = 0;
    const known = await refuse("rpc/overloaded", "a\x1b[31mb\r\nc\u202ed\u2028e\x9bf");
    assert.deepEqual(
      [known.code, known.message, known.retryAfterMs],
      ["rpc/overloaded", "a [31mb c d e f", 86_400_000],
    );
    for (const code of ["tls/pin-mismatch", "transport/closed", "client/no-account", "cli/x"]) {
      const error = await refuse(code, "x");
      assert.equal(error.code, "internal");
      assert.match(error.message, new RegExp(code));
    }
    const strange = await refuse("x\x1b]0;y\x07", "z");
    assert.equal(strange.message, "z (a code that this build does not take)");
    assert.equal((await client.connected()).build, "evil [2J build");
  }));

Deno.test("the reason of a close says only what a server can know", async () => {
  for (
    const [reason, code] of [
      ["tls/pin-mismatch: \x1b[1mx", "transport/closed"],
      ["rpc/going-away: \x1b[1mx", "rpc/going-away"],
    ] as const
  ) {
    await withServer(async ({ world, connection, lost }) => {
      connection.close(16, reason);
      await world.clock.settle();
      assert.equal(lost()?.code, code);
      assert.match(lost()?.message ?? "", / \[1mx$/);
      assert.doesNotMatch(lost()?.message ?? "", /\p{Cc}/u);
    });
  }
});
