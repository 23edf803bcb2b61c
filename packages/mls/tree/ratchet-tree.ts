import { assert, MessengerError } from "@qpq/ports";
import type { LeafNode } from "../wire/leaf-node.ts";
import { LEAVES_COUNT_MAX } from "../wire/limits.ts";
import type { Node, ParentNode } from "../wire/ratchet-tree.ts";
import {
  directPath,
  isLeaf,
  leafOfNode,
  left,
  leftOfParent,
  nodeCount,
  nodeOfLeaf,
  rightOfParent,
  root,
} from "./math.ts";

/**
 * The public half of the ratchet tree of one epoch (RFC 9420 §4.1, §7). Immutable; nodes are shared
 * between the trees of successive epochs. Undefined is a blank node.
 */
export interface RatchetTree {
  /** A power of two. */
  readonly leafCount: number;
  readonly leaves: readonly (LeafNode | undefined)[];
  /** The parent at node 2 i + 1 is at index i. */
  readonly parents: readonly (ParentNode | undefined)[];
  /** Tree hashes by node, as far as they were computed: a cache, filled by `treeHash`. */
  readonly hashes: (Uint8Array | undefined)[];
}

/** Undefined for a blank leaf, and outside the tree. */
export function leafAt(tree: RatchetTree, leafIndex: number): LeafNode | undefined {
  return tree.leaves[leafIndex];
}

/** @param node odd */
export function parentAt(tree: RatchetTree, node: number): ParentNode | undefined {
  return tree.parents[node >>> 1];
}

/** The public key at a node, or undefined where it is blank. */
export function encryptionKeyAt(tree: RatchetTree, node: number): Uint8Array | undefined {
  return isLeaf(node)
    ? leafAt(tree, leafOfNode(node))?.encryptionKey
    : parentAt(tree, node)?.encryptionKey;
}

/** Leaf indices and nodes of all members, in order. */
export function membersOf(
  tree: RatchetTree,
): readonly { readonly leafIndex: number; readonly leafNode: LeafNode }[] {
  return tree.leaves.flatMap((leafNode, leafIndex) =>
    leafNode === undefined ? [] : [{ leafIndex, leafNode }]
  );
}

/** The tree of a group of one (RFC 9420 §11). */
export function oneLeafTree(leaf: LeafNode): RatchetTree {
  return { leafCount: 1, leaves: [leaf], parents: [], hashes: [] };
}

/**
 * The tree of a `ratchet_tree` extension, extended to its full width (RFC 9420 §12.4.3.3).
 * @throws MessengerError `mls/invalid-tree`
 */
export function treeFromNodes(nodes: readonly (Node | undefined)[]): RatchetTree {
  let leafCount = 1;
  while (nodeCount(leafCount) < nodes.length) leafCount *= 2;
  if (leafCount > LEAVES_COUNT_MAX) {
    throw new MessengerError("mls/invalid-tree", `Cannot read tree: above ${LEAVES_COUNT_MAX}`);
  }
  const leaves = new Array<LeafNode | undefined>(leafCount).fill(undefined);
  const parents = new Array<ParentNode | undefined>(leafCount - 1).fill(undefined);
  nodes.forEach((node, index) => {
    if (node?.kind === "leaf") leaves[index >>> 1] = node.leafNode;
    else if (node?.kind === "parent") parents[index >>> 1] = node.parentNode;
  });
  return { leafCount, leaves, parents, hashes: [] };
}

/** The nodes for a `ratchet_tree` extension: up to the last that is not blank. */
export function nodesOf(tree: RatchetTree): readonly (Node | undefined)[] {
  const nodes: (Node | undefined)[] = [];
  for (let node = 0; node < nodeCount(tree.leafCount); node++) {
    if (isLeaf(node)) {
      const leafNode = leafAt(tree, leafOfNode(node));
      nodes.push(leafNode && { kind: "leaf", leafNode });
    } else {
      const parentNode = parentAt(tree, node);
      nodes.push(parentNode && { kind: "parent", parentNode });
    }
  }
  while (nodes.length > 0 && nodes.at(-1) === undefined) nodes.pop();
  return nodes;
}

/**
 * The nodes that together hold exactly the members below `node`, left to right (RFC 9420 §4.1.1).
 * @param excluded leaves that are left out: those that the commit being made adds (§7.5)
 */
export function resolution(
  tree: RatchetTree,
  node: number,
  excluded: ReadonlySet<number> = NONE,
): number[] {
  const found: number[] = [];
  const visit = (each: number): void => {
    if (isLeaf(each)) {
      const leafIndex = leafOfNode(each);
      if (leafAt(tree, leafIndex) !== undefined && !excluded.has(leafIndex)) found.push(each);
      return;
    }
    const parent = parentAt(tree, each);
    if (parent === undefined) {
      visit(leftOfParent(each));
      visit(rightOfParent(each));
      return;
    }
    found.push(each);
    for (const leafIndex of parent.unmergedLeaves) {
      if (!excluded.has(leafIndex)) found.push(nodeOfLeaf(leafIndex));
    }
  };
  visit(node);
  return found;
}

const NONE: ReadonlySet<number> = new Set();

/** Whether nobody is below `node`: its resolution is empty. */
export function isEmptySubtree(tree: RatchetTree, node: number): boolean {
  if (encryptionKeyAt(tree, node) !== undefined) return false;
  const child = left(node);
  if (child === undefined) return true;
  return isEmptySubtree(tree, child) && isEmptySubtree(tree, rightOfParent(node));
}

/** A step of a filtered direct path: a parent, and its child away from the leaf. */
export interface PathStep {
  readonly node: number;
  readonly copathChild: number;
}

/** The direct path without the nodes whose copath child holds nobody (RFC 9420 §4.1.1). */
export function filteredDirectPath(tree: RatchetTree, leafIndex: number): readonly PathStep[] {
  const leafNode = nodeOfLeaf(leafIndex);
  return directPath(leafNode, tree.leafCount)
    .map((node) => ({
      node,
      copathChild: leafNode < node ? rightOfParent(node) : leftOfParent(node),
    }))
    .filter(({ copathChild }) => !isEmptySubtree(tree, copathChild));
}

/**
 * Changes to one tree, made on a copy of its node lists; `finish` gives the changed tree. Hashes
 * above a changed node are forgotten, all others are kept.
 */
export class TreeEditor {
  #leafCount: number;
  readonly #leaves: (LeafNode | undefined)[];
  readonly #parents: (ParentNode | undefined)[];
  readonly #hashes: (Uint8Array | undefined)[];
  /** New leaves by ancestor: merged into the nodes once, when all are known. */
  readonly #newlyUnmerged = new Map<number, number[]>();
  /** No leaf before this one is blank. */
  #firstMaybeBlank = 0;

  constructor(tree: RatchetTree) {
    this.#leafCount = tree.leafCount;
    this.#leaves = [...tree.leaves];
    this.#parents = [...tree.parents];
    this.#hashes = [...tree.hashes];
  }

  finish(): RatchetTree {
    for (const [node, added] of this.#newlyUnmerged) {
      const parent = this.#parents[node >>> 1];
      assert(parent !== undefined, "leaves are added after nodes are blanked");
      const unmergedLeaves = [...parent.unmergedLeaves, ...added].sort((a, b) => a - b);
      this.#parents[node >>> 1] = { ...parent, unmergedLeaves };
    }
    this.#newlyUnmerged.clear();
    return {
      leafCount: this.#leafCount,
      leaves: this.#leaves,
      parents: this.#parents,
      hashes: this.#hashes,
    };
  }

  setLeaf(leafIndex: number, leaf: LeafNode): void {
    assert(leafIndex < this.#leafCount, "a leaf is inside the tree");
    this.#leaves[leafIndex] = leaf;
    this.#forgetHashes(nodeOfLeaf(leafIndex));
  }

  /** @param node odd */
  setParent(node: number, parent: ParentNode): void {
    this.#parents[node >>> 1] = parent;
    this.#forgetHashes(node);
  }

  blankDirectPath(leafIndex: number): void {
    for (const node of directPath(nodeOfLeaf(leafIndex), this.#leafCount)) {
      this.#parents[node >>> 1] = undefined;
    }
    this.#forgetHashes(nodeOfLeaf(leafIndex));
  }

  /**
   * The leftmost blank leaf; the tree grows where there is none (RFC 9420 §7.7, §12.1.1).
   * @throws MessengerError `mls/group-full`
   */
  blankLeaf(): number {
    let leafIndex = this.#firstMaybeBlank;
    while (leafIndex < this.#leafCount && this.#leaves[leafIndex] !== undefined) leafIndex++;
    this.#firstMaybeBlank = leafIndex;
    if (leafIndex === this.#leafCount) this.#extend();
    return leafIndex;
  }

  /** Puts a new member at the leftmost blank leaf, unmerged in its ancestors (RFC 9420 §12.1.1). */
  addLeaf(leaf: LeafNode): number {
    const leafIndex = this.blankLeaf();
    for (const node of directPath(nodeOfLeaf(leafIndex), this.#leafCount)) {
      if (this.#parents[node >>> 1] === undefined) continue;
      const unmerged = this.#newlyUnmerged.get(node) ?? [];
      unmerged.push(leafIndex);
      this.#newlyUnmerged.set(node, unmerged);
    }
    this.setLeaf(leafIndex, leaf);
    return leafIndex;
  }

  /** Replaces a leaf and blanks the nodes above it (RFC 9420 §12.1.2). */
  updateLeaf(leafIndex: number, leaf: LeafNode): void {
    this.setLeaf(leafIndex, leaf);
    this.blankDirectPath(leafIndex);
  }

  /** Blanks a leaf and the nodes above it; `truncate` comes after the last one (RFC 9420 §12.1.3). */
  removeLeaf(leafIndex: number): void {
    this.#leaves[leafIndex] = undefined;
    this.#firstMaybeBlank = Math.min(this.#firstMaybeBlank, leafIndex);
    this.blankDirectPath(leafIndex);
  }

  /** Drops the right half as long as nobody is in it (RFC 9420 §7.7). */
  truncate(): void {
    let last = this.#leafCount - 1;
    while (last > 0 && this.#leaves[last] === undefined) last--;
    while (this.#leafCount > 1 && last < this.#leafCount / 2) this.#leafCount /= 2;
    this.#leaves.length = this.#leafCount;
    this.#parents.length = this.#leafCount - 1;
    this.#hashes.length = Math.min(this.#hashes.length, nodeCount(this.#leafCount));
  }

  #extend(): void {
    if (this.#leafCount === LEAVES_COUNT_MAX) {
      throw new MessengerError("mls/group-full", `Cannot add: ${LEAVES_COUNT_MAX} members`);
    }
    this.#leafCount *= 2;
    while (this.#leaves.length < this.#leafCount) this.#leaves.push(undefined);
    while (this.#parents.length < this.#leafCount - 1) this.#parents.push(undefined);
  }

  #forgetHashes(node: number): void {
    this.#hashes[node] = undefined;
    if (node === root(this.#leafCount)) return;
    for (const above of directPath(node, this.#leafCount)) this.#hashes[above] = undefined;
  }
}
