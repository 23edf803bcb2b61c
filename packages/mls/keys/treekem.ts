import { assert, MessengerError, type Random } from "@qpq/ports";
import { encode } from "../codec/codec.ts";
import type { Bytes, CipherSuite, HpkeInfo, KeyPair } from "../crypto/provider.ts";
import {
  decryptPrepared,
  deriveSecret,
  encryptPrepared,
  prepareEncryption,
  signWithLabel,
} from "../labels.ts";
import { type Pause, runSlicesPausing } from "../slices.ts";
import { mergePathKeys, treeHashing } from "../tree/hashes.ts";
import { commonAncestor, isInSubtree, nodeOfLeaf } from "../tree/math.ts";
import {
  encryptionKeyAt,
  filteredDirectPath,
  type PathStep,
  type RatchetTree,
  resolution,
  TreeEditor,
} from "../tree/ratchet-tree.ts";
import { sameBytes } from "../tree/validation.ts";
import type { UpdatePath, UpdatePathNode } from "../wire/commit.ts";
import { type GroupContext, groupContext } from "../wire/group-info.ts";
import { type LeafNode, leafNodeToBeSigned, type UnsignedLeafNode } from "../wire/leaf-node.ts";
import { mapConcurrently } from "./bounded.ts";

/** The private keys of one member, by node: its leaf's, and those of ancestors that it knows. */
export type PrivateKeys = ReadonlyMap<number, Bytes>;

/** A fresh path of one member, not yet encrypted to the others. */
export interface NewPath {
  /** With the new keys and the new leaf in place. */
  readonly tree: RatchetTree;
  readonly leafNode: LeafNode;
  /** From the leaf's parent to the root, blank nodes left out. */
  readonly nodes: readonly NewPathNode[];
  readonly leafKeyPair: KeyPair;
  readonly commitSecret: Bytes;
}

interface NewPathNode extends PathStep {
  readonly pathSecret: Bytes;
  readonly keyPair: KeyPair;
}

/**
 * New keys from a leaf to the root (RFC 9420 §7.4, §7.5).
 * @param tree after the proposals were applied
 * @param options.leaf what the new leaf says; its key and source are filled in here
 */
export async function createPath(
  crypto: CipherSuite,
  tree: RatchetTree,
  options: {
    readonly leafIndex: number;
    readonly groupId: Uint8Array;
    readonly leaf: Omit<UnsignedLeafNode, "encryptionKey" | "source">;
    readonly signaturePrivateKey: Uint8Array;
    readonly random: Random;
    readonly pause?: Pause | undefined;
  },
): Promise<NewPath> {
  const { leafIndex, groupId, random } = options;
  await runSlicesPausing(treeHashing(crypto, tree), options.pause);
  const steps = filteredDirectPath(tree, leafIndex);
  const secrets: Bytes[] = [random.bytes(crypto.hashLength)];
  for (const _ of steps) secrets.push(deriveSecret(crypto, secrets.at(-1) as Bytes, "path"));
  const leafKeyPair = await crypto.generateHpkeKeyPair(random);
  const nodes = await mapConcurrently(
    steps.map((step, index) => ({ ...step, pathSecret: secrets[index] as Bytes })),
    async (step) => ({ ...step, keyPair: await nodeKeyPair(crypto, step.pathSecret) }),
  );
  const merged = mergePathKeys(crypto, tree, {
    leafIndex,
    encryptionKeys: nodes.map(({ keyPair }) => keyPair.publicKey),
  });
  const unsigned: UnsignedLeafNode = {
    ...options.leaf,
    encryptionKey: leafKeyPair.publicKey,
    source: { kind: "commit", parentHash: merged.leafParentHash },
  };
  const leafNode = signLeaf(crypto, unsigned, {
    groupId,
    leafIndex,
    signaturePrivateKey: options.signaturePrivateKey,
  });
  const editor = new TreeEditor(merged.tree);
  editor.setLeaf(leafIndex, leafNode);
  return {
    tree: editor.finish(),
    leafNode,
    nodes,
    leafKeyPair,
    commitSecret: secrets.at(-1) as Bytes,
  };
}

/** Overwrites a path that was not sent: nobody has its keys. */
export function wipePath(crypto: CipherSuite, path: NewPath): void {
  wipePathSecrets(path);
  crypto.destroyKey(path.leafKeyPair.privateKey);
  for (const { keyPair } of path.nodes) crypto.destroyKey(keyPair.privateKey);
}

/** Overwrites what the receivers and joiners of a path were told; its keys stay. */
export function wipePathSecrets({ commitSecret, nodes }: NewPath): void {
  commitSecret.fill(0);
  for (const { pathSecret } of nodes) pathSecret.fill(0);
}

/** LeafNode with its signature (RFC 9420 §7.2). */
export function signLeaf(
  crypto: CipherSuite,
  unsigned: UnsignedLeafNode,
  options: {
    readonly groupId: Uint8Array;
    readonly leafIndex: number;
    readonly signaturePrivateKey: Uint8Array;
  },
): LeafNode {
  const signature = signWithLabel(crypto, options.signaturePrivateKey, {
    label: "LeafNodeTBS",
    content: leafNodeToBeSigned(unsigned, options),
  });
  const { encryptionKey, signatureKey, credential, capabilities, source, extensions } = unsigned;
  return {
    encryptionKey,
    signatureKey,
    credential,
    capabilities,
    source,
    extensions,
    signature,
  };
}

/**
 * Encrypts each path secret to those who may know it (RFC 9420 §7.5, §7.6).
 * @param tree as it was before the path, after the proposals
 * @param options.context the provisional group context
 * @param options.added leaves that this commit adds: they get a Welcome instead
 */
export async function encryptPath(
  crypto: CipherSuite,
  tree: RatchetTree,
  options: {
    readonly path: NewPath;
    readonly context: GroupContext;
    readonly added: ReadonlySet<number>;
    readonly random: Random;
    readonly pause?: Pause | undefined;
  },
): Promise<UpdatePath> {
  const { path, random } = options;
  const info = pathInfo(crypto, options.context);
  const seals = path.nodes.flatMap(({ copathChild, pathSecret }, step) =>
    resolution(tree, copathChild, options.added).map((node) => ({ step, node, pathSecret }))
  );
  const sealed = await mapConcurrently(seals, ({ node, pathSecret }) => {
    const publicKey = encryptionKeyAt(tree, node);
    assert(publicKey !== undefined, "a node of a resolution is not blank");
    return encryptPrepared(crypto, publicKey, { info, plaintext: pathSecret, random });
  }, options.pause);
  const nodes = path.nodes.map(({ keyPair }, step): UpdatePathNode => ({
    encryptionKey: keyPair.publicKey,
    encryptedPathSecrets: sealed.filter((_, index) => seals[index]?.step === step),
  }));
  return { leafNode: path.leafNode, nodes };
}

/**
 * The public half of receiving a path: its shape, its keys, its parent hashes (RFC 9420 §7.5).
 * The leaf is validated by the caller.
 * @throws MessengerError `mls/invalid-commit`
 */
export function mergePath(
  crypto: CipherSuite,
  tree: RatchetTree,
  received: {
    readonly leafIndex: number;
    readonly path: UpdatePath;
    readonly added: ReadonlySet<number>;
  },
): RatchetTree {
  const { leafIndex, path } = received;
  const steps = filteredDirectPath(tree, leafIndex);
  if (steps.length !== path.nodes.length) refuse("its path has the wrong length");
  steps.forEach(({ copathChild }, index) => {
    const node = path.nodes[index] as UpdatePathNode;
    const expected = resolution(tree, copathChild, received.added).length;
    if (node.encryptedPathSecrets.length !== expected) {
      refuse("its path has the wrong number of ciphertexts");
    }
    if (!crypto.isHpkePublicKey(node.encryptionKey)) refuse("a key of its path is not one");
  });
  const merged = mergePathKeys(crypto, tree, {
    leafIndex,
    encryptionKeys: path.nodes.map((node) => node.encryptionKey),
  });
  const { source } = path.leafNode;
  if (source.kind !== "commit" || !sameBytes(source.parentHash, merged.leafParentHash)) {
    refuse("the parent hash of its leaf is wrong");
  }
  const editor = new TreeEditor(merged.tree);
  editor.setLeaf(leafIndex, path.leafNode);
  return editor.finish();
}

/** What a member learns from a path. */
export interface OpenedPath {
  readonly commitSecret: Bytes;
  /** Of the nodes from the common ancestor up. */
  readonly privateKeys: PrivateKeys;
}

/**
 * The private half: decrypts the path secret that is meant for this member, and derives the rest
 * (RFC 9420 §7.5).
 * @param tree as it was before the path, after the proposals
 * @throws MessengerError `mls/invalid-commit`
 */
export async function openPath(
  crypto: CipherSuite,
  tree: RatchetTree,
  received: {
    readonly path: UpdatePath;
    readonly senderLeafIndex: number;
    readonly ownLeafIndex: number;
    readonly privateKeys: PrivateKeys;
    readonly context: GroupContext;
    readonly added: ReadonlySet<number>;
  },
): Promise<OpenedPath> {
  const { path, privateKeys } = received;
  const ownNode = nodeOfLeaf(received.ownLeafIndex);
  const ancestor = commonAncestor(nodeOfLeaf(received.senderLeafIndex), ownNode);
  const steps = filteredDirectPath(tree, received.senderLeafIndex);
  const first = steps.findIndex((step) => step.node === ancestor);
  assert(first !== -1, "a member's subtree is not filtered out of a path");
  const { copathChild } = steps[first] as PathStep;
  const targets = resolution(tree, copathChild, received.added);
  const target = targets.findIndex((node) => isInSubtree(ownNode, node) && privateKeys.has(node));
  const privateKey = privateKeys.get(targets[target] ?? -1);
  const sealed = path.nodes[first]?.encryptedPathSecrets[target];
  assert(
    privateKey !== undefined && sealed !== undefined,
    "a member can open a path it has merged",
  );
  const info = pathInfo(crypto, received.context);
  const pathSecret = await decryptPrepared(crypto, privateKey, { info, ...sealed });
  if (pathSecret?.length !== crypto.hashLength) {
    pathSecret?.fill(0);
    refuse("a path secret does not decrypt");
  }
  return await derivePath(crypto, pathSecret, {
    nodes: steps.slice(first).map((step, index) => ({
      node: step.node,
      publicKey: path.nodes[first + index]?.encryptionKey as Uint8Array,
    })),
  });
}

/**
 * Private keys and the commit secret from one path secret on upwards; wipes the path secrets.
 * @throws MessengerError `mls/invalid-commit` when a key does not fit the public one
 */
export async function derivePath(
  crypto: CipherSuite,
  pathSecret: Bytes,
  path: { readonly nodes: readonly PublicNode[] },
): Promise<OpenedPath> {
  const secrets = [pathSecret];
  for (const _ of path.nodes) secrets.push(deriveSecret(crypto, secrets.at(-1) as Bytes, "path"));
  const commitSecret = secrets.pop() as Bytes;
  const keyPairs = await mapConcurrently(secrets, (secret) => nodeKeyPair(crypto, secret));
  for (const secret of secrets) secret.fill(0);
  const entries = keyPairs.map(({ privateKey }, index): [number, Bytes] => [
    (path.nodes[index] as PublicNode).node,
    privateKey,
  ]);
  const opened = { commitSecret, privateKeys: new Map(entries) };
  const isItsPath = keyPairs.every(({ publicKey }, index) =>
    sameBytes(publicKey, (path.nodes[index] as PublicNode).publicKey)
  );
  if (!isItsPath) {
    wipeOpenedPath(crypto, opened);
    refuse("a path secret does not give its key");
  }
  return opened;
}

interface PublicNode {
  readonly node: number;
  readonly publicKey: Uint8Array;
}

/** Overwrites what a path gave that turned out to lead nowhere. */
export function wipeOpenedPath(crypto: CipherSuite, opened: OpenedPath): void {
  opened.commitSecret.fill(0);
  for (const key of opened.privateKeys.values()) crypto.destroyKey(key);
}

async function nodeKeyPair(crypto: CipherSuite, pathSecret: Uint8Array): Promise<KeyPair> {
  const nodeSecret = deriveSecret(crypto, pathSecret, "node");
  const keyPair = await crypto.deriveKeyPair(nodeSecret);
  nodeSecret.fill(0);
  return keyPair;
}

function pathInfo(crypto: CipherSuite, context: GroupContext): HpkeInfo {
  return prepareEncryption(crypto, "UpdatePathNode", encode(groupContext, context));
}

function refuse(state: string): never {
  throw new MessengerError("mls/invalid-commit", `Cannot accept commit: ${state}`);
}
