import assert from "node:assert/strict";
import { systemClock } from "./clock.ts";
import { createManualClock } from "./clock-manual.ts";
import { createSeededRandom, systemRandom } from "./random.ts";

Deno.test("systemClock calls what is scheduled, and not what is cancelled", async () => {
  const called: string[] = [];
  systemClock.schedule(5, () => void called.push("cancelled")).cancel();
  // Above the runtime's largest delay: must not fire at once.
  const far = systemClock.schedule(2 ** 40, () => void called.push("far"));
  await new Promise<void>((resolve) => {
    systemClock.schedule(10, () => {
      called.push("called");
      resolve();
    });
  });
  far.cancel();
  assert.deepEqual(called, ["called"]);
  const before = systemClock.monotonic();
  assert.ok(systemClock.monotonic() >= before);
});

Deno.test("createManualClock() moves only when told, and calls timers in order", async () => {
  const clock = createManualClock(1_000);
  const called: string[] = [];
  const note = (name: string) => () => void called.push(`${name}@${clock.now()}`);
  clock.schedule(20, note("b"));
  clock.schedule(10, () => {
    note("a")();
    clock.schedule(5, note("a2"));
  });
  clock.schedule(20, note("c"));
  clock.schedule(15, note("cancelled")).cancel();
  await clock.settle();
  assert.deepEqual(called, []);
  await clock.advance(19);
  assert.deepEqual(called, ["a@1010", "a2@1015"]);
  await clock.advance(1);
  assert.deepEqual(called.slice(2), ["b@1020", "c@1020"]);
  assert.equal(clock.monotonic(), 20);
  assert.equal(clock.pending, 0);
});

Deno.test("createSeededRandom() repeats itself for a seed, and differs for another", () => {
  const [one, again, other] = [1, 1, 2].map((seed) => createSeededRandom(seed).bytes(64));
  assert.deepEqual(one, again);
  assert.notDeepEqual(one, other);
  const counts = new Array<number>(256).fill(0);
  const bytes = createSeededRandom(3).bytes(65_536);
  for (const byte of bytes) counts[byte] = (counts[byte] as number) + 1;
  // 256 expected of each, with a standard deviation of 16.
  assert.ok(Math.min(...counts) > 160 && Math.max(...counts) < 352);
});

Deno.test("systemRandom gives as many bytes as it is asked for, up to 64 KiB", () => {
  for (const length of [0, 1, 65_536]) assert.equal(systemRandom.bytes(length).length, length);
  assert.notDeepEqual(systemRandom.bytes(32), systemRandom.bytes(32));
  for (const length of [-1, 1.5, 65_537]) assert.throws(() => systemRandom.bytes(length));
});
