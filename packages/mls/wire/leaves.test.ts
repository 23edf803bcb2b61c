import assert from "node:assert/strict";
import { encode } from "../codec/codec.ts";
import type { GroupState } from "../group/state.ts";
import { createMembers } from "../test/members.ts";
import { decodeLeaves, type EncodedLeaf } from "./leaves.ts";
import { type Node, ratchetTreeNodes } from "./ratchet-tree.ts";

const parent: Node = {
  kind: "parent",
  parentNode: {
    encryptionKey: Uint8Array.of(1),
    parentHash: Uint8Array.of(2),
    unmergedLeaves: [2],
  },
};

/** Leaves of all three sources, a blank one, and a parent. */
async function nodesOf(): Promise<readonly (Node | undefined)[]> {
  const [alice] = await createMembers(1) as [GroupState];
  const [leafNode] = (await alice.tree.load()).leaves;
  assert.ok(leafNode !== undefined);
  const identity = new Uint8Array(3);
  const leaf = (change: Partial<typeof leafNode>): Node => ({
    kind: "leaf",
    leafNode: { ...leafNode, ...change },
  });
  return [
    leaf({ source: { kind: "key-package", lifetime: { notBefore: 1n, notAfter: 2n } } }),
    parent,
    leaf({ source: { kind: "commit", parentHash: Uint8Array.of(3) } }),
    undefined,
    undefined,
    undefined,
    leaf({
      source: { kind: "update" },
      credential: { kind: "x509", certificates: [identity, identity] },
      extensions: [0xf0f0, 0xf0f1].map((extensionType) => ({
        extensionType,
        extensionData: identity,
      })),
    }),
  ];
}

Deno.test("decodeLeaves() decodes the leaves that are wanted, wherever they stand", async () => {
  const nodes = await nodesOf();
  const bytes = encode(ratchetTreeNodes, nodes);
  const leaves = nodes.filter((_, index) => index % 2 === 0)
    .map((node) => node?.kind === "leaf" ? node.leafNode : undefined);
  assert.deepEqual(decodeLeaves(bytes, () => true), leaves);
  const seen: EncodedLeaf[] = [];
  const found = decodeLeaves(bytes, (leaf) => {
    seen.push(leaf);
    return leaf.leafIndex === 3;
  });
  assert.deepEqual(found, [undefined, undefined, undefined, leaves[3]]);
  assert.deepEqual(seen.map(({ leafIndex }) => leafIndex), [0, 1, 3]);
});

Deno.test("decodeLeaves() refuses what is no tree, and passes over what nobody asked for", async () => {
  const bytes = encode(ratchetTreeNodes, await nodesOf());
  const none = () => false;
  for (let length = 0; length < bytes.length; length++) {
    assert.throws(() => decodeLeaves(bytes.subarray(0, length), none), { code: "malformed" });
  }
  const longer = new Uint8Array([...bytes, 0]);
  assert.throws(() => decodeLeaves(longer, none), { code: "malformed" });
  const misplaced = encode(ratchetTreeNodes, [(await nodesOf())[0]]);
  const typeAt = misplaced.indexOf(1, 2) + 1;
  misplaced[typeAt] = 2;
  assert.throws(() => decodeLeaves(misplaced, none), { code: "malformed" });
  assert.throws(() => decodeLeaves(Uint8Array.of(1, 2), none), { code: "malformed" });
  // More blank nodes than any tree has.
  const blank = new Uint8Array(4 + 2 ** 17);
  new DataView(blank.buffer).setUint32(0, 2 ** 31 + 2 ** 17);
  assert.throws(() => decodeLeaves(blank, none), { code: "malformed", message: /nodes/ });
});

Deno.test("decodeLeaves() looks into no leaf that is not wanted", async () => {
  const bytes = encode(ratchetTreeNodes, await nodesOf());
  // Two extensions of one type, which no leaf has.
  const at = Buffer.from(bytes.buffer).lastIndexOf(Uint8Array.of(0xf0, 0xf1));
  assert.ok(at > 0);
  bytes[at + 1] = 0xf0;
  assert.throws(() => decodeLeaves(bytes, () => true), { code: "malformed" });
  assert.equal(decodeLeaves(bytes, ({ leafIndex }) => leafIndex < 3).length, 4);
});
