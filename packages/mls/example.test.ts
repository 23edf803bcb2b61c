import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { aliceGreetsBob } from "./example.ts";
import { NOW_MS, random } from "./test/members.ts";

Deno.test("the example of README.md is example.ts, and it runs", async () => {
  const folder = fileURLToPath(new URL(".", import.meta.url));
  const readme = readFileSync(join(folder, "README.md"), "utf8");
  const [, shown] = /```ts\n(.*?)```/s.exec(readme) ?? [];
  assert.equal(shown, readFileSync(join(folder, "example.ts"), "utf8"));
  assert.equal(await aliceGreetsBob(random, NOW_MS), "hello");
});
