import { AssertionFailure, MessengerError } from "@qpq/ports";
import assert from "node:assert/strict";
import { FRAME_BYTES_MAX, openFrame, openWriter } from "./mod.ts";
import * as generated from "./test/constructs.gen.ts";
import { frameOf } from "./test/frames.ts";
import { memoryMeter } from "./test/memory.ts";
import { decodeDrawing, type Drawing, encodeDrawing } from "./test/imported.gen.ts";
import { forEachConstruct } from "./test/constructs.ts";
import fc from "fast-check";

const { decodeBlobs, decodeLists, decodeNumbers, decodeShape } = generated;
const { encodeBlobs, encodeLists, encodeNumbers, encodePoint, encodeShape, encodeTree } = generated;

const EMPTY = frameOf(0n);
const blobs = decodeBlobs(EMPTY);
const lists = decodeLists(EMPTY);
const numbers = decodeNumbers(EMPTY);
const shape = decodeShape(EMPTY);
const point = { x: 1, y: 2, label: "three" };
const seed = Date.now() % 2 ** 31;

Deno.test(`encode and decode keep random values of every construct [seed ${seed}]`, async () => {
  await forEachConstruct(({ encode, decode, values }) => {
    fc.assert(
      fc.property(values, (value) => assert.deepEqual(decode(encode(value)), value)),
      { seed, numRuns: 100 },
    );
  });
});

Deno.test("encode gives memory that nobody else writes to: later encodes leave it alone", () => {
  const first = encodePoint(point);
  const copy = first.slice();
  const second = encodePoint({ ...point, x: 9, label: "other" });
  second.fill(0xff);
  assert.deepEqual(first, copy);
});

Deno.test("encode leaves nothing of one message in the next", () => {
  const before = encodeShape({ ...shape, kind: "empty" });
  encodeBlobs({
    ...blobs,
    textDefault: "x".repeat(4_000),
    dataDefault: new Uint8Array(9_000).fill(255),
  });
  assert.deepEqual(encodeShape({ ...shape, kind: "empty" }), before);
});

Deno.test("encode works inside of another, of which it leaves no trace", () => {
  let inner: Uint8Array | undefined;
  const outer = encodePoint({
    get x() {
      inner = encodePoint({ ...point, label: "inner" });
      return 1;
    },
    y: 2,
    label: "three",
  });
  assert.deepEqual(outer, encodePoint(point));
  assert.deepEqual(inner, encodePoint({ ...point, label: "inner" }));
});

Deno.test("encode works after one that was refused, of which it leaves no trace", () => {
  const expected = encodePoint(point);
  assert.throws(() => encodePoint({ x: 5, y: 5, label: "x".repeat(5_000) }), refusal("too-large"));
  assert.deepEqual(encodePoint(point), expected);
});

Deno.test("encode grows to a frame of several MiB", () => {
  const bytes = new Uint8Array(64 * 1024).map((_, index) => index);
  const grown = { ...lists, datas: Array.from({ length: 100 }, () => bytes) };
  const decoded = decodeLists(encodeLists(grown), { bytesMax: FRAME_BYTES_MAX });
  assert.deepEqual(decoded, grown);
  assert.throws(() => decodeLists(encodeLists(grown)), refusal("too-large"));
});

Deno.test("encode does not keep the room that a large frame took", () => {
  const bytesInUse = memoryMeter();
  const large = { ...lists, datas: new Array<Uint8Array>(256).fill(new Uint8Array(64 * 1024)) };
  const before = bytesInUse();
  assert.ok(encodeLists(large).length > 16 * 1024 * 1024);
  const growth = bytesInUse() - before;
  assert.ok(growth < 2 * 1024 * 1024, `${growth} bytes kept`);
});

Deno.test("encode refuses a frame above FRAME_BYTES_MAX", () => {
  const many = { ...lists, datas: Array.from({ length: 1_024 }, () => new Uint8Array(64 * 1024)) };
  assert.throws(() => encodeLists(many), refusal("too-large"));
});

const TOO_LARGE: readonly (readonly [string, () => unknown])[] = [
  ["Text in ASCII", () => encodeBlobs({ ...blobs, text: "x".repeat(65) })],
  ["Text of two bytes a character", () => encodeBlobs({ ...blobs, text: "ä".repeat(33) })],
  ["Text without $max", () => encodePoint({ ...point, label: "x".repeat(4_097) })],
  ["Data", () => encodeBlobs({ ...blobs, data: new Uint8Array(33) })],
  ["a List", () => encodeLists({ ...lists, uint32s: new Array<number>(9).fill(1) })],
  [
    "a List without $max",
    () => encodeLists({ ...lists, bools: new Array<boolean>(1_025).fill(true) }),
  ],
  ["a List of structs", () => encodeLists({ ...lists, points: new Array(1_025).fill(point) })],
  ["an item of a List of Text", () => encodeLists({ ...lists, texts: ["x".repeat(17)] })],
  ["an item of a List of List", () => encodeLists({ ...lists, grid: [[1, 2, 3, 4, 5, 6]] })],
];

for (const [what, encode] of TOO_LARGE) {
  Deno.test(`encode refuses ${what} above its limit`, () => {
    assert.throws(encode, refusal("too-large"));
  });
}

Deno.test("encode refuses a text far above its limit before making room for it", () => {
  const text = "x".repeat(FRAME_BYTES_MAX / 2);
  assert.throws(() => encodeBlobs({ ...blobs, text }), /Cannot encode Blobs\.text: /);
});

const BUGS: readonly (readonly [string, () => unknown])[] = [
  ["Int8", () => encodeNumbers({ ...numbers, int8: 128 })],
  ["UInt8", () => encodeNumbers({ ...numbers, uint8: -1 })],
  ["Int16", () => encodeNumbers({ ...numbers, int16: -32_769 })],
  ["UInt16", () => encodeNumbers({ ...numbers, uint16: 65_536 })],
  ["Int32", () => encodeNumbers({ ...numbers, int32: 2 ** 31 })],
  ["UInt32", () => encodeNumbers({ ...numbers, uint32: 1.5 })],
  ["Int64", () => encodeNumbers({ ...numbers, int64: 2n ** 63n })],
  ["UInt64", () => encodeNumbers({ ...numbers, uint64: -1n })],
  ["a safe UInt64", () => encodeNumbers({ ...numbers, sequence: -1 })],
  ["a safe Int64", () => encodeNumbers({ ...numbers, offset: 2 ** 53 })],
  ["an unknown enumerant", () => encodeNumbers({ ...numbers, colour: "unknown" })],
  ["an unknown union member", () => encodeShape({ ...shape, kind: "unknown" })],
];

for (const [what, encode] of BUGS) {
  Deno.test(`encode asserts that ${what} fits`, () => {
    assert.throws(encode, AssertionFailure);
  });
}

Deno.test("encode keeps special floats, and the extremes of safe integers", () => {
  const frame = encodeNumbers({
    ...numbers,
    float32: NaN,
    float32Default: -0,
    float64: -Infinity,
    float64Default: NaN,
    sequence: Number.MAX_SAFE_INTEGER,
    offset: Number.MIN_SAFE_INTEGER,
  });
  const decoded = decodeNumbers(frame);
  assert.ok(Number.isNaN(decoded.float32) && Number.isNaN(decoded.float64Default));
  assert.ok(Object.is(decoded.float32Default, -0));
  assert.equal(decoded.float64, -Infinity);
  assert.equal(decoded.sequence, Number.MAX_SAFE_INTEGER);
  assert.equal(decoded.offset, Number.MIN_SAFE_INTEGER);
});

Deno.test("encode gives empty where the default is not, and absent where it is optional", () => {
  const decoded = decodeBlobs(encodeBlobs({
    ...blobs,
    textDefault: "",
    dataDefault: new Uint8Array(0),
    textOptional: "",
    dataOptional: undefined,
  }));
  assert.equal(decoded.textDefault, "");
  assert.deepEqual(decoded.dataDefault, new Uint8Array(0));
  assert.equal(decoded.textOptional, "");
  assert.equal(decoded.dataOptional, undefined);
});

Deno.test("encode writes each object once: reading all visits each word once", () => {
  const leaf = { value: 1, left: undefined, children: [] };
  const children = Array.from({ length: 1_000 }, () => ({ ...leaf, children: [leaf, leaf] }));
  const tree = { value: 1, left: leaf, children };
  const frame = encodeTree(tree);
  const reader = openFrame(frame);
  assert.deepEqual(generated.readTree(reader, 1), tree);
  // All words but the root pointer.
  assert.equal(reader.wordsVisited, (frame.length - 8) / 8 - 1);
});

Deno.test("encode and decode keep what another schema file declares", () => {
  const drawing: Drawing = {
    colour: "green",
    point,
    points: [point, { ...point, x: 5 }],
    colours: [["red"], [], ["deepBlue", "green"]],
  };
  assert.deepEqual(decodeDrawing(encodeDrawing(drawing)), drawing);
});

Deno.test("openWriter() begins with a root of its own size", () => {
  assert.deepEqual(
    openWriter(0, 0).finish(),
    Uint8Array.of(0, 0, 0, 0, 1, 0, 0, 0, 252, 255, 255, 255, 0, 0, 0, 0),
  );
  assert.equal(openWriter(2, 1).finish().length, 8 + 8 + 24);
});

function refusal(code: MessengerError["code"]): (error: unknown) => boolean {
  return (error) => error instanceof MessengerError && error.code === code;
}
