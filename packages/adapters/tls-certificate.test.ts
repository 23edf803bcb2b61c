import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MessengerError } from "@qpq/ports";
import { systemClock } from "./clock.ts";
import { createManualClock } from "./clock-manual.ts";
import { systemRandom } from "./random.ts";
import { issue, served } from "./test/certificates.ts";
import {
  certificatePem,
  openServerCertificate,
  readCertificates,
  readServerCertificate,
} from "./tls-certificate.ts";
import { readExtensions } from "./x509.ts";

interface Files {
  readonly certificateFile: string;
  readonly keyFile: string;
}

function test(name: string, run: (files: Files) => Promise<void>): void {
  Deno.test(name, async () => {
    const folder = await mkdtemp(join(tmpdir(), "qpq-tls-"));
    try {
      await run({
        certificateFile: join(folder, "data", "server-cert.der"),
        keyFile: join(folder, "data", "server-key.der"),
      });
    } finally {
      await rm(folder, { recursive: true });
    }
  });
}

const world = { clock: systemClock, random: systemRandom, names: [] };

test("openServerCertificate() makes a certificate of ten years for these names, no authority's", async (files) => {
  const clock = createManualClock(Date.UTC(2026, 1, 28, 12));
  const names = ["chat.example.org", "192.0.2.7"];
  const made = await openServerCertificate({ ...files, ...world, clock, names });
  assert.equal(made.created, true);
  assert.equal(made.selfSigned, true);
  assert.equal(made.certificates.length, 1);
  assert.equal(made.expiresAtMs, Date.UTC(2036, 1, 28, 12));
  const [der] = made.certificates as [Uint8Array];
  const certificate = new X509Certificate(Buffer.from(der));
  assert.equal(Date.parse(certificate.validFrom), Date.UTC(2026, 1, 27, 12));
  assert.equal(certificate.ca, false);
  for (const name of ["localhost", "chat.example.org"]) {
    assert.ok(certificate.checkHost(name), name);
  }
  for (const name of ["127.0.0.1", "::1", "192.0.2.7"]) assert.ok(certificate.checkIP(name), name);
  assert.equal(certificate.publicKey.asymmetricKeyDetails?.namedCurve, "prime256v1");
  assert.deepEqual(readExtensions(der), {
    authority: false,
    pathLength: undefined,
    mayIssue: false,
    mayServe: true,
    dnsNames: ["localhost", "chat.example.org"],
    addresses: ["127.0.0.1", "::1", "192.0.2.7"],
    hasUnknownCritical: false,
  });
});

test("openServerCertificate() keeps the key to its owner, and never replaces either file", async (files) => {
  const first = await openServerCertificate({ ...files, ...world });
  assert.equal((await stat(files.keyFile)).mode & 0o777, 0o600);
  const key = await readFile(files.keyFile);
  const later = createManualClock(Date.now() + 20 * 365 * 24 * 60 * 60 * 1000);
  const second = await openServerCertificate({ ...files, ...world, clock: later, names: ["new"] });
  assert.equal(second.created, false);
  assert.equal(second.pin, first.pin);
  assert.deepEqual(await readFile(files.keyFile), key);
});

test("openServerCertificate() refuses when just one of the files is there", async (files) => {
  await openServerCertificate({ ...files, ...world });
  await rm(files.certificateFile);
  await assert.rejects(openServerCertificate({ ...files, ...world }), isBadFile("server-cert.der"));
  await assert.rejects(stat(files.certificateFile));
  await rm(files.keyFile);
  await openServerCertificate({ ...files, ...world });
  await rm(files.keyFile);
  await assert.rejects(openServerCertificate({ ...files, ...world }), isBadFile("server-key.der"));
});

test("readServerCertificate() reads DER and PEM, alone and as a chain", async (files) => {
  await openServerCertificate({ ...files, ...world });
  const root = await issue("root", { authority: true });
  const own = await issue("server", { issuer: root });
  const { keyPem, pin } = await served(own);
  const pem = `Bag Attributes\n${certificatePem(own.der)}\n${certificatePem(root.der)}`;
  await writeFile(files.certificateFile, pem);
  await writeFile(files.keyFile, keyPem);
  const read = await readServerCertificate(files);
  assert.deepEqual(read.certificates, [own.der, root.der]);
  assert.equal(read.pin, pin);
  assert.equal(read.selfSigned, false);
  await writeFile(files.certificateFile, own.der);
  assert.deepEqual((await readServerCertificate(files)).certificates, [own.der]);
});

test("readServerCertificate() refuses what does not fit, naming the file", async (files) => {
  await openServerCertificate({ ...files, ...world });
  const { certificateFile, keyFile } = files;
  const certificate = await readFile(certificateFile);
  const cases: readonly (readonly [string, string | Uint8Array, string])[] = [
    [keyFile, (await served(await issue("another"))).keyPem, "server-key.der"],
    [keyFile, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "server-key.der"],
    [certificateFile, "-----BEGIN NOTHING-----", "server-cert.der"],
    [certificateFile, new Uint8Array(0), "server-cert.der"],
    [certificateFile, new Uint8Array(300 * 1024), "server-cert.der"],
    [certificateFile, certificatePem(certificate).repeat(6), "server-cert.der"],
  ];
  for (const [file, bytes, named] of cases) {
    await writeFile(file, bytes);
    await assert.rejects(readServerCertificate(files), isBadFile(named));
  }
});

test("readCertificates() reads every certificate of a file", async (files) => {
  const [one, two] = [await issue("one", { authority: true }), await issue("two")];
  await openServerCertificate({ ...files, ...world });
  await writeFile(files.certificateFile, certificatePem(one.der) + certificatePem(two.der));
  assert.deepEqual(await readCertificates(files.certificateFile), [one.der, two.der]);
  await assert.rejects(readCertificates(join(files.certificateFile, "none")), isBadFile("none"));
});

function isBadFile(named: string): (error: unknown) => boolean {
  return (error) =>
    error instanceof MessengerError && error.code === "tls/bad-certificate-file" &&
    error.message.includes(named);
}
