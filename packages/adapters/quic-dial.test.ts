import assert from "node:assert/strict";
import { lookup } from "node:dns/promises";
import { createManualClock } from "./clock-manual.ts";
import { createQuicTransport } from "./quic-dial.ts";
import { parsePin } from "./tls-trust.ts";

Deno.test({
  name:
    "createQuicTransport() dials a name once, not for each of its addresses, where only the name is allowed",
  // As the command line has it for a named server; the first two are for the test.
  permissions: { net: ["127.0.0.1:0", "[::1]:0", "localhost", "0.0.0.0:0", "[::]:0"] },
  async fn() {
    const { address: hostname } = await lookup("localhost", { verbatim: true });
    const callers = new Set<string>();
    // Nobody answers: every attempt goes on until all time is up.
    const server = Deno.listenDatagram({ hostname, port: 0, transport: "udp" });
    const called = Promise.withResolvers<void>();
    const counting = (async () => {
      for await (const [, from] of server) {
        callers.add(JSON.stringify(from));
        called.resolve();
      }
    })();
    const clock = createManualClock();
    const transport = createQuicTransport({
      clock,
      trust: parsePin(`sha256:${"0".repeat(64)}`),
      lookUp: () => Promise.resolve([hostname, hostname, hostname]),
    });
    const { port } = server.addr as Deno.NetAddr;
    const refused = assert.rejects(transport.connect({ hostname: "localhost", port }), {
      code: "transport/unreachable",
      message: /nothing answers/,
    });
    await called.promise;
    // The other addresses get their turns, and the packets of a second attempt time to come.
    await clock.advance(1_000);
    await new Promise((resolve) => setTimeout(resolve, 300));
    await clock.advance(10_000);
    await refused;
    server.close();
    await counting;
    assert.equal(callers.size, 1);
  },
});
