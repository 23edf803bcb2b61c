import assert from "node:assert/strict";
import { encode } from "../codec/codec.ts";
import type { CryptoProvider } from "../crypto/provider.ts";
import { treeHash } from "../tree/hashes.ts";
import { validateLeaf } from "../tree/leaf-validation.ts";
import { nodeCount } from "../tree/math.ts";
import {
  membersOf,
  nodesOf,
  type RatchetTree,
  resolution,
  TreeEditor,
  treeFromNodes,
} from "../tree/ratchet-tree.ts";
import { validateParentHashes } from "../tree/validation.ts";
import { proposal } from "../wire/proposal.ts";
import { ratchetTreeNodes } from "../wire/ratchet-tree.ts";
import { assertBytes, type Entry } from "./entry.ts";
import { decodeWhole } from "./messages.ts";

export function treeOf(bytes: Uint8Array): RatchetTree {
  return treeFromNodes(decodeWhole(ratchetTreeNodes, bytes));
}

export function checkTreeOperations(entry: Entry, provider: CryptoProvider): void {
  const crypto = provider.cipherSuite(entry.number("cipher_suite"));
  const before = treeOf(entry.hex("tree_before"));
  assertBytes(treeHash(crypto, before), entry.hex("tree_hash_before"), "tree_hash_before");
  const change = decodeWhole(proposal, entry.hex("proposal"));
  const editor = new TreeEditor(before);
  if (change.kind === "add") {
    editor.addLeaf(change.keyPackage.leafNode);
  } else if (change.kind === "update") {
    editor.updateLeaf(entry.number("proposal_sender"), change.leafNode);
  } else {
    assert.ok(change.kind === "remove", "the proposal changes the tree");
    editor.removeLeaf(change.removed);
    editor.truncate();
  }
  const after = editor.finish();
  assertBytes(encode(ratchetTreeNodes, nodesOf(after)), entry.hex("tree_after"), "tree_after");
  assertBytes(treeHash(crypto, after), entry.hex("tree_hash_after"), "tree_hash_after");
}

export function checkTreeValidation(entry: Entry, provider: CryptoProvider): void {
  const crypto = provider.cipherSuite(entry.number("cipher_suite"));
  const encoded = entry.hex("tree");
  const tree = treeOf(encoded);
  assertBytes(encode(ratchetTreeNodes, nodesOf(tree)), encoded, "tree");
  const nodes = Array.from({ length: nodeCount(tree.leafCount) }, (_, node) => node);
  assert.deepEqual(nodes.map((node) => resolution(tree, node)), entry.list("resolutions"));
  const hashes = entry.hexList("tree_hashes");
  assert.equal(hashes.length, nodes.length);
  for (const [node, expected] of hashes.entries()) {
    assertBytes(treeHash(crypto, tree, node), expected, `tree hash of node ${node}`);
  }
  validateParentHashes(crypto, tree);
  const groupId = entry.hex("group_id");
  for (const { leafIndex, leafNode } of membersOf(tree)) {
    validateLeaf(crypto, leafNode, { groupId, leafIndex, source: undefined });
  }
}
