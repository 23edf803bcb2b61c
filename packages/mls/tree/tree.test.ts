import assert from "node:assert/strict";
import { AssertionFailure, type ErrorCode, MessengerError } from "@qpq/ports";
import type { CipherSuite } from "../crypto/provider.ts";
import { runtimeCryptoProvider } from "../crypto/runtime.ts";
import { signLeaf } from "../keys/treekem.ts";
import { seededRandom } from "../vectors/seeded-random.ts";
import { type Extension, requiredCapabilitiesExtension } from "../wire/extension.ts";
import type { GroupContext } from "../wire/group-info.ts";
import type { LeafNode, UnsignedLeafNode } from "../wire/leaf-node.ts";
import { LEAVES_COUNT_MAX } from "../wire/limits.ts";
import type { ParentNode } from "../wire/ratchet-tree.ts";
import {
  addMember,
  GROUP_ID,
  type GrowingTree,
  newLeaf,
  plantTree,
  randomStep,
  removeMember,
  updatePathOf,
} from "../test/growing-tree.ts";
import { treeHash } from "./hashes.ts";
import { directPath, isInSubtree, nodeCount, nodeOfLeaf } from "./math.ts";
import {
  encryptionKeyAt,
  filteredDirectPath,
  isEmptySubtree,
  membersOf,
  nodesOf,
  oneLeafTree,
  parentAt,
  type RatchetTree,
  resolution,
  TreeEditor,
  treeFromNodes,
} from "./ratchet-tree.ts";
import { validateTree } from "./validation.ts";

const crypto: CipherSuite = runtimeCryptoProvider().cipherSuite(1);
const SEED = "tree.test 1";

/** The same nodes without any cached hash. */
function uncached(tree: RatchetTree): RatchetTree {
  return { ...tree, hashes: [] };
}

function contextOf(tree: RatchetTree, extensions: readonly Extension[] = []): GroupContext {
  return {
    version: 1,
    cipherSuite: crypto.id,
    groupId: GROUP_ID,
    epoch: 5n,
    treeHash: treeHash(crypto, uncached(tree)),
    confirmedTranscriptHash: new Uint8Array(32),
    extensions,
  };
}

function assertRefused(
  tree: RatchetTree,
  code: ErrorCode,
  state: RegExp,
  context = contextOf(tree),
) {
  assert.throws(
    () => validateTree(crypto, tree, context),
    (error) =>
      error instanceof MessengerError && error.code === code && state.test(error.message) ||
      assert.fail(`refused otherwise: ${error}`),
  );
}

Deno.test(`trees stay valid, and hashes are cached rightly, through random steps (seed ${SEED})`, async () => {
  const random = seededRandom(SEED);
  let growing = await plantTree(crypto, random);
  for (let step = 0; step < 120; step++) {
    const before = growing.tree;
    const beforeHash = treeHash(crypto, before);
    growing = await randomStep(crypto, growing, random);
    const { tree } = growing;
    validateTree(crypto, tree, contextOf(tree));
    assert.deepEqual(treeHash(crypto, tree), treeHash(crypto, uncached(tree)));
    assert.deepEqual(treeHash(crypto, before), beforeHash, "a step leaves the old tree as it was");
    assert.deepEqual(treeHash(crypto, uncached(before)), beforeHash);
    assert.ok(Number.isInteger(Math.log2(tree.leafCount)));
    assert.equal(tree.leaves.length, tree.leafCount);
    assert.equal(tree.parents.length, tree.leafCount - 1);
    const rightHalf = tree.leaves.slice(tree.leafCount / 2);
    assert.ok(tree.leafCount === 1 || rightHalf.some((leaf) => leaf !== undefined), "truncated");
    const again = treeFromNodes(nodesOf(tree));
    assert.deepEqual(uncached(again), uncached(tree));
    assertResolutions(tree);
  }
});

/** By the definition of RFC 9420 §4.1.1, without looking at how it is computed. */
function assertResolutions(tree: RatchetTree): void {
  for (let node = 0; node < nodeCount(tree.leafCount); node++) {
    const found = resolution(tree, node);
    const below = membersOf(tree).filter(({ leafIndex }) =>
      isInSubtree(nodeOfLeaf(leafIndex), node)
    );
    const isBlank = encryptionKeyAt(tree, node) === undefined;
    assert.equal(isEmptySubtree(tree, node), isBlank && found.length === 0);
    assert.equal(found.length === 0, below.length === 0);
    assert.equal(new Set(found).size, found.length);
    assert.ok(found.every((each) => encryptionKeyAt(tree, each) !== undefined));
    // Every member below is in it, or merged into exactly one of its nodes.
    for (const { leafIndex } of below) {
      const leaf = nodeOfLeaf(leafIndex);
      const holders = found.filter((each) =>
        isInSubtree(leaf, each) &&
        !(each !== leaf && parentAt(tree, each)?.unmergedLeaves.includes(leafIndex))
      );
      assert.equal(holders.length, 1);
    }
  }
  for (const { leafIndex } of membersOf(tree)) {
    const path = filteredDirectPath(tree, leafIndex).map(({ node }) => node);
    const whole = directPath(nodeOfLeaf(leafIndex), tree.leafCount);
    assert.deepEqual(path, whole.filter((node) => path.includes(node)));
    for (const { node, copathChild } of filteredDirectPath(tree, leafIndex)) {
      assert.ok(!isInSubtree(nodeOfLeaf(leafIndex), copathChild) && isInSubtree(copathChild, node));
      assert.ok(resolution(tree, copathChild).length > 0);
    }
  }
}

/** Eight members, some paths merged, some leaves unmerged and one blank. */
async function matureTree(): Promise<GrowingTree> {
  const random = seededRandom("mature");
  let growing = await plantTree(crypto, random);
  for (let count = 1; count < 8; count++) growing = await addMember(crypto, growing, random);
  for (const leafIndex of [0, 6, 3, 5]) {
    growing = await updatePathOf(crypto, growing, { leafIndex, random });
  }
  growing = removeMember(growing, 2);
  growing = await updatePathOf(crypto, growing, { leafIndex: 7, random });
  growing = await updatePathOf(crypto, growing, { leafIndex: 0, random });
  return await addMember(crypto, growing, random);
}

const mature = await matureTree();

function withParent(
  tree: RatchetTree,
  change: (parent: ParentNode) => ParentNode,
  index = tree.parents.findIndex((parent) => parent !== undefined),
): RatchetTree {
  const parents = [...tree.parents];
  parents[index] = change(parents[index] as ParentNode);
  return { ...tree, parents, hashes: [] };
}

/** One leaf changed and signed again, as a malicious member could. */
function withLeaf(
  growing: GrowingTree,
  leafIndex: number,
  change: Partial<UnsignedLeafNode>,
): RatchetTree {
  const leaf = growing.tree.leaves[leafIndex] as LeafNode;
  const signer = growing.signers.get(leaf);
  assert.ok(signer !== undefined);
  const leaves = [...growing.tree.leaves];
  leaves[leafIndex] = signLeaf(crypto, { ...leaf, ...change }, {
    groupId: GROUP_ID,
    leafIndex,
    signaturePrivateKey: signer.privateKey,
  });
  return { ...growing.tree, leaves, hashes: [] };
}

Deno.test("validateTree() accepts a mature tree", () => {
  validateTree(crypto, mature.tree, contextOf(mature.tree));
});

Deno.test("validateTree() refuses another tree hash than the context's (RFC 9420 §12.4.3.1)", () => {
  const context = { ...contextOf(mature.tree), treeHash: new Uint8Array(32) };
  assertRefused(mature.tree, "mls/invalid-tree", /hash is another/, context);
});

Deno.test("validateTree() refuses a wrong parent hash (RFC 9420 §7.9.2)", () => {
  const index = mature.tree.parents.findIndex((parent) => parent && parent.parentHash.length > 0);
  const tree = withParent(
    mature.tree,
    (parent) => ({ ...parent, parentHash: new Uint8Array(32) }),
    index,
  );
  assertRefused(tree, "mls/invalid-tree", /parent hash/);
  const keyed = withParent(mature.tree, (parent) => ({
    ...parent,
    encryptionKey: crypto.generateSignatureKeyPair(seededRandom("key")).publicKey,
  }));
  assertRefused(keyed, "mls/invalid-tree", /parent hash/);
});

Deno.test("validateTree() refuses unmerged leaves that are elsewhere or merged below (RFC 9420 §12.4.3.1)", () => {
  const { tree } = mature;
  const root = tree.leafCount - 1;
  assert.ok(parentAt(tree, root) !== undefined);
  const unmergedAt = (node: number, unmergedLeaves: readonly number[]): RatchetTree =>
    withParent(tree, (parent) => ({ ...parent, unmergedLeaves }), node >>> 1);
  const low = [1, 5, 9, 13].find((node) => parentAt(tree, node) !== undefined) as number;
  assertRefused(unmergedAt(low, [(low + 3) % 8]), "mls/invalid-tree", /not below its node/);
  assertRefused(unmergedAt(root, [(low + 1) >>> 1]), "mls/invalid-tree", /merged it/);
});

Deno.test("validateTree() refuses a blank unmerged leaf", () => {
  const leaves = [...mature.tree.leaves];
  const unmerged = mature.tree.parents.flatMap((parent) => parent?.unmergedLeaves ?? []);
  assert.ok(unmerged.length > 0, "the mature tree has an unmerged leaf");
  leaves[unmerged[0] as number] = undefined;
  const tree = { ...mature.tree, leaves, hashes: [] };
  assertRefused(tree, "mls/invalid-tree", /is blank/);
});

Deno.test("validateTree() refuses a key that is there twice (RFC 9420 §7.3)", () => {
  const other = mature.tree.leaves[3] as LeafNode;
  const sameEncryption = withLeaf(mature, 4, { encryptionKey: other.encryptionKey });
  assertRefused(sameEncryption, "mls/invalid-tree", /encryption key is there twice/);
  const sameSignature = withLeaf(mature, 4, { signatureKey: other.signatureKey });
  assertRefused(sameSignature, "mls/invalid-tree", /signature key is there twice/);
  const asParent = withParent(mature.tree, (parent) => ({
    ...parent,
    encryptionKey: other.encryptionKey,
  }));
  assertRefused(asParent, "mls/invalid-tree", /encryption key is there twice/);
});

Deno.test("validateTree() refuses keys that are none", () => {
  const zero = new Uint8Array(32);
  assertRefused(
    withParent(mature.tree, (parent) => ({ ...parent, encryptionKey: zero })),
    "mls/invalid-tree",
    /key of a parent node is not one/,
  );
});

/** Leaves with a key package's source stand for no path: changing one breaks no parent hash. */
async function withFreshLeaf(change: Partial<UnsignedLeafNode>): Promise<RatchetTree> {
  const { leafNode } = await newLeaf(crypto, seededRandom("fresh"), change);
  const editor = new TreeEditor(oneLeafTree(
    (await plantTree(crypto, seededRandom("one"))).tree
      .leaves[0] as LeafNode,
  ));
  editor.addLeaf(leafNode);
  return editor.finish();
}

Deno.test("validateTree() checks each leaf by itself (RFC 9420 §7.3)", async () => {
  const capabilities = {
    versions: [1],
    cipherSuites: [crypto.id],
    extensions: [],
    proposals: [],
    credentials: [1],
  };
  const cases: readonly (readonly [Partial<UnsignedLeafNode>, ErrorCode, RegExp])[] = [
    [
      { capabilities: { ...capabilities, versions: [2] } },
      "mls/invalid-leaf-node",
      /does not support MLS 1.0/,
    ],
    [
      { capabilities: { ...capabilities, cipherSuites: [2] } },
      "mls/invalid-leaf-node",
      /does not support the suite/,
    ],
    [
      { capabilities: { ...capabilities, credentials: [2] } },
      "mls/invalid-leaf-node",
      /own credential type/,
    ],
    [
      { extensions: [{ extensionType: 0xf001, extensionData: new Uint8Array() }] },
      "mls/invalid-leaf-node",
      /one of its own extensions/,
    ],
    [{ encryptionKey: new Uint8Array(32) }, "mls/invalid-leaf-node", /encryption key is not one/],
    [{ signatureKey: new Uint8Array(9) }, "mls/invalid-leaf-node", /signature key is not one/],
  ];
  for (const [change, code, state] of cases) {
    assertRefused(await withFreshLeaf(change), code, state);
  }
  validateTree(crypto, await withFreshLeaf({}), contextOf(await withFreshLeaf({})));
});

Deno.test("validateTree() refuses a leaf signed for another place or group (RFC 9420 §7.2)", () => {
  const leaf = mature.tree.leaves[0] as LeafNode;
  assert.equal(leaf.source.kind, "commit");
  const leaves = [...mature.tree.leaves];
  leaves[0] = { ...leaf, signature: new Uint8Array(64) };
  const tree = { ...mature.tree, leaves, hashes: [] };
  assertRefused(tree, "mls/invalid-signature", /wrong signature/);
  const elsewhere = { ...contextOf(mature.tree), groupId: Uint8Array.of(9) };
  assertRefused(mature.tree, "mls/invalid-signature", /wrong signature/, elsewhere);
});

Deno.test("validateTree() asks each leaf for what the context requires (RFC 9420 §11.1, §13.4)", async () => {
  const tree = await withFreshLeaf({});
  const none = { extensionTypes: [], proposalTypes: [], credentialTypes: [] };
  const cases: readonly (readonly [Extension, RegExp])[] = [
    [requiredCapabilitiesExtension({ ...none, extensionTypes: [0xf001] }), /extension type 61441/],
    [requiredCapabilitiesExtension({ ...none, proposalTypes: [0xf002] }), /proposal type 61442/],
    [requiredCapabilitiesExtension({ ...none, credentialTypes: [2] }), /credential type 2/],
    [{ extensionType: 0xf003, extensionData: new Uint8Array() }, /extension type 61443/],
  ];
  for (const [extension, state] of cases) {
    assertRefused(tree, "mls/invalid-leaf-node", state, contextOf(tree, [extension]));
  }
  const defaults = { extensionTypes: [1], proposalTypes: [1], credentialTypes: [1] };
  validateTree(crypto, tree, contextOf(tree, [requiredCapabilitiesExtension(defaults)]));
});

Deno.test("validateTree() refuses members that lack a credential type in use (RFC 9420 §7.3)", async () => {
  const tree = await withFreshLeaf({
    credential: { kind: "x509", certificates: [Uint8Array.of(1)] },
    capabilities: {
      versions: [1],
      cipherSuites: [crypto.id],
      extensions: [],
      proposals: [],
      credentials: [1, 2],
    },
  });
  assertRefused(tree, "mls/invalid-tree", /credential type in use/);
});

Deno.test("treeFromNodes() extends to the full width and refuses too many leaves", async () => {
  const { leafNode } = await newLeaf(crypto, seededRandom("wide"));
  const leaf = { kind: "leaf", leafNode } as const;
  const three = treeFromNodes([leaf, undefined, leaf, undefined, leaf]);
  assert.equal(three.leafCount, 4);
  assert.equal(three.leaves[3], undefined);
  assert.deepEqual(nodesOf(three), [leaf, undefined, leaf, undefined, leaf]);
  const wide = new Array<typeof leaf | undefined>(2 * LEAVES_COUNT_MAX + 1).fill(undefined);
  wide[0] = leaf;
  assert.throws(
    () => treeFromNodes(wide),
    (error) => error instanceof MessengerError && error.code === "mls/invalid-tree",
  );
});

Deno.test("validateTree() refuses a tree that is wider than its members need (RFC 9420 §7.7)", async () => {
  const { tree } = await plantTree(crypto, seededRandom("wide root"));
  validateTree(crypto, tree, contextOf(tree));
  const wide: RatchetTree = {
    leafCount: 2,
    leaves: [...tree.leaves, undefined],
    parents: [undefined],
    hashes: [],
  };
  assertRefused(wide, "mls/invalid-tree", /right half/);
});

Deno.test("TreeEditor fills the leftmost blank leaf, grows, and shrinks (RFC 9420 §7.7)", async () => {
  const random = seededRandom("editor");
  let growing = await plantTree(crypto, random);
  for (let count = 1; count < 5; count++) growing = await addMember(crypto, growing, random);
  assert.equal(growing.tree.leafCount, 8);
  growing = removeMember(growing, 1);
  growing = removeMember(growing, 3);
  assert.equal(growing.tree.leafCount, 8);
  const refilled = await addMember(crypto, growing, random);
  assert.notEqual(refilled.tree.leaves[1], undefined);
  assert.equal(refilled.tree.leaves[3], undefined);
  growing = removeMember(growing, 4);
  assert.equal(growing.tree.leafCount, 4);
  growing = removeMember(growing, 2);
  assert.equal(growing.tree.leafCount, 1);
  const editor = new TreeEditor(growing.tree);
  assert.throws(() => editor.setLeaf(7, growing.tree.leaves[0] as LeafNode), AssertionFailure);
});

Deno.test("TreeEditor refuses to grow above the limit", async () => {
  const { leafNode } = await newLeaf(crypto, seededRandom("full"));
  const full: RatchetTree = {
    leafCount: LEAVES_COUNT_MAX,
    leaves: new Array<LeafNode>(LEAVES_COUNT_MAX).fill(leafNode),
    parents: new Array<undefined>(LEAVES_COUNT_MAX - 1).fill(undefined),
    hashes: [],
  };
  assert.throws(
    () => new TreeEditor(full).addLeaf(leafNode),
    (error) => error instanceof MessengerError && error.code === "mls/group-full",
  );
});
