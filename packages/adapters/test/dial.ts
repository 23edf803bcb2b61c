/**
 * Dials `localhost` and prints what comes of it: `connected`, or an error code. A process of its own,
 * because what a machine trusts is read when a process starts.
 *
 * `dial.ts PORT system | sha256:<hex> | <base64 of an authority's certificate>`
 */
import { MessengerError } from "@qpq/ports";
import { systemClock } from "../clock.ts";
import { createQuicTransport } from "../quic-dial.ts";
import { parsePin, type Trust } from "../tls-trust.ts";

const [port = "", choice = ""] = Deno.args;
const trust: Trust = choice === "system"
  ? { kind: "system" }
  : choice.startsWith("sha256:")
  ? parsePin(choice)
  : { kind: "authorities", certificates: [Uint8Array.from(Buffer.from(choice, "base64"))] };
const transport = createQuicTransport({ clock: systemClock, trust, connectTimeoutMs: 30_000 });
try {
  await using _connection = await transport.connect({ hostname: "localhost", port: Number(port) });
  print("connected");
} catch (error) {
  print(error instanceof MessengerError ? error.code : String(error));
}

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}
