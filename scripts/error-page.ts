/** `npm run error-page`: writes the table of docs/errors.md from packages/ports/errors.ts. */
import { fileURLToPath } from "node:url";
import { ERROR_CODES, type ErrorCodeRow } from "../packages/ports/errors.ts";

const INTRODUCTION = `# Errors

Every refusal carries a code from this table, the same in the library, on the wire and in \`--json\`. Codes are stable:
programs switch on them, texts are for people and may change. The table is \`packages/ports/errors.ts\`; a test compares.

- **retry**: \`never\`: the same again is refused again; \`later\`: after \`retryAfterMs\`, or a back-off;
  \`reconnect\`: on a fresh connection.
- **exit**: what \`qpq\` ends with.

| code | retry | exit | meaning |
|---|---|---|---|
`;
const rows = Object.entries<ErrorCodeRow>(ERROR_CODES).map(([code, row]) =>
  `| \`${code}\` | ${row.retry} | ${row.exitCode} | ${row.meaning} |\n`
);
const page = fileURLToPath(new URL("../docs/errors.md", import.meta.url));
await Deno.writeTextFile(page, INTRODUCTION + rows.join(""));
