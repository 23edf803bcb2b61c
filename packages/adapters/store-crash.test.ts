import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import type { Store } from "@qpq/ports";
import { bytes, getOne, hasCode, text } from "./store-contract.ts";
import { openFileStore } from "./store-file.ts";
import { openSqliteStore } from "./store-sqlite.ts";

const FULL = Deno.env.get("QPQ_TEST_LEVEL") === "full";
/** For each store. */
const ROUNDS = FULL ? 200 : 10;
/** Rounds after which a new store is begun, so that looking through it stays quick. */
const ROUNDS_A_STORE = 10;
/** Milliseconds under load before the kill. */
const LOAD_MS_MAX = FULL ? 400 : 120;

const CHILD = fileURLToPath(new URL("./store-child.ts", import.meta.url));
const KEY_HEX = "17".repeat(32);
const KINDS = ["sqlite", "file"] as const;

function open(kind: string, path: string): Promise<Store> {
  const options = { path, create: true, key: Uint8Array.fromHex(KEY_HEX) };
  return kind === "file" ? openFileStore(options) : openSqliteStore(options);
}

function command(task: string, kind: string, path: string): string[] {
  const config = fileURLToPath(new URL("../../deno.json", import.meta.url));
  return ["run", "--quiet", "--allow-all", "--config", config, CHILD, task, kind, path, KEY_HEX];
}

function start(task: string, kind: string, path: string): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: command(task, kind, path),
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
}

async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

for (const kind of KINDS) {
  Deno.test(`store-${kind} killed at random moments keeps what it acknowledged, nothing half`, () =>
    inFolder(async (folder) => {
      let path = "";
      const acknowledged = new Set<string>();
      for (let round = 0; round < ROUNDS; round++) {
        if (round % ROUNDS_A_STORE === 0) {
          path = `${folder}/store-${round}`;
          acknowledged.clear();
        }
        const before = acknowledged.size;
        const child = start("load", kind, path);
        const killAfterMs = Math.random() * LOAD_MS_MAX;
        let timer: ReturnType<typeof setTimeout> | undefined;
        let output = "";
        for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
          output += chunk;
          timer ??= setTimeout(() => child.kill("SIGKILL"), killAfterMs);
        }
        await child.status;
        clearTimeout(timer);
        for (const line of output.split("\n").slice(0, -1)) {
          acknowledged.add(line.replace("acknowledged ", ""));
        }
        assert.ok(acknowledged.size > before, "the child wrote");
        await using store = await open(kind, path);
        const left = await idsBelow(store, "left/");
        const right = await idsBelow(store, "right/");
        assert.deepEqual(left, right, `round ${round}: nothing half`);
        for (const id of acknowledged) assert.ok(left.has(id), `round ${round}: ${id} is there`);
        assert.equal(text(await getOne(store, "count") as Uint8Array), String(left.size));
      }
    }));

  Deno.test(`store-${kind} is for one process, until that is killed`, () =>
    inFolder(async (folder) => {
      const path = `${folder}/store`;
      const child = start("hold", kind, path);
      const reader = child.stdout.getReader();
      await reader.read();
      await assert.rejects(open(kind, path), hasCode("store/in-use"));
      child.kill("SIGKILL");
      await child.status;
      await reader.cancel();
      await (await open(kind, path)).close();
    }));
}

async function idsBelow(store: Store, prefix: string): Promise<Set<string>> {
  const ids = new Set<string>();
  let start = bytes(prefix);
  for (let more = true; more;) {
    const page = await store.snapshot((snapshot) =>
      snapshot.range({ prefix: bytes(prefix), start })
    );
    for (const { key } of page.entries) ids.add(text(key).slice(prefix.length));
    more = page.more;
    start = bytes(`${prefix}${[...ids].at(-1)}\0`);
  }
  return ids;
}

/** What `strace` saw: calls that ended, in the order in which they ended. */
interface SystemCall {
  readonly name: string;
  readonly line: string;
}

const STRACE = findStrace();

function findStrace(): boolean {
  try {
    return new Deno.Command("strace", { args: ["-V"], stdout: "null", stderr: "null" })
      .outputSync().success;
  } catch {
    return false;
  }
}

/** Tests under a tracer that can make system calls fail: Linux, where strace is installed. */
function testTraced(
  behaviour: string,
  body: (kind: typeof KINDS[number], path: string) => Promise<void>,
): void {
  for (const kind of KINDS) {
    Deno.test({
      name: `store-${kind} ${behaviour}${STRACE ? "" : " (skipped: strace is not installed)"}`,
      ignore: !STRACE,
      fn: () => inFolder((folder) => body(kind, `${folder}/store`)),
    });
  }
}

async function traced(
  task: string,
  kind: string,
  path: string,
  faults: readonly string[] = [],
): Promise<{ readonly lines: string[]; readonly calls: SystemCall[] }> {
  // Made before, so that what is counted below are the commits of the task.
  await (await open(kind, path)).close();
  const trace = `${path}.strace`;
  const { stdout } = await new Deno.Command("strace", {
    args: [
      "-f",
      "-y",
      "-s",
      "64",
      "-o",
      trace,
      "-e",
      "trace=fsync,fdatasync,write,pwrite64,writev,pwritev",
      ...faults,
      Deno.execPath(),
      ...command(task, kind, path),
    ],
    stderr: "inherit",
  }).output();
  return {
    lines: new TextDecoder().decode(stdout).split("\n").slice(0, -1),
    calls: endedCalls(await Deno.readTextFile(trace)),
  };
}

function endedCalls(trace: string): SystemCall[] {
  const begun = new Map<string, string>();
  const calls: SystemCall[] = [];
  for (const line of trace.split("\n")) {
    const [, process, rest] = /^(\d+) +(.*)$/.exec(line) ?? [];
    if (process === undefined || rest === undefined) continue;
    if (rest.endsWith("<unfinished ...>")) {
      begun.set(process, rest);
      continue;
    }
    const whole = rest.startsWith("<...") ? `${begun.get(process) ?? ""} ${rest}` : rest;
    const name = /^(\w+)\(/.exec(whole)?.[1];
    if (name !== undefined) calls.push({ name, line: whole });
  }
  return calls;
}

/** Acknowledgements that left although nothing was synced since the one before. */
function unsynced(calls: readonly SystemCall[], path: string): number {
  let synced = false;
  let early = 0;
  for (const { name, line } of calls) {
    const succeeded = / = 0$/.test(line);
    if (/^f(data)?sync$/.test(name) && line.includes(`<${path}`) && succeeded) synced = true;
    if (!line.includes('"acknowledged ')) continue;
    if (!synced) early++;
    synced = false;
  }
  return early;
}

testTraced("acknowledges nothing before its fsync has returned", async (kind, path) => {
  const { lines, calls } = await traced("ten", kind, path);
  assert.equal(lines.filter((line) => line.startsWith("acknowledged")).length, 10);
  const begun = calls.findIndex(({ line }) => line.includes('"begun'));
  assert.ok(begun >= 0);
  const since = calls.slice(begun);
  assert.equal(since.filter(({ line }) => line.includes('"acknowledged ')).length, 10);
  assert.equal(unsynced(since, path), 0);
  // The same trace without its syncs: the check sees that they are missing.
  assert.equal(unsynced(since.filter(({ name }) => !/^f(data)?sync$/.test(name)), path), 10);
});

/** Which file a commit of that store goes to. */
function commitFile(kind: string, path: string): string {
  return kind === "sqlite" ? `${path}-wal` : path;
}

testTraced("closes itself when fsync fails: the outcome is unknown", async (kind, path) => {
  const { lines } = await traced("ten", kind, path, [
    "-P",
    commitFile(kind, path),
    "-e",
    "inject=fdatasync,fsync:error=EIO:when=4+",
  ]);
  const refused = lines.filter((line) => line.startsWith("refused"));
  assert.ok(refused.length > 0 && refused.length < 10, lines.join());
  assert.match(refused[0] as string, /store\/unknown-outcome$/);
  for (const line of refused.slice(1)) assert.match(line, /store\/closed$/);
  await using store = await open(kind, path);
  const there = await idsBelow(store, "left/");
  for (const line of lines.filter((line) => line.startsWith("acknowledged"))) {
    assert.ok(there.has(line.replace("acknowledged ", "")));
  }
  assert.deepEqual(there, await idsBelow(store, "right/"));
});

testTraced("with a full disk writes nothing and goes on when there is room", async (kind, path) => {
  const { lines } = await traced("ten", kind, path, [
    "-P",
    commitFile(kind, path),
    "-e",
    // A commit is one write to the log, and several to SQLite's.
    `inject=write,pwrite64:error=ENOSPC:when=${kind === "file" ? "4..6" : "12..14"}`,
  ]);
  const refused = lines.filter((line) => line.startsWith("refused"));
  assert.ok(refused.length > 0 && refused.length < 9, lines.join());
  for (const line of refused) assert.match(line, /store\/disk-full$/);
  assert.match(lines.at(-1) as string, /^acknowledged 9$/);
  await using store = await open(kind, path);
  const acknowledged = lines.filter((line) => line.startsWith("acknowledged"))
    .map((line) => line.replace("acknowledged ", ""));
  assert.deepEqual([...await idsBelow(store, "left/")].sort(), acknowledged.sort());
});

testTraced(
  "reads while a writer waits for the disk, and sees nothing early",
  async (kind, path) => {
    const { lines } = await traced("reads", kind, path, [
      "-e",
      "inject=fdatasync,fsync:delay_exit=150000",
    ]);
    const [, reads, early] = /^reads (\d+) early (\d+)$/m.exec(lines.join("\n")) ?? [];
    assert.ok(Number(reads) >= 10, `${reads} reads ended meanwhile`);
    // SQLite's other thread has it durable a moment before this one is told.
    assert.ok(Number(early) <= (kind === "sqlite" ? 3 : 0), `${early} reads saw it early`);
  },
);

testTraced("names a file system that is read-only, or full, when it opens", async (kind, path) => {
  for (const [fault, code] of [["EROFS", "read-only"], ["ENOSPC", "disk-full"], ["EIO", "io"]]) {
    const { lines } = await traced("ten", kind, path, [
      "-P",
      `${path}.lock`,
      "-e",
      `inject=openat:error=${fault}`,
      "-e",
      "trace=openat",
    ]);
    assert.deepEqual(lines, [`unopened store/${code}`]);
  }
});
