import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLog, STREAMS_CONCURRENT_MAX } from "@qpq/ports";
import { systemClock } from "./clock.ts";
import { createQuicTransport } from "./quic-dial.ts";
import { systemRandom } from "./random.ts";
import { openServerCertificate } from "./tls-certificate.ts";
import { parsePin } from "./tls-trust.ts";
import { testTransport } from "./transport-contract.ts";
import { listenQuic } from "./quic-listen.ts";

testTransport("transport-quic", async () => {
  const folder = await mkdtemp(join(tmpdir(), "qpq-quic-"));
  const certificate = await openServerCertificate({
    certificateFile: join(folder, "server-cert.der"),
    keyFile: join(folder, "server-key.der"),
    names: [],
    clock: systemClock,
    random: systemRandom,
  });
  const listener = listenQuic({ hostname: "127.0.0.1", port: 0 }, {
    clock: systemClock,
    log: silentLog,
    certificate,
  });
  const transport = (connectTimeoutMs: number) =>
    createQuicTransport({ clock: systemClock, trust: parsePin(certificate.pin), connectTimeoutMs });
  return {
    transport: transport(30_000),
    impatient: transport(500),
    listener,
    // The discard port: nothing of ours listens there.
    nowhere: { hostname: "127.0.0.1", port: 9 },
    streamsMax: STREAMS_CONCURRENT_MAX,
    [Symbol.asyncDispose]: async () => {
      await listener[Symbol.asyncDispose]();
      await rm(folder, { recursive: true });
    },
  };
});
