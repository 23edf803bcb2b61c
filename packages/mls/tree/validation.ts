import { MessengerError } from "@qpq/ports";
import type { CipherSuite } from "../crypto/provider.ts";
import type { GroupContext } from "../wire/group-info.ts";
import type { ParentNode } from "../wire/ratchet-tree.ts";
import { parentHash, treeHash, treeHashing } from "./hashes.ts";
import {
  memberRequirements,
  validateCredentialTypes,
  validateLeaf,
  validateSupport,
} from "./leaf-validation.ts";
import { directPath, isInSubtree, isLeaf, leafOfNode, leftOfParent } from "./math.ts";
import { nodeCount, nodeOfLeaf, rightOfParent } from "./math.ts";
import { leafAt, membersOf, parentAt, type RatchetTree, resolution } from "./ratchet-tree.ts";
import { inSlices, runSlices, type Slices, VALIDATION_SLICE_NODES_COUNT } from "../slices.ts";
import { uniqueKeysValidation } from "./unique-keys.ts";

/**
 * A tree that somebody else gave, against the group context that names its hash: everything that a
 * joiner must check (RFC 9420 §12.4.3.1, "Verify the integrity of the ratchet tree").
 * Credentials are the authentication service's.
 * @throws MessengerError `mls/invalid-tree`, `mls/invalid-leaf-node`, `mls/invalid-signature`
 */
export function validateTree(crypto: CipherSuite, tree: RatchetTree, context: GroupContext): void {
  runSlices(treeValidation(crypto, tree, context));
}

/** The same in slices. */
export function* treeValidation(
  crypto: CipherSuite,
  tree: RatchetTree,
  context: GroupContext,
): Slices<void> {
  yield* treeHashing(crypto, tree);
  if (tree.leafCount > VALIDATION_SLICE_NODES_COUNT) yield;
  if (!sameBytes(treeHash(crypto, tree), context.treeHash)) refuse("its hash is another");
  refuseTooWide(tree);
  yield* uniqueKeysValidation(tree);
  yield* unmergedLeavesValidation(tree);
  yield* inSlices(parentsOf(tree), ([, parent]) => {
    if (!crypto.isHpkePublicKey(parent.encryptionKey)) {
      refuse("the key of a parent node is not one");
    }
  });
  yield* inSlices(parentsOf(tree), ([node, parent]) => {
    validateParentHash(crypto, tree, { node, parent });
  });
  const requirements = memberRequirements(context);
  const members = membersOf(tree);
  yield* inSlices(members, ({ leafIndex, leafNode }) => {
    validateLeaf(crypto, leafNode, { groupId: context.groupId, leafIndex, source: undefined });
    validateSupport(leafNode, requirements);
  });
  validateCredentialTypes(members.map((member) => member.leafNode), "mls/invalid-tree");
}

/**
 * Whoever removes the last member of the right half drops it (RFC 9420 §7.7). A tree that still has
 * it, under a root that was made for it, is nobody's by the rules: libraries may count it otherwise.
 */
function refuseTooWide({ leafCount, leaves }: RatchetTree): void {
  const last = leaves.findLastIndex((leaf) => leaf !== undefined);
  if (leafCount > 1 && last < leafCount / 2) refuse("nobody is in its right half");
}

/** Each unmerged leaf is a member below its node, and unmerged in every node between. */
function* unmergedLeavesValidation(tree: RatchetTree): Slices<void> {
  yield* inSlices(parentsOf(tree), ([node, parent]) => {
    for (const leafIndex of parent.unmergedLeaves) {
      const leafNode = nodeOfLeaf(leafIndex);
      if (!isInSubtree(leafNode, node)) refuse("an unmerged leaf is not below its node");
      if (leafAt(tree, leafIndex) === undefined) refuse("an unmerged leaf is blank");
    }
  });
  const unmerged = new Map<number, ReadonlySet<number>>();
  for (const [node, parent] of parentsOf(tree)) unmerged.set(node, new Set(parent.unmergedLeaves));
  yield* inSlices(membersOf(tree), ({ leafIndex }) => {
    // Upwards: once unmerged somewhere, no node below may have merged the leaf.
    let isMergedBelow = false;
    for (const node of directPath(nodeOfLeaf(leafIndex), tree.leafCount)) {
      const leaves = unmerged.get(node);
      if (leaves === undefined) continue;
      if (!leaves.has(leafIndex)) isMergedBelow = true;
      else if (isMergedBelow) refuse("a leaf is unmerged above a node that has merged it");
    }
  });
}

/** Each parent was set in the same update path as one node below it (RFC 9420 §7.9.2). */
export function validateParentHashes(crypto: CipherSuite, tree: RatchetTree): void {
  for (const [node, parent] of parentsOf(tree)) validateParentHash(crypto, tree, { node, parent });
}

function validateParentHash(
  crypto: CipherSuite,
  tree: RatchetTree,
  { node, parent }: { readonly node: number; readonly parent: ParentNode },
): void {
  const [leftChild, rightChild] = [leftOfParent(node), rightOfParent(node)];
  const isValid = isSetTogether(crypto, tree, { parent, child: leftChild, sibling: rightChild }) ||
    isSetTogether(crypto, tree, { parent, child: rightChild, sibling: leftChild });
  if (!isValid) refuse("a parent hash does not fit");
}

function isSetTogether(
  crypto: CipherSuite,
  tree: RatchetTree,
  at: { readonly parent: ParentNode; readonly child: number; readonly sibling: number },
): boolean {
  const { parent, child, sibling } = at;
  const unmerged = new Set(
    parent.unmergedLeaves.map(nodeOfLeaf).filter((node) => isInSubtree(node, child)),
  );
  // "D is in the resolution of C, and the intersection of P's unmerged_leaves with the subtree
  // under C is equal to the resolution of C with D removed."
  const below = resolution(tree, child);
  const [descendant, ...others] = below.filter((node) => !unmerged.has(node));
  if (descendant === undefined || others.length > 0 || below.length !== unmerged.size + 1) {
    return false;
  }
  const claimed = parentHashAt(tree, descendant);
  if (claimed === undefined) return false;
  return sameBytes(claimed, parentHash(crypto, tree, { parent, copathChild: sibling }));
}

function parentHashAt(tree: RatchetTree, node: number): Uint8Array | undefined {
  if (!isLeaf(node)) return parentAt(tree, node)?.parentHash;
  const source = leafAt(tree, leafOfNode(node))?.source;
  return source?.kind === "commit" ? source.parentHash : undefined;
}

function* parentsOf(tree: RatchetTree): Iterable<readonly [node: number, parent: ParentNode]> {
  for (let node = 1; node < nodeCount(tree.leafCount); node += 2) {
    const parent = parentAt(tree, node);
    if (parent !== undefined) yield [node, parent];
  }
}

/** Of public values: their comparison may take any time. */
export function sameBytes(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, index) => byte === right[index]);
}

function refuse(state: string): never {
  throw new MessengerError("mls/invalid-tree", `Cannot accept tree: ${state}`);
}
