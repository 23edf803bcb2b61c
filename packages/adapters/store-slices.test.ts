/** What `packages/ports` builds over any store: slices' versions, and large bodies. */
import assert from "node:assert/strict";
import {
  AssertionFailure,
  BODY_BYTES_MAX,
  BODY_CHUNK_BYTES,
  deleteBody,
  encodeKey,
  getBody,
  openSlices,
  putBody,
  type SliceSchema,
  type Store,
} from "@qpq/ports";
import { bytes, entriesOf, getOne, hasCode, text } from "./store-contract.ts";
import { openMemoryStore } from "./store-memory.ts";
import { runningTwice } from "./store-twice.ts";

function schema(version: number, runs: number[] = []): SliceSchema {
  return {
    name: "channels",
    version,
    migrations: Array.from({ length: version - 1 }, (_, step) => async (transaction) => {
      runs.push(step + 1);
      const before = await transaction.get(bytes("trail"));
      transaction.put(bytes("trail"), bytes(`${before ? text(before) : ""}${step + 1}`));
    }),
  };
}

Deno.test("openSlices() migrates once, in order, from where the data is", async () => {
  await using store = openMemoryStore();
  assert.deepEqual(await openSlices(store, [schema(1)]), [{ name: "channels", from: 0 }]);
  assert.equal(await getOne(store, "trail"), undefined);
  assert.deepEqual(await openSlices(store, [schema(3)]), [{ name: "channels", from: 1 }]);
  assert.deepEqual(await openSlices(store, [schema(3)]), []);
  assert.deepEqual(await openSlices(store, [schema(4)]), [{ name: "channels", from: 3 }]);
  assert.equal(text(await getOne(store, "trail") as Uint8Array), "123");
});

Deno.test("openSlices() leaves no trace of a migration's first run", async () => {
  await using store = runningTwice(openMemoryStore());
  const runs: number[] = [];
  await openSlices(store, [schema(1)]);
  await openSlices(store, [schema(2, runs)]);
  assert.deepEqual(runs, [1, 1]);
  assert.equal(text(await getOne(store, "trail") as Uint8Array), "1");
});

Deno.test("openSlices() refuses newer data and changes nothing, of no slice", async () => {
  await using store = openMemoryStore();
  await openSlices(store, [schema(2)]);
  const before = await entriesOf(store);
  const other = { name: "accounts", version: 1, migrations: [] };
  await assert.rejects(openSlices(store, [other, schema(1)]), hasCode("store/newer-schema"));
  assert.deepEqual(await entriesOf(store), before);
});

Deno.test("openSlices() takes a failed migration back whole", async () => {
  await using store = openMemoryStore();
  await openSlices(store, [schema(1)]);
  const before = await entriesOf(store);
  const failing: SliceSchema = {
    ...schema(3),
    migrations: [
      schema(3).migrations[0] as SliceSchema["migrations"][0],
      () => Promise.reject(new Error("no")),
    ],
  };
  await assert.rejects(openSlices(store, [failing]), /no/);
  assert.deepEqual(await entriesOf(store), before);
});

Deno.test("openSlices() refuses slices that can't be: twice a name, a step missing", async () => {
  await using store = openMemoryStore();
  await assert.rejects(openSlices(store, [schema(1), schema(1)]), AssertionFailure);
  await assert.rejects(openSlices(store, [{ ...schema(3), version: 2 }]), AssertionFailure);
  await assert.rejects(openSlices(store, [{ ...schema(1), name: "store" }]), AssertionFailure);
});

const PARTS = ["channels", Uint8Array.of(1), "body"] as const;

function body(length: number): Uint8Array {
  return new Uint8Array(length).map((_, index) => index % 251);
}

function read(store: Store): Promise<Uint8Array | undefined> {
  return store.snapshot((snapshot) => getBody(snapshot, PARTS));
}

Deno.test("putBody() and getBody() hold every length, also over a longer one", async () => {
  await using store = runningTwice(openMemoryStore());
  assert.equal(await read(store), undefined);
  const lengths = [3 * BODY_CHUNK_BYTES + 1, BODY_CHUNK_BYTES, BODY_CHUNK_BYTES + 1, 1, 0];
  for (const length of lengths) {
    const content = body(length);
    await store.transaction((transaction) => putBody(transaction, PARTS, content));
    assert.deepEqual(await read(store), content);
    const chunks = Math.ceil(length / BODY_CHUNK_BYTES);
    assert.equal((await entriesOf(store)).length, 1 + chunks, "no chunk is left over");
  }
  await store.transaction((transaction) => putBody(transaction, PARTS, body(BODY_CHUNK_BYTES + 9)));
  await store.transaction((transaction) => deleteBody(transaction, PARTS));
  await store.transaction((transaction) => deleteBody(transaction, PARTS));
  assert.deepEqual(await entriesOf(store), []);
});

Deno.test("putBody() refuses more than its limit and holds what is at it", async () => {
  await using store = openMemoryStore();
  const content = new Uint8Array(BODY_BYTES_MAX).fill(3);
  await store.transaction((transaction) => putBody(transaction, PARTS, content));
  assert.equal((await read(store))?.length, BODY_BYTES_MAX);
  const larger = new Uint8Array(BODY_BYTES_MAX + 1);
  await assert.rejects(
    store.transaction((transaction) => putBody(transaction, PARTS, larger)),
    hasCode("too-large"),
  );
});

Deno.test("getBody() gives no body of which something is missing", async () => {
  await using store = openMemoryStore();
  await store.transaction((transaction) => putBody(transaction, PARTS, body(BODY_CHUNK_BYTES + 9)));
  await store.transaction(async (transaction) => transaction.delete(encodeKey(...PARTS, 1)));
  await assert.rejects(read(store), hasCode("store/corrupt"));
  for (const head of [bytes("x"), new Uint8Array(4).fill(255)]) {
    await store.transaction(async (transaction) => transaction.put(encodeKey(...PARTS), head));
    await assert.rejects(read(store), hasCode("store/corrupt"));
  }
});
