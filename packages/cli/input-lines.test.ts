import assert from "node:assert/strict";
import { INPUT_LINE_LENGTH_MAX, inputLines, inputText } from "./input-lines.ts";
import { hasCode, reading } from "./test/talk-driver.ts";

async function linesOf(text: string, pieceBytes: number): Promise<readonly string[]> {
  const lines: string[] = [];
  for await (const line of inputLines(reading(text, pieceBytes))) lines.push(line);
  return lines;
}

Deno.test("inputLines() gives lines, whatever pieces they come in", async () => {
  for (const pieceBytes of [1, 2, 3, 1_000]) {
    assert.deepEqual(await linesOf("one\r\n\ntwo é👍\nlast", pieceBytes), [
      "one",
      "",
      "two é👍",
      "last",
    ]);
    assert.deepEqual(await linesOf("", pieceBytes), []);
    assert.deepEqual(await linesOf("one\n", pieceBytes), ["one"]);
  }
});

Deno.test("inputLines() refuses a line without an end, and what is no text", async () => {
  const long = "x".repeat(INPUT_LINE_LENGTH_MAX);
  assert.equal((await linesOf(`${long}\n`, 1_000)).length, 1);
  await assert.rejects(linesOf(`${long}x`, 1_000), hasCode("too-large"));
  const invalid = inputLines(() => Promise.resolve(Uint8Array.of(0xff, 0x0a)));
  await assert.rejects(invalid.next(), hasCode("malformed"));
});

Deno.test("inputText() gives all of it without the last line end", async () => {
  assert.equal(await inputText(reading("one\ntwo\n")), "one\ntwo");
  assert.equal(await inputText(reading("one\n\n")), "one\n");
  await assert.rejects(
    inputText(reading("x".repeat(INPUT_LINE_LENGTH_MAX + 1), 1_000)),
    hasCode("too-large"),
  );
});
