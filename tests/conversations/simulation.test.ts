import assert from "node:assert/strict";
import { simulate } from "./simulation.ts";

/** A seed decides what people do and what goes wrong; how it interleaves is the machine's. */
const isFull = Deno.env.get("QPQ_TEST_LEVEL") === "full";
const SEEDS = isFull ? Array.from({ length: 40 }, (_, index) => index + 1) : [6, 15];
const STEPS_COUNT = isFull ? 300 : 120;

for (const seed of SEEDS) {
  Deno.test(`nothing is lost, shown twice or sent under a used key: seed ${seed}`, async () => {
    const { texts, keys } = await simulate({ seed, stepsCount: STEPS_COUNT });
    assert.ok(texts > 10 && keys > 10, "people talked");
  });
}
