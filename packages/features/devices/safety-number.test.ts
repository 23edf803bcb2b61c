import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { parseAccountId } from "../accounts/names.ts";
import { primitives } from "../test/world.ts";
import { compareSafetyQr, safetyNumber, safetyQrText } from "./safety-number.ts";

const account = (seed: number) => ({
  accountId: parseAccountId(new Uint8Array(16).fill(seed)),
  accountKey: new Uint8Array(32).fill(seed + 100),
});
const [alice, bob] = [account(1), account(2)];

Deno.test("safetyNumber() is 60 digits in 12 groups, the same on both sides", () => {
  const number = safetyNumber(primitives, alice, bob);
  assert.match(number, /^[0-9]{5}( [0-9]{5}){11}$/);
  assert.equal(safetyNumber(primitives, bob, alice), number);
  for (
    const other of [
      { ...bob, accountKey: new Uint8Array(32) },
      { ...bob, accountId: parseAccountId(new Uint8Array(16).fill(9)) },
    ]
  ) {
    const changed = safetyNumber(primitives, alice, other);
    // Alice's half stays.
    const halves = (text: string) => [text.slice(0, 35), text.slice(36)];
    assert.equal(halves(changed).filter((half) => halves(number).includes(half)).length, 1);
  }
});

Deno.test("safetyNumber() is what docs/accounts.md says, computed apart from it", () => {
  const half = ({ accountId, accountKey }: typeof alice): string => {
    let hash = createHash("sha256").update("qpq/1 safety number\0").update(accountId)
      .update(accountKey).update(accountKey).digest();
    for (let round = 1; round < 5_200; round++) {
      hash = createHash("sha256").update(hash).update(accountKey).digest();
    }
    const groups: string[] = [];
    for (let at = 0; at < 30; at += 5) {
      const value = BigInt(`0x${hash.subarray(at, at + 5).toString("hex")}`) % 100_000n;
      groups.push(value.toString().padStart(5, "0"));
    }
    return groups.join(" ");
  };
  const expected = [half(alice), half(bob)].toSorted().join(" ");
  assert.equal(safetyNumber(primitives, alice, bob), expected);
});

Deno.test("compareSafetyQr() accepts the other side's code, and no other text", () => {
  const shown = safetyQrText(primitives, bob, alice);
  assert.match(shown, /^QPQ1:[0-9A-F]{128}$/);
  const compare = (text: string, other = bob) =>
    compareSafetyQr(primitives, text, { own: alice, other });
  assert.equal(compare(shown), "same");
  // The own code, held up to oneself; another account; a flipped digit.
  assert.equal(compare(safetyQrText(primitives, alice, bob)), "different");
  assert.equal(compare(shown, account(3)), "different");
  assert.equal(compare(shown.replace(/.$/, (digit) => digit === "0" ? "1" : "0")), "different");
  for (
    const text of ["", "https://example.org", shown.toLowerCase(), `${shown}0`, shown.slice(1)]
  ) {
    assert.equal(compare(text), "not-a-code");
  }
});
