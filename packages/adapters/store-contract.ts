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
  type RangeOptions,
  type Store,
  TRANSACTION_WRITES_MAX,
  TRANSACTIONS_WAITING_MAX,
  VALUE_BYTES_MAX,
} from "@qpq/ports";
import { keyBytes, keyText } from "./sorted-map.ts";

/** One place where a store can be opened, closed and opened again. */
export interface StoreBench {
  open(): Promise<Store>;
  /** Whether what was closed is there when it is opened again. */
  readonly durable: boolean;
  dispose(): Promise<void>;
}

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
      for (let index = 0; index <= TRANSACTION_WRITES_MAX; index++) put(bytes(`k${index}`), key);
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
    await first;
    await assert.rejects(second, hasCode("cancelled"));
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

/** Random transactions one after another, each compared with a sorted array. */
async function runModel(
  first: Store,
  bench: StoreBench,
  seed: number,
  steps: number,
): Promise<void> {
  const random = seeded(seed);
  const model = new Map<string, string>();
  let store = first;
  for (let step = 0; step < steps; step++) {
    let trial = new Map(model);
    const abandon = random(8) === 0;
    await store.transaction(async (transaction) => {
      trial = new Map(model);
      for (let operation = random(12); operation >= 0; operation--) {
        const key = randomKey(random);
        switch (random(5)) {
          case 0:
          case 1: {
            const value = keyText(new Uint8Array(random(40)).map(() => random(256)));
            transaction.put(keyBytes(key), keyBytes(value));
            trial.set(key, value);
            break;
          }
          case 2:
            transaction.delete(keyBytes(key));
            trial.delete(key);
            break;
          case 3: {
            const value = await transaction.get(keyBytes(key));
            assert.equal(value === undefined ? undefined : keyText(value), trial.get(key));
            break;
          }
          case 4: {
            const options = randomRange(random);
            assert.deepEqual(await transaction.range(options), modelRange(trial, options));
          }
        }
      }
      if (abandon) throw new Error("abandoned");
    }).then(() => {
      model.clear();
      for (const [key, value] of trial) model.set(key, value);
    }, (error) => {
      if (!abandon || (error as Error).message !== "abandoned") throw error;
    });
    const options = randomRange(random);
    const page = await store.snapshot((snapshot) => snapshot.range(options));
    assert.deepEqual(page, modelRange(model, options));
    if (bench.durable && random(steps) < 4) {
      await store.close();
      store = await bench.open();
    }
  }
  assert.deepEqual(
    await store.snapshot((snapshot) => snapshot.range({ prefix: bytes("") })),
    modelRange(model, { prefix: bytes("") }),
  );
  await store.close();
}

/**
 * Many writers move amounts between accounts, at random moments: the sum holds in every snapshot,
 * and the order in which they ran, which each one writes down, explains all that they read.
 */
async function runInterleavings(store: Store, seed: number, steps: number): Promise<void> {
  const random = seeded(seed);
  const accounts = 6;
  const total = 600;
  const account = (index: number): Uint8Array => bytes(`account/${index}`);
  const log: { readonly order: number; readonly read: number[]; readonly written: number[] }[] = [];
  const amount = (value: Uint8Array | undefined): number => Number(text(value as Uint8Array));
  await store.transaction(async (transaction) => {
    for (let index = 0; index < accounts; index++) {
      transaction.put(account(index), bytes(String(total / accounts)));
    }
    transaction.put(bytes("order"), bytes("0"));
  });
  const writers = Array.from({ length: 8 }, async () => {
    for (let step = 0; step < steps / 8; step++) {
      const [from, to, sum] = [random(accounts), random(accounts), random(50)];
      const pauses = random(3);
      const record = await store.transaction(async (transaction) => {
        const read = (await Promise.all(
          Array.from({ length: accounts }, (_, index) => transaction.get(account(index))),
        )).map(amount);
        const order = amount(await transaction.get(bytes("order")));
        for (let pause = 0; pause < pauses; pause++) await transaction.get(bytes("order"));
        const written = [...read];
        written[from] = (written[from] as number) - sum;
        written[to] = (written[to] as number) + sum;
        for (const [index, value] of written.entries()) {
          transaction.put(account(index), bytes(String(value)));
        }
        transaction.put(bytes("order"), bytes(String(order + 1)));
        return { order, read, written };
      });
      log.push(record);
      if (random(4) === 0) await new Promise((resolve) => setTimeout(resolve, 0));
    }
  });
  let running = true;
  const reader = (async () => {
    while (running) {
      const page = await store.snapshot(async (snapshot) => {
        const first = await snapshot.get(account(0));
        const page = await snapshot.range({ prefix: bytes("account/") });
        assert.deepEqual(page.entries[0]?.value, first);
        return page;
      });
      assert.equal(page.entries.reduce((sum, { value }) => sum + amount(value), 0), total);
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
  })();
  await Promise.all(writers);
  running = false;
  await reader;
  log.sort((left, right) => left.order - right.order);
  for (const [index, { order, read }] of log.entries()) {
    assert.equal(order, index, "each transaction has a place of its own");
    if (index > 0) {
      assert.deepEqual(read, log[index - 1]?.written, "it read what the last one wrote");
    }
  }
}

function modelRange(
  model: ReadonlyMap<string, string>,
  options: RangeOptions,
): { entries: Entry[]; more: boolean } {
  const { prefix, start, end, countMax = RANGE_ENTRIES_MAX, reverse = false } = options;
  const keys = [...model.keys()].filter((key) =>
    key.startsWith(keyText(prefix)) && (start === undefined || key >= keyText(start)) &&
    (end === undefined || key < keyText(end))
  ).sort();
  if (reverse) keys.reverse();
  return {
    entries: keys.slice(0, countMax).map((key) => ({
      key: keyBytes(key),
      value: keyBytes(model.get(key) as string),
    })),
    more: keys.length > countMax,
  };
}

function randomRange(random: (below: number) => number): RangeOptions {
  return {
    prefix: random(2) === 0 ? bytes("") : keyBytes(randomKey(random).slice(0, 1 + random(2))),
    ...(random(3) === 0 ? { start: keyBytes(randomKey(random)) } : {}),
    ...(random(3) === 0 ? { end: keyBytes(randomKey(random)) } : {}),
    ...(random(2) === 0 ? { countMax: 1 + random(6) } : {}),
    ...(random(2) === 0 ? { reverse: true } : {}),
  };
}

/** Few, so that they meet; with the bytes at which orders go wrong. */
function randomKey(random: (below: number) => number): string {
  const alphabet = "\x00\x01a\x7f\x80\xfe\xff";
  let key = "";
  do key += alphabet[random(alphabet.length)]; while (key.length < 4 && random(2) === 0);
  return key;
}

/** xorshift32: the same numbers for the same seed, everywhere. */
function seeded(seed: number): (below: number) => number {
  let state = (seed * 2_654_435_761 + 1) | 0 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/** Whether an error is a `MessengerError` of that code; for `assert.rejects`. */
export function hasCode(code: string): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof MessengerError, String(error));
    assert.equal(error.code, code);
    return true;
  };
}

export function bytes(content: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(content);
}

export function text(content: Uint8Array): string {
  return new TextDecoder().decode(content);
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
