import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import Database from "better-sqlite3-multiple-ciphers";
import { INCARNATION_VOID_KEY, type Store, STORE_KEY_PART } from "@qpq/ports";
import { backupStore, restoreBackup } from "./store-backup.ts";
import { bytes, entriesOf, getOne, hasCode, text } from "./store-contract.ts";
import { createKeyFile } from "./key-file.ts";
import { openFileStore } from "./store-file.ts";
import { openStore, rekeyStore, type StoreLocation } from "./store-open.ts";
import { openSqliteStore } from "./store-sqlite.ts";

const KEY = new Uint8Array(randomBytes(32));
const OTHER_KEY = new Uint8Array(randomBytes(32));
const KINDS = ["sqlite", "file"] as const;
const CHEAP = { memoryKiB: 64, passes: 1, lanes: 1 };

type Kind = typeof KINDS[number];

function open(kind: Kind, path: string, key: Uint8Array | undefined, create = false) {
  const options = { path, create, ...(key === undefined ? {} : { key }) };
  return kind === "file" ? openFileStore(options) : openSqliteStore(options);
}

async function put(store: Store, key: string, value: string | Uint8Array): Promise<void> {
  await store.transaction(async (transaction) => {
    transaction.put(bytes(key), typeof value === "string" ? bytes(value) : value);
  });
}

function testEach(behaviour: string, body: (kind: Kind, folder: string) => Promise<void>): void {
  for (const kind of KINDS) {
    Deno.test(`store-${kind} ${behaviour}`, async () => {
      const folder = await Deno.makeTempDir();
      try {
        await body(kind, folder);
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    });
  }
}

/** All files and their bytes, but the lock, which every try makes. */
function contentsOf(folder: string): Record<string, string> {
  const contents: Record<string, string> = {};
  for (const { name } of Deno.readDirSync(folder)) {
    if (name.endsWith(".lock") || name.endsWith("-shm")) continue;
    contents[name] = Deno.readFileSync(`${folder}/${name}`).toHex();
  }
  return contents;
}

testEach("opened by a wrong key changes and makes nothing", async (kind, folder) => {
  const path = `${folder}/store`;
  for (const key of [KEY, undefined]) {
    const store = await open(kind, path, key, true);
    await put(store, "a", "1");
    await store.close();
    const before = contentsOf(folder);
    for (const wrong of [OTHER_KEY, key === undefined ? KEY : undefined]) {
      for (const create of [false, true]) {
        await assert.rejects(open(kind, path, wrong, create), hasCode("store/wrong-key"));
        assert.deepEqual(contentsOf(folder), before);
      }
    }
    await using again = await open(kind, path, key);
    assert.equal(text(await getOne(again, "a") as Uint8Array), "1");
    await again.close();
    for (const { name } of Deno.readDirSync(folder)) Deno.removeSync(`${folder}/${name}`);
  }
});

Deno.test("store-sqlite opened by a wrong key leaves a log alone that a crash left", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/store`;
  const crashed = await open("sqlite", path, KEY, true);
  await put(crashed, "a", "1");
  // As a crash leaves it: the log is full, and what is in the database file is old.
  const copy = `${folder}/copy`;
  Deno.mkdirSync(copy);
  for (const suffix of ["", "-wal"]) Deno.copyFileSync(path + suffix, `${copy}/store${suffix}`);
  await crashed.close();
  const before = contentsOf(copy);
  assert.ok((before["store-wal"] as string).length > 0);
  await assert.rejects(open("sqlite", `${copy}/store`, OTHER_KEY), hasCode("store/wrong-key"));
  assert.deepEqual(contentsOf(copy), before);
  // A first page that a crash tore doesn't make the key a wrong one: the log has it.
  const file = Deno.openSync(`${copy}/store`, { write: true });
  file.writeSync(new Uint8Array(randomBytes(4096)).subarray(16));
  file.close();
  const torn = Deno.readFileSync(`${copy}/store`);
  torn.set(Deno.readFileSync(path).subarray(0, 16));
  Deno.writeFileSync(`${copy}/store`, torn);
  const { databaseKind } = await import("./sqlite-pages.ts");
  assert.equal(databaseKind(`${copy}/store`, KEY), "encrypted");
  assert.equal(databaseKind(`${copy}/store`, OTHER_KEY), "other-key");
  await Deno.remove(folder, { recursive: true });
});

testEach("says what is wrong with a file, each by its own code", async (kind, folder) => {
  const path = `${folder}/store`;
  await assert.rejects(open(kind, path, KEY), hasCode("store/missing"));
  assert.deepEqual([...Deno.readDirSync(folder)], []);
  await assert.rejects(open(kind, `${folder}/no/store`, KEY, true), hasCode("store/missing"));
  for (const content of ["", "just text\n", "x".repeat(8_192)]) {
    Deno.writeTextFileSync(path, content);
    for (const key of [KEY, undefined]) {
      await assert.rejects(open(kind, path, key, true), hasCode("store/not-a-store"));
      assert.equal(Deno.readTextFileSync(path), content);
    }
  }
  Deno.removeSync(path);
  const first = await open(kind, path, undefined, true);
  await assert.rejects(open(kind, path, undefined), hasCode("store/in-use"));
  await first.close();
});

Deno.test("store-sqlite refuses another program's database, and a newer one of ours", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/store`;
  const foreign = new Database(path);
  foreign.exec("create table t(a)");
  foreign.close();
  await assert.rejects(openSqliteStore({ path }), hasCode("store/not-a-store"));
  Deno.removeSync(path);
  await (await openSqliteStore({ path, create: true })).close();
  const newer = new Database(path);
  newer.pragma("user_version=2");
  newer.close();
  await assert.rejects(openSqliteStore({ path }), hasCode("store/newer-format"));
  await Deno.remove(folder, { recursive: true });
});

Deno.test("store-sqlite names a damaged page corrupt, and leaves the other pages readable", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/store`;
  const store = await openSqliteStore({ path, key: KEY, create: true });
  for (let index = 0; index < 100; index++) {
    await put(store, `k${index}`, new Uint8Array(1_000).fill(index));
  }
  await store.close();
  const content = Deno.readFileSync(path);
  const middle = content.length >> 1;
  content[middle] = (content[middle] as number) ^ 1;
  Deno.writeFileSync(path, content);
  await using again = await openSqliteStore({ path, key: KEY });
  let corrupt = 0;
  for (let index = 0; index < 100; index++) {
    await getOne(again, `k${index}`).catch((error) => {
      hasCode("store/corrupt")(error);
      corrupt++;
    });
  }
  assert.ok(corrupt > 0 && corrupt < 100, `${corrupt}`);
  await again.close();
  await Deno.remove(folder, { recursive: true });
});

testEach("openStore() goes through the key file", async (kind, folder) => {
  const location: StoreLocation = { kind, path: `${folder}/store`, cost: CHEAP };
  await assert.rejects(openStore({ ...location, password: "p" }), hasCode("store/missing"));
  assert.deepEqual([...Deno.readDirSync(folder)], []);
  const store = await openStore({ ...location, password: "p", create: true });
  await put(store, "a", "1");
  await store.close();
  const before = contentsOf(folder);
  const wrong = { ...location, password: "q", create: true };
  await assert.rejects(openStore(wrong), hasCode("store/wrong-password"));
  await assert.rejects(openStore({ ...location, create: true }), hasCode("store/wrong-key"));
  assert.deepEqual(contentsOf(folder), before);
  // Without its key file a store is not made anew over what is there.
  Deno.renameSync(`${location.path}.key`, `${folder}/away`);
  const keyless = openStore({ ...location, password: "p", create: true });
  await assert.rejects(keyless, hasCode("store/missing"));
  Deno.renameSync(`${folder}/away`, `${location.path}.key`);
  await using again = await openStore({ ...location, password: "p" });
  assert.equal(text(await getOne(again, "a") as Uint8Array), "1");
  await again.close();
});

testEach("rekeyStore() adds, changes and removes the password", async (kind, folder) => {
  const location: StoreLocation = { kind, path: `${folder}/store`, cost: CHEAP };
  const first = await openStore({ ...location, create: true });
  for (let index = 0; index < 30; index++) await put(first, `k${index}`, new Uint8Array(3_000));
  const entries = await entriesOf(first);
  await assert.rejects(rekeyStore(location, { from: "", to: "one" }), hasCode("store/in-use"));
  await first.close();
  for (const [from, to] of [["", "one"], ["one", "two"], ["two", ""], ["", "three"]] as const) {
    const wrong = from === "" ? "nonsense" : `${from}!`;
    await assert.rejects(rekeyStore(location, { from: wrong, to }));
    await rekeyStore(location, { from, to });
    await assert.rejects(openStore({ ...location, password: from }));
    await using store = await openStore({ ...location, password: to });
    assert.deepEqual(await entriesOf(store), entries);
  }
  const names = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
  assert.deepEqual(names.filter((name) => !/-(wal|shm)$/.test(name)), [
    "store",
    "store.key",
    "store.lock",
  ]);
});

testEach("rekeyStore() goes on where a crash interrupted it", async (kind, folder) => {
  const location: StoreLocation = { kind, path: `${folder}/store`, cost: CHEAP };
  const store = await openStore({ ...location, create: true });
  await put(store, "a", "1");
  await store.close();
  // Between the new key file and the new store, in either direction; and a copy that was half done.
  await createKeyFile(`${location.path}.key`, "half", CHEAP);
  Deno.writeTextFileSync(`${location.path}.rekey`, "half");
  await (await openStore(location)).close();
  await assert.rejects(openStore({ ...location, password: "half" }), hasCode("store/wrong-key"));
  await rekeyStore(location, { from: "", to: "whole" });
  await using again = await openStore({ ...location, password: "whole" });
  assert.equal(text(await getOne(again, "a") as Uint8Array), "1");
});

testEach(
  "backupStore() is of one moment, under load; restoreBackup() brings it back",
  async (kind, folder) => {
    const password = "secret";
    const location: StoreLocation = { kind, path: `${folder}/store`, cost: CHEAP };
    const store = await openStore({ ...location, password, create: true });
    await store.transaction(async (transaction) => {
      for (let index = 0; index < 3_000; index++) {
        // Between both halves of a pair, so that a copy comes by at different times.
        transaction.put(bytes(`middle/${index}`), new Uint8Array(500));
      }
    });
    let running = true;
    let written = 0;
    const writers = Array.from({ length: 4 }, async (_, writer) => {
      for (let index = 0; running; index++) {
        await store.transaction(async (transaction) => {
          transaction.put(bytes(`left/${writer}/${index}`), bytes(String(index)));
          transaction.put(bytes(`right/${writer}/${index}`), bytes(String(index)));
          transaction.delete(bytes(`middle/${writer * 100 + (index % 100)}`));
        });
        written++;
      }
    });
    while (written < 50) await new Promise((resolve) => setTimeout(resolve, 1));
    const file = `${folder}/backup`;
    const before = written;
    const summary = await backupStore(store, file);
    const after = written;
    running = false;
    await Promise.all(writers);
    assert.ok(after > before, "writers went on");
    assert.equal(summary.bytes, Deno.statSync(file).size);
    await assert.rejects(backupStore(store, file), hasCode("store/exists"));
    await store.close();
    await assert.rejects(backupStore(store, `${file}2`), hasCode("store/closed"));

    for (const kind of KINDS) {
      const restored = { ...location, kind, path: `${folder}/restored-${kind}/store`, password };
      await restoreBackup(file, restored);
      await assert.rejects(restoreBackup(file, restored), hasCode("store/exists"));
      await using again = await openStore(restored);
      const entries: string[] = [];
      for (const prefix of ["left/", "right/"]) {
        const page = await again.snapshot((snapshot) => snapshot.range({ prefix: bytes(prefix) }));
        entries.push(page.entries.map(({ key }) => text(key).slice(prefix.length)).join());
      }
      assert.equal(entries[0], entries[1], "nothing half");
      assert.ok((entries[0] as string).split(",").length >= Math.min(before - 4, 900));
      assert.ok(await again.snapshot((snapshot) => snapshot.get(INCARNATION_VOID_KEY)));
    }
  },
);

testEach(
  "restoreBackup() refuses what is wrong, cut or damaged, and leaves nothing",
  async (kind, folder) => {
    const location: StoreLocation = { kind, path: `${folder}/store`, cost: CHEAP };
    const store = await openStore({ ...location, password: "p", create: true });
    await put(store, STORE_KEY_PART, "1");
    await put(store, "a", new Uint8Array(20_000));
    await backupStore(store, `${folder}/backup`);
    await store.close();
    const good = Deno.readFileSync(`${folder}/backup`);
    const target = { ...location, path: `${folder}/new/store`, password: "p" };
    const refused = async (content: Uint8Array, password = "p"): Promise<string> => {
      Deno.writeFileSync(`${folder}/bad`, content);
      const error = await restoreBackup(`${folder}/bad`, { ...target, password }).then(
        () => assert.fail("restored"),
        (error) => error,
      );
      assert.throws(() => Deno.statSync(`${folder}/new`), Deno.errors.NotFound);
      return error.code;
    };
    assert.equal(await refused(good, "q"), "store/wrong-password");
    assert.equal(await refused(good, ""), "store/wrong-key");
    assert.equal(await refused(bytes("no backup")), "store/not-a-store");
    for (let cut = 1; cut < good.length; cut = cut * 5 + 1) {
      const code = await refused(good.subarray(0, good.length - cut));
      assert.ok(["store/corrupt", "store/not-a-store"].includes(code), code);
    }
    for (const at of [70, 100, 200, good.length >> 1, good.length - 3]) {
      const flipped = good.slice();
      flipped[at] = (flipped[at] as number) ^ 4;
      assert.equal(await refused(flipped), "store/corrupt");
    }
    await restoreBackup(`${folder}/backup`, target);
  },
);
