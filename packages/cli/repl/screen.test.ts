import assert from "node:assert/strict";
import { TestTerminal } from "../test/terminal.ts";
import { lineOf, move } from "./line.ts";
import { layLine, paint, rowWidth, wrapRows } from "./rows.ts";
import { Screen } from "./screen.ts";

const PROMPT = [{ text: "alice> " }];

function begin(columns = 80, rows = 24): { screen: Screen; terminal: TestTerminal } {
  const terminal = new TestTerminal(columns, rows);
  const screen = new Screen(terminal);
  screen.show({ prompt: PROMPT });
  screen.begin();
  return { screen, terminal };
}

Deno.test("print() puts entries above the line being typed, and leaves line and cursor as they were", () => {
  const { screen, terminal } = begin();
  screen.show({ line: move(lineOf("hello"), "left") });
  screen.print([[{ text: "[bob] one" }], [{ text: "[bob] two" }]]);
  assert.deepEqual(terminal.lines, ["[bob] one", "[bob] two", "alice> hello"]);
  assert.deepEqual(terminal.at, { row: 2, column: "alice> hell".length });
  screen.print([[{ text: "[bob] three" }]]);
  assert.deepEqual(terminal.lines, ["[bob] one", "[bob] two", "[bob] three", "alice> hello"]);
});

Deno.test("print() does so when the line takes several rows, with wide characters and emoji in it", () => {
  const { screen, terminal } = begin(21);
  screen.show({ line: move(lineOf("日本語のテキスト👍👩‍👩‍👧 end"), "word-left") });
  const before = terminal.lines;
  assert.deepEqual(before, ["alice> 日本語のテキ", "スト👍👩‍👩‍👧 end"]);
  assert.deepEqual(terminal.at, { row: 1, column: 9 });
  screen.print([[{ text: "[bob] hi" }]]);
  assert.deepEqual(terminal.lines, ["[bob] hi", ...before]);
  assert.deepEqual(terminal.at, { row: 2, column: 9 });
});

Deno.test("show() redraws a line that grows and shrinks over rows", () => {
  const { screen, terminal } = begin(20);
  for (const length of [5, 40, 12, 13, 100, 0]) {
    screen.show({ line: lineOf("x".repeat(length)) });
    assert.equal(terminal.lines.join(""), `alice> ${"x".repeat(length)}`.trimEnd());
  }
});

Deno.test("a line with more rows than the terminal shows the ones about its cursor", () => {
  const { screen, terminal } = begin(21, 4);
  const line = lineOf(
    Array.from({ length: 30 }, (_, index) => `${index}`.padStart(4, "0")).join(""),
  );
  screen.show({ line });
  assert.equal(terminal.lines.length, 3);
  assert.ok(terminal.lines.at(-1)?.endsWith("0029"));
  screen.show({ line: move(line, "home") });
  assert.ok(terminal.lines[0]?.startsWith("alice> 0000"));
});

Deno.test("after the window has become narrower the line is redrawn in place", () => {
  const { screen, terminal } = begin(80);
  screen.print([[{ text: "[bob] before" }]]);
  screen.show({ line: lineOf("y".repeat(60)) });
  // As a terminal does it: one row of 67 becomes two.
  const narrow = new TestTerminal(40);
  narrow.write(`[bob] before\r\nalice> ${"y".repeat(33)}\r\n${"y".repeat(27)}`);
  terminal.columns = 40;
  const written: string[] = [];
  const write = terminal.write;
  Object.assign(terminal, { write: (text: string) => written.push(text) });
  screen.show({});
  Object.assign(terminal, { write });
  narrow.write(written.join(""));
  assert.deepEqual(narrow.lines, [
    "[bob] before",
    `alice> ${"y".repeat(32)}`,
    "y".repeat(28),
  ]);
});

Deno.test("keepLine() leaves the typed line, end() takes it away", () => {
  const { screen, terminal } = begin();
  screen.show({ line: lineOf("/list") });
  screen.keepLine();
  assert.deepEqual(terminal.lines, ["alice> /list", "alice>"]);
  screen.end();
  assert.deepEqual(terminal.lines, ["alice> /list"]);
});

Deno.test("wrapRows() breaks at blanks, and indents every row but an entry's first", () => {
  const rows = (text: string, columns?: number): readonly string[] =>
    wrapRows([{ text }], columns).map((row) => paint(row, false).trimEnd());
  assert.deepEqual(rows("[bob] one two three four five", 21), [
    "[bob] one two three",
    "  four five",
  ]);
  assert.deepEqual(rows(`${"x".repeat(45)}`, 21), [
    "x".repeat(20),
    `  ${"x".repeat(18)}`,
    `  ${"x".repeat(7)}`,
  ]);
  assert.deepEqual(rows("[bob] hi\n[alice] forged"), ["[bob] hi", "  [alice] forged"]);
  assert.deepEqual(rows("[bob] hi\n[alice] forged", 80), ["[bob] hi", "  [alice] forged"]);
});

Deno.test("wrapRows() lets nobody begin at the left edge, whatever is in a text", () => {
  const seed = 20_251;
  let state = seed;
  const random = (below: number): number => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor(state / 65_536) % below;
  };
  const pieces = [
    "[alice] hi",
    " ",
    "\n",
    "日本",
    "👍",
    "\t",
    "e\u0301",
    "\x1b[2J",
    "\r",
    "\u202e",
    "word",
  ];
  for (let round = 0; round < 500; round++) {
    const text = Array.from({ length: 1 + random(30) }, () => pieces[random(pieces.length)]).join(
      "",
    );
    const columns = 20 + random(30);
    const rows = wrapRows([{ text: "[bob] ", style: "name" }, { text }], columns);
    for (const [index, row] of rows.entries()) {
      const plain = paint(row, false);
      assert.ok(index === 0 || plain.startsWith("  "), `seed ${seed}: ${JSON.stringify(text)}`);
      assert.ok(rowWidth(row) < columns, `seed ${seed}: ${JSON.stringify(text)}`);
      assert.doesNotMatch(plain, /\p{Cc}/u);
    }
  }
});

Deno.test("paint() colours only where it is asked to", () => {
  const row = [{ text: "[bob]", style: "name" as const }, { text: " hi" }];
  assert.equal(paint(row, false), "[bob] hi");
  assert.equal(paint(row, true), "\x1b[1;36m[bob]\x1b[0m hi");
});

Deno.test("wrapRows() indents an entry's further rows to where a span hangs, if that leaves them room", () => {
  const row = [{ text: "/notes      ", hangs: true }, {
    text: "notes to yourself, which stay",
  }] as const;
  assert.deepEqual(wrapRows(row, 31).map((each) => paint(each, false)), [
    "/notes      notes to yourself,",
    "            which stay",
  ]);
  assert.equal(paint(wrapRows(row, 21)[1] ?? [], false), "  yourself, which ");
});

Deno.test("rows have room for terminals that show the parts of an emoji beside one another", () => {
  const wave = "\u{1f44b}\u{1f3fd}";
  const rows = wrapRows([{ text: `${wave} `.repeat(10) }], 24).map((row) => paint(row, false));
  // 4 columns and a blank each where the parts aren't joined, in 23 columns.
  assert.ok(rows.every((row) => row.split(wave).length - 1 <= 4), rows.join("\n"));
  const line = lineOf(wave.repeat(10));
  const laid = layLine([{ text: "> " }], line, 24);
  assert.deepEqual(laid.rows.map((row) => paint(row, false).split(wave).length - 1), [5, 5]);
  assert.equal(laid.cursorColumn, 10);
});
