/**
 * Load from hostile peers over real QUIC. Short by default; `QPQ_TEST_LEVEL=full` sends more of it, and
 * also asserts what it costs: that memory levels off, and that a real client still gets in within a
 * second, or, on a machine that does other things at the same time, within what that alone costs.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createQuicTransport, parsePin, systemClock, systemRandom } from "@qpq/adapters";
import { type Connection, silentLog, type Stream } from "@qpq/ports";
import { recordInitials, sendAll } from "../adapters/test/flood.ts";
import { openRpcClient } from "./mod.ts";
import { encodeClientMessage } from "./session.gen.ts";
import { probeClient } from "./test/probe.gen.ts";

const FULL = Deno.env.get("QPQ_TEST_LEVEL") === "full";
/** Milliseconds that the server gives a session to open. */
const OPENING_MS = FULL ? 3_000 : 800;
/** What a third round of the same load may add, beside a fifth of what the first two did. */
const LEVEL_BYTES = 24 * 1024 * 1024;
const REAL_CLIENT_MS = 1_000;
/** Times as long as with a server that nobody attacks, where that is more: the machine is busy then. */
const REAL_CLIENT_FACTOR = 3;
/** The best of these counts; each must succeed. */
const REAL_CLIENTS = 3;
/** For what takes milliseconds, on a machine that does a lot besides: only to end a test that hangs. */
const PATIENCE_MS = 60_000;
/** Hostile clients that connect at the same moment: more overflow the kernel's buffer. */
const CONNECTING_MAX = 16;

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
        "--v8-flags=--expose-gc",
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

  connect(signal?: AbortSignal): Promise<Connection> {
    const transport = createQuicTransport({
      clock: systemClock,
      trust: parsePin(this.pin),
      connectTimeoutMs: PATIENCE_MS,
    });
    const address = { hostname: "127.0.0.1", port: this.port };
    return transport.connect(address, signal === undefined ? {} : { signal });
  }

  /** Connects, however often the server gives up a handshake that takes the machine too long. */
  async connectSurely(): Promise<Connection> {
    for (const untilMs = performance.now() + PATIENCE_MS;;) {
      try {
        return await this.connect();
      } catch (error) {
        if (performance.now() > untilMs) throw error;
      }
    }
  }

  /** A real client connects and makes a call. @returns milliseconds */
  async serveRealClient(): Promise<number> {
    const startedMs = performance.now();
    await using client = openRpcClient({
      connect: (signal) => this.connect(signal),
      clock: systemClock,
      random: systemRandom,
      log: silentLog,
      build: "test",
    });
    const payload = Uint8Array.of(1);
    const results = await probeClient(client).echo({ payload }, { timeoutMs: PATIENCE_MS });
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

/** How often `attack` does what it does. */
const ROUNDS = FULL ? 3 : 1;

/**
 * Does something once, in full three times, with a real client each time.
 * @param options.isOver whether the server has given up all that `rounds` rounds began
 */
async function attack(
  round: (target: Target) => Promise<void>,
  options: { readonly isOver?: (state: State, rounds: number) => boolean } = {},
): Promise<State> {
  await using target = await Target.open();
  await using spared = await Target.open();
  await target.serveRealClient();
  await spared.serveRealClient();
  const states = [await target.state()];
  for (let count = 1; count <= ROUNDS; count++) {
    await round(target);
    let [bestMs, sparedMs] = [Infinity, Infinity];
    for (let client = 0; client < (FULL ? REAL_CLIENTS : 1); client++) {
      bestMs = Math.min(bestMs, await target.serveRealClient());
      if (FULL) sparedMs = Math.min(sparedMs, await spared.serveRealClient());
    }
    const allowedMs = Math.max(REAL_CLIENT_MS, REAL_CLIENT_FACTOR * sparedMs);
    assert.ok(bestMs <= allowedMs, `real clients waited ${bestMs} ms, elsewhere ${sparedMs} ms`);
    await until(target, (state) => options.isOver?.(state, count) ?? true);
    // The engine frees what it held a little later.
    await pause(FULL ? 1_500 : 100);
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
  for (const untilMs = performance.now() + PATIENCE_MS;;) {
    const state = await target.state();
    if (holds(state)) return;
    assert.ok(performance.now() < untilMs, `the server stays at ${JSON.stringify(state)}`);
    await pause(50);
  }
}

/** Does something from many connections at the same time. The server may end them meanwhile. */
async function fromMany(
  target: Target,
  count: number,
  act: (connection: Connection) => Promise<void>,
): Promise<void> {
  const connections: Connection[] = [];
  const acting: Promise<void>[] = [];
  let begun = 0;
  const connecting = Array.from({ length: CONNECTING_MAX }, async () => {
    while (begun < count) {
      begun += 1;
      const connection = await target.connectSurely();
      connections.push(connection);
      acting.push(act(connection).catch(() => {}));
    }
  });
  await Promise.all(connecting);
  await Promise.all(acting);
  await until(target, ({ connections }) => connections === 0);
  for (const connection of connections) connection.close(0, "");
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
  const packets = await recordInitials(FULL ? 3_000 : 200);
  // By the next round all of them are given up, and begin new handshakes.
  await attack((target) => sendAll(packets, target.port), {
    isOver: ({ refusals }, rounds) =>
      (refusals["handshake-timeout"] ?? 0) >= packets.length * rounds,
  });
});

Deno.test("the server gives up peers that open a stream and say nothing", async () => {
  const count = FULL ? 200 : 10;
  const state = await attack((target) =>
    fromMany(target, count, async (connection) => {
      const stream = await connection.openStream();
      await stream.write(Uint8Array.of(0));
      await connection.closed;
    })
  );
  assert.ok(sessionsGivenUp(state) >= count);
});

Deno.test("the server ends peers that fill streams before they have a session", async () => {
  const count = FULL ? 100 : 10;
  const state = await attack((target) =>
    fromMany(target, count, async (connection) => {
      const filling = Array.from({ length: 64 }, async () => {
        const stream: Stream = await connection.openStream();
        for (;;) await stream.write(new Uint8Array(64 * 1024));
      });
      await Promise.allSettled(filling);
    })
  );
  assert.ok((state.refusals["rpc/protocol"] ?? 0) >= count);
});

Deno.test("the server gives up peers that send a byte now and then", async () => {
  const count = FULL ? 200 : 10;
  const hello = encodeClientMessage({
    callId: 0,
    kind: "hello",
    hello: { versionMin: 1, versionMax: 1, build: "slow", authToken: new Uint8Array(0) },
  });
  const state = await attack((target) =>
    fromMany(target, count, async (connection) => {
      const stream = await connection.openStream();
      for (let at = 0; at < 8; at++) {
        await stream.write(hello.subarray(at, at + 1));
        await pause(OPENING_MS / 6);
      }
    })
  );
  assert.ok(sessionsGivenUp(state) >= count);
});

/** Those whose handshake took a busy machine too long count as well. */
function sessionsGivenUp({ refusals }: State): number {
  return (refusals["rpc/handshake-timeout"] ?? 0) + (refusals["handshake-timeout"] ?? 0);
}

function pause(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}
