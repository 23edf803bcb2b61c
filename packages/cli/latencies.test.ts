import assert from "node:assert/strict";
import { Latencies } from "./latencies.ts";

Deno.test("Latencies.summary() gives the least, the mean and the 99th percentile by nearest rank", () => {
  const latencies = new Latencies();
  assert.equal(latencies.summary(), undefined);
  for (let value = 200; value >= 1; value--) latencies.add(value);
  assert.deepEqual(latencies.summary(), { minMs: 1, avgMs: 100.5, p99Ms: 198 });
});

Deno.test("Latencies forgets the oldest samples of the percentile, and keeps the count", () => {
  const latencies = new Latencies();
  latencies.add(1e9);
  for (let index = 0; index < 10_000; index++) latencies.add(2);
  assert.equal(latencies.count, 10_001);
  assert.equal(latencies.summary()?.p99Ms, 2);
});
