import assert from "node:assert/strict";
import { CLIENT_VARIABLES, SERVER_VARIABLES, variableWarnings } from "./variables.ts";

Deno.test("variableWarnings() says which variable was meant by one that nobody reads", () => {
  for (
    const [given, meant] of [
      ["QPQ_PASWORD", "QPQ_PASSWORD"],
      ["QPQ_PASSWROD", "QPQ_PASSWORD"],
      ["QPQ_USER", "QPQ_USERNAME"],
      ["QPQ_TOKEN", "QPQ_AUTH_TOKEN"],
      ["QPQ_STATEDIR", "QPQ_STATE_DIR"],
      ["QPQ_PASSWORD_FILE", "QPQ_PASSWORD"],
      ["QPQ_server", "QPQ_SERVER"],
      ["QPQ_AUTH_TOKENS", "QPQ_AUTH_TOKEN"],
      ["QPQ_LSITEN", "QPQ_LISTEN"],
    ] as const
  ) {
    assert.deepEqual(variableWarnings("qpq", `QPQ_SERVER\n${given}\n`), [
      `qpq: warning: nothing reads ${given}: is ${meant} meant?`,
    ]);
  }
});

Deno.test("variableWarnings() says nothing of those that a program reads, nor of somebody else's", () => {
  const others = ["QPQ_TEST_LEVEL", "QPQ_SIMULATION_SEEDS", "QPQ_WORKING_FOLDER", "QPQ_DB", "QPQ_"];
  for (const names of [CLIENT_VARIABLES, SERVER_VARIABLES, others, [], ["\x1b]0;QPQ_PASWORD"]]) {
    assert.deepEqual(variableWarnings("qpq", names.join("\n")), []);
  }
  assert.deepEqual(variableWarnings("qpq", undefined), []);
  assert.deepEqual(variableWarnings("qpq", `QPQ_PASSWORD${"X".repeat(100_000)}`), []);
});
