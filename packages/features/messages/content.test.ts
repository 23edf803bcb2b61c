import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { MessengerError } from "@qpq/ports";
import { cbor } from "./cbor.ts";
import {
  type Content,
  CONTENT_BYTES_MAX,
  decodeContent,
  DISPOSITION,
  encodeContent,
  EXTENSIONS_COUNT_MAX,
  FIELD_BYTES_MAX,
  messageIdOf,
  type Part,
  PARTS_COUNT_MAX,
  readText,
  SENT_AT_KEY,
  SENT_AT_MS_MAX,
  TEXT_BYTES_MAX,
  textMessage,
} from "./content.ts";
import { DRAFT_EXAMPLES } from "./test/draft-examples.ts";

const PRIMITIVES = {
  hash: (data: Uint8Array) => new Uint8Array(createHash("sha256").update(data).digest()),
};
const SALT = Uint8Array.fromHex("000102030405060708090a0b0c0d0e0f");
const TEXT = textMessage({ text: "hello", salt: SALT, sentAtMs: 1_700_000_000_000 });
const NOTHING: Part = { kind: "null", disposition: DISPOSITION.render, language: "" };

function single(contentType: string, content: Uint8Array): Part {
  return { kind: "single", disposition: DISPOSITION.render, language: "", contentType, content };
}

function many(parts: readonly Part[]): Part {
  return {
    kind: "multi",
    disposition: DISPOSITION.render,
    language: "",
    semantics: "process-all",
    parts,
  };
}

function nested(levels: number): Part {
  return levels === 1 ? NOTHING : many([NOTHING, nested(levels - 1)]);
}

function withBody(body: Part): Content {
  return { ...TEXT, body };
}

function refuses(run: () => unknown, code: MessengerError["code"], text: RegExp): void {
  assert.throws(run, (error: unknown) => {
    assert.ok(error instanceof MessengerError, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, text);
    return true;
  });
}

for (const { name, content, hex, messageId } of DRAFT_EXAMPLES) {
  Deno.test(`the draft's example round-trips: ${name}`, () => {
    const bytes = Uint8Array.fromHex(hex);
    assert.deepEqual(decodeContent(bytes), content);
    assert.equal(encodeContent(content).toHex(), hex);
    const { senderUri = "", roomUri = "" } = content.extensions;
    const own = messageIdOf(PRIMITIVES, { senderUri, roomUri, bytes, salt: content.salt });
    if (messageId !== undefined) assert.equal(own.toHex(), messageId);
  });
}

Deno.test("messageIdOf() refuses a URI above its limit, and tells where one URI ends", () => {
  const bytes = encodeContent(TEXT);
  const id = (senderUri: string, roomUri: string) =>
    messageIdOf(PRIMITIVES, { senderUri, roomUri, bytes, salt: SALT }).toHex();
  assert.notEqual(id("ab", "c"), id("a", "bc"));
  refuses(() => id("a".repeat(FIELD_BYTES_MAX + 1), ""), "too-large", /a URI has 4097 bytes/);
});

Deno.test("textMessage() carries its id and the sender's time through the bytes", () => {
  const read = decodeContent(encodeContent(TEXT));
  assert.deepEqual(read, TEXT);
  assert.deepEqual(read.salt, SALT);
  assert.equal(read.extensions.sentAtMs, 1_700_000_000_000);
  assert.equal(readText(read), "hello");
  assert.equal(new Date(SENT_AT_MS_MAX).getTime(), SENT_AT_MS_MAX);
  const late = { ...TEXT.extensions, sentAtMs: SENT_AT_MS_MAX + 1 };
  refuses(() => encodeContent({ ...TEXT, extensions: late }), "malformed", /the time is above/);
});

Deno.test("textMessage() takes 32 KiB of UTF-8 and not a byte more", () => {
  const message = (text: string) => textMessage({ text, salt: SALT, sentAtMs: 0 });
  const longest = "é".repeat(TEXT_BYTES_MAX / 2);
  assert.equal(readText(decodeContent(encodeContent(message(longest)))), longest);
  refuses(() => message(`${longest}a`), "too-large", /Cannot send the text: it has 32769 bytes/);
  refuses(() => message("a\ud800b"), "malformed", /lone surrogate/);
  const markdown = single("text/markdown", new Uint8Array(TEXT_BYTES_MAX + 1));
  refuses(() => encodeContent(withBody(markdown)), "too-large", /the content is above 32768/);
  // What is no text may fill the rest.
  const image = single("image/png", new Uint8Array(TEXT_BYTES_MAX + 1));
  assert.deepEqual(decodeContent(encodeContent(withBody(image))).body, image);
});

Deno.test("readText() gives the first text, and none of an attachment or of other media", () => {
  const bytes = (text: string) => new TextEncoder().encode(text);
  const plain = single("text/plain;charset=utf-8", bytes("first"));
  const cases: [string, Part, string | undefined][] = [
    ["plain", plain, "first"],
    ["Markdown", single("text/markdown;variant=GFM-MIMI", bytes("*a*")), "*a*"],
    ["case and spaces", single('Text/Plain; charset="UTF-8"', bytes("a")), "a"],
    ["a byte order mark", single("text/plain", bytes("\ufeffa")), "\ufeffa"],
    ["an unknown disposition", { ...plain, disposition: 200 }, "first"],
    ["a reaction", { ...plain, disposition: DISPOSITION.reaction }, "first"],
    ["an attachment", { ...plain, disposition: DISPOSITION.attachment }, undefined],
    ["a preview beside it", many([{ ...plain, disposition: 8 }, NOTHING, plain]), "first"],
    ["deep", many([single("image/png", bytes("x")), many([NOTHING, plain])]), "first"],
    ["HTML", single("text/html", bytes("<b>")), undefined],
    ["another charset", single("text/plain;charset=utf-16", bytes("ab")), undefined],
    ["no UTF-8", single("text/plain", Uint8Array.of(0xff)), undefined],
    ["no body", NOTHING, undefined],
  ];
  for (const [name, body, expected] of cases) {
    assert.equal(readText(decodeContent(encodeContent(withBody(body)))), expected, name);
  }
});

Deno.test("decodeContent() keeps extensions that it knows not, byte for byte", () => {
  // §6.3's example of four levels; a float, a bignum and the odd simple value, as deterministic CBOR has them.
  const values = [
    "8282421234d82072687474703a2f2f6578616d706c652e636f6d8242345619168b",
    "f93c00",
    "c249010000000000000000",
    "a20a80410180",
    "f820",
    "1bffffffffffffffff",
  ];
  const others = values.map((value, index) => ({
    key: 256 + index,
    value: Uint8Array.fromHex(value),
  }));
  const extensions = {
    ...TEXT.extensions,
    senderUri: "mimi://a.example/u/alice",
    others: [...others, { key: -1, value: cbor.null }, { key: "zz", value: cbor.null }],
  };
  const content = { ...TEXT, extensions };
  assert.deepEqual(decodeContent(encodeContent(content)), content);
  const shuffled = { ...extensions, others: extensions.others.toReversed() };
  assert.deepEqual(encodeContent({ ...TEXT, extensions: shuffled }), encodeContent(content));
});

Deno.test("encodeContent() refuses what no receiver would take", () => {
  const extensions = (key: number | string, ...value: number[]) => ({
    ...TEXT,
    extensions: { ...TEXT.extensions, others: [{ key, value: Uint8Array.of(...value) }] },
  });
  const countAbove = Array.from({ length: EXTENSIONS_COUNT_MAX }, (_, index) => ({
    key: 300 + index,
    value: cbor.null,
  }));
  const parts = Array.from({ length: PARTS_COUNT_MAX }, () => NOTHING);
  const cases: [Content, MessengerError["code"], RegExp][] = [
    [{ ...TEXT, salt: SALT.subarray(1) }, "malformed", /an id has 15 bytes, not 16/],
    [{ ...TEXT, replaces: SALT }, "malformed", /an id has 16 bytes, not 32/],
    [{ ...TEXT, inReplyTo: new Uint8Array(33) }, "malformed", /an id has 33 bytes, not 32/],
    [{ ...TEXT, topicId: new Uint8Array(FIELD_BYTES_MAX + 1) }, "too-large", /the topic id/],
    [{ ...TEXT, expires: { kind: "at", seconds: 2 ** 32 } }, "malformed", /the expiration is/],
    [{ ...TEXT, expires: { kind: "at", seconds: -1 } }, "malformed", /the expiration is/],
    [{ ...TEXT, expires: { kind: "at", seconds: 0.5 } }, "malformed", /no safe integer/],
    [withBody({ ...NOTHING, disposition: 256 }), "malformed", /the disposition is above 255/],
    [withBody({ ...NOTHING, language: "\udc00" }), "malformed", /lone surrogate/],
    [withBody({ ...NOTHING, language: "a".repeat(4_097) }), "too-large", /the language/],
    [withBody(many([NOTHING])), "malformed", /fewer than two parts/],
    [withBody(many(parts)), "too-large", /above 1024 parts/],
    [withBody(nested(5)), "too-large", /nested above 4 levels/],
    [withBody(single("image/png", new Uint8Array(CONTENT_BYTES_MAX))), "too-large", /65536 bytes/],
    [
      { ...TEXT, extensions: { ...TEXT.extensions, others: countAbove } },
      "too-large",
      /above 32 extensions/,
    ],
    [extensions(SENT_AT_KEY, 0), "malformed", /there twice/],
    [extensions(1, 0xf6), "malformed", /the sender's URI is of another type/],
    [extensions(0, 0xf6), "malformed", /the key 0 is reserved/],
    [extensions("", 0xf6), "malformed", /a key is empty/],
    [extensions("a".repeat(256), 0xf6), "too-large", /a key is above 255 bytes/],
    [extensions(2 ** 53, 0xf6), "malformed", /no safe integer/],
    [extensions(300, 0xf6, 0xf6), "malformed", /./],
    [extensions(300), "malformed", /./],
    [extensions(300, 0x81, 0x81, 0x81, 0x80), "malformed", /nested too deeply/],
  ];
  for (const [content, code, text] of cases) refuses(() => encodeContent(content), code, text);
  assert.deepEqual(decodeContent(encodeContent(withBody(nested(4)))).body, nested(4));
  assert.ok(encodeContent(withBody(many(parts.slice(1)))));
});

Deno.test("encodeContent() refuses parts that contain themselves", () => {
  const parts: Part[] = [NOTHING];
  const loop = many(parts);
  parts.push(loop);
  refuses(() => encodeContent(withBody(loop)), "too-large", /nested above 4 levels/);
});

Deno.test("decodeContent() takes one encoding of each message only", () => {
  const start = `8750${SALT.toHex()}f640`;
  const body = "83016000";
  assert.equal(decodeContent(Uint8Array.fromHex(`${start}f6f6a0${body}`)).body.kind, "null");
  const cases: [string, string, RegExp][] = [
    ["a byte behind it", `${start}f6f6a0${body}00`, /1 bytes left over/],
    ["a byte missing", `${start}f6f6a0830160`, /above what follows/],
    ["a text cut off", `${start}f6f6a0830165616161`, /the language ends too early/],
    ["nothing", "", /too early/],
    ["six fields", `8650${SALT.toHex()}f640f6f6a0`, /not 7 fields/],
    ["an indefinite array", `9f50${SALT.toHex()}f640f6f6a0${body}ff`, /indefinite/],
    ["a long length", `875810${SALT.toHex()}f640f6f6a0${body}`, /shortest/],
    ["a long integer", `${start}f6f6a08318016000`, /shortest/],
    ["undefined for null", `${start}f7f6a0${body}`, /another type/],
    ["a number for a boolean", `${start}820100f6a0${body}`, /no boolean/],
    ["an expiration of 3", `${start}83f400f6f6a0${body}`, /not 2 fields/],
    ["a fourth cardinality", `${start}f6f6a083016004`, /the cardinality is above 3/],
    ["a null part with content", `${start}f6f6a0850160006040`, /5 fields, not 3/],
    ["a single part of 3", `${start}f6f6a083016001`, /3 fields, not 5/],
    ["an external part of 5", `${start}f6f6a0850160026040`, /5 fields, not 15/],
    ["a multipart of 3", `${start}f6f6a083016003`, /3 fields, not 5/],
    ["unknown semantics", `${start}f6f6a0850160030382${body}${body}`, /semantics/],
    ["text that is no UTF-8", `${start}f6f6a0830161ff00`, /not UTF-8/],
    ["keys out of order", `${start}f6f6a202600160${body}`, /out of order/],
    ["a key twice", `${start}f6f6a201600160${body}`, /there twice/],
    ["an array as a key", `${start}f6f6a180f6${body}`, /neither an integer nor text/],
    ["a count of 2^32", `${start}f6f6baffffffff${body}`, /above what follows/],
    ["a time in text", `${start}f6f6a16b7170712d73656e742d617460${body}`, /the time is of/],
  ];
  for (const [, hex, text] of cases) {
    refuses(() => decodeContent(Uint8Array.fromHex(hex)), "malformed", text);
  }
});

Deno.test("decodeContent() shares no memory with its input", () => {
  const bytes = encodeContent(TEXT);
  const content = decodeContent(bytes);
  bytes.fill(0xff);
  assert.deepEqual(content, TEXT);
});
