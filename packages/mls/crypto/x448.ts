import { type Bytes, bytesOf } from "./bytes.ts";
import { createKeyCache, invalidKey } from "./key-objects.ts";

export const X448_LENGTH = 56;

/** X448 (RFC 7748 §5), raw keys at its edge. */
export interface X448 {
  /** @throws MessengerError `mls/invalid-key` */
  publicKeyOf(privateKey: Uint8Array): Promise<Bytes>;
  /**
   * @returns undefined for a public key that is malformed or of small order
   * @throws MessengerError `mls/invalid-key`: the private key is refused
   */
  agree(privateKey: Uint8Array, publicKey: Uint8Array): Promise<Bytes | undefined>;
  forget(privateKey: Uint8Array): void;
}

/** X448 of WebCrypto ("Secure Curves in the Web Cryptography API"), not yet in TypeScript's typings. */
interface SecureCurvesSubtleCrypto {
  importKey(
    format: "pkcs8" | "raw",
    data: Uint8Array,
    algorithm: "X448",
    extractable: boolean,
    usages: readonly "deriveBits"[],
  ): Promise<CryptoKey>;
  exportKey(format: "raw", key: CryptoKey): Promise<ArrayBuffer>;
  getPublicKey(key: CryptoKey, usages: readonly []): Promise<CryptoKey>;
  deriveBits(
    algorithm: { readonly name: "X448"; readonly public: CryptoKey },
    key: CryptoKey,
    length: number,
  ): Promise<ArrayBuffer>;
}

/** `PrivateKeyInfo` up to the key (RFC 8410 §7). */
const PRIVATE_HEAD = Uint8Array.fromHex("3046020100300506032b656f043a0438");

/**
 * By WebCrypto, because `node:crypto` of Deno 2.9 computes with the wrong scalar for half of all keys:
 * it neither clamps nor reduces it.
 */
export function webCryptoX448(): X448 {
  const subtle = globalThis.crypto.subtle as unknown as SecureCurvesSubtleCrypto;
  const privateKeys = createKeyCache<Promise<Imported>>();
  const publicKeys = createKeyCache<Promise<CryptoKey>>();

  const importPrivate = async (raw: Uint8Array): Promise<Imported> => {
    const encoded = new Uint8Array(PRIVATE_HEAD.length + X448_LENGTH);
    encoded.set(PRIVATE_HEAD);
    encoded.set(raw, PRIVATE_HEAD.length);
    const key = await subtle.importKey("pkcs8", encoded, "X448", false, ["deriveBits"]);
    encoded.fill(0);
    const exported = await subtle.exportKey("raw", await subtle.getPublicKey(key, []));
    return { key, publicKey: bytesOf(exported) };
  };

  const privateKey = (raw: Uint8Array): Promise<Imported> => {
    if (raw.length !== X448_LENGTH) throw invalidKey("X448");
    const known = privateKeys.get(raw);
    if (known !== undefined) return known;
    const pending = importPrivate(raw);
    privateKeys.set(raw, pending);
    pending.catch(() => privateKeys.forget(raw));
    return pending;
  };

  const publicKey = (raw: Uint8Array): Promise<CryptoKey> => {
    const known = publicKeys.get(raw);
    if (known !== undefined) return known;
    const pending = subtle.importKey("raw", raw, "X448", true, []);
    publicKeys.set(raw, pending);
    pending.catch(() => publicKeys.forget(raw));
    return pending;
  };

  return {
    publicKeyOf: async (raw) => bytesOf((await privateKey(raw)).publicKey),
    async agree(ownRaw, otherRaw) {
      const own = await privateKey(ownRaw);
      if (otherRaw.length !== X448_LENGTH) return undefined;
      const other = await publicKey(otherRaw);
      try {
        const algorithm = { name: "X448", public: other } as const;
        return bytesOf(await subtle.deriveBits(algorithm, own.key, 8 * X448_LENGTH));
      } catch {
        // WebCrypto refuses the all-zero result itself (RFC 7748 §6.2).
        return undefined;
      }
    },
    forget: privateKeys.forget,
  };
}

interface Imported {
  readonly key: CryptoKey;
  readonly publicKey: Bytes;
}
