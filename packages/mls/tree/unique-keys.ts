import { MessengerError } from "@qpq/ports";
import type { Slices } from "../slices.ts";
import type { LeafNode } from "../wire/leaf-node.ts";
import type { ParentNode } from "../wire/ratchet-tree.ts";
import type { RatchetTree } from "./ratchet-tree.ts";

interface KeyNames {
  readonly encryption: string;
  readonly signature: string | undefined;
}

/** Nodes are immutable and live on from epoch to epoch: each key becomes a string once. */
const namesOfNodes = new WeakMap<LeafNode | ParentNode, KeyNames>();

/**
 * No two nodes have the same encryption key, no two leaves the same signature key (RFC 9420 §7.3,
 * §12.4.2, §12.4.3.1). One look-up for each node; in slices.
 * @throws MessengerError `mls/invalid-tree`
 */
export function* uniqueKeysValidation(tree: RatchetTree): Slices<void> {
  const encryption = new Set<string>();
  const signature = new Set<string>();
  let nodes = 0;
  let leaves = 0;
  yield* lookingAtNodes(tree, (node) => {
    const names = namesOf(node);
    nodes++;
    encryption.add(names.encryption);
    if (names.signature !== undefined) {
      leaves++;
      signature.add(names.signature);
    }
  });
  if (encryption.size !== nodes) refuse("an encryption key is there twice");
  if (signature.size !== leaves) refuse("a signature key is there twice");
}

/** Whether a node of the tree has one of these encryption keys. */
export function* encryptionKeySearch(
  tree: RatchetTree,
  keys: readonly Uint8Array[],
): Slices<boolean> {
  const wanted = new Set(keys.map(nameOf));
  let isFound = false;
  yield* lookingAtNodes(tree, (node) => {
    if (wanted.has(namesOf(node).encryption)) isFound = true;
  });
  return isFound;
}

/** Nodes that are looked up in one go: some milliseconds of work. */
const LOOK_UP_SLICE_NODES_COUNT = 8192;

function* lookingAtNodes(
  tree: RatchetTree,
  look: (node: LeafNode | ParentNode) => void,
): Slices<void> {
  let count = 0;
  for (const list of [tree.leaves, tree.parents]) {
    for (const node of list) {
      if (node !== undefined) look(node);
      if (++count % LOOK_UP_SLICE_NODES_COUNT === 0) yield;
    }
  }
}

function refuse(state: string): never {
  throw new MessengerError("mls/invalid-tree", `Cannot accept tree: ${state}`);
}

function namesOf(node: LeafNode | ParentNode): KeyNames {
  const known = namesOfNodes.get(node);
  if (known !== undefined) return known;
  const names = {
    encryption: nameOf(node.encryptionKey),
    signature: "signatureKey" in node ? nameOf(node.signatureKey) : undefined,
  };
  namesOfNodes.set(node, names);
  return names;
}

/** Bytes as a string, to be looked up. Hex, because the runtime makes it natively. */
export function nameOf(bytes: Uint8Array): string {
  return bytes.toHex();
}
