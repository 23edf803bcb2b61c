import { encode } from "../codec/codec.ts";
import type { CipherSuite } from "../crypto/provider.ts";
import {
  epochFromJoinerSecret,
  exportFromSecret,
  externalKeyPair,
  joinerSecret,
  type PreSharedKey,
  pskSecret,
  welcomeSecret,
} from "../keys/key-schedule.ts";
import { createSecretTree, openLeaf } from "../keys/secret-tree.ts";
import { keyToReceive } from "../keys/sender-ratchet.ts";
import {
  deriveSecret,
  deriveTreeSecret,
  encryptPrepared,
  expandWithLabel,
  prepareEncryption,
  refHash,
  type SignatureLabel,
  signWithLabel,
} from "../labels.ts";
import { type GroupContext, groupContext } from "../wire/group-info.ts";
import { seededRandom } from "./seeded-random.ts";

/** Vectors in the working group's formats for a suite that it has none of. */
export type OwnVectors = Readonly<Record<string, unknown>>;

export async function ownCryptoBasics(crypto: CipherSuite): Promise<OwnVectors> {
  const random = seededRandom("own/crypto-basics");
  const secret = random.bytes(crypto.hashLength);
  const value = random.bytes(40);
  const context = random.bytes(20);
  const plaintext = random.bytes(crypto.hashLength);
  const signer = crypto.generateSignatureKeyPair(random);
  const recipient = await crypto.deriveKeyPair(random.bytes(crypto.hashLength));
  const info = prepareEncryption(crypto, "Welcome", context);
  const sealed = await encryptPrepared(crypto, recipient.publicKey, { info, plaintext, random });
  const signed = { label: "LeafNodeTBS" as SignatureLabel, content: value };
  return {
    cipher_suite: crypto.id,
    ref_hash: {
      label: "RefHash",
      value: value.toHex(),
      out: refHash(crypto, "RefHash", value).toHex(),
    },
    expand_with_label: {
      secret: secret.toHex(),
      label: "ExpandWithLabel",
      context: context.toHex(),
      length: 77,
      out: expandWithLabel(crypto, secret, { label: "ExpandWithLabel", context, length: 77 })
        .toHex(),
    },
    derive_secret: {
      secret: secret.toHex(),
      label: "DeriveSecret",
      out: deriveSecret(crypto, secret, "DeriveSecret").toHex(),
    },
    derive_tree_secret: {
      secret: secret.toHex(),
      label: "DeriveTreeSecret",
      generation: 7,
      length: 32,
      out: deriveTreeSecret(crypto, secret, {
        label: "DeriveTreeSecret",
        generation: 7,
        length: 32,
      }).toHex(),
    },
    sign_with_label: {
      priv: signer.privateKey.toHex(),
      pub: signer.publicKey.toHex(),
      content: value.toHex(),
      label: signed.label,
      signature: signWithLabel(crypto, signer.privateKey, signed).toHex(),
    },
    encrypt_with_label: {
      priv: recipient.privateKey.toHex(),
      pub: recipient.publicKey.toHex(),
      label: "Welcome",
      context: context.toHex(),
      plaintext: plaintext.toHex(),
      kem_output: sealed.kemOutput.toHex(),
      ciphertext: sealed.ciphertext.toHex(),
    },
  };
}

export function ownPskSecret(crypto: CipherSuite): OwnVectors {
  const random = seededRandom("own/psk_secret");
  const psks = Array.from({ length: 3 }, (): PreSharedKey => ({
    id: { kind: "external", pskId: random.bytes(12), pskNonce: random.bytes(crypto.hashLength) },
    psk: random.bytes(32),
  }));
  return {
    cipher_suite: crypto.id,
    psks: psks.map(({ id, psk }) => ({
      psk_id: id.kind === "external" ? id.pskId.toHex() : "",
      psk: psk.toHex(),
      psk_nonce: id.pskNonce.toHex(),
    })),
    psk_secret: pskSecret(crypto, psks).toHex(),
  };
}

const EPOCHS_COUNT = 2;

export async function ownKeySchedule(crypto: CipherSuite): Promise<OwnVectors> {
  const random = seededRandom("own/key-schedule");
  const groupId = random.bytes(16);
  const initialInitSecret = random.bytes(crypto.hashLength);
  let initSecret = initialInitSecret;
  const epochs: OwnVectors[] = [];
  for (let epoch = 0; epoch < EPOCHS_COUNT; epoch++) {
    const context: GroupContext = {
      version: 1,
      cipherSuite: crypto.id,
      groupId,
      epoch: BigInt(epoch),
      treeHash: random.bytes(crypto.hashLength),
      confirmedTranscriptHash: random.bytes(crypto.hashLength),
      extensions: [],
    };
    const commitSecret = random.bytes(crypto.hashLength);
    const psk = random.bytes(crypto.hashLength);
    const joiner = joinerSecret(crypto, { initSecret, commitSecret, context });
    const welcome = welcomeSecret(crypto, joiner, psk);
    const { secrets, encryptionSecret } = epochFromJoinerSecret(crypto, {
      joinerSecret: joiner,
      pskSecret: psk,
      context,
    });
    const exporter = { label: "exporter", context: random.bytes(8), length: 40 };
    epochs.push({
      tree_hash: context.treeHash.toHex(),
      commit_secret: commitSecret.toHex(),
      psk_secret: psk.toHex(),
      confirmed_transcript_hash: context.confirmedTranscriptHash.toHex(),
      group_context: encode(groupContext, context).toHex(),
      joiner_secret: joiner.toHex(),
      welcome_secret: welcome.toHex(),
      init_secret: secrets.initSecret.toHex(),
      sender_data_secret: secrets.senderDataSecret.toHex(),
      encryption_secret: encryptionSecret.toHex(),
      exporter_secret: secrets.exporterSecret.toHex(),
      epoch_authenticator: secrets.epochAuthenticator.toHex(),
      external_secret: secrets.externalSecret.toHex(),
      confirmation_key: secrets.confirmationKey.toHex(),
      membership_key: secrets.membershipKey.toHex(),
      resumption_psk: secrets.resumptionPsk.toHex(),
      external_pub: (await externalKeyPair(crypto, secrets)).publicKey.toHex(),
      exporter: {
        label: exporter.label,
        context: exporter.context.toHex(),
        length: exporter.length,
        secret: exportFromSecret(crypto, secrets.exporterSecret, exporter).toHex(),
      },
    });
    initSecret = secrets.initSecret;
  }
  return {
    cipher_suite: crypto.id,
    group_id: groupId.toHex(),
    initial_init_secret: initialInitSecret.toHex(),
    epochs,
  };
}

export function ownSecretTree(crypto: CipherSuite): OwnVectors {
  const random = seededRandom("own/secret-tree");
  const encryptionSecret = random.bytes(crypto.hashLength);
  const senderDataSecret = random.bytes(crypto.hashLength);
  const ciphertext = random.bytes(77);
  const context = ciphertext.subarray(0, crypto.hashLength);
  const leafCount = 4;
  const leaves = Array.from({ length: leafCount }, (_, leafIndex) => {
    const tree = createSecretTree(encryptionSecret.slice());
    const { ratchets } = openLeaf(crypto, tree, { leafIndex, leafCount });
    return [0, 3].map((generation) => {
      const keyOf = (type: "handshake" | "application") => {
        const received = keyToReceive(crypto, ratchets[type], generation);
        return received.kind === "key" ? received.messageKey : undefined;
      };
      return {
        generation,
        handshake_key: keyOf("handshake")?.key.toHex(),
        handshake_nonce: keyOf("handshake")?.nonce.toHex(),
        application_key: keyOf("application")?.key.toHex(),
        application_nonce: keyOf("application")?.nonce.toHex(),
      };
    });
  });
  const expand = (label: string, length: number): string =>
    expandWithLabel(crypto, senderDataSecret, { label, context, length }).toHex();
  return {
    cipher_suite: crypto.id,
    encryption_secret: encryptionSecret.toHex(),
    sender_data: {
      sender_data_secret: senderDataSecret.toHex(),
      ciphertext: ciphertext.toHex(),
      key: expand("key", crypto.aeadKeyLength),
      nonce: expand("nonce", crypto.aeadNonceLength),
    },
    leaves,
  };
}
