import { createCipheriv, createDecipheriv, createHash, createHmac } from "node:crypto";
import { assert } from "@qpq/ports";
import { type Bytes, bytesOf, concat, takenOf } from "./bytes.ts";
import type { AeadInput } from "./provider.ts";
import type { AeadName, HashName } from "./suites.ts";

/** A hash, with HMAC (RFC 2104) and HKDF (RFC 5869) over it. */
export interface Kdf {
  /** Bytes. */
  readonly hashLength: number;
  hash(data: Uint8Array): Bytes;
  hmac(key: Uint8Array, data: Uint8Array): Bytes;
  extract(salt: Uint8Array, inputKeyMaterial: Uint8Array): Bytes;
  expand(pseudorandomKey: Uint8Array, info: Uint8Array, length: number): Bytes;
}

/** An AEAD with a tag of 16 bytes at the end of its ciphertext (RFC 5116). */
export interface Aead {
  readonly keyLength: number;
  readonly nonceLength: number;
  readonly tagLength: number;
  seal(input: AeadInput): Bytes;
  open(input: AeadInput): Bytes | undefined;
}

const HASHES = {
  "SHA-256": { algorithm: "sha256", hashLength: 32 },
  "SHA-384": { algorithm: "sha384", hashLength: 48 },
  "SHA-512": { algorithm: "sha512", hashLength: 64 },
} as const satisfies Readonly<Record<HashName, unknown>>;

const AEADS = {
  "AES-128-GCM": { algorithm: "aes-128-gcm", keyLength: 16 },
  "AES-256-GCM": { algorithm: "aes-256-gcm", keyLength: 32 },
  "ChaCha20-Poly1305": { algorithm: "chacha20-poly1305", keyLength: 32 },
} as const satisfies Readonly<Record<AeadName, unknown>>;

const NONCE_LENGTH = 12;
const TAG_LENGTH = 16;

export function createKdf(name: HashName): Kdf {
  const { algorithm, hashLength } = HASHES[name];
  const hmac = (key: Uint8Array, data: Uint8Array): Bytes =>
    takenOf(createHmac(algorithm, key).update(data).digest());
  return {
    hashLength,
    hash: (data) => bytesOf(createHash(algorithm).update(data).digest()),
    hmac,
    // HMAC pads its key with zeros: an empty salt is the same as RFC 5869's default.
    extract: (salt, inputKeyMaterial) => hmac(salt, inputKeyMaterial),
    expand(pseudorandomKey, info, length) {
      assert(length <= 255 * hashLength, "HKDF-Expand gives at most 255 blocks");
      if (length <= hashLength) {
        const input = new Uint8Array(info.length + 1);
        input.set(info);
        input[info.length] = 1;
        const block = hmac(pseudorandomKey, input);
        if (length === hashLength) return block;
        const output = block.slice(0, length);
        block.fill(0);
        return output;
      }
      const output = new Uint8Array(length);
      let previous: Uint8Array = new Uint8Array();
      for (let offset = 0, counter = 1; offset < length; offset += hashLength, counter++) {
        const input = concat([previous, info, Uint8Array.of(counter)]);
        previous.fill(0);
        previous = hmac(pseudorandomKey, input);
        input.fill(0);
        output.set(previous.subarray(0, Math.min(hashLength, length - offset)), offset);
      }
      previous.fill(0);
      return output;
    },
  };
}

export function createAead(name: AeadName): Aead {
  const { algorithm, keyLength } = AEADS[name];
  // Node's typings name each algorithm in an overload of its own; all of them take these options.
  const cipherName = algorithm as "aes-128-gcm";
  const options = { authTagLength: TAG_LENGTH };
  return {
    keyLength,
    nonceLength: NONCE_LENGTH,
    tagLength: TAG_LENGTH,
    seal({ key, nonce, additionalData, text }) {
      const cipher = createCipheriv(cipherName, key, nonce, options);
      if (additionalData.length > 0) cipher.setAAD(additionalData);
      return concat([cipher.update(text), cipher.final(), cipher.getAuthTag()]);
    },
    open({ key, nonce, additionalData, text }) {
      // A key of another length comes from a damaged record: it opens nothing.
      if (key.length !== keyLength || nonce.length !== NONCE_LENGTH) return undefined;
      if (text.length < TAG_LENGTH) return undefined;
      const decipher = createDecipheriv(cipherName, key, nonce, options);
      if (additionalData.length > 0) decipher.setAAD(additionalData);
      const end = text.length - TAG_LENGTH;
      decipher.setAuthTag(text.subarray(end));
      const plaintext = takenOf(decipher.update(text.subarray(0, end)));
      try {
        decipher.final();
      } catch {
        plaintext.fill(0);
        return undefined;
      }
      return plaintext;
    },
  };
}
