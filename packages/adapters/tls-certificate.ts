import { createPrivateKey, createPublicKey, X509Certificate } from "node:crypto";
import { mkdir, open, readFile, stat } from "node:fs/promises";
import { isIP } from "node:net";
import { dirname } from "node:path";
import { type Clock, MessengerError, type Random } from "@qpq/ports";
import { formatPin, OFFER_CERTIFICATES_MAX } from "./tls-trust.ts";

/** What a server shows and proves: its certificate, those between it and an authority, its key. */
export interface ServerCertificate {
  /** DER; the server's own first. */
  readonly certificates: readonly Uint8Array[];
  /** PKCS #8 in PEM. Secret. */
  readonly keyPem: string;
  /** What a client pins, `sha256:<hex>`. */
  readonly pin: string;
  /** Milliseconds since 1970 after which clients refuse it. */
  readonly expiresAtMs: number;
  /** It was signed with its own key. */
  readonly selfSigned: boolean;
}

/** Years that a certificate made here lasts: pins break when it is replaced, so it is not short. */
const VALIDITY_YEARS = 10;
/** Clients' clocks may be this far behind the server's. */
const VALID_BEFORE_MS = 24 * 60 * 60 * 1000;
/** Names beside the three of this machine. */
const NAMES_MAX = 32;
/** A certificate or key file. */
const FILE_BYTES_MAX = 256 * 1024;
const SERIAL_NUMBER_BYTES = 16;
/** Readable and writable by its owner only. */
const KEY_FILE_MODE = 0o600;
const CERTIFICATE_FILE_MODE = 0o644;

export interface CertificateFiles {
  readonly certificateFile: string;
  readonly keyFile: string;
}

/**
 * Reads a server's certificate and key, each DER or PEM (a PEM file may hold further certificates
 * after the server's own).
 * @throws MessengerError `tls/bad-certificate-file` when one is missing, unreadable, or not the other's
 */
export async function readServerCertificate(files: CertificateFiles): Promise<ServerCertificate> {
  const certificates = await readCertificates(files.certificateFile);
  if (certificates.length > OFFER_CERTIFICATES_MAX) {
    throw badFile(
      files.certificateFile,
      `it holds more than ${OFFER_CERTIFICATES_MAX} certificates`,
    );
  }
  const keyBytes = await readBounded(files.keyFile);
  const [own] = certificates as [Uint8Array];
  try {
    const certificate = new X509Certificate(Buffer.from(own));
    const key = isPem(keyBytes)
      ? createPrivateKey({ key: Buffer.from(keyBytes), format: "pem" })
      : createPrivateKey({ key: Buffer.from(keyBytes), format: "der", type: "pkcs8" });
    if (!createPublicKey(key).equals(certificate.publicKey)) {
      throw badFile(files.keyFile, "it is not the key of the certificate");
    }
    return {
      certificates,
      keyPem: key.export({ type: "pkcs8", format: "pem" }).toString(),
      pin: formatPin(own),
      expiresAtMs: Date.parse(certificate.validTo),
      selfSigned: certificate.issuer === certificate.subject &&
        certificate.verify(certificate.publicKey),
    };
  } catch (cause) {
    if (cause instanceof MessengerError) throw cause;
    throw badFile(files.keyFile, "it is no private key that fits", cause);
  }
}

/**
 * Reads the server's certificate; when neither file exists, makes both first: P-256, no authority's,
 * for `localhost`, 127.0.0.1, ::1 and `names`, valid for ten years. An existing file is never
 * replaced, so pins hold.
 * @param options.names further DNS names and IP addresses, at most 32
 * @returns `created`: whether it was made just now
 * @throws MessengerError `tls/bad-certificate-file`, also when just one of the files exists
 */
export async function openServerCertificate(
  options: CertificateFiles & {
    readonly names: readonly string[];
    readonly clock: Clock;
    readonly random: Random;
  },
): Promise<ServerCertificate & { readonly created: boolean }> {
  const [hasCertificate, hasKey] = await Promise.all([
    exists(options.certificateFile),
    exists(options.keyFile),
  ]);
  if (hasCertificate !== hasKey) {
    const [present, missing] = hasKey
      ? [options.keyFile, options.certificateFile]
      : [options.certificateFile, options.keyFile];
    throw badFile(missing, `it is missing, while ${present} is there`);
  }
  if (!hasCertificate) await create(options);
  return { ...await readServerCertificate(options), created: !hasCertificate };
}

/**
 * Reads the certificates of a file, DER or PEM, for `--ca-cert`.
 * @returns at least one, DER
 * @throws MessengerError `tls/bad-certificate-file`
 */
export async function readCertificates(file: string): Promise<readonly Uint8Array[]> {
  const bytes = await readBounded(file);
  try {
    const certificates = isPem(bytes) ? readPem(bytes) : [bytes];
    if (certificates.length === 0) throw badFile(file, "it holds no certificate");
    return certificates.map((der) => {
      const { raw } = new X509Certificate(Buffer.from(der));
      return Uint8Array.from(raw);
    });
  } catch (cause) {
    if (cause instanceof MessengerError) throw cause;
    throw badFile(file, "it holds no certificate in DER or PEM form", cause);
  }
}

/** A certificate in PEM form (RFC 7468). */
export function certificatePem(der: Uint8Array): string {
  const lines = Buffer.from(der).toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
}

async function create(
  options: CertificateFiles & {
    readonly names: readonly string[];
    readonly clock: Clock;
    readonly random: Random;
  },
): Promise<void> {
  if (options.names.length > NAMES_MAX) {
    throw new MessengerError("too-large", `Cannot make a certificate: over ${NAMES_MAX} names`);
  }
  const names = new Set(["localhost", "127.0.0.1", "::1", ...options.names]);
  const nowMs = options.clock.now();
  const notAfter = new Date(nowMs);
  notAfter.setUTCFullYear(notAfter.getUTCFullYear() + VALIDITY_YEARS);
  const serialNumber = options.random.bytes(SERIAL_NUMBER_BYTES);
  // Positive and without leading zeros (RFC 5280 §4.1.2.2).
  serialNumber[0] = ((serialNumber[0] as number) & 0x7f) | 0x40;
  // Loaded once in a server's life.
  const { createSelfSigned } = await import("./x509.ts");
  const made = await createSelfSigned({
    names: [...names].map((value) => ({ type: isIP(value) === 0 ? "dns" : "ip", value })),
    notBefore: new Date(nowMs - VALID_BEFORE_MS),
    notAfter,
    serialNumber: Buffer.from(serialNumber).toString("hex"),
  });
  // The key first: a crash in between leaves a state that is reported, not one that is served.
  await writeNew(options.keyFile, made.key, KEY_FILE_MODE);
  await writeNew(options.certificateFile, made.certificate, CERTIFICATE_FILE_MODE);
}

async function writeNew(file: string, bytes: Uint8Array, mode: number): Promise<void> {
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    // "wx": fails when the file exists, also when it came to be just now.
    const handle = await open(file, "wx", mode);
    try {
      await handle.writeFile(bytes);
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (cause) {
    throw badFile(file, "it cannot be written", cause);
  }
}

async function readBounded(file: string): Promise<Uint8Array> {
  try {
    const { size } = await stat(file);
    if (size > FILE_BYTES_MAX) throw badFile(file, `it is larger than ${FILE_BYTES_MAX} bytes`);
    return new Uint8Array(await readFile(file));
  } catch (cause) {
    if (cause instanceof MessengerError) throw cause;
    throw badFile(file, "it cannot be read", cause);
  }
}

async function exists(file: string): Promise<boolean> {
  try {
    await stat(file);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return false;
    throw badFile(file, "it cannot be read", error);
  }
}

function isPem(bytes: Uint8Array): boolean {
  return Buffer.from(bytes.subarray(0, 4096)).toString("latin1").includes("-----BEGIN ");
}

function readPem(bytes: Uint8Array): Uint8Array[] {
  const text = Buffer.from(bytes).toString("latin1");
  const blocks = text.matchAll(
    /-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]*)-----END CERTIFICATE-----/g,
  );
  return [...blocks].map((block) => Uint8Array.from(Buffer.from(block[1] as string, "base64")));
}

/** The user names these files, so their names may stand in the text. */
function badFile(file: string, state: string, cause?: unknown): MessengerError {
  return new MessengerError(
    "tls/bad-certificate-file",
    `Cannot use ${file}: ${state}`,
    cause === undefined ? {} : { cause },
  );
}
