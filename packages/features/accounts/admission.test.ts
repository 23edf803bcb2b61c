import assert from "node:assert/strict";
import { MemoryDisk } from "@qpq/adapters";
import { as, contentOf, openWorld, refusedWith, SERVER_NAME } from "../test/world.ts";
import { deleteAccount, logIn, register, reloadVault } from "./client.ts";

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
    // Who knows the password uses nothing up.
    for (let known = 0; known < 8; known++) {
      (await logIn(world.connect(), as(world, "alice")))[Symbol.dispose]();
    }
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
