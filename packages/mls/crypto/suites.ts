/** A KEM of HPKE: RFC 9180 §7.1, and draft-ietf-hpke-pq-05 §4 for the hybrid. */
export type KemName = "X25519" | "X448" | "P-256" | "P-384" | "P-521" | "X-Wing";
export type HashName = "SHA-256" | "SHA-384" | "SHA-512";
export type AeadName = "AES-128-GCM" | "AES-256-GCM" | "ChaCha20-Poly1305";
export type SignatureName = "Ed25519" | "Ed448" | "P-256" | "P-384" | "P-521";

export interface SuiteParameters {
  readonly name: string;
  readonly kem: KemName;
  readonly aead: AeadName;
  /** Of the transcript, of HKDF in the key schedule, and of HKDF in HPKE. */
  readonly hash: HashName;
  readonly signature: SignatureName;
}

/**
 * The number that OpenMLS uses for the hybrid suite until draft-ietf-mls-pq-ciphersuites (-06: "TBD2")
 * gets one from IANA. Provisional: this is the only place that knows it.
 */
export const HYBRID_CIPHER_SUITE = 0x004e;

/** Most preferred first. RFC 9420 §17.1; the hybrid: draft-ietf-mls-pq-ciphersuites-06 §3.1. */
export const CIPHER_SUITES: ReadonlyMap<number, SuiteParameters> = new Map([
  [HYBRID_CIPHER_SUITE, {
    name: "MLS_128_MLKEM768X25519_AES256GCM_SHA384_Ed25519",
    kem: "X-Wing",
    aead: "AES-256-GCM",
    hash: "SHA-384",
    signature: "Ed25519",
  }],
  [0x0001, {
    name: "MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519",
    kem: "X25519",
    aead: "AES-128-GCM",
    hash: "SHA-256",
    signature: "Ed25519",
  }],
  [0x0002, {
    name: "MLS_128_DHKEMP256_AES128GCM_SHA256_P256",
    kem: "P-256",
    aead: "AES-128-GCM",
    hash: "SHA-256",
    signature: "P-256",
  }],
  [0x0003, {
    name: "MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519",
    kem: "X25519",
    aead: "ChaCha20-Poly1305",
    hash: "SHA-256",
    signature: "Ed25519",
  }],
  [0x0004, {
    name: "MLS_256_DHKEMX448_AES256GCM_SHA512_Ed448",
    kem: "X448",
    aead: "AES-256-GCM",
    hash: "SHA-512",
    signature: "Ed448",
  }],
  [0x0005, {
    name: "MLS_256_DHKEMP521_AES256GCM_SHA512_P521",
    kem: "P-521",
    aead: "AES-256-GCM",
    hash: "SHA-512",
    signature: "P-521",
  }],
  [0x0006, {
    name: "MLS_256_DHKEMX448_CHACHA20POLY1305_SHA512_Ed448",
    kem: "X448",
    aead: "ChaCha20-Poly1305",
    hash: "SHA-512",
    signature: "Ed448",
  }],
  [0x0007, {
    name: "MLS_256_DHKEMP384_AES256GCM_SHA384_P384",
    kem: "P-384",
    aead: "AES-256-GCM",
    hash: "SHA-384",
    signature: "P-384",
  }],
]);
