import { MessengerError } from "@qpq/ports";
import assert from "node:assert/strict";
import {
  decodeNewer,
  decodeOlder,
  encodeNewer,
  encodeOlder,
  type Newer,
  type Older,
} from "./test/evolution.gen.ts";
import { frameOf, listPointer, structPointer } from "./test/frames.ts";
import { convert, testWithTool } from "./test/reference-tool.ts";

const EVOLUTION = "test/evolution.capnp";

const older: Older = {
  id: 7,
  name: "seven",
  tags: [1, 2, 3],
  names: ["a", "", "ccc"],
  shorts: [10, 20, 30],
  bytes: [1, 2, 255],
  longs: [1n, 2n ** 63n],
  voids: [undefined, undefined],
  parts: [{ size: 1, label: "one" }, { size: 2, label: "two" }],
  part: { size: 3, label: "three" },
  mode: "fast",
  state: { kind: "busy", busy: 9 },
  grid: [[1, 2], []],
};

const olderPart = { colour: 1n, title: "untitled" };

/** `older`, as who knows more reads it. */
const olderReadByNewer: Newer = {
  ...older,
  tags: older.tags.map((value) => ({ value, weight: -1, note: "" })),
  names: older.names.map((text) => ({ text, language: "en", rank: 9 })),
  shorts: older.shorts.map((value) => ({ value, more: 5, wide: 6n })),
  bytes: older.bytes.map((value) => ({ value, more: 5 })),
  longs: older.longs.map((value) => ({ value, more: true })),
  voids: older.voids.map(() => ({ more: 3 })),
  parts: older.parts.map((part) => ({ ...part, ...olderPart })),
  part: { ...older.part, ...olderPart },
  added: 77n,
  addedText: "new",
  addedPart: { size: 0, label: "", ...olderPart },
  addedOptional: undefined,
};

const newer: Newer = {
  ...olderReadByNewer,
  tags: older.tags.map((value) => ({ value, weight: 4, note: "n" })),
  names: older.names.map((text) => ({ text, language: "de", rank: 1 })),
  shorts: older.shorts.map((value) => ({ value, more: 6, wide: 7n })),
  bytes: older.bytes.map((value) => ({ value, more: 6 })),
  longs: older.longs.map((value) => ({ value, more: false })),
  voids: older.voids.map(() => ({ more: 4 })),
  parts: older.parts.map((part) => ({ ...part, colour: 2n, title: "t" })),
  part: { ...older.part, colour: 3n, title: "t" },
  added: 5n,
  addedText: "",
  addedPart: { size: 1, label: "l", colour: 8n, title: "" },
  addedOptional: { size: 2, label: "m", colour: 9n, title: "u" },
};

Deno.test("decode reads an older peer's message: what it lacks is the default", () => {
  assert.deepEqual(decodeNewer(encodeOlder(older)), olderReadByNewer);
});

Deno.test("decode reads a newer peer's message: what is new is passed over", () => {
  assert.deepEqual(decodeOlder(encodeNewer(newer)), older);
});

Deno.test("decode reads a newer peer's enumerant and union member as unknown", () => {
  const { mode, state, ...rest } = decodeOlder(
    encodeNewer({ ...newer, mode: "faster", state: { kind: "gone", gone: "away" } }),
  );
  assert.equal(mode, "unknown");
  assert.deepEqual(state, { kind: "unknown" });
  assert.deepEqual(rest, (({ mode: _mode, state: _state, ...others }) => others)(older));
});

Deno.test("decode reads a list of pointers as structs, and refuses a list of bits", () => {
  const root = (pointer: bigint) => frameOf(structPointer(0, 0, 2), 0n, pointer, 1n);
  assert.deepEqual(decodeNewer(root(listPointer(0, 6, 0))).tags, []);
  assert.throws(
    () => decodeNewer(root(listPointer(0, 1, 3))),
    (error) => error instanceof MessengerError && error.code === "malformed",
  );
});

Deno.test("decode reads of an item no more bytes than it has", () => {
  const pointers = (index: number, pointer: bigint) =>
    new Array<bigint>(7).fill(0n).with(index, pointer);
  const bytes = (index: number) =>
    frameOf(structPointer(0, 0, 7), ...pointers(index, listPointer(6 - index, 2, 8)), ~0n);
  const { tags } = decodeNewer(bytes(1));
  assert.deepEqual(tags, new Array(8).fill({ value: 0, weight: -1, note: "" }));
  const { shorts } = decodeNewer(bytes(3));
  assert.deepEqual(shorts, new Array(8).fill({ value: 0, more: 5, wide: 6n }));
  const { longs } = decodeNewer(bytes(5));
  assert.deepEqual(longs, new Array(8).fill({ value: 0n, more: true }));
});

testWithTool("decode reads between versions what the C++ tool reads", async () => {
  for (
    const [frame, type] of [[encodeOlder(older), "Newer"], [encodeNewer(newer), "Older"]] as const
  ) {
    const tools = JSON.parse(
      new TextDecoder().decode(await convert("binary:json", type, frame, EVOLUTION)),
    );
    const ours = type === "Newer" ? decodeNewer(frame) : decodeOlder(frame);
    assert.deepEqual(present(tools), present(asJson(ours)));
  }
});

testWithTool("decode reads what the C++ tool wrote in the other version", async () => {
  const asOlder = await convert("json:binary", "Older", JSON.stringify(asJson(older)), EVOLUTION);
  assert.deepEqual(decodeNewer(asOlder), olderReadByNewer);
  const asNewer = await convert("json:binary", "Newer", JSON.stringify(asJson(newer)), EVOLUTION);
  assert.deepEqual(decodeOlder(asNewer), older);
});

/** As the C++ tool's JSON: 64-bit integers as texts, a union's member by its name. */
function asJson(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (key, item) => {
    if (typeof item === "bigint") return String(item);
    if (key === "state") {
      return Object.fromEntries(Object.entries(item).filter(([k]) => k !== "kind"));
    }
    return item;
  }));
}

/** Without what the tool doesn't print: empty texts, and defaults that stand for a null pointer. */
function present(json: unknown): unknown {
  const unprinted = ["addedPart", "addedText", "language", "title"];
  return JSON.parse(JSON.stringify(json, (_key, item) => {
    if (typeof item !== "object" || item === null || Array.isArray(item)) return item;
    const entries = Object.entries(item);
    return Object.fromEntries(
      entries.filter(([key, value]) => value !== "" && !unprinted.includes(key)),
    );
  }));
}
