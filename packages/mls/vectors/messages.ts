import assert from "node:assert/strict";
import { decodeExact, encode, type NamedCodec } from "../codec/codec.ts";
import type { CipherSuite, CryptoProvider } from "../crypto/provider.ts";
import { createSecretTree, openLeaf, type RatchetType } from "../keys/secret-tree.ts";
import { keyToReceive, keyToSend } from "../keys/sender-ratchet.ts";
import { expandWithLabel } from "../labels.ts";
import {
  openSenderData,
  privateProtection,
  privateUnprotection,
  protectPublic,
  signContent,
  unprotectPublic,
  verifyContentSignature,
} from "../messages/protection.ts";
import { runSlices } from "../slices.ts";
import { commit } from "../wire/commit.ts";
import {
  type AuthenticatedContent,
  type Content,
  decodeMessage,
  encodeMessage,
  type FramedContent,
  type MessageWireFormat,
  type MlsMessage,
  type PrivateMessage,
} from "../wire/framing.ts";
import { groupSecrets } from "../keys/group-secrets.ts";
import type { GroupContext } from "../wire/group-info.ts";
import { proposal, PROPOSAL_TYPE } from "../wire/proposal.ts";
import { ratchetTreeNodes } from "../wire/ratchet-tree.ts";
import { assertBytes, type Entry, padded } from "./entry.ts";
import { seededRandom } from "./seeded-random.ts";

const random = seededRandom("vectors/messages");

export function checkSecretTree(entry: Entry, provider: CryptoProvider): void {
  const crypto = provider.cipherSuite(entry.number("cipher_suite"));
  const senderData = entry.object("sender_data");
  const context = senderData.hex("ciphertext").subarray(0, crypto.hashLength);
  const secret = senderData.hex("sender_data_secret");
  const key = { label: "key", context, length: crypto.aeadKeyLength };
  assertBytes(expandWithLabel(crypto, secret, key), senderData.hex("key"), "sender data key");
  const nonce = { label: "nonce", context, length: crypto.aeadNonceLength };
  assertBytes(expandWithLabel(crypto, secret, nonce), senderData.hex("nonce"), "nonce");

  const leaves = entry.list("leaves");
  let tree = createSecretTree(entry.hex("encryption_secret"));
  for (let leafIndex = 0; leafIndex < leaves.length; leafIndex++) {
    const opened = openLeaf(crypto, tree, { leafIndex, leafCount: leaves.length });
    tree = opened.tree;
    for (const type of ["handshake", "application"] as const) {
      let ratchet = opened.ratchets[type];
      for (const each of entriesOfLeaf(entry, leafIndex)) {
        const received = keyToReceive(crypto, ratchet, each.number("generation"));
        assert.ok(received.kind === "key", "a generation is received once");
        assertBytes(received.messageKey.key, each.hex(`${type}_key`), `${type}_key`);
        assertBytes(received.messageKey.nonce, each.hex(`${type}_nonce`), `${type}_nonce`);
        ratchet = received.next;
      }
    }
  }
}

function entriesOfLeaf(entry: Entry, leafIndex: number): readonly Entry[] {
  return entry.nested("leaves", leafIndex);
}

export function checkMessageProtection(entry: Entry, provider: CryptoProvider): void {
  const crypto = provider.cipherSuite(entry.number("cipher_suite"));
  const checks: readonly (readonly [RatchetType, string, (bytes: Uint8Array) => Content])[] = [
    ["handshake", "proposal", (bytes) => ({
      kind: "proposal",
      proposal: decodeWhole(proposal, bytes),
    })],
    ["handshake", "commit", (bytes) => ({ kind: "commit", commit: decodeWhole(commit, bytes) })],
    ["application", "application", (bytes) => ({ kind: "application", applicationData: bytes })],
  ];
  for (const [ratchet, name, decode] of checks) {
    const content = decode(entry.hex(name));
    checkPrivate(crypto, entry, { ratchet, content, name });
    if (name !== "application") checkPublic(crypto, entry, { content, name });
  }
}

/** The sender of every message of these vectors, in a group of two. */
const SENDER = { leafIndex: 1, leafCount: 2 };

function contextOf(crypto: CipherSuite, entry: Entry): GroupContext {
  return {
    version: 1,
    cipherSuite: crypto.id,
    groupId: entry.hex("group_id"),
    epoch: BigInt(entry.number("epoch")),
    treeHash: entry.hex("tree_hash"),
    confirmedTranscriptHash: entry.hex("confirmed_transcript_hash"),
    extensions: [],
  };
}

function checkPublic(
  crypto: CipherSuite,
  entry: Entry,
  checked: { readonly content: Content; readonly name: string },
): void {
  const context = contextOf(crypto, entry);
  const membershipKey = entry.hex("membership_key");
  const signatureKey = entry.hex("signature_pub");
  const unprotect = (message: MlsMessage): void => {
    assert.ok(message.kind === "public-message");
    const opened = unprotectPublic(crypto, message.publicMessage, { context, membershipKey });
    verifyContentSignature(crypto, opened, { context, signatureKey });
    assert.deepEqual(opened.content.content, checked.content);
  };
  unprotect(decodeMessage(entry.hex(`${checked.name}_pub`)));
  const own = signed(crypto, entry, checked.content, "public-message");
  const publicMessage = protectPublic(crypto, own, { context, membershipKey });
  unprotect(decodeMessage(encodeMessage({ kind: "public-message", publicMessage })));
}

function checkPrivate(
  crypto: CipherSuite,
  entry: Entry,
  checked: {
    readonly ratchet: RatchetType;
    readonly content: Content;
    readonly name: string;
  },
): void {
  const context = contextOf(crypto, entry);
  const senderDataSecret = entry.hex("sender_data_secret");
  const open = () => {
    const tree = createSecretTree(entry.hex("encryption_secret"));
    return openLeaf(crypto, tree, SENDER).ratchets[checked.ratchet];
  };
  const unprotect = (message: PrivateMessage): void => {
    const senderData = openSenderData(crypto, message, senderDataSecret);
    assert.equal(senderData.leafIndex, SENDER.leafIndex);
    const received = keyToReceive(crypto, open(), senderData.generation);
    assert.ok(received.kind === "key");
    const { messageKey } = received;
    const opened = runSlices(privateUnprotection(crypto, message, { senderData, messageKey }));
    verifyContentSignature(crypto, opened, {
      context,
      signatureKey: entry.hex("signature_pub"),
    });
    assert.deepEqual(opened.content.content, checked.content);
  };
  const published = decodeMessage(entry.hex(`${checked.name}_priv`));
  assert.ok(published.kind === "private-message");
  unprotect(published.privateMessage);
  const own = signed(crypto, entry, checked.content, "private-message");
  const { messageKey } = keyToSend(crypto, open());
  unprotect(runSlices(privateProtection(crypto, own, {
    leafIndex: SENDER.leafIndex,
    messageKey,
    senderDataSecret,
    padding: { kind: "none" },
    random,
  })));
}

function signed(
  crypto: CipherSuite,
  entry: Entry,
  content: Content,
  wireFormat: MessageWireFormat,
): AuthenticatedContent {
  const context = contextOf(crypto, entry);
  const framed: FramedContent = {
    groupId: context.groupId,
    epoch: context.epoch,
    sender: { kind: "member", leafIndex: SENDER.leafIndex },
    authenticatedData: Uint8Array.of(1, 2, 3),
    content,
  };
  const length = crypto.signaturePrivateKeyLength;
  const signaturePrivateKey = padded(entry.hex("signature_priv"), length);
  const signature = signContent(crypto, framed, { wireFormat, context, signaturePrivateKey });
  const confirmationTag = content.kind === "commit" ? random.bytes(crypto.hashLength) : undefined;
  return { wireFormat, content: framed, auth: { signature, confirmationTag } };
}

/** Fields of messages.json that are a whole MLSMessage. */
const MESSAGE_FIELDS = [
  "mls_welcome",
  "mls_group_info",
  "mls_key_package",
  "public_message_application",
  "public_message_proposal",
  "public_message_commit",
  "private_message",
] as const;

/** Those that are the body of a proposal, without the type before it. */
const PROPOSAL_FIELDS = {
  add_proposal: PROPOSAL_TYPE.add,
  update_proposal: PROPOSAL_TYPE.update,
  remove_proposal: PROPOSAL_TYPE.remove,
  pre_shared_key_proposal: PROPOSAL_TYPE.psk,
  re_init_proposal: PROPOSAL_TYPE.reinit,
  external_init_proposal: PROPOSAL_TYPE["external-init"],
  group_context_extensions_proposal: PROPOSAL_TYPE["group-context-extensions"],
} as const;

export function checkMessages(entry: Entry): void {
  for (const field of MESSAGE_FIELDS) {
    const bytes = entry.hex(field);
    assertBytes(encodeMessage(decodeMessage(bytes)), bytes, field);
  }
  for (const [field, type] of Object.entries(PROPOSAL_FIELDS)) {
    const body = entry.hex(field);
    const bytes = Uint8Array.of(type >> 8, type & 0xff, ...body);
    assertBytes(encode(proposal, decodeWhole(proposal, bytes)), bytes, field);
  }
  checkSame(ratchetTreeNodes, entry.hex("ratchet_tree"));
  checkSame(groupSecrets, entry.hex("group_secrets"));
  checkSame(commit, entry.hex("commit"));
}

function checkSame<T>(codec: NamedCodec<T>, bytes: Uint8Array): void {
  assertBytes(encode(codec, decodeWhole(codec, bytes)), bytes, codec.name);
}

export function decodeWhole<T>(codec: NamedCodec<T>, bytes: Uint8Array): T {
  return decodeExact(codec, bytes, { bytesMax: bytes.length });
}
