import assert from "node:assert/strict";
import { simulate } from "./simulation.ts";

/**
 * A seed decides what people do and what goes wrong, and time is the simulation's own: the machine's speed
 * decides nothing. `QPQ_SIMULATION_SEEDS=20-60 npm test -- tests/conversations/simulation.test.ts` runs others.
 */
const [first, last] = (Deno.env.get("QPQ_SIMULATION_SEEDS") ?? "").split("-").map(Number);
const isFull = Deno.env.get("QPQ_TEST_LEVEL") === "full";
const STEPS_COUNT = 200;

if (first !== undefined && last !== undefined) run(first, last, STEPS_COUNT);
else if (isFull) run(1, 8, STEPS_COUNT);
else run(6, 6, 60);

function run(from: number, to: number, stepsCount: number): void {
  for (let seed = from; seed <= to; seed++) {
    Deno.test(`nothing is lost, shown twice or sent under a used key: seed ${seed}`, async () => {
      const { texts, keys } = await simulate({ seed, stepsCount });
      assert.ok(texts > 10 && keys > 10, "people talked");
    });
  }
}
