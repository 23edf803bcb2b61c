/**
 * Certificates that were issued by given authorities. Loaded where authorities are given, and by nobody
 * else: reading extensions takes a library that is half of what a short command would load.
 */
import { X509Certificate } from "node:crypto";
import { assert, equalConstantTime, MessengerError } from "@qpq/ports";
import { type CertificateOffer, certificateSha256 } from "./tls-trust.ts";
import * as x509 from "./x509.ts";

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
