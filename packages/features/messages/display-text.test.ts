import assert from "node:assert/strict";
import { MARKS_COUNT_MAX, sanitizeForDisplay, sanitizeLines } from "./display-text.ts";

/** Every code point that may not reach a terminal, wherever it stands between letters. */
function* harmfulCodePoints(): Generator<number> {
  const ranges = [
    [0x00, 0x1f],
    [0x7f, 0x9f],
    [0xad, 0xad],
    [0x34f, 0x34f],
    [0x61c, 0x61c],
    [0x115f, 0x1160],
    [0x17b4, 0x17b5],
    [0x180b, 0x180f],
    [0x200b, 0x200f],
    [0x2028, 0x202e],
    [0x2060, 0x206f],
    [0x3164, 0x3164],
    [0xd800, 0xdfff],
    [0xfe00, 0xfe0f],
    [0xfeff, 0xfeff],
    [0xffa0, 0xffa0],
    [0xfff0, 0xfffb],
    [0x1d173, 0x1d17a],
    [0xe0000, 0xe0fff],
  ] as const;
  for (const [first, last] of ranges) {
    for (let codePoint = first; codePoint <= last; codePoint++) yield codePoint;
  }
}

Deno.test("sanitizeForDisplay() lets nothing through that moves, hides, reorders or forges", () => {
  const allowed: Record<number, string> = { 0x09: " " };
  for (const end of [0x0a, 0x0b, 0x0c, 0x0d, 0x85, 0x2028, 0x2029]) allowed[end] = "\u23ce";
  for (const codePoint of harmfulCodePoints()) {
    const expected = `a${allowed[codePoint] ?? "\ufffd"}b`;
    const name = codePoint.toString(16);
    assert.equal(sanitizeForDisplay(`a${String.fromCodePoint(codePoint)}b`), expected, name);
    assert.ok(sanitizeForDisplay(expected).isWellFormed());
  }
});

Deno.test("sanitizeForDisplay() makes attacks harmless, and seen", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["\x1b]0;title\x07", "�]0;title�"],
    ["\x1b[2J\x1b[1;1H", "�[2J�[1;1H"],
    ["\x9b31m", "�31m"],
    ["\x1b]52;c;cm0gLXJm\x1b\\", "�]52;c;cm0gLXJm�\\"],
    ["hello\r[bob] I agree", "hello⏎[bob] I agree"],
    ["hello\n[bob] I agree", "hello⏎[bob] I agree"],
    ["a\r\n\r\nb", "a⏎⏎b"],
    ["a\bb", "a�b"],
    ["\u202egnp.exe", "�gnp.exe"],
    ["\u2067a\u2069", "�a�"],
    ["ali\u200bce", "ali�ce"],
    ["ali\u200dce", "ali�ce"],
    ["али\u200cса", "али�са"],
    ["a\u200cक", "a�क"],
    ["क\u200da", "क�a"],
    ["a\u3164", "a�"],
    ["1\ufe0f", "1�"],
    ["👩\u200d\u200d👩", "👩��👩"],
    ["👩\u200d", "👩�"],
    ["🏴\u{e0061}\u{e007f}", "🏴��"],
    ["a\ud83d", "a�"],
  ];
  for (const [hostile, shown] of cases) assert.equal(sanitizeForDisplay(hostile), shown);
});

Deno.test("sanitizeForDisplay() keeps what people write", () => {
  for (
    const text of [
      "Grüße, naïve café — “quotes” … ½ €",
      "Привет, мир. Γειά σου. שלום. مرحبا. 你好。こんにちは。안녕하세요。",
      "می\u200cخواهم",
      "क्\u200dष क्षि",
      "ශ්\u200dරී",
      "葛\u{e0100}城市",
      "\u0600\u0661",
      "e\u0301 ạ̈",
      "👩‍👩‍👧 👍🏽 🇫🇷 ❤️ ❤ 1️⃣ #️⃣ 👨🏽‍💻 🏴󠁧󠁢󠁥󠁮󠁧󠁿 🏳️‍🌈 👁️‍🗨️ ☺︎",
    ]
  ) {
    assert.equal(sanitizeForDisplay(text), text);
    assert.equal(sanitizeLines(text), text);
  }
});

Deno.test("sanitizeForDisplay() piles no more marks on a letter than scripts need", () => {
  const mark = "\u0301";
  const most = `a${mark.repeat(MARKS_COUNT_MAX)}`;
  assert.equal(sanitizeForDisplay(most), most);
  assert.equal(sanitizeForDisplay(`${most}${mark.repeat(30_000)}b`), `${most}�b`);
});

Deno.test("sanitizeLines() keeps line ends and tabs, and nothing else of the kind", () => {
  assert.equal(sanitizeLines("a\tb\r\nc\n\nd\re\u2028f\x1b[m"), "a\tb\nc\n\nd�e�f�[m");
});
