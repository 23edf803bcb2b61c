import assert from "node:assert/strict";
import { AssertionFailure } from "@qpq/ports";
import { type Padding, PADDING_DEFAULT, paddingLength } from "./padding.ts";

function paddedLength(padding: Padding, length: number): number {
  return length + paddingLength(padding, length);
}

Deno.test("paddingLength() with buckets fills up to the next one, above the last to its multiple", () => {
  for (const [length, padded] of [[0, 256], [1, 256], [256, 256], [257, 512], [16384, 16384]]) {
    assert.equal(paddedLength(PADDING_DEFAULT, length as number), padded);
  }
  assert.equal(paddedLength(PADDING_DEFAULT, 16385), 32768);
  assert.equal(paddedLength(PADDING_DEFAULT, 32768), 32768);
  assert.throws(() => paddingLength({ kind: "buckets", lengths: [] }, 9), AssertionFailure);
});

Deno.test("paddingLength() with none adds nothing", () => {
  assert.equal(paddingLength({ kind: "none" }, 77), 0);
});

Deno.test("paddingLength() with Padmé adds at most 12 % and never shrinks with the length", () => {
  const padding = { kind: "padme" } as const;
  let previous = 0;
  for (let length = 0; length < 5000; length++) {
    const padded = paddedLength(padding, length);
    assert.ok(padded >= length && padded >= previous);
    assert.ok(padded <= length * 1.12 + 1, `${length} became ${padded}`);
    previous = padded;
  }
  // The examples of the paper: 9 bits of mantissa and exponent.
  assert.equal(paddedLength(padding, 9), 10);
  assert.equal(paddedLength(padding, 1000), 1024);
});
