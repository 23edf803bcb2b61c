import { sign, verify } from "node:crypto";
import type { Random } from "@qpq/ports";
import { type Bytes, bytesOf } from "./bytes.ts";
import { drawPrivateKey } from "./diffie-hellman.ts";
import { createKeyImporter } from "./key-objects.ts";
import type { KeyPair } from "./provider.ts";
import type { SignatureName } from "./suites.ts";

/** A signature scheme of RFC 8446 §4.2.3, raw keys at its edge. */
export interface SignatureScheme {
  /** Bytes. */
  readonly publicKeyLength: number;
  /** Bytes. */
  readonly privateKeyLength: number;
  generateKeyPair(random: Random): KeyPair;
  /** @throws MessengerError `mls/invalid-key` */
  keyPair(privateKey: Uint8Array): KeyPair;
  /** @throws MessengerError `mls/invalid-key` */
  sign(privateKey: Uint8Array, data: Uint8Array): Bytes;
  verify(publicKey: Uint8Array, data: Uint8Array, signature: Uint8Array): boolean;
  isPublicKey(publicKey: Uint8Array): boolean;
  forget(privateKey: Uint8Array): void;
}

/** The hash of each ECDSA scheme; Ed25519 and Ed448 hash for themselves (RFC 8032). */
const ECDSA_HASHES = {
  "Ed25519": null,
  "Ed448": null,
  "P-256": "sha256",
  "P-384": "sha384",
  "P-521": "sha512",
} as const satisfies Readonly<Record<SignatureName, string | null>>;

export function createSignatureScheme(name: SignatureName): SignatureScheme {
  const importer = createKeyImporter(name);
  const hash = ECDSA_HASHES[name];
  const keyPair = (privateKey: Uint8Array): KeyPair => ({
    privateKey: bytesOf(privateKey),
    publicKey: bytesOf(importer.privateKey(privateKey).publicKey),
  });
  return {
    publicKeyLength: importer.publicLength,
    privateKeyLength: importer.privateLength,
    generateKeyPair(random) {
      const privateKey = name === "Ed25519" || name === "Ed448"
        ? random.bytes(importer.privateLength)
        : drawPrivateKey(name, random);
      return { privateKey, publicKey: bytesOf(importer.privateKey(privateKey).publicKey) };
    },
    keyPair,
    sign: (privateKey, data) => bytesOf(sign(hash, data, importer.privateKey(privateKey).key)),
    verify(publicKey, data, signature) {
      const key = importer.publicKey(publicKey);
      if (key === undefined) return false;
      try {
        return verify(hash, data, key, signature);
      } catch {
        // Some runtimes throw on a signature that is not even DER.
        return false;
      }
    },
    isPublicKey: (publicKey) => importer.publicKey(publicKey) !== undefined,
    forget: importer.forget,
  };
}
