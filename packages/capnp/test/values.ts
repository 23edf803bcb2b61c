/** Random values of `constructs.capnp`, for property tests. */
import fc from "fast-check";
import type {
  Blobs,
  Colour,
  Lists,
  Nested,
  Numbers,
  Point,
  Shape,
  Tree,
} from "./constructs.gen.ts";

/** Plain objects, as decoding gives them. */
const record = <Model>(model: { [Key in keyof Model]: fc.Arbitrary<Model[Key]> }) =>
  fc.record<Model>(model, { noNullPrototype: true });
const int = (bits: number) => fc.integer({ min: -(2 ** (bits - 1)), max: 2 ** (bits - 1) - 1 });
const uint = (bits: number) => fc.integer({ min: 0, max: 2 ** bits - 1 });
const int64 = () => fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const uint64 = () => fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const safe = () => fc.maxSafeInteger();
const safePositive = () => fc.maxSafeNat();
// JSON tells no negative zero, and one NaN from another.
const finite = { noDefaultInfinity: true, noNaN: true } as const;
const float32 = () => fc.float(finite).map((value) => value + 0);
const float64 = () => fc.double(finite).map((value) => value + 0);
const colour = () => fc.constantFrom<Colour>("red", "green", "deepBlue");
const bytes = (max: number) => fc.uint8Array({ maxLength: max }).map((value) => value.slice());
/** Short and long ones, ASCII and not: each takes another way through the coders. */
const text = (bytesMax: number) =>
  fc.oneof(
    fc.string({ unit: "binary", maxLength: Math.floor(bytesMax / 4) }),
    fc.string({ unit: "binary-ascii", maxLength: bytesMax }),
  );

export const points: fc.Arbitrary<Point> = record({
  x: int(32),
  y: int(32),
  label: text(200),
});

export const numbers: fc.Arbitrary<Numbers> = record({
  flag: fc.boolean(),
  flagOn: fc.boolean(),
  int8: int(8),
  int8Default: int(8),
  int16: int(16),
  int16Default: int(16),
  int32: int(32),
  int32Default: int(32),
  int64: int64(),
  int64Default: int64(),
  uint8: uint(8),
  uint8Default: uint(8),
  uint16: uint(16),
  uint16Default: uint(16),
  uint32: uint(32),
  uint32Default: uint(32),
  uint64: uint64(),
  uint64Default: uint64(),
  float32: float32(),
  float32Default: float32(),
  float64: float64(),
  float64Default: float64(),
  colour: colour(),
  colourDefault: colour(),
  sequence: safePositive(),
  offset: safe(),
});

export const blobs: fc.Arbitrary<Blobs> = record({
  text: text(64),
  textDefault: text(300),
  textOptional: fc.option(text(20), { nil: undefined }),
  data: bytes(32),
  dataDefault: bytes(100),
  dataOptional: fc.option(bytes(20), { nil: undefined }),
});

const listOf = <Item>(item: fc.Arbitrary<Item>, max = 70) => fc.array(item, { maxLength: max });

export const lists: fc.Arbitrary<Lists> = record({
  voids: listOf(fc.constant(undefined)),
  bools: listOf(fc.boolean(), 140),
  int8s: listOf(int(8)),
  int16s: listOf(int(16)),
  int32s: listOf(int(32)),
  int64s: listOf(int64()),
  uint8s: listOf(uint(8)),
  uint16s: listOf(uint(16)),
  uint32s: listOf(uint(32), 8),
  uint64s: listOf(uint64()),
  float32s: listOf(float32()),
  float64s: listOf(float64()),
  texts: listOf(text(16), 4),
  datas: listOf(bytes(20)),
  colours: listOf(colour()),
  points: listOf(points, 5),
  grid: listOf(listOf(uint(16), 5), 5),
  names: listOf(listOf(text(12), 4), 4),
  optionalPoints: fc.option(listOf(points, 3), { nil: undefined }),
  sequences: listOf(safePositive()),
});

const stroke = fc.oneof(
  record({ kind: fc.constant("dots" as const), dots: uint(8) }),
  record({ kind: fc.constant("lines" as const), lines: text(40) }),
);

const fill: fc.Arbitrary<Shape["fill"]> = fc.oneof(
  record({ kind: fc.constant("none" as const) }),
  record({ kind: fc.constant("solid" as const), solid: colour() }),
  record({
    kind: fc.constant("pattern" as const),
    pattern: record({ name: text(30), stroke }),
  }),
);

const shapeFields = record({
  name: text(40),
  area: float64(),
  border: record({ width: uint(8), colour: colour(), title: text(30) }),
  fill,
});

const shapeMember = fc.oneof(
  record({ kind: fc.constant("circle" as const), circle: float64() }),
  record({ kind: fc.constant("square" as const), square: uint(16) }),
  record({ kind: fc.constant("polygon" as const), polygon: listOf(points, 4) }),
  record({ kind: fc.constant("label" as const), label: text(40) }),
  record({
    kind: fc.constant("box" as const),
    box: record({ width: uint(32), height: uint(32) }),
  }),
  record({ kind: fc.constant("empty" as const) }),
  record({ kind: fc.constant("inner" as const), inner: points }),
);

export const shapes: fc.Arbitrary<Shape> = fc.tuple(shapeFields, shapeMember)
  .map(([fields, member]): Shape => ({ ...fields, ...member }));

export const nesteds: fc.Arbitrary<Nested> = record({
  inner: record({ value: uint(16), mode: fc.constantFrom("on" as const, "off" as const) }),
  point: points,
  pointOptional: fc.option(points, { nil: undefined }),
  nothing: fc.constant({}),
  nothings: listOf(fc.constant({}), 9),
});

/** A tree of at most `depth` more below its root. */
function treesOf(depth: number): fc.Arbitrary<Tree> {
  const below = depth === 0 ? undefined : treesOf(depth - 1);
  return record({
    value: uint(32),
    left: below === undefined ? fc.constant(undefined) : fc.option(below, { nil: undefined }),
    children: below === undefined ? fc.constant([]) : listOf(below, 2),
  });
}

export const trees: fc.Arbitrary<Tree> = treesOf(4);
