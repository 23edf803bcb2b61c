import { createHash } from "node:crypto";
import type { Random } from "@qpq/ports";

/** The same bytes for the same seed, for tests and vectors only: SHAKE256 of seed and a counter. */
export function seededRandom(seed: string): Random {
  let counter = 0;
  return {
    bytes(length) {
      const hash = createHash("shake256", { outputLength: Math.max(length, 1) });
      const output = hash.update(`${seed}/${counter++}`).digest();
      return new Uint8Array(output.subarray(0, length));
    },
  };
}

/** A whole number from 0 to `below` - 1. Slightly uneven: for choices of tests. */
export function chooseIndex(random: Random, below: number): number {
  return new DataView(random.bytes(4).buffer).getUint32(0) % below;
}
