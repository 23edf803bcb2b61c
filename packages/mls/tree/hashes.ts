import { encode, type NamedCodec, opaque, optional, struct } from "../codec/codec.ts";
import { select, uint32, uint8 } from "../codec/codec.ts";
import type { CipherSuite } from "../crypto/provider.ts";
import { type Slices, VALIDATION_SLICE_NODES_COUNT } from "../slices.ts";
import { type LeafNode, leafNode } from "../wire/leaf-node.ts";
import { type ParentNode, parentNode } from "../wire/ratchet-tree.ts";
import { isInSubtree, isLeaf, leafOfNode, nodeOfLeaf } from "./math.ts";
import { leftOfParent, rightOfParent, root } from "./math.ts";
import {
  filteredDirectPath,
  leafAt,
  parentAt,
  type RatchetTree,
  TreeEditor,
} from "./ratchet-tree.ts";

type TreeHashInput =
  | {
    readonly kind: "leaf";
    readonly leafIndex: number;
    readonly leafNode: LeafNode | undefined;
  }
  | {
    readonly kind: "parent";
    readonly parentNode: ParentNode | undefined;
    readonly leftHash: Uint8Array;
    readonly rightHash: Uint8Array;
  };

const treeHashInput: NamedCodec<TreeHashInput> = select<TreeHashInput>("TreeHashInput", uint8, {
  leaf: { tag: 1, fields: { leafIndex: uint32, leafNode: optional(leafNode) } },
  parent: {
    tag: 2,
    fields: { parentNode: optional(parentNode), leftHash: opaque, rightHash: opaque },
  },
});

/** The hash of everything at and below `node`, the root by default (RFC 9420 §7.8). */
export function treeHash(
  crypto: CipherSuite,
  tree: RatchetTree,
  node: number = root(tree.leafCount),
): Uint8Array {
  const known = tree.hashes[node];
  if (known !== undefined) return known;
  const hash = isLeaf(node)
    ? hashOfLeaf(crypto, leafOfNode(node), leafAt(tree, leafOfNode(node)))
    : crypto.hash(encode(treeHashInput, {
      kind: "parent",
      parentNode: parentAt(tree, node),
      leftHash: treeHash(crypto, tree, leftOfParent(node)),
      rightHash: treeHash(crypto, tree, rightOfParent(node)),
    }));
  tree.hashes[node] = hash;
  return hash;
}

/**
 * The hashes of all subtrees of a slice's width that are not known yet: `treeHash` then has little
 * left to do.
 */
export function* treeHashing(crypto: CipherSuite, tree: RatchetTree): Slices<void> {
  const width = VALIDATION_SLICE_NODES_COUNT;
  let isFirst = true;
  for (let leafIndex = 0; leafIndex + width <= tree.leafCount; leafIndex += width) {
    const node = nodeOfLeaf(leafIndex) + root(width);
    if (tree.hashes[node] !== undefined) continue;
    if (!isFirst) yield;
    isFirst = false;
    treeHash(crypto, tree, node);
  }
}

function hashOfLeaf(
  crypto: CipherSuite,
  leafIndex: number,
  leaf: LeafNode | undefined,
): Uint8Array {
  return crypto.hash(encode(treeHashInput, { kind: "leaf", leafIndex, leafNode: leaf }));
}

/**
 * The tree hash of `node` as it was before the leaves in `unmerged` came: they are blanked, and
 * taken out of all lists of unmerged leaves (RFC 9420 §7.9). Subtrees without one of them keep
 * their cached hash.
 */
function originalTreeHash(
  crypto: CipherSuite,
  tree: RatchetTree,
  node: number,
  unmerged: readonly number[],
): Uint8Array {
  const inside = unmerged.filter((leafIndex) => isInSubtree(nodeOfLeaf(leafIndex), node));
  if (inside.length === 0) return treeHash(crypto, tree, node);
  if (isLeaf(node)) return hashOfLeaf(crypto, leafOfNode(node), undefined);
  const parent = parentAt(tree, node);
  const removed = new Set(inside);
  return crypto.hash(encode(treeHashInput, {
    kind: "parent",
    parentNode: parent && {
      ...parent,
      unmergedLeaves: parent.unmergedLeaves.filter((leafIndex) => !removed.has(leafIndex)),
    },
    leftHash: originalTreeHash(crypto, tree, leftOfParent(node), inside),
    rightHash: originalTreeHash(crypto, tree, rightOfParent(node), inside),
  }));
}

interface ParentHashInput {
  readonly encryptionKey: Uint8Array;
  readonly parentHash: Uint8Array;
  readonly originalSiblingTreeHash: Uint8Array;
}

const parentHashInput = struct<ParentHashInput>("ParentHashInput", {
  encryptionKey: opaque,
  parentHash: opaque,
  originalSiblingTreeHash: opaque,
});

/** The parent hash of `parent`, which stands at `node`, with that copath child (RFC 9420 §7.9). */
export function parentHash(
  crypto: CipherSuite,
  tree: RatchetTree,
  of: { readonly parent: ParentNode; readonly copathChild: number },
): Uint8Array {
  const { parent, copathChild } = of;
  return crypto.hash(encode(parentHashInput, {
    encryptionKey: parent.encryptionKey,
    parentHash: parent.parentHash,
    originalSiblingTreeHash: originalTreeHash(crypto, tree, copathChild, parent.unmergedLeaves),
  }));
}

/**
 * Puts the new keys of an update path into the tree: blanks the direct path, sets the keys of the
 * filtered one and their parent hashes, from the root down (RFC 9420 §7.5).
 * @param path.encryptionKeys one for each node of the filtered direct path, root last
 * @returns the tree with the old leaf still in place, and the parent hash that the new leaf must have
 */
export function mergePathKeys(
  crypto: CipherSuite,
  tree: RatchetTree,
  path: { readonly leafIndex: number; readonly encryptionKeys: readonly Uint8Array[] },
): { readonly tree: RatchetTree; readonly leafParentHash: Uint8Array } {
  const steps = filteredDirectPath(tree, path.leafIndex);
  // The copath stays as it is: its hashes, computed before the copy, serve the new tree too.
  for (const { copathChild } of steps) treeHash(crypto, tree, copathChild);
  const editor = new TreeEditor(tree);
  editor.blankDirectPath(path.leafIndex);
  let above = new Uint8Array() as Uint8Array;
  for (let index = steps.length - 1; index >= 0; index--) {
    const { node, copathChild } = steps[index] as (typeof steps)[number];
    const encryptionKey = path.encryptionKeys[index] as Uint8Array;
    const parent: ParentNode = { encryptionKey, parentHash: above, unmergedLeaves: [] };
    editor.setParent(node, parent);
    above = parentHash(crypto, tree, { parent, copathChild });
  }
  return { tree: editor.finish(), leafParentHash: above };
}
