import type { Random } from "@qpq/ports";
import { type Bytes, bytesOf } from "./bytes.ts";

/** ML-KEM-768 (FIPS 203). Its decapsulation keys are 64-byte seeds `d ‖ z`. */
export interface MlKem768<DecapsulationKey, EncapsulationKey> {
  /** @param seed 64 bytes */
  keyFromSeed(seed: Uint8Array): Promise<MlKem768Key<DecapsulationKey>>;
  /** @param publicKey 1184 bytes that passed `isMlKem768PublicKey` */
  importPublicKey(publicKey: Uint8Array): Promise<EncapsulationKey>;
  encapsulate(publicKey: EncapsulationKey, random: Random): Promise<MlKemEncapsulation>;
  /** Never fails: a wrong ciphertext gives a secret that nobody has (FIPS 203 §6.3). */
  decapsulate(key: DecapsulationKey, ciphertext: Uint8Array): Promise<Bytes>;
}

export interface MlKem768Key<DecapsulationKey> {
  readonly key: DecapsulationKey;
  readonly publicKey: Bytes;
}

export interface MlKemEncapsulation {
  readonly ciphertext: Bytes;
  readonly secret: Bytes;
}

export const ML_KEM_768_SEED_LENGTH = 64;
export const ML_KEM_768_PUBLIC_KEY_LENGTH = 1184;
export const ML_KEM_768_CIPHERTEXT_LENGTH = 1088;

const MODULUS = 3329;
const COEFFICIENT_BYTES = 1152;

/**
 * The encapsulation key check of FIPS 203 §7.2: every 12-bit coefficient is below 3329. WebCrypto here
 * imports keys that fail it.
 */
export function isMlKem768PublicKey(publicKey: Uint8Array): boolean {
  if (publicKey.length !== ML_KEM_768_PUBLIC_KEY_LENGTH) return false;
  for (let index = 0; index < COEFFICIENT_BYTES; index += 3) {
    const first = publicKey[index] as number;
    const second = publicKey[index + 1] as number;
    const third = publicKey[index + 2] as number;
    if ((first | ((second & 0x0f) << 8)) >= MODULUS) return false;
    if (((second >> 4) | (third << 4)) >= MODULUS) return false;
  }
  return true;
}

/** ML-KEM of WebCrypto (draft "Modern Algorithms in the Web Cryptography API"), not yet in TypeScript's typings. */
interface ModernSubtleCrypto {
  importKey(
    format: "raw-seed" | "raw-public",
    data: Uint8Array,
    algorithm: "ML-KEM-768",
    extractable: boolean,
    usages: readonly ("encapsulateBits" | "decapsulateBits")[],
  ): Promise<CryptoKey>;
  exportKey(format: "raw-public", key: CryptoKey): Promise<ArrayBuffer>;
  getPublicKey(key: CryptoKey, usages: readonly "encapsulateBits"[]): Promise<CryptoKey>;
  encapsulateBits(
    algorithm: "ML-KEM-768",
    key: CryptoKey,
  ): Promise<{ readonly ciphertext: ArrayBuffer; readonly sharedKey: ArrayBuffer }>;
  decapsulateBits(
    algorithm: "ML-KEM-768",
    key: CryptoKey,
    ciphertext: Uint8Array,
  ): Promise<ArrayBuffer>;
}

const NAME = "ML-KEM-768";

/** The runtime's own. `encapsulate` ignores `random`: WebCrypto draws from the operating system. */
export function webCryptoMlKem768(): MlKem768<CryptoKey, CryptoKey> {
  const subtle = globalThis.crypto.subtle as unknown as ModernSubtleCrypto;
  return {
    async keyFromSeed(seed) {
      const key = await subtle.importKey("raw-seed", seed, NAME, false, ["decapsulateBits"]);
      const publicKey = await subtle.getPublicKey(key, ["encapsulateBits"]);
      return { key, publicKey: bytesOf(await subtle.exportKey("raw-public", publicKey)) };
    },
    importPublicKey: (publicKey) =>
      subtle.importKey("raw-public", publicKey, NAME, false, ["encapsulateBits"]),
    async encapsulate(publicKey) {
      const { ciphertext, sharedKey } = await subtle.encapsulateBits(NAME, publicKey);
      return { ciphertext: bytesOf(ciphertext), secret: bytesOf(sharedKey) };
    },
    decapsulate: async (key, ciphertext) =>
      bytesOf(await subtle.decapsulateBits(NAME, key, ciphertext)),
  };
}
