/**
 * What a call costs: typed calls over QUIC beside two echoes on the same runtime, which do as little as
 * can be done (bytes as they come; frames that are parsed and coalesced), and beside `node:http2` over
 * TLS, which a user would otherwise pick. Server and client are two processes on this machine; the
 * contestants take turns in one run. Then: memory of a server for idle connections.
 *
 * `npm run bench -- rpc`. Trust the ratios; the figures are this machine's.
 */
import { connect as connectHttp2 } from "node:http2";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  createQuicTransport,
  parsePin,
  systemClock,
  systemRandom,
} from "../packages/adapters/mod.ts";
import { pingClient } from "../packages/features/ping/ping.gen.ts";
import { type Connection, silentLog } from "../packages/ports/mod.ts";
import { FrameReader } from "../packages/rpc/frame-reader.ts";
import { FrameWriter } from "../packages/rpc/frame-writer.ts";
import { openRpcClient, type RpcClient } from "../packages/rpc/mod.ts";

const PAYLOAD_BYTES = 256;
/** A call's bytes on the wire: message, parameters with their frame. The echoes send as many. */
const FRAME_BYTES = 328;
const ROUND_MS = 1_500;
const ROUNDS = 3;
const WARM_UP_MS = 500;
const IDLE_CONNECTIONS = 2_000;

interface Result {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Keeps so many requests outstanding for a time, and returns how long each took, in milliseconds. */
type Contestant = (outstanding: number, durationMs: number) => Promise<readonly number[]>;

const folder = await mkdtemp(join(tmpdir(), "qpq-bench-"));
/** A server in a process of its own. */
interface Server {
  readonly ports: Readonly<Record<"calls" | "bulk" | "frames" | "http2", number>>;
  readonly pem: string;
  dial(port: number): Promise<Connection>;
  memoryBytes(): Promise<number>;
  close(): Promise<void>;
}

const server = await openServer();
try {
  print(`${PAYLOAD_BYTES}-byte payload, server in its own process, median of ${ROUNDS} turns\n`);
  await onOneConnection();
  await onManyConnections();
} finally {
  await server.close();
}
// One that holds no memory yet which they could be put into.
const fresh = await openServer();
try {
  await idleConnections(fresh);
} finally {
  await fresh.close();
  await rm(folder, { recursive: true });
}
Deno.exit(0);

async function openServer(): Promise<Server> {
  const process = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-prompt",
      "--allow-all",
      "--quiet",
      fileURLToPath(new URL("./rpc/server.ts", import.meta.url)),
      folder,
    ],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const lines = readLines(process.stdout);
  const stdin = process.stdin.getWriter();
  const nextLine = async (): Promise<string> => {
    const { value } = await lines.next();
    if (value === undefined) throw new Error("the server has ended");
    return value;
  };
  const { pin, pem, ...ports } = JSON.parse(await nextLine());
  const transport = createQuicTransport({ clock: systemClock, trust: parsePin(pin) });
  return {
    ports,
    pem,
    dial: (port) => transport.connect({ hostname: "127.0.0.1", port }),
    async memoryBytes() {
      await stdin.write(new TextEncoder().encode("memory\n"));
      return Number(await nextLine());
    },
    async close() {
      await stdin.close();
      await process.status;
    },
  };
}

async function onOneConnection(): Promise<void> {
  const client = openClient(server);
  await client.connected();
  const bulk = await server.dial(server.ports.bulk);
  const frames = await server.dial(server.ports.frames);
  const contestants: Readonly<Record<string, Contestant>> = {
    "bulk echo": await bulkEcho(bulk),
    "frame echo": await frameEcho(frames),
    "typed calls": (outstanding, durationMs) => pings([client], outstanding, durationMs),
    "http2 over TLS": http2Requests(),
  };
  for (const outstanding of [1, 64, 256]) {
    const results = await compare(contestants, outstanding);
    print(`${outstanding} outstanding`);
    for (const [name, result] of results) printResult(name, result);
    const [calls, echo, http2] = ["typed calls", "frame echo", "http2 over TLS"].map((name) =>
      results.get(name) as Result
    ) as [Result, Result, Result];
    const toEcho = calls.perSecond / echo.perSecond;
    const toHttp2 = calls.perSecond / http2.perSecond;
    if (outstanding === 1) {
      const slower = calls.p50Ms / echo.p50Ms;
      print(`  -> p50 ${slower.toFixed(2)} x the frame echo's (wanted: at most 1.5)`);
    } else {
      const wanted = outstanding === 64 ? " (wanted: at least 60 %, and 5 x)" : "";
      const percent = (toEcho * 100).toFixed(0);
      print(`  -> ${percent} % of the frame echo, ${toHttp2.toFixed(1)} x http2${wanted}`);
    }
    print("");
  }
  await client.close();
  bulk.close(0, "");
  frames.close(0, "");
}

async function onManyConnections(): Promise<void> {
  const clients = Array.from({ length: 64 }, () => openClient(server));
  await Promise.all(clients.map((client) => client.connected()));
  await pings(clients, 1, WARM_UP_MS);
  for (const outstanding of [1, 16]) {
    const turns: Result[] = [];
    for (let turn = 0; turn < ROUNDS; turn++) {
      turns.push(resultOf(await pings(clients, outstanding, ROUND_MS), ROUND_MS));
    }
    print(`64 connections x ${outstanding} outstanding`);
    printResult("typed calls", median(turns));
    if (outstanding === 1) print("  -> wanted: at least 10,000/s");
    print("");
  }
  await Promise.all(clients.map((client) => client.close()));
}

async function idleConnections(target: Server): Promise<void> {
  const first = openClient(target);
  await pings([first], 1, WARM_UP_MS);
  const before = await target.memoryBytes();
  const clients: RpcClient[] = [];
  while (clients.length < IDLE_CONNECTIONS) {
    const some = Array.from({ length: 50 }, () => openClient(target));
    await Promise.all(some.map((client) => client.connected({ timeoutMs: 30_000 })));
    clients.push(...some);
  }
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  const kilobytes = (await target.memoryBytes() - before) / IDLE_CONNECTIONS / 1024;
  print(`${IDLE_CONNECTIONS} idle connections: ${kilobytes.toFixed(0)} KB each on the server`);
  print("  -> wanted: at most 120");
  await Promise.all([first, ...clients].map((client) => client.close()));
}

/** Every contestant in turn, several times. */
async function compare(
  contestants: Readonly<Record<string, Contestant>>,
  outstanding: number,
): Promise<ReadonlyMap<string, Result>> {
  const turns = new Map<string, Result[]>();
  for (const run of Object.values(contestants)) await run(outstanding, WARM_UP_MS);
  for (let turn = 0; turn < ROUNDS; turn++) {
    for (const [name, run] of Object.entries(contestants)) {
      const result = resultOf(await run(outstanding, ROUND_MS), ROUND_MS);
      turns.set(name, [...turns.get(name) ?? [], result]);
    }
  }
  return new Map([...turns].map(([name, results]) => [name, median(results)]));
}

async function pings(
  clients: readonly RpcClient[],
  outstanding: number,
  durationMs: number,
): Promise<readonly number[]> {
  const payload = systemRandom.bytes(PAYLOAD_BYTES);
  const tookMs: number[] = [];
  const endMs = performance.now() + durationMs;
  await Promise.all(clients.flatMap((client) => {
    const stub = pingClient(client);
    return Array.from({ length: outstanding }, async () => {
      for (let startMs = performance.now(); startMs < endMs;) {
        await stub.ping({ payload });
        const nowMs = performance.now();
        tookMs.push(nowMs - startMs);
        startMs = nowMs;
      }
    });
  }));
  return tookMs;
}

/** As many bytes as `outstanding` frames go round; a frame is done when its last byte is back. */
async function bulkEcho(connection: Connection): Promise<Contestant> {
  const stream = await connection.openStream();
  let buffer = new ArrayBuffer(64 * 1024);
  return async (outstanding, durationMs) => {
    const frame = systemRandom.bytes(FRAME_BYTES);
    const tookMs: number[] = [];
    const endMs = performance.now() + durationMs;
    const begun = Array.from({ length: outstanding }, () => performance.now());
    await stream.write(Buffer.concat(begun.map(() => frame)));
    let back = 0;
    while (begun.length > 0) {
      const bytes = await stream.read(new Uint8Array(buffer));
      buffer = bytes.buffer;
      back += bytes.length;
      const nowMs = performance.now();
      let again = 0;
      for (; back >= FRAME_BYTES; back -= FRAME_BYTES) {
        tookMs.push(nowMs - (begun.shift() as number));
        if (nowMs < endMs) again += 1;
      }
      for (let count = 0; count < again; count++) begun.push(nowMs);
      if (again > 0) await stream.write(Buffer.concat(Array.from({ length: again }, () => frame)));
    }
    return tookMs;
  };
}

/** Frames are cut, each answers a promise, and whoever waited for it sends the next. */
async function frameEcho(connection: Connection): Promise<Contestant> {
  const stream = await connection.openStream();
  const reader = new FrameReader(stream);
  const writer = new FrameWriter(stream, () => {});
  const waiting: ((frame: Uint8Array) => void)[] = [];
  let from = 0;
  void (async () => {
    do {
      for (let frame; (frame = reader.take(64 * 1024)) !== undefined;) {
        waiting[from++]?.(frame.slice());
        if (from === 1_024) waiting.splice(0, from), from = 0;
      }
    } while (await reader.fill());
  })().catch(() => {});
  return async (outstanding, durationMs) => {
    const frame = systemRandom.bytes(FRAME_BYTES);
    new DataView(frame.buffer).setUint32(0, 0, true);
    new DataView(frame.buffer).setUint32(4, (FRAME_BYTES - 8) / 8, true);
    const tookMs: number[] = [];
    const endMs = performance.now() + durationMs;
    await Promise.all(Array.from({ length: outstanding }, async () => {
      for (let startMs = performance.now(); startMs < endMs;) {
        await new Promise<Uint8Array>((resolve) => {
          waiting.push(resolve);
          writer.send(frame.slice());
        });
        const nowMs = performance.now();
        tookMs.push(nowMs - startMs);
        startMs = nowMs;
      }
    }));
    return tookMs;
  };
}

function http2Requests(): Contestant {
  const session = connectHttp2(`https://localhost:${server.ports.http2}`, { ca: server.pem });
  const payload = Buffer.from(systemRandom.bytes(PAYLOAD_BYTES));
  const request = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const stream = session.request({ ":method": "POST", ":path": "/" });
      let bytes = 0;
      stream.on("data", (chunk: Uint8Array) => bytes += chunk.length);
      stream.on("error", reject);
      stream.on("end", () => {
        if (bytes === PAYLOAD_BYTES) resolve();
        else reject(new Error(`${bytes} bytes came back`));
      });
      stream.end(payload);
    });
  return async (outstanding, durationMs) => {
    const tookMs: number[] = [];
    const endMs = performance.now() + durationMs;
    await Promise.all(Array.from({ length: outstanding }, async () => {
      for (let startMs = performance.now(); startMs < endMs;) {
        await request();
        const nowMs = performance.now();
        tookMs.push(nowMs - startMs);
        startMs = nowMs;
      }
    }));
    return tookMs;
  };
}

function openClient(target: Server): RpcClient {
  return openRpcClient({
    connect: () => target.dial(target.ports.calls),
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
    build: "bench",
    limits: { attemptMinMs: 5_000 },
  });
}

async function* readLines(stream: ReadableStream<Uint8Array>): AsyncGenerator<string, void, void> {
  let text = "";
  for await (const piece of stream.pipeThrough(new TextDecoderStream())) {
    const found = (text + piece).split("\n");
    text = found.pop() as string;
    yield* found;
  }
}

function resultOf(tookMs: readonly number[], durationMs: number): Result {
  const sorted = Float64Array.from(tookMs).sort();
  return {
    perSecond: tookMs.length / durationMs * 1_000,
    p50Ms: sorted[Math.floor(sorted.length * 0.5)] ?? NaN,
    p99Ms: sorted[Math.floor(sorted.length * 0.99)] ?? NaN,
  };
}

function median(results: readonly Result[]): Result {
  const sorted = results.toSorted((left, right) => left.perSecond - right.perSecond);
  return sorted[Math.floor(sorted.length / 2)] as Result;
}

function printResult(name: string, { perSecond, p50Ms, p99Ms }: Result): void {
  const rate = Math.round(perSecond).toLocaleString("en").padStart(9);
  print(`  ${name.padEnd(16)}${rate}/s   p50 ${p50Ms.toFixed(3)} ms   p99 ${p99Ms.toFixed(3)} ms`);
}

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}
