import { createCipheriv, createDecipheriv, createHash, createHmac } from "node:crypto";
import type { CipherGCM, DecipherGCM } from "node:crypto";
import { assert } from "@qpq/ports";
import { CIPHER_SLICE_BYTES, type Slices } from "../slices.ts";
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
  /** The same in slices of `CIPHER_SLICE_BYTES`. */
  sealing(input: AeadInput): Slices<Bytes>;
  opening(input: AeadInput): Slices<Bytes | undefined>;
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
  const cipherOf = ({ key, nonce, additionalData }: AeadInput): CipherGCM => {
    const cipher = createCipheriv(cipherName, key, nonce, options);
    if (additionalData.length > 0) cipher.setAAD(additionalData);
    return cipher;
  };
  const decipherOf = ({ key, nonce, additionalData, text }: AeadInput): DecipherGCM | undefined => {
    // A key of another length comes from a damaged record: it opens nothing.
    if (key.length !== keyLength || nonce.length !== NONCE_LENGTH) return undefined;
    if (text.length < TAG_LENGTH) return undefined;
    const decipher = createDecipheriv(cipherName, key, nonce, options);
    if (additionalData.length > 0) decipher.setAAD(additionalData);
    decipher.setAuthTag(text.subarray(text.length - TAG_LENGTH));
    return decipher;
  };
  return {
    keyLength,
    nonceLength: NONCE_LENGTH,
    tagLength: TAG_LENGTH,
    seal(input) {
      const cipher = cipherOf(input);
      return concat([cipher.update(input.text), cipher.final(), cipher.getAuthTag()]);
    },
    open(input) {
      const decipher = decipherOf(input);
      if (decipher === undefined) return undefined;
      const end = input.text.length - TAG_LENGTH;
      const plaintext = takenOf(decipher.update(input.text.subarray(0, end)));
      if (isFinal(decipher)) return plaintext;
      plaintext.fill(0);
      return undefined;
    },
    *sealing(input) {
      const { text } = input;
      if (text.length <= CIPHER_SLICE_BYTES) return this.seal(input);
      const cipher = cipherOf(input);
      const sealed = new Uint8Array(text.length + TAG_LENGTH);
      yield* updating(cipher, text, sealed);
      cipher.final();
      sealed.set(cipher.getAuthTag(), text.length);
      return sealed;
    },
    *opening(input) {
      const end = input.text.length - TAG_LENGTH;
      if (end <= CIPHER_SLICE_BYTES) return this.open(input);
      const decipher = decipherOf(input);
      if (decipher === undefined) return undefined;
      const plaintext = new Uint8Array(end);
      using refused = new DisposableStack();
      refused.defer(() => plaintext.fill(0));
      yield* updating(decipher, input.text.subarray(0, end), plaintext);
      if (!isFinal(decipher)) return undefined;
      refused.move();
      return plaintext;
    },
  };
}

function isFinal(decipher: DecipherGCM): boolean {
  try {
    decipher.final();
    return true;
  } catch {
    return false;
  }
}

/** Both directions: what a stream cipher gives has the length of what it takes. */
function* updating(
  cipher: CipherGCM | DecipherGCM,
  text: Uint8Array,
  output: Uint8Array,
): Slices<void> {
  for (let start = 0; start < text.length; start += CIPHER_SLICE_BYTES) {
    if (start > 0) yield;
    const part = cipher.update(text.subarray(start, start + CIPHER_SLICE_BYTES));
    output.set(part, start);
    part.fill(0);
  }
}
