import assert from "node:assert/strict";
import { AssertionFailure, MessengerError } from "@qpq/ports";
import {
  checked,
  type Codec,
  constant,
  decodeExact,
  encode,
  enumeration,
  fixed,
  limited,
  type NamedCodec,
  opaque,
  optional,
  select,
  struct,
  uint16,
  uint32,
  uint64,
  uint8,
  vector,
} from "./codec.ts";
import {
  BYTE_STRINGS_COUNT_BASE,
  BYTE_STRINGS_COUNT_MAX,
  BYTES_PER_BYTE_STRING_MIN,
} from "../wire/limits.ts";
import { Reader } from "./reader.ts";
import { Writer } from "./writer.ts";

const hex = (text: string): Uint8Array => Uint8Array.fromHex(text);

function named<T>(codec: Codec<T>): NamedCodec<T> {
  return { name: "Tested", ...codec };
}

function decode<T>(codec: Codec<T>, text: string): T {
  return decodeExact(named(codec), hex(text), { bytesMax: 100_000 });
}

function isMalformed(state: RegExp): (error: unknown) => boolean {
  return (error) =>
    error instanceof MessengerError && error.code === "malformed" && state.test(error.message);
}

Deno.test("decodeExact() refuses bytes that are left over, after a value and inside a vector", () => {
  assert.equal(decode(uint8, "07"), 7);
  assert.throws(() => decode(uint8, "0700"), isMalformed(/Tested: 1 bytes left over/));
  const inside = vector(uint16, { countMax: 9 });
  assert.deepEqual(decode(inside, "0400010002"), [1, 2]);
  assert.throws(() => decode(inside, "03000100"), isMalformed(/2 bytes wanted, 1 left/));
  const pair = struct<{ inner: number; outer: number }>("Pair", {
    inner: {
      encode: () => {},
      decode: (reader: Reader) => reader.vector(() => reader.uint8()),
    },
    outer: uint8,
  });
  assert.deepEqual(decode(pair, "010203"), { inner: 2, outer: 3 });
  assert.throws(() => decode(pair, "02020303"), isMalformed(/1 bytes left over/));
});

Deno.test("decodeExact() looks at no input above its limit", () => {
  const codec = named({
    encode: () => {},
    decode: (): never => assert.fail("the input was looked at"),
  });
  assert.throws(
    () => decodeExact(codec, new Uint8Array(5), { bytesMax: 4 }),
    (error: MessengerError) => error.code === "too-large",
  );
});

Deno.test("length() accepts the shortest form only (RFC 9420 §2.1.2)", () => {
  const lengths: readonly (readonly [string, number])[] = [
    ["00", 0],
    ["3f", 63],
    ["4040", 64],
    ["7fff", 16383],
    ["80004000", 16384],
    ["bfffffff", 2 ** 30 - 1],
  ];
  for (const [text, length] of lengths) {
    assert.equal(new Reader("length", hex(text)).length(), length);
  }
  for (const text of ["4000", "403f", "80000000", "80003fff"]) {
    assert.throws(() => new Reader("length", hex(text)).length(), isMalformed(/shortest form/));
  }
  for (const text of ["c0", "ff", "c000000000000000"]) {
    assert.throws(() => new Reader("length", hex(text)).length(), isMalformed(/prefix 11/));
  }
  for (const text of ["", "40", "800000"]) {
    assert.throws(() => new Reader("length", hex(text)).length(), isMalformed(/bytes wanted/));
  }
});

Deno.test("vector() allocates nothing for a length above what is left", () => {
  assert.throws(() => decode(opaque, "bfffffff00"), isMalformed(/1073741823 bytes has 1 left/));
  // An inner length can't reach beyond its outer vector either.
  const nested = vector(opaque, { countMax: 9 });
  assert.throws(() => decode(nested, "020501020304"), isMalformed(/5 bytes has 1 left/));
});

Deno.test("vector() refuses more elements than its limit", () => {
  const codec = vector(uint8, { countMax: 3 });
  assert.deepEqual(decode(codec, "03010203"), [1, 2, 3]);
  assert.throws(() => decode(codec, "0401020304"), isMalformed(/more than 3 elements/));
});

Deno.test("encode() and decodeExact() are inverse for every width", () => {
  const all = struct<{
    a: number;
    b: number;
    c: number;
    d: bigint;
    e: Uint8Array;
    f: Uint8Array;
    g: number | undefined;
    h: number | undefined;
  }>("All", {
    a: uint8,
    b: uint16,
    c: uint32,
    d: uint64,
    e: opaque,
    f: fixed(2),
    g: optional(uint8),
    h: optional(uint8),
  });
  const value = {
    a: 255,
    b: 65535,
    c: 2 ** 32 - 1,
    d: 2n ** 64n - 1n,
    e: hex("0102"),
    f: hex("0304"),
    g: 5,
    h: undefined,
  };
  const bytes = encode(all, value);
  assert.equal(bytes.toHex(), "ffffffffffffffffffffffffffffff0201020304010500");
  assert.deepEqual(decodeExact(all, bytes, { bytesMax: 99 }), value);
});

Deno.test("opaque, encoded, has the shortest length at each boundary", () => {
  const boundaries = [[63, "3f"], [64, "4040"], [16383, "7fff"], [16384, "80004000"]] as const;
  for (const [length, prefix] of boundaries) {
    const bytes = encode(opaque, new Uint8Array(length));
    assert.ok(bytes.toHex().startsWith(prefix));
    assert.equal(bytes.length, length + prefix.length / 2);
    assert.equal(decodeExact(named(opaque), bytes, { bytesMax: 99_999 }).length, length);
    const written = encode(vector(uint8, { countMax: 99_999 }), new Array<number>(length).fill(0));
    assert.deepEqual(written, bytes);
  }
});

Deno.test("what is decoded does not change with the input", () => {
  const input = hex("020102");
  const value = decodeExact(named(opaque), input, { bytesMax: 9 });
  input.fill(0xff);
  assert.equal(value.toHex(), "0102");
});

Deno.test("optional() refuses a presence other than 0 and 1", () => {
  assert.throws(() => decode(optional(uint8), "0200"), isMalformed(/presence 2/));
});

Deno.test("select(), enumeration() and constant() refuse values that are not listed", () => {
  type Shape = { readonly kind: "point" } | { readonly kind: "circle"; readonly radius: number };
  const shape = select<Shape>("Shape", uint8, {
    point: { tag: 1, fields: {} },
    circle: { tag: 2, fields: { radius: uint8 } },
  });
  assert.deepEqual(decode(shape, "0209"), { kind: "circle", radius: 9 });
  assert.equal(encode(shape, { kind: "circle", radius: 9 }).toHex(), "0209");
  assert.throws(() => decode(shape, "03"), isMalformed(/Shape has the unknown type 3/));
  const color = enumeration<"red" | "blue">("Color", uint8, { red: 1, blue: 2 });
  assert.equal(decode(color, "02"), "blue");
  assert.equal(encode(color, "red").toHex(), "01");
  assert.throws(() => decode(color, "00"), isMalformed(/Color has the unknown type 0/));
  const version = constant(uint16, 1);
  assert.equal(decode(version, "0001"), 1);
  assert.equal(encode(version, 1).toHex(), "0001");
  assert.throws(() => decode(version, "0002"), isMalformed(/1 expected, 2 found/));
});

Deno.test("checked() refuses what its rule names", () => {
  const even = checked(uint8, (value) => value % 2 === 0 ? undefined : "odd");
  assert.equal(decode(even, "02"), 2);
  assert.equal(encode(even, 2).toHex(), "02");
  assert.throws(() => decode(even, "03"), isMalformed(/Tested: odd/));
});

Deno.test("Reader fails at the end of its input for every width", () => {
  const reads: readonly ((reader: Reader) => unknown)[] = [
    (reader) => reader.uint8(),
    (reader) => reader.uint16(),
    (reader) => reader.uint32(),
    (reader) => reader.uint64(),
    (reader) => reader.bytes(9),
  ];
  const widths = [1, 2, 4, 8, 9];
  reads.forEach((read, index) => {
    const short = new Uint8Array((widths[index] as number) - 1);
    assert.throws(() => read(new Reader("Tested", short)), isMalformed(/bytes wanted/));
  });
});

Deno.test("Writer asserts that values fit their width", () => {
  const writer = new Writer();
  for (const value of [-1, 256, 1.5, NaN]) {
    assert.throws(() => writer.uint8(value), AssertionFailure);
  }
  assert.throws(() => writer.uint16(65536), AssertionFailure);
  assert.throws(() => writer.uint32(2 ** 32), AssertionFailure);
  assert.throws(() => writer.uint64(-1n), AssertionFailure);
  assert.throws(() => writer.uint64(2n ** 64n), AssertionFailure);
});

Deno.test("Writer grows, and is empty after finish()", () => {
  const writer = new Writer();
  const long = new Uint8Array(1000).fill(7);
  writer.bytes(long);
  writer.uint8(1);
  assert.deepEqual(writer.finish(), Uint8Array.of(...long, 1));
  assert.equal(writer.finish().length, 0);
});

Deno.test("Reader copies no more byte strings than its input's length allows", () => {
  const copiesOf = (length: number): number => {
    let copies = 0;
    const counted = named<Uint8Array[]>({
      encode: () => {},
      decode: (reader) => {
        const all: Uint8Array[] = [];
        while (reader.left > 0) {
          all.push(opaque.decode(reader));
          copies++;
        }
        return all;
      },
    });
    const decodeEmpty = () => decodeExact(counted, new Uint8Array(length), { bytesMax: length });
    assert.throws(decodeEmpty, isMalformed(/too many byte strings/));
    return copies;
  };
  assert.equal(copiesOf(80_000), BYTE_STRINGS_COUNT_BASE + 80_000 / BYTES_PER_BYTE_STRING_MIN);
  const huge = 2 * BYTE_STRINGS_COUNT_MAX * BYTES_PER_BYTE_STRING_MIN;
  assert.equal(copiesOf(huge), BYTE_STRINGS_COUNT_MAX);
});

Deno.test("limited() decodes nothing beyond its limit, and all after it", () => {
  const short = limited(named(opaque), { bytesMax: 3 });
  const pair = struct<{ first: Uint8Array; second: Uint8Array }>("Pair", {
    first: short,
    second: opaque,
  });
  const second = hex("0102030405");
  const fits = { first: hex("0102"), second };
  assert.deepEqual(decodeExact(pair, encode(pair, fits), { bytesMax: 99 }), fits);
  const longer = encode(pair, { first: hex("010203"), second });
  assert.throws(() => decodeExact(pair, longer, { bytesMax: 99 }), isMalformed(/3 bytes has 2/));
});
