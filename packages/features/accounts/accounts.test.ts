import assert from "node:assert/strict";
import { MemoryDisk, openMemoryStore } from "@qpq/adapters";
import type { MessengerError } from "@qpq/ports";
import { as, contentOf, countingReads, openWorld, primitives, refusedWith } from "../test/world.ts";
import { accountsClient } from "./accounts.gen.ts";
import { changePassword, deleteAccount, logIn, register, reloadVault } from "./client.ts";
import { KEY_STRETCHING, openOpaqueServer, startLogin } from "./opaque.ts";
import { isSignedBy, LABELS } from "./signed.ts";

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

Deno.test("disposing an unlocked account overwrites its keys", async () => {
  await using world = await openWorld();
  const unlocked = await register(world.connect(), as(world, "alice"));
  const { accountKey } = unlocked.identity;
  const statement = new Uint8Array(8);
  const before = { ...unlocked.sign(LABELS.deviceList, statement), label: LABELS.deviceList };
  assert.ok(isSignedBy(primitives, accountKey, before));
  unlocked[Symbol.dispose]();
  assert.deepEqual(unlocked.directoryKey, new Uint8Array(32));
  const after = { ...unlocked.sign(LABELS.deviceList, statement), label: LABELS.deviceList };
  assert.ok(!isSignedBy(primitives, accountKey, after));
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
