import assert from "node:assert/strict";
import { type Entry, RANGE_ENTRIES_MAX, type RangeOptions, type Store } from "@qpq/ports";
import { keyBytes, keyText } from "./sorted-map.ts";

/** One place where a store can be opened, closed and opened again. */
export interface StoreBench {
  open(): Promise<Store>;
  /** Whether what was closed is there when it is opened again. */
  readonly durable: boolean;
  dispose(): Promise<void>;
}

/** Random transactions one after another, each compared with a sorted array. */
export async function runModel(
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
export async function runInterleavings(store: Store, seed: number, steps: number): Promise<void> {
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

export function bytes(content: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(content);
}

export function text(content: Uint8Array): string {
  return new TextDecoder().decode(content);
}
