import assert from "node:assert/strict";
import { type Connection, silentLog } from "@qpq/ports";
import { systemClock } from "./clock.ts";
import { ALPN, type QuicRefusal } from "./quic-limits.ts";
import { issue, served } from "./test/certificates.ts";
import { certificatePem } from "./tls-certificate.ts";
import { listenQuic } from "./transport-quic.ts";

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
        if (this.keeping) this.kept.push(datagram.slice());
        else await this.#server.send(datagram, target);
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

/** A client that knows the server from before, and sends `data` with its first packet. */
async function recordEarlyData(wiretap: Wiretap, data: Uint8Array, pem: string): Promise<void> {
  const endpoint = new Deno.QuicEndpoint({ hostname: "127.0.0.1", port: 0 });
  const options = {
    endpoint,
    hostname: "127.0.0.1",
    serverName: "localhost",
    port: wiretap.port,
    alpnProtocols: [ALPN],
    caCerts: [pem],
  };
  const before = await Deno.connectQuic<false>(options);
  // The ticket comes after the handshake.
  await pause(200);
  before.close();
  await pause(100);
  wiretap.keeping = true;
  const connection = Deno.connectQuic<true>({ ...options, zeroRtt: true });
  assert.ok(!(connection instanceof Promise), "the client sends early data");
  connection.closed.catch(() => {});
  const stream = await connection.createBidirectionalStream();
  const writer = stream.writable.getWriter();
  writer.closed.catch(() => {});
  await writer.write(data);
  await pause(200);
  endpoint.close();
}

Deno.test("listenQuic() hands over no connection, and reads no stream, that was recorded", async () => {
  const own = await issue("server");
  const accepted: Connection[] = [];
  const refusals: QuicRefusal[] = [];
  const listener = listenQuic({ hostname: "127.0.0.1", port: 0 }, {
    clock: systemClock,
    log: silentLog,
    certificate: await served(own),
    limits: { handshakeTimeoutMs: 1_000 },
    onRefused: (refusal) => void refusals.push(refusal),
  });
  void (async () => {
    for (let next; (next = await listener.accept()) !== undefined;) accepted.push(next);
  })();
  using wiretap = new Wiretap(listener.address.port);
  await recordEarlyData(wiretap, new Uint8Array(42).fill(7), certificatePem(own.der));
  assert.equal(accepted.length, 1, "the honest first connection");
  // From the recorder's own address, twice; the server can decrypt it, as nothing was sent before.
  const sent = Deno.listenDatagram({ hostname: "127.0.0.1", port: 0, transport: "udp" });
  const { port } = listener.address;
  for (const datagram of [...wiretap.kept, ...wiretap.kept]) {
    await sent.send(datagram, { hostname: "127.0.0.1", port, transport: "udp" });
  }
  await pause(2_000);
  sent.close();
  assert.equal(accepted.length, 1);
  assert.ok(refusals.includes("handshake-timeout"), `refused: ${refusals.join()}`);
  await listener[Symbol.asyncDispose]();
});

function pause(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}
