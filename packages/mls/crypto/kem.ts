import type { Random } from "@qpq/ports";
import type { Bytes } from "./bytes.ts";
import type { KeyPair } from "./provider.ts";

/** The KEM interface of HPKE (RFC 9180 §4), raw keys at its edge. Lengths are bytes. */
export interface Kem {
  /** HPKE KEM identifier (RFC 9180 §7.1). */
  readonly id: number;
  readonly secretLength: number;
  readonly outputLength: number;
  readonly publicKeyLength: number;
  readonly privateKeyLength: number;
  deriveKeyPair(inputKeyMaterial: Uint8Array): Promise<KeyPair>;
  generateKeyPair(random: Random): Promise<KeyPair>;
  isPublicKey(publicKey: Uint8Array): boolean;
  /** @throws MessengerError `mls/invalid-key` */
  encapsulate(publicKey: Uint8Array, random: Random): Promise<Encapsulation>;
  /**
   * @returns undefined when `output` is malformed or leads to an all-zero Diffie-Hellman result
   * @throws MessengerError `mls/invalid-key` for a private key of the wrong length
   */
  decapsulate(privateKey: Uint8Array, output: Uint8Array): Promise<Bytes | undefined>;
  forget(privateKey: Uint8Array): void;
}

export interface Encapsulation {
  readonly output: Bytes;
  readonly secret: Bytes;
}
