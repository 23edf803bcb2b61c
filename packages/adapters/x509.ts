import "reflect-metadata";
import { isIP } from "node:net";
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  X509Certificate,
  X509CertificateGenerator,
} from "@peculiar/x509";

/** What a certificate's extensions allow (RFC 5280 §4.2). */
export interface Extensions {
  /** It is an authority's: `cA` of its basic constraints. */
  readonly authority: boolean;
  /** Intermediates that may stand below it; undefined when any number may. */
  readonly pathLength: number | undefined;
  /** Its key may sign certificates. */
  readonly mayIssue: boolean;
  /** It may identify a TLS server. */
  readonly mayServe: boolean;
  /** The names and addresses that it is for, of its subject's alternative names. */
  readonly dnsNames: readonly string[];
  readonly addresses: readonly string[];
  /** It has a critical extension other than those above and the subject's names. */
  readonly hasUnknownCritical: boolean;
}

/** Key usage, basic constraints, extended key usage, subject's names. */
const UNDERSTOOD = new Set(["2.5.29.15", "2.5.29.19", "2.5.29.37", "2.5.29.17"]);

/** @throws Error when `der` is no certificate */
export function readExtensions(der: Uint8Array): Extensions {
  const certificate = new X509Certificate(Uint8Array.from(der));
  const constraints = certificate.getExtension(BasicConstraintsExtension);
  const usage = certificate.getExtension(KeyUsagesExtension);
  const purposes = certificate.getExtension(ExtendedKeyUsageExtension);
  const names = certificate.getExtension(SubjectAlternativeNameExtension)?.names.items ?? [];
  const ofType = (type: string): readonly string[] =>
    names.filter((name) => name.type === type).map(({ value }) => value);
  return {
    authority: constraints?.ca === true,
    pathLength: constraints?.pathLength,
    mayIssue: usage === null || (usage.usages & KeyUsageFlags.keyCertSign) !== 0,
    mayServe: purposes === null || purposes.usages.includes(ExtendedKeyUsage.serverAuth),
    dnsNames: ofType("dns"),
    addresses: ofType("ip"),
    hasUnknownCritical: certificate.extensions.some(({ critical, type }) =>
      critical && !UNDERSTOOD.has(type)
    ),
  };
}

/**
 * Whether a certificate is for a name (RFC 6125 §6.4) or address. Only its alternative names count, as
 * for the runtime's own check; a wildcard stands for one whole label, the first.
 */
export function isFor(extensions: Extensions, hostname: string): boolean {
  if (isIP(hostname) !== 0) {
    return extensions.addresses.some((address) =>
      normalAddress(address) === normalAddress(hostname)
    );
  }
  const wanted = hostname.toLowerCase().replace(/\.$/, "");
  const parent = wanted.slice(wanted.indexOf(".") + 1);
  return extensions.dnsNames.some((name) => {
    const offered = name.toLowerCase();
    return offered === wanted || (parent.includes(".") && offered === `*.${parent}`);
  });
}

/** IPv6 addresses have many spellings. */
function normalAddress(address: string): string {
  return isIP(address) === 6 ? new URL(`http://[${address}]`).hostname : address;
}

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

/**
 * Makes a key pair (P-256) and a certificate for it, signed by itself, that is no authority's.
 * @param options.names DNS names and IP addresses, at least one
 * @param options.serialNumber up to 20 bytes in hexadecimal digits
 */
export async function createSelfSigned(options: {
  readonly names: readonly { readonly type: "dns" | "ip"; readonly value: string }[];
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly serialNumber: string;
}): Promise<{ readonly certificate: Uint8Array; readonly key: Uint8Array }> {
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: "CN=quicproquo",
    keys,
    notBefore: options.notBefore,
    notAfter: options.notAfter,
    serialNumber: options.serialNumber,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      new SubjectAlternativeNameExtension([...options.names]),
    ],
  });
  return {
    certificate: new Uint8Array(certificate.rawData),
    key: new Uint8Array(await crypto.subtle.exportKey("pkcs8", keys.privateKey)),
  };
}
