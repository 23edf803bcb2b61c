import { assert } from "@qpq/ports";

/**
 * Tree math (RFC 9420 Appendix C). Nodes are numbered from left to right: leaf L is node 2 L, and a
 * parent of level k has k trailing one bits. Trees are full: the number of leaves is a power of two.
 */

export function nodeOfLeaf(leafIndex: number): number {
  return 2 * leafIndex;
}

/** @param node even */
export function leafOfNode(node: number): number {
  return node >>> 1;
}

export function isLeaf(node: number): boolean {
  return (node & 1) === 0;
}

/** Height above the leaves. */
export function level(node: number): number {
  return 31 - Math.clz32(~node & (node + 1));
}

export function nodeCount(leafCount: number): number {
  return 2 * leafCount - 1;
}

export function root(leafCount: number): number {
  return leafCount - 1;
}

/** Undefined for a leaf. */
export function left(node: number): number | undefined {
  return isLeaf(node) ? undefined : leftOfParent(node);
}

/** Undefined for a leaf. */
export function right(node: number): number | undefined {
  return isLeaf(node) ? undefined : rightOfParent(node);
}

/** @param node odd */
export function leftOfParent(node: number): number {
  return node ^ (1 << (level(node) - 1));
}

/** @param node odd */
export function rightOfParent(node: number): number {
  return node ^ (3 << (level(node) - 1));
}

/** Undefined for the root, and outside the tree. */
export function parent(node: number, leafCount: number): number | undefined {
  if (node === root(leafCount) || node >= nodeCount(leafCount)) return undefined;
  return parentInfinite(node);
}

function parentInfinite(node: number): number {
  const height = level(node);
  return (node | (1 << height)) & ~(1 << (height + 1));
}

/** The other child of the parent; undefined for the root. */
export function sibling(node: number, leafCount: number): number | undefined {
  const above = parent(node, leafCount);
  if (above === undefined) return undefined;
  return node < above ? rightOfParent(above) : leftOfParent(above);
}

/** Ancestors of `node`, the root last (RFC 9420 §4.1.1). */
export function directPath(node: number, leafCount: number): number[] {
  assert(node < nodeCount(leafCount), "a direct path starts inside the tree");
  const path: number[] = [];
  const top = root(leafCount);
  for (let each = node; each !== top;) {
    each = parentInfinite(each);
    path.push(each);
  }
  return path;
}

/** Whether `node` is `ancestor`, or below it. */
export function isInSubtree(node: number, ancestor: number): boolean {
  const reach = (1 << level(ancestor)) - 1;
  return node >= ancestor - reach && node <= ancestor + reach;
}

/** The child of `ancestor` whose subtree holds `node`; `node` is below `ancestor`. */
export function childTowards(ancestor: number, node: number): number {
  return node < ancestor ? leftOfParent(ancestor) : rightOfParent(ancestor);
}

/** The child of `ancestor` whose subtree does not hold `node`: its copath child. */
export function childAwayFrom(ancestor: number, node: number): number {
  return node < ancestor ? rightOfParent(ancestor) : leftOfParent(ancestor);
}

/** The lowest node above both. */
export function commonAncestor(one: number, other: number): number {
  let ancestor = one;
  while (!isInSubtree(other, ancestor)) ancestor = parentInfinite(ancestor);
  return ancestor;
}
