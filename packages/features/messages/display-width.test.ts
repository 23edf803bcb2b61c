import assert from "node:assert/strict";
import { displayWidth } from "./display-width.ts";

Deno.test("displayWidth() counts columns", () => {
  const cases: readonly (readonly [string, number])[] = [
    ["", 0],
    ["hello", 5],
    ["Grüße", 5],
    ["e\u0301", 1],
    ["e\u0301\u0323\u0308", 1],
    ["\u0301", 0],
    ["Привет", 6],
    ["שלום", 4],
    ["漢字", 4],
    ["カタカナ", 8],
    ["ｶﾀｶﾅ", 4],
    ["Ａｂ", 4],
    ["한글", 4],
    ["\u1112\u1161\u11ab", 2],
    ["\u3000", 2],
    ["👍", 2],
    ["👍🏽", 2],
    ["👩‍👩‍👧", 2],
    ["👨🏽‍💻", 2],
    ["🇫🇷", 2],
    ["🏴󠁧󠁢󠁥󠁮󠁧󠁿", 2],
    ["🏳️‍🌈", 2],
    ["❤", 1],
    ["❤️", 2],
    ["1️⃣", 2],
    ["⌚", 2],
    ["…", 1],
    ["①", 1],
    ["�", 1],
    ["⏎", 1],
    ["a漢👍e\u0301", 6],
    // Nothing is taken for an escape sequence.
    ["\x1b[31ma", 5],
  ];
  for (const [text, columns] of cases) assert.equal(displayWidth(text), columns, text);
});
