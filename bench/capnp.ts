/**
 * How fast is our Cap'n Proto codec on a frame of 256 bytes? In one run, alternating, against capnp-es
 * (what an npm user would pick), with protobuf-es beside as the number to reach next.
 *
 * Encode: a plain object to bytes. Decode and read: bytes to every field's value, texts as strings.
 * Prints medians of `ROUNDS` rounds, and ratios; exits 1 below what is wanted.
 */
import { create, createFileRegistry, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
} from "@bufbuild/protobuf/wkt";
import * as capnpEs from "capnp-es";
import assert from "node:assert/strict";
import { decodeMessage, encodeMessage, type Message } from "../packages/capnp/test/message.gen.ts";
import { Message as CapnpEsMessage } from "./capnp/message-capnp-es.ts";

const ROUNDS = 15;
const ROUND_MS = 60;
const WANTED = { encode: 5, decode: 4 } as const;

/** What was computed last, so that no compiler leaves it out. */
let sink: unknown;

const message: Message = {
  sequence: 123_456_789n,
  sentAtMs: 1_790_000_000_000n,
  epoch: 42n,
  generation: 7,
  kind: 3,
  urgent: true,
  channelId: Uint8Array.from({ length: 16 }, (_, index) => index),
  entryId: Uint8Array.from({ length: 16 }, (_, index) => 255 - index),
  sender: "alice@example.org",
  subject: "The minutes of yesterday",
  body: Uint8Array.from({ length: 80 }, (_, index) => index * 7),
};

interface Codec {
  readonly name: string;
  readonly encode: () => Uint8Array;
  /** @returns a number that depends on every field */
  readonly decode: (bytes: Uint8Array) => number;
}

const codecs: readonly [Codec, Codec, Codec] = [ours(), capnpEsCodec(), protobufEs()];
const frames = codecs.map(({ encode }) => encode());
assert.deepEqual(frames[0], frames[1], "ours and capnp-es write the same frame");
assert.equal(frames[0]?.length, 256);
const sums = codecs.map(({ decode }, index) => decode(frames[index] as Uint8Array));
assert.ok(sums.every((sum) => sum === sums[0]), "all read the same values");

const rates = codecs.map(() => ({ encode: [] as number[], decode: [] as number[] }));
// The first round is for the compiler.
for (let round = -1; round < ROUNDS; round++) {
  codecs.forEach(({ encode, decode }, index) => {
    const frame = frames[index] as Uint8Array;
    const encodes = rateOf(encode);
    const decodes = rateOf(() => decode(frame));
    if (round < 0) return;
    rates[index]?.encode.push(encodes);
    rates[index]?.decode.push(decodes);
  });
}

const medians = rates.map(({ encode, decode }) => ({
  encode: median(encode),
  decode: median(decode),
}));
print("codec          bytes   encode/s   decode+read/s");
codecs.forEach(({ name }, index) => {
  const { encode, decode } = medians[index] as { encode: number; decode: number };
  print(
    name.padEnd(14) + String(frames[index]?.length).padStart(6) +
      Math.round(encode).toLocaleString("en").padStart(11) +
      Math.round(decode).toLocaleString("en").padStart(16),
  );
});
let reached = true;
for (const what of ["encode", "decode"] as const) {
  const own = medians[0]?.[what] as number;
  const ratio = own / (medians[1]?.[what] as number);
  const next = own / (medians[2]?.[what] as number);
  const verdict = ratio >= WANTED[what] ? "reached" : "missed";
  if (verdict === "missed") reached = false;
  print(
    `${what}: ${ratio.toFixed(1)} x capnp-es (wanted ${WANTED[what]}: ${verdict}), ` +
      `${next.toFixed(2)} x protobuf-es`,
  );
}
if (!reached) Deno.exit(1);

function ours(): Codec {
  return {
    name: "ours",
    encode: () => encodeMessage(message),
    decode: (bytes) => {
      const read = decodeMessage(bytes);
      return Number(read.sequence) + Number(read.sentAtMs) + Number(read.epoch) +
        read.generation + read.kind + Number(read.urgent) + sumOf(read.channelId) +
        sumOf(read.entryId) + read.sender.length + read.subject.length + sumOf(read.body);
    },
  };
}

function capnpEsCodec(): Codec {
  return {
    name: "capnp-es",
    encode: () => {
      const out = new capnpEs.Message();
      const root = out.initRoot(CapnpEsMessage);
      root.sequence = message.sequence;
      root.sentAtMs = message.sentAtMs;
      root.epoch = message.epoch;
      root.generation = message.generation;
      root.kind = message.kind;
      root.urgent = message.urgent;
      // In the order in which ours lays them out, so that the frames are equal.
      root._initChannelId(message.channelId.length).copyBuffer(message.channelId);
      root._initEntryId(message.entryId.length).copyBuffer(message.entryId);
      root.sender = message.sender;
      root.subject = message.subject;
      root._initBody(message.body.length).copyBuffer(message.body);
      return new Uint8Array(out.toArrayBuffer());
    },
    decode: (bytes) => {
      const read = new capnpEs.Message(bytes, false).getRoot(CapnpEsMessage);
      return Number(read.sequence) + Number(read.sentAtMs) + Number(read.epoch) +
        read.generation + read.kind + Number(read.urgent) + sumOf(read.channelId.toUint8Array()) +
        sumOf(read.entryId.toUint8Array()) + read.sender.length + read.subject.length +
        sumOf(read.body.toUint8Array());
    },
  };
}

/** The same message in Protocol Buffers; its descriptor made here, so that no `protoc` is needed. */
function protobufEs(): Codec {
  const { UINT64, UINT32, BOOL, BYTES, STRING } = FieldDescriptorProto_Type;
  const fields = [
    ["sequence", UINT64],
    ["sent_at_ms", UINT64],
    ["epoch", UINT64],
    ["generation", UINT32],
    ["kind", UINT32],
    ["urgent", BOOL],
    ["channel_id", BYTES],
    ["entry_id", BYTES],
    ["sender", STRING],
    ["subject", STRING],
    ["body", BYTES],
  ] as const;
  const file = create(FileDescriptorProtoSchema, {
    name: "message.proto",
    package: "bench",
    syntax: "proto3",
    messageType: [{
      name: "Message",
      field: fields.map(([name, type], index) => ({
        name,
        type,
        number: index + 1,
        label: FieldDescriptorProto_Label.OPTIONAL,
      })),
    }],
  });
  const schema = createFileRegistry(create(FileDescriptorSetSchema, { file: [file] }))
    .getMessage("bench.Message");
  assert.ok(schema !== undefined);
  return {
    name: "protobuf-es",
    encode: () => toBinary(schema, create(schema, { ...message })),
    decode: (bytes) => {
      const read = fromBinary(schema, bytes) as unknown as Message;
      return Number(read.sequence) + Number(read.sentAtMs) + Number(read.epoch) +
        read.generation + read.kind + Number(read.urgent) + sumOf(read.channelId) +
        sumOf(read.entryId) + read.sender.length + read.subject.length + sumOf(read.body);
    },
  };
}

/** What reading bytes costs is no codec's: their length, and both ends. */
function sumOf(bytes: Uint8Array): number {
  return bytes.length + (bytes[0] ?? 0) + (bytes[bytes.length - 1] ?? 0);
}

/** @returns calls a second, over about `ROUND_MS` */
function rateOf(run: () => unknown): number {
  const begin = performance.now();
  let calls = 0;
  let elapsed = 0;
  while (elapsed < ROUND_MS) {
    for (let index = 0; index < 100; index++) sink = run();
    calls += 100;
    elapsed = performance.now() - begin;
  }
  assert.ok(sink !== undefined);
  return calls / elapsed * 1000;
}

function median(values: readonly number[]): number {
  return values.toSorted((left, right) => left - right)[values.length >> 1] as number;
}

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}
