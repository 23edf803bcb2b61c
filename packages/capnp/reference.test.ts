import assert from "node:assert/strict";
import fc from "fast-check";
import { type Construct, forEachConstruct } from "./test/constructs.ts";
import { convert, splitFrames, testWithTool } from "./test/reference-tool.ts";

const SAMPLES = 100;
const seed = Date.now() % 2 ** 31;

await forEachConstruct((construct) => {
  const { name } = construct;
  testWithTool(
    `encode${name}() is read by the C++ tool as the same values [seed ${seed}]`,
    () => readByTool(construct),
  );
  testWithTool(
    `decode${name}() reads what the C++ tool wrote [seed ${seed}]`,
    () => writtenByTool(construct),
  );
  testWithTool(
    `decode${name}() reads what the C++ tool read and wrote as text [seed ${seed}]`,
    () => throughText(construct),
  );
});

async function readByTool<Value>({ name, encode, values }: Construct<Value>): Promise<void> {
  const samples = fc.sample(values, { seed, numRuns: SAMPLES });
  const json = await convert("binary:json", name, joined(samples.map(encode)));
  const read = new TextDecoder().decode(json).split("\n").filter((line) => line !== "");
  assert.deepEqual(
    read.map((line) => present(JSON.parse(line))),
    samples.map((value) => present(jsonOf(value))),
  );
}

async function writtenByTool<Value>({ name, decode, values }: Construct<Value>): Promise<void> {
  const samples = fc.sample(values, { seed: seed + 1, numRuns: SAMPLES }).map(plain);
  const json = samples.map((value) => JSON.stringify(jsonOf(value))).join("\n");
  const frames = splitFrames(await convert("json:binary", name, json));
  assert.deepEqual(frames.map((frame) => decode(frame)), samples);
}

async function throughText<Value>(construct: Construct<Value>): Promise<void> {
  const { name, encode, decode, values } = construct;
  const samples = fc.sample(values, { seed: seed + 2, numRuns: SAMPLES }).map(plain);
  const text = await convert("binary:text", name, joined(samples.map(encode)));
  const frames = splitFrames(await convert("text:binary", name, text));
  assert.deepEqual(frames.map((frame) => decode(frame)), samples);
}

/**
 * Values that the tool can read back: it ends a message of a stream where its brackets match, those
 * inside of texts counted, misreads escapes like \u000f in JSON, and rounds Float32 to 7 digits in text. What it reads of ours has no
 * such bounds.
 */
function plain<Value>(value: Value): Value {
  return mapped(value) as Value;
}

function mapped(value: unknown, key = ""): unknown {
  if (typeof value === "string") return value.replaceAll(/[^ 0-9A-Za-z\u0080-\uffff]/g, "_");
  if (typeof value === "number" && key.startsWith("float32")) return Math.trunc(value % 1000) + 0;
  if (Array.isArray(value)) return value.map((item) => mapped(item, key));
  if (value instanceof Uint8Array) return value.map((byte) => byte < 0x80 ? byte & 0x1f : byte);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, mapped(item, key)]));
}

function joined(frames: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(frames.flatMap((frame) => [...frame]));
}

/** A value as the C++ tool's JSON says it: 64-bit integers as texts, bytes as numbers, a union's member by its name. */
function jsonOf(value: unknown): unknown {
  if (typeof value === "bigint") return String(value);
  if (value === undefined) return null;
  if (value instanceof Uint8Array) return [...value];
  if (Array.isArray(value)) return value.map(jsonOf);
  if (typeof value !== "object" || value === null) return value;
  const { kind, ...rest } = value as Readonly<Record<string, unknown>>;
  const entries = Object.entries(rest).filter(([, item]) => item !== undefined)
    .map(([key, item]) => [key, jsonOf(item)] as const);
  const json = Object.fromEntries(entries);
  return typeof kind === "string" && !(kind in json) ? { ...json, [kind]: null } : json;
}

/** Without what says nothing: the tool prints void fields and 64-bit numbers its own way, and no null pointer. */
function present(json: unknown): unknown {
  if (Array.isArray(json)) return json.map(present);
  if (typeof json !== "object" || json === null) return json;
  const entries = Object.entries(json).flatMap(([key, value]) => {
    const isNothing = key === "nothing" || value === "" ||
      (Array.isArray(value) && value.length === 0);
    // `$safeInteger` is a 64-bit integer to the tool.
    const isSafe = key === "sequence" || key === "offset" || key === "sequences";
    return isNothing ? [] : [[key, isSafe ? texts(value) : present(value)] as const];
  });
  return Object.fromEntries(entries);
}

function texts(value: unknown): unknown {
  return Array.isArray(value) ? value.map(String) : String(value);
}
