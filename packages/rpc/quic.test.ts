/** A session over real QUIC, in one process: what the other tests show over memory holds there, too. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  createQuicTransport,
  listenQuic,
  openServerCertificate,
  parsePin,
  systemClock,
  systemRandom,
} from "@qpq/adapters";
import { type Connection, type Listener, silentLog } from "@qpq/ports";
import { createRpcServer, openRpcClient, type RpcClient, type RpcServer } from "./mod.ts";
import { decodeServerMessage, encodeClientMessage } from "./session.gen.ts";
import { probeClient, probeHandlers, probeMethods } from "./test/probe.gen.ts";

interface Rig extends AsyncDisposable {
  readonly listener: Listener;
  readonly server: RpcServer;
  readonly produced: { bytes: number };
  connect(): Promise<Connection>;
  openClient(pin?: string): RpcClient;
}

async function openRig(): Promise<Rig> {
  const folder = await mkdtemp(join(tmpdir(), "qpq-rpc-"));
  const certificate = await openServerCertificate({
    certificateFile: join(folder, "server-cert.der"),
    keyFile: join(folder, "server-key.der"),
    names: [],
    clock: systemClock,
    random: systemRandom,
  });
  const listener = listenQuic({ hostname: "127.0.0.1", port: 0 }, {
    clock: systemClock,
    log: silentLog,
    certificate,
  });
  const produced = { bytes: 0 };
  const server = createRpcServer<undefined, undefined>({
    methods: probeHandlers<undefined>({
      echo: ({ payload }) => {
        produced.bytes += payload.length;
        return Promise.resolve({ payload });
      },
      hold: () => Promise.resolve({ payload: new Uint8Array(0) }),
      refuse: () => Promise.reject(new Error("secret")),
      upload: ({ payload }) => Promise.resolve({ payload }),
      async *count({ upTo }, _context, signal) {
        for (let value = 1; value <= upTo && !signal.aborted; value++) {
          produced.bytes += 32_768;
          yield { value, padding: new Uint8Array(upTo > 1_000 ? 32_768 : 0) };
        }
      },
      whoAmI: () => Promise.resolve({ name: "" }),
    }),
    name: "test",
    build: "test",
    incarnation: new Uint8Array(16),
    authTokens: [],
    context: () => undefined,
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
  });
  void (async () => {
    for (let next; (next = await listener.accept()) !== undefined;) void server.serve(next);
  })();
  const connect = (pin = certificate.pin): Promise<Connection> =>
    createQuicTransport({ clock: systemClock, trust: parsePin(pin) }).connect(listener.address);
  const clients: RpcClient[] = [];
  return {
    listener,
    server,
    produced,
    connect: () => connect(),
    openClient(pin) {
      const client = openRpcClient({
        connect: () => connect(pin),
        clock: systemClock,
        random: systemRandom,
        log: silentLog,
        build: "test",
      });
      clients.push(client);
      return client;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(clients.map((client) => client.close()));
      listener.stop();
      await server.drain(2_000);
      await listener[Symbol.asyncDispose]();
      await rm(folder, { recursive: true });
    },
  };
}

Deno.test("calls, large calls and subscriptions share one QUIC connection", async () => {
  await using rig = await openRig();
  const probe = probeClient(rig.openClient());
  const large = Uint8Array.from({ length: 3_000_000 }, (_, index) => index % 249);
  const uploads = [probe.upload({ payload: large }), probe.upload({ payload: large })];
  const values: number[] = [];
  const counting = (async () => {
    for await (const { value } of probe.count({ upTo: 500 })) values.push(value);
  })();
  const echoes = Array.from(
    { length: 600 },
    (_, index) => probe.echo({ payload: Uint8Array.of(index, index >> 8) }),
  );
  for (const [index, { payload }] of (await Promise.all(echoes)).entries()) {
    assert.deepEqual(payload, Uint8Array.of(index, index >> 8));
  }
  for (const { payload } of await Promise.all(uploads)) assert.deepEqual(payload, large);
  await counting;
  assert.deepEqual(values, Array.from({ length: 500 }, (_, index) => index + 1));
  assert.equal(rig.server.connections, 1);
});

Deno.test("streams that are done with leave room for hundreds more", async () => {
  await using rig = await openRig();
  const probe = probeClient(rig.openClient());
  const payload = new Uint8Array(10);
  for (let count = 0; count < 60; count++) {
    const left = (async () => {
      for await (const _item of probe.count({ upTo: 100 })) break;
    })();
    const whole = (async () => {
      for await (const _item of probe.count({ upTo: 3 }));
    })();
    await Promise.all([left, whole, probe.upload({ payload }), probe.upload({ payload })]);
  }
});

Deno.test("a refused certificate is what a waiting caller is told", async () => {
  await using rig = await openRig();
  const client = rig.openClient(`sha256:${"0".repeat(64)}`);
  await assert.rejects(client.connected(), { code: "tls/pin-mismatch" });
  await assert.rejects(probeClient(client).echo({ payload: new Uint8Array(1) }), {
    code: "tls/pin-mismatch",
  });
});

Deno.test("a peer that never reads stops what the server makes for it", async () => {
  await using rig = await openRig();
  const connection = await rig.connect();
  const stream = await connection.openStream();
  await stream.write(encodeClientMessage({
    callId: 0,
    kind: "hello",
    hello: { versionMin: 1, versionMax: 1, build: "", authToken: new Uint8Array(0) },
  }));
  // The hello, with its nonce, is the one thing that it has to read.
  const message = decodeServerMessage((await stream.read(new Uint8Array(4_096))).slice());
  assert.ok(message.kind === "hello");
  const { nonce } = message.hello;
  await stream.write(encodeClientMessage({
    callId: 0,
    kind: "start",
    start: { nonce, sessionToken: new Uint8Array(0), deviceSignature: new Uint8Array(0) },
  }));
  const { count, echo } = probeMethods;
  const open = await connection.openStream();
  const { interfaceId } = count;
  await open.write(encodeClientMessage({
    callId: 0,
    kind: "call",
    call: { interfaceId, ordinal: count.ordinal, timeoutMs: 0 },
  }));
  await open.write(count.encodeParams({ upTo: 1_000_000 }));
  const params = echo.encodeParams({ payload: new Uint8Array(100_000) });
  const sending = (async () => {
    for (let callId = 1; callId <= 500; callId++) {
      const call = { interfaceId, ordinal: echo.ordinal, timeoutMs: 0 };
      await stream.write(encodeClientMessage({ callId, kind: "call", call }));
      await stream.write(params);
    }
  })().catch(() => {});
  let before = -1;
  while (before !== rig.produced.bytes) {
    before = rig.produced.bytes;
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  // Each stream's share that the engine takes beforehand (1.25 MB), twice our own 1 MiB, and some.
  assert.ok(before < 6 * 1024 * 1024, `${before} bytes were made for nobody`);
  connection.close(0, "");
  await sending;
});
