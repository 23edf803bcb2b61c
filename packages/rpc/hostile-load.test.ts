/**
 * Load from hostile peers over real QUIC. Short by default; `QPQ_TEST_LEVEL=full` sends more of it, and
 * also asserts what it costs: that memory levels off, and that a real client still gets in within a
 * second.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createQuicTransport, parsePin, systemClock, systemRandom } from "@qpq/adapters";
import { type Connection, silentLog, type Stream } from "@qpq/ports";
import { openRpcClient } from "./mod.ts";
import { encodeClientMessage } from "./session.gen.ts";
import { probeClient } from "./test/probe.gen.ts";

const FULL = Deno.env.get("QPQ_TEST_LEVEL") === "full";
/** Milliseconds that the server gives a session to open. */
const OPENING_MS = FULL ? 3_000 : 800;
/** What a third round of the same load may add, beside a fifth of what the first two did. */
const LEVEL_BYTES = 24 * 1024 * 1024;
const REAL_CLIENT_MS = 1_000;
/** A machine that does other things at the same time may need one more try; each must succeed. */
const REAL_CLIENTS = 3;

interface State {
  readonly rssBytes: number;
  readonly connections: number;
  readonly calls: number;
  readonly refusals: Readonly<Record<string, number>>;
}

/** A server process, and what a test does to it. */
class Target implements AsyncDisposable {
  readonly port: number;
  readonly pin: string;
  readonly #child: Deno.ChildProcess;
  readonly #lines: ReadableStreamDefaultReader<string>;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #folder: string;
  #rest = "";

  private constructor(child: Deno.ChildProcess, folder: string, parts: {
    readonly lines: ReadableStreamDefaultReader<string>;
    readonly first: { readonly port: number; readonly pin: string };
    readonly rest: string;
  }) {
    this.#child = child;
    this.#folder = folder;
    this.#lines = parts.lines;
    this.#rest = parts.rest;
    this.#input = child.stdin.getWriter();
    this.port = parts.first.port;
    this.pin = parts.first.pin;
  }

  static async open(): Promise<Target> {
    const folder = await mkdtemp(join(tmpdir(), "qpq-hostile-"));
    const script = fileURLToPath(new URL("./test/quic-server.ts", import.meta.url));
    const child = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--no-prompt",
        "--allow-all",
        "--quiet",
        "--no-check",
        script,
        folder,
        String(OPENING_MS),
      ],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    const [line, rest] = await readLine(lines, "");
    return new Target(child, folder, { lines, first: JSON.parse(line), rest });
  }

  async state(): Promise<State> {
    await this.#input.write(new TextEncoder().encode("state\n"));
    const [line, rest] = await readLine(this.#lines, this.#rest);
    this.#rest = rest;
    return JSON.parse(line);
  }

  connect(): Promise<Connection> {
    const transport = createQuicTransport({ clock: systemClock, trust: parsePin(this.pin) });
    return transport.connect({ hostname: "127.0.0.1", port: this.port });
  }

  /** A real client connects and makes a call. @returns milliseconds */
  async serveRealClient(): Promise<number> {
    const startedMs = performance.now();
    await using client = openRpcClient({
      connect: () => this.connect(),
      clock: systemClock,
      random: systemRandom,
      log: silentLog,
      build: "test",
    });
    const payload = Uint8Array.of(1);
    const results = await probeClient(client).echo({ payload }, { timeoutMs: 30_000 });
    assert.deepEqual(results.payload, payload);
    return performance.now() - startedMs;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#input.close();
    await this.#lines.cancel();
    await this.#child.status;
    await rm(this.#folder, { recursive: true });
  }
}

async function readLine(
  lines: ReadableStreamDefaultReader<string>,
  begun: string,
): Promise<readonly [string, string]> {
  let text = begun;
  for (;;) {
    const end = text.indexOf("\n");
    if (end !== -1) return [text.slice(0, end), text.slice(end + 1)];
    const { value } = await lines.read();
    assert.ok(value !== undefined, "the server has ended");
    text += value;
  }
}

/** Does something once, in full three times, with a real client each time. */
async function attack(round: (target: Target) => Promise<void>): Promise<State> {
  await using target = await Target.open();
  await target.serveRealClient();
  const states = [await target.state()];
  for (let count = 1; count <= (FULL ? 3 : 1); count++) {
    await round(target);
    let bestMs = Infinity;
    for (let client = 0; client < (FULL ? REAL_CLIENTS : 1); client++) {
      bestMs = Math.min(bestMs, await target.serveRealClient());
    }
    if (FULL) assert.ok(bestMs <= REAL_CLIENT_MS, `real clients waited ${bestMs} ms and more`);
    // What was begun is given up by then.
    await pause(OPENING_MS + (FULL ? 1_500 : 200));
    states.push(await target.state());
    const real = 1 + count * (FULL ? REAL_CLIENTS : 1);
    assert.equal(states.at(-1)?.calls, real, "no call but the real clients' was made");
  }
  const [before, , second, third] = states.map(({ rssBytes }) => rssBytes);
  if (before !== undefined && second !== undefined && third !== undefined) {
    const allowed = (second - before) / 5 + LEVEL_BYTES;
    assert.ok(
      third - second <= allowed,
      `memory still grows: ${states.map(({ rssBytes }) => rssBytes)}`,
    );
  }
  return states.at(-1) as State;
}

/** What a test waits for, since it happens in another process. */
async function until(target: Target, holds: (state: State) => boolean): Promise<void> {
  for (let count = 0; count < 200; count++) {
    if (holds(await target.state())) return;
    await pause(50);
  }
  assert.fail(`the server stays at ${JSON.stringify(await target.state())}`);
}

Deno.test("the server stays up under datagrams of junk", async () => {
  await attack(async (target) => {
    const socket = Deno.listenDatagram({ hostname: "127.0.0.1", port: 0, transport: "udp" });
    for (let count = 0; count < (FULL ? 50_000 : 2_000); count++) {
      const junk = systemRandom.bytes(20 + count % 1_300);
      // Half of it looks like a long header of this version (RFC 9000 §17.2).
      if (count % 2 === 0) junk.set([0xc3, 0, 0, 0, 1, 8]);
      await socket.send(junk, { hostname: "127.0.0.1", port: target.port, transport: "udp" });
    }
    socket.close();
  });
});

Deno.test("the server stays up under handshakes that nobody completes", async () => {
  const state = await attack(async (target) => {
    // What clients begin goes there; what the server answers does not come back.
    const inward = Deno.listenDatagram({ hostname: "127.0.0.1", port: 0, transport: "udp" });
    const outward = Deno.listenDatagram({ hostname: "127.0.0.1", port: 0, transport: "udp" });
    const forwarding = (async () => {
      for await (const [datagram] of inward) {
        await outward.send(datagram, {
          hostname: "127.0.0.1",
          port: target.port,
          transport: "udp",
        });
      }
    })().catch(() => {});
    const endpoint = new Deno.QuicEndpoint({ hostname: "127.0.0.1", port: 0 });
    const { port } = inward.addr as Deno.NetAddr;
    const attempts: Promise<unknown>[] = [];
    for (let count = 0; count < (FULL ? 3_000 : 200); count++) {
      attempts.push(
        Deno.connectQuic<false>({
          endpoint,
          hostname: "127.0.0.1",
          port,
          serverName: "localhost",
          alpnProtocols: ["qpq/1"],
        }).catch(() => {}),
      );
      if (count % 20 === 0) await pause(20);
    }
    // First what stands between them, so that the server does not hear that they give up.
    inward.close();
    outward.close();
    await forwarding;
    endpoint.close();
    await Promise.all(attempts);
  });
  assert.ok((state.refusals["handshake-timeout"] ?? 0) > (FULL ? 8_000 : 100));
});

Deno.test("the server gives up peers that open streams and say nothing", async () => {
  const state = await attack(async (target) => {
    const connections: Connection[] = [];
    const streams: Stream[] = [];
    for (let count = 0; count < (FULL ? 200 : 10); count++) {
      const connection = await target.connect();
      connections.push(connection);
      for (let place = 0; place < 64; place++) {
        const stream = await connection.openStream();
        await stream.write(Uint8Array.of(0));
        streams.push(stream);
      }
    }
    await until(target, ({ connections }) => connections === 0);
    for (const connection of connections) connection.close(0, "");
  });
  assert.ok((state.refusals["rpc/handshake-timeout"] ?? 0) >= 10);
});

Deno.test("the server gives up peers that send a byte now and then", async () => {
  const hello = encodeClientMessage({
    callId: 0,
    kind: "hello",
    hello: { versionMin: 1, versionMax: 1, build: "slow", authToken: new Uint8Array(0) },
  });
  const state = await attack(async (target) => {
    const slow = await Promise.all(
      Array.from({ length: FULL ? 200 : 10 }, async () => {
        const connection = await target.connect();
        return { connection, stream: await connection.openStream() };
      }),
    );
    for (let at = 0; at < 8; at++) {
      const byte = hello.subarray(at, at + 1);
      await Promise.all(slow.map(({ stream }) => stream.write(byte).catch(() => {})));
      await pause(OPENING_MS / 6);
    }
    await until(target, ({ connections }) => connections === 0);
    for (const { connection } of slow) connection.close(0, "");
  });
  assert.ok((state.refusals["rpc/handshake-timeout"] ?? 0) >= 10);
});

function pause(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}
