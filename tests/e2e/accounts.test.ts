/** Accounts and devices by the real programs: registration, logins, passwords, and the operator. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { LAUNCHED, type Programs, RESIDENT } from "./programs.ts";
import {
  QPQ,
  QPQ_SERVER,
  type Run,
  run,
  type RunningServer,
  startServer,
  temporaryFolder,
} from "./processes.ts";
import { cheapen, registerQuickly } from "./registration.ts";

const PASSWORD = "correct horse battery";
const NEW_PASSWORD = "staple that, please";
const FULL = Deno.env.get("QPQ_TEST_LEVEL") === "full";
const WHOAMI_TRIES_MAX = 20;

interface Machine {
  /** Runs `qpq` as the user of this machine. */
  qpq(args: string, env?: Readonly<Record<string, string>>): Promise<Run>;
  /** The same, which must end with 0 and print one object a line. @returns the last */
  json(args: string, env?: Readonly<Record<string, string>>): Promise<Record<string, unknown>>;
  /** What the server says of this device's session. */
  session(env?: Readonly<Record<string, string>>): Promise<unknown>;
  /** Registers by the library: for tests of what comes later. */
  register(name: string): Promise<void>;
  /** Makes what a program registered, or logged in to, cheap to open. */
  cheapen(name: string, password?: string): Promise<void>;
  readonly folder: string;
}

/** A user's machine: a state folder of its own, and a password in the environment. */
function machine(server: RunningServer, folder: string, programs: Programs = RESIDENT): Machine {
  const qpq: Machine["qpq"] = (args, env = {}) =>
    programs.qpq(args.split(" "), {
      cwd: folder,
      env: {
        QPQ_STATE_DIR: folder,
        QPQ_SERVER: server.address,
        QPQ_PIN: server.pin,
        QPQ_PASSWORD: PASSWORD,
        ...env,
      },
    });
  const json: Machine["json"] = async (args, env) => {
    const result = await qpq(`${args} --json`, env);
    assert.equal(result.code, 0, `${args}: ${result.stdout}${result.stderr}`);
    return result.stdout.trim().split("\n").map((line) => JSON.parse(line)).at(-1);
  };
  return {
    folder,
    qpq,
    json,
    session: async (env) => {
      for (let tries = 1;; tries++) {
        const { session } = await json("whoami", env);
        // It waits for the server for 3 s, and a machine may stall for longer.
        if (session !== "unreachable" || tries === WHOAMI_TRIES_MAX) return session;
      }
    },
    register: (name) =>
      registerQuickly(server, {
        ...{ name, password: PASSWORD, stateFolder: folder },
        entersAgain: !programs.isCheap,
      }),
    cheapen: async (name, password = PASSWORD) => {
      if (!programs.isCheap) await cheapen(server, { name, password, stateFolder: folder });
    },
  };
}

/** For what a quick run tests without programs, in packages/client. */
function testFully(name: string, test: () => Promise<void>): void {
  if (FULL) Deno.test(name, test);
}

function administer(server: RunningServer, args: string): Promise<Run> {
  return run(QPQ_SERVER, ["--data-dir", server.dataFolder, ...args.split(" ")]);
}

function refusal({ code, stdout, stderr }: Run): readonly [number, unknown, string] {
  return [code, stdout === "" ? undefined : JSON.parse(stdout).error?.code, stderr];
}

Deno.test("two devices of one account: register, log in, list, revoke, log out, change the password", async () => {
  await using folder = await temporaryFolder();
  await using server = await startServer();
  const first = machine(server, join(folder.path, "first"));
  const second = machine(server, join(folder.path, "second"));
  await Promise.all([first, second].map(({ folder }) => Deno.mkdir(folder)));

  const registered = await first.qpq("register-user --username Alice");
  assert.equal(registered.code, 0, registered.stderr);
  assert.match(registered.stdout, /^registered alice on .*; this device is [0-9a-f]{32}\n/);
  assert.match(registered.stdout, /forgotten password can't be reset/);
  const store = join(first.folder, server.address.replace(":", "_"), "alice");
  assert.deepEqual(
    [...Deno.readDirSync(store)].map(({ name }) => name).filter((name) => !/-(wal|shm)$/.test(name))
      .toSorted(),
    ["client.db", "client.db.key", "client.db.lock"],
  );
  assert.equal(((await Deno.stat(join(store, "client.db.key"))).mode ?? 0) & 0o077, 0);
  await first.cheapen("alice");

  // The password isn't right, then it is: a refused login leaves nothing behind.
  const refused = refusal(
    await second.qpq("login --username alice --json", { QPQ_PASSWORD: "guess" }),
  );
  assert.deepEqual(refused.slice(0, 2), [4, "accounts/login-refused"]);
  const entered = await second.json("login --username alice");
  await second.cheapen("alice");
  const whoami = await first.json("whoami");
  assert.equal(whoami.name, "alice");
  assert.equal(whoami.accountId, entered.accountId);
  assert.notEqual(whoami.deviceId, entered.deviceId);

  const devices = await first.qpq("devices --json");
  const listed = devices.stdout.trim().split("\n").map((line) => JSON.parse(line));
  assert.deepEqual(
    listed.map(({ deviceId, isThis }) => [deviceId, isThis]),
    [[whoami.deviceId, true], [entered.deviceId, false]],
  );

  // Key packages were published.
  const refreshed = await second.json("refresh-key-packages");
  assert.deepEqual(refreshed, { singleUse: 0, lastResort: false, withheld: 0 });

  const wrong = refusal(await first.qpq("whoami --json", { QPQ_PASSWORD: "guess" }));
  assert.deepEqual(wrong.slice(0, 2), [4, "store/wrong-password"]);
  const prefix = String(entered.deviceId).slice(0, 8);
  await first.json(`devices revoke ${prefix}`);
  const revoked = refusal(await second.qpq("devices --json"));
  assert.deepEqual(revoked.slice(0, 2), [4, "rpc/not-authenticated"]);
  assert.equal(await second.session(), "over");
  assert.equal((await second.json("login --username alice")).deviceId, entered.deviceId);
  assert.equal(await second.session(), "active");

  // The new password holds everywhere; the other device takes it over with the one before.
  const changed = await first.qpq("passwd", { QPQ_NEW_PASSWORD: NEW_PASSWORD });
  assert.equal(changed.code, 0, changed.stderr);
  assert.equal((await first.qpq("whoami")).code, 4);
  assert.equal(await first.session({ QPQ_PASSWORD: NEW_PASSWORD }), "active");
  assert.equal(await second.session(), "active");
  const behind = await second.qpq(`devices revoke ${String(whoami.deviceId)}`);
  assert.equal(behind.code, 4);
  assert.match(behind.stderr, /changed on another device: qpq login with the new one\n$/);
  const env = { QPQ_PASSWORD: NEW_PASSWORD, QPQ_FORMER_PASSWORD: PASSWORD };
  await second.json("login --username alice", env);
  assert.equal(await second.session({ QPQ_PASSWORD: NEW_PASSWORD }), "active");

  assert.equal((await second.qpq("logout", { QPQ_PASSWORD: NEW_PASSWORD })).code, 0);
  const loggedOut = await second.qpq("devices", { QPQ_PASSWORD: NEW_PASSWORD });
  assert.equal(loggedOut.code, 4);
  assert.match(loggedOut.stderr, /logged out: qpq login begins a new session\n$/);

  server.signal("SIGTERM");
  assert.equal(await server.ended, 0);
  const kept = await contentOf(server.dataFolder);
  assert.ok(kept.some((text) => text.includes("alice")), "what is searched can be read");
  const database = new TextDecoder().decode(await Deno.readFile(join(store, "client.db")));
  assert.ok(!database.includes("SQLite format 3") && !database.includes("alice"), "encrypted");
  for (const text of [...kept, ...await contentOf(first.folder)]) {
    for (const word of [PASSWORD, NEW_PASSWORD]) assert.ok(!text.includes(word));
  }
});

Deno.test("names, policies, suspension: each refusal says what it is, and what to do", async () => {
  await using folder = await temporaryFolder();
  await using server = await startServer(["--registration", "invite"]);
  const user = machine(server, folder.path);
  const without = await user.qpq("register-user --username bob");
  assert.equal(without.code, 1);
  assert.match(without.stderr, /no valid invite code: give a code with --invite/);
  const made = await administer(server, "invite --uses 2");
  assert.match(made.stdout, /^[0-9A-Z]{4}(-[0-9A-Z]{4}){3}\n$/);
  const code = made.stdout.trim();
  const both = await user.qpq(`register-user --username bob --invite ${code} --generate`);
  assert.equal(both.code, 2);
  assert.match(both.stderr, /expected one of --generate and a password/);

  const passwords = join(folder.path, "password");
  await Deno.writeTextFile(passwords, `${PASSWORD}\nnot this\n`);
  const bob = await user.qpq(
    `register-user --username bob --invite ${code} --password-file ${passwords}`,
  );
  assert.equal(bob.code, 0, bob.stderr);
  await user.cheapen("bob");
  const other = machine(server, join(folder.path, "other"));
  await Deno.mkdir(other.folder);
  const taken = await other.qpq(`register-user --username BOB --invite ${code}`);
  assert.equal(taken.code, 1);
  assert.match(taken.stderr, /somebody has the name: choose another, or qpq login if it is yours/);
  const reserved = await other.qpq(`register-user --username admin --invite ${code}`);
  assert.equal(reserved.code, 2);
  const visible = await other.qpq(
    `register-user --username carol --invite ${code} --password short`,
  );
  assert.equal(visible.code, 0, visible.stderr);
  assert.match(visible.stderr, /others on this machine can see --password/);
  assert.match(visible.stderr, /fewer than 8 characters/);
  assert.equal((await other.qpq(`register-user --username dave --invite ${code}`)).code, 1);

  // What each has of the other: the same number on both sides.
  const carol = { QPQ_PASSWORD: "short" };
  const seen = await user.json("check-key carol");
  assert.match(String(seen.safetyNumber), /^(\d{5} ){11}\d{5}$/);
  assert.equal(seen.state, "first-use");
  const seenBack = await other.json("check-key bob --username carol", carol);
  assert.equal(seenBack.safetyNumber, seen.safetyNumber);
  assert.equal((await user.json("check-key carol --mark-verified")).state, "verified");
  assert.equal((await user.json("fetch-key carol")).state, "verified");
  assert.equal((await user.json("accept-key carol")).accepted, false);
  assert.equal((await user.qpq("check-key nobody-here")).code, 1);

  // The operator.
  const list = await administer(server, "accounts list");
  assert.match(list.stdout, /^bob +\d{4}-\d\d-\d\d\ncarol +\d{4}-\d\d-\d\d\n$/);
  assert.equal((await administer(server, "accounts suspend bob")).code, 0);
  assert.match((await administer(server, "accounts list")).stdout, /^bob .*suspended$/m);
  assert.equal(await user.session(), "suspended");
  const suspended = await user.qpq("devices");
  assert.equal(suspended.code, 4);
  assert.match(suspended.stderr, /suspended: ask the server's operator/);
  assert.equal((await administer(server, "accounts resume bob")).code, 0);
  assert.equal(await user.session(), "active");
  const unknown = await administer(server, "accounts delete nobody");
  assert.equal(unknown.code, 1);
  assert.match(unknown.stderr, /nobody has that name/);

  // A new account under the name of one that was deleted is told apart.
  assert.equal((await administer(server, "accounts delete carol")).code, 0);
  const again = (await administer(server, "invite")).stdout.trim();
  const third = machine(server, join(folder.path, "third"));
  await Deno.mkdir(third.folder);
  await third.json(`register-user --username carol --invite ${again}`);
  const changed = await user.qpq("check-key carol");
  assert.equal(changed.code, 1);
  assert.match(changed.stdout, /THE KEY HAS CHANGED[\s\S]*has NOT signed[\s\S]*accept-key carol/);
  assert.equal((await user.qpq("accept-key carol")).code, 2);
  const accepted = await user.json("accept-key carol --yes");
  assert.deepEqual([accepted.accepted, accepted.state], [true, "pinned"]);

  assert.equal((await user.qpq("delete-account")).code, 2);
  assert.deepEqual(await user.json("delete-account --yes"), { name: "bob", deleted: true });
  assert.equal((await user.qpq("whoami --username bob")).code, 4);
  assert.doesNotMatch((await administer(server, "accounts list")).stdout, /bob/);
});

Deno.test("a closed server takes no one; a passphrase that was made is shown once, and works", async () => {
  await using folder = await temporaryFolder();
  const dataFolder = join(folder.path, "data");
  const state = join(folder.path, "state");
  await Deno.mkdir(state);
  let passphrase = "";
  {
    await using server = await startServer(["--server-name", "chat.example"], { dataFolder });
    assert.match(server.output().stdout, /--server-name chat\.example\n/);
    const user = machine(server, state);
    const strange = await user.qpq("register-user --username erin");
    assert.equal(strange.code, 1);
    assert.match(strange.stderr, /says that it is chat\.example, not localhost.*--server-name\n$/);
    const made = await RESIDENT.qpq([
      ...["register-user", "--username", "erin", "--generate", "--json"],
      ...["--server-name", "chat.example", "--server", server.address, "--pin", server.pin],
    ], { env: { QPQ_STATE_DIR: state } });
    assert.equal(made.code, 0, made.stderr);
    const [shown, registered] = made.stdout.trim().split("\n").map((line) => JSON.parse(line));
    passphrase = shown.password;
    assert.match(passphrase, /^([a-z]{5}-){5}[a-z]{5}$/);
    assert.deepEqual([shown.name, registered.name, registered.password], [
      ...["erin", "erin", undefined],
    ]);
    // The name is remembered.
    assert.equal(await user.session({ QPQ_PASSWORD: passphrase }), "active");
  }
  await using server = await startServer(
    ["--registration", "closed", "--server-name", "other.example"],
    { dataFolder },
  );
  assert.match(server.output().stderr, /server-name-kept/);
  const user = machine(server, join(folder.path, "new"));
  await Deno.mkdir(user.folder);
  const closed = await user.qpq("register-user --username frank --server-name chat.example");
  assert.equal(closed.code, 1);
  assert.match(closed.stderr, /not open: ask the server's operator/);
  const entered = await user.json("login --username erin --server-name chat.example", {
    QPQ_PASSWORD: passphrase,
  });
  assert.equal(entered.serverName, "chat.example");
});

Deno.test("the operator's quotas hold: devices of an account, calls and logins from an address", async () => {
  await using folder = await temporaryFolder();
  await using server = await startServer([
    ...["--devices-max", "1", "--address-calls-per-minute", "60"],
    ...["--address-logins-per-minute", "2"],
  ]);
  const [first, second] = ["first", "second"].map((name) =>
    machine(server, join(folder.path, name))
  ) as [Machine, Machine];
  for (const { folder } of [first, second]) await Deno.mkdir(folder);
  await first.register("oscar");
  const many = refusal(await second.qpq("login --username oscar --json"));
  assert.deepEqual(many.slice(0, 2), [1, "devices/too-many"]);
  const guess = () => second.qpq("login --username oscar --json", { QPQ_PASSWORD: "guess" });
  assert.equal(refusal(await guess())[1], "accounts/login-refused");
  const limited = await guess();
  assert.equal(refusal(limited)[1], "accounts/rate-limited");
  assert.ok(JSON.parse(limited.stdout).error.retryAfterMs > 0);
  // The device that the account knows isn't held to what strangers from its address do.
  assert.equal((await first.json("login --username oscar")).name, "oscar");
  // Many more than 60: a second that passes meanwhile allows one more.
  const busy = await second.qpq("ping --count 200 --interval 0 --json");
  assert.equal(busy.code, 1);
  assert.match(busy.stdout, /accounts\/rate-limited/);
});

Deno.test("a passphrase that nobody could read is for no account", async () => {
  await using folder = await temporaryFolder();
  await using server = await startServer();
  const user = machine(server, folder.path, LAUNCHED);
  const env = {
    ...{ QPQ_STATE_DIR: folder.path, QPQ_SERVER: server.address, QPQ_PIN: server.pin },
    QPQ: QPQ,
  };
  for (const json of ["", " --json"]) {
    const lost = await run(
      "sh",
      ["-c", `"$QPQ" register-user --username judy --generate${json} > /dev/full`],
      { env },
    );
    assert.equal(lost.code, 1, lost.stderr);
    assert.match(lost.stderr, /^qpq: Cannot write output: .*\n$/);
  }
  assert.equal((await administer(server, "accounts list")).stdout, "no accounts yet\n");
  await user.register("judy");
  const lost = await run("sh", ["-c", '"$QPQ" passwd --generate > /dev/full'], {
    env: { ...env, QPQ_PASSWORD: PASSWORD },
  });
  assert.equal(lost.code, 1, lost.stderr);
  await user.json("login --username judy");
});

testFully(
  "a new account key warns peers; what is here of an account goes without asking the server",
  async () => {
    await using folder = await temporaryFolder();
    await using server = await startServer();
    const [first, second, peer] = ["first", "second", "peer"].map((name) =>
      machine(server, join(folder.path, name))
    ) as [Machine, Machine, Machine];
    for (const { folder } of [first, second, peer]) await Deno.mkdir(folder);
    await first.register("mallory");
    const made = await second.json("login --username mallory");
    await second.cheapen("mallory");
    await peer.register("trent");
    // Nothing that is seen for the first time was compared.
    const early = await peer.qpq("check-key mallory --mark-verified");
    assert.equal(early.code, 1);
    assert.match(early.stdout, /^mallory: seen for the first time/);
    assert.match(early.stderr, /not marked: compare this number with mallory first\n$/);
    assert.equal((await peer.json("check-key mallory --mark-verified")).state, "verified");

    assert.equal((await first.qpq("rotate-account-key")).code, 2);
    const rotated = await first.json("rotate-account-key --yes");
    assert.equal(rotated.accountId, made.accountId);
    assert.notEqual(rotated.accountKey, made.accountKey);
    assert.equal((await first.json("whoami")).accountKey, rotated.accountKey);
    // It is ready for others again.
    assert.deepEqual(await first.json("refresh-key-packages"), {
      ...{ singleUse: 0, lastResort: false, withheld: 0 },
    });
    const warned = await peer.qpq("check-key mallory");
    assert.equal(warned.code, 1);
    assert.match(warned.stdout, /THE KEY HAS CHANGED[\s\S]*the pinned key has signed the change/);
    // The other device learns of it with the password.
    const behind = await second.qpq("devices");
    assert.equal(behind.code, 1);
    assert.match(behind.stderr, /log in with the password: qpq login\n$/);
    assert.equal((await second.json("login --username mallory")).accountKey, rotated.accountKey);
    assert.equal((await second.json("devices")).isThis, true);

    assert.equal((await administer(server, "accounts delete mallory")).code, 0);
    const over = await first.qpq("delete-account --yes");
    assert.equal(over.code, 4);
    assert.match(over.stderr, /the session is over: qpq login begins a new session\n$/);
    const gone = await first.qpq("login");
    assert.equal(gone.code, 4);
    assert.match(
      gone.stderr,
      /^qpq: Cannot log in: .*If the account is gone: qpq forget-account deletes what is here/,
    );
    assert.equal((await first.qpq("forget-account")).code, 2);
    const env = { QPQ_PASSWORD: "" };
    server.signal("SIGKILL");
    await server.ended;
    const forgotten = await first.json("forget-account --yes", env);
    assert.deepEqual(forgotten, { name: "mallory", server: server.address, forgotten: true });
    assert.equal((await first.qpq("whoami --username mallory")).code, 4);
    assert.equal((await first.qpq("forget-account --username mallory --yes")).code, 4);
    const left = join(first.folder, server.address.replace(":", "_"));
    assert.deepEqual([...Deno.readDirSync(left)], []);
  },
);

Deno.test("one process has an account; without a terminal a missing password is a mistake", async () => {
  await using folder = await temporaryFolder();
  await using server = await startServer();
  const user = machine(server, folder.path);
  await user.json("register-user --username grace");
  await user.cheapen("grace");
  const store = join(folder.path, server.address.replace(":", "_"), "grace", "client.db.lock");
  {
    using lock = await Deno.open(store, { read: true, write: true });
    await lock.lock(true);
    const second = await user.qpq("whoami");
    assert.equal(second.code, 1);
    assert.match(
      second.stderr,
      /another process has it open\. Another qpq has the account open.*\n$/,
    );
  }
  assert.equal((await user.qpq("whoami")).code, 0);
  const env = { QPQ_STATE_DIR: folder.path };
  const none = await RESIDENT.qpq(["whoami"], { env: { QPQ_STATE_DIR: join(folder.path, "new") } });
  assert.equal(none.code, 4);
  assert.match(none.stderr, /no account on 127\.0\.0\.1:7000: qpq register-user makes one/);
  const nobody = await RESIDENT.qpq(["register-user"], { env });
  assert.equal(nobody.code, 2);
  assert.match(nobody.stderr, /--username: expected the account to act as/);
  const silent = await RESIDENT.qpq(["whoami"], { env });
  assert.equal(silent.code, 2);
  assert.match(silent.stderr, /expected QPQ_PASSWORD, or --password-file/);
  server.signal("SIGKILL");
  await server.ended;
  assert.equal((await user.json("whoami")).session, "unreachable");
});

testFully("after a restore from a backup sessions are over, and a login begins one", async () => {
  await using folder = await temporaryFolder();
  const [data, restored, backup] = ["data", "restored", "backup"].map((name) =>
    join(folder.path, name)
  ) as [string, string, string];
  const state = join(folder.path, "state");
  await Deno.mkdir(state);
  let listen = "";
  {
    await using server = await startServer([], { dataFolder: data });
    listen = server.address;
    const user = machine(server, state);
    await user.register("heidi");
    assert.equal((await administer(server, `backup ${backup}`)).code, 0);
    // What the backup doesn't know.
    await user.json("rotate-account-key --yes");
  }
  const restore = await run(QPQ_SERVER, ["--data-dir", restored, "restore", backup]);
  assert.equal(restore.code, 0, restore.stderr);
  for (const name of ["server-cert.der", "server-key.der"]) {
    await Deno.copyFile(join(data, name), join(restored, name));
  }
  await using server = await startServer(["--listen", listen], { dataFolder: restored });
  const user = machine(server, state);
  assert.equal(await user.session(), "over");
  const refused = await user.qpq("login --username heidi");
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /recover-account shows what it lost/);
  assert.equal((await user.qpq("recover-account")).code, 2);
  const recovered = await user.qpq("recover-account --yes");
  assert.equal(recovered.code, 0, recovered.stderr);
  assert.match(recovered.stdout, /vault: it gives number \d+, this device has seen \d+/);
  assert.match(recovered.stdout, /The account key is an earlier one again/);
  assert.equal(await user.session(), "active");
  assert.equal((await user.json("recover-account --yes")).lost, null);
  await user.json("login --username heidi");
});

/** Each file's content as text, in UTF-8 and in UTF-16; the databases here aren't encrypted. */
async function contentOf(folder: string): Promise<readonly string[]> {
  const texts: string[] = [];
  for await (const { name, isDirectory, isFile } of Deno.readDir(folder)) {
    const path = join(folder, name);
    if (isDirectory) texts.push(...await contentOf(path));
    if (!isFile) continue;
    const bytes = await Deno.readFile(path);
    texts.push(...["utf-8", "utf-16le"].map((code) => new TextDecoder(code).decode(bytes)));
  }
  return texts;
}
