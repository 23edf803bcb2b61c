/** What transactions see and are told while a batch is on its way to the disk. */
import assert from "node:assert/strict";
import { MessengerError, type Store } from "@qpq/ports";
import { type KeySpan, SortedMap } from "./sorted-map.ts";
import { bytes, getOne, hasCode } from "./store-contract.ts";
import type { StoreEngine, Write } from "./store-engine.ts";
import { BATCH_TRANSACTIONS_MAX, openLane } from "./store-lane.ts";

/** A disk that is done when the test says so. */
class SlowEngine implements StoreEngine {
  readonly entries = new SortedMap<Uint8Array>();
  /** Those that wait: resolved, or refused, by the test. */
  readonly commits: (PromiseWithResolvers<void> & { readonly keys: number })[] = [];

  beginReads(): void {}
  endReads(): void {}

  get(key: string): Uint8Array | undefined {
    return this.entries.get(key)?.slice();
  }

  scan(span: KeySpan): Iterable<readonly [string, Uint8Array]> {
    return this.entries.entries(span);
  }

  async commit(writes: readonly Write[]): Promise<() => void> {
    const commit = { ...Promise.withResolvers<void>(), keys: writes.length };
    this.commits.push(commit);
    await commit.promise;
    return () => {
      for (const [key, value] of writes) {
        if (value === undefined) this.entries.delete(key);
        else this.entries.set(key, value);
      }
    };
  }

  async close(): Promise<void> {}
}

function open(): { readonly engine: SlowEngine; readonly store: Store } {
  const engine = new SlowEngine();
  return { engine, store: openLane(engine) };
}

/** Everything that can happen without the disk has happened. */
function settled(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/** Notes what the key was, and writes a value. */
function replace(store: Store, key: string, value: string, seen: (string | undefined)[] = []) {
  return store.transaction(async (transaction) => {
    const before = await transaction.get(bytes(key));
    seen.push(before && new TextDecoder().decode(before));
    transaction.put(bytes(key), bytes(value));
  });
}

Deno.test("a transaction sees what is on its way to the disk, and is told when both are there", async () => {
  const { engine, store } = open();
  const told: string[] = [];
  const seen: (string | undefined)[] = [];
  const first = replace(store, "a", "1", seen).then(() => told.push("first"));
  await settled();
  const second = replace(store, "a", "2", seen).then(() => told.push("second"));
  const third = store.transaction((transaction) => transaction.get(bytes("a")))
    .then((value) => told.push(`third ${new TextDecoder().decode(value)}`));
  await settled();
  assert.deepEqual(seen, [undefined, "1"]);
  assert.equal(engine.commits.length, 1, "one batch at a time");
  assert.equal(await getOne(store, "a"), undefined, "readers see what is durable");
  assert.deepEqual(told, []);
  engine.commits[0]?.resolve();
  await first;
  await settled();
  assert.deepEqual(told, ["first"]);
  assert.deepEqual(await getOne(store, "a"), bytes("1"));
  engine.commits[1]?.resolve();
  await Promise.all([second, third]);
  assert.deepEqual(told, ["first", "second", "third 2"]);
  await store.close();
});

Deno.test("a range sees what is on its way to the disk, deletions included", async () => {
  const { engine, store } = open();
  const keysOf = (): Promise<readonly string[]> =>
    store.transaction(async (transaction) => {
      const { entries } = await transaction.range({ prefix: new Uint8Array() });
      return entries.map(({ key }) => new TextDecoder().decode(key));
    });
  const first = Promise.all([replace(store, "a", "1"), replace(store, "b", "1")]);
  await settled();
  engine.commits[0]?.resolve();
  await first;
  void store.transaction(async (transaction) => transaction.delete(bytes("a")));
  void replace(store, "c", "1");
  await settled();
  void replace(store, "d", "1");
  const keys = keysOf();
  await settled();
  engine.commits[1]?.resolve();
  await settled();
  engine.commits[2]?.resolve();
  assert.deepEqual(await keys, ["b", "c", "d"]);
  await store.close();
});

Deno.test("a transaction whose ground was refused runs again, in the same order", async () => {
  const { engine, store } = open();
  const seen: (string | undefined)[] = [];
  const first = replace(store, "a", "1", seen);
  await settled();
  const others = Promise.all([replace(store, "a", "2", seen), replace(store, "a", "3", seen)]);
  const failing = store.transaction(async (transaction) => {
    const before = await transaction.get(bytes("a"));
    throw new Error(`refused at ${before && new TextDecoder().decode(before)}`);
  });
  const failed = assert.rejects(failing, { message: "refused at 3" });
  await settled();
  engine.commits[0]?.reject(new MessengerError("store/disk-full", "no space"));
  await assert.rejects(first, hasCode("store/disk-full"));
  await settled();
  engine.commits[1]?.resolve();
  await Promise.all([others, failed]);
  assert.deepEqual(seen, [undefined, "1", "2", undefined, "2"]);
  assert.deepEqual(await getOne(store, "a"), bytes("3"));
  await store.close();
});

Deno.test("what is refused while others begin to run changes nothing of their order", async () => {
  for (let turns = 0; turns < 16; turns++) {
    const { engine, store } = open();
    const seen: (string | undefined)[] = [];
    const first = assert.rejects(replace(store, "a", "1"), hasCode("store/disk-full"));
    await settled();
    const second = replace(store, "a", "2");
    await settled();
    const others = Promise.all(["3", "4", "5"].map((value) => replace(store, "a", value, seen)));
    for (let turn = 0; turn < turns; turn++) await null;
    engine.commits[0]?.reject(new MessengerError("store/disk-full", "no space"));
    await first;
    for (let commit = 1; commit < 4; commit++) {
      await settled();
      engine.commits[commit]?.resolve();
    }
    await Promise.all([second, others]);
    assert.deepEqual(seen.slice(-3), ["2", "3", "4"], `after ${turns} turns`);
    assert.deepEqual(await getOne(store, "a"), bytes("5"));
    await store.close();
  }
});

Deno.test("nothing goes to a disk behind a batch of unknown outcome", async () => {
  const { engine, store } = open();
  const first = replace(store, "a", "1");
  await settled();
  const second = replace(store, "b", "2");
  await settled();
  engine.commits[0]?.reject(new Error("the disk failed"));
  await assert.rejects(first, hasCode("store/unknown-outcome"));
  await assert.rejects(second, hasCode("store/closed"));
  await store.closed;
  assert.equal(engine.commits.length, 1);
});

Deno.test("a batch is bounded while the disk is busy; what waits runs when it is free", async () => {
  const { engine, store } = open();
  const first = replace(store, "first", "1");
  await settled();
  let runs = 0;
  const others = Array.from(
    { length: BATCH_TRANSACTIONS_MAX + 10 },
    (_, index) =>
      store.transaction(async (transaction) => {
        runs++;
        transaction.put(bytes(String(index)), bytes("1"));
      }),
  );
  await settled();
  assert.equal(runs, BATCH_TRANSACTIONS_MAX);
  engine.commits[0]?.resolve();
  await first;
  await settled();
  assert.equal(runs, BATCH_TRANSACTIONS_MAX + 10);
  assert.equal(engine.commits[1]?.keys, BATCH_TRANSACTIONS_MAX);
  engine.commits[1]?.resolve();
  await settled();
  assert.equal(engine.commits[2]?.keys, 10);
  engine.commits[2]?.resolve();
  await Promise.all(others);
  await store.close();
});

Deno.test("close() waits for what has run, and refuses what has not", async () => {
  const { engine, store } = open();
  const first = replace(store, "a", "1");
  await settled();
  const second = replace(store, "b", "2");
  await settled();
  const third = replace(store, "c", "3");
  const closing = store.close();
  await assert.rejects(replace(store, "d", "4"), hasCode("store/closed"));
  await settled();
  engine.commits[0]?.resolve();
  await settled();
  engine.commits[1]?.resolve();
  await Promise.all([first, second, closing]);
  await assert.rejects(third, hasCode("store/closed"));
  assert.equal(engine.commits.length, 2);
});
