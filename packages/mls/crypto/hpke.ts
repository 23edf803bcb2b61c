import type { Random } from "@qpq/ports";
import { ascii, type Bytes, concat, uint16 } from "./bytes.ts";
import type { Kem } from "./kem.ts";
import { createLabeledKdf } from "./labeled-kdf.ts";
import type { Aead, Kdf } from "./symmetric.ts";

/**
 * HPKE in base mode, one message a context (RFC 9180 §5.1.1 and §6.1), and its exporter. With an HKDF
 * its successor, draft-ietf-hpke-hpke-04, computes the same.
 */
export interface Hpke {
  /** `key_schedule_context` for `info`: the hashes that all recipients of one `info` share. */
  keyScheduleContext(info: Uint8Array): Bytes;
  seal(publicKey: Uint8Array, input: HpkeSealInput): Promise<HpkeSealed>;
  open(privateKey: Uint8Array, input: HpkeOpenInput): Promise<Bytes | undefined>;
  exportSender(publicKey: Uint8Array, input: HpkeExportSenderInput): Promise<HpkeExportSent>;
  exportReceiver(
    privateKey: Uint8Array,
    input: HpkeExportReceiverInput,
  ): Promise<Bytes | undefined>;
}

interface HpkeInput {
  readonly keyScheduleContext: Uint8Array;
}

export interface HpkeSealInput extends HpkeInput {
  readonly additionalData: Uint8Array;
  readonly plaintext: Uint8Array;
  readonly random: Random;
}

export interface HpkeOpenInput extends HpkeInput {
  readonly additionalData: Uint8Array;
  readonly kemOutput: Uint8Array;
  readonly ciphertext: Uint8Array;
}

export interface HpkeExportSenderInput extends HpkeInput {
  readonly exporterContext: Uint8Array;
  readonly length: number;
  readonly random: Random;
}

export interface HpkeExportReceiverInput extends HpkeInput {
  readonly exporterContext: Uint8Array;
  readonly length: number;
  readonly kemOutput: Uint8Array;
}

export interface HpkeSealed {
  readonly kemOutput: Bytes;
  readonly ciphertext: Bytes;
}

export interface HpkeExportSent {
  readonly kemOutput: Bytes;
  readonly secret: Bytes;
}

export interface HpkeParameters {
  readonly kem: Kem;
  readonly kdf: Kdf;
  readonly kdfId: number;
  readonly aead: Aead;
  readonly aeadId: number;
}

const EMPTY = new Uint8Array();
const MODE_BASE = Uint8Array.of(0x00);

export function createHpke({ kem, kdf, kdfId, aead, aeadId }: HpkeParameters): Hpke {
  const suiteId = concat([ascii("HPKE"), uint16(kem.id), uint16(kdfId), uint16(aeadId)]);
  const labeled = createLabeledKdf(kdf, suiteId);
  const pskIdHash = labeled.extract(EMPTY, "psk_id_hash", EMPTY);

  /** RFC 9180 §5.1, base mode: the shared secret is overwritten. */
  const scheduleSecret = (sharedSecret: Bytes): Bytes => {
    const secret = labeled.extract(sharedSecret, "secret", EMPTY);
    sharedSecret.fill(0);
    return secret;
  };

  /** The nonce of sequence number 0 is `base_nonce` itself (§5.2). */
  const messageKeys = (sharedSecret: Bytes, context: Uint8Array): MessageKeys => {
    const secret = scheduleSecret(sharedSecret);
    const key = labeled.expand(secret, "key", context, aead.keyLength);
    const nonce = labeled.expand(secret, "base_nonce", context, aead.nonceLength);
    secret.fill(0);
    return { key, nonce };
  };

  /** §5.3. */
  const exported = (
    sharedSecret: Bytes,
    context: Uint8Array,
    exporterContext: Uint8Array,
    length: number,
  ): Bytes => {
    const secret = scheduleSecret(sharedSecret);
    const exporterSecret = labeled.expand(secret, "exp", context, kdf.hashLength);
    secret.fill(0);
    const output = labeled.expand(exporterSecret, "sec", exporterContext, length);
    exporterSecret.fill(0);
    return output;
  };

  return {
    keyScheduleContext(info) {
      return concat([MODE_BASE, pskIdHash, labeled.extract(EMPTY, "info_hash", info)]);
    },
    async seal(publicKey, { keyScheduleContext, additionalData, plaintext, random }) {
      const { output, secret } = await kem.encapsulate(publicKey, random);
      const keys = messageKeys(secret, keyScheduleContext);
      const ciphertext = aead.seal({ ...keys, additionalData, text: plaintext });
      wipeKeys(keys);
      return { kemOutput: output, ciphertext };
    },
    async open(privateKey, { keyScheduleContext, additionalData, kemOutput, ciphertext }) {
      const secret = await kem.decapsulate(privateKey, kemOutput);
      if (secret === undefined) return undefined;
      const keys = messageKeys(secret, keyScheduleContext);
      const plaintext = aead.open({ ...keys, additionalData, text: ciphertext });
      wipeKeys(keys);
      return plaintext;
    },
    async exportSender(publicKey, { keyScheduleContext, exporterContext, length, random }) {
      const { output, secret } = await kem.encapsulate(publicKey, random);
      return {
        kemOutput: output,
        secret: exported(secret, keyScheduleContext, exporterContext, length),
      };
    },
    async exportReceiver(privateKey, { keyScheduleContext, exporterContext, length, kemOutput }) {
      const secret = await kem.decapsulate(privateKey, kemOutput);
      if (secret === undefined) return undefined;
      return exported(secret, keyScheduleContext, exporterContext, length);
    },
  };
}

interface MessageKeys {
  readonly key: Bytes;
  readonly nonce: Bytes;
}

function wipeKeys({ key, nonce }: MessageKeys): void {
  key.fill(0);
  nonce.fill(0);
}
