import { createHash, X509Certificate } from "node:crypto";
import * as x509 from "./x509.ts";
import { assert, equalConstantTime, MessengerError } from "@qpq/ports";

/**
 * Whom a client believes. Each choice excludes the others: with `authorities` or `pin` the system's
 * certificate authorities are not believed.
 */
export type Trust =
  /** The certificate authorities of the runtime and system; the name is checked. */
  | { readonly kind: "system" }
  /** Exactly these certificates, DER; authorities, or a server's own. The name is checked. */
  | { readonly kind: "authorities"; readonly certificates: readonly Uint8Array[] }
  /** Exactly the server certificate with this SHA-256 of its DER form. Its name says nothing more. */
  | { readonly kind: "pin"; readonly sha256: Uint8Array };

/** Certificates that a server shows: its own, and those between it and an authority. */
export const OFFER_CERTIFICATES_MAX = 5;
/** Bytes of one certificate, DER. */
const CERTIFICATE_BYTES_MAX = 16 * 1024;
/** Bytes of what a server shows: a count, then each certificate with its length. */
export const OFFER_BYTES_MAX = 1 + OFFER_CERTIFICATES_MAX * (4 + CERTIFICATE_BYTES_MAX);

/** The certificates that a server shows, its own first, DER. */
export type CertificateOffer = readonly Uint8Array[];

/**
 * @param text `sha256:` and 64 hexadecimal digits, with or without colons between bytes
 * @throws MessengerError `tls/bad-pin`
 */
export function parsePin(text: string): Trust {
  const match = /^sha256:([0-9a-f]{64}|[0-9a-f]{2}(?::[0-9a-f]{2}){31})$/i.exec(text.trim());
  const digits = match?.[1]?.replaceAll(":", "");
  if (digits === undefined) {
    throw new MessengerError(
      "tls/bad-pin",
      "Cannot read the pin: it is written sha256:<64 hexadecimal digits>",
    );
  }
  return { kind: "pin", sha256: Uint8Array.from(Buffer.from(digits, "hex")) };
}

/** The text that `parsePin` reads, of a certificate in DER form. */
export function formatPin(certificate: Uint8Array): string {
  return `sha256:${certificateSha256(certificate).toString("hex")}`;
}

/** The SHA-256 of a certificate's DER form. */
export function certificateSha256(certificate: Uint8Array): Buffer<ArrayBuffer> {
  const digest = createHash("sha256").update(certificate).digest();
  return Buffer.from(new Uint8Array(digest));
}

/** @returns the bytes in which a server shows its certificates (`docs/wire-format.md`, Session) */
export function encodeOffer(certificates: CertificateOffer): Uint8Array {
  assert(
    certificates.length >= 1 && certificates.length <= OFFER_CERTIFICATES_MAX,
    "a server shows its own certificate and at most four more",
  );
  const length = certificates.reduce((sum, certificate) => sum + 4 + certificate.length, 1);
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  bytes[0] = certificates.length;
  let offset = 1;
  for (const certificate of certificates) {
    assert(certificate.length <= CERTIFICATE_BYTES_MAX, "a certificate has at most 16 KiB");
    view.setUint32(offset, certificate.length);
    bytes.set(certificate, offset + 4);
    offset += 4 + certificate.length;
  }
  return bytes;
}

/**
 * Reads what a server shows. Hostile until `checkAgainstAuthorities` says otherwise.
 * @returns undefined when `bytes` is only the beginning of it
 * @throws MessengerError `malformed`, `too-large`
 */
export function decodeOffer(bytes: Uint8Array): CertificateOffer | undefined {
  const count = bytes[0];
  if (count === undefined) return undefined;
  if (count < 1 || count > OFFER_CERTIFICATES_MAX) {
    throw new MessengerError("too-large", `Cannot read certificates: ${count} of them`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const certificates: Uint8Array[] = [];
  let offset = 1;
  while (certificates.length < count) {
    if (offset + 4 > bytes.length) return undefined;
    const length = view.getUint32(offset);
    if (length > CERTIFICATE_BYTES_MAX) {
      throw new MessengerError("too-large", `Cannot read a certificate: ${length} bytes`);
    }
    offset += 4 + length;
    if (offset > bytes.length) return undefined;
    certificates.push(bytes.slice(offset - length, offset));
  }
  if (offset !== bytes.length) {
    throw new MessengerError("malformed", "Cannot read certificates: bytes are left over");
  }
  return certificates;
}

/**
 * Checks a server's certificates against exactly the given authorities, as RFC 5280 §6 says and
 * stricter: what is critical and not understood here (name constraints, policies) is refused.
 * @param options.authorities certificates that are believed, DER
 * @param options.hostname the name or address that was dialled
 * @param options.nowMs milliseconds since 1970
 * @returns SHA-256 of the server's own certificate: a connection pinned to it is the checked one
 * @throws MessengerError `tls/unknown-issuer`, `tls/wrong-name`, `tls/expired`, `malformed`
 */
export function checkAgainstAuthorities(
  offer: CertificateOffer,
  options: {
    readonly authorities: readonly Uint8Array[];
    readonly hostname: string;
    readonly nowMs: number;
  },
): Uint8Array<ArrayBuffer> {
  const [own, ...others] = offer.map(parseCertificate);
  assert(own !== undefined, "an offer has a certificate");
  const authorities = options.authorities.map(parseCertificate);
  checkChains(chainsOf([own], others, authorities), options.nowMs);
  checkServerUse(own);
  checkName(own, options.hostname);
  return Uint8Array.from(certificateSha256(own.raw));
}

interface ParsedCertificate {
  readonly raw: Uint8Array;
  readonly node: X509Certificate;
  readonly extensions: x509.Extensions;
}

function parseCertificate(raw: Uint8Array): ParsedCertificate {
  try {
    return {
      raw,
      node: new X509Certificate(Buffer.from(raw)),
      extensions: x509.readExtensions(raw),
    };
  } catch (cause) {
    throw new MessengerError("malformed", "Cannot read a certificate", { cause });
  }
}

type Chain = readonly ParsedCertificate[];

/** One way is enough: with cross-signed authorities another may be unknown, or have expired. */
function checkChains(chains: Iterable<Chain>, nowMs: number): void {
  let failure: unknown = new MessengerError(
    "tls/unknown-issuer",
    "None of the given authorities issued the server's certificate",
  );
  for (const chain of chains) {
    try {
      for (const certificate of chain) checkDates(certificate, nowMs);
      return;
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

/**
 * Every way from the last of `chain` to one that is believed. Each step uses up one of `others`, of
 * which an offer has four at most: 64 steps in all.
 */
function* chainsOf(
  chain: Chain,
  others: readonly ParsedCertificate[],
  authorities: readonly ParsedCertificate[],
): Generator<Chain> {
  const last = chain.at(-1) as ParsedCertificate;
  if (authorities.some(({ raw }) => equalConstantTime(raw, last.raw))) yield chain;
  for (const authority of authorities) {
    if (issued(authority, last, chain.length - 1)) yield [...chain, authority];
  }
  for (const other of others) {
    if (!issued(other, last, chain.length - 1)) continue;
    yield* chainsOf([...chain, other], others.filter((left) => left !== other), authorities);
  }
}

/** @param below intermediates that stand below the issuer already */
function issued(issuer: ParsedCertificate, subject: ParsedCertificate, below: number): boolean {
  const { extensions } = issuer;
  return extensions.authority && extensions.mayIssue && !extensions.hasUnknownCritical &&
    (extensions.pathLength === undefined || below <= extensions.pathLength) &&
    subject.node.checkIssued(issuer.node) && subject.node.verify(issuer.node.publicKey);
}

function checkDates({ node }: ParsedCertificate, nowMs: number): void {
  const from = Date.parse(node.validFrom);
  const to = Date.parse(node.validTo);
  // Written so that a date which cannot be read is refused, too.
  if (!(from <= nowMs && nowMs <= to)) {
    throw new MessengerError(
      "tls/expired",
      `The server's certificate is valid from ${node.validFrom} to ${node.validTo}`,
    );
  }
}

function checkServerUse({ extensions }: ParsedCertificate): void {
  if (!extensions.mayServe || extensions.hasUnknownCritical) {
    throw new MessengerError(
      "tls/unknown-issuer",
      "The server's certificate was issued for another use",
    );
  }
}

function checkName({ extensions }: ParsedCertificate, hostname: string): void {
  if (!x509.isFor(extensions, hostname)) {
    throw new MessengerError("tls/wrong-name", "The server's certificate is for another name");
  }
}
