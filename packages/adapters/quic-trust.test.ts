import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Listener, MessengerError, silentLog } from "@qpq/ports";
import { systemClock } from "./clock.ts";
import { createQuicTransport } from "./quic-dial.ts";
import { type Identity, issue, served } from "./test/certificates.ts";
import { certificatePem, type ServerCertificate } from "./tls-certificate.ts";
import { formatPin, parsePin, type Trust } from "./tls-trust.ts";
import { listenQuic } from "./quic-listen.ts";

const root = await issue("root", { authority: true });
const other = await issue("other", { authority: true });

function listen(certificate: ServerCertificate): Listener {
  return listenQuic({ hostname: "127.0.0.1", port: 0 }, {
    clock: systemClock,
    log: silentLog,
    certificate,
  });
}

/** What comes of dialling `listener`. */
async function dial(listener: Listener, trust: Trust, hostname = "localhost"): Promise<string> {
  const transport = createQuicTransport({ clock: systemClock, trust, connectTimeoutMs: 30_000 });
  try {
    const { port } = listener.address;
    await using _connection = await transport.connect({ hostname, port });
    return "connected";
  } catch (error) {
    assert.ok(error instanceof MessengerError, String(error));
    return `${error.code}: ${error.message}`;
  }
}

function authorities(...identities: readonly Identity[]): Trust {
  return { kind: "authorities", certificates: identities.map(({ der }) => der) };
}

const system: Trust = { kind: "system" };

Deno.test("a pin is enough, under any name, and nothing but the pinned certificate is accepted", async () => {
  const own = await issue("server");
  await using listener = listen(await served(own));
  assert.equal(await dial(listener, parsePin(formatPin(own.der))), "connected");
  assert.equal(await dial(listener, parsePin(formatPin(own.der)), "127.0.0.1"), "connected");
  const another = await issue("server");
  const refused = await dial(listener, parsePin(formatPin(another.der)));
  assert.match(refused, /^tls\/pin-mismatch: .*--pin sha256:<hex>.*--ca-cert FILE/);
});

Deno.test("given authorities are enough, directly, behind others, and for a server's own", async () => {
  const between = await issue("between", { authority: true, issuer: root });
  const cases: readonly (readonly [ServerCertificate, Trust])[] = [
    [await served(await issue("server", { issuer: root })), authorities(other, root)],
    [await served(await issue("server", { issuer: between }), between), authorities(root)],
  ];
  for (const [certificate, trust] of cases) {
    await using listener = listen(certificate);
    assert.equal(await dial(listener, trust), "connected");
    assert.equal(await dial(listener, trust, "127.0.0.1"), "connected");
  }
  const own = await issue("server");
  await using listener = listen(await served(own));
  assert.equal(await dial(listener, authorities(own)), "connected");
});

Deno.test("an unknown issuer is refused, and both remedies are told", async () => {
  await using listener = listen(await served(await issue("server", { issuer: root })));
  for (const trust of [system, authorities(other)]) {
    assert.match(
      await dial(listener, trust),
      /^tls\/unknown-issuer: .*--pin sha256:<hex>.*--ca-cert FILE/,
    );
  }
});

Deno.test("another name is refused", async () => {
  const own = await issue("server", { issuer: root, names: ["example.org"] });
  await using listener = listen(await served(own));
  assert.match(await dial(listener, authorities(root)), /^tls\/wrong-name: /);
  assert.match(await dial(listener, authorities(root), "127.0.0.1"), /^tls\/wrong-name: /);
});

Deno.test("an expired certificate, and one of tomorrow, are refused, pinned or not", async () => {
  for (const days of [{ validFromDays: -9, validToDays: -1 }, { validFromDays: 1 }]) {
    const own = await issue("server", { issuer: root, ...days });
    await using listener = listen(await served(own));
    assert.match(await dial(listener, authorities(root)), /^tls\/expired: /);
    assert.match(await dial(listener, parsePin(formatPin(own.der))), /^tls\/expired: /);
  }
});

Deno.test("a port where nothing answers is told from one that speaks another protocol", async () => {
  const own = await issue("server");
  const trust = parsePin(formatPin(own.der));
  // Another program on this port, which is silent to what it does not understand.
  const silent = Deno.listenDatagram({ hostname: "127.0.0.1", port: 0, transport: "udp" });
  try {
    const address = silent.addr as Deno.NetAddr;
    const lookUp = () => Promise.reject(new Error("no such name"));
    const options = { clock: systemClock, trust, connectTimeoutMs: 300, lookUp };
    const transport = createQuicTransport(options);
    await assert.rejects(transport.connect({ hostname: "127.0.0.1", port: address.port }), {
      code: "transport/unreachable",
      message: /the server is down, or UDP is blocked/,
    });
    await assert.rejects(transport.connect({ hostname: "no-such-name.invalid", port: 1 }), {
      code: "transport/unreachable",
      message: /the name has no address/,
    });
  } finally {
    silent.close();
  }
  const certificate = await served(own);
  const endpoint = new Deno.QuicEndpoint({ hostname: "127.0.0.1", port: 0 });
  const listener = endpoint.listen({
    cert: certificate.certificates.map(certificatePem).join(""),
    key: certificate.keyPem,
    alpnProtocols: ["h3"],
  });
  const refusing = listener.accept().catch(() => {});
  try {
    const transport = createQuicTransport({ clock: systemClock, trust, connectTimeoutMs: 30_000 });
    const { port } = endpoint.addr;
    await assert.rejects(transport.connect({ hostname: "127.0.0.1", port }), {
      code: "tls/wrong-protocol",
    });
  } finally {
    listener.stop();
    endpoint.close();
    await refusing;
  }
});

Deno.test("with a pin or an authority, one that this machine trusts is refused", async () => {
  // A second authority, which the machine believes as it does its own.
  const folder = await mkdtemp(join(tmpdir(), "qpq-trust-"));
  try {
    const systemFile = join(folder, "system.pem");
    await writeFile(systemFile, certificatePem(other.der));
    await using listener = listen(await served(await issue("server", { issuer: other })));
    const run = async (choice: string): Promise<string> => {
      const child = new Deno.Command(Deno.execPath(), {
        args: [
          "run",
          "--no-prompt",
          "--allow-all",
          "--quiet",
          fileURLToPath(new URL("./test/dial.ts", import.meta.url)),
          String(listener.address.port),
          choice,
        ],
        env: { DENO_TLS_CA_STORE: "system", SSL_CERT_FILE: systemFile },
      });
      const { stdout, stderr } = await child.output();
      return new TextDecoder().decode(stdout).trim() || new TextDecoder().decode(stderr);
    };
    assert.equal(await run("system"), "connected");
    assert.equal(await run(Buffer.from(root.der).toString("base64")), "tls/unknown-issuer");
    assert.equal(await run(formatPin(root.der)), "tls/pin-mismatch");
    assert.equal(await run(Buffer.from(other.der).toString("base64")), "connected");
  } finally {
    await rm(folder, { recursive: true });
  }
});
