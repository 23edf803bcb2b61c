import assert from "node:assert/strict";
import { openMemoryStore } from "@qpq/adapters";
import {
  as,
  contentOf,
  openWorld,
  primitives,
  recordingHome,
  refusedWith,
  type World,
} from "../test/world.ts";
import { accountsClient } from "./accounts.gen.ts";
import {
  changePassword,
  deleteAccount,
  logIn,
  readOwnAccount,
  register,
  reloadVault,
  rememberOwnAccount,
} from "./client.ts";
import { startLogin, startRegistration } from "./opaque.ts";

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
  // The right finish, after a wrong one has used the login up.
  const finishes = recordingHome(first, () => {}, async (method) => {
    if (method !== "accounts/login-finish") return;
    const wrong = accountsClient(first).loginFinish({ finish: new Uint8Array(64) });
    await refusedWith("accounts/login-refused", wrong);
  });
  await refusedWith("accounts/login-expired", logIn(finishes, as(world, "alice")));
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
    calls.writeDirectory({ version: 1, replaces: 0, sealed: bytes(9) }),
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

/** What registers another account, as its client would send it. */
async function otherAccount(world: World) {
  const sent: unknown[] = [];
  await using elsewhere = await openWorld();
  const recording = recordingHome(elsewhere.connect(), (params) => sent.push(params));
  using _made = await register(recording, as(world, "other"));
  return sent.at(-1) as Parameters<ReturnType<typeof accountsClient>["registerFinish"]>[0];
}
