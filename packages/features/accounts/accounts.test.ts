import assert from "node:assert/strict";
import { MemoryDisk, openMemoryStore } from "@qpq/adapters";
import { MessengerError, type Store } from "@qpq/ports";
import {
  contentOf,
  FAST_STRETCHING,
  openWorld,
  primitives,
  refusedWith,
  SERVER_NAME,
  type World,
} from "../testing/world.ts";
import { accountsClient } from "./accounts.gen.ts";
import {
  changePassword,
  deleteAccount,
  logIn,
  type PasswordOptions,
  readOwnAccount,
  register,
  reloadVault,
  rememberOwnAccount,
} from "./client.ts";
import type { Home } from "./home.ts";
import { KEY_STRETCHING, openOpaqueServer, startLogin, startRegistration } from "./opaque.ts";

/** What every password operation of these tests takes, besides what differs. */
function as(world: World, name: string, password = "correct horse"): PasswordOptions {
  const { random } = world;
  return {
    name,
    password,
    serverName: SERVER_NAME,
    primitives,
    random,
    keyStretching: FAST_STRETCHING,
  };
}

Deno.test("register() makes an account and logIn() opens the same vault elsewhere", async () => {
  await using world = await openWorld();
  using made = await register(world.connect(), as(world, "Alice.B"));
  using opened = await logIn(world.connect(), as(world, "alice.b"));
  assert.deepEqual(opened.identity, made.identity);
  assert.equal(opened.identity.name, "alice.b");
  assert.deepEqual(opened.directoryKey, made.directoryKey);
  assert.deepEqual([opened.version, opened.generation, opened.listCounter], [1, 1, 0]);
});

Deno.test("the server's store holds neither password nor keys in clear", async () => {
  await using world = await openWorld();
  using made = await register(world.connect(), as(world, "alice", "a secret password"));
  const content = await contentOf(world.store);
  assert.ok(content.includes(made.identity.accountKey.toHex()));
  assert.ok(!content.includes(new TextEncoder().encode("a secret password").toHex()));
  assert.ok(!content.includes(made.directoryKey.toHex()));
});

Deno.test("logIn() is refused alike for a wrong password and for a name that nobody has", async () => {
  await using world = await openWorld();
  using _made = await register(world.connect(), as(world, "alice"));
  const wrong = await refusedWith(
    "accounts/login-refused",
    logIn(world.connect(), as(world, "alice", "wrong")),
  );
  const unknown = await refusedWith(
    "accounts/login-refused",
    logIn(world.connect(), as(world, "nobody.here")),
  );
  assert.equal(wrong.message, unknown.message);
});

Deno.test("loginStart() does the same work and answers in the same form for unknown names", async () => {
  let reads = 0;
  const calls: string[] = [];
  const opaque = await openOpaqueServer();
  const inner = openMemoryStore();
  const store = countingReads(inner, () => reads++);
  await using world = await openWorld({
    store,
    opaque: {
      ...opaque,
      loginResponse: (setup, options) => {
        calls.push("loginResponse");
        return opaque.loginResponse(setup, options);
      },
      finishLogin: (state, options) => {
        calls.push("finishLogin");
        return opaque.finishLogin(state, options);
      },
    },
  });
  using _made = await register(world.connect(), as(world, "alice"));
  const workOf = async (name: string) => {
    const client = accountsClient(world.connect());
    const { request } = await startLogin("guess");
    reads = 0;
    calls.length = 0;
    const { response } = await client.loginStart({ name, request });
    const refusal = await refusedWith(
      "accounts/login-refused",
      client.loginFinish({ finish: new Uint8Array(64) }),
    );
    return {
      length: response.length,
      reads,
      calls: [...calls],
      refusal: [refusal.code, refusal.message, refusal.retryAfterMs],
    };
  };
  const known = await workOf("alice");
  assert.deepEqual(await workOf("nobody"), known);
  assert.deepEqual(known.length, 320);
  assert.deepEqual(known.calls, ["loginResponse", "finishLogin"]);
  assert.equal(known.reads, 2);
});

Deno.test("loginStart() evaluates a name that nobody has under the same key each time", async () => {
  await using world = await openWorld();
  // The evaluated element and its nonce differ with the request; the OPRF key of a name doesn't.
  const client = accountsClient(world.connect());
  const { request } = await startLogin("guess");
  const first = await client.loginStart({ name: "nobody", request });
  const second = await client.loginStart({ name: "nobody", request });
  const other = await client.loginStart({ name: "no.body", request });
  const element = (response: Uint8Array) => response.subarray(0, 32).toHex();
  assert.equal(element(first.response), element(second.response));
  assert.notEqual(element(first.response), element(other.response));
});

Deno.test("a name is given once, also to two at once, and case does not matter", async () => {
  await using world = await openWorld();
  const results = await Promise.allSettled([
    register(world.connect(), as(world, "alice")),
    register(world.connect(), as(world, "ALICE", "other password")),
  ]);
  const refused = results.filter((result) => result.status === "rejected");
  assert.equal(refused.length, 1);
  assert.equal((refused[0]?.reason as MessengerError).code, "accounts/name-taken");
  await refusedWith("accounts/name-taken", register(world.connect(), as(world, "Alice")));
});

Deno.test("registerFinish() sent again has the same result; with another vault it is refused", async () => {
  await using world = await openWorld();
  const home = world.connect();
  const sent: Parameters<ReturnType<typeof accountsClient>["registerFinish"]>[0][] = [];
  const recording = recordingHome(home, (params) => sent.push(params as never));
  using _made = await register(recording, as(world, "alice"));
  const params = sent.at(-1);
  assert.ok(params !== undefined && "vault" in params);
  const before = await contentOf(world.store);
  await accountsClient(world.connect()).registerFinish(params);
  await refusedWith(
    "accounts/bad-signature",
    accountsClient(home).registerFinish({ ...params, vault: params.vault.slice(1) }),
  );
  await refusedWith(
    "accounts/name-taken",
    accountsClient(home).registerFinish({ ...await otherAccount(world), name: "alice" }),
  );
  assert.equal(await contentOf(world.store), before);
});

Deno.test("registration by invite takes a code as often as it allows, until it expires", async () => {
  await using world = await openWorld({ registration: "invite" });
  const { admin } = world.accounts;
  const code = await admin.invite({ uses: 2, lifetimeMs: 60_000 });
  assert.match(code, /^([0-9A-HJKMNP-TV-Z]{4}-){3}[0-9A-HJKMNP-TV-Z]{4}$/);
  const register1 = (name: string, invite?: string) =>
    register(world.connect(), {
      ...as(world, name),
      ...invite === undefined ? {} : { invite },
    });
  await refusedWith("accounts/invite-invalid", register1("alice"));
  await refusedWith("accounts/invite-invalid", register1("alice", "0000-0000-0000-0000"));
  (await register1("alice", code))[Symbol.dispose]();
  await refusedWith("accounts/name-taken", register1("alice", code));
  // A refused registration uses nothing up; letters are read as they are written by hand.
  (await register1("bob", ` ${code.toLowerCase().replaceAll("-", " ")}`))[Symbol.dispose]();
  await refusedWith("accounts/invite-invalid", register1("carol", code));
  const late = await admin.invite({ lifetimeMs: 60_000 });
  await world.clock.advance(60_000);
  await refusedWith("accounts/invite-invalid", register1("carol", late));
  const before = await contentOf(world.store);
  await admin.sweep();
  assert.notEqual(await contentOf(world.store), before);
  await refusedWith("too-large", admin.invite({ uses: 10_001 }));
  await refusedWith("too-large", admin.invite({ lifetimeMs: 0 }));
});

Deno.test("a closed server takes no accounts; logins go on", async () => {
  const disk = new MemoryDisk();
  {
    await using world = await openWorld({ disk });
    using _made = await register(world.connect(), as(world, "alice"));
  }
  await using world = await openWorld({ disk, registration: "closed" });
  await refusedWith("accounts/registration-closed", register(world.connect(), as(world, "bob")));
  using _opened = await logIn(world.connect(), as(world, "alice"));
});

Deno.test("openAccounts() keeps setup and server name of its store, whatever it is called later", async () => {
  const disk = new MemoryDisk();
  await (await openWorld({ disk }))[Symbol.asyncDispose]();
  await using world = await openWorld({ disk, serverName: "other.example" });
  assert.equal(world.accounts.serverName, SERVER_NAME);
});

Deno.test("changePassword(): the new one works everywhere, the old one nowhere", async () => {
  await using world = await openWorld();
  using made = await register(world.connect(), as(world, "alice", "old password"));
  const home = world.connect();
  using opened = await logIn(home, as(world, "alice", "old password"));
  await changePassword(home, opened, { ...as(world, "alice", "new password") });
  assert.equal(opened.version, 2);
  await refusedWith(
    "accounts/login-refused",
    logIn(world.connect(), as(world, "alice", "old password")),
  );
  using again = await logIn(world.connect(), as(world, "alice", "new password"));
  assert.deepEqual(again.identity, made.identity);
  assert.deepEqual(again.directoryKey, made.directoryKey);
  assert.equal(again.version, 2);
});

Deno.test("changePassword() by the older of two logins is refused, and changes nothing", async () => {
  await using world = await openWorld();
  const [first, second] = [world.connect(), world.connect()];
  using a = await register(first, as(world, "alice", "old password"));
  using b = await logIn(second, as(world, "alice", "old password"));
  await changePassword(first, a, as(world, "alice", "new password"));
  const before = await contentOf(world.store);
  await refusedWith("accounts/not-fresh", changePassword(second, b, as(world, "alice", "third")));
  await refusedWith("accounts/not-fresh", deleteAccount(second, b));
  await refusedWith("accounts/not-fresh", reloadVault(second, b));
  assert.equal(await contentOf(world.store), before);
});

Deno.test("changePassword() interrupted at any commit leaves exactly one password that works", async () => {
  for (const fault of ["before", "after"] as const) {
    const disk = new MemoryDisk();
    let isArmed = false;
    let onCrash = (): void => {};
    const crashed = new Promise<void>((resolve) => onCrash = resolve);
    const store = openMemoryStore({
      disk,
      onCrash,
      faultOf: () => isArmed ? { kind: "crash", written: fault === "after" } : undefined,
    });
    const world = await openWorld({ store });
    const home = world.connect();
    using opened = await register(home, as(world, "alice", "old password"));
    isArmed = true;
    const changing = changePassword(home, opened, as(world, "alice", "new password"));
    changing.catch(() => {});
    await crashed;
    await home.close();
    await using restarted = await openWorld({ disk });
    const [works, fails] = fault === "after"
      ? ["new password", "old password"]
      : ["old password", "new password"];
    using _again = await logIn(restarted.connect(), as(restarted, "alice", works));
    await refusedWith(
      "accounts/login-refused",
      logIn(restarted.connect(), as(restarted, "alice", fails)),
    );
  }
});

Deno.test("what needs the password is refused without a login on the same connection, and later", async () => {
  await using world = await openWorld();
  const home = world.connect();
  using opened = await register(home, as(world, "alice"));
  const stranger = world.connect();
  await refusedWith(
    "accounts/not-fresh",
    changePassword(stranger, opened, as(world, "alice", "x")),
  );
  await refusedWith("accounts/not-fresh", deleteAccount(stranger, opened));
  await refusedWith("accounts/not-fresh", accountsClient(stranger).vault({}));
  await world.clock.advance(299_999);
  await reloadVault(home, opened);
  await world.clock.advance(1);
  await refusedWith("accounts/not-fresh", reloadVault(home, opened));
});

Deno.test("a pending login ends on its own connection, once, and within 60 s", async () => {
  await using world = await openWorld();
  using _made = await register(world.connect(), as(world, "alice"));
  const [first, second] = [world.connect(), world.connect()];
  await refusedWith(
    "accounts/login-expired",
    accountsClient(first).loginFinish({ finish: new Uint8Array(64) }),
  );
  let delayMs = 0;
  const slow = recordingHome(first, () => {}, async (method) => {
    if (method === "accounts/login-finish") await world.clock.advance(delayMs);
  });
  delayMs = 60_000;
  await refusedWith("accounts/login-expired", logIn(slow, as(world, "alice")));
  delayMs = 59_999;
  using _opened = await logIn(slow, as(world, "alice"));
  // The finish of one connection's login, sent over another.
  const crossed = recordingHome(
    first,
    () => {},
    undefined,
    (method) => method === "accounts/login-finish" ? second : first,
  );
  await refusedWith("accounts/login-expired", logIn(crossed, as(world, "alice")));
});

Deno.test("guesses are slowed for each name and address, with retryAfterMs; others aren't", async () => {
  await using world = await openWorld();
  using _made = await register(world.connect(), as(world, "alice"));
  const guesser = world.connect({ hostname: "198.51.100.7" });
  const guess = (password = "guess") => logIn(guesser, as(world, "alice", password));
  for (let tried = 0; tried < 5; tried++) await refusedWith("accounts/login-refused", guess());
  const first = await refusedWith("accounts/rate-limited", guess("correct horse"));
  assert.equal(first.retryAfterMs, 1_000);
  await world.clock.advance(1_000);
  await refusedWith("accounts/login-refused", guess());
  assert.equal((await refusedWith("accounts/rate-limited", guess())).retryAfterMs, 2_000);
  // Whoever sits elsewhere, and other names from there.
  using _elsewhere = await logIn(world.connect(), as(world, "alice"));
  await refusedWith("accounts/login-refused", logIn(guesser, as(world, "bob")));
  // A success takes the wait back.
  await world.clock.advance(2_000);
  using _right = await guess("correct horse");
  await refusedWith("accounts/login-refused", guess());
});

Deno.test("guesses from many addresses are bounded for a name, whether it exists or not", async () => {
  const loginsOfName = { burst: 8, perMinute: 1 };
  for (const name of ["alice", "nobody"]) {
    await using world = await openWorld({ limits: { loginsOfName } });
    using _made = await register(world.connect(), as(world, "alice"));
    for (let guesser = 0; guesser < 8; guesser++) {
      const home = world.connect({ hostname: `198.51.100.${guesser}` });
      await refusedWith("accounts/login-refused", logIn(home, as(world, name, "guess")));
    }
    const home = world.connect({ hostname: "198.51.100.99" });
    await refusedWith("accounts/rate-limited", logIn(home, as(world, name)));
    await world.clock.advance(60_000);
    await refusedWith("accounts/login-refused", logIn(home, as(world, name, "guess")));
  }
});

Deno.test("logins and registrations from one address are limited, an IPv6 subscriber counting once", async () => {
  await using world = await openWorld({
    limits: { logins: { burst: 3, perMinute: 1 }, registrations: { burst: 4, perMinute: 1 } },
  });
  const at = (host: number) => world.connect({ hostname: `2001:db8::${host}` });
  (await register(at(1), as(world, "alice")))[Symbol.dispose]();
  (await register(at(2), as(world, "bob")))[Symbol.dispose]();
  const refusal = await refusedWith("accounts/rate-limited", register(at(3), as(world, "carol")));
  assert.equal(refusal.retryAfterMs, 60_000);
  for (let host = 1; host <= 3; host++) {
    (await logIn(at(host), as(world, "alice")))[Symbol.dispose]();
  }
  await refusedWith("accounts/rate-limited", logIn(at(4), as(world, "alice")));
});

Deno.test("a suspended account is refused after its password was right, and works again when resumed", async () => {
  await using world = await openWorld();
  using _made = await register(world.connect(), as(world, "alice"));
  const { admin } = world.accounts;
  await admin.suspend("Alice");
  await refusedWith("accounts/suspended", logIn(world.connect(), as(world, "alice")));
  await refusedWith(
    "accounts/login-refused",
    logIn(world.connect(), as(world, "alice", "wrong")),
  );
  await admin.resume("alice");
  using _opened = await logIn(world.connect(), as(world, "alice"));
  await refusedWith("accounts/unknown", admin.suspend("bob"));
  await refusedWith("accounts/unknown", admin.resume("bob"));
  await refusedWith("accounts/unknown", admin.delete("bob"));
});

Deno.test("list() shows accounts by name, in pages", async () => {
  await using world = await openWorld();
  for (const name of ["carol", "alice", "bob"]) {
    (await register(world.connect(), as(world, name)))[Symbol.dispose]();
  }
  const { admin } = world.accounts;
  await admin.suspend("bob");
  const first = await admin.list({ countMax: 2 });
  assert.deepEqual(first.accounts.map(({ name, isSuspended }) => [name, isSuspended]), [
    ["alice", false],
    ["bob", true],
  ]);
  assert.equal(first.more, true);
  const second = await admin.list({ after: "bob" });
  assert.deepEqual(second.accounts.map(({ name }) => name), ["carol"]);
  assert.equal(second.more, false);
  await refusedWith("too-large", admin.list({ countMax: 501 }));
});

Deno.test("delete, by user or operator, frees the name and leaves nothing behind", async () => {
  await using world = await openWorld();
  const empty = await contentOf(world.store);
  const home = world.connect();
  using unlocked = await register(home, as(world, "alice"));
  const other = world.connect();
  using before = await logIn(other, as(world, "alice"));
  await deleteAccount(home, unlocked);
  assert.equal(await contentOf(world.store), empty);
  await refusedWith("accounts/login-refused", logIn(world.connect(), as(world, "alice")));
  await refusedWith("accounts/unknown", reloadVault(other, before));
  using _next = await register(world.connect(), as(world, "alice"));
  await world.accounts.admin.delete("alice");
  assert.equal(await contentOf(world.store), empty);
});

Deno.test("logIn() refuses a server that swaps, replays or renames", async () => {
  let replay: unknown;
  let act: "record" | "old" | "swap" | "key" = "record";
  await using world = await openWorld({
    tamper: async (method, call, context) => {
      if (method === "accounts/login-finish" && act === "swap") {
        const { accountId, accountKey, version } = await call() as Record<string, unknown>;
        return { ...replay as object, accountId, accountKey, version };
      }
      const result = await call();
      if (method !== "accounts/login-finish") return result;
      if (act === "record") replay = result;
      if (act === "old") return replay;
      if (act === "key") {
        return { ...result as object, accountKey: primitives.hash(context.session.nonce) };
      }
      return result;
    },
  });
  const home = world.connect();
  using _made = await register(home, as(world, "alice"));
  using mallory = await register(world.connect(), as(world, "mallory"));
  using opened = await logIn(home, as(world, "alice"));
  const client = openMemoryStore();
  await changePassword(home, opened, as(world, "alice"));
  await rememberOwnAccount(client, opened);
  const known = await readOwnAccount(client);
  assert.ok(known !== undefined);
  const logInAgain = (extra: object = {}) =>
    logIn(world.connect(), { ...as(world, "alice"), ...extra });

  act = "old";
  await refusedWith("accounts/vault-rolled-back", logInAgain({ known }));
  // Without what is known it is an old vault under an old password's key.
  await refusedWith("accounts/vault-refused", logInAgain());
  act = "swap";
  await refusedWith("accounts/vault-refused", logInAgain({ known }));
  act = "key";
  await refusedWith("accounts/vault-refused", logInAgain({ known }));
  act = "record";
  await refusedWith("accounts/wrong-server", logInAgain({ serverName: "evil.example" }));
  await refusedWith(
    "accounts/wrong-account",
    logInAgain({ known: { ...known, accountId: mallory.identity.accountId } }),
  );
  using _fine = await logInAgain({ known });
});

Deno.test("every call refuses what is over-long, short or empty, and changes nothing", async () => {
  await using world = await openWorld();
  const home = world.connect();
  using opened = await register(home, as(world, "alice"));
  const calls = accountsClient(home);
  const { request } = await startRegistration("password");
  const login = await startLogin("password");
  const bytes = (length: number) => new Uint8Array(length).fill(7);
  const params = await otherAccount(world);
  const before = await contentOf(world.store);
  const write = params.write;
  for (const length of [0, 1, 31]) {
    await refusedWith(
      "malformed",
      calls.registerStart({ name: "x1", request: bytes(length), invite: "" }),
    );
    await refusedWith("malformed", calls.passwordStart({ request: bytes(length) }));
    await refusedWith("malformed", calls.loginStart({ name: "x1", request: bytes(length) }));
    await refusedWith("malformed", calls.passwordFinish({ ...params, record: bytes(length) }));
    await refusedWith("malformed", calls.registerFinish({ ...params, record: bytes(length) }));
    await refusedWith("malformed", calls.registerFinish({ ...params, accountKey: bytes(length) }));
  }
  await refusedWith("malformed", calls.registerFinish({ ...params, accountId: bytes(15) }));
  await refusedWith(
    "malformed",
    calls.registerFinish({ ...params, accountId: new Uint8Array(16) }),
  );
  await refusedWith("malformed", calls.loginStart({ name: "x1", request: bytes(95) }));
  await refusedWith("too-large", calls.loginStart({ name: "x1", request: bytes(97) }));
  await refusedWith(
    "malformed",
    calls.registerStart({ name: "x1", request: bytes(32).fill(255), invite: "" }),
  );
  await refusedWith("malformed", calls.loginStart({ name: "x1", request: bytes(96).fill(255) }));
  await refusedWith(
    "too-large",
    calls.registerStart({ name: "a".repeat(65), request, invite: "" }),
  );
  await refusedWith("too-large", calls.registerFinish({ ...params, vault: bytes(1_025) }));
  for (const name of ["", "a", "-a", ".a", "a b", "a".repeat(33), "ä1", "a/b", "a@b"]) {
    await refusedWith("accounts/name-invalid", calls.registerStart({ name, request, invite: "" }));
    await refusedWith("accounts/name-invalid", calls.loginStart({ name, request: login.request }));
    await refusedWith("accounts/name-invalid", calls.registerFinish({ ...params, name }));
  }
  await refusedWith(
    "accounts/name-reserved",
    calls.registerStart({ name: "Admin", request, invite: "" }),
  );
  await refusedWith("accounts/name-reserved", calls.registerFinish({ ...params, name: "root" }));
  await calls.loginStart({ name: "alice", request: login.request });
  await refusedWith("malformed", calls.loginFinish({ finish: bytes(63) }));
  for (const signature of [bytes(0), bytes(63), bytes(64)]) {
    const forged = { ...write, signature };
    await refusedWith("accounts/bad-signature", calls.registerFinish({ ...params, write: forged }));
    await refusedWith("accounts/bad-signature", calls.passwordFinish({ ...params, write: forged }));
    await refusedWith("accounts/bad-signature", calls.delete({ deletion: forged }));
  }
  // A statement of another kind, signed by the right key.
  const deletion = opened.signDeletion();
  await refusedWith("accounts/bad-signature", calls.passwordFinish({ ...params, write: deletion }));
  await refusedWith(
    "accounts/bad-signature",
    calls.delete({ deletion: opened.prepare({ random: world.random }).write }),
  );
  await refusedWith("rpc/not-authenticated", calls.readDirectory({}));
  await refusedWith(
    "rpc/not-authenticated",
    calls.writeDirectory({ version: 1, sealed: bytes(9) }),
  );
  assert.equal(await contentOf(world.store), before);
});

Deno.test("a vault is replaced only by the version that follows", async () => {
  await using world = await openWorld();
  const home = world.connect();
  using opened = await register(home, as(world, "alice"));
  const record = new Uint8Array(192).fill(1);
  const renewed = { exportKey: new Uint8Array(64), record };
  const first = opened.prepare({ random: world.random, renewed });
  opened.written(opened.prepare({ random: world.random }));
  const ahead = opened.prepare({ random: world.random, renewed });
  const calls = accountsClient(home);
  await refusedWith("accounts/version-conflict", calls.passwordFinish({ ...ahead, record }));
  await calls.passwordFinish({ ...first, record });
  await refusedWith("accounts/not-fresh", calls.passwordFinish({ ...ahead, record }));
});

Deno.test("KEY_STRETCHING, the default, is Argon2id with 64 MiB, 3 passes, 4 lanes", async () => {
  await using world = await openWorld();
  const { keyStretching: _, ...product } = as(world, "alice");
  using _made = await register(world.connect(), product);
  // Whoever stretches by these figures gets in; whoever by others doesn't.
  using _opened = await logIn(world.connect(), {
    ...product,
    keyStretching: { "argon2id-custom": { memory: 64 * 1024, iterations: 3, parallelism: 4 } },
  });
  await refusedWith("accounts/login-refused", logIn(world.connect(), as(world, "alice")));
  assert.deepEqual(KEY_STRETCHING, {
    "argon2id-custom": { memory: 65_536, iterations: 3, parallelism: 4 },
  });
});

/** What registers another account, as its client would send it. */
async function otherAccount(world: World) {
  const sent: unknown[] = [];
  await using elsewhere = await openWorld();
  const recording = recordingHome(elsewhere.connect(), (params) => sent.push(params));
  using _made = await register(recording, as(world, "other"));
  return sent.at(-1) as Parameters<ReturnType<typeof accountsClient>["registerFinish"]>[0];
}

/** Tells of each call, may wait before it, and may send it elsewhere. */
function recordingHome(
  home: Home,
  record: (params: unknown, method: string) => void,
  before: (method: string) => Promise<void> = () => Promise.resolve(),
  route: (method: string) => Home = () => home,
): Home {
  return {
    connected: (options) => home.connected(options),
    call: async (method, params, options) => {
      record(params, method.name);
      await before(method.name);
      return await route(method.name).call(method, params, options);
    },
    subscribe: (method, params, options) => home.subscribe(method, params, options),
  };
}

function countingReads(store: Store, count: () => void): Store {
  return {
    ...store,
    closed: store.closed,
    transaction: (fn, options) => store.transaction(fn, options),
    snapshot: (fn) =>
      store.snapshot((reader) =>
        fn({
          get: (key) => {
            count();
            return reader.get(key);
          },
          range: (options) => {
            count();
            return reader.range(options);
          },
        })
      ),
    watch: (prefix, onChange) => store.watch(prefix, onChange),
    close: () => store.close(),
    [Symbol.asyncDispose]: () => store.close(),
  };
}
