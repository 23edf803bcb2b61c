import assert from "node:assert/strict";
import { escapePath, flagLines, UnspeakableError } from "./sandbox.ts";

Deno.test("flagLines() gives a line a flag, and refuses what would make two of one", () => {
  assert.equal(
    flagLines(["--allow-read=/a b,,c", "--unstable-net"]),
    "--allow-read=/a b,,c\n--unstable-net",
  );
  for (const text of ["/y\n--allow-run", "/y\r", "/\u0000", "/\u0085"]) {
    assert.throws(() => flagLines([`--allow-read=${text}`]), UnspeakableError);
  }
  assert.throws(() => flagLines(["/evil.ts"]), UnspeakableError);
});

Deno.test("escapePath() doubles commas", () => {
  assert.equal(escapePath("/a,b,,c"), "/a,,b,,,,c");
});
