import assert from "node:assert/strict";
import { readUtf8, writeUtf8 } from "./utf8.ts";

/** Around the lengths at which the coders change their way, and some beyond. */
const LENGTHS = [0, 1, 7, 8, 9, 15, 16, 17, 47, 48, 49, 50, 95, 96, 97, 98, 104, 300];

const CHARACTERS = [
  "\0",
  "a",
  "\x7f",
  "\x80",
  "\xff",
  "é",
  "ß",
  "€",
  "\ufeff",
  "\uffff",
  "🌍",
  "\u{10ffff}",
];

Deno.test("writeUtf8() and readUtf8() agree with the runtime at every length and place", () => {
  for (const length of LENGTHS) {
    for (const character of CHARACTERS) {
      for (const place of [0, 1, 7, 8, length - 1]) {
        if (place < 0 || place >= length) continue;
        const text = "x".repeat(place) + character + "y".repeat(length - place - 1);
        const expected = new TextEncoder().encode(text);
        const bytes = new Uint8Array(text.length * 3 + 5);
        const written = writeUtf8(bytes, 5, text);
        assert.deepEqual(bytes.subarray(5, 5 + written), expected);
        assert.equal(readUtf8(bytes, 5, written), text);
      }
    }
  }
});

Deno.test("writeUtf8() writes a lone surrogate as U+FFFD", () => {
  for (const length of [0, 60]) {
    const bytes = new Uint8Array(400);
    const written = writeUtf8(bytes, 0, "x".repeat(length) + "\ud800");
    assert.equal(readUtf8(bytes, 0, written), "x".repeat(length) + "\ufffd");
  }
});

Deno.test("readUtf8() refuses what is not UTF-8, wherever it stands", () => {
  const wrong = [
    [0x80],
    [0xc3],
    [0xc3, 0x28],
    [0xc0, 0x80],
    [0xe0, 0x80, 0x80],
    [0xed, 0xa0, 0x80],
    [0xf0, 0x80, 0x80, 0x80],
    [0xf4, 0x90, 0x80, 0x80],
    [0xf5, 0x80, 0x80, 0x80],
    [0xff],
  ];
  for (const bytes of wrong) {
    for (const before of [0, 7, 8, 90, 200]) {
      const text = Uint8Array.of(...new Uint8Array(before).fill(0x61), ...bytes);
      assert.throws(() => readUtf8(text, 0, text.length), TypeError);
    }
  }
});
