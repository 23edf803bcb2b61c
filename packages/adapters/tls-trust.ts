import { createHash } from "node:crypto";
import { assert, MessengerError } from "@qpq/ports";

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
