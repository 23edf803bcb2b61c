/**
 * `quic-server.ts FOLDER OPENING_TIMEOUT_MS`: a server over real QUIC in a process of its own, so that what it holds can be measured.
 *
 * Prints one line of JSON when it listens (`port`, `pin`), and one for each line that it reads:
 * `state` (`rssBytes`, `connections`, `calls`, `refusals`).
 */
import {
  createSeededRandom,
  listenQuic,
  openServerCertificate,
  systemClock,
  systemRandom,
} from "@qpq/adapters";
import { silentLog } from "@qpq/ports";
import { createRpcServer } from "../mod.ts";
import { probeHandlers } from "./probe.gen.ts";

const [folder = "", openingTimeoutMs = "3000"] = Deno.args;
const certificate = await openServerCertificate({
  certificateFile: `${folder}/server-cert.der`,
  keyFile: `${folder}/server-key.der`,
  names: [],
  clock: systemClock,
  random: systemRandom,
});
let calls = 0;
const refusals: Record<string, number> = {};
const count = (refusal: string): void => {
  refusals[refusal] = (refusals[refusal] ?? 0) + 1;
};
const listener = listenQuic({ hostname: "127.0.0.1", port: 0 }, {
  clock: systemClock,
  log: silentLog,
  certificate,
  onRefused: count,
  limits: { connectionsPerAddressMax: 4_000, handshakeTimeoutMs: Number(openingTimeoutMs) },
});
const rpc = createRpcServer<undefined, undefined>({
  methods: probeHandlers<undefined>({
    echo: ({ payload }) => {
      calls += 1;
      return Promise.resolve({ payload });
    },
    hold: () => Promise.resolve({ payload: new Uint8Array(0) }),
    refuse: () => Promise.resolve({}),
    upload: ({ payload }) => Promise.resolve({ payload }),
    async *count({ upTo }) {
      for (let value = 1; value <= upTo; value++) yield { value, padding: new Uint8Array(32_768) };
    },
    whoAmI: () => Promise.resolve({ name: "" }),
  }),
  name: "test",
  build: "test",
  incarnation: createSeededRandom(1).bytes(16),
  authTokens: [],
  context: () => undefined,
  clock: systemClock,
  random: systemRandom,
  log: silentLog,
  limits: { openingTimeoutMs: Number(openingTimeoutMs) },
  observer: { openingRefused: count },
});
void (async () => {
  for (let next; (next = await listener.accept()) !== undefined;) void rpc.serve(next);
})();
print({ port: listener.address.port, pin: certificate.pin });
const lines = Deno.stdin.readable.pipeThrough(new TextDecoderStream());
for await (const line of lines) {
  if (!line.includes("state")) continue;
  // What is garbage already says nothing about what is held.
  (globalThis as { gc?: () => void }).gc?.();
  const rssBytes = Deno.memoryUsage().rss;
  print({ rssBytes, connections: rpc.connections, calls, refusals });
}
listener.stop();
await rpc.drain(1_000);
await listener[Symbol.asyncDispose]();

function print(value: unknown): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${JSON.stringify(value)}\n`));
}
