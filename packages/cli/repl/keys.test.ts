import assert from "node:assert/strict";
import { type Key, KeyReader, PASTE_LENGTH_MAX } from "./keys.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const named = (name: string) => ({ kind: "named", name });
const text = (value: string) => ({ kind: "text", text: value });

/** Reads in pieces of `size` bytes, and joins text that came apart. */
function read(input: string, size = Infinity): readonly Key[] {
  const reader = new KeyReader();
  const all = bytes(input);
  const keys: Key[] = [];
  for (let at = 0; at < all.length; at += size) keys.push(...reader.push(all.slice(at, at + size)));
  return keys.reduce<Key[]>((joined, key) => {
    const last = joined.at(-1);
    return last?.kind === "text" && key.kind === "text"
      ? [...joined.slice(0, -1), { kind: "text", text: last.text + key.text }]
      : [...joined, key];
  }, []);
}

Deno.test("KeyReader reads text, control keys and sequences, in pieces of any size", () => {
  const input = "aé👍\x1b[A\x1bOB\x1b[1;5C\x1bb\x7f\r\t\x03\x04\x1b[3~z";
  const expected = [
    text("aé👍"),
    ...["up", "down", "word-right", "word-left", "backspace", "enter", "tab", "interrupt"]
      .map(named),
    ...["end-of-input", "delete"].map(named),
    text("z"),
  ];
  for (const size of [1, 2, 3, 5, 100]) assert.deepEqual(read(input, size), expected);
});

Deno.test("KeyReader drops sequences that it doesn't know, and keeps what follows a lone escape", () => {
  assert.deepEqual(read("\x1b[99;1Qx"), [text("x")]);
  assert.deepEqual(read("\x1bx"), [text("x")]);
  assert.deepEqual(read("\x00\x1dx"), [text("x")]);
  assert.deepEqual(read(`\x1b[${"1".repeat(40)}`).at(-1)?.kind, "text");
});

Deno.test("KeyReader takes Alt-Enter for a line end in the text", () => {
  const reader = new KeyReader();
  assert.deepEqual(reader.push(new TextEncoder().encode("a\x1b\rb\r")), [
    { kind: "text", text: "a" },
    { kind: "text", text: "\n" },
    { kind: "text", text: "b" },
    { kind: "named", name: "enter" },
  ]);
});

Deno.test("KeyReader takes a paste as one text, with its line ends and no control characters", () => {
  const pasted = "one\r\ntwo\x1b[31m\x07\tthree";
  for (const size of [1, 4, 7, 100]) {
    assert.deepEqual(read(`\x1b[200~${pasted}\x1b[201~\r`, size), [
      text("one\ntwo[31m    three"),
      named("enter"),
    ]);
  }
});

Deno.test("KeyReader keeps a bounded part of a paste", () => {
  const [key] = read(`\x1b[200~${"x".repeat(PASTE_LENGTH_MAX + 10)}\x1b[201~`, 1_000);
  assert.ok(key?.kind === "text" && key.text.length === PASTE_LENGTH_MAX);
});
