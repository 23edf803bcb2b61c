import assert from "node:assert/strict";
import { EMPTY_LINE, erase, insert, LINE_LENGTH_MAX, lineOf, move } from "./line.ts";

Deno.test("move() and erase() go by characters as people see them", () => {
  const family = "👩‍👩‍👧";
  const line = lineOf(`a${family}e\u0301`);
  const left = move(line, "left");
  assert.equal(left.cursor, `a${family}`.length);
  assert.equal(move(left, "left").cursor, 1);
  assert.equal(move(move(left, "left"), "right").cursor, left.cursor);
  assert.deepEqual(erase(left, "left"), { text: "ae\u0301", cursor: 1 });
  assert.deepEqual(erase(line, "left"), lineOf(`a${family}`));
  assert.deepEqual(erase(EMPTY_LINE, "left"), EMPTY_LINE);
  assert.deepEqual(erase(line, "right"), line);
});

Deno.test("move() and erase() go by words", () => {
  const line = lineOf("one  two three ");
  const three = move(line, "word-left");
  assert.equal(three.cursor, "one  two ".length);
  assert.equal(move(move(three, "word-left"), "word-left").cursor, 0);
  assert.equal(move(move(line, "home"), "word-right").cursor, 3);
  assert.equal(move({ ...line, cursor: 3 }, "word-right").cursor, "one  two".length);
  assert.deepEqual(erase(line, "word-left"), lineOf("one  two "));
  assert.equal(erase(three, "home").text, "three ");
  assert.equal(erase(three, "end").text, "one  two ");
});

Deno.test("insert() puts text at the cursor, up to a limit", () => {
  assert.deepEqual(insert({ text: "ac", cursor: 1 }, "b"), { text: "abc", cursor: 2 });
  const full = insert(EMPTY_LINE, "x".repeat(LINE_LENGTH_MAX + 5));
  assert.equal(full.text.length, LINE_LENGTH_MAX);
  assert.deepEqual(insert(full, "y"), full);
});
