import assert from "node:assert/strict";
import { simulate } from "./simulation.ts";

/**
 * A seed decides what people do and what goes wrong; how it interleaves is the machine's, so one seed is many runs.
 * `QPQ_SIMULATION_SEEDS=20-60 npm test -- tests/conversations/simulation.test.ts` runs others, and longer ones.
 */
const [first, last] = (Deno.env.get("QPQ_SIMULATION_SEEDS") ?? "").split("-").map(Number);
const isChosen = first !== undefined && last !== undefined;
const SEEDS = isChosen
  ? Array.from({ length: last - first + 1 }, (_, index) => first + index)
  : [6];
const STEPS_COUNT = isChosen ? 200 : 60;

for (const seed of SEEDS) {
  Deno.test(`nothing is lost, shown twice or sent under a used key: seed ${seed}`, async () => {
    const { texts, keys } = await simulate({ seed, stepsCount: STEPS_COUNT });
    assert.ok(texts > 10 && keys > 10, "people talked");
  });
}
