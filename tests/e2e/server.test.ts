/** The real server through its launcher: configuration, sandbox, health, access, drain. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { connectServer, parsePin } from "@qpq/client";
import { parseHostPort } from "@qpq/ports";
import { QPQ, QPQ_SERVER, ROOT, run, startServer, temporaryFolder } from "./processes.ts";

const TOKEN = "0123456789abcdef0123456789abcdef";

Deno.test("bin/qpq-server becomes the runtime's native binary, with no permission for all", async () => {
  await using server = await startServer();
  const args = (await Deno.readTextFile(`/proc/${server.pid}/cmdline`)).split("\0");
  assert.match(args[0] as string, /node_modules\/@deno\/[^/]+\/deno$/);
  const permissions = args.filter((argument) => argument.startsWith("--allow"));
  assert.ok(permissions.every((flag) => /^--allow-(net|read|write|env|ffi|sys)=./.test(flag)));
  assert.ok(!args.some((argument) => /^(-A|--allow-all|--allow-run)/.test(argument)));
  const { stdout } = await run(QPQ_SERVER, [
    "--print-permissions",
    ...["--data-dir", server.dataFolder, "--listen", "127.0.0.1:0"],
  ]);
  const shown = stdout.trim().split("\n").filter((line) => line.startsWith("--allow"));
  assert.deepEqual(permissions.toSorted(), shown.toSorted());
});

Deno.test("the server's sandbox refuses another file, another folder and any program", async () => {
  await using folder = await temporaryFolder();
  const { stdout } = await run(QPQ_SERVER, ["--print-permissions", "--data-dir", folder.path]);
  const probe = `
    const tries = {
      read: () => Deno.readTextFileSync("/etc/passwd"),
      write: () => Deno.writeTextFileSync("${folder.path}-x", ""),
      run: () => new Deno.Command("true").outputSync(),
      env: () => Deno.env.get("HOME"),
      connect: () => Deno.connect({ hostname: "127.0.0.1", port: 9 }),
      library: () => Deno.dlopen("/lib/x86_64-linux-gnu/libc.so.6", {}),
      own: () => Deno.writeTextFileSync("${folder.path}/x", ""),
    };
    for (const [name, attempt] of Object.entries(tries)) {
      try { await attempt(); console.log(name, "allowed"); }
      catch (error) { console.log(name, error.name); }
    }`;
  const script = join(folder.path, "probe.ts");
  await Deno.writeTextFile(script, probe);
  const flags = stdout.trim().split("\n");
  const result = await run(Deno.execPath(), ["run", "--no-prompt", ...flags, script]);
  assert.deepEqual(result.stdout.trim().split("\n"), [
    "read NotCapable",
    "write NotCapable",
    "run NotCapable",
    "env NotCapable",
    "connect NotCapable",
    "library NotCapable",
    "own allowed",
  ]);
});

Deno.test("a line break in a path gives nobody a permission", async () => {
  await using folder = await temporaryFolder();
  const evil = join(folder.path, "evil.ts");
  await Deno.writeTextFile(evil, 'console.log("evil ran");');
  const injected = `x\n${evil}\n--allow-run\n--deny-env=X`;
  const config = `tls_cert = "/c"\ntls_key = ${JSON.stringify(injected)}\n`;
  await Deno.writeTextFile(join(folder.path, "qpq-server.toml"), config);
  const env = { QPQ_STATE_DIR: join(folder.path, "state") };
  const server = await run(QPQ_SERVER, [], { cwd: folder.path });
  const client = await run(QPQ, ["health", "--ca-cert", injected], { cwd: folder.path, env });
  for (const { code, stdout, stderr } of [server, client]) {
    assert.equal(code, 2, stdout);
    assert.match(stderr, /control character/);
    assert.equal(stdout, "");
  }
});

Deno.test("bin/qpq-server works through symlinks, from any folder, with blanks and quotes", async () => {
  await using folder = await temporaryFolder();
  const odd = join(folder.path, "a  b 'c'");
  await Deno.mkdir(odd);
  await Deno.symlink(QPQ_SERVER, join(odd, "first"));
  await Deno.symlink("first", join(odd, "second"));
  await Deno.writeTextFile(join(odd, "qpq-server.toml"), 'log_level = "warn"\n');
  const shown = await run(join(odd, "second"), ["--print-config"], { cwd: odd });
  assert.equal(shown.code, 0, shown.stderr);
  assert.match(shown.stdout, /log_level = "warn"\s+# file/);
  await using server = await startServer([], { cwd: odd, dataFolder: join(odd, "x y") });
  assert.deepEqual(
    [...Deno.readDirSync(server.dataFolder)].map(({ name }) => name).filter((name) =>
      name.startsWith("server-")
    ).toSorted(),
    ["server-cert.der", "server-key.der"],
  );
});

Deno.test("the server's key is its own user's alone, and a second start keeps the certificate", async () => {
  await using folder = await temporaryFolder();
  const pins: string[] = [];
  for (let start = 0; start < 2; start++) {
    await using server = await startServer([], { dataFolder: folder.path });
    pins.push(server.pin);
    const { mode } = await Deno.stat(join(folder.path, "server-key.der"));
    assert.equal((mode ?? 0) & 0o777, 0o600);
  }
  assert.equal(pins[0], pins[1]);
});

Deno.test("a mistake in the configuration ends the start with 2 and names it", async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, "x.toml");
  await Deno.writeTextFile(file, 'lissten = "127.0.0.1:1"\n');
  const result = await run(QPQ_SERVER, ["--config", file]);
  assert.equal(result.code, 2);
  assert.match(result.stderr, /x\.toml: unknown key "lissten": expected one of listen, data_dir/);
  assert.equal(result.stdout, "");
});

Deno.test("QPQ_PRODUCTION=1 refuses a trial's settings, all at once, and takes good ones", async () => {
  const env = { QPQ_PRODUCTION: "1" };
  await using folder = await temporaryFolder();
  const data = join(folder.path, "data");
  const result = await run(QPQ_SERVER, ["--data-dir", data], { env });
  assert.equal(result.code, 2);
  for (const key of ["auth_token", "db_key", "tls_cert"]) assert.match(result.stderr, RegExp(key));
  assert.equal(await Deno.stat(data).catch(() => undefined), undefined);
  const good = ["--auth-token", TOKEN, "--db-key", "k", "--tls-self-signed", "true"];
  await using server = await startServer(good, { env });
  assert.ok(server.address);
});

Deno.test("a port in use is one clear line and exit code 1, for QUIC and for HTTP", async () => {
  await using http = await temporaryFolder();
  await using server = await startServer(["--http-listen", "127.0.0.1:0"]);
  const second = await run(QPQ_SERVER, [
    "--data-dir",
    join(http.path, "a"),
    "--listen",
    server.address,
    ...["--log-level", "warn"],
  ]);
  assert.equal(second.code, 1);
  assert.match(second.stderr, /^qpq-server: Cannot listen on .*another program has it\n$/);
  const taken = /HTTP for operators on (\S+)/.exec(server.output().stdout)?.[1] as string;
  const third = await run(QPQ_SERVER, [
    ...[
      "--data-dir",
      join(http.path, "b"),
      "--listen",
      "127.0.0.1:0",
      "--http-listen",
      taken,
      "--log-level",
      "warn",
    ],
  ]);
  assert.equal(third.code, 1);
  assert.match(third.stderr, /^qpq-server: Cannot listen on TCP .*\n$/);
});

Deno.test("the operators' port answers health, readiness and metrics, and nothing else", async () => {
  await using folder = await temporaryFolder();
  await using server = await startServer(["--http-listen", "127.0.0.1:0"]);
  const base = `http://${/HTTP for operators on (\S+)/.exec(server.output().stdout)?.[1]}`;
  const get = async (path: string, method = "GET") => {
    const response = await fetch(`${base}${path}`, { method });
    return { status: response.status, text: await response.text() };
  };
  assert.equal((await get("/healthz")).status, 200);
  assert.equal((await get("/readyz")).status, 200);
  assert.equal((await get("/other")).status, 404);
  assert.equal((await get("/metrics", "POST")).status, 405);
  const ping = ["ping", "--count", "3", "--server", server.address];
  const env = { QPQ_STATE_DIR: folder.path };
  assert.equal((await run(QPQ, [...ping, "--pin", server.pin], { env })).code, 0);
  const wrongPin = `sha256:${"0".repeat(64)}`;
  assert.equal((await run(QPQ, [...ping, "--pin", wrongPin], { env })).code, 3);
  const { text } = await get("/metrics");
  assert.match(text, /qpq_calls_total\{method="ping\/ping",outcome="ok"\} 3/);
  assert.match(text, /qpq_connections_total 1/);
  assert.match(text, /qpq_call_seconds_bucket\{le="0\.001",method="ping\/ping"\}/);
  assert.match(text, /qpq_memory_bytes\{kind="resident"\} \d+/);
});

Deno.test("SIGTERM drains: a client is told, /readyz says no, and the server ends with 0", async () => {
  await using server = await startServer(["--http-listen", "127.0.0.1:0"]);
  const http = `http://${/HTTP for operators on (\S+)/.exec(server.output().stdout)?.[1]}`;
  const address = parseHostPort(server.address);
  assert.ok(address !== undefined);
  const statuses: string[] = [];
  const lost = Promise.withResolvers<void>();
  await using rpc = connectServer({
    server: address,
    trust: parsePin(server.pin),
    onStatus: ({ kind }) => {
      statuses.push(kind);
      if (kind === "lost") lost.resolve();
    },
  });
  await rpc.connected();
  const readiness: Promise<number> = (async () => {
    for (;;) {
      const status = await fetch(`${http}/readyz`).then(async (response) => {
        await response.body?.cancel();
        return response.status;
      }, () => 0);
      if (status !== 200) return status;
    }
  })();
  server.signal("SIGTERM");
  await lost.promise;
  assert.equal(await server.ended, 0);
  assert.ok([503, 0].includes(await readiness));
  assert.match(server.output().stderr, /"event":"stopped"/);
});

Deno.test("a second signal ends the server at once, with 1", async () => {
  await using server = await startServer();
  const address = parseHostPort(server.address);
  assert.ok(address !== undefined);
  // A client that stays keeps the drain from being over too soon.
  await using rpc = connectServer({ server: address, trust: parsePin(server.pin) });
  await rpc.connected();
  server.signal("SIGINT");
  server.signal("SIGTERM");
  assert.equal(await server.ended, 1);
  assert.doesNotMatch(server.output().stderr, /"event":"stopped"/);
});

Deno.test("auth_token: none or a wrong one ends qpq with 4, either of two good ones is let in", async () => {
  await using folder = await temporaryFolder();
  const tokens = [TOKEN, TOKEN.toUpperCase()];
  await using server = await startServer(["--auth-token", tokens.join(",")]);
  const ping = (extra: readonly string[]) =>
    run(QPQ, ["ping", "--count", "1", "--server", server.address, "--pin", server.pin, ...extra], {
      env: { QPQ_STATE_DIR: folder.path },
    });
  for (const token of tokens) assert.equal((await ping(["--auth-token", token])).code, 0);
  for (const extra of [[], ["--auth-token", "wrong"], ["--auth-token", `${TOKEN}0`]]) {
    const result = await ping(extra);
    assert.equal(result.code, 4, result.stderr);
    assert.match(result.stderr, /--auth-token/);
  }
});

Deno.test("the server listens on IPv6, and a client reaches it there", async () => {
  await using folder = await temporaryFolder();
  await using server = await startServer(["--listen", "[::1]:0"]);
  assert.match(server.address, /^\[::1\]:\d+$/);
  const args = ["ping", "--count", "1", "--server", server.address, "--pin", server.pin];
  const result = await run(QPQ, args, { env: { QPQ_STATE_DIR: folder.path } });
  assert.equal(result.code, 0, result.stderr);
});

Deno.test("every key of qpq-server.example.toml is a real one, at its default", async () => {
  const shown = await run(QPQ_SERVER, ["--print-config", "--config", "qpq-server.example.toml"], {
    cwd: ROOT,
  });
  assert.equal(shown.code, 0, shown.stderr);
  const bare = await run(QPQ_SERVER, ["--print-config"], { cwd: ROOT });
  const values = (text: string) => text.split("\n").map((line) => line.replace(/\s+#.*$/, ""));
  assert.deepEqual(values(shown.stdout), values(bare.stdout));
});
