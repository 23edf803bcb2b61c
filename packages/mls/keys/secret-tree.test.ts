import assert from "node:assert/strict";
import { runtimeCryptoProvider } from "../crypto/runtime.ts";
import { createSecretTree, openLeaf, type SecretTree, withRatchets } from "./secret-tree.ts";
import { keyToReceive } from "./sender-ratchet.ts";

const crypto = runtimeCryptoProvider().cipherSuite(1);
const ENCRYPTION_SECRET = new Uint8Array(32).fill(9);
const start = (): SecretTree => createSecretTree(ENCRYPTION_SECRET.slice());

function secretsIn(tree: SecretTree): readonly string[] {
  if (tree.kind === "secret") return [tree.secret.toHex()];
  if (tree.kind === "split") return [...secretsIn(tree.left), ...secretsIn(tree.right)];
  if (tree.kind === "leaf") return [tree.handshake.secret.toHex(), tree.application.secret.toHex()];
  return [];
}

Deno.test("openLeaf() gives each leaf the same ratchets, whatever was opened before", () => {
  const leafCount = 8;
  const alone = Array.from(
    { length: leafCount },
    (_, leafIndex) => openLeaf(crypto, start(), { leafIndex, leafCount }).ratchets,
  );
  let tree = start();
  for (const leafIndex of [5, 0, 7, 3, 1, 2, 6, 4]) {
    const opened = openLeaf(crypto, tree, { leafIndex, leafCount });
    assert.deepEqual(
      opened.ratchets.application.secret,
      alone[leafIndex]?.application.secret,
    );
    assert.deepEqual(opened.ratchets.handshake.secret, alone[leafIndex]?.handshake.secret);
    tree = opened.tree;
  }
});

Deno.test("openLeaf() consumes every secret on its way (RFC 9420 §9.2)", () => {
  const place = { leafIndex: 2, leafCount: 4 };
  const { tree } = openLeaf(crypto, start(), place);
  const held = secretsIn(tree);
  assert.ok(!held.includes(ENCRYPTION_SECRET.toHex()), "the root secret is kept");
  // Left half whole, leaf 3 whole, and the two ratchets of leaf 2: nothing from which leaf 2 comes.
  assert.equal(held.length, 4);
  assert.ok(tree.kind === "split" && tree.left.kind === "secret" && tree.right.kind === "split");
  assert.equal(tree.right.left.kind, "leaf");
  assert.equal(tree.right.right.kind, "secret");
});

Deno.test("openLeaf() leaves the tree that it was given as it was", () => {
  const before = start();
  const copy = structuredClone(before);
  const first = openLeaf(crypto, before, { leafIndex: 0, leafCount: 4 });
  assert.deepEqual(before, copy);
  const firstCopy = structuredClone(first.tree);
  openLeaf(crypto, first.tree, { leafIndex: 1, leafCount: 4 });
  openLeaf(crypto, first.tree, { leafIndex: 3, leafCount: 4 });
  assert.deepEqual(first.tree, firstCopy);
});

Deno.test("openLeaf() works in a group of one", () => {
  const { tree, ratchets } = openLeaf(crypto, start(), { leafIndex: 0, leafCount: 1 });
  assert.equal(tree.kind, "leaf");
  assert.equal(ratchets.application.generation, 0);
});

Deno.test("withRatchets() replaces one leaf and shares the rest", () => {
  const place = { leafIndex: 3, leafCount: 4 };
  const { tree, ratchets } = openLeaf(crypto, start(), place);
  const received = keyToReceive(crypto, ratchets.application, 0);
  assert.ok(received.kind === "key");
  const changed = withRatchets(tree, place, { ...ratchets, application: received.next });
  const reopened = openLeaf(crypto, changed, place);
  assert.equal(reopened.tree, changed);
  assert.equal(reopened.ratchets.application.generation, 1);
  assert.equal(reopened.ratchets.handshake.generation, 0);
  assert.ok(tree.kind === "split" && changed.kind === "split");
  assert.equal(changed.left, tree.left);
  assert.equal(openLeaf(crypto, tree, place).ratchets.application.generation, 0);
});
