import { diffieHellman, type KeyObject } from "node:crypto";
import { assert, type Random } from "@qpq/ports";
import { ascii, type Bytes, bytesOf, concat, takenOf, uint16 } from "./bytes.ts";
import type { Kem } from "./kem.ts";
import { webCryptoX448, X448_LENGTH } from "./x448.ts";
import { createKeyImporter, invalidKey } from "./key-objects.ts";
import { createLabeledKdf } from "./labeled-kdf.ts";
import type { KeyPair } from "./provider.ts";
import { createKdf } from "./symmetric.ts";
import type { HashName } from "./suites.ts";

export type GroupName = "X25519" | "X448" | "P-256" | "P-384" | "P-521";

/** RFC 9180 §7.1. `order` and `firstByteMask`: §7.1.3, for the rejection sampling of NIST scalars. */
const GROUPS = {
  "X25519": {
    privateKeyLength: 32,
    id: 0x0020,
    hash: "SHA-256",
    secretLength: 32,
    sampling: undefined,
  },
  "X448": {
    privateKeyLength: 56,
    id: 0x0021,
    hash: "SHA-512",
    secretLength: 64,
    sampling: undefined,
  },
  "P-256": {
    privateKeyLength: 32,
    id: 0x0010,
    hash: "SHA-256",
    secretLength: 32,
    sampling: {
      firstByteMask: 0xff,
      order: "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
    },
  },
  "P-384": {
    privateKeyLength: 48,
    id: 0x0011,
    hash: "SHA-384",
    secretLength: 48,
    sampling: {
      firstByteMask: 0xff,
      order: "ffffffffffffffffffffffffffffffffffffffffffffffff" +
        "c7634d81f4372ddf581a0db248b0a77aecec196accc52973",
    },
  },
  "P-521": {
    privateKeyLength: 66,
    id: 0x0012,
    hash: "SHA-512",
    secretLength: 64,
    sampling: {
      firstByteMask: 0x01,
      order: "01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa" +
        "51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409",
    },
  },
} as const satisfies Readonly<Record<GroupName, GroupParameters>>;

interface GroupParameters {
  readonly privateKeyLength: number;
  readonly id: number;
  readonly hash: HashName;
  readonly secretLength: number;
  readonly sampling: { readonly firstByteMask: number; readonly order: string } | undefined;
}

/**
 * Points u of X25519 and X448 whose order is at most 8 or 4, mod p and in every encoding of 32 or 56
 * bytes (RFC 7748 §6: their shared secret is zero). For X25519 the top bit is ignored, so it is
 * masked first.
 */
const SMALL_ORDER = {
  "X25519": [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  ],
  "X448": [
    "00".repeat(56),
    "01" + "00".repeat(55),
    "fe" + "ff".repeat(27) + "fe" + "ff".repeat(27),
    "ff".repeat(28) + "fe" + "ff".repeat(27),
    "00".repeat(28) + "ff".repeat(28),
  ],
  "P-256": [],
  "P-384": [],
  "P-521": [],
} as const satisfies Readonly<Record<GroupName, readonly string[]>>;

/** A Diffie-Hellman group: keys in, a shared secret out. */
export interface Group {
  readonly parameters: GroupParameters;
  readonly publicKeyLength: number;
  readonly privateKeyLength: number;
  /** @throws MessengerError `mls/invalid-key` */
  publicKeyOf(privateKey: Uint8Array): Awaitable<Bytes>;
  isPublicKey(publicKey: Uint8Array): boolean;
  /**
   * @returns undefined for a public key that is malformed, off its curve, or of small order
   * @throws MessengerError `mls/invalid-key`: the private key is refused
   */
  agree(privateKey: Uint8Array, publicKey: Uint8Array): Awaitable<Bytes | undefined>;
  forget(privateKey: Uint8Array): void;
}

/** X448 is in WebCrypto only (see there), which is asynchronous. */
export type Awaitable<T> = T | Promise<T>;

export function createGroup(name: GroupName): Group {
  const smallOrder: ReadonlySet<string> = new Set(SMALL_ORDER[name]);
  const isSmallOrder = (key: Uint8Array): boolean => smallOrder.has(canonicalHex(name, key));
  return name === "X448"
    ? createX448Group(GROUPS[name], isSmallOrder)
    : createKeyObjectGroup(name, isSmallOrder);
}

function createX448Group(parameters: GroupParameters, isSmallOrder: KeyPredicate): Group {
  const x448 = webCryptoX448();
  return {
    parameters,
    publicKeyLength: X448_LENGTH,
    privateKeyLength: X448_LENGTH,
    publicKeyOf: x448.publicKeyOf,
    isPublicKey: (key) => key.length === X448_LENGTH && !isSmallOrder(key),
    agree: x448.agree,
    forget: x448.forget,
  };
}

type KeyPredicate = (key: Uint8Array) => boolean;

function createKeyObjectGroup(
  name: Exclude<GroupName, "X448">,
  isSmallOrder: KeyPredicate,
): Group {
  const importer = createKeyImporter(name);
  return {
    parameters: GROUPS[name],
    publicKeyLength: importer.publicLength,
    privateKeyLength: importer.privateLength,
    publicKeyOf: (privateKey) => bytesOf(importer.privateKey(privateKey).publicKey),
    isPublicKey: (key) => importer.publicKey(key) !== undefined && !isSmallOrder(key),
    agree(privateKey, publicKey) {
      const own = importer.privateKey(privateKey);
      const other = importer.publicKey(publicKey);
      return other === undefined ? undefined : agree(own.key, other);
    },
    forget: importer.forget,
  };
}

function agree(privateKey: KeyObject, publicKey: KeyObject): Bytes | undefined {
  let secret: Bytes;
  try {
    secret = takenOf(diffieHellman({ privateKey, publicKey }));
  } catch {
    return undefined;
  }
  // RFC 9180 §7.1.4. Some runtimes refuse the all-zero result themselves, some return it.
  let any = 0;
  for (const byte of secret) any |= byte;
  return any === 0 ? undefined : secret;
}

function canonicalHex(name: GroupName, publicKey: Uint8Array): string {
  const copy = bytesOf(publicKey);
  if (name === "X25519") copy[31] = (copy[31] as number) & 0x7f;
  return copy.toHex();
}

/** DHKEM (RFC 9180 §4.1). */
export function createDiffieHellmanKem(name: GroupName): Kem {
  const group = createGroup(name);
  const { id, hash, secretLength, sampling } = group.parameters;
  const kdf = createLabeledKdf(createKdf(hash), concat([ascii("KEM"), uint16(id)]));
  const order = sampling === undefined ? undefined : Uint8Array.fromHex(sampling.order);

  const derivePrivateKey = (inputKeyMaterial: Uint8Array): Bytes => {
    const pseudorandomKey = kdf.extract(EMPTY, "dkp_prk", inputKeyMaterial);
    if (sampling === undefined || order === undefined) {
      return kdf.expand(pseudorandomKey, "sk", EMPTY, group.privateKeyLength);
    }
    for (let counter = 0; counter < CANDIDATES_MAX; counter++) {
      const candidate = kdf.expand(
        pseudorandomKey,
        "candidate",
        Uint8Array.of(counter),
        group.privateKeyLength,
      );
      candidate[0] = (candidate[0] as number) & sampling.firstByteMask;
      if (isScalar(candidate, order)) return candidate;
    }
    // Less likely than 2^-8000 (RFC 9180 §7.1.3).
    assert(false, "255 candidates in a row were not scalars of the curve");
  };

  const deriveKeyPair = async (inputKeyMaterial: Uint8Array): Promise<KeyPair> => {
    const privateKey = derivePrivateKey(inputKeyMaterial);
    return { privateKey, publicKey: await group.publicKeyOf(privateKey) };
  };

  const generateKeyPair = async (random: Random): Promise<KeyPair> => {
    const privateKey = drawPrivateKey(name, random);
    return { privateKey, publicKey: await group.publicKeyOf(privateKey) };
  };

  const extractAndExpand = (agreed: Bytes, kemContext: Uint8Array): Bytes => {
    const pseudorandomKey = kdf.extract(EMPTY, "eae_prk", agreed);
    const secret = kdf.expand(pseudorandomKey, "shared_secret", kemContext, secretLength);
    agreed.fill(0);
    pseudorandomKey.fill(0);
    return secret;
  };

  return {
    id,
    secretLength,
    outputLength: group.publicKeyLength,
    publicKeyLength: group.publicKeyLength,
    privateKeyLength: group.privateKeyLength,
    deriveKeyPair,
    generateKeyPair,
    isPublicKey: group.isPublicKey,
    async encapsulate(publicKey, random) {
      const ephemeral = await generateKeyPair(random);
      const agreed = await group.agree(ephemeral.privateKey, publicKey);
      group.forget(ephemeral.privateKey);
      ephemeral.privateKey.fill(0);
      if (agreed === undefined) throw invalidKey(name);
      const secret = extractAndExpand(agreed, concat([ephemeral.publicKey, publicKey]));
      return { output: ephemeral.publicKey, secret };
    },
    async decapsulate(privateKey, output) {
      const publicKey = await group.publicKeyOf(privateKey);
      const agreed = await group.agree(privateKey, output);
      if (agreed === undefined) return undefined;
      return extractAndExpand(agreed, concat([output, publicKey]));
    },
    forget: group.forget,
  };
}

/**
 * A uniform private key: any string is one of X25519 and X448 (RFC 7748 §5), and of NIST curves a scalar
 * between 0 and the order, by rejection (FIPS 186-5 A.2.2).
 */
export function drawPrivateKey(name: GroupName, random: Random): Bytes {
  const { sampling } = GROUPS[name];
  if (sampling === undefined) return random.bytes(GROUPS[name].privateKeyLength);
  const order = Uint8Array.fromHex(sampling.order);
  for (let attempt = 0; attempt < CANDIDATES_MAX; attempt++) {
    const candidate = random.bytes(order.length);
    candidate[0] = (candidate[0] as number) & sampling.firstByteMask;
    if (isScalar(candidate, order)) return candidate;
  }
  assert(false, "255 random strings in a row were not scalars of the curve");
}

const CANDIDATES_MAX = 255;
const EMPTY = new Uint8Array();

/** Whether 0 < candidate < order, both big-endian and of one length, in time independent of them. */
function isScalar(candidate: Uint8Array, order: Uint8Array): boolean {
  let borrow = 0;
  let any = 0;
  for (let index = candidate.length - 1; index >= 0; index--) {
    const difference = (candidate[index] as number) - (order[index] as number) - borrow;
    borrow = (difference >> 8) & 1;
    any |= candidate[index] as number;
  }
  return borrow === 1 && any !== 0;
}
