/**
 * The servers that `bench/rpc.ts` measures, in a process of their own: typed calls and two echoes over
 * QUIC, and HTTP/2 over TLS. Prints where they listen; answers each line with its memory in bytes.
 */
import { createSecureServer, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import {
  certificatePem,
  listenQuic,
  openServerCertificate,
  systemClock,
  systemRandom,
} from "../../packages/adapters/mod.ts";
import { servePing } from "../../packages/features/ping/server.ts";
import {
  type Connection,
  type Listener,
  silentLog,
  type Stream,
} from "../../packages/ports/mod.ts";
import { FrameReader } from "../../packages/rpc/frame-reader.ts";
import { FrameWriter } from "../../packages/rpc/frame-writer.ts";
import { createRpcServer } from "../../packages/rpc/mod.ts";

const [folder = ""] = Deno.args;
const certificate = await openServerCertificate({
  certificateFile: `${folder}/server-cert.der`,
  keyFile: `${folder}/server-key.der`,
  names: [],
  clock: systemClock,
  random: systemRandom,
});
const pem = certificate.certificates.map(certificatePem).join("");
const rpc = createRpcServer({
  methods: servePing({ clock: systemClock }),
  name: "bench",
  build: "bench",
  incarnation: new Uint8Array(16),
  authTokens: [],
  context: () => undefined,
  clock: systemClock,
  random: systemRandom,
  log: silentLog,
});
const calls = serve((connection) => void rpc.serve(connection));
const bulk = serve((connection) => void eachStream(connection, echoBytes));
const frames = serve((connection) => void eachStream(connection, echoFrames));
const http2 = createSecureServer({ cert: pem, key: certificate.keyPem });
http2.on("stream", (stream: ServerHttp2Stream) => {
  stream.respond({ ":status": 200 });
  stream.pipe(stream);
});
await new Promise<void>((resolve) => http2.listen(0, "127.0.0.1", () => resolve()));
print({
  pin: certificate.pin,
  pem,
  calls: calls.address.port,
  bulk: bulk.address.port,
  frames: frames.address.port,
  http2: (http2.address() as AddressInfo).port,
});
for await (const _line of Deno.stdin.readable) print(Deno.memoryUsage().rss);
Deno.exit(0);

function serve(take: (connection: Connection) => void): Listener {
  const listener = listenQuic({ hostname: "127.0.0.1", port: 0 }, {
    clock: systemClock,
    log: silentLog,
    certificate,
    limits: { connectionsPerAddressMax: 4_000 },
  });
  void (async () => {
    for (let next; (next = await listener.accept()) !== undefined;) take(next);
  })();
  return listener;
}

async function eachStream(
  connection: Connection,
  echo: (stream: Stream) => Promise<void>,
): Promise<void> {
  for (let next; (next = await connection.acceptStream()) !== undefined;) {
    void echo(next).catch(() => {});
  }
}

/** Sends back whatever a read gives, as it comes. */
async function echoBytes(stream: Stream): Promise<void> {
  let buffer = new ArrayBuffer(64 * 1024);
  for (;;) {
    const bytes = await stream.read(new Uint8Array(buffer));
    if (bytes.length === 0) return;
    await stream.write(bytes);
    buffer = bytes.buffer;
  }
}

/** Cuts what comes into frames and sends each back; those that came together leave together. */
async function echoFrames(stream: Stream): Promise<void> {
  const reader = new FrameReader(stream);
  const writer = new FrameWriter(stream, () => {});
  do {
    for (let frame; (frame = reader.take(64 * 1024)) !== undefined;) writer.send(frame.slice());
  } while (await reader.fill());
}

function print(value: unknown): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${JSON.stringify(value)}\n`));
}
