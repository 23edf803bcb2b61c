import assert from "node:assert/strict";
import { keyFilePath, openKeyFile } from "@qpq/adapters/stores";
import { MessengerError } from "@qpq/ports";
import { logIn } from "../features/accounts/client.ts";
import {
  as,
  type DeviceWorld,
  openDeviceWorld,
  primitives,
  refusedWith,
  SERVER_NAME,
} from "../features/test/device-world.ts";
import { FAST_STRETCHING } from "../features/test/world.ts";
import { accountFolder } from "./account-store.ts";
import type { ClientOptions, Surroundings } from "./client-core.ts";
import { type Client, forgetAccount, logInClient, openClient, registerClient } from "./client.ts";

const CHEAP = { memoryKiB: 64, passes: 1, lanes: 1 };

/** A device: a state folder, and everything that opening an account there takes. */
interface Device extends AsyncDisposable {
  readonly stateFolder: string;
  readonly options: (password?: string, surroundings?: Partial<Surroundings>) => ClientOptions;
}

async function device(world: DeviceWorld): Promise<Device> {
  const stateFolder = await Deno.makeTempDir({ prefix: "qpq-client-" });
  return {
    stateFolder,
    options: (password = "first password", surroundings = {}) => ({
      stateFolder,
      server: { hostname: "127.0.0.1", port: 7000 },
      trust: { kind: "system" },
      serverName: SERVER_NAME,
      name: "alice",
      password,
      surroundings: {
        clock: world.clock,
        random: world.random,
        connect: ({ credentials }) => world.connect({ credentials }),
        keyStretching: FAST_STRETCHING,
        keyFileCost: CHEAP,
        ...surroundings,
      },
    }),
    [Symbol.asyncDispose]: () => Deno.remove(stateFolder, { recursive: true }),
  };
}

/** Opens, uses and closes. */
async function withClient<Result>(
  opening: Promise<Client>,
  use: (client: Client) => Promise<Result>,
): Promise<Result> {
  await using client = await opening;
  return await use(client);
}

const connects = (client: Client) => client.connected();

Deno.test("registerClient() leaves a device that openClient() opens, with key packages published", async () => {
  await using world = await openDeviceWorld();
  await using own = await device(world);
  const deviceId = await withClient(registerClient(own.options()), async (client) => {
    await client.connected();
    assert.deepEqual(await client.refreshKeyPackages(), { singleUse: 0, lastResort: false });
    return client.deviceId;
  });
  await withClient(openClient(own.options()), async (client) => {
    assert.equal(client.account.name, "alice");
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
  await withClient(logInClient(second.options()), async (client) => {
    assert.equal((await client.devices()).length, 2);
  });
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
  const confirm = () => {
    calls.push("confirm");
    return Promise.resolve();
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
  assert.deepEqual(await client.refreshKeyPackages(), { singleUse: 0, lastResort: false });
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

Deno.test("changePassword() moves account and store; other devices ask once for the new one", async () => {
  await using world = await openDeviceWorld();
  await using own = await device(world);
  await using second = await device(world);
  await using third = await device(world);
  await withClient(registerClient(own.options()), async (client) => {
    await withClient(logInClient(second.options()), connects);
    await refusedWith("accounts/login-refused", client.changePassword({ from: "no", to: "new" }));
    await client.changePassword({ from: "first password", to: "new password" });
  });
  await refusedWith("store/wrong-password", openClient(own.options()));
  await withClient(openClient(own.options("new password")), connects);
  await refusedWith("accounts/login-refused", logInClient(third.options()));
  // Another device goes on, until it needs the password.
  await withClient(openClient(second.options()), async (other) => {
    await other.connected();
    await refusedWith(
      "accounts/login-refused",
      other.revokeDevices([other.deviceId], "first password"),
    );
  });
  await refusedWith("store/wrong-password", logInClient(second.options("new password")));
  const formerPassword = "first password";
  await withClient(logInClient({ ...second.options("new password"), formerPassword }), connects);
  await refusedWith("store/wrong-password", openClient(second.options()));
  await withClient(openClient(second.options("new password")), connects);
});

/** Where a change of the password is killed, and which password then works everywhere. */
const KILLED = [
  { at: "accounts/password-start", when: "before", good: "first password", bad: "new password" },
  { at: "accounts/password-finish", when: "before", good: "first password", bad: "new password" },
  { at: "accounts/password-finish", when: "after", good: "new password", bad: "first password" },
] as const;

for (const { at, when, good, bad } of KILLED) {
  Deno.test(`changePassword() killed ${when} ${at}: "${good}" works everywhere, then alone`, async () => {
    await using killed = await Deno.makeTempDir({ prefix: "qpq-client-" }).then((path) => ({
      path,
      [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }),
    }));
    let source = "";
    let isKilled = false;
    await using world = await openDeviceWorld({
      tamper: async (method, call) => {
        if (method !== at || isKilled) return await call();
        isKilled = true;
        const result = when === "after" ? await call() : undefined;
        copyFolder(source, killed.path);
        if (result === undefined) throw new Error("killed");
        return result;
      },
    });
    await using own = await device(world);
    source = own.stateFolder;
    const client = await registerClient(own.options());
    const change = client.changePassword({ from: "first password", to: "new password" });
    await (when === "after" ? change : assert.rejects(change));
    await client[Symbol.asyncDispose]();
    assert.equal(isKilled, true);
    const options = (password: string) => ({
      ...own.options(password),
      stateFolder: killed.path,
    });
    // What the killed process left opens with the password that the server has, and settles.
    await withClient(openClient(options(good)), connects);
    await refusedWith("store/wrong-password", openClient(options(bad)));
    await withClient(logInClient(options(good)), connects);
    await using elsewhere = await device(world);
    await refusedWith("accounts/login-refused", logInClient(elsewhere.options(bad)));
    await withClient(logInClient(elsewhere.options(good)), connects);
  });
}

Deno.test("an open change that the server refuses keeps what opens the store, and asks once", async () => {
  let isCut = true;
  let logins = 0;
  await using world = await openDeviceWorld({
    tamper: async (method, call) => {
      if (method === "accounts/login-start") logins++;
      const result = await call();
      if (method === "accounts/password-finish" && isCut) throw new Error("the answer is lost");
      // What would tell that the new one holds is lost, too.
      if (method === "accounts/login-finish" && isCut && logins > 2) throw new Error("lost");
      return result;
    },
  });
  await using own = await device(world);
  await using second = await device(world);
  await withClient(registerClient(own.options()), async (client) => {
    await withClient(logInClient(second.options()), connects);
    await assert.rejects(client.changePassword({ from: "first password", to: "new password" }));
  });
  isCut = false;
  const formerPassword = "first password";
  await withClient(
    logInClient({ ...second.options("new password"), formerPassword }),
    (other) => other.changePassword({ from: "new password", to: "third password" }),
  );
  logins = 0;
  for (let again = 0; again < 2; again++) {
    await withClient(openClient(own.options("new password")), connects);
    await withClient(openClient(own.options("first password")), connects);
  }
  assert.equal(logins, 2);
  await withClient(
    logInClient({ ...own.options("third password"), formerPassword: "new password" }),
    connects,
  );
  await withClient(openClient(own.options("third password")), connects);
  for (const former of ["first password", "new password"]) {
    await refusedWith("store/wrong-password", openClient(own.options(former)));
  }
  // The next change asks anew.
  logins = 1;
  isCut = true;
  await withClient(openClient(own.options("third password")), (client) =>
    assert.rejects(
      client.changePassword({ from: "third password", to: "fourth password" }),
    ));
  isCut = false;
  await withClient(openClient(own.options("fourth password")), connects);
  await refusedWith("store/wrong-password", openClient(own.options("third password")));
});

Deno.test("changePassword() whose answer was lost finds out, and settles", async () => {
  let isLost = false;
  await using world = await openDeviceWorld({
    tamper: async (method, call) => {
      const result = await call();
      if (method !== "accounts/password-finish" || isLost) return result;
      isLost = true;
      throw new Error("the answer is lost");
    },
  });
  await using own = await device(world);
  await withClient(registerClient(own.options()), async (client) => {
    await client.changePassword({ from: "first password", to: "new password" });
  });
  assert.equal(isLost, true);
  await refusedWith("store/wrong-password", openClient(own.options()));
  await withClient(openClient(own.options("new password")), connects);
});

Deno.test("changePassword() that the server refuses leaves the old password alone", async () => {
  await using world = await openDeviceWorld({
    tamper: async (method, call) => {
      if (method !== "accounts/password-finish") return await call();
      throw new MessengerError("accounts/not-fresh", "another device was first");
    },
  });
  await using own = await device(world);
  await withClient(registerClient(own.options()), async (client) => {
    const change = client.changePassword({ from: "first password", to: "new password" });
    await refusedWith("accounts/not-fresh", change);
  });
  await refusedWith("store/wrong-password", openClient(own.options("new password")));
  await withClient(openClient(own.options()), connects);
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

function copyFolder(from: string, to: string): void {
  for (const { name, isDirectory } of [...Deno.readDirSync(from)]) {
    if (isDirectory) {
      Deno.mkdirSync(`${to}/${name}`);
      copyFolder(`${from}/${name}`, `${to}/${name}`);
    } else Deno.copyFileSync(`${from}/${name}`, `${to}/${name}`);
  }
}
