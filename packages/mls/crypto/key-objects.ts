import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { equalConstantTime, MessengerError } from "@qpq/ports";
import { type Bytes, bytesOf } from "./bytes.ts";

/** A key algorithm whose raw keys the runtime takes in DER only. */
export type KeyAlgorithm = keyof typeof KEY_FORMATS;

/**
 * Raw keys travel in MLS, DER goes into the runtime: `SubjectPublicKeyInfo` and `PrivateKeyInfo` of
 * RFC 8410 §4 and §7 and RFC 5480 §2, RFC 5915 §3 without the optional public key. Only the key's own
 * bytes vary, so each is a constant prefix.
 */
const KEY_FORMATS = {
  "X25519": {
    publicPrefix: "302a300506032b656e032100",
    privatePrefix: "302e020100300506032b656e04220420",
    publicLength: 32,
    privateLength: 32,
  },
  "Ed25519": {
    publicPrefix: "302a300506032b6570032100",
    privatePrefix: "302e020100300506032b657004220420",
    publicLength: 32,
    privateLength: 32,
  },
  "Ed448": {
    publicPrefix: "3043300506032b6571033a00",
    privatePrefix: "3047020100300506032b6571043b0439",
    publicLength: 57,
    privateLength: 57,
  },
  "P-256": {
    publicPrefix: "3059301306072a8648ce3d020106082a8648ce3d030107034200",
    privatePrefix: "3041020100301306072a8648ce3d020106082a8648ce3d030107042730250201010420",
    publicLength: 65,
    privateLength: 32,
  },
  "P-384": {
    publicPrefix: "3076301006072a8648ce3d020106052b81040022036200",
    privatePrefix: "304e020100301006072a8648ce3d020106052b81040022043730350201010430",
    publicLength: 97,
    privateLength: 48,
  },
  "P-521": {
    publicPrefix: "30819b301006072a8648ce3d020106052b8104002303818600",
    privatePrefix: "3060020100301006072a8648ce3d020106052b81040023044930470201010442",
    publicLength: 133,
    privateLength: 66,
  },
} as const;

/**
 * First byte of an uncompressed point, the only form that MLS has (RFC 9420 §5.1.1). This runtime takes no
 * other; OpenSSL takes the hybrid form 06, 07 too.
 */
const UNCOMPRESSED_POINT = 0x04;

/** Raw keys in, the runtime's key objects out; each is imported once. */
export interface KeyImporter {
  readonly publicLength: number;
  readonly privateLength: number;
  /** @returns undefined for a wrong length, a point that is not on the curve, or one that is refused */
  publicKey(raw: Uint8Array): KeyObject | undefined;
  /** @throws MessengerError `mls/invalid-key` */
  privateKey(raw: Uint8Array): ImportedPrivateKey;
  forget(raw: Uint8Array): void;
}

export interface ImportedPrivateKey {
  readonly key: KeyObject;
  readonly publicKey: Bytes;
}

/** @param isRefused public keys that are not to be used, though the runtime would */
export function createKeyImporter(
  algorithm: KeyAlgorithm,
  isRefused: (publicKey: Uint8Array) => boolean = () => false,
): KeyImporter {
  const { publicPrefix, privatePrefix, publicLength, privateLength } = KEY_FORMATS[algorithm];
  const publicHead = Uint8Array.fromHex(publicPrefix);
  const privateHead = Uint8Array.fromHex(privatePrefix);
  const isPoint = algorithm.startsWith("P-");
  const publicKeys = createKeyCache<KeyObject>();
  const privateKeys = createKeyCache<ImportedPrivateKey>();

  const importPublic = (raw: Uint8Array): KeyObject | undefined => {
    if (raw.length !== publicLength || (isPoint && raw[0] !== UNCOMPRESSED_POINT)) return undefined;
    if (isRefused(raw)) return undefined;
    try {
      return createPublicKey({ key: der(publicHead, raw), format: "der", type: "spki" });
    } catch {
      return undefined;
    }
  };

  const importPrivate = (raw: Uint8Array): ImportedPrivateKey => {
    if (raw.length !== privateLength) throw invalidKey(algorithm);
    const encoded = der(privateHead, raw);
    try {
      const key = createPrivateKey({ key: encoded, format: "der", type: "pkcs8" });
      const exported = createPublicKey(key).export({ format: "der", type: "spki" });
      return { key, publicKey: bytesOf(exported.subarray(exported.length - publicLength)) };
    } catch {
      // The cause is dropped: what a parser says of a private key belongs in no log.
      throw invalidKey(algorithm);
    } finally {
      encoded.fill(0);
    }
  };

  return {
    publicLength,
    privateLength,
    publicKey(raw) {
      const known = publicKeys.get(raw);
      if (known !== undefined) return known;
      const imported = importPublic(raw);
      if (imported !== undefined) publicKeys.set(raw, imported);
      return imported;
    },
    privateKey(raw) {
      const known = privateKeys.get(raw);
      if (known !== undefined) return known;
      const imported = importPrivate(raw);
      privateKeys.set(raw, imported);
      return imported;
    },
    forget: privateKeys.forget,
  };
}

/**
 * What was imported from a byte array, for as long as the array lives. A key is found by the array's
 * identity, and believed only while its bytes are the ones that were imported.
 */
export interface KeyCache<Imported> {
  get(raw: Uint8Array): Imported | undefined;
  set(raw: Uint8Array, imported: Imported): void;
  forget(raw: Uint8Array): void;
}

export function createKeyCache<Imported>(): KeyCache<Imported> {
  const entries = new WeakMap<Uint8Array, { readonly copy: Bytes; readonly imported: Imported }>();
  return {
    get(raw) {
      const entry = entries.get(raw);
      if (entry === undefined || !equalConstantTime(entry.copy, raw)) return undefined;
      return entry.imported;
    },
    set: (raw, imported) => entries.set(raw, { copy: bytesOf(raw), imported }),
    forget(raw) {
      entries.get(raw)?.copy.fill(0);
      entries.delete(raw);
    },
  };
}

export function invalidKey(algorithm: string): MessengerError {
  return new MessengerError("mls/invalid-key", `Cannot use ${algorithm} key: refused`);
}

function der(head: Uint8Array, raw: Uint8Array): Buffer {
  const encoded = Buffer.alloc(head.length + raw.length);
  encoded.set(head);
  encoded.set(raw, head.length);
  return encoded;
}
