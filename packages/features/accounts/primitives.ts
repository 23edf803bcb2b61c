import type { Random } from "@qpq/ports";

/**
 * The cryptography that accounts and devices stand on, as an argument: Ed25519, SHA-256, HKDF-SHA-256
 * and ChaCha20-Poly1305. A cipher suite 0x0003 of `@qpq/mls` fits.
 */
export interface Primitives {
  /** SHA-256: 32 bytes. */
  hash(data: Uint8Array): Uint8Array<ArrayBuffer>;
  /** RFC 5869 §2.2. */
  hkdfExtract(salt: Uint8Array, inputKeyMaterial: Uint8Array): Uint8Array<ArrayBuffer>;
  /** RFC 5869 §2.3. */
  hkdfExpand(key: Uint8Array, info: Uint8Array, length: number): Uint8Array<ArrayBuffer>;
  /** RFC 8439 §2.8. @returns ciphertext with its tag (16 bytes) behind it */
  aeadSeal(sealed: AeadInput): Uint8Array<ArrayBuffer>;
  /** @returns undefined when it was not made with this key, nonce and associated data */
  aeadOpen(sealed: AeadInput): Uint8Array<ArrayBuffer> | undefined;
  /** RFC 8032: 32 bytes each; the private key is the seed. */
  generateSignatureKeyPair(random: Random): SignatureKeyPair;
  signatureKeyPair(privateKey: Uint8Array): SignatureKeyPair;
  /** @returns 64 bytes */
  sign(privateKey: Uint8Array, data: Uint8Array): Uint8Array<ArrayBuffer>;
  /** False also for a key or signature that is malformed. */
  verify(publicKey: Uint8Array, data: Uint8Array, signature: Uint8Array): boolean;
  /** Whether the bytes are a public key of the signature scheme. */
  isSignaturePublicKey(publicKey: Uint8Array): boolean;
  /** Overwrites a private key, and forgets what was made of it. */
  destroyKey(privateKey: Uint8Array): void;
}

export interface SignatureKeyPair {
  readonly privateKey: Uint8Array<ArrayBuffer>;
  readonly publicKey: Uint8Array<ArrayBuffer>;
}

/** Key 32 bytes, nonce 12. */
export interface AeadInput {
  readonly key: Uint8Array;
  readonly nonce: Uint8Array;
  readonly additionalData: Uint8Array;
  readonly text: Uint8Array;
}

export const HASH_BYTES = 32;
export const SIGNATURE_BYTES = 64;
export const SIGNATURE_KEY_BYTES = 32;
export const AEAD_KEY_BYTES = 32;
export const AEAD_NONCE_BYTES = 12;
export const AEAD_TAG_BYTES = 16;
