import assert from "node:assert/strict";
import { simulate } from "./simulation.ts";

/**
 * A seed decides what people do and what goes wrong; how it interleaves is the machine's.
 * QPQ_SIMULATION_SEEDS=20-60 runs others, for a long night.
 */
const isFull = Deno.env.get("QPQ_TEST_LEVEL") === "full";
const [first, last] = (Deno.env.get("QPQ_SIMULATION_SEEDS") ?? "").split("-").map(Number);
const CHOSEN = isFull ? [1, 6, 15, 33] : [6, 15];
const SEEDS = first === undefined || last === undefined
  ? CHOSEN
  : Array.from({ length: last - first + 1 }, (_, index) => first + index);
const STEPS_COUNT = isFull ? 200 : 120;

for (const seed of SEEDS) {
  Deno.test(`nothing is lost, shown twice or sent under a used key: seed ${seed}`, async () => {
    const { texts, keys } = await simulate({ seed, stepsCount: STEPS_COUNT });
    assert.ok(texts > 10 && keys > 10, "people talked");
  });
}
