import assert from "node:assert/strict";
import { MessengerError } from "@qpq/ports";
import { cbor, CborReader } from "./cbor.ts";

const DEPTH_MAX = 3;

function item(hex: string): string {
  const reader = new CborReader(Uint8Array.fromHex(hex));
  const bytes = reader.item(DEPTH_MAX);
  reader.end();
  return bytes.toHex();
}

// Taken from RFC 8949 appendix A where it is deterministic, with the edges of each size beside it.
const DETERMINISTIC = [
  "00 17 1818 18ff 190100 19ffff 1a00010000 1affffffff 1b0000000100000000 1bffffffffffffffff",
  "20 37 3818 3903e7 3bffffffffffffffff",
  "f90000 f98000 f93c00 f93e00 f97bff fa47c35000 fa7f7fffff fb7e37e43c8800759c f90001 f90400",
  "f97c00 f9fc00 f97e00 fb3ff199999999999a fbc010666666666666",
  "f4 f5 f6 f7 e0 f3 f820 f8ff",
  "40 4401020304 60 6161 6449455446 62c3bc 63e6b0b4 64f0908591",
  "80 83010203 8301820203820405 a0 a201020304 a26161016162820203 a1410100",
  "c11a514b67b0 c249010000000000000000 c349010000000000000000 d74401020304 d82076687474703a2f2f7777772e6578616d706c652e636f6d",
  "818180 a10081a0 c6c680",
].flatMap((line) => line.split(" "));

const REFUSED: readonly (readonly [hex: string, text: RegExp])[] = [
  ["1817", /shortest/],
  ["1900ff", /shortest/],
  ["1a0000ffff", /shortest/],
  ["1b00000000ffffffff", /shortest/],
  ["3817", /shortest/],
  ["580100", /shortest/],
  ["780161", /shortest/],
  ["980100", /shortest/],
  ["b8010000", /shortest/],
  ["d80100", /shortest/],
  ["f817", /simple value is not in its shortest form/],
  ["fa3fc00000", /float/],
  ["fb3ff0000000000000", /float/],
  ["fb40f86a0000000000", /float/],
  ["fa7f800000", /float/],
  ["fa7fc00000", /float/],
  ["fb7ff8000000000000", /float/],
  ["f97e01", /float/],
  ["f9fe00", /float/],
  ["fa00000000", /float/],
  ["c24101", /bignum/],
  ["c248ffffffffffffffff", /bignum/],
  ["c24900ffffffffffffffff", /bignum/],
  ["c200", /bignum is of another type/],
  ["5f4100ff", /indefinite/],
  ["7f6161ff", /indefinite/],
  ["9fff", /indefinite/],
  ["bfff", /indefinite/],
  ["ff", /indefinite/],
  ["1c", /reserved/],
  ["3d", /reserved/],
  ["fe", /reserved/],
  ["61ff", /UTF-8/],
  ["62c080", /UTF-8/],
  ["63eda080", /UTF-8/],
  ["a201000000", /out of order/],
  ["a200000000", /there twice/],
  ["a2616200616100", /out of order/],
  ["a18000", /nested too deeply/],
  ["a1f400", /a key is no integer/],
  ["a11b002000000000000000", /a key is too large/],
  ["a13b001fffffffffffff00", /a key is too large/],
  ["81818180", /nested too deeply/],
  ["c6c6c6c600", /nested too deeply/],
  ["a100a100a100a0", /nested too deeply/],
  ["9affffffff00", /above what follows/],
  ["9bffffffffffffffff00", /above what follows/],
  ["ba8000000000", /above what follows/],
  ["5affffffff00", /too early/],
  ["7bffffffffffffffff00", /too early/],
  ["19", /too early/],
  ["8301", /above what follows/],
  ["a100", /above what follows/],
  ["", /too early/],
  ["0000", /1 bytes left over/],
];

Deno.test("CborReader.item() takes what is deterministic, and gives it as it was", () => {
  for (const hex of DETERMINISTIC) assert.equal(item(hex), hex);
});

Deno.test("CborReader.item() refuses every other form, with the reason", () => {
  for (const [hex, text] of REFUSED) {
    assert.throws(
      () => item(hex),
      (error) =>
        error instanceof MessengerError && error.code === "malformed" && text.test(error.message),
      hex,
    );
  }
});

Deno.test("CborReader.key() gives integers that a double holds, and text", () => {
  const key = (hex: string) => new CborReader(Uint8Array.fromHex(hex)).key();
  assert.equal(key("1b001fffffffffffff"), Number.MAX_SAFE_INTEGER);
  assert.equal(key("3b001ffffffffffffe"), Number.MIN_SAFE_INTEGER);
  assert.equal(key("20"), -1);
  assert.equal(key("6161"), "a");
  assert.equal(key("64efbbbf61"), "\ufeffa");
  for (const hex of ["1b0020000000000000", "3b001fffffffffffff", "4161", "f6", "60"]) {
    assert.throws(() => key(hex), { code: "malformed" }, hex);
  }
});

Deno.test("the writer writes integers of every size in their shortest form", () => {
  for (let exponent = 0; exponent <= 53; exponent++) {
    for (const value of [2 ** exponent - 1, 2 ** exponent, -(2 ** exponent)]) {
      if (!Number.isSafeInteger(value)) continue;
      const bytes = cbor.integer(value);
      assert.equal(new CborReader(bytes).key(), value);
      assert.equal(item(bytes.toHex()), bytes.toHex());
    }
  }
  for (const value of [0.5, NaN, Infinity, 2 ** 53]) {
    assert.throws(() => cbor.integer(value), { code: "malformed" });
  }
});
