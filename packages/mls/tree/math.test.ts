import assert from "node:assert/strict";
import {
  childAwayFrom,
  childTowards,
  commonAncestor,
  directPath,
  isInSubtree,
  isLeaf,
  leafOfNode,
  left,
  leftOfParent,
  level,
  nodeCount,
  nodeOfLeaf,
  parent,
  right,
  rightOfParent,
  root,
  sibling,
} from "./math.ts";

Deno.test("tree math holds together for every node of trees up to 64 leaves", () => {
  for (let leafCount = 1; leafCount <= 64; leafCount *= 2) {
    assert.equal(parent(root(leafCount), leafCount), undefined);
    assert.equal(parent(nodeCount(leafCount), leafCount), undefined);
    assert.equal(sibling(root(leafCount), leafCount), undefined);
    for (let node = 0; node < nodeCount(leafCount); node++) {
      assert.equal(isLeaf(node), level(node) === 0);
      if (isLeaf(node)) {
        assert.equal(nodeOfLeaf(leafOfNode(node)), node);
        assert.equal(left(node), undefined);
        assert.equal(right(node), undefined);
      } else {
        for (const child of [leftOfParent(node), rightOfParent(node)]) {
          assert.equal(parent(child, leafCount), node);
          assert.equal(level(child), level(node) - 1);
          assert.equal(childTowards(node, child), child);
          assert.equal(childAwayFrom(node, child), sibling(child, leafCount));
        }
      }
      const path = directPath(node, leafCount);
      assert.equal(path.length, Math.log2(leafCount) - level(node));
      assert.ok(path.every((above) => isInSubtree(node, above) && !isInSubtree(above, node)));
    }
  }
});

Deno.test("commonAncestor() is the lowest node above both", () => {
  const leafCount = 16;
  for (let one = 0; one < leafCount; one++) {
    for (let other = 0; other < leafCount; other++) {
      const [first, second] = [nodeOfLeaf(one), nodeOfLeaf(other)];
      const ancestor = commonAncestor(first, second);
      const both = [first, ...directPath(first, leafCount)].filter((node) =>
        isInSubtree(second, node)
      );
      assert.equal(ancestor, both[0]);
    }
  }
});
