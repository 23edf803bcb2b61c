import assert from "node:assert/strict";
import { createManualClock } from "@qpq/adapters";
import { assert as assertThat, MessengerError, type Stream } from "@qpq/ports";
import fc from "fast-check";
import { Deadlines } from "./deadlines.ts";
import { FrameReader } from "./frame-reader.ts";
import { FrameWriter } from "./frame-writer.ts";

/** A stream that gives the bytes in pieces of these lengths, and takes what is written. */
function scripted(bytes: Uint8Array, pieces: readonly number[]): Stream & {
  readonly written: Uint8Array[];
  readonly asked: number[];
} {
  let at = 0;
  let turn = 0;
  const written: Uint8Array[] = [];
  const asked: number[] = [];
  return {
    written,
    asked,
    read(into) {
      asked.push(into.length);
      const length = Math.min(into.length, pieces[turn++ % pieces.length] as number);
      const piece = bytes.subarray(at, at + length);
      at += piece.length;
      const { byteOffset } = into;
      const own = new Uint8Array(into.buffer.transfer());
      own.set(piece, byteOffset);
      return Promise.resolve(own.subarray(byteOffset, byteOffset + piece.length));
    },
    write(piece) {
      written.push(piece.slice());
      return Promise.resolve();
    },
    end: () => Promise.resolve(),
    abort: () => {},
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** A frame of so many words after its header. */
function frame(words: number, fill: number): Uint8Array {
  const bytes = new Uint8Array(8 + words * 8).fill(fill);
  new DataView(bytes.buffer).setUint32(0, 0, true);
  new DataView(bytes.buffer).setUint32(4, words, true);
  return bytes;
}

const FRAME_BYTES_MAX = 300_000;

Deno.test("FrameReader cuts any stream into its frames, however it is torn", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 3_000 }), { maxLength: 20 }),
      fc.array(fc.integer({ min: 1, max: 9_000 }), { minLength: 1, maxLength: 5 }),
      async (sizes, pieces) => {
        const frames = sizes.map((words, index) => frame(words, index));
        const reader = new FrameReader(scripted(Buffer.concat(frames), pieces));
        for (const expected of frames) {
          const got = await reader.next(FRAME_BYTES_MAX);
          assert.ok(got !== undefined && Buffer.compare(got, expected) === 0);
        }
        assert.equal(await reader.next(FRAME_BYTES_MAX), undefined);
        assert.equal(reader.incompleteBytes, 0);
      },
    ),
    { numRuns: 200 },
  );
});

Deno.test("FrameReader refuses a stream that ends inside a frame, and a frame above the limit", async () => {
  const torn = new FrameReader(scripted(frame(10, 1).subarray(0, 50), [7]));
  await assert.rejects(torn.next(FRAME_BYTES_MAX), isCode("malformed"));
  const large = new FrameReader(scripted(frame(10, 1), [100]));
  await assert.rejects(large.next(80), isCode("too-large"));
});

Deno.test("FrameReader holds what has come, never what a header claims", async () => {
  const claim = frame(1, 0);
  new DataView(claim.buffer).setUint32(4, 4_000_000, true);
  const stream = scripted(Buffer.concat([claim, new Uint8Array(40_000)]), [1_000]);
  const reserved: number[] = [];
  const reader = new FrameReader(stream, (bytes) => void reserved.push(bytes));
  await assert.rejects(reader.next(64 * 1024 * 1024), isCode("malformed"));
  assert.ok(Math.max(...stream.asked) <= 64 * 1024, `${Math.max(...stream.asked)} asked for`);
  const held = reserved.reduce((sum, bytes) => sum + bytes, 0);
  assert.ok(held <= 64 * 1024, `${held} held`);
});

Deno.test("FrameReader.keep() gives a frame away, and skip() lets one go by", async () => {
  const [large, unwanted, small] = [frame(1, 5_000), frame(2, 5_000), frame(3, 1)];
  const bytes = Buffer.concat([large, unwanted, small]);
  for (const pieceBytes of [1_000, bytes.length]) {
    const reserved: number[] = [];
    const reader = new FrameReader(
      scripted(bytes, [pieceBytes]),
      (more) => void reserved.push(more),
    );
    const taken = await reader.next(64 * 1024);
    assert.ok(taken !== undefined);
    const kept = reader.keep(taken);
    // Its header has to be known.
    while (reader.take(64) === undefined && reader.incompleteBytes <= 8) await reader.fill();
    reader.skip();
    assert.deepEqual((await reader.next(64))?.slice(), new Uint8Array(small));
    assert.deepEqual(new Uint8Array(kept), new Uint8Array(large));
    assert.equal(await reader.next(64), undefined);
    assert.ok(reserved.reduce((sum, more) => sum + more, 0) <= 64 * 1024);
  }
});

Deno.test("FrameWriter sends in one write what was sent in one go", async () => {
  const stream = scripted(new Uint8Array(0), [1]);
  const writer = new FrameWriter(stream, () => {});
  const frames = [frame(1, 1), frame(2, 2), frame(3, 3)];
  for (const one of frames) writer.send(one);
  await writer.below(0);
  assert.deepEqual(stream.written, [Uint8Array.from(Buffer.concat(frames))]);
  writer.send(frame(1, 4), frame(1, 5));
  await writer.below(0);
  assert.equal(stream.written.length, 2);
  assert.equal(writer.queuedBytes, 0);
});

Deno.test("FrameWriter tells of a failed stream once, and lets nobody wait on it", async () => {
  const failures: unknown[] = [];
  const stream: Stream = {
    ...scripted(new Uint8Array(0), [1]),
    write: () => Promise.reject(new MessengerError("transport/closed", "over")),
  };
  const writer = new FrameWriter(stream, (error) => void failures.push(error));
  writer.send(frame(1, 1));
  await writer.below(0);
  writer.send(frame(1, 1));
  await writer.below(0);
  assert.equal(failures.length, 1);
});

Deno.test("Deadlines fire in time, not after they are cancelled, and with one timer", async () => {
  const clock = createManualClock();
  const deadlines = new Deadlines(clock);
  const fired: string[] = [];
  const note = (name: string) => () => void fired.push(`${name}@${clock.monotonic()}`);
  deadlines.add(50, note("b"));
  deadlines.add(20, note("a")).cancel();
  deadlines.add(100, () => {
    note("c")();
    deadlines.add(5, note("d"));
  });
  for (let count = 0; count < 1_000; count++) deadlines.add(500, note("never")).cancel();
  assert.equal(clock.pending, 1);
  await clock.advance(1_000);
  assert.deepEqual(fired, ["b@50", "c@100", "d@105"]);
  assert.equal(clock.pending, 0);
  deadlines.add(10, note("cleared"));
  deadlines.clear();
  await clock.advance(100);
  assertThat(fired.length === 3, "clear() cancels");
});

function isCode(code: string): (error: unknown) => boolean {
  return (error) => error instanceof MessengerError && error.code === code;
}
