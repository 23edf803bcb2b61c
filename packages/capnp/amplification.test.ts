/** What one decode makes of a message whose pointers overlap, and that it takes honest ones as they are. */
import { MessengerError } from "@qpq/ports";
import assert from "node:assert/strict";
import { ELEMENT, LIST_ITEMS_MAX, OBJECT_WORDS, openFrame, WORDS_VISITED_FACTOR } from "./mod.ts";
import * as generated from "./test/constructs.gen.ts";
import { decodeOlder } from "./test/evolution.gen.ts";
import { frameOf, listPointer, listTag, structPointer, wordOf } from "./test/frames.ts";

const { decodeLists, decodeTree } = generated;

/** Follows from the budget: an object takes at least one word and `OBJECT_WORDS`. */
const OBJECTS_PER_WORD_MAX = WORDS_VISITED_FACTOR / (1 + OBJECT_WORDS);

Deno.test("decode makes at most two objects a word of lists of structs that are all one", () => {
  assertBounded((holders) => {
    // Each holder's children are the same, of one word each: a pointer to a struct without words.
    const items = words(holders).map((
      _,
      place,
    ) => [0n, 0n, listPointer((holders - place - 1) * 3, ELEMENT.composite, LIST_ITEMS_MAX)]);
    return frameOf(
      ...[structPointer(0, 1, 2), 0n, 0n, listPointer(0, ELEMENT.composite, holders * 3)],
      ...[listTag(holders, 1, 2), ...items.flat()],
      ...[
        listTag(LIST_ITEMS_MAX, 0, 1),
        ...words(LIST_ITEMS_MAX).map(() => structPointer(-1, 0, 0)),
      ],
    );
  }, (frame) => treesIn(decodeTree(frame)));
});

Deno.test("decode makes at most two objects a word of lists of texts that are all one", () => {
  assertBounded((holders) =>
    overlappingLists({ pointer: 17, of: 20 }, holders, [
      ...Array.from(
        { length: LIST_ITEMS_MAX },
        (_, place) => listPointer(LIST_ITEMS_MAX - place - 1, ELEMENT.byte, 2),
      ),
      wordOf(0x61),
    ], ELEMENT.pointer), (frame) => decodeLists(frame).names.flat().length);
});

Deno.test("decode makes at most two objects a word of lists of structs that stand for numbers", () => {
  assertBounded((holders) => {
    const items = words(holders).map((
      _,
      place,
    ) => [0n, 0n, listPointer((holders - place - 1) * 3, ELEMENT.byte, LIST_ITEMS_MAX)]);
    return frameOf(
      ...[structPointer(0, 1, 2), 0n, 0n, listPointer(0, ELEMENT.composite, holders * 3)],
      ...[listTag(holders, 1, 2), ...items.flat(), ...words(LIST_ITEMS_MAX / 2)],
    );
  }, (frame) => treesIn(decodeTree(frame)));
});

Deno.test("decode makes little more of lists of numbers that are all one than of one", () => {
  const slots = (frame: Uint8Array): number => decodeOlder(frame).grid.flat().length;
  const numbers = words(LIST_ITEMS_MAX / 4);
  const most = mostAccepted(
    (holders) => overlappingLists({ pointer: 9, of: 10 }, holders, numbers, ELEMENT.twoBytes),
    slots,
  );
  // Four slots of an array a word; without overlaps no message has more.
  assert.ok(most.made <= 2 * 4 * most.words, `${most.made} slots of ${most.words} words`);
});

Deno.test("decode counts what it makes: structs, lists, items, Text and Data", () => {
  const reader = openFrame(generated.encodeLists({
    ...decodeLists(frameOf(0n)),
    texts: ["a", "b"],
    datas: [Uint8Array.of(1), Uint8Array.of(2), Uint8Array.of(3)],
    points: [{ x: 1, y: 1, label: "c" }],
    uint64s: [1n, 2n, 3n],
  }));
  generated.readLists(reader, 1);
  // The root; 2 texts and 3 Data, once as items; a struct and its text; 3 words of numbers; 4 lists.
  assert.equal(reader.objectsMade, 1 + 2 * 2 + 3 * 2 + 2 + 3 * 2 + 4);
});

Deno.test("decode takes the densest message without overlaps", () => {
  // Each word is an item, and a pointer to an object without words.
  const items = words(LIST_ITEMS_MAX).map(() => structPointer(-1, 0, 0));
  const tree = decodeTree(frameOf(
    ...[structPointer(0, 1, 2), 0n, 0n, listPointer(0, ELEMENT.composite, LIST_ITEMS_MAX)],
    ...[listTag(LIST_ITEMS_MAX, 0, 1), ...items],
  ));
  assert.equal(treesIn(tree), 1 + 2 * LIST_ITEMS_MAX);
  const lists = openFrame(generated.encodeLists({
    ...decodeLists(frameOf(0n)),
    bools: items.map(() => true),
    uint8s: items.map(() => 1),
    uint64s: items.map(() => 1n),
    datas: items.map(() => new Uint8Array(0)),
    names: items.map(() => []),
    points: items.map(() => ({ x: 1, y: 1, label: "" })),
  }));
  assert.equal(generated.readLists(lists, 1).names.length, LIST_ITEMS_MAX);
});

/** Asserts the bound of the frame that makes the most objects of all that are not refused. */
function assertBounded(
  frameOf: (holders: number) => Uint8Array,
  objectsIn: (frame: Uint8Array) => number,
): void {
  const { made, words } = mostAccepted(frameOf, objectsIn);
  assert.ok(made <= OBJECTS_PER_WORD_MAX * words, `${made} objects of ${words} words`);
}

/** The last of the frames with 1, 2, 3, … holders of one list that is not refused as too large. */
function mostAccepted(
  frameOf: (holders: number) => Uint8Array,
  made: (frame: Uint8Array) => number,
): { readonly made: number; readonly words: number } {
  let most = { made: 0, words: 0 };
  for (let holders = 1; holders <= LIST_ITEMS_MAX; holders++) {
    const frame = frameOf(holders);
    try {
      most = { made: made(frame), words: (frame.length - 8) / 8 };
    } catch (error) {
      assert.ok(error instanceof MessengerError && error.code === "too-large", String(error));
      assert.ok(holders > 1, "one list, without overlaps, is not refused");
      return most;
    }
  }
  assert.fail("overlaps without end are refused");
}

/** A struct of pointers; one of them is a list of `holders` lists, all of them the one in `contents`. */
function overlappingLists(
  root: { readonly pointer: number; readonly of: number },
  holders: number,
  contents: readonly bigint[],
  element: number,
): Uint8Array {
  const pointers = words(root.of);
  pointers[root.pointer] = listPointer(root.of - 1 - root.pointer, ELEMENT.pointer, holders);
  const items = words(holders).map((_, place) =>
    listPointer(holders - place - 1, element, LIST_ITEMS_MAX)
  );
  return frameOf(structPointer(0, 0, root.of), ...pointers, ...items, ...contents);
}

function treesIn(tree: generated.Tree): number {
  return tree.children.reduce(
    (sum, child) => sum + treesIn(child),
    1 + (tree.left === undefined ? 0 : treesIn(tree.left)),
  );
}

function words(count: number): bigint[] {
  return new Array<bigint>(count).fill(0n);
}
