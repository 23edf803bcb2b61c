import assert from "node:assert/strict";
import { MemoryDisk, type MemoryFault, openMemoryStore } from "./store-memory.ts";
import { bytes, getOne, hasCode, testStoreContract } from "./store-contract.ts";
import { runningTwice } from "./store-twice.ts";

const FULL = Deno.env.get("QPQ_TEST_LEVEL") === "full";
const CONTRACT = FULL
  ? { steps: 2_000, seeds: [1, 2, 3, 4, 5, 6, 7, 8] }
  : { steps: 200, seeds: [1, 2] };

testStoreContract("store-memory", async () => {
  const disk = new MemoryDisk();
  return { open: async () => openMemoryStore({ disk }), durable: true, dispose: async () => {} };
}, CONTRACT);

testStoreContract("store-twice over memory", async () => {
  const disk = new MemoryDisk();
  return {
    open: async () => runningTwice(openMemoryStore({ disk })),
    durable: true,
    dispose: async () => {},
  };
}, { steps: 50, seeds: [3] });

const put =
  (key: string) => async (transaction: { put(key: Uint8Array, value: Uint8Array): void }) =>
    transaction.put(bytes(key), bytes("1"));

function faultAt(commit: number, fault: MemoryFault): (commit: number) => MemoryFault | undefined {
  return (at) => at === commit ? fault : undefined;
}

Deno.test("store-memory with a full disk writes nothing and goes on", async () => {
  await using store = openMemoryStore({ faultOf: faultAt(1, { kind: "disk-full" }) });
  await assert.rejects(store.transaction(put("a")), hasCode("store/disk-full"));
  await store.transaction(put("b"));
  assert.equal(await getOne(store, "a"), undefined);
  assert.deepEqual(await getOne(store, "b"), bytes("1"));
});

for (const written of [false, true]) {
  Deno.test(`store-memory closes itself after an unknown outcome, written: ${written}`, async () => {
    const disk = new MemoryDisk();
    const store = openMemoryStore({
      disk,
      faultOf: faultAt(1, { kind: "unknown-outcome", written }),
    });
    const first = store.transaction(put("a"));
    const second = first.catch(() => store.transaction(put("b")));
    await assert.rejects(first, hasCode("store/unknown-outcome"));
    await assert.rejects(second, hasCode("store/closed"));
    assert.ok(hasCode("store/unknown-outcome")(await store.closed));
    await using again = openMemoryStore({ disk });
    assert.equal(await getOne(again, "a") !== undefined, written);
  });

  Deno.test(`store-memory crash tells nobody, written: ${written}`, async () => {
    const disk = new MemoryDisk();
    const crashed = Promise.withResolvers<void>();
    const store = openMemoryStore({
      disk,
      faultOf: faultAt(2, { kind: "crash", written }),
      onCrash: crashed.resolve,
    });
    await store.transaction(put("a"));
    let settled = false;
    void store.transaction(put("b")).finally(() => settled = true);
    await crashed.promise;
    await using again = openMemoryStore({ disk });
    assert.deepEqual(await getOne(again, "a"), bytes("1"));
    assert.equal(await getOne(again, "b") !== undefined, written);
    assert.equal(settled, false);
  });
}

Deno.test("openMemoryStore() refuses a disk that is open", async () => {
  const disk = new MemoryDisk();
  await using _store = openMemoryStore({ disk });
  assert.throws(() => openMemoryStore({ disk }), hasCode("store/in-use"));
});

Deno.test("store-memory that is slow lets readers read and hides what isn't durable", async () => {
  const timers: (() => void)[] = [];
  const clock = {
    now: () => 0,
    monotonic: () => 0,
    schedule: (_delayMs: number, callback: () => void) => {
      timers.push(callback);
      return { cancel: () => {} };
    },
  };
  await using store = openMemoryStore({
    clock,
    faultOf: faultAt(1, { kind: "slow", delayMs: 1000 }),
  });
  let done = false;
  const written = store.transaction(put("a")).then(() => done = true);
  while (timers.length === 0) await new Promise((resolve) => setTimeout(resolve, 0));
  assert.equal(await getOne(store, "a"), undefined);
  assert.equal(done, false);
  timers[0]?.();
  await written;
  assert.deepEqual(await getOne(store, "a"), bytes("1"));
});

Deno.test("store-twice shows a function that has side effects", async () => {
  await using store = runningTwice(openMemoryStore());
  let runs = 0;
  const result = await store.transaction(async (transaction) => {
    transaction.put(bytes("a"), bytes(String(++runs)));
    return runs;
  });
  assert.equal(result, 2);
  assert.deepEqual(await getOne(store, "a"), bytes("2"));
});
