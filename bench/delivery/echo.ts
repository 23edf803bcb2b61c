/** What comes on a stream goes back: the transport alone, in a process of its own. Argument: a folder. */
import { listenQuic, openServerCertificate, systemClock, systemRandom } from "@qpq/adapters";
import { silentLog, type Stream } from "@qpq/ports";

const BUFFER_BYTES = 16 * 1024;

const [folder = ""] = Deno.args;
const certificate = await openServerCertificate({
  certificateFile: `${folder}/cert.der`,
  keyFile: `${folder}/key.der`,
  names: [],
  clock: systemClock,
  random: systemRandom,
});
const listener = listenQuic({ hostname: "127.0.0.1", port: 0 }, {
  clock: systemClock,
  log: silentLog,
  certificate,
});
// deno-lint-ignore no-console -- whoever started it reads it
console.log(JSON.stringify({ port: listener.address.port, pin: certificate.pin }));
for (let next; (next = await listener.accept()) !== undefined;) {
  const connection = next;
  void (async () => {
    for (let stream; (stream = await connection.acceptStream()) !== undefined;) void echo(stream);
  })();
}

async function echo(stream: Stream): Promise<void> {
  try {
    for (;;) {
      const bytes = await stream.read(new Uint8Array(BUFFER_BYTES));
      if (bytes.length === 0) return;
      await stream.write(bytes.slice());
    }
  } catch {
    // The bench has left.
  }
}
