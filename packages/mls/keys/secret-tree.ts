import { assert } from "@qpq/ports";
import type { Bytes, CipherSuite } from "../crypto/provider.ts";
import { expandWithLabel } from "../labels.ts";
import { childTowards, leftOfParent, nodeOfLeaf, root } from "../tree/math.ts";
import { createRatchet, type SenderRatchet, wipeMessageKey } from "./sender-ratchet.ts";

/**
 * The secret tree of one epoch (RFC 9420 §9). It is persistent: a change makes new nodes on one
 * path, and all others are shared. A secret that was used to derive others is gone from the new
 * tree, as §9.2 asks.
 */
export type SecretTree =
  /** Not used yet: everything below comes from it. */
  | { readonly kind: "secret"; readonly secret: Bytes }
  /** Used up; its children have what is left. */
  | { readonly kind: "split"; readonly left: SecretTree; readonly right: SecretTree }
  | ({ readonly kind: "leaf" } & SenderRatchets)
  /** On disk, not read yet. */
  | { readonly kind: "stored" };

/** The two chains of one sender. */
export interface SenderRatchets {
  readonly handshake: SenderRatchet;
  readonly application: SenderRatchet;
}

export type RatchetType = keyof SenderRatchets;

export const STORED: SecretTree = { kind: "stored" };

const textEncoder = new TextEncoder();
const LEFT = textEncoder.encode("left");
const RIGHT = textEncoder.encode("right");
const EMPTY = new Uint8Array();

/** The tree of a fresh epoch, nothing derived yet. */
export function createSecretTree(encryptionSecret: Bytes): SecretTree {
  return { kind: "secret", secret: encryptionSecret };
}

/**
 * The ratchets of `leafIndex`, and a tree that holds them: derived from the nearest secret above
 * where they were never used.
 */
export function openLeaf(
  crypto: CipherSuite,
  tree: SecretTree,
  place: LeafPlace,
): { readonly tree: SecretTree; readonly ratchets: SenderRatchets } {
  const leafNode = nodeOfLeaf(place.leafIndex);
  let ratchets: SenderRatchets | undefined;
  // `fresh`: derived here, so not part of the tree that the caller may still need.
  const open = (subtree: SecretTree, node: number, fresh: boolean): SecretTree => {
    assert(subtree.kind !== "stored", "the path to a leaf of the secret tree was read");
    if (subtree.kind === "leaf") {
      ratchets = subtree;
      return subtree;
    }
    if (node === leafNode) {
      assert(subtree.kind === "secret", "a leaf of the secret tree has no children");
      const leaf = { kind: "leaf", ...createRatchets(crypto, subtree.secret) } as const;
      if (fresh) subtree.secret.fill(0);
      ratchets = leaf;
      return leaf;
    }
    const consumed = subtree.kind === "secret";
    const split = consumed ? splitSecret(crypto, subtree.secret) : subtree;
    if (consumed && fresh) subtree.secret.fill(0);
    const child = childTowards(node, leafNode);
    if (child === leftOfParent(node)) {
      const left = open(split.left, child, consumed);
      return left === split.left ? split : { ...split, left };
    }
    const right = open(split.right, child, consumed);
    return right === split.right ? split : { ...split, right };
  };
  const opened = open(tree, root(place.leafCount), false);
  assert(ratchets !== undefined, "opening a leaf finds its ratchets");
  return { tree: opened, ratchets };
}

/** The ratchets that a tree holds already; what `openLeaf` derives, or a store reads, it holds not. */
export function ratchetsHeld(tree: SecretTree, place: LeafPlace): SenderRatchets | undefined {
  const leafNode = nodeOfLeaf(place.leafIndex);
  let node = root(place.leafCount);
  let subtree = tree;
  while (subtree.kind === "split") {
    const child = childTowards(node, leafNode);
    subtree = child === leftOfParent(node) ? subtree.left : subtree.right;
    node = child;
  }
  return subtree.kind === "leaf" ? subtree : undefined;
}

/** A leaf of a tree of `leafCount` leaves, a power of two. */
export interface LeafPlace {
  readonly leafIndex: number;
  readonly leafCount: number;
}

/** The same tree with other ratchets at a leaf that was opened before. */
export function withRatchets(
  tree: SecretTree,
  place: LeafPlace,
  ratchets: SenderRatchets,
): SecretTree {
  const leafNode = nodeOfLeaf(place.leafIndex);
  const replace = (subtree: SecretTree, node: number): SecretTree => {
    if (node === leafNode) {
      return { kind: "leaf", handshake: ratchets.handshake, application: ratchets.application };
    }
    assert(subtree.kind === "split", "a leaf of the secret tree is opened before it changes");
    const child = childTowards(node, leafNode);
    return child === leftOfParent(node)
      ? { ...subtree, left: replace(subtree.left, child) }
      : { ...subtree, right: replace(subtree.right, child) };
  };
  return replace(tree, root(place.leafCount));
}

/**
 * Overwrites the secrets that `previous` has and `next` has not. Walks both where they differ only.
 */
export function wipeSecretTree(previous: SecretTree, next: SecretTree | undefined): void {
  if (previous === next || previous.kind === "stored") return;
  if (previous.kind === "secret") return void previous.secret.fill(0);
  if (previous.kind === "split") {
    const after = next?.kind === "split" ? next : undefined;
    wipeSecretTree(previous.left, after?.left);
    wipeSecretTree(previous.right, after?.right);
    return;
  }
  for (const type of ["handshake", "application"] as const) {
    const before = previous[type];
    const after = next?.kind === "leaf" ? next[type] : undefined;
    if (!Object.is(before.secret, after?.secret)) before.secret.fill(0);
    const kept = new Set(after?.skipped);
    for (const messageKey of before.skipped) {
      if (!kept.has(messageKey)) wipeMessageKey(messageKey);
    }
  }
}

function splitSecret(
  crypto: CipherSuite,
  secret: Uint8Array,
): Extract<SecretTree, { readonly kind: "split" }> {
  const child = (context: Uint8Array): SecretTree => ({
    kind: "secret",
    secret: expandWithLabel(crypto, secret, { label: "tree", context, length: crypto.hashLength }),
  });
  return { kind: "split", left: child(LEFT), right: child(RIGHT) };
}

function createRatchets(crypto: CipherSuite, secret: Uint8Array): SenderRatchets {
  const ratchet = (label: string): SenderRatchet =>
    createRatchet(
      expandWithLabel(crypto, secret, { label, context: EMPTY, length: crypto.hashLength }),
    );
  return { handshake: ratchet("handshake"), application: ratchet("application") };
}
