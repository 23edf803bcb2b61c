/** Handshakes that are begun and never ended, as of a flood of forged addresses. */
import assert from "node:assert/strict";
import { ALPN } from "../quic-limits.ts";

/** Recordings begin in groups, so that none is lost on the way. */
const GROUP = 100;
const GROUP_MS = 50;
const ROUNDS_MAX = 200;

/** A version 1 Initial begins so; its destination's id follows, one byte of length first (RFC 9000 §17.2). */
const LONG_HEADER = 0xc0;
const DESTINATION_AT = 5;

/** @returns `count` first packets of as many handshakes, recorded where nobody answers */
export async function recordInitials(count: number): Promise<readonly Uint8Array[]> {
  const sink = Deno.listenDatagram({ hostname: "127.0.0.1", port: 0, transport: "udp" });
  const found = new Map<string, Uint8Array>();
  const recording = (async () => {
    for await (const [packet] of sink) {
      if ((packet[0] as number) < LONG_HEADER) continue;
      const end = DESTINATION_AT + 1 + (packet[DESTINATION_AT] as number);
      const id = packet.subarray(DESTINATION_AT, end).toHex();
      if (!found.has(id)) found.set(id, packet.slice());
    }
  })();
  const { port } = sink.addr as Deno.NetAddr;
  const endpoints: Deno.QuicEndpoint[] = [];
  for (let round = 0; found.size < count && round < ROUNDS_MAX; round++) {
    const endpoint = new Deno.QuicEndpoint({ hostname: "127.0.0.1", port: 0 });
    endpoints.push(endpoint);
    for (let begun = 0; begun < Math.min(GROUP, count); begun++) {
      Deno.connectQuic<false>({
        ...{ endpoint, hostname: "127.0.0.1", port, serverName: "localhost" },
        alpnProtocols: [ALPN],
      }).catch(() => {});
    }
    await pause(GROUP_MS);
  }
  for (const endpoint of endpoints) endpoint.close();
  sink.close();
  await recording.catch(() => {});
  assert.ok(found.size >= count, `${found.size} of ${count} were recorded`);
  return [...found.values()].slice(0, count);
}

/** Sends each packet to `port`, slowly enough that none is lost. */
export async function sendAll(packets: readonly Uint8Array[], port: number): Promise<void> {
  const socket = Deno.listenDatagram({ hostname: "127.0.0.1", port: 0, transport: "udp" });
  for (const [index, packet] of packets.entries()) {
    await socket.send(packet, { hostname: "127.0.0.1", port, transport: "udp" });
    if (index % 8 === 7) await pause(2);
  }
  socket.close();
}

function pause(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}
