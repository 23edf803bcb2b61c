import assert from "node:assert/strict";
import { join } from "node:path";
import { ERROR_CODES, type ErrorCodeRow } from "@qpq/ports";
import { ROOT } from "../e2e/processes.ts";

Deno.test("docs/errors.md says of every code what the table of codes says", async () => {
  const page = await Deno.readTextFile(join(ROOT, "docs/errors.md"));
  const rows = page.split("\n").filter((line) => line.startsWith("| `"));
  const expected = Object.entries<ErrorCodeRow>(ERROR_CODES).map(([code, row]) =>
    `| \`${code}\` | ${row.retry} | ${row.exitCode} | ${row.meaning} |`
  );
  assert.deepEqual(rows.sort(), expected.sort());
});
