import { assert, type Random } from "@qpq/ports";

/** The most that the runtime gives at once, and `Random` promises. */
const RANDOM_BYTES_MAX = 65_536;

/** The operating system's randomness: for keys, nonces, ids, and everything else in production. */
export const systemRandom: Random = {
  bytes(length: number): Uint8Array<ArrayBuffer> {
    assert(Number.isInteger(length) && length >= 0 && length <= RANDOM_BYTES_MAX, "0 to 64 KiB");
    return crypto.getRandomValues(new Uint8Array(length));
  },
};

/**
 * The same bytes for the same seed: for simulations and tests that print their seed. Never for
 * secrets. The generator is xoshiro128** (Blackman and Vigna, "Scrambled Linear Pseudorandom Number
 * Generators", 2018), its state filled by SplitMix32.
 */
export function createSeededRandom(seed: number): Random {
  let filler = seed >>> 0;
  const fill = (): number => {
    filler = (filler + 0x9e3779b9) >>> 0;
    let mixed = filler ^ (filler >>> 16);
    mixed = Math.imul(mixed, 0x21f0aaad);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x735a2d97);
    return (mixed ^ (mixed >>> 15)) >>> 0;
  };
  let [a, b, c, d] = [fill(), fill(), fill(), fill()];
  const next = (): number => {
    const result = Math.imul(rotateLeft(Math.imul(b, 5), 7), 9) >>> 0;
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = rotateLeft(d, 11);
    return result;
  };
  return {
    bytes(length: number): Uint8Array<ArrayBuffer> {
      assert(Number.isInteger(length) && length >= 0 && length <= RANDOM_BYTES_MAX, "0 to 64 KiB");
      const bytes = new Uint8Array(length);
      for (let index = 0; index < length; index += 4) {
        const word = next();
        for (let place = 0; place < 4 && index + place < length; place++) {
          bytes[index + place] = word >>> (8 * place);
        }
      }
      return bytes;
    },
  };
}

function rotateLeft(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}
