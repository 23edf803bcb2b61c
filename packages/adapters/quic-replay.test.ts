import assert from "node:assert/strict";
import { type Connection, silentLog } from "@qpq/ports";
import { systemClock } from "./clock.ts";
import { ALPN, type QuicRefusal } from "./quic-limits.ts";
import { issue, served } from "./test/certificates.ts";
import { certificatePem } from "./tls-certificate.ts";
import { listenQuic } from "./quic-listen.ts";

/** Stands between a client and a server, and can keep what the client sends to itself. */
class Wiretap implements Disposable {
  readonly #client = Deno.listenDatagram({ hostname: "127.0.0.1", port: 0, transport: "udp" });
  readonly #server = Deno.listenDatagram({ hostname: "127.0.0.1", port: 0, transport: "udp" });
  readonly kept: Uint8Array[] = [];
  keeping = false;

  constructor(port: number) {
    const target: Deno.NetAddr = { hostname: "127.0.0.1", port, transport: "udp" };
    let client: Deno.Addr | undefined;
    void (async () => {
      for await (const [datagram, from] of this.#client) {
        client = from;
        // A long header (RFC 9000 §17.2): what has a short one belongs to a connection before.
        if (!this.keeping) await this.#server.send(datagram, target);
        else if ((datagram[0] as number) >= 0x80) this.kept.push(datagram.slice());
      }
    })();
    void (async () => {
      for await (const [datagram] of this.#server) {
        if (client !== undefined) await this.#client.send(datagram, client);
      }
    })();
  }

  get port(): number {
    return (this.#client.addr as Deno.NetAddr).port;
  }

  [Symbol.dispose](): void {
    this.#client.close();
    this.#server.close();
  }
}

/** A busy machine may need it; nothing depends on how long it is. */
const PATIENCE_MS = 60_000;

/**
 * A client that knows the server from before, and sends `data` with its first packet.
 * @returns how many honest connections it made before, and how many datagrams before it gave up
 */
async function recordEarlyData(
  wiretap: Wiretap,
  data: Uint8Array,
  pem: string,
): Promise<{ readonly honest: number; readonly begun: number }> {
  const endpoint = new Deno.QuicEndpoint({ hostname: "127.0.0.1", port: 0 });
  const options = {
    endpoint,
    hostname: "127.0.0.1",
    serverName: "localhost",
    port: wiretap.port,
    alpnProtocols: [ALPN],
    caCerts: [pem],
  };
  // The ticket comes some time after a handshake; without one there is another handshake.
  let connection: Deno.QuicConn | Promise<Deno.QuicConn>;
  let honest = 0;
  for (const untilMs = performance.now() + PATIENCE_MS;; honest++) {
    wiretap.keeping = honest > 0;
    connection = Deno.connectQuic<true>({ ...options, zeroRtt: true });
    if (!(connection instanceof Promise)) break;
    assert.ok(performance.now() < untilMs, "the server gives no ticket");
    wiretap.keeping = false;
    wiretap.kept.length = 0;
    const before = await connection;
    await pause(200);
    before.close();
  }
  connection.closed.catch(() => {});
  const stream = await connection.createBidirectionalStream();
  const writer = stream.writable.getWriter();
  writer.closed.catch(() => {});
  await writer.write(data);
  // What was written leaves with the first packet, or right behind it.
  await until(() => wiretap.kept.length > 0);
  await pause(200);
  const begun = wiretap.kept.length;
  endpoint.close();
  await until(() => wiretap.kept.length > begun);
  return { honest, begun };
}

Deno.test("listenQuic() hands over no connection, and reads no stream, that was recorded", async () => {
  const own = await issue("server");
  const accepted: Connection[] = [];
  const refusals: QuicRefusal[] = [];
  const listener = listenQuic({ hostname: "127.0.0.1", port: 0 }, {
    clock: systemClock,
    log: silentLog,
    certificate: await served(own),
    limits: { handshakeTimeoutMs: 3_000 },
    onRefused: (refusal) => void refusals.push(refusal),
  });
  void (async () => {
    for (let next; (next = await listener.accept()) !== undefined;) accepted.push(next);
  })();
  using wiretap = new Wiretap(listener.address.port);
  const data = new Uint8Array(42).fill(7);
  const { honest, begun } = await recordEarlyData(wiretap, data, certificatePem(own.der));
  assert.equal(accepted.length, honest);
  // From the recorder's own addresses; the server can decrypt it, as nothing was sent before. Once it
  // ends where the client gave up, and once it does not end.
  const { port } = listener.address;
  const outcomes = [["handshake-failed", wiretap.kept], [
    "handshake-timeout",
    wiretap.kept.slice(0, begun),
  ]] as const;
  for (const [refusal, datagrams] of outcomes) {
    const sent = Deno.listenDatagram({ hostname: "127.0.0.1", port: 0, transport: "udp" });
    // The engine ignores for some seconds what belongs to a connection that has just ended.
    for (const untilMs = performance.now() + PATIENCE_MS; !refusals.includes(refusal);) {
      assert.ok(performance.now() < untilMs, `${refusals.join()}, but no ${refusal}`);
      for (const datagram of datagrams) {
        await sent.send(datagram, { hostname: "127.0.0.1", port, transport: "udp" });
      }
      // What follows a handshake that is given up comes right behind it.
      await pause(500);
    }
    sent.close();
  }
  assert.equal(accepted.length, honest);
  await listener[Symbol.asyncDispose]();
});

async function until(holds: () => boolean): Promise<void> {
  for (const untilMs = performance.now() + PATIENCE_MS; !holds();) {
    assert.ok(performance.now() < untilMs, `never: ${holds}`);
    await pause(20);
  }
}

function pause(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}
