import { assert, MessengerError } from "@qpq/ports";
import { encode } from "../codec/codec.ts";
import type { Bytes, CipherSuite, CryptoProvider } from "../crypto/provider.ts";
import { type SecretTree, STORED } from "../keys/secret-tree.ts";
import { proposalReference } from "../labels.ts";
import { treeHash } from "../tree/hashes.ts";
import { childTowards, directPath, isLeaf, leafOfNode, leftOfParent } from "../tree/math.ts";
import { nodeCount, nodeOfLeaf, rightOfParent, root } from "../tree/math.ts";
import { leafAt, parentAt, type RatchetTree } from "../tree/ratchet-tree.ts";
import { sameBytes } from "../tree/validation.ts";
import { authenticatedContent } from "../wire/framing.ts";
import type { LeafNode } from "../wire/leaf-node.ts";
import type { Node, ParentNode } from "../wire/ratchet-tree.ts";
import {
  decodeRecord,
  encodeRecord,
  epochSecretsRecord,
  type GroupRecord,
  groupRecord,
  nodeRecord,
  ownKeysRecord,
  proposalRecord,
  ratchetRecord,
  type RecordKey,
  secretRecord,
} from "./record-codec.ts";
import { type GroupState, type PendingProposal, requireLive, type TreeSource } from "./state.ts";

/**
 * A state as small records, so that one message changes at most 2 KiB of them in any group:
 *
 * | key | content | changes |
 * |---|---|---|
 * | `group` | context, tags | with the epoch |
 * | `own` | private keys of this member | with the epoch |
 * | `tree`, node | one node of the ratchet tree | where a commit changed it |
 * | `epoch`, number, `secrets` | epoch secrets | with the epoch |
 * | `epoch`, number, `node`, node | secret tree | at a sender's first message |
 * | `epoch`, number, `ratchet`, leaf, 0 or 1 | handshake or application ratchet | with each message |
 * | `epoch`, number, `proposal`, index | a pending proposal | as they come |
 */
export interface RecordChanges {
  /** Applied first: everything below these keys. */
  readonly deleteUnder: readonly RecordKey[];
  readonly delete: readonly RecordKey[];
  /** Some values hold secrets, and are the caller's: it may overwrite them once they are written. */
  readonly put: readonly (readonly [key: RecordKey, value: Bytes])[];
}

/** Reads the records of one group. What is read may be a copy that the reader then wipes. */
export interface RecordReader {
  /** The values in the order of the keys; undefined where there is none. */
  get(keys: readonly RecordKey[]): Promise<readonly (Uint8Array | undefined)[]>;
  /** Everything below a key, in any order. */
  list(prefix: RecordKey): Promise<readonly (readonly [key: RecordKey, value: Uint8Array])[]>;
}

const RATCHET_TYPES = ["handshake", "application"] as const;

/** Changes as they are collected. */
class Changes implements RecordChanges {
  readonly deleteUnder: RecordKey[] = [];
  readonly delete: RecordKey[] = [];
  readonly put: [RecordKey, Bytes][] = [];
}

/** The records of a state that was never stored. Its tree is in memory. */
export function recordsOf(state: GroupState): RecordChanges {
  return changedRecords(undefined, state);
}

/**
 * What to write when `after` takes the place of `before`: in one transaction, and before anything
 * that `after` was made for leaves. The old epoch's secrets are deleted with it.
 */
export function changedRecords(before: GroupState | undefined, after: GroupState): RecordChanges {
  requireLive(after);
  const changes = new Changes();
  if (!Object.is(before?.context, after.context)) {
    changes.put.push([["group"], encodeRecord(groupRecord, groupRecordOf(after))]);
  }
  if (!Object.is(before?.ownKeys, after.ownKeys)) {
    changes.put.push([["own"], encodeRecord(ownKeysRecord, after.ownKeys)]);
  }
  if (!Object.is(before?.tree, after.tree)) {
    const tree = after.tree.loaded;
    assert(tree !== undefined, "a tree that changed is in memory");
    // After a restart the old tree may not have been read: then its nodes are not known one by one.
    if (before !== undefined && before.tree.loaded === undefined) {
      changes.deleteUnder.push(["tree"]);
    }
    treeChanges(before?.tree.loaded, tree, changes);
  }
  const isSameEpoch = Object.is(before?.secrets, after.secrets);
  if (!isSameEpoch) {
    changes.deleteUnder.push(["epoch"]);
    changes.put.push([epochKey(after, "secrets"), encodeRecord(epochSecretsRecord, after.secrets)]);
  }
  const old = isSameEpoch ? before : undefined;
  secretChanges(after, { before: old?.secretTree, node: root(after.tree.leafCount) }, changes);
  proposalChanges(after, old?.pendingProposals ?? [], changes);
  return changes;
}

function groupRecordOf(state: GroupState): GroupRecord {
  const { context, ownLeafIndex, confirmationTag, interimTranscriptHash, reinit } = state;
  const { leafCount } = state.tree;
  return { context, ownLeafIndex, leafCount, confirmationTag, interimTranscriptHash, reinit };
}

/** The number is part of the key: a state of an old epoch never reads the secrets of a newer one. */
function epochKey(state: Pick<GroupState, "context">, ...rest: RecordKey): RecordKey {
  return ["epoch", state.context.epoch.toString(16).padStart(16, "0"), ...rest];
}

function treeChanges(
  before: RatchetTree | undefined,
  after: RatchetTree,
  changes: Changes,
): void {
  const count = Math.max(nodeCount(after.leafCount), before ? nodeCount(before.leafCount) : 0);
  for (let node = 0; node < count; node++) {
    const old = before === undefined ? undefined : contentAt(before, node);
    const now = contentAt(after, node);
    if (now === undefined) {
      if (old !== undefined) changes.delete.push(["tree", node]);
      continue;
    }
    if (Object.is(old, now)) continue;
    changes.put.push([["tree", node], encodeRecord(nodeRecord, { node: asNode(now) })]);
  }
}

function contentAt(tree: RatchetTree, node: number): LeafNode | ParentNode | undefined {
  return isLeaf(node) ? leafAt(tree, leafOfNode(node)) : parentAt(tree, node);
}

function asNode(content: LeafNode | ParentNode): Node {
  return "unmergedLeaves" in content
    ? { kind: "parent", parentNode: content }
    : { kind: "leaf", leafNode: content };
}

/** Walks the two secret trees where they differ. */
function secretChanges(
  after: GroupState,
  from: { readonly before: SecretTree | undefined; readonly node: number },
  changes: Changes,
): void {
  const walk = (old: SecretTree | undefined, now: SecretTree, node: number): void => {
    if (Object.is(old, now) || now.kind === "stored") return;
    const key = epochKey(after, "node", node);
    if (now.kind === "secret") {
      changes.put.push([key, encodeRecord(secretRecord, now.secret)]);
      return;
    }
    // What was stored may have been this secret: it is consumed now.
    if (old?.kind === "secret" || old?.kind === "stored") changes.delete.push(key);
    if (now.kind === "split") {
      const [left, right] = old?.kind === "split"
        ? [old.left, old.right]
        : old?.kind === "stored"
        ? [STORED, STORED]
        : [undefined, undefined];
      walk(left, now.left, leftOfParent(node));
      walk(right, now.right, rightOfParent(node));
      return;
    }
    RATCHET_TYPES.forEach((type, index) => {
      if (old?.kind === "leaf" && Object.is(old[type], now[type])) return;
      const ratchetKey = epochKey(after, "ratchet", leafOfNode(node), index);
      changes.put.push([ratchetKey, encodeRecord(ratchetRecord, now[type])]);
    });
  };
  walk(from.before, after.secretTree, from.node);
}

function proposalChanges(
  after: GroupState,
  before: readonly PendingProposal[],
  changes: Changes,
): void {
  const count = Math.max(before.length, after.pendingProposals.length);
  for (let index = 0; index < count; index++) {
    const pending = after.pendingProposals[index];
    const key = epochKey(after, "proposal", index);
    if (pending === undefined) changes.delete.push(key);
    else if (!Object.is(pending, before[index])) {
      changes.put.push([key, encodeRecord(proposalRecord, pending)]);
    }
  }
}

/**
 * The state that was stored, or undefined when there is none. Reads the few records that sending
 * needs; a sender's leaf and ratchets are read at its first message, the whole tree at the first
 * commit.
 * @throws MessengerError `mls/invalid-record`, `mls/unsupported-cipher-suite`
 */
export async function loadGroup(
  provider: CryptoProvider,
  reader: RecordReader,
): Promise<GroupState | undefined> {
  const [group, own] = await reader.get([["group"], ["own"]]);
  if (group === undefined) return undefined;
  const { leafCount, ...record } = decodeRecord(groupRecord, group);
  const crypto = provider.cipherSuite(record.context.cipherSuite);
  const [secrets] = await reader.get([epochKey(record, "secrets")]);
  const proposals = await reader.list(epochKey(record, "proposal"));
  const readSecretPath = (tree: SecretTree, leafIndex: number): Promise<SecretTree> =>
    readPath(reader, tree, { leafIndex, leafCount, context: record.context });
  return {
    ...record,
    crypto,
    tree: storedTree(crypto, reader, { leafCount, hash: record.context.treeHash }),
    ownKeys: decodeRecord(ownKeysRecord, own),
    secrets: decodeRecord(epochSecretsRecord, secrets),
    secretTree: await readSecretPath(STORED, record.ownLeafIndex),
    pendingProposals: readProposals(crypto, proposals),
    readSecretPath,
  };
}

function readProposals(
  crypto: CipherSuite,
  records: readonly (readonly [key: RecordKey, value: Uint8Array])[],
): readonly PendingProposal[] {
  const indexOf = (key: RecordKey): number => Number(key.at(-1));
  return records
    .toSorted(([left], [right]) => indexOf(left) - indexOf(right))
    .map(([, bytes]) => {
      const record = decodeRecord(proposalRecord, bytes);
      const encoded = encode(authenticatedContent, record.message);
      const reference = proposalReference(crypto, encoded);
      return { ...record, reference, bytesCount: encoded.length };
    });
}

/** The tree with the path to a leaf read into it. */
async function readPath(
  reader: RecordReader,
  tree: SecretTree,
  place: {
    readonly leafIndex: number;
    readonly leafCount: number;
    readonly context: GroupState["context"];
  },
): Promise<SecretTree> {
  const { leafIndex, leafCount } = place;
  const leafNode = nodeOfLeaf(leafIndex);
  if (!isPathStored(tree, leafNode, leafCount)) return tree;
  const path = [...directPath(leafNode, leafCount).reverse(), leafNode];
  const ratchetKeys = RATCHET_TYPES.map((_, type) => epochKey(place, "ratchet", leafIndex, type));
  const values = await reader.get([
    ...ratchetKeys,
    ...path.map((node) => epochKey(place, "node", node)),
  ]);
  const [handshake, application, ...secrets] = values;
  const read = (subtree: SecretTree, depth: number): SecretTree => {
    const node = path[depth] as number;
    if (subtree.kind === "split") {
      const isLeft = childTowards(node, leafNode) === leftOfParent(node);
      return isLeft
        ? { ...subtree, left: read(subtree.left, depth + 1) }
        : { ...subtree, right: read(subtree.right, depth + 1) };
    }
    assert(subtree.kind === "stored", "a path that is stored ends in what is not read");
    const secret = secrets[depth];
    if (secret !== undefined) return { kind: "secret", secret: decodeRecord(secretRecord, secret) };
    if (node === leafNode) {
      return {
        kind: "leaf",
        handshake: decodeRecord(ratchetRecord, handshake),
        application: decodeRecord(ratchetRecord, application),
      };
    }
    return read({ kind: "split", left: STORED, right: STORED }, depth);
  };
  return read(tree, 0);
}

/** The state with all of its secret tree in memory: it needs `reader` for its ratchet tree only. */
export async function readWholeSecretTree(
  state: GroupState,
  reader: RecordReader,
): Promise<GroupState> {
  const read = async (tree: SecretTree, node: number): Promise<SecretTree> => {
    if (tree.kind === "secret" || tree.kind === "leaf") return tree;
    if (tree.kind === "split") return await readChildren(tree, node);
    const [secret, handshake, application] = await reader.get([
      epochKey(state, "node", node),
      ...RATCHET_TYPES.map((_, type) => epochKey(state, "ratchet", leafOfNode(node), type)),
    ]);
    if (secret !== undefined) return { kind: "secret", secret: decodeRecord(secretRecord, secret) };
    if (!isLeaf(node)) return await readChildren({ left: STORED, right: STORED }, node);
    return {
      kind: "leaf",
      handshake: decodeRecord(ratchetRecord, handshake),
      application: decodeRecord(ratchetRecord, application),
    };
  };
  const readChildren = async (
    children: { readonly left: SecretTree; readonly right: SecretTree },
    node: number,
  ): Promise<SecretTree> => ({
    kind: "split",
    left: await read(children.left, leftOfParent(node)),
    right: await read(children.right, rightOfParent(node)),
  });
  const secretTree = await read(state.secretTree, root(state.tree.leafCount));
  return { ...state, secretTree, readSecretPath: undefined };
}

function isPathStored(tree: SecretTree, leafNode: number, leafCount: number): boolean {
  let subtree = tree;
  let node = root(leafCount);
  while (subtree.kind === "split") {
    const child = childTowards(node, leafNode);
    subtree = child === leftOfParent(node) ? subtree.left : subtree.right;
    node = child;
  }
  return subtree.kind === "stored";
}

/** A tree that is read when it is needed: single leaves, or all of it. */
function storedTree(
  crypto: CipherSuite,
  reader: RecordReader,
  expected: { readonly leafCount: number; readonly hash: Uint8Array },
): TreeSource {
  const { leafCount } = expected;
  const leaves = new Map<number, LeafNode | undefined>();
  let tree: RatchetTree | undefined;
  return {
    leafCount,
    get loaded() {
      return tree;
    },
    async load() {
      tree ??= await readTree(crypto, reader, expected);
      return tree;
    },
    async leaf(leafIndex) {
      if (tree !== undefined) return leafAt(tree, leafIndex);
      if (leafIndex >= leafCount) return undefined;
      if (leaves.has(leafIndex)) return leaves.get(leafIndex);
      const [bytes] = await reader.get([["tree", nodeOfLeaf(leafIndex)]]);
      const node = bytes === undefined ? undefined : decodeRecord(nodeRecord, bytes).node;
      const leaf = node?.kind === "leaf" ? node.leafNode : undefined;
      leaves.set(leafIndex, leaf);
      return leaf;
    },
  };
}

async function readTree(
  crypto: CipherSuite,
  reader: RecordReader,
  expected: { readonly leafCount: number; readonly hash: Uint8Array },
): Promise<RatchetTree> {
  return treeOfRecords(crypto, await reader.list(["tree"]), { ...expected, before: undefined });
}

/**
 * The tree of its records, those that another tree has in common with it left out.
 * @throws MessengerError `mls/invalid-record`
 */
export function treeOfRecords(
  crypto: CipherSuite,
  records: readonly (readonly [key: RecordKey, value: Uint8Array | undefined])[],
  expected: {
    readonly leafCount: number;
    readonly hash: Uint8Array;
    readonly before: RatchetTree | undefined;
  },
): RatchetTree {
  const { leafCount, before } = expected;
  const leaves = Array.from({ length: leafCount }, (_, index) => before?.leaves[index]);
  const parents = Array.from({ length: leafCount - 1 }, (_, index) => before?.parents[index]);
  for (const [key, bytes] of records) {
    const index = Number(key.at(-1));
    if (index >= nodeCount(leafCount)) continue;
    const node = bytes && decodeRecord(nodeRecord, bytes).node;
    if (isLeaf(index)) {
      leaves[leafOfNode(index)] = node?.kind === "leaf" ? node.leafNode : undefined;
    } else parents[index >>> 1] = node?.kind === "parent" ? node.parentNode : undefined;
  }
  const tree: RatchetTree = { leafCount, leaves, parents, hashes: [] };
  // Every hash is computed again: a record that is missing, or of another epoch, shows itself.
  if (!sameBytes(treeHash(crypto, tree), expected.hash)) {
    throw new MessengerError("mls/invalid-record", "Cannot read tree: it is of another epoch");
  }
  return tree;
}
