import assert from "node:assert/strict";
import { keyFilePath, openKeyFile } from "@qpq/adapters/stores";
import { MessengerError } from "@qpq/ports";
import { logIn } from "../features/accounts/client.ts";
import { as, openDeviceWorld, primitives, refusedWith } from "../features/test/device-world.ts";
import { accountFolder, requireStoreFree } from "./account-store.ts";
import type { Surroundings } from "./client-core.ts";
import { forgetAccount, logInClient, openClient, registerClient } from "./client.ts";
import { connects, device, withClient } from "./test/device.ts";

Deno.test("registerClient() leaves a device that openClient() opens, with key packages published", async () => {
  await using world = await openDeviceWorld();
  await using own = await device(world);
  const deviceId = await withClient(registerClient(own.options()), async (client) => {
    await client.connected();
    const refilled = await client.refreshKeyPackages();
    assert.deepEqual(refilled, { singleUse: 0, lastResort: false, withheld: 0 });
    return client.deviceId;
  });
  await withClient(openClient(own.options()), async (client) => {
    assert.equal(client.account.name, "alice");
    const { mode } = await Deno.stat(accountFolder(own.options()));
    assert.equal((mode ?? 0) & 0o077, 0);
    assert.deepEqual(client.deviceId, deviceId);
    const devices = await client.devices();
    assert.deepEqual(devices.map(({ isThis }) => isThis), [true]);
  });
  await refusedWith("client/has-account", registerClient(own.options()));
});

Deno.test("a name or password that is refused leaves no store behind", async () => {
  await using world = await openDeviceWorld();
  await using first = await device(world);
  await using second = await device(world);
  await (await registerClient(first.options()))[Symbol.asyncDispose]();
  await refusedWith("accounts/name-taken", registerClient(second.options()));
  await refusedWith("accounts/login-refused", logInClient(second.options("wrong")));
  await refusedWith("client/no-account", openClient(second.options("wrong")));
  assert.deepEqual([...Deno.readDirSync(`${second.stateFolder}/127.0.0.1_7000`)], []);
  await withClient(logInClient(second.options()), async (client) => {
    assert.equal((await client.devices()).length, 2);
  });
});

Deno.test("a device too many leaves nothing on it, and can log in once another is gone", async () => {
  await using world = await openDeviceWorld({}, { devicesMax: 2 });
  await using first = await device(world);
  await using second = await device(world);
  await using third = await device(world);
  await using client = await registerClient(first.options());
  const { deviceId } = await withClient(logInClient(second.options()), async (other) => other);
  await refusedWith("devices/too-many", logInClient(third.options()));
  assert.deepEqual([...Deno.readDirSync(`${third.stateFolder}/127.0.0.1_7000`)], []);
  await client.revokeDevices([deviceId], "first password");
  await withClient(logInClient(third.options()), connects);
});

Deno.test("openClient() refuses a wrong password, another server's name, and a second process", async () => {
  await using world = await openDeviceWorld();
  await using own = await device(world);
  await using client = await registerClient(own.options());
  await refusedWith("store/in-use", openClient(own.options()));
  await client[Symbol.asyncDispose]();
  await refusedWith("store/wrong-password", openClient(own.options("wrong")));
  await refusedWith(
    "accounts/wrong-server",
    openClient({ ...own.options(), serverName: "other.example" }),
  );
  await using impostor = await openDeviceWorld({ serverName: "other.example" });
  const connect: Surroundings["connect"] = ({ credentials }) => impostor.connect({ credentials });
  await withClient(openClient(own.options("first password", { connect })), async (other) => {
    await refusedWith("accounts/wrong-server", () => other.connected());
  });
  await withClient(openClient(own.options()), connects);
});

Deno.test("a registration whose answer was lost is completed by logInClient()", async () => {
  let isLost = false;
  await using world = await openDeviceWorld({
    tamper: async (method, call) => {
      const result = await call();
      if (method !== "accounts/register-finish" || isLost) return result;
      isLost = true;
      throw new Error("the answer is lost");
    },
  });
  await using own = await device(world);
  await assert.rejects(registerClient(own.options()));
  assert.equal(isLost, true);
  await withClient(logInClient(own.options()), connects);
});

Deno.test("logOut() and a revocation end the session; logInClient() begins one, of the same device", async () => {
  await using world = await openDeviceWorld();
  await using own = await device(world);
  await using second = await device(world);
  await using client = await registerClient(own.options());
  const deviceId = await withClient(logInClient(second.options()), async (other) => {
    await client.revokeDevices([other.deviceId], "first password");
    await assert.rejects(other.devices());
    return other.deviceId;
  });
  await withClient(openClient(second.options()), async (other) => {
    await refusedWith("rpc/not-authenticated", () => other.connected());
  });
  await withClient(logInClient(second.options()), async (other) => {
    assert.deepEqual(other.deviceId, deviceId);
    await other.connected();
    await other.logOut();
    await refusedWith("rpc/not-authenticated", () => other.connected());
  });
});

Deno.test("remember() lets the store open without the password, until forget() or logOut()", async () => {
  await using world = await openDeviceWorld();
  await using own = await device(world);
  const { password: _, ...unremembered } = own.options();
  await withClient(registerClient(own.options()), (client) => client.remember("first password"));
  for (const end of ["forget", "logOut"] as const) {
    await withClient(openClient(unremembered), async (client) => {
      await client.connected();
      await client[end]();
    });
    await refusedWith("store/wrong-password", openClient(unremembered));
    await withClient(openClient(own.options()), (client) => client.remember("first password"));
  }
});

Deno.test("what confirm() refuses is not done, and what it allows only then", async () => {
  const calls: string[] = [];
  await using world = await openDeviceWorld({
    tamper: async (method, call) => {
      calls.push(method);
      return await call();
    },
  });
  await using own = await device(world);
  const refuse = () => Promise.reject(new MessengerError("cancelled", "not written down"));
  await refusedWith("cancelled", registerClient({ ...own.options(), confirm: refuse }));
  await refusedWith("client/no-account", openClient(own.options()));
  await refusedWith("accounts/login-refused", logInClient(own.options()));
  calls.length = 0;
  const confirm = async () => {
    calls.push("confirm");
    // Longer than a login is fresh.
    await world.clock.advance(300_000);
  };
  await withClient(registerClient({ ...own.options(), confirm }), async (client) => {
    assert.deepEqual(calls.slice(0, 3), [
      "accounts/register-start",
      "confirm",
      "accounts/register-finish",
    ]);
    const passwords = { from: "first password", to: "new password" };
    await refusedWith("cancelled", client.changePassword({ ...passwords, confirm: refuse }));
    calls.length = 0;
    const wrong = client.changePassword({ from: "wrong", to: "new password", confirm });
    await refusedWith("accounts/login-refused", wrong);
    assert.ok(!calls.includes("confirm"));
  });
  await refusedWith("store/wrong-password", openClient(own.options("new password")));
  await withClient(openClient(own.options()), async (client) => {
    await client.changePassword({ from: "first password", to: "new password", confirm });
    assert.ok(calls.indexOf("confirm") < calls.indexOf("accounts/password-start"));
  });
  await withClient(openClient(own.options("new password")), connects);
});

Deno.test("forgetAccount() deletes what is here without password or server, unless it is in use", async () => {
  await using world = await openDeviceWorld();
  await using own = await device(world);
  const place = own.options();
  await refusedWith("client/no-account", () => Promise.resolve().then(() => forgetAccount(place)));
  await using client = await registerClient(place);
  await refusedWith("store/in-use", () => Promise.resolve().then(() => forgetAccount(place)));
  await client.connected();
  await client[Symbol.asyncDispose]();
  forgetAccount(place);
  assert.deepEqual([...Deno.readDirSync(`${own.stateFolder}/127.0.0.1_7000`)], []);
  // Only here: the account goes on.
  await withClient(logInClient(place), async (again) => {
    assert.equal((await again.devices()).length, 2);
  });
});

Deno.test("rotateAccountKey() leaves this device ready, and peers and other devices to find out", async () => {
  await using world = await openDeviceWorld();
  await using own = await device(world);
  await using second = await device(world);
  await using bobs = await device(world);
  const bob = { ...bobs.options(), name: "bob" };
  await withClient(registerClient(bob), (client) => client.connected());
  await using client = await registerClient(own.options());
  await withClient(logInClient(second.options()), connects);
  const { pinnedKey } = await withClient(openClient(bob), ({ peers }) => peers.fetch("alice"));
  assert.deepEqual(pinnedKey, client.account.accountKey);
  const before = (await client.peers.fetch("bob")).safetyNumber;
  await refusedWith("accounts/login-refused", client.rotateAccountKey("wrong"));
  await client.rotateAccountKey("first password");
  assert.notDeepEqual(client.account.accountKey, pinnedKey);
  assert.notEqual((await client.peers.fetch("bob")).safetyNumber, before);
  const refilled = await client.refreshKeyPackages();
  assert.deepEqual(refilled, { singleUse: 0, lastResort: false, withheld: 0 });
  assert.equal((await client.devices()).length, 2);
  await withClient(openClient(bob), async ({ peers }) => {
    const { state } = await peers.fetch("alice");
    assert.deepEqual(state, { kind: "changed", isSigned: true });
  });
  await withClient(openClient(second.options()), async (other) => {
    await refusedWith("accounts/own-key-changed", other.devices());
  });
  await withClient(logInClient(second.options()), async (other) => {
    assert.deepEqual(other.account.accountKey, client.account.accountKey);
    assert.equal((await other.devices()).length, 2);
  });
});

Deno.test("strangers who fail to log in don't keep a device out whose session is over", async () => {
  await using world = await openDeviceWorld({
    limits: { loginsOfName: { burst: 1, perMinute: 1 } },
  });
  await using own = await device(world);
  await withClient(registerClient(own.options()), (client) => client.logOut());
  await refusedWith("accounts/login-refused", logIn(world.connect(), as(world, "alice", "guess")));
  await using elsewhere = await device(world);
  await refusedWith("accounts/rate-limited", logInClient(elsewhere.options()));
  await withClient(logInClient(own.options()), connects);
});

Deno.test("peers: who gives up waits no longer for the server", async () => {
  await using world = await openDeviceWorld();
  await using own = await device(world);
  await withClient(registerClient(own.options()), async ({ peers }) => {
    const signal = AbortSignal.abort(new MessengerError("cancelled", "enough"));
    await refusedWith("cancelled", peers.fetch("bob", { signal }));
    await refusedWith("cancelled", peers.syncDirectory({ signal }));
  });
});

Deno.test("requireStoreFree() refuses what another process has open, before any password", async () => {
  await using world = await openDeviceWorld();
  await using own = await device(world);
  await withClient(registerClient(own.options()), () => {
    assert.throws(() => requireStoreFree(own.options()), { code: "store/in-use" });
    return Promise.resolve();
  });
  requireStoreFree(own.options());
  await withClient(openClient(own.options()), connects);
});

Deno.test("deleteAccount() takes the account from the server and the store from this device", async () => {
  await using world = await openDeviceWorld();
  await using own = await device(world);
  const client = await registerClient(own.options());
  await refusedWith("accounts/login-refused", client.deleteAccount("wrong"));
  await client.deleteAccount("first password");
  await refusedWith("client/no-account", openClient(own.options()));
  await withClient(registerClient(own.options("another password")), connects);
});

Deno.test("a new device takes over the account's pins from the directory", async () => {
  await using world = await openDeviceWorld();
  await using own = await device(world);
  await using second = await device(world);
  await using bobs = await device(world);
  await withClient(registerClient({ ...bobs.options(), name: "bob" }), connects);
  const number = await withClient(registerClient(own.options()), async ({ peers }) => {
    const bob = await peers.fetch("bob");
    assert.equal(bob.state.kind, "first-use");
    assert.match(bob.safetyNumber, /^(\d{5} ){11}\d{5}$/);
    await peers.markVerified("bob", bob.pinnedKey);
    return bob.safetyNumber;
  });
  await withClient(logInClient(second.options()), async ({ peers }) => {
    const bob = await peers.fetch("bob");
    assert.equal(bob.state.kind, "verified");
    assert.equal(bob.safetyNumber, number);
  });
  await withClient(openClient({ ...bobs.options(), name: "bob" }), async ({ peers }) => {
    assert.equal((await peers.fetch("alice")).safetyNumber, number);
  });
});

Deno.test("what is wrong with the directory is said: by a login, and before an account is pinned", async () => {
  let isHostile = false;
  await using world = await openDeviceWorld({
    tamper: async (method, call) => {
      const result = await call();
      if (method !== "accounts/read-directory" || !isHostile) return result;
      return { ...result as object, sealed: new Uint8Array(100) };
    },
  });
  await using own = await device(world);
  await using second = await device(world);
  await using bobs = await device(world);
  await withClient(registerClient({ ...bobs.options(), name: "bob" }), connects);
  await withClient(registerClient(own.options()), async ({ peers }) => {
    await peers.fetch("bob");
    isHostile = true;
    await peers.fetch("bob");
    await refusedWith("accounts/directory-refused", peers.fetch("carol"));
    await refusedWith("accounts/directory-refused", peers.syncDirectory());
  });
  await refusedWith("accounts/directory-refused", logInClient(second.options()));
});

Deno.test("a client stretches by Argon2id with 64 MiB unless it is told otherwise, in store and login", async () => {
  await using world = await openDeviceWorld();
  await using own = await device(world);
  const { surroundings, ...options } = own.options();
  const { keyStretching: _, keyFileCost: __, ...product } = surroundings as Surroundings;
  await withClient(registerClient({ ...options, surroundings: product }), connects);
  const path = `${accountFolder(options)}/client.db`;
  const file = await Deno.readFile(keyFilePath(path));
  const view = new DataView(file.buffer);
  assert.deepEqual([12, 16, 20].map((at) => view.getUint32(at)), [65_536, 3, 4]);
  (await openKeyFile(keyFilePath(path), "first password")).fill(0);
  const login = as(world, "alice", "first password");
  await refusedWith("accounts/login-refused", logIn(world.connect(), login));
  const keyStretching = {
    "argon2id-custom": { memory: 65_536, iterations: 3, parallelism: 4 },
  };
  using unlocked = await logIn(world.connect(), { ...login, keyStretching });
  assert.equal(unlocked.identity.name, "alice");
  assert.ok(primitives.isSignaturePublicKey(unlocked.identity.accountKey));
});
