import assert from "node:assert/strict";
import { QPQ, run, startServer, temporaryFolder } from "./processes.ts";

Deno.test("qpq demo-group tells its story in JSON, and leaves no account on somebody's server", async () => {
  await using state = await temporaryFolder();
  await using server = await startServer();
  const result = await run(QPQ, [
    "demo-group",
    ...["--server", server.address, "--pin", server.pin, "--json"],
  ], { env: { QPQ_STATE_DIR: state.path } });
  assert.equal(result.code, 0, result.stderr);
  const { steps } = JSON.parse(result.stdout) as { steps: { step: string }[] };
  assert.deepEqual([...new Set(steps.map(({ step }) => step))], [
    "accounts",
    "direct",
    "message",
    "keys",
    "group",
    "away",
    "removal",
    "end",
  ]);
  const left = [...Deno.readDirSync(state.path)].map(({ name }) => name);
  assert.deepEqual(left.filter((name) => name.startsWith("demo-")), []);
});

Deno.test("qpq demo-group says why there is no server that it could use", async () => {
  await using state = await temporaryFolder();
  const result = await run(QPQ, ["demo-group", "--server", "127.0.0.1:9", "--timeout", "2"], {
    env: { QPQ_STATE_DIR: state.path },
  });
  assert.equal(result.code, 3);
  assert.match(result.stderr, /Cannot reach 127\.0\.0\.1:9/);
});
