import assert from "node:assert/strict";
import type { Random } from "@qpq/ports";
import type { CipherSuite, KeyPair } from "../crypto/provider.ts";
import { createPath, signLeaf } from "../keys/treekem.ts";
import { chooseIndex } from "../vectors/seeded-random.ts";
import type { LeafNode, UnsignedLeafNode } from "../wire/leaf-node.ts";
import { membersOf, oneLeafTree, type RatchetTree, TreeEditor } from "../tree/ratchet-tree.ts";

/** A tree that grows by valid steps, for tests: every leaf's signature key is known. */
export interface GrowingTree {
  readonly tree: RatchetTree;
  readonly signers: ReadonlyMap<LeafNode, KeyPair>;
}

export const GROUP_ID = Uint8Array.of(1, 2, 3);

export async function plantTree(crypto: CipherSuite, random: Random): Promise<GrowingTree> {
  const { leafNode, signer } = await newLeaf(crypto, random);
  return { tree: oneLeafTree(leafNode), signers: new Map([[leafNode, signer]]) };
}

export async function newLeaf(
  crypto: CipherSuite,
  random: Random,
  changes: Partial<UnsignedLeafNode> = {},
): Promise<{ readonly leafNode: LeafNode; readonly signer: KeyPair }> {
  const signer = crypto.generateSignatureKeyPair(random);
  const { publicKey } = await crypto.generateHpkeKeyPair(random);
  const leafNode = signLeaf(crypto, {
    encryptionKey: publicKey,
    signatureKey: signer.publicKey,
    credential: { kind: "basic", identity: random.bytes(4) },
    capabilities: {
      versions: [1],
      cipherSuites: [crypto.id],
      extensions: [],
      proposals: [],
      credentials: [1],
    },
    source: { kind: "key-package", lifetime: { notBefore: 0n, notAfter: 1n } },
    extensions: [],
    ...changes,
  }, { groupId: GROUP_ID, leafIndex: 0, signaturePrivateKey: signer.privateKey });
  return { leafNode, signer };
}

export async function addMember(
  crypto: CipherSuite,
  growing: GrowingTree,
  random: Random,
): Promise<GrowingTree> {
  const { leafNode, signer } = await newLeaf(crypto, random);
  const editor = new TreeEditor(growing.tree);
  editor.addLeaf(leafNode);
  return { tree: editor.finish(), signers: new Map([...growing.signers, [leafNode, signer]]) };
}

export function removeMember(growing: GrowingTree, leafIndex: number): GrowingTree {
  const editor = new TreeEditor(growing.tree);
  editor.removeLeaf(leafIndex);
  editor.truncate();
  return { ...growing, tree: editor.finish() };
}

/** A new path for one member, as its commit would make it. */
export async function updatePathOf(
  crypto: CipherSuite,
  growing: GrowingTree,
  options: { readonly leafIndex: number; readonly random: Random },
): Promise<GrowingTree> {
  const leaf = growing.tree.leaves[options.leafIndex];
  const signer = leaf && growing.signers.get(leaf);
  assert.ok(leaf !== undefined && signer !== undefined);
  const { tree, leafNode } = await createPath(crypto, growing.tree, {
    ...options,
    groupId: GROUP_ID,
    leaf,
    signaturePrivateKey: signer.privateKey,
  });
  return { tree, signers: new Map([...growing.signers, [leafNode, signer]]) };
}

/** One step of any kind that leaves at least one member. */
export async function randomStep(
  crypto: CipherSuite,
  growing: GrowingTree,
  random: Random,
): Promise<GrowingTree> {
  const members = membersOf(growing.tree);
  const chosen = members[chooseIndex(random, members.length)]?.leafIndex;
  assert.ok(chosen !== undefined);
  const choice = chooseIndex(random, 6);
  if (choice < 2 && members.length > 1) return removeMember(growing, chosen);
  if (choice < 5) return await addMember(crypto, growing, random);
  return await updatePathOf(crypto, growing, { leafIndex: chosen, random });
}
