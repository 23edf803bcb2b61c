import { MessengerError } from "@qpq/ports";
import { decodeExact } from "../codec/codec.ts";
import { Reader } from "../codec/reader.ts";
import { type LeafNode, leafNode } from "./leaf-node.ts";
import { NODES_COUNT_MAX, RATCHET_TREE_BYTES_MAX } from "./limits.ts";

/** A leaf that stands in a tree, before it is decoded. */
export interface EncodedLeaf {
  readonly leafIndex: number;
  /** No copy. */
  readonly bytes: Uint8Array;
}

/**
 * Decodes the leaves of a ratchet tree (RFC 9420 §12.4.3.3) that are wanted, and walks over all else: a
 * tree has room for 65,536, and decoding them all takes a server seconds.
 * @returns by leaf index; undefined also what is not wanted
 * @throws MessengerError `malformed`, `too-large`
 */
export function decodeLeaves(
  tree: Uint8Array,
  isWanted: (leaf: EncodedLeaf) => boolean,
): readonly (LeafNode | undefined)[] {
  if (tree.length > RATCHET_TREE_BYTES_MAX) {
    throw new MessengerError("too-large", `Cannot decode ratchet_tree: ${tree.length} bytes`);
  }
  const reader = new Reader("ratchet_tree", tree);
  if (reader.length() !== reader.left) reader.fail("it has another length than it says");
  const leaves: (LeafNode | undefined)[] = [];
  for (let node = 0; reader.left > 0; node++) {
    if (node === NODES_COUNT_MAX) reader.fail(`it has more than ${NODES_COUNT_MAX} nodes`);
    const isLeaf = node % 2 === 0;
    if (isLeaf) leaves.push(undefined);
    const presence = reader.uint8();
    if (presence > 1) reader.fail(`an optional has the presence ${presence}`);
    if (presence === 0) continue;
    if (reader.uint8() !== (isLeaf ? 1 : 2)) reader.fail(`node ${node} is of the wrong type`);
    const start = tree.length - reader.left;
    if (!isLeaf) {
      walkParent(reader);
      continue;
    }
    walkLeaf(reader);
    const bytes = tree.subarray(start, tree.length - reader.left);
    const leafIndex = node / 2;
    if (!isWanted({ leafIndex, bytes })) continue;
    leaves[leafIndex] = decodeExact(leafNode, bytes, { bytesMax: bytes.length });
  }
  return leaves;
}

/** RFC 9420 §7.1: encryption key, parent hash, unmerged leaves. */
function walkParent(reader: Reader): void {
  for (let field = 0; field < 3; field++) reader.skipVector();
}

/** RFC 9420 §7.2 */
function walkLeaf(reader: Reader): void {
  // Encryption and signature key.
  reader.skipVector();
  reader.skipVector();
  // A credential of any type, capabilities.
  reader.skip(2);
  reader.skipVector();
  for (let list = 0; list < 5; list++) reader.skipVector();
  const source = reader.uint8();
  if (source === 1) reader.skip(16);
  else if (source === 3) reader.skipVector();
  else if (source !== 2) reader.fail(`LeafNodeSource has the unknown type ${source}`);
  // Extensions, signature.
  reader.skipVector();
  reader.skipVector();
}
