import assert from "node:assert/strict";
import { printableLine, printDiagnostic, printJson, printLine } from "./output.ts";

const HOSTILE = "\x1b]0;t\x07 \x1b[2J a\rb \u202eevil \x9b31m \u2066x \u2028 ali\u200bce";

function printed(stream: typeof Deno.stdout | typeof Deno.stderr, print: () => void): string {
  const writeSync = stream.writeSync;
  let text = "";
  stream.writeSync = (bytes) => {
    text += new TextDecoder().decode(bytes);
    return bytes.length;
  };
  try {
    print();
  } finally {
    stream.writeSync = writeSync;
  }
  return text;
}

Deno.test("nothing that is printed moves the cursor, reorders or hides", () => {
  for (
    const text of [
      printed(Deno.stdout, () => printLine(HOSTILE)),
      printed(Deno.stderr, () => printDiagnostic(HOSTILE)),
      printed(Deno.stdout, () => printJson({ name: HOSTILE })),
    ]
  ) {
    assert.match(text, /evil/);
    assert.match(text, /^[^\n]+\n$/);
    assert.doesNotMatch(text.slice(0, -1), /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
  }
});

Deno.test("printLine() keeps our own lines and tabs, printableLine() none of another's", () => {
  assert.equal(printed(Deno.stdout, () => printLine("a\tb\nc")), "a\tb\nc\n");
  assert.equal(printableLine("refused\nqpq: all is well"), "refused\u23ceqpq: all is well");
});
