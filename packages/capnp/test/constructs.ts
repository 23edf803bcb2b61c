/** Each type of `constructs.capnp`: its name, its codec, its values. */
import type fc from "fast-check";
import type { DecodeLimits } from "../mod.ts";
import * as generated from "./constructs.gen.ts";
import { blobs, lists, nesteds, numbers, points, shapes, trees } from "./values.ts";

export interface Construct<Value> {
  readonly name: string;
  readonly encode: (value: Value) => Uint8Array;
  readonly decode: (frame: Uint8Array, limits?: DecodeLimits) => Value;
  readonly values: fc.Arbitrary<Value>;
}

/** Calls `visit` with each, its own type kept. */
export async function forEachConstruct(
  visit: <Value>(construct: Construct<Value>) => void | Promise<void>,
): Promise<void> {
  const { encodeNumbers, encodeBlobs, encodeLists, encodePoint } = generated;
  const { decodeNumbers, decodeBlobs, decodeLists, decodePoint } = generated;
  const { encodeShape, encodeNested, encodeTree } = generated;
  const { decodeShape, decodeNested, decodeTree } = generated;
  await visit({ name: "Numbers", encode: encodeNumbers, decode: decodeNumbers, values: numbers });
  await visit({ name: "Blobs", encode: encodeBlobs, decode: decodeBlobs, values: blobs });
  await visit({ name: "Lists", encode: encodeLists, decode: decodeLists, values: lists });
  await visit({ name: "Point", encode: encodePoint, decode: decodePoint, values: points });
  await visit({ name: "Shape", encode: encodeShape, decode: decodeShape, values: shapes });
  await visit({ name: "Nested", encode: encodeNested, decode: decodeNested, values: nesteds });
  await visit({ name: "Tree", encode: encodeTree, decode: decodeTree, values: trees });
}
