import assert from "node:assert/strict";
import { lookup } from "node:dns/promises";
import { systemClock } from "./clock.ts";
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
    const counting = (async () => {
      for await (const [, from] of server) callers.add(JSON.stringify(from));
    })();
    const transport = createQuicTransport({
      clock: systemClock,
      trust: parsePin(`sha256:${"0".repeat(64)}`),
      connectTimeoutMs: 700,
      lookUp: () => Promise.resolve([hostname, hostname, hostname]),
    });
    const { port } = server.addr as Deno.NetAddr;
    await assert.rejects(transport.connect({ hostname: "localhost", port }), {
      code: "transport/unreachable",
      message: /nothing answers/,
    });
    server.close();
    await counting;
    assert.equal(callers.size, 1);
  },
});
