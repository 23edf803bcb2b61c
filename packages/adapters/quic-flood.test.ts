import assert from "node:assert/strict";
import { silentLog } from "@qpq/ports";
import { systemClock } from "./clock.ts";
import { createQuicTransport } from "./quic-dial.ts";
import { ALPN_CERTIFICATES, type QuicLimits, type QuicRefusal } from "./quic-limits.ts";
import { issue, served } from "./test/certificates.ts";
import { recordInitials, sendAll } from "./test/flood.ts";
import { certificatePem } from "./tls-certificate.ts";
import { parsePin } from "./tls-trust.ts";
import { listenQuic } from "./quic-listen.ts";

/** Handshakes under way at most, in the test; three times as many are begun. */
const HALF_OPEN_MAX = Deno.env.get("QPQ_TEST_LEVEL") === "full" ? 400 : 8;
/** For what takes milliseconds, on a machine that does a lot besides. */
const PATIENCE_MS = 60_000;

const own = await issue("server");
const certificate = await served(own);

function listen(limits: Partial<QuicLimits>) {
  const refusals: QuicRefusal[] = [];
  const listener = listenQuic({ hostname: "127.0.0.1", port: 0 }, {
    clock: systemClock,
    log: silentLog,
    certificate,
    limits,
    onRefused: (refusal) => void refusals.push(refusal),
  });
  return Object.assign(listener, {
    refusals,
    refused: (wanted: QuicRefusal) => refusals.filter((refusal) => refusal === wanted).length,
  });
}

/** Connects for the certificates, and never says that it has them. */
async function askForCertificates(port: number): Promise<Deno.QuicConn & AsyncDisposable> {
  const endpoint = new Deno.QuicEndpoint({ hostname: "127.0.0.1", port: 0 });
  const native = await Deno.connectQuic<false>({
    ...{ endpoint, hostname: "127.0.0.1", port, serverName: "localhost" },
    alpnProtocols: [ALPN_CERTIFICATES],
    maxConcurrentUnidirectionalStreams: 1,
    caCerts: [certificatePem(own.der)],
  });
  return Object.assign(native, {
    [Symbol.asyncDispose]: async () => {
      native.close();
      await native.closed.catch(() => {});
      endpoint.close();
    },
  });
}

Deno.test("listenQuic() drops the oldest half-open handshakes in a flood, and real clients get in", async () => {
  // Long enough that only dropping can make room.
  await using listener = listen({ halfOpenMax: HALF_OPEN_MAX, handshakeTimeoutMs: 60_000 });
  await sendAll(await recordInitials(3 * HALF_OPEN_MAX), listener.address.port);
  const transport = createQuicTransport({
    clock: systemClock,
    trust: parsePin(certificate.pin),
    connectTimeoutMs: PATIENCE_MS,
  });
  await using connection = await transport.connect(listener.address);
  assert.ok(await listener.accept() !== undefined);
  await (await connection.openStream()).write(new Uint8Array(1));
  // All but those that have a place, one of which the real client took; what was sent twice, twice.
  assert.ok(listener.refused("half-open-limit") > 2 * HALF_OPEN_MAX);
});

Deno.test("listenQuic() ends a connection for certificates whose client keeps it", async () => {
  await using listener = listen({ certificatesTimeoutMs: 100 });
  await using kept = await askForCertificates(listener.address.port);
  // Left alone it would end by its silence, as an error.
  assert.deepEqual(await endOf(kept), "2 certificates were not taken");
});

Deno.test("listenQuic() bounds connections for certificates, of all and of one address", async () => {
  const limits = { certificatesTimeoutMs: 60_000 };
  await using one = listen({ ...limits, certificatesPerAddressMax: 1 });
  await using _first = await askForCertificates(one.address.port);
  await using second = await askForCertificates(one.address.port);
  assert.equal(await endOf(second), "1 busy");
  assert.deepEqual(one.refusals, ["address-limit"]);

  await using all = listen({ ...limits, certificatesMax: 1 });
  await using oldest = await askForCertificates(all.address.port);
  // A client of ours gets its certificates, and its connection, all the same.
  const trust = { kind: "authorities", certificates: [own.der] } as const;
  const transport = createQuicTransport({
    clock: systemClock,
    trust,
    connectTimeoutMs: PATIENCE_MS,
  });
  await using _connection = await transport.connect(all.address);
  assert.equal(await endOf(oldest), "1 busy");
  assert.deepEqual(all.refusals, ["certificates-limit"]);
  await using next = await askForCertificates(all.address.port);
  // Once it is shown something, it has the place that the client's has left.
  await next.incomingUnidirectionalStreams.getReader().read();
  assert.deepEqual(all.refusals, ["certificates-limit"]);
});

Deno.test("listenQuic() reads nothing where it shows certificates, and ends who sends", async () => {
  await using listener = listen({ certificatesTimeoutMs: 60_000 });
  await using sender = await askForCertificates(listener.address.port);
  const stream = await sender.createBidirectionalStream();
  const writer = stream.writable.getWriter();
  writer.closed.catch(() => {});
  await writer.write(new Uint8Array(1));
  assert.equal(await endOf(sender), "1 no streams here");
});

/** How the server ended a connection: its code and reason. */
async function endOf(connection: Deno.QuicConn): Promise<string> {
  try {
    const { closeCode, reason } = await connection.closed;
    return `${closeCode} ${reason}`;
  } catch (error) {
    return String(error);
  }
}
