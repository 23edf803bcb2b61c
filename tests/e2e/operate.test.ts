/** What an operator does with a real server's store: backup, restore, rekey, salvage. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { connectServer, parsePin } from "@qpq/client";
import { parseHostPort } from "@qpq/ports";
import {
  QPQ_SERVER,
  run,
  type RunningServer,
  spawnServer,
  startServer,
  temporaryFolder,
} from "./processes.ts";

const FULL = Deno.env.get("QPQ_TEST_LEVEL") === "full";

/** Full runs have the plain store, too: it is the encrypted one without its key. */
const KINDS: readonly (readonly [name: string, args: readonly string[]])[] = [
  ...FULL ? [["sql", ["--store-backend", "sql"]] as const] : [],
  ["sql, encrypted", ["--store-backend", "sql", "--db-key", "first key"]],
  ["file, encrypted", ["--store-backend", "file", "--db-key", "first key"]],
];

async function incarnationOf(server: RunningServer): Promise<string> {
  const address = parseHostPort(server.address);
  assert.ok(address !== undefined);
  await using rpc = connectServer({ server: address, trust: parsePin(server.pin) });
  return (await rpc.connected()).incarnation.toString();
}

async function stop(server: RunningServer): Promise<void> {
  server.signal("SIGTERM");
  assert.equal(await server.ended, 0);
}

for (const [name, args] of KINDS) {
  Deno.test(`qpq-server backup and restore (${name}): the store is back, its logs are new ones`, async () => {
    await using folder = await temporaryFolder();
    const file = join(folder.path, "backup");
    const data = join(folder.path, "data");
    await using server = await startServer(args, { dataFolder: data });
    const before = await incarnationOf(server);
    const backup = await run(QPQ_SERVER, ["backup", file, "--data-dir", data, ...args]);
    assert.equal(backup.code, 0, backup.stderr);
    assert.equal(((await Deno.stat(file)).mode ?? 0) & 0o777, 0o600);
    assert.ok(![...Deno.readDirSync(data)].some((entry) => entry.name.includes("backup")));
    const again = await run(QPQ_SERVER, ["backup", file, "--data-dir", data, ...args]);
    assert.equal(again.code, 1);
    assert.match(again.stderr, /it is there already/);
    await stop(server);

    const restored = join(folder.path, "restored");
    const restore = ["restore", file, "--data-dir", restored, ...args];
    assert.equal((await run(QPQ_SERVER, restore)).code, 0);
    const second = await run(QPQ_SERVER, restore);
    assert.equal(second.code, 1);
    assert.match(second.stderr, /the folder is not empty/);
    const incarnations: string[] = [before];
    for (let start = 0; start < 2; start++) {
      await using next = await startServer(args, { dataFolder: restored });
      incarnations.push(await incarnationOf(next));
      await stop(next);
    }
    assert.notEqual(incarnations[1], incarnations[0]);
    assert.equal(incarnations[2], incarnations[1]);
  });
}

Deno.test("qpq-server keeps its incarnation over a restart, and kill -9", async () => {
  await using folder = await temporaryFolder();
  const seen = new Set<string>();
  for (const signal of ["SIGTERM", "SIGKILL", "SIGTERM"] as const) {
    await using server = await startServer([], { dataFolder: folder.path });
    seen.add(await incarnationOf(server));
    server.signal(signal);
    await server.ended;
  }
  assert.equal(seen.size, 1);
});

Deno.test("qpq-server rekey changes, removes and adds db_key; a wrong one changes nothing", async () => {
  await using folder = await temporaryFolder();
  const data = ["--data-dir", folder.path, "--log-level", "warn"];
  const starts = async (key: string): Promise<string> => {
    try {
      const args = [...data, "--listen", "127.0.0.1:0", "--db-key", key];
      await using server = await spawnServer(args, folder.path);
      await stop(server);
      return "ok";
    } catch (error) {
      return String(error);
    }
  };
  const rekey = (from: string, to: string) =>
    run(QPQ_SERVER, ["rekey", ...data, "--db-key", from], { env: { QPQ_NEW_DB_KEY: to } });
  assert.equal(await starts("one"), "ok");
  const wrong = await rekey("wrong", "two");
  assert.equal(wrong.code, 1);
  assert.match(wrong.stderr, /password/);
  assert.equal((await rekey("one", "two")).code, 0);
  assert.match(await starts("one"), /password/);
  assert.equal((await rekey("two", "")).code, 0);
  assert.equal(await starts(""), "ok");
  assert.equal((await rekey("", "three")).code, 0);
  assert.equal(await starts("three"), "ok");
});

Deno.test("a second qpq-server on one data folder is refused in one line", async () => {
  await using server = await startServer();
  const second = await run(QPQ_SERVER, [
    ...["--data-dir", server.dataFolder, "--listen", "127.0.0.1:0", "--log-level", "warn"],
  ]);
  assert.equal(second.code, 1);
  assert.match(second.stderr, /^qpq-server: [^\n]*another process[^\n]*\n$/i);
  assert.equal(
    (await run(QPQ_SERVER, ["rekey", "--data-dir", server.dataFolder], {
      env: { QPQ_NEW_DB_KEY: "x" },
    })).code,
    1,
  );
});

Deno.test("qpq-server backup without a server says so", async () => {
  await using folder = await temporaryFolder();
  const result = await run(QPQ_SERVER, ["backup", join(folder.path, "x"), "--data-dir", "none"]);
  assert.equal(result.code, 1);
  assert.match(result.stderr, /isn't running/);
});

Deno.test("qpq-server salvage copies what is readable of a damaged log", async () => {
  await using folder = await temporaryFolder();
  const args = ["--store-backend", "file"];
  {
    await using server = await startServer(args, { dataFolder: folder.path });
    await stop(server);
  }
  const log = join(folder.path, "server.db");
  const bytes = await Deno.readFile(log);
  const middle = Math.floor(bytes.length / 2);
  bytes[middle] = (bytes[middle] as number) ^ 1;
  await Deno.writeFile(log, bytes);
  const copy = join(folder.path, "salvaged");
  const result = await run(QPQ_SERVER, ["salvage", copy, "--data-dir", folder.path, ...args]);
  assert.equal(result.code, 0, result.stderr);
  assert.match(result.stdout, /copied \d+ frames .* not readable/);
});
