import { createHash } from "node:crypto";
import { assert, type Random } from "@qpq/ports";
import { ascii, type Bytes, concat, takenOf, uint16 } from "./bytes.ts";
import { createGroup } from "./diffie-hellman.ts";
import type { Kem } from "./kem.ts";
import { createKeyCache, invalidKey } from "./key-objects.ts";
import {
  isMlKem768PublicKey,
  ML_KEM_768_CIPHERTEXT_LENGTH,
  ML_KEM_768_PUBLIC_KEY_LENGTH,
  ML_KEM_768_SEED_LENGTH,
  type MlKem768,
} from "./ml-kem.ts";
import type { KeyPair } from "./provider.ts";

/** 25519 + 203. */
const KEM_ID = 0x647a;
const X25519_LENGTH = 32;
const SEED_LENGTH = 32;
const PUBLIC_KEY_LENGTH = ML_KEM_768_PUBLIC_KEY_LENGTH + X25519_LENGTH;
const OUTPUT_LENGTH = ML_KEM_768_CIPHERTEXT_LENGTH + X25519_LENGTH;
const LABEL = Uint8Array.fromHex("5c2e2f2f5e5c");

/**
 * X-Wing (draft-connolly-cfrg-xwing-kem-10), which draft-ietf-hpke-pq-05 §4 calls MLKEM768-X25519: secret
 * while either X25519 or ML-KEM-768 is.
 *
 * The two drafts give HPKE's DeriveKeyPair differently: X-Wing's §5.6 hashes the bare input,
 * hpke-pq's §4 labels it. draft-ietf-mls-pq-ciphersuites-06 §2 takes its KEMs from hpke-pq, so this
 * does. Keys and ciphertexts are otherwise the same.
 */
export function createXWing<Decapsulation, Encapsulation>(
  mlKem: MlKem768<Decapsulation, Encapsulation>,
): Kem {
  const group = createGroup("X25519");
  const expandedKeys = createKeyCache<Promise<Expanded<Decapsulation>>>();
  const publicKeys = createKeyCache<PublicKey<Encapsulation>>();

  /** `expandDecapsulationKey`, §5.2. */
  const expand = async (seed: Uint8Array): Promise<Expanded<Decapsulation>> => {
    const expanded = shake256(seed, ML_KEM_768_SEED_LENGTH + X25519_LENGTH);
    const mlKemSeed = expanded.subarray(0, ML_KEM_768_SEED_LENGTH);
    const x25519Private = expanded.slice(ML_KEM_768_SEED_LENGTH);
    try {
      const { key, publicKey } = await mlKem.keyFromSeed(mlKemSeed);
      return {
        mlKemKey: key,
        mlKemPublic: publicKey,
        x25519Private,
        x25519Public: await group.publicKeyOf(x25519Private),
      };
    } finally {
      expanded.fill(0);
    }
  };

  const expanded = (privateKey: Uint8Array): Promise<Expanded<Decapsulation>> => {
    if (privateKey.length !== SEED_LENGTH) throw invalidKey("X-Wing");
    const known = expandedKeys.get(privateKey);
    if (known !== undefined) return known;
    const pending = expand(privateKey);
    expandedKeys.set(privateKey, pending);
    pending.catch(() => expandedKeys.forget(privateKey));
    return pending;
  };

  const pairOf = async (privateKey: Bytes): Promise<KeyPair> => {
    const { mlKemPublic, x25519Public } = await expanded(privateKey);
    return { privateKey, publicKey: concat([mlKemPublic, x25519Public]) };
  };

  const split = (publicKey: Uint8Array): PublicKey<Encapsulation> | undefined => {
    const known = publicKeys.get(publicKey);
    if (known !== undefined) return known;
    if (publicKey.length !== PUBLIC_KEY_LENGTH) return undefined;
    const mlKemPublic = publicKey.subarray(0, ML_KEM_768_PUBLIC_KEY_LENGTH);
    const x25519Public = publicKey.slice(ML_KEM_768_PUBLIC_KEY_LENGTH);
    if (!isMlKem768PublicKey(mlKemPublic) || !group.isPublicKey(x25519Public)) return undefined;
    const checked = { mlKemPublic, x25519Public, imported: undefined };
    publicKeys.set(publicKey, checked);
    return checked;
  };

  return {
    id: KEM_ID,
    secretLength: 32,
    outputLength: OUTPUT_LENGTH,
    publicKeyLength: PUBLIC_KEY_LENGTH,
    privateKeyLength: SEED_LENGTH,
    deriveKeyPair: (inputKeyMaterial) => pairOf(deriveSeed(inputKeyMaterial)),
    generateKeyPair: (random) => pairOf(random.bytes(SEED_LENGTH)),
    isPublicKey: (publicKey) => split(publicKey) !== undefined,

    /** §5.4. */
    async encapsulate(publicKey, random: Random) {
      const recipient = split(publicKey);
      if (recipient === undefined) throw invalidKey("X-Wing");
      recipient.imported ??= mlKem.importPublicKey(recipient.mlKemPublic);
      const post = recipient.imported.then((key) => mlKem.encapsulate(key, random));
      // While ML-KEM runs on another thread.
      const ephemeral = random.bytes(X25519_LENGTH);
      const x25519Output = await group.publicKeyOf(ephemeral);
      const x25519Secret = await group.agree(ephemeral, recipient.x25519Public);
      group.forget(ephemeral);
      ephemeral.fill(0);
      const { ciphertext, secret } = await post;
      assert(x25519Secret !== undefined, "a key of small order was refused before");
      return {
        output: concat([ciphertext, x25519Output]),
        secret: combine(secret, x25519Secret, x25519Output, recipient.x25519Public),
      };
    },

    /** §5.5. */
    async decapsulate(privateKey, output) {
      const own = await expanded(privateKey);
      if (output.length !== OUTPUT_LENGTH) return undefined;
      const x25519Output = output.subarray(ML_KEM_768_CIPHERTEXT_LENGTH);
      const x25519Secret = await group.agree(own.x25519Private, x25519Output);
      if (x25519Secret === undefined) return undefined;
      const secret = await mlKem.decapsulate(
        own.mlKemKey,
        output.subarray(0, ML_KEM_768_CIPHERTEXT_LENGTH),
      );
      return combine(secret, x25519Secret, x25519Output, own.x25519Public);
    },

    forget(privateKey) {
      const known = expandedKeys.get(privateKey);
      expandedKeys.forget(privateKey);
      known?.then(({ x25519Private }) => {
        group.forget(x25519Private);
        x25519Private.fill(0);
      }, () => {});
    },
  };
}

interface Expanded<Decapsulation> {
  readonly mlKemKey: Decapsulation;
  readonly mlKemPublic: Bytes;
  readonly x25519Private: Bytes;
  readonly x25519Public: Bytes;
}

interface PublicKey<Encapsulation> {
  readonly mlKemPublic: Uint8Array;
  readonly x25519Public: Bytes;
  imported: Promise<Encapsulation> | undefined;
}

const DERIVE_SUFFIX = concat([
  ascii("HPKE-v1"),
  ascii("KEM"),
  uint16(KEM_ID),
  uint16("DeriveKeyPair".length),
  ascii("DeriveKeyPair"),
  uint16(SEED_LENGTH),
]);

/** `SHAKE256.LabeledDerive(ikm, "DeriveKeyPair", "", 32)`: draft-ietf-hpke-pq-05 §4 and draft-ietf-hpke-hpke-04. */
function deriveSeed(inputKeyMaterial: Uint8Array): Bytes {
  const labeled = concat([inputKeyMaterial, DERIVE_SUFFIX]);
  const seed = shake256(labeled, SEED_LENGTH);
  labeled.fill(0);
  return seed;
}

/** §5.3. Takes over both secrets and overwrites them. */
function combine(
  mlKemSecret: Bytes,
  x25519Secret: Bytes,
  x25519Output: Uint8Array,
  x25519Public: Uint8Array,
): Bytes {
  const hash = createHash("sha3-256");
  for (const part of [mlKemSecret, x25519Secret, x25519Output, x25519Public, LABEL]) {
    hash.update(part);
  }
  mlKemSecret.fill(0);
  x25519Secret.fill(0);
  return takenOf(hash.digest());
}

function shake256(data: Uint8Array, outputLength: number): Bytes {
  return takenOf(createHash("shake256", { outputLength }).update(data).digest());
}
