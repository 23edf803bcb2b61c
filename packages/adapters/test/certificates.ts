import "reflect-metadata";
import { isIP } from "node:net";
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from "@peculiar/x509";
import { formatPin } from "../tls-trust.ts";
import type { ServerCertificate } from "../tls-certificate.ts";

export { ExtendedKeyUsage, Extension, KeyUsageFlags };

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const DAY_MS = 24 * 60 * 60 * 1000;

/** Somebody's certificate, and the keys to issue or serve with. */
export interface Identity {
  readonly name: string;
  readonly der: Uint8Array;
  readonly keys: CryptoKeyPair;
}

export interface IssueOptions {
  /** Left out: signed by itself. */
  readonly issuer?: Identity;
  /** Left out: new ones. */
  readonly keys?: CryptoKeyPair;
  readonly names?: readonly string[];
  readonly authority?: boolean;
  readonly pathLength?: number;
  readonly usages?: KeyUsageFlags;
  readonly purpose?: ExtendedKeyUsage;
  readonly validFromDays?: number;
  readonly validToDays?: number;
  readonly extension?: Extension;
}

let serial = 1;

/** Makes a certificate for tests. Without options: a server's own for localhost and 127.0.0.1. */
export async function issue(name: string, options: IssueOptions = {}): Promise<Identity> {
  const keys = options.keys ??
    await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const { issuer, authority = false } = options;
  const names = options.names ?? (authority ? [] : ["localhost", "127.0.0.1"]);
  const certificate = await X509CertificateGenerator.create({
    subject: `CN=${name}`,
    issuer: `CN=${issuer?.name ?? name}`,
    publicKey: keys.publicKey,
    signingKey: (issuer?.keys ?? keys).privateKey,
    signingAlgorithm: ALGORITHM,
    serialNumber: (serial++).toString(16).padStart(4, "0"),
    notBefore: new Date(Date.now() + (options.validFromDays ?? -1) * DAY_MS),
    notAfter: new Date(Date.now() + (options.validToDays ?? 30) * DAY_MS),
    extensions: [
      new BasicConstraintsExtension(authority, options.pathLength, true),
      new KeyUsagesExtension(
        options.usages ?? (authority ? KeyUsageFlags.keyCertSign : KeyUsageFlags.digitalSignature),
        true,
      ),
      ...(authority
        ? []
        : [new ExtendedKeyUsageExtension([options.purpose ?? ExtendedKeyUsage.serverAuth])]),
      ...(names.length === 0 ? [] : [
        new SubjectAlternativeNameExtension(
          names.map((value) => ({
            type: isIP(value) === 0 ? "dns" as const : "ip" as const,
            value,
          })),
        ),
      ]),
      ...(options.extension === undefined ? [] : [options.extension]),
    ],
  });
  return { name, der: new Uint8Array(certificate.rawData), keys };
}

/** What a server needs to show `identity`, and those between it and an authority. */
export async function served(
  identity: Identity,
  ...others: readonly Identity[]
): Promise<ServerCertificate> {
  const pkcs8 = Buffer.from(await crypto.subtle.exportKey("pkcs8", identity.keys.privateKey));
  const lines = pkcs8.toString("base64").match(/.{1,64}/g) ?? [];
  return {
    certificates: [identity.der, ...others.map(({ der }) => der)],
    keyPem: `-----BEGIN PRIVATE KEY-----\n${lines.join("\n")}\n-----END PRIVATE KEY-----\n`,
    pin: formatPin(identity.der),
    expiresAtMs: 0,
    selfSigned: others.length === 0,
  };
}
