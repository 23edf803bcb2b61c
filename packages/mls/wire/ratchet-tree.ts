import {
  checked,
  longVector,
  type NamedCodec,
  opaque,
  optional,
  select,
  struct,
  uint32,
  uint8,
  vector,
} from "../codec/codec.ts";
import type { Slices } from "../slices.ts";
import { type Extension, EXTENSION_TYPE } from "./extension.ts";
import { type LeafNode, leafNode } from "./leaf-node.ts";
import { LEAVES_COUNT_MAX, NODES_COUNT_MAX, RATCHET_TREE_BYTES_MAX } from "./limits.ts";
import { decoding, encoding } from "../codec/codec.ts";

/** A subgroup: the members below it hold its private key, the unmerged ones excepted (RFC 9420 §7.1). */
export interface ParentNode {
  readonly encryptionKey: Uint8Array;
  readonly parentHash: Uint8Array;
  /** Leaf indices, strictly increasing. */
  readonly unmergedLeaves: readonly number[];
}

export const parentNode = struct<ParentNode>("ParentNode", {
  encryptionKey: opaque,
  parentHash: opaque,
  unmergedLeaves: checked(
    vector(uint32, { countMax: LEAVES_COUNT_MAX }),
    (leaves) =>
      leaves.every((leaf, index) => index === 0 || leaf > (leaves[index - 1] as number))
        ? undefined
        : "unmerged leaves are not in increasing order",
  ),
});

/** RFC 9420 §12.4.3.3 */
export type Node =
  | { readonly kind: "leaf"; readonly leafNode: LeafNode }
  | { readonly kind: "parent"; readonly parentNode: ParentNode };

export const ratchetTreeNode = select<Node>("Node", uint8, {
  leaf: { tag: 1, fields: { leafNode } },
  parent: { tag: 2, fields: { parentNode } },
});

const nodes = checked(
  longVector(optional(ratchetTreeNode), { countMax: NODES_COUNT_MAX }),
  (list) => {
    // RFC 9420 §12.4.3.3: the last node must not be blank. An empty tree has none.
    if (list.length === 0 || list[list.length - 1] === undefined) return "the last node is blank";
    const misplaced = list.findIndex((each, index) =>
      each !== undefined && (each.kind === "leaf") !== (index % 2 === 0)
    );
    return misplaced === -1 ? undefined : `node ${misplaced} is of the wrong type`;
  },
);

/** `optional<Node> ratchet_tree<V>`: nodes in order, leaf L at 2 L; the last one is not blank. */
export const ratchetTreeNodes: NamedCodec<readonly (Node | undefined)[]> = {
  name: "ratchet_tree",
  ...nodes,
};

/** For a GroupInfo; in slices. */
export function* ratchetTreeExtension(tree: readonly (Node | undefined)[]): Slices<Extension> {
  return {
    extensionType: EXTENSION_TYPE.ratchetTree,
    extensionData: yield* encoding(ratchetTreeNodes, tree),
  };
}

/**
 * The nodes of such an extension, or of a tree that came beside; in slices.
 * @throws MessengerError `malformed`, `too-large`
 */
export function ratchetTreeDecoding(bytes: Uint8Array): Slices<readonly (Node | undefined)[]> {
  return decoding(ratchetTreeNodes, bytes, { bytesMax: RATCHET_TREE_BYTES_MAX });
}
