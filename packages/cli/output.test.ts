import assert from "node:assert/strict";
import { MessengerError } from "@qpq/ports";
import {
  AdvisedError,
  errorObject,
  errorText,
  printableLine,
  printDiagnostic,
  printJson,
  printLine,
  wrapWords,
} from "./output.ts";

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

Deno.test("errorText() says what to do where an error came up, otherwise what its code says", () => {
  const refused = new MessengerError("accounts/login-refused", "Cannot log in: wrong");
  assert.match(errorText(refused), /^Cannot log in: wrong\. If it was changed on another device: /);
  const advised = new AdvisedError(refused, ": check how both are written");
  assert.equal(errorText(advised), "Cannot log in: wrong: check how both are written");
  // Programs have the code, and the message alone.
  assert.deepEqual(errorObject(advised), errorObject(refused));
});

Deno.test("wrapWords() breaks a line between words, and keeps a longer word whole", () => {
  assert.equal(wrapWords("a line of words", 80), "a line of words");
  const wrapped = wrapWords("Make a new one, or log in to the one there is? (new/login) ", 20);
  assert.deepEqual(wrapped.split("\n").map((row) => row.trimEnd()), [
    "Make a new one, or",
    "log in to the one",
    "there is?",
    "(new/login)",
  ]);
  assert.equal(wrapped.replaceAll("\n", ""), wrapWords(wrapped.replaceAll("\n", ""), 80));
  assert.equal(
    wrapWords(" 1.8 s  message  alice to bob, on both disks", 32),
    " 1.8 s  message  alice to bob, \n                 on both disks",
  );
  assert.equal(wrapWords(`pin sha256:${"0".repeat(64)}`, 20), `pin \nsha256:${"0".repeat(64)}`);
});
