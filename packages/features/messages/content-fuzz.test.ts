import assert from "node:assert/strict";
import { MessengerError } from "@qpq/ports";
import fc from "fast-check";
import { mutate } from "../../mls/fuzz/mutate.ts";
import { chooseIndex, seededRandom } from "../../mls/vectors/seeded-random.ts";
import {
  type Content,
  decodeContent,
  encodeContent,
  type Part,
  readText,
  textMessage,
} from "./content.ts";
import { DRAFT_EXAMPLES } from "./test/draft-examples.ts";

const IS_FULL = Deno.env.get("QPQ_TEST_LEVEL") === "full";
const MUTATIONS_COUNT = IS_FULL ? 200_000 : 10_000;
const CONTENTS_COUNT = IS_FULL ? 500 : 100;
const SEED = "content 1";

Deno.test(`${MUTATIONS_COUNT} mutated contents give typed errors or the same bytes again (seed ${SEED})`, () => {
  const random = seededRandom(SEED);
  const corpus = createCorpus();
  const taken = { count: 0 };
  for (let round = 0; round < MUTATIONS_COUNT; round++) {
    const bytes = mutate(pick(corpus), pick(corpus), random);
    const content = decode(bytes);
    if (content === undefined) continue;
    taken.count++;
    readText(content);
    // What is held is never more than what came in, and there is one encoding of each message.
    assert.ok(heldBytes(content) <= bytes.length, bytes.toHex());
    assert.equal(encodeContent(content).toHex(), bytes.toHex());
  }
  // A mutator whose every output is refused at the first byte would test little.
  assert.ok(taken.count > MUTATIONS_COUNT / 20, `${taken.count} were taken`);

  function pick(items: readonly Uint8Array[]): Uint8Array {
    return items[chooseIndex(random, items.length)] as Uint8Array;
  }
});

Deno.test("every content within the limits comes back from its bytes", () => {
  fc.assert(
    fc.property(contents(), (content) => {
      const bytes = encodeContent(content);
      assert.deepEqual(decodeContent(bytes), content);
    }),
    { numRuns: CONTENTS_COUNT, seed: 1 },
  );
});

function createCorpus(): readonly Uint8Array[] {
  const salt = new Uint8Array(16);
  const text = textMessage({ text: "hello 👩‍👩‍👧", salt, sentAtMs: 1_700_000_000_000 });
  const value = Uint8Array.fromHex(
    "8282421234d82072687474703a2f2f6578616d706c652e636f6d82f93c0019168b",
  );
  const others = [{ key: -3, value }, { key: "x", value: Uint8Array.fromHex("a2000041f1f6") }];
  return [
    ...DRAFT_EXAMPLES.map(({ hex }) => Uint8Array.fromHex(hex)),
    encodeContent(text),
    encodeContent({ ...text, extensions: { ...text.extensions, others } }),
  ];
}

function decode(bytes: Uint8Array): Content | undefined {
  try {
    return decodeContent(bytes);
  } catch (error) {
    const isTyped = error instanceof MessengerError &&
      (error.code === "malformed" || error.code === "too-large");
    assert.ok(isTyped, `${error} for ${bytes.toHex()}`);
    return undefined;
  }
}

/** The bytes of all byte strings and texts in it. */
function heldBytes(value: unknown): number {
  if (typeof value === "string") return new TextEncoder().encode(value).length;
  if (value instanceof Uint8Array) return value.buffer.byteLength;
  if (typeof value !== "object" || value === null) return 0;
  const { kind: _, semantics: __, ...fields } = value as Record<string, unknown>;
  return Object.values(fields).reduce<number>((sum, field) => sum + heldBytes(field), 0);
}

function contents(): fc.Arbitrary<Content> {
  const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
  const reference = fc.option(bytes(32), { nil: undefined });
  const uri = fc.option(text(), { nil: undefined });
  return record({
    salt: bytes(16),
    replaces: reference,
    topicId: fc.uint8Array(),
    expires: fc.option(
      record({
        kind: fc.constantFrom("after-reading", "at"),
        seconds: fc.nat({ max: 0xffff_ffff }),
      }),
      { nil: undefined },
    ),
    inReplyTo: reference,
    extensions: record({
      senderUri: uri,
      roomUri: uri,
      sentAtMs: fc.option(fc.maxSafeNat().map((ms) => Math.min(ms, 8.64e15)), { nil: undefined }),
      others: fc.constantFrom([], [{ key: 3, value: Uint8Array.of(0xf6) }]),
    }),
    body: parts(4),
  });
}

/** Plain objects only: `deepEqual` tells prototypes apart. */
function record<T>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> {
  return fc.record(fields, { noNullPrototype: true }) as fc.Arbitrary<T>;
}

function text(): fc.Arbitrary<string> {
  return fc.string({ unit: "binary", maxLength: 20 });
}

function parts(depthLeft: number): fc.Arbitrary<Part> {
  const any = { disposition: fc.nat({ max: 255 }), language: text() };
  const leaf: fc.Arbitrary<Part> = fc.oneof(
    record({ kind: fc.constant("null" as const), ...any }),
    record({
      kind: fc.constant("single" as const),
      ...any,
      contentType: text(),
      content: fc.uint8Array(),
    }),
    record({
      kind: fc.constant("external" as const),
      ...any,
      contentType: text(),
      url: text(),
      expires: fc.nat({ max: 0xffff_ffff }),
      size: fc.maxSafeNat(),
      encryptionAlgorithm: fc.nat({ max: 0xffff }),
      key: fc.uint8Array(),
      nonce: fc.uint8Array(),
      additionalData: fc.uint8Array(),
      hashAlgorithm: fc.nat({ max: 0xff }),
      contentHash: fc.uint8Array(),
      description: text(),
      filename: text(),
    }),
  );
  if (depthLeft === 1) return leaf;
  const multi: fc.Arbitrary<Part> = record({
    kind: fc.constant("multi" as const),
    ...any,
    semantics: fc.constantFrom("choose-one", "single-unit", "process-all"),
    parts: fc.array(parts(depthLeft - 1), { minLength: 2, maxLength: 4 }),
  });
  return fc.oneof(leaf, multi);
}
