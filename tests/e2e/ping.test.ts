/** The real client against the real server: trust, memory, errors and exit codes. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { QPQ, type Run, run, startServer, temporaryFolder } from "./processes.ts";
import { RESIDENT } from "./programs.ts";

Deno.test("qpq --version and --help answer without a server", async () => {
  const version = await run(QPQ, ["--version"]);
  assert.match(version.stdout, /^qpq \d+\.\d+\.\d+\n$/);
  const help = await run(QPQ, ["--help"]);
  assert.equal(help.code, 0);
  assert.match(help.stdout, /ping .*\n[\s\S]*health/);
});

Deno.test("qpq ping prints a line a reply and a summary, and JSON with --json", async () => {
  await using folder = await temporaryFolder();
  await using server = await startServer();
  const env = { QPQ_STATE_DIR: folder.path };
  const base = ["ping", "--count", "3", "--interval", "0.01", "--server", server.address];
  const text = await run(QPQ, [...base, "--pin", server.pin], { env });
  assert.equal(text.code, 0, text.stderr);
  const lines = text.stdout.trim().split("\n");
  assert.equal(lines.filter((line) => /reply \d: [\d.]+ ms/.test(line)).length, 3);
  assert.match(
    lines.at(-1) as string,
    /3 sent, 3 received.*min\/avg\/p99 = [\d.]+\/[\d.]+\/[\d.]+ ms/,
  );
  const json = await run(QPQ, [...base, "--json"], { env });
  const objects = json.stdout.trim().split("\n").map((line) => JSON.parse(line));
  assert.equal(objects.length, 4);
  const last = objects.at(-1);
  assert.deepEqual([last.sent, last.received], [3, 3]);
  for (const key of ["minMs", "avgMs", "p99Ms"]) assert.equal(typeof last[key], "number");
});

Deno.test("qpq remembers the last server, and a pin that was given once", async () => {
  await using folder = await temporaryFolder();
  await using server = await startServer();
  const go = (args: readonly string[]) =>
    run(QPQ, ["health", ...args], { env: { QPQ_STATE_DIR: folder.path }, cwd: folder.path });
  assert.equal((await go(["--server", server.address, "--pin", server.pin])).code, 0);
  const again = await go([]);
  assert.equal(again.code, 0, again.stderr);
  assert.match(again.stdout, new RegExp(server.address.replaceAll(".", "\\.")));
  const { mode } = await Deno.stat(join(folder.path, "servers.json"));
  assert.equal((mode ?? 0) & 0o077, 0);
});

Deno.test("qpq remembers a pin that was typed in another form, and understands it again", async () => {
  await using folder = await temporaryFolder();
  await using server = await startServer();
  const digits = server.pin.slice("sha256:".length).toUpperCase();
  const typed = `sha256:${digits.match(/../g)?.join(":")}`;
  const env = { QPQ_STATE_DIR: folder.path };
  for (const extra of [["--pin", typed], []]) {
    const result = await RESIDENT.qpq(["health", "--server", server.address, ...extra], { env });
    assert.equal(result.code, 0, result.stderr);
  }
});

Deno.test("qpq finds ./data/server-cert.der of a loopback server", async () => {
  await using folder = await temporaryFolder();
  await using server = await startServer([], { dataFolder: join(folder.path, "data") });
  const env = { QPQ_STATE_DIR: join(folder.path, "state") };
  const result = await run(QPQ, ["health", "--server", server.address], { env, cwd: folder.path });
  assert.equal(result.code, 0, result.stderr);
});

Deno.test("qpq reaches a server by its name, which its sandbox allows without its addresses", async () => {
  await using folder = await temporaryFolder();
  await using server = await startServer();
  const named = server.address.replace("127.0.0.1", "localhost");
  const args = ["health", "--server", named, "--pin", server.pin];
  const result = await run(QPQ, args, { env: { QPQ_STATE_DIR: folder.path } });
  assert.equal(result.code, 0, result.stderr);
  assert.match(result.stdout, /^localhost:/);
});

Deno.test("qpq refuses what it was not told to trust, each case in its own words", async () => {
  await using folder = await temporaryFolder();
  await using server = await startServer();
  await using other = await startServer();
  const env = { QPQ_STATE_DIR: join(folder.path, "state") };
  const health = (args: readonly string[], address = server.address): Promise<Run> =>
    RESIDENT.qpq(["health", "--server", address, ...args], {
      env,
      cwd: folder.path,
    });
  const unknown = await health([]);
  assert.equal(unknown.code, 3);
  assert.match(unknown.stderr, /--pin/);
  assert.match(unknown.stderr, /--ca-cert/);
  const mismatch = await health(["--pin", other.pin]);
  assert.equal(mismatch.code, 3);
  assert.match(mismatch.stderr, /pin/i);
  const foreign = join(other.dataFolder, "server-cert.der");
  const wrongAuthority = await health(["--ca-cert", foreign]);
  assert.equal(wrongAuthority.code, 3);
  const own = await health(["--ca-cert", join(server.dataFolder, "server-cert.der")]);
  assert.equal(own.code, 0, own.stderr);
  const free = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const silent = `127.0.0.1:${(free.addr as Deno.NetAddr).port}`;
  free.close();
  const nothing = await health(["--pin", server.pin, "--timeout", "1"], silent);
  assert.equal(nothing.code, 3);
  assert.match(nothing.stderr, /UDP/);
  for (const result of [unknown, mismatch, wrongAuthority, nothing]) {
    assert.equal(result.stderr.trim().split("\n").length, 1, result.stderr);
  }
});

Deno.test("the line that the server prints works as it is pasted, and reads commands from a pipe", async () => {
  await using folder = await temporaryFolder();
  await using server = await startServer();
  const printed = /^ +(qpq repl .*)$/m.exec(server.output().stdout)?.[1] as string;
  const args = [...printed.split(" ").slice(1), "--username", "alice", "--register"];
  const env = { QPQ_STATE_DIR: folder.path, QPQ_PASSWORD: "correct horse" };
  const result = await run(QPQ, args, { env, stdin: "/status\n" });
  assert.equal(result.code, 0, result.stderr);
  assert.match(
    result.stdout,
    /^connected to 127\.0\.0\.1:\d+ \(localhost\)\nqueued: 0 messages\n$/,
  );
  assert.equal((await run(QPQ, args, { env, stdin: "/none\n" })).code, 1);
});

const MISTAKES: readonly (readonly [args: readonly string[], expected: RegExp])[] = [
  [["--server", "a:b:c"], /--server: expected/],
  [["--pin", "sha256:12"], /pin/],
  [["--ca-cert", "/none.pem"], /none\.pem/],
  [["--timeout", "0"], /timeout/],
  [["--pin", `sha256:${"0".repeat(64)}`, "--ca-cert", "x"], /one of --pin and --ca-cert/],
  [["--colour"], /--colour/],
];

for (const [args, expected] of MISTAKES) {
  Deno.test(`qpq health ${args.join(" ").slice(0, 40)} ends with 2 and says what is expected`, async () => {
    await using folder = await temporaryFolder();
    const result = await RESIDENT.qpq(["health", ...args], { env: { QPQ_STATE_DIR: folder.path } });
    assert.equal(result.code, 2, result.stdout + result.stderr);
    assert.match(result.stderr, expected);
  });
}

Deno.test("qpq says how to repair a damaged list of servers, and does not overwrite it", async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, "servers.json");
  await Deno.writeTextFile(file, "{");
  const result = await RESIDENT.qpq(["health", "--server", "127.0.0.1:1"], {
    env: { QPQ_STATE_DIR: folder.path },
  });
  assert.equal(result.code, 1);
  assert.match(result.stderr, /servers\.json: it is damaged; repair it, or remove it/);
  assert.equal(await Deno.readTextFile(file), "{");
});

Deno.test("qpq reports a usage error as JSON with --json", async () => {
  const result = await RESIDENT.qpq(["ping", "--json", "--colour"], {
    env: { QPQ_STATE_DIR: "/none" },
  });
  assert.equal(result.code, 2);
  assert.equal(JSON.parse(result.stdout).error.code, "usage");
});

Deno.test("qpq reports an error as one JSON object with --json", async () => {
  await using folder = await temporaryFolder();
  const result = await run(
    QPQ,
    ["health", "--server", "127.0.0.1:1", "--timeout", "0.5", "--json"],
    {
      env: { QPQ_STATE_DIR: folder.path },
      cwd: folder.path,
    },
  );
  assert.equal(result.code, 3);
  assert.equal(JSON.parse(result.stdout).error.code, "transport/unreachable");
});
