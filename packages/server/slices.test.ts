import assert from "node:assert/strict";
import { createManualClock, createSeededRandom, openMemoryStore } from "@qpq/adapters";
import { type Log, openSlices, silentLog } from "@qpq/ports";
import { loadConfig } from "./config.ts";
import { type Quotas, quotasOf } from "./quotas.ts";
import { openServedSlices, SLICE_SCHEMAS, sweepEach } from "./slices.ts";

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

Deno.test("openServedSlices() hands every quota to the slice that it limits", async () => {
  const input = { flags: {}, environment: () => undefined, workingFolder: "/" };
  const quotas = quotasOf(loadConfig(input).config);
  const taken = new Set<string>();
  const watched = Object.fromEntries(
    Object.entries(quotas).map(([slice, limits]) => [
      slice,
      new Proxy(limits, {
        get: (target, key) => {
          taken.add(`${slice}.${String(key)}`);
          return Reflect.get(target, key);
        },
      }),
    ]),
  ) as unknown as Quotas;
  await using store = openMemoryStore();
  await openSlices(store, SLICE_SCHEMAS);
  await openServedSlices({
    ...{ store, clock: createManualClock(), random: createSeededRandom(1), log: silentLog },
    ...{ incarnation: new Uint8Array(16), serverName: "example.org", registration: "open" },
    quotas: watched,
    isDraining: () => false,
  });
  const every = Object.entries(quotas).flatMap(([slice, limits]) =>
    Object.keys(limits).map((key) => `${slice}.${key}`)
  );
  assert.deepEqual([...taken].toSorted(), every.toSorted());
});
