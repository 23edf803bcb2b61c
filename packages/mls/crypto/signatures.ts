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

/**
 * The y of points whose order is at most 8 (Ed25519) or 4 (Ed448), in every encoding. Under such a key
 * there are signatures that fit many messages and that nobody made; RFC 8032 leaves it open whether to
 * refuse it, and this runtime does not. The sign bit of x, the last byte's highest, is masked first.
 */
const SMALL_ORDER_Y: Readonly<Partial<Record<SignatureName, readonly string[]>>> = {
  "Ed25519": [
    "00".repeat(32),
    "01" + "00".repeat(31),
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "ec" + "ff".repeat(30) + "7f",
    "ed" + "ff".repeat(30) + "7f",
    "ee" + "ff".repeat(30) + "7f",
  ],
  "Ed448": [
    "00".repeat(57),
    "01" + "00".repeat(56),
    "fe" + "ff".repeat(27) + "fe" + "ff".repeat(27) + "00",
    "ff".repeat(28) + "fe" + "ff".repeat(27) + "00",
    "00".repeat(28) + "ff".repeat(28) + "00",
  ],
};

function smallOrderTest(name: SignatureName): (publicKey: Uint8Array) => boolean {
  const refused: ReadonlySet<string> = new Set(SMALL_ORDER_Y[name]);
  return (publicKey) => {
    const y = bytesOf(publicKey);
    y[y.length - 1] = (y[y.length - 1] as number) & 0x7f;
    return refused.has(y.toHex());
  };
}

export function createSignatureScheme(name: SignatureName): SignatureScheme {
  const importer = createKeyImporter(name, smallOrderTest(name));
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
