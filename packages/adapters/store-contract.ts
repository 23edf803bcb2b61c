import assert from "node:assert/strict";
import {
  AssertionFailure,
  type Entry,
  INCARNATION_VOID_KEY,
  KEY_BYTES_MAX,
  keyAfter,
  MessengerError,
  RANGE_BYTES_MAX,
  RANGE_ENTRIES_MAX,
  type Store,
  TRANSACTION_WRITES_MAX,
  TRANSACTIONS_WAITING_MAX,
  VALUE_BYTES_MAX,
} from "@qpq/ports";
import {
  bytes,
  runInterleavings,
  runModel,
  type StoreBench,
  text,
} from "./store-contract-model.ts";

export { bytes, text };

export interface ContractOptions {
  /** Steps of each random run. */
  readonly steps: number;
  readonly seeds: readonly number[];
}

/** What every store must do. Each adapter's test calls it with its own bench. */
export function testStoreContract(
  name: string,
  createBench: () => Promise<StoreBench>,
  options: ContractOptions,
): void {
  const test = (
    behaviour: string,
    body: (store: Store, bench: StoreBench) => Promise<void>,
  ): void =>
    Deno.test(`${name} ${behaviour}`, async () => {
      const bench = await createBench();
      try {
        const store = await bench.open();
        try {
          await body(store, bench);
        } finally {
          await store.close();
        }
      } finally {
        await bench.dispose();
      }
    });

  for (const seed of options.seeds) {
    test(`is a sorted map to random transactions, seed ${seed}`, async (first, bench) => {
      await runModel(first, bench, seed, options.steps);
    });
    test(`runs concurrent transactions as if alone, seed ${seed}`, async (store) => {
      await runInterleavings(store, seed, options.steps);
    });
  }

  test("transaction() sees its own writes, before and after", async (store) => {
    await store.transaction(async (transaction) => {
      transaction.put(bytes("a"), bytes("1"));
      transaction.put(bytes("b"), bytes("2"));
      transaction.delete(bytes("a"));
      assert.equal(await transaction.get(bytes("a")), undefined);
      assert.deepEqual(await transaction.get(bytes("b")), bytes("2"));
      const page = await transaction.range({ prefix: bytes("") });
      assert.deepEqual(page.entries, [entry("b", "2")]);
    });
    assert.deepEqual(await getOne(store, "b"), bytes("2"));
  });

  test("transaction() that throws writes nothing and gives the reason", async (store) => {
    const reason = new Error("changed its mind");
    const thrown = store.transaction(async (transaction) => {
      transaction.put(bytes("a"), bytes("1"));
      throw reason;
    });
    await assert.rejects(thrown, (error) => error === reason);
    assert.equal(await getOne(store, "a"), undefined);
  });

  test("transaction() ends a function that awaits something else", async (store) => {
    const stray = store.transaction(async (transaction) => {
      transaction.put(bytes("a"), bytes("1"));
      await new Promise((resolve) => setTimeout(resolve, 20));
      transaction.put(bytes("b"), bytes("1"));
    });
    await assert.rejects(stray, AssertionFailure);
    const nested = store.transaction(async (transaction) => {
      transaction.put(bytes("a"), bytes("1"));
      await store.transaction(async () => {});
    });
    await assert.rejects(nested, AssertionFailure);
    await store.transaction(async (transaction) => transaction.put(bytes("c"), bytes("1")));
    assert.equal(await getOne(store, "a"), undefined);
    await new Promise((resolve) => setTimeout(resolve, 30));
    assert.equal(await getOne(store, "b"), undefined);
    assert.deepEqual(await getOne(store, "c"), bytes("1"));
  });

  test("transaction() and snapshot() are of no use after their end", async (store) => {
    const transaction = await store.transaction(async (open) => open);
    await assert.rejects(transaction.get(bytes("a")), AssertionFailure);
    assert.throws(() => transaction.put(bytes("a"), bytes("1")), AssertionFailure);
    const snapshot = await store.snapshot(async (open) => open);
    await assert.rejects(snapshot.range({ prefix: bytes("") }), AssertionFailure);
  });

  test("put() and get() keep copies, of plain arrays and of node's buffers", async (store) => {
    const { Buffer } = await import("node:buffer");
    for (const make of [bytes, Buffer.from]) {
      await store.transaction(async (transaction) => {
        const value = make("1234");
        transaction.put(bytes("a"), value);
        value.fill(0);
        (await transaction.get(bytes("a")))?.fill(1);
        (await transaction.range({ prefix: bytes("a") })).entries[0]?.value.fill(1);
        assert.deepEqual(await transaction.get(bytes("a")), bytes("1234"));
      });
      (await getOne(store, "a"))?.fill(0);
      (await entriesOf(store))[0]?.value.fill(0);
      assert.deepEqual(await getOne(store, "a"), bytes("1234"));
    }
  });

  test("put() refuses what is above its limits, and holds what is at them", async (store) => {
    const key = new Uint8Array(KEY_BYTES_MAX).fill(0xff);
    const value = new Uint8Array(VALUE_BYTES_MAX).fill(7);
    await store.transaction(async (transaction) => {
      transaction.put(key, value);
      transaction.put(bytes("empty"), new Uint8Array(0));
    });
    const stored = await store.snapshot((snapshot) => snapshot.get(key));
    assert.equal(stored?.length, VALUE_BYTES_MAX);
    assert.deepEqual(await getOne(store, "empty"), new Uint8Array(0));
    const refused = (write: (put: (key: Uint8Array, value: Uint8Array) => void) => void) =>
      assert.rejects(
        store.transaction(async (transaction) => {
          transaction.put(bytes("half"), bytes("1"));
          write((key, value) => transaction.put(key, value));
        }),
        hasCode("too-large"),
      );
    await refused((put) => put(new Uint8Array(KEY_BYTES_MAX + 1), bytes("1")));
    await refused((put) => put(bytes("a"), new Uint8Array(VALUE_BYTES_MAX + 1)));
    await refused((put) => {
      for (let index = 0; index < 65; index++) put(bytes(`k${index}`), value);
    });
    await refused((put) => {
      for (let index = 0; index <= TRANSACTION_WRITES_MAX; index++) put(number(index), bytes(""));
    });
    await assert.rejects(
      store.transaction((transaction) => transaction.get(new Uint8Array(KEY_BYTES_MAX + 1))),
      hasCode("too-large"),
    );
    assert.equal(await getOne(store, "half"), undefined);
  });

  test("range() cuts at its limits and goes on behind a page, both ways", async (store) => {
    const count = RANGE_ENTRIES_MAX + 10;
    await store.transaction(async (transaction) => {
      for (let index = 0; index < count; index++) transaction.put(number(index), bytes("x"));
      for (let index = 0; index < 6; index++) {
        transaction.put(bytes(`big${index}`), new Uint8Array(VALUE_BYTES_MAX));
      }
    });
    const [page, rest, back, wide, narrow] = await store.snapshot(async (snapshot) => {
      const prefix = bytes("n");
      const page = await snapshot.range({ prefix });
      const last = page.entries.at(-1)?.key as Uint8Array;
      const rest = await snapshot.range({ prefix, start: keyAfter(last) });
      const back = await snapshot.range({ prefix, end: last, reverse: true, countMax: 2 });
      const wide = await snapshot.range({ prefix: bytes("big") });
      const narrow = await snapshot.range({ prefix, start: bytes("a"), end: bytes("z") });
      return [page, rest, back, wide, narrow];
    });
    assert.equal(page.entries.length, RANGE_ENTRIES_MAX);
    assert.equal(page.more, true);
    assert.deepEqual(rest.entries.map(({ key }) => key), numbers(RANGE_ENTRIES_MAX, count));
    assert.equal(rest.more, false);
    assert.deepEqual(back.entries.map(({ key }) => key), numbers(997, 999).toReversed());
    assert.equal(back.more, true);
    assert.ok(wide.more && wide.entries.length * VALUE_BYTES_MAX <= RANGE_BYTES_MAX);
    assert.equal(narrow.entries.length, RANGE_ENTRIES_MAX);
  });

  test("snapshot() sees no transaction that isn't durable", async (store) => {
    let seen: Uint8Array | undefined = bytes("?");
    const written = store.transaction(async (transaction) => {
      transaction.put(bytes("a"), bytes("1"));
      await transaction.get(bytes("a"));
      // Runs while the transaction does: it is not durable yet.
      void store.snapshot(async (snapshot) => {
        seen = await snapshot.get(bytes("a"));
      });
      for (let index = 0; index < 10; index++) await transaction.get(bytes("a"));
    });
    await written;
    assert.equal(seen, undefined);
    assert.deepEqual(await getOne(store, "a"), bytes("1"));
  });

  test("transaction() lets nobody see its writes before it resolves", async (store) => {
    let resolved = 0;
    let early = 0;
    let running = true;
    const readers = Array.from({ length: 2 }, async () => {
      while (running) {
        const value = await getOne(store, "a");
        // A counter that a writer raised is seen only when that writer knows.
        if (value !== undefined && Number(text(value)) > resolved + 1) early++;
        await new Promise((resolve) => setTimeout(resolve, 0));
      }
    });
    for (let index = 1; index <= 30; index++) {
      await store.transaction(async (transaction) => {
        transaction.put(bytes("a"), bytes(String(index)));
      });
      assert.equal(text(await getOne(store, "a") as Uint8Array), String(index));
      resolved = index;
    }
    running = false;
    await Promise.all(readers);
    assert.equal(early, 0);
  });

  test("watch() hears each durable change below its prefix, once, until closed", async (store) => {
    const heard: string[] = [];
    const visible: boolean[] = [];
    const watch = store.watch(bytes("a/"), (keys) => {
      heard.push(...keys.map(text));
      void getOne(store, "a/1").then((value) => visible.push(value !== undefined));
    });
    const thrower = store.watch(bytes("a/"), () => {
      throw new Error("a listener's own bug");
    });
    const all: string[] = [];
    const everything = store.watch(bytes(""), (keys) => all.push(...keys.map(text)));
    await store.transaction(async (transaction) => {
      transaction.put(bytes("a/1"), bytes("1"));
      transaction.put(bytes("a/2"), bytes("1"));
      transaction.put(bytes("b/1"), bytes("1"));
      transaction.put(bytes("a"), bytes("1"));
    });
    await store.transaction(async (transaction) => transaction.delete(bytes("a/2")));
    await assert.rejects(store.transaction(async (transaction) => {
      transaction.put(bytes("a/3"), bytes("1"));
      throw new Error("no");
    }));
    await getOne(store, "a");
    watch.close();
    watch.close();
    thrower.close();
    await store.transaction(async (transaction) => transaction.put(bytes("a/4"), bytes("1")));
    await getOne(store, "a");
    everything.close();
    assert.deepEqual(heard, ["a/1", "a/2", "a/2"]);
    assert.deepEqual(visible, [true, true]);
    assert.deepEqual(all, ["a", "a/1", "a/2", "b/1", "a/2", "a/4"]);
  });

  test("transaction() can be taken back only while it waits", async (store) => {
    const controller = new AbortController();
    const first = store.transaction(async (transaction) => {
      transaction.put(bytes("a"), bytes("1"));
      controller.abort();
    }, { signal: controller.signal });
    const second = store.transaction(async (transaction) => {
      transaction.put(bytes("b"), bytes("1"));
    }, { signal: controller.signal });
    await Promise.all([first, assert.rejects(second, hasCode("cancelled"))]);
    assert.equal(await getOne(store, "b"), undefined);
  });

  test("transaction() refuses more waiting ones than its limit", async (store) => {
    const waiting: Promise<void>[] = [];
    for (let index = 0; index < TRANSACTIONS_WAITING_MAX; index++) {
      waiting.push(store.transaction(async () => {}));
    }
    await assert.rejects(store.transaction(async () => {}), hasCode("store/overloaded"));
    await Promise.all(waiting);
    await store.transaction(async () => {});
  });

  test("close() refuses what comes after it", async (store) => {
    let closed = false;
    void store.closed.then(() => closed = true);
    const before = store.transaction(async (transaction) =>
      transaction.put(bytes("a"), bytes("1"))
    );
    await before;
    await Promise.all([store.close(), store.close()]);
    assert.equal(await store.closed, undefined);
    assert.equal(closed, true);
    await assert.rejects(store.transaction(async () => {}), hasCode("store/closed"));
    await assert.rejects(store.snapshot(async () => {}), hasCode("store/closed"));
  });

  test("close() settles every transaction: there or refused", async (store, bench) => {
    const outcomes = Array.from(
      { length: 300 },
      (_, index) =>
        store.transaction(async (transaction) => transaction.put(number(index), bytes("1")))
          .then(() => true, (error) => {
            assert.ok(hasCode("store/closed")(error));
            return false;
          }),
    );
    await outcomes[0];
    await store.close();
    const done = await Promise.all(outcomes);
    assert.equal(done[0], true);
    if (!bench.durable) return;
    await using again = await bench.open();
    const keys = (await entriesOf(again)).map(({ key }) => text(key));
    assert.deepEqual(keys, done.flatMap((there, index) => there ? [text(number(index))] : []));
  });

  test("has nothing in it when it is new", async (store) => {
    assert.deepEqual(await entriesOf(store), []);
    assert.equal(await store.snapshot((snapshot) => snapshot.get(INCARNATION_VOID_KEY)), undefined);
  });
}

/** Whether an error is a `MessengerError` of that code; for `assert.rejects`. */
export function hasCode(code: string): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof MessengerError, String(error));
    assert.equal(error.code, code);
    return true;
  };
}

export function getOne(store: Store, key: string): Promise<Uint8Array | undefined> {
  return store.snapshot((snapshot) => snapshot.get(bytes(key)));
}

export async function entriesOf(store: Store): Promise<readonly Entry[]> {
  const page = await store.snapshot((snapshot) => snapshot.range({ prefix: bytes("") }));
  assert.equal(page.more, false);
  return page.entries;
}

function entry(key: string, value: string): Entry {
  return { key: bytes(key), value: bytes(value) };
}

function number(index: number): Uint8Array {
  return bytes(`n${String(index).padStart(6, "0")}`);
}

function numbers(from: number, to: number): Uint8Array[] {
  return Array.from({ length: to - from }, (_, index) => number(from + index));
}
