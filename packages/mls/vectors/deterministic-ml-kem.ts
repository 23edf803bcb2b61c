import { ml_kem768 } from "@noble/post-quantum/ml-kem.js";
import type { MlKem768 } from "../crypto/ml-kem.ts";

/**
 * ML-KEM of `@noble/post-quantum`, whose encapsulation follows `random`: an independent implementation
 * to check against, and the only way to the same bytes twice. For tests and vectors only.
 */
export function deterministicMlKem768(): MlKem768<Uint8Array, Uint8Array> {
  return {
    async keyFromSeed(seed) {
      const { secretKey, publicKey } = ml_kem768.keygen(seed);
      return { key: secretKey, publicKey: new Uint8Array(publicKey) };
    },
    importPublicKey: async (publicKey) => publicKey,
    async encapsulate(publicKey, random) {
      const { cipherText, sharedSecret } = ml_kem768.encapsulate(publicKey, random.bytes(32));
      return { ciphertext: new Uint8Array(cipherText), secret: new Uint8Array(sharedSecret) };
    },
    decapsulate: async (key, ciphertext) => new Uint8Array(ml_kem768.decapsulate(ciphertext, key)),
  };
}
