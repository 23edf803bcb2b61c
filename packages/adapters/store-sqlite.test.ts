import assert from "node:assert/strict";
import Database from "better-sqlite3-multiple-ciphers";
import { bytes, getOne, testStoreContract, text } from "./store-contract.ts";
import { openSqliteStore } from "./store-sqlite.ts";

const FULL = Deno.env.get("QPQ_TEST_LEVEL") === "full";
const CONTRACT = FULL ? { steps: 1_000, seeds: [1, 2, 3, 4] } : { steps: 60, seeds: [1] };

for (const key of [undefined, crypto.getRandomValues(new Uint8Array(32))]) {
  testStoreContract(`store-sqlite ${key ? "encrypted" : "plain"}`, async () => {
    const folder = await Deno.makeTempDir();
    return {
      open: () =>
        openSqliteStore({
          path: `${folder}/db`,
          create: true,
          ...(key === undefined ? {} : { key }),
        }),
      durable: true,
      dispose: () => Deno.remove(folder, { recursive: true }),
    };
  }, CONTRACT);
}

Deno.test("store-sqlite gives a snapshot one state while the other thread commits", async () => {
  const folder = await Deno.makeTempDir();
  const store = await openSqliteStore({ path: `${folder}/db`, create: true });
  const write = (value: string): Promise<void> =>
    store.transaction(async (transaction) => {
      transaction.put(bytes("a"), bytes(value));
      transaction.put(bytes("b"), bytes(value));
    });
  await write("1");
  await getOne(store, "a");
  let written: Promise<void> | undefined;
  const seen = await store.snapshot(async (snapshot) => {
    // From memory: the database has not been asked for anything yet.
    const first = await snapshot.get(bytes("a"));
    written = write("2");
    for (let turn = 0; turn < 100; turn++) await null;
    // This thread stands still; the batch is on its way, and the other thread commits it.
    const until = performance.now() + 100;
    while (performance.now() < until);
    const { entries } = await snapshot.range({ prefix: bytes("b") });
    return [first, entries[0]?.value, await snapshot.get(bytes("a"))];
  });
  assert.deepEqual(seen.map((value) => text(value as Uint8Array)), ["1", "1", "1"]);
  await written;
  assert.equal(text(await getOne(store, "b") as Uint8Array), "2");
  await store.close();
  await Deno.remove(folder, { recursive: true });
});

Deno.test("store-sqlite commits while somebody reads for long and its log can't be cut", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/db`;
  const store = await openSqliteStore({ path, create: true, truncateIntervalMs: 1 });
  const write = (): Promise<void> =>
    store.transaction(async (transaction) => transaction.put(bytes("a"), bytes("1")));
  await write();
  const reader = new Database(path, { readonly: true });
  const rows = reader.prepare("select * from kv").iterate();
  rows.next();
  // The log is to be cut after each; waiting for the reader would take seconds every time.
  for (let round = 0; round < 40; round++) {
    await write();
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  rows.return?.();
  reader.close();
  for (let wait = 0; wait < 2_400 && Deno.statSync(`${path}-wal`).size > 0; wait++) {
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  assert.equal(Deno.statSync(`${path}-wal`).size, 0, "cut when the reader has gone");
  await store.close();
  await Deno.remove(folder, { recursive: true });
});

Deno.test("store-sqlite moves what it wrote to its place while it goes on, before the log is cut", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/db`;
  const store = await openSqliteStore({ path, create: true, key: new Uint8Array(32) });
  let written = 0;
  const write = (): Promise<void> =>
    store.transaction(async (transaction) => {
      for (let count = 0; count < 100; count++) {
        transaction.put(bytes(String(written++)), new Uint8Array(500));
      }
    });
  // Without it the file stays as it is until 32 MiB are in the log, or half a minute is over.
  for (let wait = 0; wait < 400 && Deno.statSync(path).size < 262_144; wait++) {
    if (wait < 60) await write();
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  assert.ok(Deno.statSync(path).size >= 262_144, `${Deno.statSync(path).size} bytes`);
  await write();
  await store.close();
  const again = await openSqliteStore({ path, key: new Uint8Array(32) });
  for (let index = 0; index < written; index += 99) {
    assert.equal((await getOne(again, String(index)))?.length, 500);
  }
  await again.close();
  await Deno.remove(folder, { recursive: true });
});

Deno.test("store-sqlite lays rows together that change again and again", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/db`;
  const store = await openSqliteStore({ path, create: true });
  const names = ["a", "b", "c", "d"];
  for (const name of names) {
    await store.transaction(async (transaction) => {
      transaction.put(bytes(name), bytes("0"));
      transaction.put(bytes(`${name} and what came with it`), new Uint8Array(2_000));
    });
  }
  const change = (name: string): Promise<void> =>
    store.transaction(async (transaction) => {
      const before = Number(text(await transaction.get(bytes(name)) as Uint8Array));
      transaction.put(bytes(name), bytes(String(before + 1)));
    });
  const changeAll = () => Promise.all(names.map(change));
  const placesOf = (): readonly number[] => {
    const database = new Database(path, { readonly: true });
    const place = database.prepare("select rowid from kv where key = ?").pluck();
    const places = names.map((name) => Number(place.get(bytes(name))));
    database.close();
    return places;
  };
  const first = placesOf();
  await changeAll();
  assert.deepEqual(placesOf(), first, "what changes once stays");
  await changeAll();
  const places = placesOf();
  assert.deepEqual(places, [9, 10, 11, 12]);
  await store.transaction(async (transaction) => transaction.put(bytes("e"), bytes("0")));
  await changeAll();
  assert.deepEqual(placesOf(), places, "and moves once");
  for (const name of names) assert.equal(text(await getOne(store, name) as Uint8Array), "3");
  await store.close();
  await Deno.remove(folder, { recursive: true });
});
