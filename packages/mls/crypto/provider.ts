import type { Random } from "@qpq/ports";
import type { Slices } from "../slices.ts";

/**
 * The primitives that the core stands on, as an argument: no other file of this package names
 * `node:crypto` or WebCrypto outside `crypto/`.
 *
 * Synchronous where every runtime has it so; HPKE is asynchronous, because ML-KEM is in WebCrypto
 * only. Start independent seals and opens together (`Promise.all`): they run off the main thread.
 *
 * Byte arrays given as keys may be remembered by identity for as long as they live: do not write
 * into one after its first use, except through `destroyKey`.
 */
export interface CryptoProvider {
  /** Identifiers of the suites that work in this runtime, most preferred first. */
  readonly cipherSuites: readonly number[];
  /**
   * The one object of a suite: the same one at every call.
   * @throws MessengerError `mls/unsupported-cipher-suite`
   */
  cipherSuite(id: number): CipherSuite;
}

/**
 * One cipher suite: an HPKE configuration, a hash and a signature scheme (RFC 9420 §5.1).
 * Lengths are bytes.
 */
export interface CipherSuite {
  /** As on the wire, e.g. 0x0001. */
  readonly id: number;
  /** As registered, e.g. `MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519`. */
  readonly name: string;
  /** `Hash.length` and `KDF.Nh`: the same in every suite. */
  readonly hashLength: number;
  readonly aeadKeyLength: number;
  readonly aeadNonceLength: number;
  readonly aeadTagLength: number;
  readonly signaturePublicKeyLength: number;
  readonly signaturePrivateKeyLength: number;
  readonly hpkePublicKeyLength: number;
  readonly hpkePrivateKeyLength: number;
  /** Length of an encapsulated key (`Nenc`), which is also the one of `ExternalInit.kem_output`. */
  readonly kemOutputLength: number;
  /** Length of the KEM's shared secret (`Nsecret`). */
  readonly kemSecretLength: number;

  hash(data: Uint8Array): Bytes;
  hmac(key: Uint8Array, data: Uint8Array): Bytes;
  /** HKDF-Extract (RFC 5869 §2.2). An empty `salt` stands for `hashLength` zero bytes. */
  hkdfExtract(salt: Uint8Array, inputKeyMaterial: Uint8Array): Bytes;
  /** HKDF-Expand (RFC 5869 §2.3). `length` is at most 255 × `hashLength`. */
  hkdfExpand(pseudorandomKey: Uint8Array, info: Uint8Array, length: number): Bytes;

  /** @returns ciphertext with the tag behind it */
  aeadSeal(sealed: AeadInput): Bytes;
  /** @returns the plaintext, or undefined when the tag does not fit or the input is too short */
  aeadOpen(sealed: AeadInput): Bytes | undefined;
  /** Both in slices, for what may be large. */
  aeadSealing(sealed: AeadInput): Slices<Bytes>;
  aeadOpening(sealed: AeadInput): Slices<Bytes | undefined>;

  generateSignatureKeyPair(random: Random): KeyPair;
  /**
   * The key pair of a private key: for Ed25519 and Ed448 the seed, for ECDSA the scalar.
   * @throws MessengerError `mls/invalid-key`
   */
  signatureKeyPair(privateKey: Uint8Array): KeyPair;
  /**
   * Ed25519 and Ed448 are deterministic; ECDSA draws its nonce from the runtime's own randomness
   * and gives DER (RFC 9420 §5.1.2).
   * @throws MessengerError `mls/invalid-key`
   */
  sign(privateKey: Uint8Array, data: Uint8Array): Bytes;
  /** False also for a public key or a signature that is malformed. */
  verify(publicKey: Uint8Array, data: Uint8Array, signature: Uint8Array): boolean;
  /**
   * Whether the bytes are a public key of the signature scheme: length, for ECDSA on the curve, for
   * Ed25519 and Ed448 not of small order.
   */
  isSignaturePublicKey(publicKey: Uint8Array): boolean;

  /** `KEM.DeriveKeyPair` (RFC 9180 §4, §7.1.3). `inputKeyMaterial`: `hashLength` bytes in MLS. */
  deriveKeyPair(inputKeyMaterial: Uint8Array): Promise<KeyPair>;
  /** A fresh HPKE key pair from `random`. */
  generateHpkeKeyPair(random: Random): Promise<KeyPair>;
  /**
   * Whether the bytes can be encrypted to: length; on the curve (NIST curves); not of small order
   * (X25519, X448); coefficients reduced (ML-KEM, FIPS 203 §7.2). Ask it for every key that enters.
   */
  isHpkePublicKey(publicKey: Uint8Array): boolean;
  /**
   * Hashes HPKE's `info` once, for many seals and opens with the same one: a commit has one for all
   * nodes of its path, a Welcome one for all joiners.
   */
  prepareInfo(info: Uint8Array): HpkeInfo;
  /**
   * HPKE single-shot seal in base mode (RFC 9180 §6.1) with empty associated data, as MLS uses it
   * (RFC 9420 §5.1.3).
   * @throws MessengerError `mls/invalid-key` for a public key that is refused
   */
  hpkeSeal(publicKey: Uint8Array, sealed: HpkeSeal): Promise<HpkeCiphertext>;
  /**
   * @returns the plaintext, or undefined when it was not made for this key and `info`, or is malformed
   * @throws MessengerError `mls/invalid-key` for a private key of the wrong length
   */
  hpkeOpen(privateKey: Uint8Array, sealed: HpkeOpen): Promise<Bytes | undefined>;
  /**
   * `SetupBaseS`, then `context.export` (RFC 9180 §5.3): the joiner's half of an external commit.
   * @throws MessengerError `mls/invalid-key`
   */
  hpkeExportSender(publicKey: Uint8Array, exported: HpkeExport): Promise<HpkeExported>;
  /**
   * `SetupBaseR`, then `context.export`: the members' half.
   * @returns undefined when `kemOutput` is malformed
   * @throws MessengerError `mls/invalid-key` for a private key of the wrong length
   */
  hpkeExportReceiver(
    privateKey: Uint8Array,
    exported: HpkeExportReceived,
  ): Promise<Bytes | undefined>;

  /**
   * Overwrites a private key and forgets what was imported from it. The runtime's own copy is freed
   * when it is collected; nothing here can say when.
   */
  destroyKey(privateKey: Uint8Array): void;
}

export type Bytes = Uint8Array<ArrayBuffer>;

export interface KeyPair {
  readonly privateKey: Bytes;
  readonly publicKey: Bytes;
}

export interface AeadInput {
  readonly key: Uint8Array;
  readonly nonce: Uint8Array;
  readonly additionalData: Uint8Array;
  /** The plaintext to seal, or the ciphertext with its tag to open. */
  readonly text: Uint8Array;
}

/** HPKE's `info`, hashed for one suite; comes from `prepareInfo` only. */
export interface HpkeInfo {
  /** Id of the suite that it was prepared for. */
  readonly cipherSuite: number;
  /** `key_schedule_context` of base mode (RFC 9180 §5.1). */
  readonly keyScheduleContext: Bytes;
}

export interface HpkeSeal {
  readonly info: HpkeInfo;
  readonly plaintext: Uint8Array;
  /**
   * Where the ephemeral X25519, X448 or NIST-curve key comes from. ML-KEM's share of the hybrid
   * suite's encapsulation comes from the runtime's own randomness: WebCrypto takes none.
   */
  readonly random: Random;
}

export interface HpkeCiphertext {
  readonly kemOutput: Bytes;
  readonly ciphertext: Bytes;
}

export interface HpkeOpen {
  readonly info: HpkeInfo;
  readonly kemOutput: Uint8Array;
  readonly ciphertext: Uint8Array;
}

export interface HpkeExport {
  readonly info: HpkeInfo;
  readonly exporterContext: Uint8Array;
  readonly length: number;
  readonly random: Random;
}

export interface HpkeExported {
  readonly kemOutput: Bytes;
  readonly secret: Bytes;
}

export interface HpkeExportReceived {
  readonly info: HpkeInfo;
  readonly kemOutput: Uint8Array;
  readonly exporterContext: Uint8Array;
  readonly length: number;
}
