import { MessengerError } from "@qpq/ports";
import assert from "node:assert/strict";
import { CALL_BYTES_MAX, ELEMENT, frameBytes, LIST_ITEMS_MAX, NESTING_MAX } from "./mod.ts";
import * as generated from "./test/constructs.gen.ts";
import {
  CAPABILITY,
  FAR_POINTER,
  frameOf,
  listPointer,
  listTag,
  structPointer,
  wordOf,
} from "./test/frames.ts";

const { decodeBlobs, decodeLists, decodeNested, decodeNumbers, decodePoint, decodeTree } =
  generated;

interface Refusal {
  readonly what: string;
  readonly code: "malformed" | "too-large";
  readonly text: RegExp;
  readonly decode: () => unknown;
}

const REFUSALS: readonly Refusal[] = [
  // The frame.
  header("no bytes", "malformed", /0 bytes, 8 needed/, []),
  header("half a header", "malformed", /7 bytes, 8 needed/, [0, 0, 0, 0, 1, 0, 0]),
  header("2^31 segments", "malformed", /2147483648 segments/, [255, 255, 255, 127, 1, 0, 0, 0]),
  header("2^32 segments", "malformed", /4294967296 segments/, [255, 255, 255, 255, 1, 0, 0, 0]),
  header("two segments", "malformed", /2 segments, 1 allowed/, [1, 0, 0, 0, 1, 0, 0, 0]),
  header("no words", "malformed", /no root pointer/, [0, 0, 0, 0, 0, 0, 0, 0]),
  header("2^32 words", "too-large", /limit 262144/, [0, 0, 0, 0, 255, 255, 255, 255]),
  header("fewer words than it says", "malformed", /8 bytes, its header says 16/, [
    ...[0, 0, 0, 0, 1, 0, 0, 0],
  ]),
  refusal("one byte after the frame", "malformed", /17 bytes, its header says 16/, () => {
    decodePoint(Uint8Array.of(...frameOf(0n), 0));
  }),
  refusal("a frame after the frame", "malformed", /32 bytes, its header says 16/, () => {
    decodePoint(Uint8Array.of(...frameOf(0n), ...frameOf(0n)));
  }),
  refusal("a frame above the caller's limit", "too-large", /24 bytes, limit 16/, () => {
    decodePoint(frameOf(0n, 0n), { bytesMax: 16 });
  }),

  // The root.
  point("a root that is a list", "malformed", /the root: a list, a struct expected/, [
    listPointer(0, 2, 1),
  ]),
  point("a far pointer", "malformed", /the root: a far pointer/, [FAR_POINTER]),
  point("a capability", "malformed", /the root: a capability/, [CAPABILITY]),
  point("a struct behind the end", "malformed", /out of bounds/, [structPointer(0, 1, 0)]),
  point("a struct half behind the end", "malformed", /out of bounds/, [structPointer(0, 1, 1), 0n]),
  point("a struct in the header", "malformed", /out of bounds/, [structPointer(-2, 1, 0)]),
  point("a struct 2^29 words away", "malformed", /out of bounds/, [
    structPointer(2 ** 29 - 1, 1, 0),
  ]),
  point("a struct -2^29 words away", "malformed", /out of bounds/, [
    structPointer(-(2 ** 29), 1, 0),
  ]),
  point("2^16 data words", "malformed", /out of bounds/, [structPointer(0, 65_535, 0)]),
  point("2^16 pointers", "malformed", /out of bounds/, [structPointer(0, 0, 65_535)]),

  // Text and Data.
  blob("a text that is a struct", "malformed", /Blobs.text: a struct/, structPointer(5, 1, 0)),
  blob("a text behind a far pointer", "malformed", /Blobs.text: a far pointer/, FAR_POINTER),
  blob("a text of 16-bit items", "malformed", /list of bytes expected/, listPointer(5, 3, 1)),
  blob("a text of no bytes", "malformed", /does not end with NUL/, listPointer(5, 2, 0)),
  blob("a text without NUL", "malformed", /does not end with NUL/, listPointer(5, 2, 3)),
  blob("a text above its limit", "too-large", /Blobs.text: 66, limit 65/, listPointer(5, 2, 66)),
  blob("a text of 2^29 bytes", "too-large", /limit 65/, listPointer(5, 2, 2 ** 29 - 1)),
  blob("a text behind the end", "malformed", /out of bounds/, listPointer(5, 2, 17)),
  blob("a text that is not UTF-8", "malformed", /not UTF-8/, listPointer(6, 2, 3)),
  refusal("Data above its limit", "too-large", /Blobs.data: 33, limit 32/, () => {
    decodeBlobs(frameOf(structPointer(0, 0, 4), 0n, 0n, 0n, listPointer(0, 2, 33)));
  }),

  // Lists.
  list("2^29 items without a size", "too-large", "voids", 0, [listPointer(19, 0, 2 ** 29 - 1)]),
  list("2^29 bits", "too-large", "bools", 1, [listPointer(18, 1, 2 ** 29 - 1)]),
  list("2^29 numbers", "too-large", "uint64s", 9, [listPointer(10, 5, 2 ** 29 - 1)]),
  list("more numbers than words", "malformed", "uint64s", 9, [listPointer(10, 5, 2), 1n]),
  list("above the schema's limit", "too-large", "uint32s", 8, [listPointer(11, 4, 9)]),
  list("items of another size", "malformed", "uint32s", 8, [listPointer(11, 5, 1), 1n]),
  refusal("a list that is a struct", "malformed", /uint32s: a struct, a list expected/, () => {
    decodeLists(
      frameOf(structPointer(0, 0, 20), ...words(8), structPointer(11, 4, 0), ...words(20)),
    );
  }),
  list("2^30 structs without a size", "too-large", "points", 15, [
    listPointer(4, 7, 0),
    listTag(2 ** 30 - 1, 0, 0),
  ]),
  list("more structs than words", "malformed", "points", 15, [
    ...[listPointer(4, 7, 3), listTag(2, 1, 1), 0n, 0n, 0n],
  ]),
  list("more words than there are", "malformed", "points", 15, [
    listPointer(4, 7, 9),
    listTag(1, 1, 1),
  ]),
  list("a composite list of lists", "malformed", "points", 15, [
    ...[listPointer(4, 7, 1), listTag(1, 1, 0) | 1n, 0n],
  ]),
  list("structs above the schema's limit", "too-large", "points", 15, [
    ...[listPointer(4, 7, LIST_ITEMS_MAX + 1), listTag(LIST_ITEMS_MAX + 1, 1, 0)],
    ...words(LIST_ITEMS_MAX + 1),
  ]),
  list("bits where structs stand", "malformed", "points", 15, [listPointer(4, 1, 1), 1n]),
  list("structs where bits stand", "malformed", "bools", 1, [
    ...[listPointer(18, 7, 1), listTag(1, 1, 0), 1n],
  ]),
  list("structs without data where numbers stand", "malformed", "uint32s", 8, [
    ...[listPointer(11, 7, 1), listTag(1, 0, 1), 0n],
  ]),
  list("structs without pointers where texts stand", "malformed", "texts", 12, [
    ...[listPointer(7, 7, 1), listTag(1, 1, 0), 0n],
  ]),
  list("an item of a list of texts above its limit", "too-large", "texts", 12, [
    ...[listPointer(7, 6, 1), listPointer(0, 2, 18), 0n, 0n, 0n],
  ]),
  list("a safe integer of 2^53", "malformed", "sequences", 19, [listPointer(0, 5, 1), 1n << 53n]),
  refusal("a safe integer of 2^53 in a struct", "malformed", /Numbers.sequence/, () => {
    decodeNumbers(frameOf(structPointer(0, 14, 0), ...words(12), 1n << 53n, 0n));
  }),
  refusal("a safe integer of -2^53", "malformed", /Numbers.offset/, () => {
    const value = BigInt.asUintN(64, -(1n << 53n));
    decodeNumbers(frameOf(structPointer(0, 14, 0), ...words(13), value));
  }),

  // What is followed.
  refusal("a struct that holds itself", "too-large", /nested deeper than 32/, () => {
    decodeTree(frameOf(structPointer(0, 1, 2), 0n, structPointer(-2, 1, 2), 0n, ...words(200)));
  }),
  refusal("a list that holds itself", "too-large", /nested deeper than 32/, () => {
    const holder = [structPointer(0, 1, 2), 0n, 0n, listPointer(0, 7, 3)];
    decodeTree(frameOf(...holder, listTag(1, 1, 2), 0n, 0n, listPointer(-4, 7, 3), ...words(200)));
  }),
  refusal("a pointer that points at itself", "too-large", /nested deeper than 32/, () => {
    decodeTree(frameOf(structPointer(-1, 0, 1), ...words(200)));
  }),
  refusal("a tree whose branches are all one", "too-large", /leads to more than/, () => {
    const items = Array.from({ length: 8 }, () => [0n, 0n, 0n]);
    items.forEach((item, index) => item[2] = listPointer(-(index * 3 + 4), 7, 24));
    const root = [structPointer(0, 1, 2), 0n, 0n, listPointer(0, 7, 24)];
    decodeTree(frameOf(...root, listTag(8, 1, 2), ...items.flat()));
  }),
  refusal("lists that are all one", "too-large", /leads to more than 9960 words/, () => {
    // 200 lists of texts, each of which is the same list of 1,024 null pointers.
    decodeLists(overlapping(17, 200));
  }),
  refusal("1,000 structs without words", "too-large", /leads to more than 56 words/, () => {
    const root = [structPointer(0, 0, 5), ...words(4), listPointer(0, 7, 0)];
    decodeNested(frameOf(...root, listTag(1_000, 0, 0)));
  }),
  refusal("1,000 items without a size", "too-large", /leads to more than 168 words/, () => {
    decodeLists(frameOf(structPointer(0, 0, 20), listPointer(19, 0, 1_000), ...words(19)));
  }),
];

for (const { what, code, text, decode } of REFUSALS) {
  Deno.test(`decode refuses ${what}`, () => {
    assert.throws(decode, (error: unknown) => {
      assert.ok(error instanceof MessengerError, String(error));
      assert.equal(error.code, code, error.message);
      assert.match(error.message, text);
      return true;
    });
  });
}

Deno.test("decode reads a null root, and a struct of no words, as defaults", () => {
  const defaults = { x: 0, y: 0, label: "" };
  assert.deepEqual(decodePoint(frameOf(0n)), defaults);
  assert.deepEqual(decodePoint(frameOf(structPointer(-1, 0, 0))), defaults);
  assert.equal(decodeNumbers(frameOf(0n)).int64Default, -5_000_000_000n);
  assert.equal(decodeBlobs(frameOf(0n)).textDefault, 'hello "you"');
  assert.deepEqual(decodeBlobs(frameOf(0n)).dataDefault, Uint8Array.of(1, 2, 255));
});

Deno.test("decode reads a frame at any offset, and nothing beside it", () => {
  const frame = generated.encodeBlobs({
    ...decodeBlobs(frameOf(0n)),
    text: "täxt",
    data: Uint8Array.of(1, 2, 3),
  });
  const around = new Uint8Array(frame.length + 20).fill(0xff);
  around.set(frame, 3);
  const decoded = decodeBlobs(around.subarray(3, 3 + frame.length));
  assert.equal(decoded.text, "täxt");
  assert.deepEqual(decoded.data, Uint8Array.of(1, 2, 3));
});

Deno.test("decode gives Data as a view of the frame, Text as a copy", () => {
  const frame = generated.encodeBlobs({ ...decodeBlobs(frameOf(0n)), data: Uint8Array.of(7) });
  const { data } = decodeBlobs(frame);
  assert.equal(data.buffer, frame.buffer);
  data[0] = 8;
  assert.deepEqual(decodeBlobs(frame).data, Uint8Array.of(8));
});

Deno.test("decode reads exactly NESTING_MAX structs inside each other", () => {
  assert.equal(depthOf(decodeTree(nestedTrees(NESTING_MAX))), NESTING_MAX);
  assert.throws(() => decodeTree(nestedTrees(NESTING_MAX + 1)), hasCode("too-large"));
});

Deno.test("decode reads enumerants and union members of a newer peer as unknown", () => {
  const numbers = frameOf(structPointer(0, 14, 0), ...words(4), 3n << 48n, ...words(9));
  assert.equal(decodeNumbers(numbers).colour, "unknown");
  const shape = frameOf(structPointer(0, 3, 0), 0n, 0n, 7n);
  assert.equal(generated.decodeShape(shape).kind, "unknown");
});

Deno.test("decode reads a list of items without a size up to its limit", () => {
  const root = [structPointer(0, 0, 1), listPointer(0, 0, LIST_ITEMS_MAX)];
  assert.equal(decodeLists(frameOf(...root, ...words(200))).voids.length, LIST_ITEMS_MAX);
});

Deno.test("frameBytes() tells a frame's length from its first 8 bytes", () => {
  const header = Uint8Array.of(0, 0, 0, 0, 3, 0, 0, 0, 99);
  assert.equal(frameBytes(header), 32);
  const largest = Uint8Array.of(0, 0, 0, 0, 255, 127, 0, 0);
  assert.equal(frameBytes(largest), CALL_BYTES_MAX);
  assert.throws(() => frameBytes(Uint8Array.of(0, 0, 0, 0, 0, 128, 0, 0)), hasCode("too-large"));
});

function refusal(
  what: string,
  code: Refusal["code"],
  text: RegExp,
  decode: () => void,
): Refusal {
  return { what, code, text, decode };
}

function header(what: string, code: Refusal["code"], text: RegExp, bytes: number[]): Refusal {
  return refusal(what, code, text, () => decodePoint(Uint8Array.from(bytes)));
}

function point(what: string, code: Refusal["code"], text: RegExp, segment: bigint[]): Refusal {
  return refusal(what, code, text, () => decodePoint(frameOf(...segment)));
}

/** A `Blobs` whose first pointer is `pointer`; "abcdefgh" stands 5 words on, two wrong bytes 6. */
function blob(what: string, code: Refusal["code"], text: RegExp, pointer: bigint): Refusal {
  const root = [structPointer(0, 0, 6), pointer, ...words(5)];
  const contents = [wordOf(0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68), wordOf(0xc3, 0x28)];
  return refusal(what, code, text, () => decodeBlobs(frameOf(...root, ...contents)));
}

/** A `Lists` whose pointer `index` is the first of `segment`; the rest stands behind the pointers. */
function list(
  what: string,
  code: Refusal["code"],
  field: string,
  index: number,
  [pointer = 0n, ...segment]: readonly bigint[],
): Refusal {
  const pointers = words(20);
  pointers[index] = pointer;
  return refusal(what, code, new RegExp(`Lists\\.${field}:`), () => {
    decodeLists(frameOf(structPointer(0, 0, 20), ...pointers, ...segment));
  });
}

/** A `Lists` of lists at pointer `index`: `count` of them, all the same one of 1,024 null pointers. */
function overlapping(index: number, count: number): Uint8Array {
  const pointers = words(20);
  pointers[index] = listPointer(19 - index, ELEMENT.pointer, count);
  const items = Array.from(
    { length: count },
    (_, place) => listPointer(count - place - 1, ELEMENT.pointer, LIST_ITEMS_MAX),
  );
  return frameOf(structPointer(0, 0, 20), ...pointers, ...items, ...words(LIST_ITEMS_MAX));
}

function nestedTrees(depth: number): Uint8Array {
  const below = Array.from({ length: depth - 1 }, () => [0n, structPointer(1, 1, 2), 0n]);
  return frameOf(structPointer(0, 1, 2), ...below.flat(), 0n, 0n, 0n);
}

function depthOf(tree: generated.Tree | undefined): number {
  return tree === undefined ? 0 : 1 + depthOf(tree.left);
}

function words(count: number): bigint[] {
  return new Array<bigint>(count).fill(0n);
}

function hasCode(code: MessengerError["code"]): (error: unknown) => boolean {
  return (error) => error instanceof MessengerError && error.code === code;
}
