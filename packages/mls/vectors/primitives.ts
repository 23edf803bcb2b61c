import assert from "node:assert/strict";
import { decodeExact, encode } from "../codec/codec.ts";
import { Reader } from "../codec/reader.ts";
import type { CryptoProvider } from "../crypto/provider.ts";
import {
  epochFromJoinerSecret,
  exportFromSecret,
  externalKeyPair,
  joinerSecret,
  pskSecret,
  welcomeSecret,
} from "../keys/key-schedule.ts";
import { confirmedTranscriptHash, interimTranscriptHash } from "../keys/transcript-hashes.ts";
import {
  decryptPrepared,
  deriveSecret,
  deriveTreeSecret,
  encryptPrepared,
  expandWithLabel,
  prepareEncryption,
  refHash,
  type SignatureLabel,
  signWithLabel,
  verifyWithLabel,
} from "../labels.ts";
import { left, nodeCount, parent, right, root, sibling } from "../tree/math.ts";
import { authenticatedContent } from "../wire/framing.ts";
import { type GroupContext, groupContext } from "../wire/group-info.ts";
import { assertBytes, type Entry } from "./entry.ts";
import { seededRandom } from "./seeded-random.ts";

const random = seededRandom("vectors/primitives");

export function checkTreeMath(entry: Entry): void {
  const leafCount = entry.number("n_leaves");
  assert.equal(nodeCount(leafCount), entry.number("n_nodes"));
  assert.equal(root(leafCount), entry.number("root"));
  const nodes = Array.from({ length: nodeCount(leafCount) }, (_, node) => node);
  assert.deepEqual(nodes.map(left), entry.optionalNumbers("left"), "left");
  assert.deepEqual(nodes.map(right), entry.optionalNumbers("right"), "right");
  const parents = nodes.map((node) => parent(node, leafCount));
  assert.deepEqual(parents, entry.optionalNumbers("parent"), "parent");
  const siblings = nodes.map((node) => sibling(node, leafCount));
  assert.deepEqual(siblings, entry.optionalNumbers("sibling"), "sibling");
}

export function checkDeserialization(entry: Entry): void {
  const reader = new Reader("vlbytes_header", entry.hex("vlbytes_header"));
  assert.equal(reader.length(), entry.number("length"));
  assert.equal(reader.left, 0);
}

export async function checkCryptoBasics(entry: Entry, provider: CryptoProvider): Promise<void> {
  const crypto = provider.cipherSuite(entry.number("cipher_suite"));

  const reference = entry.object("ref_hash");
  assertBytes(
    refHash(crypto, reference.text("label"), reference.hex("value")),
    reference.hex("out"),
    "ref_hash",
  );
  const expanded = entry.object("expand_with_label");
  assertBytes(
    expandWithLabel(crypto, expanded.hex("secret"), {
      label: expanded.text("label"),
      context: expanded.hex("context"),
      length: expanded.number("length"),
    }),
    expanded.hex("out"),
    "expand_with_label",
  );
  const derived = entry.object("derive_secret");
  assertBytes(
    deriveSecret(crypto, derived.hex("secret"), derived.text("label")),
    derived.hex("out"),
    "derive_secret",
  );
  const tree = entry.object("derive_tree_secret");
  assertBytes(
    deriveTreeSecret(crypto, tree.hex("secret"), {
      label: tree.text("label"),
      generation: tree.number("generation"),
      length: tree.number("length"),
    }),
    tree.hex("out"),
    "derive_tree_secret",
  );

  const signed = entry.object("sign_with_label");
  const label = signed.text("label") as SignatureLabel;
  const content = signed.hex("content");
  const published = { label, content, signature: signed.hex("signature") };
  assert.ok(verifyWithLabel(crypto, signed.hex("pub"), published), "published signature");
  const signature = signWithLabel(crypto, signed.hex("priv"), { label, content });
  assert.ok(verifyWithLabel(crypto, signed.hex("pub"), { label, content, signature }), "signature");

  const sealed = entry.object("encrypt_with_label");
  const info = prepareEncryption(
    crypto,
    sealed.text("label") as "Welcome",
    sealed.hex("context"),
  );
  const plaintext = sealed.hex("plaintext");
  const opened = await decryptPrepared(crypto, sealed.hex("priv"), {
    info,
    kemOutput: sealed.hex("kem_output"),
    ciphertext: sealed.hex("ciphertext"),
  });
  assertBytes(opened, plaintext, "encrypt_with_label");
  const again = await encryptPrepared(crypto, sealed.hex("pub"), { info, plaintext, random });
  const reopened = await decryptPrepared(crypto, sealed.hex("priv"), { info, ...again });
  assertBytes(reopened, plaintext, "own encrypt_with_label");
}

export function checkPskSecret(entry: Entry, provider: CryptoProvider): void {
  const crypto = provider.cipherSuite(entry.number("cipher_suite"));
  const psks = entry.objects("psks").map((each) => ({
    id: {
      kind: "external" as const,
      pskId: each.hex("psk_id"),
      pskNonce: each.hex("psk_nonce"),
    },
    psk: each.hex("psk"),
  }));
  assertBytes(pskSecret(crypto, psks), entry.hex("psk_secret"), "psk_secret");
}

export async function checkKeySchedule(entry: Entry, provider: CryptoProvider): Promise<void> {
  const crypto = provider.cipherSuite(entry.number("cipher_suite"));
  let initSecret = entry.hex("initial_init_secret");
  for (const [index, epoch] of entry.objects("epochs").entries()) {
    const context: GroupContext = {
      version: 1,
      cipherSuite: crypto.id,
      groupId: entry.hex("group_id"),
      epoch: BigInt(index),
      treeHash: epoch.hex("tree_hash"),
      confirmedTranscriptHash: epoch.hex("confirmed_transcript_hash"),
      extensions: [],
    };
    assertBytes(encode(groupContext, context), epoch.hex("group_context"), "group_context");
    const commitSecret = epoch.hex("commit_secret");
    const joiner = joinerSecret(crypto, { initSecret, commitSecret, context });
    assertBytes(joiner, epoch.hex("joiner_secret"), "joiner_secret");
    const psk = epoch.hex("psk_secret");
    const welcome = welcomeSecret(crypto, joiner, psk);
    assertBytes(welcome, epoch.hex("welcome_secret"), "welcome_secret");
    const { secrets, encryptionSecret } = epochFromJoinerSecret(crypto, {
      joinerSecret: joiner,
      pskSecret: psk,
      context,
    });
    const named = {
      init_secret: secrets.initSecret,
      sender_data_secret: secrets.senderDataSecret,
      encryption_secret: encryptionSecret,
      exporter_secret: secrets.exporterSecret,
      epoch_authenticator: secrets.epochAuthenticator,
      external_secret: secrets.externalSecret,
      confirmation_key: secrets.confirmationKey,
      membership_key: secrets.membershipKey,
      resumption_psk: secrets.resumptionPsk,
    };
    for (const [name, secret] of Object.entries(named)) {
      assertBytes(secret, epoch.hex(name), name);
    }
    const external = await externalKeyPair(crypto, secrets);
    assertBytes(external.publicKey, epoch.hex("external_pub"), "external_pub");
    const exporter = epoch.object("exporter");
    const exported = exportFromSecret(crypto, secrets.exporterSecret, {
      label: exporter.text("label"),
      context: exporter.hex("context"),
      length: exporter.number("length"),
    });
    assertBytes(exported, exporter.hex("secret"), "exporter");
    initSecret = secrets.initSecret;
  }
}

export function checkTranscriptHashes(entry: Entry, provider: CryptoProvider): void {
  const crypto = provider.cipherSuite(entry.number("cipher_suite"));
  const encoded = entry.hex("authenticated_content");
  const { wireFormat, content, auth } = decodeExact(authenticatedContent, encoded, {
    bytesMax: encoded.length,
  });
  assertBytes(encode(authenticatedContent, { wireFormat, content, auth }), encoded, "again");
  const confirmed = confirmedTranscriptHash(crypto, entry.hex("interim_transcript_hash_before"), {
    wireFormat,
    content,
    signature: auth.signature,
  });
  assertBytes(confirmed, entry.hex("confirmed_transcript_hash_after"), "confirmed");
  assert.ok(auth.confirmationTag !== undefined, "the content is a commit");
  assertBytes(
    crypto.hmac(entry.hex("confirmation_key"), confirmed),
    auth.confirmationTag,
    "confirmation_tag",
  );
  assertBytes(
    interimTranscriptHash(crypto, confirmed, auth.confirmationTag),
    entry.hex("interim_transcript_hash_after"),
    "interim",
  );
}
