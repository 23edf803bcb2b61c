import { assert, MessengerError } from "@qpq/ports";
import { createDiffieHellmanKem } from "./diffie-hellman.ts";
import { createHpke } from "./hpke.ts";
import type { Kem } from "./kem.ts";
import { type MlKem768, webCryptoMlKem768 } from "./ml-kem.ts";
import type { CipherSuite, CryptoProvider, HpkeInfo } from "./provider.ts";
import { createSignatureScheme } from "./signatures.ts";
import {
  type AeadName,
  CIPHER_SUITES,
  type HashName,
  type KemName,
  type SuiteParameters,
} from "./suites.ts";
import { createAead, createKdf } from "./symmetric.ts";
import { createXWing } from "./x-wing.ts";

/** HPKE KDF and AEAD identifiers (RFC 9180 §7.2, §7.3). */
const HPKE_KDF_IDS = {
  "SHA-256": 0x0001,
  "SHA-384": 0x0002,
  "SHA-512": 0x0003,
} as const satisfies Readonly<Record<HashName, number>>;
const HPKE_AEAD_IDS = {
  "AES-128-GCM": 0x0001,
  "AES-256-GCM": 0x0002,
  "ChaCha20-Poly1305": 0x0003,
} as const satisfies Readonly<Record<AeadName, number>>;

/**
 * All suites, from `node:crypto` and WebCrypto.
 *
 * Imported keys are remembered for as long as the caller's byte arrays live, per provider: make one
 * and pass it on.
 */
export function runtimeCryptoProvider(): CryptoProvider {
  return createCryptoProvider(webCryptoMlKem768());
}

/** The same with another ML-KEM: tests give one whose encapsulation follows `random`. */
export function createCryptoProvider<Decapsulation, Encapsulation>(
  mlKem: MlKem768<Decapsulation, Encapsulation>,
): CryptoProvider {
  const suites = new Map<number, CipherSuite>();
  const createKem = (name: KemName): Kem =>
    name === "X-Wing" ? createXWing(mlKem) : createDiffieHellmanKem(name);
  return {
    cipherSuites: [...CIPHER_SUITES.keys()],
    cipherSuite(id) {
      const known = suites.get(id);
      if (known !== undefined) return known;
      const parameters = CIPHER_SUITES.get(id);
      if (parameters === undefined) {
        throw new MessengerError(
          "mls/unsupported-cipher-suite",
          `Cannot use cipher suite ${id}: not supported`,
        );
      }
      const suite = createCipherSuite(id, parameters, createKem(parameters.kem));
      suites.set(id, suite);
      return suite;
    },
  };
}

const EMPTY = new Uint8Array();

function createCipherSuite(id: number, parameters: SuiteParameters, kem: Kem): CipherSuite {
  const kdf = createKdf(parameters.hash);
  const aead = createAead(parameters.aead);
  const signature = createSignatureScheme(parameters.signature);
  const hpke = createHpke({
    kem,
    kdf,
    kdfId: HPKE_KDF_IDS[parameters.hash],
    aead,
    aeadId: HPKE_AEAD_IDS[parameters.aead],
  });
  const contextOf = (info: HpkeInfo): Uint8Array => {
    assert(info.cipherSuite === id, "HPKE info was prepared for this suite");
    return info.keyScheduleContext;
  };
  return {
    id,
    name: parameters.name,
    hashLength: kdf.hashLength,
    aeadKeyLength: aead.keyLength,
    aeadNonceLength: aead.nonceLength,
    aeadTagLength: aead.tagLength,
    signaturePublicKeyLength: signature.publicKeyLength,
    signaturePrivateKeyLength: signature.privateKeyLength,
    hpkePublicKeyLength: kem.publicKeyLength,
    hpkePrivateKeyLength: kem.privateKeyLength,
    kemOutputLength: kem.outputLength,
    kemSecretLength: kem.secretLength,

    hash: kdf.hash,
    hmac: kdf.hmac,
    hkdfExtract: kdf.extract,
    hkdfExpand: kdf.expand,
    aeadSeal: aead.seal,
    aeadOpen: aead.open,
    aeadSealing: (input) => aead.sealing(input),
    aeadOpening: (input) => aead.opening(input),

    generateSignatureKeyPair: signature.generateKeyPair,
    signatureKeyPair: signature.keyPair,
    sign: signature.sign,
    verify: signature.verify,
    isSignaturePublicKey: signature.isPublicKey,

    deriveKeyPair: kem.deriveKeyPair,
    generateHpkeKeyPair: kem.generateKeyPair,
    isHpkePublicKey: kem.isPublicKey,
    prepareInfo: (info) => ({ cipherSuite: id, keyScheduleContext: hpke.keyScheduleContext(info) }),
    hpkeSeal: (publicKey, { info, plaintext, random }) =>
      hpke.seal(publicKey, {
        keyScheduleContext: contextOf(info),
        additionalData: EMPTY,
        plaintext,
        random,
      }),
    hpkeOpen: (privateKey, { info, kemOutput, ciphertext }) =>
      hpke.open(privateKey, {
        keyScheduleContext: contextOf(info),
        additionalData: EMPTY,
        kemOutput,
        ciphertext,
      }),
    hpkeExportSender: (publicKey, { info, exporterContext, length, random }) =>
      hpke.exportSender(publicKey, {
        keyScheduleContext: contextOf(info),
        exporterContext,
        length,
        random,
      }),
    hpkeExportReceiver: (privateKey, { info, exporterContext, length, kemOutput }) =>
      hpke.exportReceiver(privateKey, {
        keyScheduleContext: contextOf(info),
        exporterContext,
        length,
        kemOutput,
      }),

    destroyKey(privateKey) {
      kem.forget(privateKey);
      signature.forget(privateKey);
      privateKey.fill(0);
    },
  };
}
