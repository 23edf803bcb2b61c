import { MessengerError } from "@qpq/ports";
import assert from "node:assert/strict";
import fc from "fast-check";
import { OBJECT_WORDS, openFrame, type Reader, WORDS_VISITED_FACTOR } from "./mod.ts";
import { type Construct, forEachConstruct } from "./test/constructs.ts";
import { memoryMeter } from "./test/memory.ts";

const MUTATIONS = Deno.env.get("QPQ_TEST_LEVEL") === "full" ? 200_000 : 20_000;
const DECODES = 10_000;
const TYPES = 7;
const TEMPLATES = 40;
const HEAP_GROWTH_BYTES_MAX = 1024 * 1024;

const seed = Date.now() % 2 ** 31;

await forEachConstruct((construct) => {
  const { name, read } = construct;
  Deno.test(`decode${name}() refuses mutated frames by a code, or reads them within bounds [seed ${seed}]`, () => {
    const { frames, random } = framesOf(construct);
    let refused = 0;
    for (let round = 0; round < MUTATIONS / TYPES; round++) {
      const frame = mutated(frames[random(frames.length)] as Uint8Array, random);
      if (!decodesWithinBounds(frame, read)) refused++;
    }
    // A mutation that no check saw, or that every check refused, would test nothing.
    assert.ok(refused > 0 && refused < MUTATIONS / TYPES, `${refused} refused`);
  });
});

Deno.test(`decode keeps nothing of ${DECODES} mutated frames [seed ${seed}]`, async () => {
  const bytesInUse = memoryMeter();
  let largest = 0;
  let growth = 0;
  await forEachConstruct((construct) => {
    const { frames, random } = framesOf(construct);
    const decodeSome = (count: number) => {
      for (let round = 0; round < count; round++) {
        const frame = mutated(frames[random(frames.length)] as Uint8Array, random);
        largest = Math.max(largest, frame.length);
        decodesWithinBounds(frame, construct.read);
      }
    };
    // The first rounds also pay for compiled code.
    decodeSome(500);
    const before = bytesInUse();
    decodeSome(DECODES / TYPES);
    growth += bytesInUse() - before;
  });
  assert.ok(
    growth <= 4 * largest + HEAP_GROWTH_BYTES_MAX,
    `${growth} bytes kept; the largest frame had ${largest}`,
  );
});

/** @returns whether it was read; any error but a coded refusal, and more words than allowed, throw */
function decodesWithinBounds(
  frame: Uint8Array,
  read: (reader: Reader, depth: number) => unknown,
): boolean {
  let reader: Reader | undefined;
  try {
    reader = openFrame(frame);
    read(reader, 1);
    return true;
  } catch (error) {
    assert.ok(error instanceof MessengerError, String(error));
    assert.ok(error.code === "malformed" || error.code === "too-large", error.code);
    return false;
  } finally {
    const words = Math.max(0, frame.length - 8) / 8;
    const { wordsVisited = 0, objectsMade = 0 } = reader ?? {};
    const taken = wordsVisited + objectsMade * OBJECT_WORDS;
    assert.ok(taken <= words * WORDS_VISITED_FACTOR, "too many words");
  }
}

function framesOf<Value>({ values, encode }: Construct<Value>) {
  const frames = fc.sample(values, { seed, numRuns: TEMPLATES }).map(encode);
  return { frames, random: randomOf(seed) };
}

/** Some bits, bytes, pointers or lengths changed; mostly behind the frame's header, which few mutations survive. */
function mutated(template: Uint8Array, random: (below: number) => number): Uint8Array {
  const frame = template.slice();
  const view = new DataView(frame.buffer);
  const words = frame.length / 8;
  for (let changes = 1 + random(4); changes > 0; changes--) {
    const word = random(20) === 0 ? 0 : 1 + random(words - 1);
    switch (random(6)) {
      case 0: {
        const at = word * 8 + random(8);
        frame[at] = (frame[at] as number) ^ (1 << random(8));
        break;
      }
      case 1:
        frame[word * 8 + random(8)] = random(256);
        break;
      case 2:
        // A small pointer of any kind, forward or back.
        view.setInt32(word * 8, ((random(2 * words) - words) << 2) | random(4), true);
        break;
      case 3:
        view.setUint32(word * 8 + 4, (random(64) << 3) | random(8), true);
        break;
      case 4:
        view.setUint32(word * 8 + 4 * random(2), EXTREMES[random(EXTREMES.length)] as number, true);
        break;
      default:
        view.setBigUint64(word * 8, view.getBigUint64(random(words) * 8, true), true);
    }
  }
  return random(50) === 0 ? frame.subarray(0, random(frame.length)) : frame;
}

const EXTREMES = [0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 0xfffffffc, 0xfffffff9, 0x0000ffff];

/** A small generator of our own: the same seed gives the same frames anywhere (xorshift, 32 bits). */
function randomOf(seed: number): (below: number) => number {
  let state = seed | 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}
