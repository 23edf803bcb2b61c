/** A server decodes of a PublicMessage what it looks at, however much a hostile one carries. */
import assert from "node:assert/strict";
import { parseGroupInfo, parseKeyPackage, parseMessageHeader } from "../public.ts";
import { identityOf, keyPackageOf } from "../test/members.ts";
import {
  decodeMessage,
  encodeMessage,
  type FramedContent,
  framedContentToBeSigned,
} from "./framing.ts";
import type { ProposalOrRef } from "./proposal.ts";
import { decodePublicHeader, PROPOSALS_SHOWN_MAX } from "./public-header.ts";

const KEY = new Uint8Array(32).fill(0xab);
const REFERENCE = new Uint8Array(32).fill(0xcd);
const { keyPackage: { leafNode } } = await keyPackageOf(identityOf("carol"));
const remove: ProposalOrRef = { kind: "proposal", proposal: { kind: "remove", removed: 3 } };

/** An external commit with a path of one node. */
function contentWith(proposals: readonly ProposalOrRef[]): FramedContent {
  const secret = { kemOutput: KEY, ciphertext: KEY };
  const nodes = [{ encryptionKey: KEY, encryptedPathSecrets: [secret, secret] }];
  return {
    groupId: Uint8Array.of(1, 2),
    epoch: 7n,
    sender: { kind: "new-member-commit" },
    authenticatedData: Uint8Array.of(3),
    content: { kind: "commit", commit: { proposals, path: { leafNode, nodes } } },
  };
}

function messageOf(content: FramedContent): Uint8Array {
  const auth = { signature: Uint8Array.of(4), confirmationTag: Uint8Array.of(5) };
  const publicMessage = { content, auth, membershipTag: undefined };
  return encodeMessage({ kind: "public-message", publicMessage });
}

/** The message with an impossible length in front of `marker`. */
function broken(message: Uint8Array, marker: Uint8Array): Uint8Array {
  const at = Buffer.from(message.buffer, message.byteOffset, message.length).lastIndexOf(marker);
  assert.ok(at > 0);
  const bytes = message.slice();
  bytes[at - 1] = 0xc0;
  assert.throws(() => decodeMessage(bytes), { code: "malformed" });
  return bytes;
}

Deno.test("decodePublicHeader() shows a commit, and what of it is signed", () => {
  const content = contentWith([remove]);
  const message = messageOf(content);
  assert.deepEqual(decodePublicHeader(message), {
    groupId: content.groupId,
    epoch: 7n,
    sender: content.sender,
    authenticatedData: content.authenticatedData,
    content: { kind: "commit", proposals: [remove], leafNode },
    toBeSigned: framedContentToBeSigned("public-message", content, undefined),
    signature: Uint8Array.of(4),
  });
  for (let length = 0; length < message.length; length++) {
    assert.throws(() => decodePublicHeader(message.subarray(0, length)), { code: "malformed" });
  }
  const longer = new Uint8Array([...message, 0]);
  assert.throws(() => decodePublicHeader(longer), { code: "malformed" });
});

Deno.test("parseMessageHeader() decodes no secret of a path, of which there may be a million", () => {
  const header = parseMessageHeader(broken(messageOf(contentWith([])), KEY));
  assert.equal(header.contentType, "commit");
});

Deno.test("parseMessageHeader() decodes the first proposals of a commit alone", () => {
  const reference: ProposalOrRef = { kind: "reference", reference: REFERENCE };
  const proposals = [...Array<ProposalOrRef>(PROPOSALS_SHOWN_MAX).fill(remove), reference];
  const { publicMessage } = parseMessageHeader(
    broken(messageOf(contentWith(proposals)), REFERENCE),
  );
  assert.ok(publicMessage?.content.kind === "commit");
  assert.deepEqual(publicMessage.content.proposals, proposals.slice(0, PROPOSALS_SHOWN_MAX));
});

Deno.test("what a server parses is not decoded when it is of another wire format", () => {
  const garbageOf = (wireFormat: number) => Uint8Array.of(0, 1, 0, wireFormat, 0xff, 0xff);
  assert.throws(() => parseGroupInfo(garbageOf(1)), { code: "mls/invalid-group-info" });
  assert.throws(() => parseKeyPackage(garbageOf(1)), { code: "mls/invalid-key-package" });
  assert.throws(() => parseMessageHeader(garbageOf(3)), { code: "mls/invalid-message" });
  for (const parse of [parseGroupInfo, parseKeyPackage, parseMessageHeader]) {
    assert.throws(() => parse(garbageOf(9)), { code: "malformed" });
    assert.throws(() => parse(Uint8Array.of(0, 1, 0)), { code: "malformed" });
  }
});
