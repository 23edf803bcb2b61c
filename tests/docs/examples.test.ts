/** The programs that docs/client-library.md shows are those that tests run. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { ROOT } from "../e2e/processes.ts";

Deno.test("docs/client-library.md shows each example, and no other program", async () => {
  const page = await Deno.readTextFile(join(ROOT, "docs/client-library.md"));
  const shown = [...page.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, text]) => text);
  const examples = [...Deno.readDirSync(join(ROOT, "examples"))].map(({ name }) =>
    Deno.readTextFileSync(join(ROOT, "examples", name))
  );
  assert.deepEqual(shown.toSorted(), examples.toSorted());
});

Deno.test("tests/e2e/examples.test.ts runs each example", async () => {
  const tests = await Deno.readTextFile(join(ROOT, "tests/e2e/examples.test.ts"));
  for (const { name } of Deno.readDirSync(join(ROOT, "examples"))) {
    assert.ok(tests.includes(`"examples/${name}"`), name);
  }
});
