import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import type { Log, LogFields, Store } from "@qpq/ports";
import { bytes, entriesOf, getOne, hasCode, text } from "./store-contract.ts";
import {
  decodeFrameHeader,
  encodeFrame,
  FILE_HEADER_BYTES,
  FRAME_HEADER_BYTES,
  openFrame,
  SESSION_BYTES,
} from "./file-frames.ts";
import { openFileStore } from "./store-file.ts";
import { salvageFileStore } from "./store-salvage.ts";

const FULL = Deno.env.get("QPQ_TEST_LEVEL") === "full";
const KEY = new Uint8Array(randomBytes(32));

async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function put(store: Store, key: string, length: number): Promise<void> {
  return store.transaction(async (transaction) => {
    transaction.put(bytes(`${key}/a`), new Uint8Array(length).fill(key.length));
    transaction.put(bytes(`${key}/b`), new Uint8Array(length).fill(key.length));
  });
}

/** A log as a crash leaves it, and where each of its transactions ended. */
async function crashedLog(
  path: string,
  key: Uint8Array | undefined,
  lengths: readonly number[],
): Promise<{ readonly content: Uint8Array; readonly ends: readonly number[] }> {
  await using store = await openFileStore({ path, create: true, ...(key && { key }) });
  const ends: number[] = [];
  for (const [index, length] of lengths.entries()) {
    await put(store, `k${index}`, length);
    ends.push(Deno.statSync(path).size);
  }
  return { content: Deno.readFileSync(path), ends };
}

function heard(events: { event: string; fields: LogFields | undefined }[]): Log {
  const hear = (event: string, fields?: LogFields): void => void events.push({ event, fields });
  return { debug: hear, info: hear, warn: hear, error: hear };
}

for (const key of [undefined, KEY]) {
  const name = key ? "encrypted" : "plain";

  Deno.test(`store-file ${name} cut at every byte of its last transaction loses that one only`, () =>
    inFolder(async (folder) => {
      const { content, ends } = await crashedLog(`${folder}/crashed`, key, [10, 10, 20]);
      const path = `${folder}/store`;
      const [, kept, whole] = ends as [number, number, number];
      for (let length = kept; length <= whole; length++) {
        Deno.writeFileSync(path, content.subarray(0, length));
        const events: { event: string; fields: LogFields | undefined }[] = [];
        const store = await openFileStore({ path, log: heard(events), ...(key && { key }) });
        const entries = await entriesOf(store);
        assert.equal(entries.length, length === whole ? 6 : 4, `cut at ${length}`);
        const torn = length === whole ? 0 : length - kept;
        assert.deepEqual(
          events,
          torn === 0 ? [] : [{ event: "store-torn-tail-cut", fields: { bytes: torn } }],
        );
        if (length % 8 !== 0 && !FULL) {
          await store.close();
          continue;
        }
        await put(store, "again", 10);
        await store.close();
        const after = await openFileStore({ path, ...(key && { key }) });
        assert.equal((await entriesOf(after)).length, entries.length + 2);
        await after.close();
      }
    }));

  Deno.test(`store-file ${name} with holes in its last transaction cuts it, whatever came later`, () =>
    inFolder(async (folder) => {
      // Several frames: a power cut may keep the later pages of a write and lose the earlier ones.
      const { content, ends } = await crashedLog(`${folder}/crashed`, key, [30, 30_000]);
      const path = `${folder}/store`;
      const [kept, whole] = ends as [number, number];
      for (const at of [kept + 3, kept + 50, (kept + whole) >> 1, whole - 20]) {
        const torn = content.slice();
        torn.fill(0, at, at + 20);
        Deno.writeFileSync(path, torn);
        await using store = await openFileStore({ path, ...(key && { key }) });
        assert.equal((await entriesOf(store)).length, 2);
        await store.close();
      }
    }));

  Deno.test(`store-file ${name} with damage in the middle names the offset and changes nothing`, () =>
    inFolder(async (folder) => {
      const { content, ends } = await crashedLog(`${folder}/crashed`, key, [20, 40, 20, 20]);
      const path = `${folder}/store`;
      const last = ends[2] as number;
      for (let at = 0; at < last; at += FULL ? 1 : 3) {
        const damaged = content.slice();
        damaged[at] = (damaged[at] as number) ^ 0x10;
        Deno.writeFileSync(path, damaged);
        const error = await openFileStore({ path, ...(key && { key }) }).then(
          (store) => store.close().then(() => assert.fail(`opened with byte ${at} flipped`)),
          (error) => error,
        );
        if (at >= 12) {
          hasCode("store/corrupt")(error);
          const named = Number(/byte (\d+)/.exec(error.message)?.[1]);
          assert.ok(named <= at && named + 400 > at, `${error.message}, flipped ${at}`);
        } else assert.match(error.code, /^store\/(not-a-store|newer-format|corrupt|wrong-key)$/);
        assert.deepEqual(Deno.readFileSync(path), damaged);
      }
    }));

  Deno.test(`store-file ${name} closed in order takes damage at its end for no torn tail`, () =>
    inFolder(async (folder) => {
      const path = `${folder}/store`;
      const store = await openFileStore({ path, create: true, ...(key && { key }) });
      await put(store, "a", 100);
      await store.close();
      const content = Deno.readFileSync(path);
      const at = content.length - 60;
      content[at] = (content[at] as number) ^ 1;
      Deno.writeFileSync(path, content);
      await assert.rejects(openFileStore({ path, ...(key && { key }) }), hasCode("store/corrupt"));
    }));

  Deno.test(`salvageFileStore() ${name} copies all that checks out, and says what is lost`, () =>
    inFolder(async (folder) => {
      const lengths = [30, 100, 9_000, 30, 50];
      const { content, ends } = await crashedLog(`${folder}/crashed`, key, lengths);
      const damaged = content.slice();
      const at = (ends[0] as number) + 40;
      damaged.fill(0xee, at, at + 10);
      Deno.writeFileSync(`${folder}/damaged`, damaged);
      const options = key && { key };
      await assert.rejects(
        openFileStore({ path: `${folder}/damaged`, ...options }),
        hasCode("store/corrupt"),
      );
      const report = salvageFileStore(`${folder}/damaged`, `${folder}/saved`, key);
      assert.deepEqual(report.lost, [{ from: ends[0], to: ends[1] }]);
      assert.deepEqual(Deno.readFileSync(`${folder}/damaged`), damaged);
      await using store = await openFileStore({ path: `${folder}/saved`, ...options });
      const keys = (await entriesOf(store)).map(({ key }) => text(key));
      assert.deepEqual(keys, ["k0/a", "k0/b", "k2/a", "k2/b", "k3/a", "k3/b", "k4/a", "k4/b"]);
      assert.throws(
        () => salvageFileStore(`${folder}/damaged`, `${folder}/saved`, key),
        hasCode("store/exists"),
      );
      await store.close();
    }));
}

Deno.test("store-file encrypted never encrypts twice at one place under one key", () =>
  inFolder(async (folder) => {
    // The first transaction, torn together with its session's frame, is written again at the same
    // offset: with the same key and nonce the bytes would be the same.
    const { content } = await crashedLog(`${folder}/crashed`, KEY, [400]);
    const path = `${folder}/store`;
    Deno.writeFileSync(path, content.subarray(0, FILE_HEADER_BYTES + 10));
    const store = await openFileStore({ path, key: KEY });
    await put(store, "k0", 400);
    const again = Deno.readFileSync(path);
    await store.close();
    assert.equal(again.length, content.length);
    const from = FILE_HEADER_BYTES + FRAME_HEADER_BYTES + SESSION_BYTES + FRAME_HEADER_BYTES;
    const same = again.subarray(from, from + 400)
      .filter((byte, index) => byte === content[from + index]).length;
    assert.ok(same < 60, `${same} of 400 bytes are the same`);
  }));

Deno.test("decodeFrameHeader() and openFrame() accept a frame in its own place only", () => {
  const fileId = new Uint8Array(randomBytes(32));
  const sessionKey = new Uint8Array(randomBytes(32));
  const place = { fileId, offset: 1_000, sessionKey };
  const frame = encodeFrame("last", 7, bytes("content"), place);
  const header = decodeFrameHeader(frame, place);
  assert.deepEqual({ ...header, bodyCrc: 0 }, {
    kind: "last",
    bodyBytes: 7 + 16,
    batch: 7,
    bodyCrc: 0,
  });
  assert.ok(header);
  assert.equal(text(openFrame(header, frame, place) as Uint8Array), "content");
  for (
    const elsewhere of [
      { ...place, offset: 1_001 },
      { ...place, fileId: new Uint8Array(randomBytes(32)) },
    ]
  ) {
    assert.equal(decodeFrameHeader(frame, elsewhere), undefined);
    assert.equal(openFrame(header, frame, elsewhere), undefined);
  }
  const otherKey = { ...place, sessionKey: new Uint8Array(randomBytes(32)) };
  assert.equal(openFrame(header, frame, otherKey), undefined);
  for (let bit = 0; bit < 8 * frame.length; bit++) {
    const flipped = frame.slice();
    flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
    const read = decodeFrameHeader(flipped, place);
    assert.ok(read === undefined || openFrame(read, flipped, place) === undefined, `bit ${bit}`);
  }
});

Deno.test("store-file refuses frames from another place, and from another log", () =>
  inFolder(async (folder) => {
    const { content, ends } = await crashedLog(`${folder}/crashed`, KEY, [30, 30, 30]);
    const [first, second, third] = ends as [number, number, number];
    const path = `${folder}/store`;
    const swapped = content.slice();
    swapped.set(content.subarray(second, third), first);
    swapped.set(content.subarray(first, second), second);
    Deno.writeFileSync(path, swapped);
    await using store = await openFileStore({ path, key: KEY });
    assert.equal((await entriesOf(store)).length, 2, "neither is a frame where it stands now");
    await store.close();
    const other = await crashedLog(`${folder}/other`, KEY, [30, 30, 30]);
    const mixed = content.slice();
    mixed.set(other.content.subarray(first, second), first);
    Deno.writeFileSync(path, mixed);
    await assert.rejects(openFileStore({ path, key: KEY }), hasCode("store/corrupt"));
  }));

Deno.test("store-file is smaller after compaction, and holds the same", () =>
  inFolder(async (folder) => {
    const path = `${folder}/store`;
    const events: { event: string; fields: LogFields | undefined }[] = [];
    const store = await openFileStore({
      path,
      create: true,
      key: KEY,
      compactionBytesMin: 100_000,
      log: heard(events),
    });
    await put(store, "stays", 50);
    for (let index = 0; index < 120; index++) await put(store, "changes", 2_000);
    await put(store, "last", 50);
    const entries = await entriesOf(store);
    await store.close();
    assert.ok(events.some(({ event }) => event === "store-compacted"), JSON.stringify(events));
    assert.ok(Deno.statSync(path).size < 300_000);
    await using again = await openFileStore({ path, key: KEY });
    assert.deepEqual(await entriesOf(again), entries);
    assert.ok(await getOne(again, "stays/a"));
    await again.close();
  }));

Deno.test("store-file survives a compaction that a crash cut short", () =>
  inFolder(async (folder) => {
    const path = `${folder}/store`;
    const store = await openFileStore({ path, create: true });
    await put(store, "a", 50);
    await store.close();
    Deno.writeTextFileSync(`${path}.compact`, "half");
    await using again = await openFileStore({ path });
    assert.equal((await entriesOf(again)).length, 2);
    assert.throws(() => Deno.statSync(`${path}.compact`));
    await again.close();
  }));

Deno.test("store-file refuses a newer format, unread", () =>
  inFolder(async (folder) => {
    const path = `${folder}/store`;
    await (await openFileStore({ path, create: true })).close();
    const content = Deno.readFileSync(path);
    content[9] = 2;
    Deno.writeFileSync(path, content);
    await assert.rejects(openFileStore({ path }), hasCode("store/newer-format"));
    assert.deepEqual(Deno.readFileSync(path), content);
  }));
