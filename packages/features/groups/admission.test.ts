import assert from "node:assert/strict";
import { runtimeCryptoProvider } from "@qpq/mls";
import type { LeafNode, MessageHeader, ProposalOrRef } from "@qpq/mls/public";
import { encode } from "../../mls/codec/codec.ts";
import { identityOf, keyPackageOf } from "../../mls/test/members.ts";
import { ratchetTreeNodes } from "../../mls/wire/ratchet-tree.ts";
import { checkExternalCommit, checkSelfRemove, type LeafOwner } from "./admission.ts";

const id = (byte: number): Uint8Array => new Uint8Array(16).fill(byte);
const GROUP_ID = id(9);
const SIGNATURE_KEY = new Uint8Array(32).fill(7);
const SENDER = { accountId: id(1), deviceId: id(2), signatureKey: SIGNATURE_KEY };
const context = {
  version: 1,
  cipherSuite: 1,
  groupId: GROUP_ID,
  epoch: 1n,
  treeHash: id(0),
  confirmedTranscriptHash: id(0),
  extensions: [],
} as const;

const init: ProposalOrRef = {
  kind: "proposal",
  proposal: { kind: "external-init", kemOutput: id(3) },
};
const remove = (removed: number): ProposalOrRef => ({
  kind: "proposal",
  proposal: { kind: "remove", removed },
});
const reference: ProposalOrRef = { kind: "reference", reference: id(4) };

const { keyPackage: { leafNode: anyLeaf } } = await keyPackageOf(identityOf("carol"));

function leafOf(owner: LeafOwner, signatureKey: Uint8Array = SIGNATURE_KEY): LeafNode {
  const identity = new Uint8Array([...owner.accountId, ...owner.deviceId, owner.generation]);
  return { ...anyLeaf, signatureKey, credential: { kind: "basic", identity } };
}

function readLeaf({ credential }: LeafNode): LeafOwner | undefined {
  if (credential.kind !== "basic" || credential.identity.length !== 33) return undefined;
  const { identity } = credential;
  return {
    accountId: identity.slice(0, 16),
    deviceId: identity.slice(16, 32),
    generation: identity[32] as number,
  };
}

const own: LeafOwner = { accountId: id(1), deviceId: id(2), generation: 1 };

function optionsOf(leaves: readonly LeafNode[], isOpenTo = false) {
  const nodes = leaves.flatMap((leafNode, index) => [
    ...(index > 0 ? [undefined] : []),
    { kind: "leaf", leafNode } as const,
  ]);
  return {
    crypto: runtimeCryptoProvider(),
    group: { context, tree: encode(ratchetTreeNodes, nodes) },
    sender: SENDER,
    readLeaf,
    isOpenTo,
  };
}

function headerOf(
  content: NonNullable<MessageHeader["publicMessage"]>["content"],
  sender: NonNullable<MessageHeader["sender"]>,
): MessageHeader {
  const shown = { groupId: GROUP_ID, epoch: 1n, sender, authenticatedData: new Uint8Array() };
  return {
    ...shown,
    wireFormat: "public-message",
    contentType: content.kind,
    publicMessage: { ...shown, content, toBeSigned: id(5), signature: id(6) },
  };
}

const entering = (proposals: readonly ProposalOrRef[], leafNode: LeafNode = leafOf(own)) =>
  headerOf({ kind: "commit", proposals, leafNode }, { kind: "new-member-commit" });

/** All rules but the signature, which comes last and is none here. */
const PASSES = { code: "mls/invalid-signature" };
const REFUSED = { code: "channels/external-commit-refused" };

Deno.test("checkExternalCommit() takes entering and one removal, and no other proposal", () => {
  const options = optionsOf([leafOf(own), leafOf(own)]);
  for (const proposals of [[init], [init, remove(0)], [remove(1), init]]) {
    assert.throws(() => checkExternalCommit(entering(proposals), options), PASSES);
  }
  for (
    const proposals of [
      [],
      [remove(0)],
      [init, init],
      [init, remove(0), remove(1)],
      [init, reference],
      [init, { kind: "proposal", proposal: { kind: "self-remove" } } as const],
    ]
  ) assert.throws(() => checkExternalCommit(entering(proposals), options), REFUSED);
});

Deno.test("checkExternalCommit() and checkSelfRemove() want the sending device's own leaf, each part of it", () => {
  const others = [
    leafOf({ ...own, accountId: id(8) }),
    leafOf({ ...own, deviceId: id(8) }),
    leafOf(own, id(8)),
  ];
  for (const leaf of others) {
    const options = optionsOf([leaf], true);
    assert.throws(() => checkExternalCommit(entering([init], leaf), options), REFUSED);
    const leaving = { kind: "proposal", proposal: { kind: "self-remove" } } as const;
    const header = headerOf(leaving, { kind: "member", leafIndex: 0 });
    assert.throws(() => checkSelfRemove(header, options), { code: "channels/bad-message" });
    assert.throws(() => checkSelfRemove(header, optionsOf([leafOf(own)])), PASSES);
    const outside = headerOf(leaving, { kind: "external", senderIndex: 0 });
    const refused = { code: "channels/bad-message" };
    assert.throws(() => checkSelfRemove(outside, optionsOf([leafOf(own)])), refused);
  }
});

Deno.test("checkExternalCommit() counts no leaf that only mentions the account", () => {
  // Its id stands in them, as a device's, or behind one that begins like it: they are another's.
  const mentioning = leafOf({ accountId: id(8), deviceId: id(1), generation: 9 });
  assert.throws(() => checkExternalCommit(entering([init]), optionsOf([mentioning])), REFUSED);
  assert.throws(() => checkExternalCommit(entering([init]), optionsOf([mentioning], true)), PASSES);
  const shifted = { ...own, accountId: new Uint8Array([1, 2, ...id(1).slice(2)]) };
  assert.throws(() => checkExternalCommit(entering([init]), optionsOf([leafOf(shifted)])), REFUSED);
  const mine = leafOf({ ...own, deviceId: id(8) });
  assert.throws(() => checkExternalCommit(entering([init]), optionsOf([mentioning, mine])), PASSES);
});
