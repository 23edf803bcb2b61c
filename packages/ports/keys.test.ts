import assert from "node:assert/strict";
import fc from "fast-check";
import { MessengerError } from "./errors.ts";
import { decodeKey, encodeKey, type KeyPart } from "./keys.ts";
import { compareKeys, KEY_BYTES_MAX, keyAfter, keyAfterPrefix } from "./store.ts";

const RUNS = Deno.env.get("QPQ_TEST_LEVEL") === "full" ? 200_000 : 3_000;

const part = fc.oneof(
  fc.string({ maxLength: 8, unit: "grapheme" }),
  fc.uint8Array({ maxLength: 8 }),
  fc.nat(),
  fc.nat({ max: 300 }),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
);
const parts = fc.array(part, { maxLength: 4 });
/** Of these, many pairs begin alike. */
const awkward = fc.array(
  fc.oneof(
    fc.constantFrom("", "a", "a\0", "a\u0001", "ab", "\u{10000}", "\uffff"),
    fc.constantFrom([], [0], [0, 0], [1], [1, 1], [255], [0, 255]).map((list) =>
      Uint8Array.from(list)
    ),
    fc.constantFrom(0, 1, 255, 256, 65_535, 65_536, 2 ** 53 - 1, 2n ** 53n, 2n ** 64n - 1n),
  ),
  { maxLength: 3 },
);

/** The order that `encodeKey` promises, from its words. */
function compareParts(left: readonly KeyPart[], right: readonly KeyPart[]): number {
  for (const [index, one] of left.entries()) {
    const other = right[index];
    if (other === undefined) return 1;
    const order = rank(one) - rank(other) || compareSameKind(one, other);
    if (order !== 0) return Math.sign(order);
  }
  return left.length < right.length ? -1 : 0;
}

function rank(part: KeyPart): number {
  if (part instanceof Uint8Array) return 0;
  return typeof part === "string" ? 1 : 2;
}

function compareSameKind(left: KeyPart, right: KeyPart): number {
  if (left instanceof Uint8Array) return compareKeys(left, right as Uint8Array);
  if (typeof left === "string") {
    const points = (text: string): number[] => [...text].map((char) => char.codePointAt(0) ?? 0);
    const [one, other] = [points(left), points(right as string)];
    for (const [index, point] of one.entries()) {
      const against = other[index];
      if (against === undefined) return 1;
      if (point !== against) return point - against;
    }
    return one.length - other.length;
  }
  return left < (right as number) ? -1 : left > (right as number) ? 1 : 0;
}

const malformed = (error: unknown): boolean =>
  error instanceof MessengerError && error.code === "malformed";

Deno.test("encodeKey() sorts as its parts do, and begins the keys of more parts only", () => {
  for (const arbitrary of [parts, awkward]) {
    fc.assert(
      fc.property(arbitrary, arbitrary, (left, right) => {
        const [one, other] = [encodeKey(...left), encodeKey(...right)];
        assert.equal(Math.sign(compareKeys(one, other)), compareParts(left, right));
        const begins = other.length >= one.length && one.every((byte, at) => byte === other[at]);
        const isPrefix = left.length <= right.length &&
          compareParts(left, right.slice(0, left.length)) === 0;
        assert.equal(begins, isPrefix);
      }),
      { numRuns: RUNS },
    );
  }
});

Deno.test("decodeKey() gives back the parts", () => {
  fc.assert(
    fc.property(fc.oneof(parts, awkward), (original) => {
      const expected = original.map((part) =>
        typeof part === "bigint" && part <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(part) : part
      );
      assert.deepEqual(decodeKey(encodeKey(...original)), expected);
    }),
    { numRuns: RUNS },
  );
});

Deno.test("decodeKey() accepts nothing that encodeKey() does not make", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 12 }), (bytes) => {
      let decoded: KeyPart[];
      try {
        decoded = decodeKey(bytes);
      } catch (error) {
        return malformed(error);
      }
      return compareKeys(encodeKey(...decoded), bytes) === 0;
    }),
    { numRuns: RUNS },
  );
  for (
    const bytes of [
      [0x10],
      [0x10, 1, 0],
      [0x10, 1, 3, 0],
      [0x20, 0xff, 0],
      [0x31, 0],
      [0x32, 1],
      [0x39],
      [0],
    ]
  ) {
    assert.throws(() => decodeKey(Uint8Array.from(bytes)), malformed);
  }
});

Deno.test("encodeKey() refuses what has no place in the order", () => {
  for (const part of [-1, 1.5, NaN, Infinity, 2 ** 53, -1n, 2n ** 64n, "\ud800"]) {
    assert.throws(() => encodeKey(part), malformed);
  }
  assert.equal(encodeKey(new Uint8Array(KEY_BYTES_MAX - 2).fill(9)).length, KEY_BYTES_MAX);
  assert.throws(
    () => encodeKey(new Uint8Array(KEY_BYTES_MAX - 1).fill(9)),
    (error) => error instanceof MessengerError && error.code === "too-large",
  );
});

Deno.test("keyAfter() and keyAfterPrefix() are the next above", () => {
  const bytes = fc.uint8Array({ minLength: 1, maxLength: 4 });
  fc.assert(fc.property(bytes, bytes, (key, other) => {
    assert.ok(compareKeys(key, keyAfter(key)) < 0);
    if (compareKeys(other, key) > 0) assert.ok(compareKeys(other, keyAfter(key)) >= 0);
    const end = keyAfterPrefix(key);
    const begins = key.every((byte, at) => byte === other[at]);
    const below = end === undefined || compareKeys(other, end) < 0;
    assert.equal(begins, compareKeys(other, key) >= 0 && below);
  }));
  assert.equal(keyAfterPrefix(new Uint8Array(0)), undefined);
  assert.equal(keyAfterPrefix(Uint8Array.of(255, 255)), undefined);
  assert.deepEqual(keyAfterPrefix(Uint8Array.of(1, 255)), Uint8Array.of(2));
});
