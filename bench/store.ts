/**
 * How fast are the stores, beside the bare library and the bare disk?
 *
 *     npm run bench -- store
 *     scripts/deno.sh run --allow-all bench/store.ts [--rounds 3] [--without-restart]
 *
 * One transaction reads one value and writes two, of 512 bytes, under keys as a channel has them (16
 * random bytes and a counter; 1,000 channels). Candidates take turns in each round, so that they
 * share what the machine does meanwhile; figures are medians of the rounds. The bare library runs the
 * same statements on one thread, 64 transactions a commit, and so with the same number of fsyncs.
 * At the end a file log of 1 GiB is opened again, and the memory that each key takes is stated.
 */
import Database from "better-sqlite3-multiple-ciphers";
import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import { parseArgs } from "node:util";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { openMemoryStore } from "@qpq/adapters";
import { openFileStore, openSqliteStore, type SqliteStoreOptions } from "@qpq/adapters/stores";
import type { Store } from "@qpq/ports";

const CHANNELS = 1_000;
const VALUE_BYTES = 512;
const WRITERS = 64;
const BATCH = 64;
const TRANSACTIONS_ONE = 1_500;
const TRANSACTIONS_MANY = 16_000;
const READS = 4_000;
const RANGES = 400;
const RANGE_COUNT = 100;
const RESTART_BYTES = 1024 ** 3;

interface Figures {
  readonly one: Rate;
  readonly many: Rate;
  /** Point reads and ranges of 100 entries, a second. */
  readonly gets: number;
  readonly ranges: number;
}

interface Rate {
  readonly perSecond: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

/** Which keys a transaction touches: the head of a channel, and its next entry. */
class Load {
  readonly #channels = Array.from({ length: CHANNELS }, () => randomBytes(16));
  readonly #counters = new Uint32Array(CHANNELS);
  readonly value: Uint8Array = new Uint8Array(randomBytes(VALUE_BYTES));

  next(): { readonly head: Uint8Array; readonly entry: Uint8Array } {
    const channel = Math.floor(Math.random() * CHANNELS);
    const counter = (this.#counters[channel] as number) + 1;
    this.#counters[channel] = counter;
    return { head: this.#key(channel, 0), entry: this.#key(channel, counter) };
  }

  some(): Uint8Array {
    const channel = Math.floor(Math.random() * CHANNELS);
    return this.#key(channel, Math.floor(Math.random() * (this.#counters[channel] as number + 1)));
  }

  heads(): Uint8Array[] {
    return this.#channels.map((_, channel) => this.#key(channel, 0));
  }

  #key(channel: number, counter: number): Uint8Array {
    const key = new Uint8Array(20);
    key.set(this.#channels[channel] as Uint8Array);
    new DataView(key.buffer).setUint32(16, counter);
    return key;
  }
}

async function measureStore(open: () => Promise<Store>): Promise<Figures> {
  await using store = await open();
  const load = new Load();
  await store.transaction(async (transaction) => {
    for (const key of load.heads()) transaction.put(key, load.value);
  });
  const write = async (): Promise<void> => {
    const { head, entry } = load.next();
    await store.transaction(async (transaction) => {
      await transaction.get(head);
      transaction.put(head, load.value);
      transaction.put(entry, load.value);
    });
  };
  const one = await rateOf(1, TRANSACTIONS_ONE, write);
  const many = await rateOf(WRITERS, TRANSACTIONS_MANY, write);
  const gets = await rateOf(1, READS, async () => {
    await store.snapshot((snapshot) => snapshot.get(load.some()));
  });
  const ranges = await rateOf(1, RANGES, async () => {
    const start = load.some();
    await store.snapshot((snapshot) =>
      snapshot.range({ prefix: new Uint8Array(0), start, countMax: RANGE_COUNT })
    );
  });
  return { one, many, gets: gets.perSecond, ranges: ranges.perSecond };
}

async function rateOf(workers: number, count: number, act: () => Promise<void>): Promise<Rate> {
  const times: number[] = [];
  let left = count;
  const started = performance.now();
  await Promise.all(Array.from({ length: workers }, async () => {
    while (left-- > 0) {
      const from = performance.now();
      await act();
      times.push(performance.now() - from);
    }
  }));
  return rate(times, performance.now() - started);
}

function rate(times: number[], elapsedMs: number, perTime = 1): Rate {
  times.sort((left, right) => left - right);
  return {
    perSecond: times.length * perTime / elapsedMs * 1000,
    p50: times[times.length >> 1] as number,
    p99: times[Math.floor(times.length * 0.99)] as number,
  };
}

function measureBare(path: string, key: Uint8Array | undefined): Figures {
  const database = new Database(path);
  if (key !== undefined) {
    database.pragma("cipher='sqlcipher'");
    database.pragma("legacy=4");
    database.pragma(`key="x'${Buffer.from(key).toString("hex")}'"`);
  }
  database.pragma("journal_mode=WAL");
  database.pragma("synchronous=FULL");
  database.pragma("secure_delete=ON");
  database.exec("create table kv(key blob primary key, value blob not null)");
  const get = database.prepare("select value from kv where key = ?").pluck();
  const put = database.prepare(
    "insert into kv values(?, ?) on conflict(key) do update set value = excluded.value",
  );
  const range = database.prepare("select key, value from kv where key >= ? order by key limit ?");
  const begin = database.prepare("begin immediate");
  const commit = database.prepare("commit");
  const load = new Load();
  begin.run();
  for (const key of load.heads()) put.run(key, load.value);
  commit.run();
  const write = (transactions: number): void => {
    begin.run();
    for (let index = 0; index < transactions; index++) {
      const { head, entry } = load.next();
      get.get(head);
      put.run(head, load.value);
      put.run(entry, load.value);
    }
    commit.run();
  };
  const one = repeat(TRANSACTIONS_ONE, () => write(1));
  const many = repeat(TRANSACTIONS_MANY / BATCH, () => write(BATCH), BATCH);
  const gets = repeat(READS, () => get.get(load.some()));
  const ranges = repeat(RANGES, () => range.all(load.some(), RANGE_COUNT));
  database.close();
  return { one, many, gets: gets.perSecond, ranges: ranges.perSecond };
}

function repeat(count: number, act: () => void, perTime = 1): Rate {
  const times: number[] = [];
  const started = performance.now();
  for (let index = 0; index < count; index++) {
    const from = performance.now();
    act();
    times.push(performance.now() - from);
  }
  return rate(times, performance.now() - started, perTime);
}

/** What the disk can do alone: as many bytes as a transaction writes, then fdatasync. */
function measureDisk(path: string): { readonly one: Rate; readonly many: Rate } {
  using file = Deno.openSync(path, { write: true, create: true, append: true });
  const bytes = new Uint8Array(BATCH * 2 * (VALUE_BYTES + 20));
  const append = (transactions: number) => (): void => {
    file.writeSync(bytes.subarray(0, transactions * 2 * (VALUE_BYTES + 20)));
    file.syncDataSync();
  };
  return {
    one: repeat(TRANSACTIONS_ONE, append(1)),
    many: repeat(TRANSACTIONS_MANY / BATCH, append(BATCH), BATCH),
  };
}

function medianOf(values: readonly number[]): number {
  return values.toSorted((left, right) => left - right)[values.length >> 1] as number;
}

function print(line: string): void {
  // deno-lint-ignore no-console -- a bench prints
  console.log(line);
}

const perSecond = (value: number): string => Math.round(value).toString().padStart(9);
const ms = (value: number): string => value.toFixed(2).padStart(7);

/** @returns how many keys were written */
async function fillLog(path: string, key: Uint8Array | undefined): Promise<number> {
  await using store = await openFileStore({ path, create: true, ...(key && { key }) });
  const load = new Load();
  let keys = CHANNELS;
  await store.transaction(async (transaction) => {
    for (const key of load.heads()) transaction.put(key, load.value);
  });
  while (Deno.statSync(path).size < RESTART_BYTES) {
    await Promise.all(Array.from({ length: 256 }, () =>
      store.transaction(async (transaction) => {
        for (let index = 0; index < 16; index++) transaction.put(load.next().entry, load.value);
      })));
    keys += 256 * 16;
  }
  return keys;
}

/** Bytes in use once the garbage is gone. */
async function settledMemory(): Promise<number> {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  for (let round = 0; round < 3; round++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const { heapUsed, external } = Deno.memoryUsage();
  return heapUsed + external;
}

/** A large log, opened again. */
async function measureRestart(folder: string, key: Uint8Array | undefined): Promise<void> {
  const path = `${folder}/restart`;
  const keys = await fillLog(path, key);
  const before = await settledMemory();
  const started = performance.now();
  const store = await openFileStore({ path, ...(key && { key }) });
  const elapsed = performance.now() - started;
  const bytes = await settledMemory() - before;
  print(
    `restart, ${key ? "encrypted" : "plain"}: ${
      (Deno.statSync(path).size / 1024 ** 3).toFixed(2)
    } ` +
      `GiB, ${keys} keys of 20 bytes, in ${(elapsed / 1000).toFixed(1)} s (wanted 15); ` +
      `${(bytes / keys).toFixed(0)} bytes of memory a key`,
  );
  await store.close();
  await Deno.remove(path);
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    args: Deno.args,
    options: { rounds: { type: "string", default: "3" }, "without-restart": { type: "boolean" } },
  });
  const folder = await Deno.makeTempDir({ prefix: "qpq-bench-" });
  const key = new Uint8Array(randomBytes(32));
  const encrypted = { create: true, key } as const;
  let files = 0;
  const path = (): string => `${folder}/${files++}`;
  const sqlite = (options: Omit<SqliteStoreOptions, "path">) => () =>
    measureStore(() => openSqliteStore({ ...options, path: path() }));
  const file = (options: { create: true; key?: Uint8Array }) => () =>
    measureStore(() => openFileStore({ ...options, path: path() }));
  const candidates: Record<string, () => Figures | Promise<Figures>> = {
    "bare library, encrypted": () => measureBare(path(), key),
    "store-sqlite, encrypted": sqlite(encrypted),
    "bare library, plain": () => measureBare(path(), undefined),
    "store-sqlite, plain": sqlite({ create: true }),
    "store-file, encrypted": file(encrypted),
    "store-file, plain": file({ create: true }),
    "store-memory": () => measureStore(async () => openMemoryStore()),
  };
  try {
    const results = new Map<string, Figures[]>();
    const disks: ReturnType<typeof measureDisk>[] = [];
    for (let round = 0; round < Number(values.rounds); round++) {
      disks.push(measureDisk(path()));
      for (const [name, measure] of Object.entries(candidates)) {
        results.set(name, [...results.get(name) ?? [], await measure()]);
      }
    }
    if (disks.length > 0) report(results, disks);
    if (values["without-restart"] !== true) {
      await measureRestart(folder, undefined);
      await measureRestart(folder, key);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function report(
  results: ReadonlyMap<string, readonly Figures[]>,
  disks: readonly { readonly one: Rate; readonly many: Rate }[],
): void {
  const median = (name: string, figure: (figures: Figures) => number): number =>
    medianOf((results.get(name) ?? []).map(figure));
  const disk = (figure: (disk: { one: Rate; many: Rate }) => number): string =>
    ms(medianOf(disks.map(figure)));
  print(
    `transactions/s, ${VALUE_BYTES} B, read 1 write 2; ms p50 p99; reads/s; ${disks.length} rounds`,
  );
  print(
    `${"".padEnd(24)} ${"1 writer".padStart(9)}     p50     p99 ${
      "64".padStart(9)
    }     p50     p99` +
      `      gets  ranges100`,
  );
  for (const name of results.keys()) {
    print(
      `${name.padEnd(24)} ${perSecond(median(name, ({ one }) => one.perSecond))} ${
        ms(median(name, ({ one }) => one.p50))
      } ${ms(median(name, ({ one }) => one.p99))} ${
        perSecond(median(name, ({ many }) => many.perSecond))
      } ${ms(median(name, ({ many }) => many.p50))} ${ms(median(name, ({ many }) => many.p99))} ${
        perSecond(median(name, ({ gets }) => gets))
      }  ${perSecond(median(name, ({ ranges }) => ranges))}`,
    );
  }
  print(
    `the disk's own write + fdatasync, ms: 1 transaction p50 ${disk(({ one }) => one.p50)} p99 ${
      disk(({ one }) => one.p99)
    }; 64 of them p50 ${disk(({ many }) => many.p50)} p99 ${disk(({ many }) => many.p99)}`,
  );
  const ratio = (above: string, below: string): string =>
    medianOf(
      (results.get(above) ?? []).map(({ many }, round) =>
        many.perSecond / ((results.get(below)?.[round] as Figures).many.perSecond)
      ),
    ).toFixed(2);
  for (const kind of ["encrypted", "plain"]) {
    const self = `store-sqlite, ${kind}`;
    const own = medianOf(
      (results.get(self) ?? []).map(({ one, many }) => many.perSecond / one.perSecond),
    );
    print(
      `store-sqlite, ${kind}: 64 writers are ${ratio(self, `bare library, ${kind}`)} of the bare ` +
        `library (wanted 0.60), ${own.toFixed(1)} x one writer (wanted 4); store-file is ${
          ratio(`store-file, ${kind}`, self)
        } of it (wanted above 1)`,
    );
  }
}

await main();
