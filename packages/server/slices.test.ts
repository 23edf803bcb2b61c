import assert from "node:assert/strict";
import type { Log } from "@qpq/ports";
import { sweepEach } from "./slices.ts";

function recorder(): { readonly log: Log; readonly lines: unknown[] } {
  const lines: unknown[] = [];
  const note = (event: string, fields?: unknown): void => void lines.push([event, fields]);
  return { log: { debug: note, info: note, warn: note, error: note }, lines };
}

Deno.test("sweepEach() goes on behind a slice that fails, and logs it", async () => {
  const { log, lines } = recorder();
  const swept: string[] = [];
  await sweepEach({
    first: () => Promise.reject(new Error("no")),
    second: async () => void swept.push("second"),
  }, { signal: new AbortController().signal, log });
  assert.deepEqual(swept, ["second"]);
  assert.deepEqual(lines, [["sweep-failed", { slice: "first", reason: "no" }]]);
});

Deno.test("sweepEach() ends when it is told to, which is no failure", async () => {
  const { log, lines } = recorder();
  const stop = new AbortController();
  await sweepEach({
    first: async () => {
      stop.abort();
      throw new Error("stopped");
    },
    second: async () => log.info("it goes on"),
  }, { signal: stop.signal, log });
  assert.deepEqual(lines, []);
  await sweepEach({ only: async () => log.info("it begins") }, { signal: stop.signal, log });
  assert.deepEqual(lines, []);
});
