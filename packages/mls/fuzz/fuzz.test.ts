import assert from "node:assert/strict";
import { MessengerError } from "@qpq/ports";
import { runtimeCryptoProvider } from "../crypto/runtime.ts";
import { HYBRID_CIPHER_SUITE } from "../crypto/suites.ts";
import { secretsIn } from "../test/attack.ts";
import { receive } from "../test/members.ts";
import { chooseIndex, seededRandom } from "../vectors/seeded-random.ts";
import { countingProvider, type WorkCounter } from "./counting-provider.ts";
import { mutate } from "./mutate.ts";
import { createCorpus, type Target } from "./targets.ts";

const MUTATIONS_COUNT = Deno.env.get("QPQ_TEST_LEVEL") === "full" ? 200_000 : 20_000;
/** Hashes, MACs, seals and signatures for one input: one ratchet to its forward limit is 3,000. */
const OPERATIONS_COUNT_MAX = 3_500;
const SEED = "fuzz 1";

for (const [suite, part] of [[0x0001, 0.75], [HYBRID_CIPHER_SUITE, 0.25]] as const) {
  Deno.test(`${MUTATIONS_COUNT * part} mutated inputs give typed errors in counted work (suite ${suite}, seed ${SEED})`, async () => {
    const counter: WorkCounter = { operations: 0 };
    const provider = countingProvider(runtimeCryptoProvider(), counter);
    const { targets, receiver, genuineMessage } = await createCorpus(provider, suite);
    const before = secretsIn(receiver).map((secret) => secret.toHex());
    const random = seededRandom(`${SEED}/${suite}`);
    const shares = targets.reduce((sum, { share }) => sum + share, 0);
    let count = 0;
    for (const target of targets) {
      await runGenuine(target);
      const others = targets[chooseIndex(random, targets.length)] as Target;
      const rounds = Math.ceil(MUTATIONS_COUNT * part * target.share / shares);
      for (let round = 0; round < rounds; round++) {
        const input = pick(random, target.inputs);
        const bytes = mutate(input, pick(random, others.inputs), random);
        counter.operations = 0;
        await runMutated(target, bytes);
        count++;
        assert.ok(
          counter.operations <= OPERATIONS_COUNT_MAX,
          `${target.name}: ${counter.operations} operations for ${bytes.toHex()}`,
        );
      }
    }
    assert.ok(count >= MUTATIONS_COUNT * part);
    // Nothing of it has left a trace: what is genuine still goes through.
    assert.deepEqual(secretsIn(receiver).map((secret) => secret.toHex()), before);
    await receive(receiver, genuineMessage, "commit-staged");
  });
}

function pick<T>(random: Parameters<typeof chooseIndex>[0], items: readonly T[]): T {
  return items[chooseIndex(random, items.length)] as T;
}

/** A target that refuses what is genuine would test nothing. Edits start from a seed: none is genuine. */
async function runGenuine(target: Target): Promise<void> {
  if (target.name.endsWith("edited")) return;
  for (const input of target.inputs) {
    try {
      await target.run(input);
    } catch (error) {
      const isExpected = GENUINE_REFUSALS.some(([name, code]) =>
        target.name.startsWith(name) && error instanceof MessengerError && error.code === code
      );
      if (!isExpected) assert.fail(`${target.name} refuses a genuine input: ${error}`);
    }
  }
}

/** Forged contents are whole, but no forger can confirm the next epoch or sign for what it made up. */
const GENUINE_REFUSALS = [
  ["Commit of a malicious member", "mls/wrong-confirmation-tag"],
  ["PrivateMessageContent", "mls/invalid-signature"],
  ["SenderData", "mls/invalid-signature"],
  ["GroupSecrets of", "mls/invalid-welcome"],
] as const;

async function runMutated(target: Target, bytes: Uint8Array): Promise<void> {
  try {
    await target.run(bytes);
  } catch (error) {
    if (error instanceof MessengerError && error.code !== "internal") return;
    const kind = error instanceof Error ? `${error.name}: ${error.message}\n${error.stack}` : error;
    assert.fail(`${target.name} threw ${kind} for ${bytes.toHex()}`);
  }
}
