import assert from "node:assert/strict";
import { join } from "node:path";
import { ROOT } from "../e2e/processes.ts";

/** A link to a test file, and the names in italics behind it. */
const REFERENCE = /\]\(\.\.\/([^)]+\.test\.ts)\): ((?:\*[^*]+\*(?:, )?)+)/g;

for (const [page, least] of [["threat-model", 60], ["channels", 30]] as const) {
  Deno.test(`docs/${page}.md names tests that are there`, async () => {
    const text = await Deno.readTextFile(join(ROOT, `docs/${page}.md`));
    const missing: string[] = [];
    let count = 0;
    for (const [, path = "", names = ""] of text.matchAll(REFERENCE)) {
      const source = await Deno.readTextFile(join(ROOT, path));
      for (const [, name = ""] of names.matchAll(/\*([^*]+)\*/g)) {
        count += 1;
        if (!source.includes(name)) missing.push(`${path}: ${name}`);
      }
    }
    assert.deepEqual(missing, []);
    assert.ok(count > least, `only ${count} references were understood`);
  });
}

Deno.test("docs/channels.md names limits that are there", async () => {
  const text = await Deno.readTextFile(join(ROOT, "docs/channels.md"));
  const sources = ["channels/limits.ts", "groups/admission.ts"];
  const source = (await Promise.all(
    sources.map((file) => Deno.readTextFile(join(ROOT, "packages/features", file))),
  )).join();
  const table = text.slice(text.indexOf("| what | default | name |"));
  const names = [...table.matchAll(/^\|[^|]*\|[^|]*\|([^|]*)\|$/gm)]
    .flatMap(([, cell = ""]) => [...cell.matchAll(/`(\w+)`/g)].map(([, name]) => name as string));
  assert.ok(names.length > 15, "the table was understood");
  assert.deepEqual(names.filter((name) => !source.includes(name)), []);
});
