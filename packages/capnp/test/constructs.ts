/** Each type of `constructs.capnp`: its name, its codec, its values. */
import type fc from "fast-check";
import { openFrame, type Reader } from "../mod.ts";
import * as generated from "./constructs.gen.ts";
import { blobs, lists, nesteds, numbers, points, shapes, trees } from "./values.ts";

export interface Construct<Value> {
  readonly name: string;
  readonly encode: (value: Value) => Uint8Array;
  readonly decode: (frame: Uint8Array) => Value;
  readonly read: (reader: Reader, depth: number) => Value;
  readonly values: fc.Arbitrary<Value>;
}

/** Calls `visit` with each, its own type kept. */
export async function forEachConstruct(
  visit: <Value>(construct: Construct<Value>) => void | Promise<void>,
): Promise<void> {
  const { encodeNumbers, encodeBlobs, encodeLists, encodePoint } = generated;
  const { encodeShape, encodeNested, encodeTree } = generated;
  const { readNumbers, readBlobs, readLists, readPoint } = generated;
  const { readShape, readNested, readTree } = generated;
  await visit(construct("Numbers", encodeNumbers, readNumbers, numbers));
  await visit(construct("Blobs", encodeBlobs, readBlobs, blobs));
  await visit(construct("Lists", encodeLists, readLists, lists));
  await visit(construct("Point", encodePoint, readPoint, points));
  await visit(construct("Shape", encodeShape, readShape, shapes));
  await visit(construct("Nested", encodeNested, readNested, nesteds));
  await visit(construct("Tree", encodeTree, readTree, trees));
}

function construct<Value>(
  name: string,
  encode: (value: Value) => Uint8Array,
  read: (reader: Reader, depth: number) => Value,
  values: fc.Arbitrary<Value>,
): Construct<Value> {
  return { name, encode, decode: (frame) => read(openFrame(frame), 1), read, values };
}
