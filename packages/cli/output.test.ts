// deno-lint-ignore-file no-control-regex -- control characters are what it is about
import assert from "node:assert/strict";
import { printable, printableLine } from "./output.ts";

Deno.test("printable() lets no control sequence, and nothing that reorders text, to the terminal", () => {
  for (const hostile of ["\x1b]0;t\x07", "\x1b[2J", "a\rb", "\u202eevil", "\x9b31m", "\u2066x"]) {
    assert.doesNotMatch(
      printable(hostile),
      /[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/,
    );
  }
});

Deno.test("printable() keeps line ends, tabs, and what joins emoji and scripts", () => {
  const text = "a\tb\n👩‍👩‍👧 می‌خواهم";
  assert.equal(printable(text), text);
});

Deno.test("printableLine() keeps another's text on its line", () => {
  assert.equal(printableLine("refused\nqpq: all is well"), "refused qpq: all is well");
});
