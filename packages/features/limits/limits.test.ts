import assert from "node:assert/strict";
import { createManualClock } from "@qpq/adapters";
import { BackOff } from "./back-off.ts";
import { TokenBuckets } from "./token-buckets.ts";

Deno.test("TokenBuckets.take() lets a burst through, then the rate, each key by itself", async () => {
  const clock = createManualClock();
  const buckets = new TokenBuckets({ clock, rate: { burst: 3, perMinute: 6 } });
  assert.deepEqual([1, 2, 3, 4].map(() => buckets.take("a")), [0, 0, 0, 10_000]);
  assert.equal(buckets.take("b"), 0);
  await clock.advance(9_999);
  assert.equal(buckets.take("a"), 1);
  await clock.advance(1);
  assert.equal(buckets.take("a"), 0);
  assert.equal(buckets.take("a"), 10_000);
});

Deno.test("TokenBuckets.giveBack() forgets a key whose bucket is full again", async () => {
  const clock = createManualClock();
  const buckets = new TokenBuckets({ clock, rate: { burst: 2, perMinute: 60 }, keysMax: 2 });
  buckets.take("a");
  buckets.take("a");
  for (const key of ["b", "c", "d"]) {
    buckets.take(key);
    buckets.giveBack(key);
  }
  assert.equal(buckets.size, 1);
  assert.ok(buckets.take("a") > 0, "harmless keys have not pushed it out");
});

Deno.test("TokenBuckets.take() takes a cost whole or not at all; giveBack() never overfills", async () => {
  const clock = createManualClock();
  const buckets = new TokenBuckets({ clock, rate: { burst: 5, perMinute: 60 } });
  assert.equal(buckets.take("a", 4), 0);
  assert.equal(buckets.take("a", 2), 1_000);
  assert.equal(buckets.take("a", 1), 0);
  buckets.giveBack("a", 5);
  buckets.giveBack("a", 5);
  assert.equal(buckets.take("a", 5), 0);
  assert.notEqual(buckets.take("a"), 0);
  await clock.advance(3_600_000);
  assert.equal(buckets.take("a", 5), 0);
  assert.notEqual(buckets.take("a"), 0);
});

Deno.test("TokenBuckets remembers at most keysMax keys and forgets the longest unused", () => {
  const clock = createManualClock();
  const buckets = new TokenBuckets({ clock, rate: { burst: 1, perMinute: 1 }, keysMax: 2 });
  buckets.take("a");
  buckets.take("b");
  assert.notEqual(buckets.take("a"), 0); // makes b the oldest
  buckets.take("c");
  assert.equal(buckets.size, 2);
  assert.notEqual(buckets.take("a"), 0);
  assert.equal(buckets.take("b"), 0);
});

const LIMITS = { freeAttempts: 2, firstWaitMs: 1_000, waitMaxMs: 4_000, forgetAfterMs: 60_000 };

Deno.test("BackOff.attempt() doubles the wait up to its limit, and an early try changes nothing", async () => {
  const clock = createManualClock();
  const backOff = new BackOff(clock, LIMITS);
  const waits: number[] = [];
  assert.equal(backOff.attempt("a"), 0);
  for (let attempt = 0; attempt < 5; attempt++) {
    assert.equal(backOff.attempt("a"), 0);
    const waitMs = backOff.attempt("a");
    assert.equal(backOff.attempt("a"), waitMs);
    await clock.advance(waitMs - 1);
    assert.equal(backOff.attempt("a"), 1);
    await clock.advance(1);
    waits.push(waitMs);
  }
  assert.deepEqual(waits, [1_000, 2_000, 4_000, 4_000, 4_000]);
  assert.equal(backOff.attempt("b"), 0);
});

Deno.test("BackOff forgets after success, after a long pause, and beyond keysMax", async () => {
  const clock = createManualClock();
  const backOff = new BackOff(clock, { ...LIMITS, freeAttempts: 1, keysMax: 2 });
  backOff.attempt("a");
  assert.notEqual(backOff.attempt("a"), 0);
  backOff.succeeded("a");
  assert.equal(backOff.attempt("a"), 0);
  await clock.advance(60_000);
  assert.equal(backOff.attempt("a"), 0);
  assert.equal(backOff.attempt("a"), 1_000);
  backOff.attempt("b");
  backOff.attempt("c");
  assert.equal(backOff.attempt("a"), 0);
});
