/**
 * A process of the stores' tests: opens a store, does as it is told, and says on standard output what
 * was acknowledged. It may be killed at any moment, and its disk may fail.
 *
 *     store-child.ts TASK KIND PATH KEY_HEX
 */
import { MessengerError, type Store } from "@qpq/ports";
import { openFileStore } from "./store-file.ts";
import { openSqliteStore } from "./store-sqlite.ts";

/** Tiny, so that compaction is met as well. */
const COMPACTION_BYTES_MIN = 200_000;
const WRITERS = 8;

const [task, kind, path, keyHex] = Deno.args as [string, string, string, string];

function open(): Promise<Store> {
  const key = Uint8Array.fromHex(keyHex);
  const options = { path, create: true, ...(key.length === 0 ? {} : { key }) };
  return kind === "file"
    ? openFileStore({ ...options, compactionBytesMin: COMPACTION_BYTES_MIN })
    : openSqliteStore(options);
}

function say(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

/** Two keys and a counter in one transaction: all of it is there, or nothing. */
async function putPair(store: Store, id: string): Promise<void> {
  const value = new Uint8Array(100 + Math.floor(Math.random() * 2_000)).fill(id.length);
  await store.transaction(async (transaction) => {
    const counter = await transaction.get(bytes("count"));
    const count = counter === undefined ? 0 : Number(new TextDecoder().decode(counter));
    transaction.put(bytes(`left/${id}`), value);
    transaction.put(bytes(`right/${id}`), value);
    transaction.put(bytes("count"), bytes(String(count + 1)));
    transaction.put(bytes(`churn/${count % 20}`), value);
  });
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

const TASKS: Readonly<Record<string, (store: Store) => Promise<void>>> = {
  /** Until it is killed. */
  load: async (store) => {
    const run = crypto.randomUUID();
    await Promise.all(Array.from({ length: WRITERS }, async (_, writer) => {
      for (let index = 0;; index++) {
        const id = `${run}/${writer}/${index}`;
        await putPair(store, id);
        say(`acknowledged ${id}`);
      }
    }));
  },
  /** Ten, one after another; a refused one is said, too. */
  ten: async (store) => {
    say("begun");
    for (let index = 0; index < 10; index++) {
      try {
        await putPair(store, String(index));
        say(`acknowledged ${index}`);
      } catch (error) {
        say(`refused ${index} ${error instanceof MessengerError ? error.code : String(error)}`);
      }
    }
  },
  /** How many reads end while one transaction is on its way, and how many see it early. */
  reads: async (store) => {
    await putPair(store, "first");
    let written = false;
    const writing = putPair(store, "second").then(() => written = true);
    let reads = 0;
    let early = 0;
    while (!written) {
      const prefix = bytes("left/");
      const { entries } = await store.snapshot((snapshot) => snapshot.range({ prefix }));
      if (!written) {
        reads++;
        if (entries.length > 1) early++;
      }
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await writing;
    say(`reads ${reads} early ${early}`);
  },
  /** Opened, and held until it is killed. */
  hold: async () => {
    say("open");
    await new Promise((resolve) => setTimeout(resolve, 60_000));
  },
};

const run = TASKS[task];
if (run === undefined) throw new Error(`no task ${task}`);
let store: Store;
try {
  store = await open();
} catch (error) {
  say(`unopened ${error instanceof MessengerError ? error.code : String(error)}`);
  Deno.exit(1);
}
await run(store);
await store.close();
