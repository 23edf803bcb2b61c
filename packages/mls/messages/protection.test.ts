import assert from "node:assert/strict";
import { MessengerError } from "@qpq/ports";
import { runtimeCryptoProvider } from "../crypto/runtime.ts";
import { createRatchet, keyToSend } from "../keys/sender-ratchet.ts";
import { seededRandom } from "../vectors/seeded-random.ts";
import type { AuthenticatedContent, FramedContent, PrivateMessage } from "../wire/framing.ts";
import { runSlices } from "../slices.ts";
import { privateMessageContentDecoding } from "../wire/framing.ts";
import type { GroupContext } from "../wire/group-info.ts";
import {
  openSenderData,
  privateProtection,
  privateUnprotection,
  protectPublic,
  signContent,
  unprotectPublic,
  verifyContentSignature,
} from "./protection.ts";

const crypto = runtimeCryptoProvider().cipherSuite(1);
const random = seededRandom("protection.test");
const signer = crypto.generateSignatureKeyPair(random);
const senderDataSecret = random.bytes(32);
const membershipKey = random.bytes(32);
const { messageKey } = keyToSend(crypto, createRatchet(random.bytes(32)));

const context: GroupContext = {
  version: 1,
  cipherSuite: 1,
  groupId: Uint8Array.of(1, 2, 3),
  epoch: 7n,
  treeHash: random.bytes(32),
  confirmedTranscriptHash: random.bytes(32),
  extensions: [],
};

function authenticated(
  wireFormat: AuthenticatedContent["wireFormat"],
  sender: FramedContent["sender"] = { kind: "member", leafIndex: 3 },
): AuthenticatedContent {
  const content: FramedContent = {
    groupId: context.groupId,
    epoch: context.epoch,
    sender,
    authenticatedData: Uint8Array.of(9),
    content: { kind: "application", applicationData: new TextEncoder().encode("hello") },
  };
  const signature = signContent(crypto, content, {
    wireFormat,
    context,
    signaturePrivateKey: signer.privateKey,
  });
  return { wireFormat, content, auth: { signature, confirmationTag: undefined } };
}

function sealed(): PrivateMessage {
  return runSlices(privateProtection(crypto, authenticated("private-message"), {
    leafIndex: 3,
    messageKey,
    senderDataSecret,
    padding: { kind: "buckets", lengths: [256] },
    random,
  }));
}

function hasCode(code: MessengerError["code"]): (error: unknown) => boolean {
  return (error) => error instanceof MessengerError && error.code === code;
}

Deno.test("privateUnprotection() opens what privateProtection() sealed; sender and generation come back", () => {
  const message = sealed();
  assert.equal(message.ciphertext.length, 256 + crypto.aeadTagLength);
  const senderData = openSenderData(crypto, message, senderDataSecret);
  assert.equal(senderData.leafIndex, 3);
  assert.equal(senderData.generation, 0);
  const opened = runSlices(privateUnprotection(crypto, message, { senderData, messageKey }));
  assert.deepEqual(opened, authenticated("private-message"));
  verifyContentSignature(crypto, opened, { context, signatureKey: signer.publicKey });
});

Deno.test("the reuse guard differs from message to message (RFC 9420 §6.3.1)", () => {
  const guards = [sealed(), sealed()].map((message) =>
    openSenderData(crypto, message, senderDataSecret).reuseGuard.toHex()
  );
  assert.notEqual(guards[0], guards[1]);
});

Deno.test("a PrivateMessage that was changed anywhere does not open", () => {
  const message = sealed();
  const flip = (bytes: Uint8Array, at: number): Uint8Array => {
    const copy = new Uint8Array(bytes);
    copy[at] = (copy[at] as number) ^ 1;
    return copy;
  };
  const bySenderData: readonly PrivateMessage[] = [
    { ...message, groupId: flip(message.groupId, 0) },
    { ...message, epoch: message.epoch + 1n },
    { ...message, contentType: "proposal" },
    { ...message, encryptedSenderData: flip(message.encryptedSenderData, 2) },
    { ...message, encryptedSenderData: new Uint8Array() },
    // The key of the sender data is derived from the start of the ciphertext.
    { ...message, ciphertext: flip(message.ciphertext, 0) },
    { ...message, ciphertext: new Uint8Array() },
  ];
  for (const changed of bySenderData) {
    assert.throws(
      () => openSenderData(crypto, changed, senderDataSecret),
      hasCode("mls/cannot-decrypt"),
    );
  }
  const byContent: readonly PrivateMessage[] = [
    { ...message, authenticatedData: Uint8Array.of(8) },
    { ...message, ciphertext: flip(message.ciphertext, message.ciphertext.length - 1) },
  ];
  for (const changed of byContent) {
    const senderData = openSenderData(crypto, changed, senderDataSecret);
    assert.throws(
      () => runSlices(privateUnprotection(crypto, changed, { senderData, messageKey })),
      hasCode("mls/cannot-decrypt"),
    );
  }
});

Deno.test("padding that is not zero is refused (RFC 9420 §6.3.1)", () => {
  const plaintext = Uint8Array.of(1, 0x41, 0, 0, 0);
  assert.equal(
    runSlices(privateMessageContentDecoding(plaintext, "application")).content.kind,
    "application",
  );
  plaintext[4] = 1;
  assert.throws(
    () => runSlices(privateMessageContentDecoding(plaintext, "application")),
    hasCode("malformed"),
  );
});

Deno.test("verifyContentSignature() binds wire format, context and key (RFC 9420 §6.1)", () => {
  const message = authenticated("private-message");
  const options = { context, signatureKey: signer.publicKey };
  verifyContentSignature(crypto, message, options);
  const other = crypto.generateSignatureKeyPair(random).publicKey;
  const wrong: readonly (() => void)[] = [
    () => verifyContentSignature(crypto, { ...message, wireFormat: "public-message" }, options),
    () => verifyContentSignature(crypto, message, { ...options, signatureKey: other }),
    () =>
      verifyContentSignature(crypto, message, {
        ...options,
        context: { ...context, epoch: 8n },
      }),
  ];
  for (const verify of wrong) assert.throws(verify, hasCode("mls/invalid-signature"));
});

Deno.test("unprotectPublic() checks the membership tag of members (RFC 9420 §6.2)", () => {
  const own = authenticated("public-message");
  const message = protectPublic(crypto, own, { context, membershipKey });
  assert.deepEqual(unprotectPublic(crypto, message, { context, membershipKey }), own);
  const otherKey = random.bytes(32);
  assert.throws(
    () => unprotectPublic(crypto, message, { context, membershipKey: otherKey }),
    hasCode("mls/invalid-message"),
  );
  const outside = authenticated("public-message", { kind: "external", senderIndex: 0 });
  const external = protectPublic(crypto, outside, { context, membershipKey });
  assert.equal(external.membershipTag, undefined);
  unprotectPublic(crypto, external, { context, membershipKey: otherKey });
});
