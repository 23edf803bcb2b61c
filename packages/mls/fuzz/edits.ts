import type { Random } from "@qpq/ports";
import { chooseIndex } from "../vectors/seeded-random.ts";
import type { Commit, HpkeCiphertext, UpdatePath, UpdatePathNode } from "../wire/commit.ts";
import type { LeafNode } from "../wire/leaf-node.ts";
import type { Proposal, ProposalOrRef } from "../wire/proposal.ts";
import type { Node } from "../wire/ratchet-tree.ts";

/**
 * Changes to structures rather than to bytes: what decodes, but breaks a rule. A malicious member signs
 * the result.
 */

/** The same list with an element dropped, doubled, moved or changed. */
function editList<T>(
  list: readonly T[],
  random: Random,
  change: (element: T) => T,
): readonly T[] {
  const copy = [...list];
  const at = chooseIndex(random, copy.length + 1);
  const element = copy[at];
  const choice = chooseIndex(random, 5);
  if (element === undefined) return choice === 0 ? [] : copy;
  if (choice === 0) copy.splice(at, 1);
  else if (choice === 1) copy.splice(at, 0, element);
  else if (choice === 2) copy.push(...copy.splice(at, 1));
  else copy[at] = change(element);
  return copy;
}

/** Another key or ciphertext: empty, cut, zero, random, or too long. */
function editBytes(bytes: Uint8Array, random: Random): Uint8Array {
  const choices = [
    new Uint8Array(),
    bytes.slice(1),
    new Uint8Array(bytes.length),
    random.bytes(bytes.length),
    new Uint8Array([...bytes, 0]),
  ];
  return choices[chooseIndex(random, choices.length)] as Uint8Array;
}

/** @param others proposals that a commit may be given on top */
export function editCommit(
  commit: Commit,
  random: Random,
  options: {
    readonly others: readonly Proposal[];
    readonly sign: (leaf: LeafNode) => LeafNode;
  },
): Commit {
  const choice = chooseIndex(random, 8);
  if (choice === 0) return { ...commit, path: undefined };
  if (choice < 3) {
    const other = options.others[chooseIndex(random, options.others.length)] as Proposal;
    const added: ProposalOrRef = chooseIndex(random, 8) === 0
      ? { kind: "reference", reference: random.bytes(32) }
      : { kind: "proposal", proposal: other };
    return { ...commit, proposals: [...commit.proposals, added] };
  }
  if (choice === 3) {
    return { ...commit, proposals: editList(commit.proposals, random, (each) => each) };
  }
  if (commit.path === undefined) return commit;
  return { ...commit, path: editPath(commit.path, random, options.sign) };
}

function editPath(
  path: UpdatePath,
  random: Random,
  sign: (leaf: LeafNode) => LeafNode,
): UpdatePath {
  if (chooseIndex(random, 4) === 0) {
    return { ...path, leafNode: sign(editLeaf(path.leafNode, random)) };
  }
  return { ...path, nodes: editList(path.nodes, random, (node) => editPathNode(node, random)) };
}

function editPathNode(node: UpdatePathNode, random: Random): UpdatePathNode {
  if (chooseIndex(random, 3) === 0) {
    return { ...node, encryptionKey: editBytes(node.encryptionKey, random) };
  }
  const edit = (sealed: HpkeCiphertext): HpkeCiphertext =>
    chooseIndex(random, 2) === 0
      ? { ...sealed, kemOutput: editBytes(sealed.kemOutput, random) }
      : { ...sealed, ciphertext: editBytes(sealed.ciphertext, random) };
  return { ...node, encryptedPathSecrets: editList(node.encryptedPathSecrets, random, edit) };
}

function editLeaf(leaf: LeafNode, random: Random): LeafNode {
  const { capabilities } = leaf;
  const changes: readonly Partial<LeafNode>[] = [
    { encryptionKey: editBytes(leaf.encryptionKey, random) },
    { signatureKey: editBytes(leaf.signatureKey, random) },
    { source: { kind: "commit", parentHash: random.bytes(32) } },
    { source: { kind: "commit", parentHash: new Uint8Array() } },
    { source: { kind: "update" } },
    { source: { kind: "key-package", lifetime: { notBefore: 0n, notAfter: 2n ** 64n - 1n } } },
    { credential: { kind: "x509", certificates: [] } },
    { credential: { kind: "other", credentialType: 0x0a0a, data: random.bytes(3) } },
    { capabilities: { ...capabilities, versions: [] } },
    { capabilities: { ...capabilities, credentials: [] } },
    { extensions: [{ extensionType: 0xf00d, extensionData: random.bytes(2) }] },
  ];
  return { ...leaf, ...changes[chooseIndex(random, changes.length)] };
}

/** Nodes of a tree moved, blanked, doubled; unmerged leaves made up. */
export function editNodes(
  nodes: readonly (Node | undefined)[],
  random: Random,
): readonly (Node | undefined)[] {
  const copy = [...nodes];
  const at = chooseIndex(random, copy.length);
  const node = copy[at];
  const other = (at + 2 * (1 + chooseIndex(random, copy.length))) % copy.length;
  const choice = chooseIndex(random, 5);
  if (choice === 0) copy[at] = undefined;
  else if (choice === 1) copy[other] = node;
  else if (choice === 2) [copy[at], copy[other]] = [copy[other], copy[at]];
  else if (node?.kind === "leaf") {
    copy[at] = { kind: "leaf", leafNode: editLeaf(node.leafNode, random) };
  } else if (node?.kind === "parent") {
    const unmergedLeaves = [chooseIndex(random, copy.length), 2 ** 32 - 1].slice(at % 2);
    const { encryptionKey, parentHash } = node.parentNode;
    copy[at] = {
      kind: "parent",
      parentNode: choice === 3 ? { encryptionKey, parentHash, unmergedLeaves } : {
        encryptionKey: editBytes(encryptionKey, random),
        parentHash: editBytes(parentHash, random),
        unmergedLeaves: [],
      },
    };
  }
  while (copy.length > 0 && copy.at(-1) === undefined) copy.pop();
  return copy;
}
