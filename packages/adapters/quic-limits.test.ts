import assert from "node:assert/strict";
import { type Connection, type Listener, silentLog } from "@qpq/ports";
import { systemClock } from "./clock.ts";
import { createQuicTransport } from "./quic-dial.ts";
import { ALPN, type QuicLimits, type QuicRefusal } from "./quic-limits.ts";
import { issue, served } from "./test/certificates.ts";
import { certificatePem } from "./tls-certificate.ts";
import { parsePin } from "./tls-trust.ts";
import { listenQuic } from "./quic-listen.ts";

const certificate = await served(await issue("server"));
const transport = createQuicTransport({
  clock: systemClock,
  trust: parsePin(certificate.pin),
  connectTimeoutMs: 30_000,
});

function listen(limits: Partial<QuicLimits>): Listener & { readonly refusals: QuicRefusal[] } {
  const refusals: QuicRefusal[] = [];
  const listener = listenQuic({ hostname: "127.0.0.1", port: 0 }, {
    clock: systemClock,
    log: silentLog,
    certificate,
    limits,
    onRefused: (refusal) => void refusals.push(refusal),
  });
  return Object.assign(listener, { refusals });
}

async function connect(listener: Listener): Promise<Connection> {
  return await transport.connect(listener.address);
}

Deno.test("listenQuic() refuses connections above its limit, and takes others when some end", async () => {
  for (const limit of ["connectionsMax", "connectionsPerAddressMax"] as const) {
    await using listener = listen({ [limit]: 2 });
    const first = await connect(listener);
    const accepted = await listener.accept();
    await connect(listener);
    await listener.accept();
    const third = await connect(listener);
    assert.deepEqual(await third.closed.then(({ code, reason }) => [code, reason]), [1, "busy"]);
    assert.deepEqual(listener.refusals, [
      limit === "connectionsMax" ? "connection-limit" : "address-limit",
    ]);
    first.close(0, "");
    await accepted?.closed;
    const fourth = await connect(listener);
    assert.ok(await listener.accept() !== undefined);
    const stream = await fourth.openStream();
    await stream.write(new Uint8Array(1));
  }
});

Deno.test("listenQuic() ends a connection that sends datagrams", async () => {
  await using listener = listen({});
  const endpoint = new Deno.QuicEndpoint({ hostname: "127.0.0.1", port: 0 });
  const sender = await Deno.connectQuic<false>({
    ...{ endpoint, hostname: "127.0.0.1", port: listener.address.port, serverName: "localhost" },
    alpnProtocols: [ALPN],
    caCerts: [certificatePem(certificate.certificates[0] as Uint8Array)],
  });
  const accepted = await listener.accept();
  await sender.sendDatagram(new Uint8Array(10));
  const reason = await sender.closed.then((end) => end.reason, (error) => error.message);
  assert.match(reason, /no datagrams here/);
  await accepted?.closed;
  endpoint.close();
});

Deno.test("listenQuic() says when its address is taken", async () => {
  await using listener = listen({});
  assert.throws(
    () => listenQuic(listener.address, { clock: systemClock, log: silentLog, certificate }),
    { code: "transport/cannot-listen", message: /another program has it/ },
  );
  assert.throws(
    () =>
      listenQuic({ hostname: "192.0.2.1", port: 0 }, {
        clock: systemClock,
        log: silentLog,
        certificate,
      }),
    { code: "transport/cannot-listen" },
  );
});

Deno.test("listenQuic() and createQuicTransport() speak IPv6, where this machine does", async () => {
  const options = { clock: systemClock, log: silentLog, certificate };
  let listener: Listener;
  try {
    listener = listenQuic({ hostname: "::1", port: 0 }, options);
  } catch (error) {
    // A machine without IPv6 has nothing to test here.
    assert.equal((error as { code?: string }).code, "transport/cannot-listen");
    return;
  }
  await using _listener = listener;
  const connection = await connect(listener);
  assert.equal((await listener.accept())?.remoteAddress.hostname, "::1");
  connection.close(0, "");
});
