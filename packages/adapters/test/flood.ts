/** Handshakes that are begun and never ended, as of a flood of forged addresses. */
import assert from "node:assert/strict";
import { ALPN } from "../quic-limits.ts";

/** Recordings begin in groups, so that none is lost on the way. */
const GROUP = 100;
const GROUP_MS = 50;
const ROUNDS_MAX = 200;

/** A version 1 Initial begins so; both ids follow, the destination's first, each behind its length (RFC 9000 §17.2). */
const LONG_HEADER = 0xc0;
const LONG_FORM = 0x80;
const DESTINATION_AT = 5;

/** @returns `count` first packets of as many handshakes, recorded where nobody answers */
export async function recordInitials(count: number): Promise<readonly Uint8Array[]> {
  const sink = Deno.listenDatagram({ hostname: "127.0.0.1", port: 0, transport: "udp" });
  const found = new Map<string, Uint8Array>();
  const recording = (async () => {
    for await (const [packet] of sink) {
      if ((packet[0] as number) < LONG_HEADER) continue;
      const id = destinationIdOf(packet);
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

/**
 * Sends each packet to `port`, again and again until the server has answered it: on a busy machine
 * some are lost on the way.
 */
export async function sendAll(packets: readonly Uint8Array[], port: number): Promise<void> {
  const socket = Deno.listenDatagram({ hostname: "127.0.0.1", port: 0, transport: "udp" });
  const unanswered = new Map(packets.map((packet) => [sourceIdOf(packet), packet]));
  const reading = (async () => {
    for await (const [answer] of socket) {
      // The second bit may be anything in answers (RFC 9287).
      if ((answer[0] as number) >= LONG_FORM) unanswered.delete(destinationIdOf(answer));
    }
  })();
  for (let round = 0; unanswered.size > 0 && round < ROUNDS_MAX; round++) {
    for (const [index, packet] of [...unanswered.values()].entries()) {
      await socket.send(packet, { hostname: "127.0.0.1", port, transport: "udp" });
      if (index % 8 === 7) await pause(2);
    }
    await pause(GROUP_MS);
  }
  socket.close();
  await reading.catch(() => {});
  assert.equal(unanswered.size, 0, `${unanswered.size} of ${packets.length} were not answered`);
}

function destinationIdOf(packet: Uint8Array): string {
  const from = DESTINATION_AT + 1;
  return packet.subarray(from, from + (packet[DESTINATION_AT] as number)).toHex();
}

function sourceIdOf(packet: Uint8Array): string {
  const at = DESTINATION_AT + 1 + (packet[DESTINATION_AT] as number);
  return packet.subarray(at + 1, at + 1 + (packet[at] as number)).toHex();
}

function pause(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}
