import assert from "node:assert/strict";
import { MessengerError } from "@qpq/ports";
import { type Codec, decodeExact, encode, type NamedCodec } from "../codec/codec.ts";
import { extensions, findExtension, findExternalPub, groupInfoExtensions } from "./extension.ts";
import {
  externalPubExtension,
  findRequiredCapabilities,
  requiredCapabilitiesExtension,
} from "./extension.ts";
import { decodeMessage, encodeMessage, type FramedContent } from "./framing.ts";
import { authenticatedContent, framedContentToBeSigned } from "./framing.ts";
import { keyPackage } from "./key-package.ts";
import { credential, credentialTypeOf, type LeafNode, leafNode } from "./leaf-node.ts";
import { leafNodeToBeSigned } from "./leaf-node.ts";
import {
  CAPABILITIES_COUNT_MAX,
  CERTIFICATES_COUNT_MAX,
  CREDENTIAL_BYTES_MAX,
  EXTENSION_BYTES_MAX,
  EXTENSIONS_COUNT_MAX,
  KEY_PACKAGE_BYTES_MAX,
  LEAF_NODE_BYTES_MAX,
  LEAVES_COUNT_MAX,
  PROPOSALS_COUNT_MAX,
} from "./limits.ts";
import { externalSendersExtension, findExternalSenders, proposal } from "./proposal.ts";
import type { Proposal, ProposalOrRef } from "./proposal.ts";
import {
  type Node,
  parentNode,
  ratchetTreeDecoding,
  ratchetTreeExtension,
} from "./ratchet-tree.ts";
import { runSlices } from "../slices.ts";
import { ratchetTreeNodes } from "./ratchet-tree.ts";

const hex = (text: string): Uint8Array => Uint8Array.fromHex(text);

function named<T>(codec: Codec<T>): NamedCodec<T> {
  return { name: "Tested", ...codec };
}

function decode<T>(codec: Codec<T>, bytes: Uint8Array): T {
  return decodeExact(named(codec), bytes, { bytesMax: 10_000_000 });
}

function isMalformed(state: RegExp): (error: unknown) => boolean {
  return (error) =>
    error instanceof MessengerError && error.code === "malformed" && state.test(error.message);
}

const leaf: LeafNode = {
  encryptionKey: hex("01"),
  signatureKey: hex("02"),
  credential: { kind: "basic", identity: hex("616c") },
  capabilities: {
    versions: [1],
    cipherSuites: [1],
    extensions: [],
    proposals: [],
    credentials: [1],
  },
  source: { kind: "update" },
  extensions: [],
  signature: hex("03"),
};

Deno.test("an extension type that is there twice is refused (RFC 9420 §13.4)", () => {
  const one = { extensionType: 0x0a0a, extensionData: hex("01") };
  const other = { extensionType: 0x0a0b, extensionData: hex("") };
  assert.deepEqual(decode(extensions, encode(extensions, [one, other])), [one, other]);
  const twice = encode(extensions, [one, other, one]);
  assert.throws(() => decode(extensions, twice), isMalformed(/twice/));
});

Deno.test("lists have limits: extensions, capabilities, certificates", () => {
  const many = Array.from({ length: EXTENSIONS_COUNT_MAX + 1 }, (_, extensionType) => ({
    extensionType,
    extensionData: new Uint8Array(),
  }));
  assert.throws(() => decode(extensions, encode(extensions, many)), isMalformed(/more than/));
  assert.equal(decode(extensions, encode(extensions, many.slice(1))).length, EXTENSIONS_COUNT_MAX);
  const required = requiredCapabilitiesExtension({
    extensionTypes: new Array<number>(CAPABILITIES_COUNT_MAX + 1).fill(7),
    proposalTypes: [],
    credentialTypes: [],
  });
  assert.throws(() => findRequiredCapabilities([required]), isMalformed(/more than/));
  const certificates = new Array<Uint8Array>(CERTIFICATES_COUNT_MAX + 1).fill(hex("01"));
  const chain = encode(credential, { kind: "x509", certificates });
  assert.throws(() => decode(credential, chain), isMalformed(/more than/));
});

Deno.test("extensions that this library reads are decoded whole", () => {
  const publicKey = hex("0102");
  assert.deepEqual(findExternalPub([externalPubExtension(publicKey)]), publicKey);
  assert.equal(findExternalPub([]), undefined);
  const external = externalPubExtension(publicKey);
  const longer = { ...external, extensionData: hex("02010200") };
  assert.throws(() => findExternalPub([longer]), isMalformed(/left over/));
  const required = { extensionTypes: [9], proposalTypes: [10], credentialTypes: [1] };
  assert.deepEqual(findRequiredCapabilities([requiredCapabilitiesExtension(required)]), required);
  assert.equal(findRequiredCapabilities([]), undefined);
  const senders = [{ signatureKey: hex("05"), credential: leaf.credential }];
  assert.deepEqual(findExternalSenders([externalSendersExtension(senders)]), senders);
  assert.deepEqual(findExternalSenders([]), []);
  assert.equal(findExtension([], 3), undefined);
});

Deno.test("credentials of every type, known or not, come back as they were (RFC 9420 §5.3)", () => {
  const all = [
    { kind: "basic", identity: hex("616c696365") },
    { kind: "x509", certificates: [hex("01"), hex("0203")] },
    { kind: "other", credentialType: 0x0a0a, data: hex("ff") },
  ] as const;
  assert.deepEqual(all.map(credentialTypeOf), [1, 2, 0x0a0a]);
  for (const each of all) assert.deepEqual(decode(credential, encode(credential, each)), each);
});

Deno.test("LeafNodeTBS binds a leaf to its group and place, unless it is of a KeyPackage (RFC 9420 §7.2)", () => {
  const place = { groupId: hex("aa"), leafIndex: 3 };
  const elsewhere = { groupId: hex("aa"), leafIndex: 4 };
  const [here, there] = [leafNodeToBeSigned(leaf, place), leafNodeToBeSigned(leaf, elsewhere)];
  assert.notDeepEqual(here, there);
  const lifetime = { notBefore: 0n, notAfter: 1n };
  const packaged: LeafNode = { ...leaf, source: { kind: "key-package", lifetime } };
  assert.deepEqual(leafNodeToBeSigned(packaged, place), leafNodeToBeSigned(packaged, undefined));
});

Deno.test("unmerged leaves must increase strictly (RFC 9420 §7.1)", () => {
  const parent = { encryptionKey: hex("01"), parentHash: hex(""), unmergedLeaves: [1, 2, 9] };
  assert.deepEqual(decode(parentNode, encode(parentNode, parent)), parent);
  for (const unmergedLeaves of [[2, 1], [1, 1]]) {
    const bytes = encode(parentNode, { ...parent, unmergedLeaves });
    assert.throws(() => decode(parentNode, bytes), isMalformed(/increasing/));
  }
});

Deno.test("a ratchet tree ends with a node, and leaves stand at even places (RFC 9420 §12.4.3.3)", () => {
  const leafNode: Node = { kind: "leaf", leafNode: leaf };
  const parent: Node = {
    kind: "parent",
    parentNode: { encryptionKey: hex("01"), parentHash: hex(""), unmergedLeaves: [] },
  };
  const tree = [leafNode, parent, leafNode];
  const { extensionData } = runSlices(ratchetTreeExtension(tree));
  assert.deepEqual(runSlices(ratchetTreeDecoding(extensionData)), tree);
  const refused: readonly (readonly [readonly (Node | undefined)[], RegExp])[] = [
    [[], /last node is blank/],
    [[leafNode, undefined], /last node is blank/],
    [[parent], /node 0 is of the wrong type/],
    [[leafNode, leafNode], /node 1 is of the wrong type/],
  ];
  for (const [nodes, state] of refused) {
    const bytes = encode(ratchetTreeNodes, nodes);
    assert.throws(() => decode(ratchetTreeNodes, bytes), isMalformed(state));
  }
});

Deno.test("decodeMessage() refuses other versions and unknown wire formats (RFC 9420 §6)", () => {
  const bytes = encodeMessage({
    kind: "private-message",
    privateMessage: {
      groupId: hex("01"),
      epoch: 2n,
      contentType: "application",
      authenticatedData: hex(""),
      encryptedSenderData: hex("03"),
      ciphertext: hex("04"),
    },
  });
  assert.equal(decodeMessage(bytes).kind, "private-message");
  for (const [at, state] of [[1, /1 expected/], [3, /MLSMessage has the unknown type/]] as const) {
    const changed = bytes.slice();
    changed[at] = 9;
    assert.throws(() => decodeMessage(changed), isMalformed(state));
  }
  assert.throws(() => decodeMessage(hex("")), isMalformed(/bytes wanted/));
});

Deno.test("a KeyPackage is of this version of the protocol (RFC 9420 §10.1)", () => {
  const bytes = encode(keyPackage, {
    version: 1,
    cipherSuite: 1,
    initKey: hex("01"),
    leafNode: leaf,
    extensions: [],
    signature: hex("02"),
  });
  assert.equal(decode(keyPackage, bytes).version, 1);
  bytes[1] = 2;
  assert.throws(() => decode(keyPackage, bytes), isMalformed(/1 expected, 2 found/));
});

Deno.test("a proposal of an unknown type is refused", () => {
  assert.throws(() => decode(proposal, hex("0a0a00")), isMalformed(/unknown type 2570/));
});

Deno.test("AuthenticatedContent carries public and private messages only", () => {
  const content: FramedContent = {
    groupId: hex("01"),
    epoch: 1n,
    sender: { kind: "member", leafIndex: 0 },
    authenticatedData: hex(""),
    content: { kind: "application", applicationData: hex("68") },
  };
  const auth = { signature: hex("05"), confirmationTag: undefined };
  const message = { wireFormat: "private-message", content, auth } as const;
  const bytes = encode(authenticatedContent, message);
  assert.deepEqual(decode(authenticatedContent, bytes), message);
  bytes[1] = 3;
  assert.throws(() => decode(authenticatedContent, bytes), isMalformed(/carries no content/));
});

Deno.test("FramedContentTBS has the context for members and external committers only (RFC 9420 §6.1)", () => {
  const context = {
    version: 1,
    cipherSuite: 1,
    groupId: hex("01"),
    epoch: 1n,
    treeHash: hex("02"),
    confirmedTranscriptHash: hex("03"),
    extensions: [],
  } as const;
  const content = { kind: "application", applicationData: hex("68") } as const;
  const lengthOf = (sender: FramedContent["sender"], withContext: boolean): number => {
    const framed = { groupId: hex("01"), epoch: 1n, sender, authenticatedData: hex(""), content };
    return framedContentToBeSigned("public-message", framed, withContext ? context : undefined)
      .length;
  };
  const member = { kind: "member", leafIndex: 0 } as const;
  assert.ok(lengthOf(member, true) > lengthOf(member, false));
  const committer = { kind: "new-member-commit" } as const;
  assert.ok(lengthOf(committer, true) > lengthOf(committer, false));
  for (
    const sender of [
      { kind: "external", senderIndex: 0 },
      { kind: "new-member-proposal" },
    ] as const
  ) {
    assert.equal(lengthOf(sender, true), lengthOf(sender, false));
  }
});

/** A message with a Commit, as anyone can make it up. */
function commitMessage(proposals: readonly ProposalOrRef[]): Uint8Array {
  return encodeMessage({
    kind: "public-message",
    publicMessage: {
      content: {
        groupId: hex("01"),
        epoch: 1n,
        sender: { kind: "new-member-commit" },
        authenticatedData: hex(""),
        content: { kind: "commit", commit: { proposals, path: undefined } },
      },
      auth: { signature: hex(""), confirmationTag: hex("") },
      membershipTag: undefined,
    },
  });
}

const byValue = (each: Proposal): ProposalOrRef => ({ kind: "proposal", proposal: each });

Deno.test("decodeMessage() refuses lists that are small each and huge together", () => {
  const extensionList = Array.from({ length: EXTENSIONS_COUNT_MAX }, (_, extensionType) => ({
    extensionType,
    extensionData: new Uint8Array(),
  }));
  const nested = byValue({ kind: "group-context-extensions", extensions: extensionList });
  const bytes = commitMessage(new Array<ProposalOrRef>(1000).fill(nested));
  assert.throws(() => decodeMessage(bytes), isMalformed(/too many byte strings/));
  assert.equal(decodeMessage(commitMessage([nested, nested])).kind, "public-message");
});

Deno.test("the largest honest lists are within the count of byte strings", () => {
  const lists: readonly ProposalOrRef[] = [
    byValue({ kind: "remove", removed: 7 }),
    { kind: "reference", reference: new Uint8Array(32) },
  ];
  for (const each of lists) {
    const proposals = new Array<ProposalOrRef>(PROPOSALS_COUNT_MAX).fill(each);
    assert.equal(decodeMessage(commitMessage(proposals)).kind, "public-message");
  }
  const key = new Uint8Array(32);
  const small = { ...leaf, encryptionKey: key, signatureKey: key, signature: new Uint8Array(64) };
  const leafNode: Node = { kind: "leaf", leafNode: small };
  const parent: Node = {
    kind: "parent",
    parentNode: { encryptionKey: key, parentHash: hex(""), unmergedLeaves: [] },
  };
  const leafCount = 2 ** 13;
  const full = Array.from({ length: 2 * leafCount - 1 }, (_, at) => at % 2 ? parent : leafNode);
  assert.equal(decode(ratchetTreeNodes, encode(ratchetTreeNodes, full)).length, full.length);
  const blank = [...new Array<undefined>(2 * (LEAVES_COUNT_MAX - 1)).fill(undefined), leafNode];
  assert.equal(decode(ratchetTreeNodes, encode(ratchetTreeNodes, blank)).length, blank.length);
});

Deno.test("an extension, a credential, a leaf and a KeyPackage have limits wherever they stand", () => {
  const decodes = <T>(codec: Codec<T>, value: T): boolean => {
    try {
      decode(codec, encode(codec, value));
      return true;
    } catch (error) {
      if (isMalformed(/ left$/)(error)) return false;
      throw error;
    }
  };
  const dataOf = (length: number) => ({
    extensionType: 7,
    extensionData: new Uint8Array(length),
  });
  // Type and length take 6 bytes, as do those of a credential.
  const longest = dataOf(EXTENSION_BYTES_MAX - 6);
  const longer = dataOf(EXTENSION_BYTES_MAX - 5);
  assert.ok(decodes(extensions, [longest]));
  assert.ok(!decodes(extensions, [longer]));
  assert.ok(decodes(groupInfoExtensions, [longer]));
  const basic = (length: number) => ({ kind: "basic", identity: new Uint8Array(length) }) as const;
  assert.ok(decodes(credential, basic(CREDENTIAL_BYTES_MAX - 6)));
  assert.ok(!decodes(credential, basic(CREDENTIAL_BYTES_MAX - 5)));
  const besides = encode(leafNode, { ...leaf, extensions: [dataOf(20_000)] }).length - 20_000;
  const leafOf = (length: number) => ({ ...leaf, extensions: [dataOf(length)] });
  assert.ok(decodes(leafNode, leafOf(LEAF_NODE_BYTES_MAX - besides)));
  assert.ok(!decodes(leafNode, leafOf(LEAF_NODE_BYTES_MAX - besides + 1)));
  const packageOf = (length: number) => ({
    version: 1,
    cipherSuite: 1,
    initKey: new Uint8Array(length),
    leafNode: leaf,
    extensions: [],
    signature: hex(""),
  } as const);
  const around = encode(keyPackage, packageOf(20_000)).length - 20_000;
  assert.ok(decodes(keyPackage, packageOf(KEY_PACKAGE_BYTES_MAX - around)));
  assert.ok(!decodes(keyPackage, packageOf(KEY_PACKAGE_BYTES_MAX - around + 1)));
});
