import type { Random } from "@qpq/ports";
import { chooseIndex } from "../vectors/seeded-random.ts";

/** Bytes that lengths, tags and optionals turn on. */
const INTERESTING_BYTES = [0x00, 0x01, 0x02, 0x3f, 0x40, 0x7f, 0x80, 0xbf, 0xc0, 0xff];
const INSERTED_BYTES_MAX = 16;

/**
 * A changed copy of `input`: one to three changes, each of a kind that breaks decoders.
 * @param other another input of the corpus, to splice from
 */
export function mutate(input: Uint8Array, other: Uint8Array, random: Random): Uint8Array {
  let mutated = input;
  const changeCount = 1 + chooseIndex(random, 3);
  for (let change = 0; change < changeCount; change++) {
    const index = chooseIndex(random, MUTATIONS.length);
    mutated = (MUTATIONS[index] as Mutation)(mutated, random, other);
  }
  return mutated;
}

type Mutation = (input: Uint8Array, random: Random, other: Uint8Array) => Uint8Array;

const MUTATIONS: readonly Mutation[] = [
  function flipBit(input, random) {
    return withByte(input, place(input, random), (byte) => byte ^ (1 << chooseIndex(random, 8)));
  },
  function setInteresting(input, random) {
    const index = chooseIndex(random, INTERESTING_BYTES.length);
    return withByte(input, place(input, random), () => INTERESTING_BYTES[index] as number);
  },
  /** Near the start, where types, versions and the outer lengths are. */
  function setEarly(input, random) {
    const byte = random.bytes(1)[0] as number;
    return withByte(input, chooseIndex(random, Math.min(16, input.length + 1)), () => byte);
  },
  function truncate(input, random) {
    return input.slice(0, place(input, random));
  },
  function append(input, random) {
    return join([input, random.bytes(1 + chooseIndex(random, INSERTED_BYTES_MAX))]);
  },
  function insert(input, random) {
    const at = place(input, random);
    const inserted = random.bytes(1 + chooseIndex(random, INSERTED_BYTES_MAX));
    return join([input.subarray(0, at), inserted, input.subarray(at)]);
  },
  function remove(input, random) {
    const at = place(input, random);
    return join([input.subarray(0, at), input.subarray(at + 1 + chooseIndex(random, 8))]);
  },
  function repeat(input, random) {
    const at = place(input, random);
    const piece = input.subarray(at, at + 1 + chooseIndex(random, 64));
    return join([input.subarray(0, at), piece, input.subarray(at)]);
  },
  function splice(input, random, other) {
    return join([input.subarray(0, place(input, random)), other.subarray(place(other, random))]);
  },
  function zeroRange(input, random) {
    const at = place(input, random);
    const copy = input.slice();
    copy.fill(0, at, at + 1 + chooseIndex(random, 40));
    return copy;
  },
];

function place(input: Uint8Array, random: Random): number {
  return input.length === 0 ? 0 : chooseIndex(random, input.length);
}

function withByte(
  input: Uint8Array,
  at: number,
  change: (byte: number) => number,
): Uint8Array {
  const copy = input.slice();
  if (at < copy.length) copy[at] = change(copy[at] as number);
  return copy;
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}
