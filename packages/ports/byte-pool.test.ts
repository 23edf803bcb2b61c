import assert from "node:assert/strict";
import { POOLED_BYTES_MAX, pooledCopy } from "./byte-pool.ts";

Deno.test("pooledCopy gives each its own place, whatever comes after it and before", () => {
  const source = crypto.getRandomValues(new Uint8Array(2 * POOLED_BYTES_MAX));
  const lengths = Array.from({ length: 300 }, (_, index) => index * 37 % (POOLED_BYTES_MAX + 200));
  const copies = lengths.map((length, index) => {
    const from = source.subarray(index);
    return { copy: pooledCopy(from, length), expected: from.slice(0, length) };
  });
  for (const { copy, expected } of copies) assert.deepEqual(copy, expected);
  copies[7]?.copy.fill(0);
  for (const { copy, expected } of copies.toSpliced(7, 1)) assert.deepEqual(copy, expected);
  source.fill(0);
  for (const { copy, expected } of copies.toSpliced(7, 1)) assert.deepEqual(copy, expected);
});

Deno.test("pooledCopy keeps what is large out of the common block", () => {
  const large = pooledCopy(new Uint8Array(POOLED_BYTES_MAX + 1), POOLED_BYTES_MAX + 1);
  assert.equal(large.buffer.byteLength, POOLED_BYTES_MAX + 1);
  const [one, other] = [pooledCopy(new Uint8Array(8), 8), pooledCopy(new Uint8Array(8), 8)];
  assert.equal(one.buffer, other.buffer);
});
