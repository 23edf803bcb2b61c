import assert from "node:assert/strict";
import { logIn, readOwnAccount } from "../accounts/client.ts";
import {
  as,
  contentOf,
  enrolled,
  openDeviceWorld,
  primitives,
  refusedWith,
  SERVER_NAME,
} from "../test/device-world.ts";
import {
  changeAccountKey,
  enrolDevice,
  listOwnDevices,
  refreshCertificate,
  revokeDevices,
} from "./client.ts";
import { devicesClient } from "./devices.gen.ts";
import {
  deviceCredentials,
  logOut,
  openSession,
  readOwnDevice,
  requireOwnDevice,
  updateOwnDevice,
} from "./own-device.ts";
import { accountsClient } from "../accounts/accounts.gen.ts";

Deno.test("enrol() leaves a ready device: listed, certified, with a session that reconnects", async () => {
  await using world = await openDeviceWorld();
  const alice = await enrolled(world, "alice");
  const list = await listOwnDevices(alice.home, alice.own, alice);
  const device = await readOwnDevice(alice.store, primitives);
  assert.ok(device !== undefined && list !== undefined);
  assert.deepEqual(list.devices.map(({ deviceId }) => deviceId), [device.deviceId]);
  assert.deepEqual(list.devices[0]?.certificate, device.stored.certificate);
  assert.deepEqual([list.counter, list.generation], [1, 1]);
  await accountsClient(alice.home).readDirectory({});
  await alice.home.close();
  const again = alice.reconnect();
  await accountsClient(again).readDirectory({});
});

Deno.test("a second device recovers the account by the password and stands on the list", async () => {
  await using world = await openDeviceWorld();
  const first = await enrolled(world, "alice");
  const second = await enrolled(world, "alice", { kind: "log-in" });
  assert.deepEqual(second.own, first.own);
  const list = await listOwnDevices(first.home, first.own, first);
  assert.equal(list?.devices.length, 2);
  assert.equal(list?.counter, 2);
});

Deno.test("enrolDevice() again changes nothing; two new devices at once both get on the list", async () => {
  await using world = await openDeviceWorld();
  const alice = await enrolled(world, "alice");
  using unlocked = await logIn(alice.home, as(world, "alice"));
  const before = await contentOf(world.store);
  await enrolDevice(alice.home, unlocked, alice);
  assert.equal(await contentOf(world.store), before);
  await Promise.all([
    enrolled(world, "alice", { kind: "log-in" }),
    enrolled(world, "alice", { kind: "log-in" }),
  ]);
  assert.equal((await listOwnDevices(alice.home, alice.own, alice))?.devices.length, 3);
});

Deno.test("an account has at most devicesMax devices", async () => {
  await using world = await openDeviceWorld({}, { devicesMax: 2 });
  const alice = await enrolled(world, "alice");
  await enrolled(world, "alice", { kind: "log-in" });
  const before = await contentOf(world.store);
  await refusedWith("devices/too-many", enrolled(world, "alice", { kind: "log-in" }));
  assert.equal(await contentOf(world.store), before);
  assert.equal((await listOwnDevices(alice.home, alice.own, alice))?.devices.length, 2);
});

Deno.test("revokeDevices() ends the device's live session and its token, and renews the others", async () => {
  await using world = await openDeviceWorld();
  const keeper = await enrolled(world, "alice");
  const thief = await enrolled(world, "alice", { kind: "log-in" });
  const stolen = await readOwnDevice(thief.store, primitives);
  assert.ok(stolen !== undefined);
  await accountsClient(thief.home).readDirectory({});
  using unlocked = await logIn(keeper.home, as(world, "alice"));
  await revokeDevices(keeper.home, unlocked, { ...keeper, deviceIds: [stolen.deviceId] });

  assert.deepEqual(world.revoked, [stolen.deviceId.toHex()]);
  await refusedWith("devices/revoked", accountsClient(thief.home).readDirectory({}));
  await refusedWith("devices/revoked", devicesClient(thief.home).findByName({ name: "alice" }));
  await thief.home.close();
  const back = thief.reconnect();
  await refusedWith("rpc/not-authenticated", back.authenticate());
  await refusedWith("rpc/not-authenticated", accountsClient(back).readDirectory({}));
  // The keeper goes on, under a new certificate.
  await accountsClient(keeper.home).readDirectory({});
  const list = await listOwnDevices(keeper.home, keeper.own, keeper);
  assert.deepEqual([list?.counter, list?.generation, list?.devices.length], [3, 2, 1]);
  const kept = await readOwnDevice(keeper.store, primitives);
  assert.deepEqual(kept?.stored.certificate, list?.devices[0]?.certificate);
  const content = await contentOf(world.store);
  assert.ok(!content.includes(stolen.deviceId.toHex()));
});

Deno.test("a remaining device takes its renewed certificate; a revoked one is told", async () => {
  await using world = await openDeviceWorld();
  const first = await enrolled(world, "alice");
  const second = await enrolled(world, "alice", { kind: "log-in" });
  const third = await enrolled(world, "alice", { kind: "log-in" });
  const gone = await readOwnDevice(third.store, primitives);
  assert.ok(gone !== undefined);
  using unlocked = await logIn(first.home, as(world, "alice"));
  await revokeDevices(first.home, unlocked, { ...first, deviceIds: [gone.deviceId] });
  const before = (await readOwnDevice(second.store, primitives))?.stored.certificate;
  await refreshCertificate(second.home, second);
  const after = (await readOwnDevice(second.store, primitives))?.stored.certificate;
  assert.notDeepEqual(after, before);
  // With the account's word alone, over somebody else's connection.
  await refusedWith("devices/revoked", refreshCertificate(first.home, third));
  await refusedWith(
    "devices/unknown",
    revokeDevices(first.home, unlocked, { ...first, deviceIds: [gone.deviceId] }),
  );
});

Deno.test("a new session of a device ends the one before, its connections and its token", async () => {
  await using world = await openDeviceWorld();
  const alice = await enrolled(world, "alice");
  const { accountId } = alice.own;
  const find = (home: typeof alice.home) => devicesClient(home).findById({ accountId });
  const before = (await requireOwnDevice(alice.store, primitives)).stored.sessionToken;
  await find(alice.home);
  const fresh = world.connect();
  using _ = await logIn(fresh, as(world, "alice"));
  await openSession(fresh, { store: alice.store, primitives, serverName: SERVER_NAME });
  await refusedWith("devices/revoked", find(alice.home));
  await find(alice.reconnect());
  await updateOwnDevice(alice.store, { sessionToken: before });
  await refusedWith(
    "rpc/not-authenticated",
    devicesClient(alice.reconnect()).closeSession({}),
  );
});

Deno.test("logOut() ends the session and keeps the device listed; a login gives a new token", async () => {
  await using world = await openDeviceWorld();
  const alice = await enrolled(world, "alice");
  const token = (await readOwnDevice(alice.store, primitives))?.stored.sessionToken;
  await logOut(alice.home, alice.store);
  await refusedWith("devices/revoked", accountsClient(alice.home).readDirectory({}));
  assert.equal((await readOwnDevice(alice.store, primitives))?.stored.sessionToken.length, 0);
  const again = await enrolled(world, "alice", { kind: "log-in", store: alice.store });
  const renewed = (await readOwnDevice(alice.store, primitives))?.stored.sessionToken;
  assert.equal(renewed?.length, 32);
  assert.notDeepEqual(renewed, token);
  const list = await listOwnDevices(again.home, again.own, again);
  assert.equal(list?.devices.length, 1);
});

Deno.test("a session needs token and device key, on this server, in this session, within 90 days", async () => {
  await using world = await openDeviceWorld();
  const alice = await enrolled(world, "alice");
  const other = await enrolled(world, "mallory");
  const [mine, theirs] = await Promise.all(
    [alice, other].map(({ store }) => readOwnDevice(store, primitives)),
  );
  assert.ok(mine !== undefined && theirs !== undefined);
  const { sessionToken } = mine.stored;
  const credentialsOf = (store: typeof alice.store, serverName = SERVER_NAME) =>
    deviceCredentials({ store, primitives, serverName });
  const refusal = async (
    change: (c: { sessionToken: Uint8Array; deviceSignature: Uint8Array }) => object,
  ) => {
    const home = world.connect({
      credentials: async (server) => {
        const credentials = await credentialsOf(alice.store)(server);
        assert.ok(credentials !== undefined);
        return { ...credentials, ...change(credentials) };
      },
    });
    await refusedWith("rpc/not-authenticated", home.authenticate());
  };
  await refusal(() => ({ sessionToken: new Uint8Array(32) }));
  await refusal(() => ({ sessionToken: sessionToken.slice(1) }));
  await refusal(() => ({ deviceSignature: new Uint8Array(64) }));
  await refusal(() => ({ deviceSignature: new Uint8Array(0) }));
  // A stolen token with another device's signature; another token with this one's.
  await refusal(({ deviceSignature }) => ({
    sessionToken: theirs.stored.sessionToken,
    deviceSignature,
  }));
  // Recorded in another session: the nonce was another.
  let recorded: Uint8Array | undefined;
  const recording = world.connect({
    credentials: async (server) => {
      const credentials = await credentialsOf(alice.store)(server);
      recorded = credentials?.deviceSignature;
      return credentials;
    },
  });
  await recording.authenticate();
  const replayed = recorded;
  assert.ok(replayed !== undefined);
  await refusal(() => ({ deviceSignature: replayed }));
  // The token is shown to no server of another name.
  const session = await recording.connected();
  assert.equal(await credentialsOf(alice.store, "other.example")(session), undefined);

  // Use within 90 days slides the end; silence for 90 days ends it.
  const day = 24 * 60 * 60 * 1_000;
  await world.clock.advance(89 * day);
  await world.connect({ credentials: credentialsOf(alice.store) }).authenticate();
  await world.clock.advance(89 * day);
  await world.connect({ credentials: credentialsOf(alice.store) }).authenticate();
  await world.clock.advance(90 * day);
  await refusal(() => ({}));
  const before = await contentOf(world.store);
  assert.ok(before.includes(primitives.hash(sessionToken).toHex()));
  assert.ok(!before.includes(sessionToken.toHex()));
  await world.devices.sweep();
  const after = await contentOf(world.store);
  assert.ok(!after.includes(primitives.hash(sessionToken).toHex()));
});

Deno.test("suspending or deleting an account cuts its devices off at once", async () => {
  await using world = await openDeviceWorld();
  const empty = await contentOf(world.store);
  const alice = await enrolled(world, "alice");
  await world.accounts.admin.suspend("alice");
  await refusedWith("devices/revoked", accountsClient(alice.home).readDirectory({}));
  const back = alice.reconnect();
  await refusedWith("accounts/suspended", back.authenticate());
  await world.accounts.admin.resume("alice");
  await back.authenticate();
  await accountsClient(back).readDirectory({});
  await world.accounts.admin.delete("alice");
  await refusedWith("devices/revoked", accountsClient(back).readDirectory({}));
  assert.equal(await contentOf(world.store), empty);
});

Deno.test("changeAccountKey() moves everything to a new key that the old one signed", async () => {
  await using world = await openDeviceWorld();
  const first = await enrolled(world, "alice");
  const second = await enrolled(world, "alice", { kind: "log-in" });
  using unlocked = await logIn(first.home, as(world, "alice"));
  const before = unlocked.identity.accountKey;
  await changeAccountKey(first.home, unlocked, first);
  assert.notDeepEqual(unlocked.identity.accountKey, before);
  const own = await readOwnAccount(first.store);
  assert.deepEqual(own?.accountKey, unlocked.identity.accountKey);
  const list = await listOwnDevices(first.home, unlocked.identity, first);
  assert.deepEqual([list?.generation, list?.devices.length], [2, 2]);
  // Their old certificates are worth nothing, but what waits for the devices stays.
  assert.equal(world.revoked.length, 2);
  assert.deepEqual(world.gone, []);
  // The other device learns of it by the password alone.
  await refusedWith("accounts/own-key-changed", refreshCertificate(second.home, second));
  const again = await enrolled(world, "alice", { kind: "log-in", store: second.store });
  assert.deepEqual(again.own.accountKey, unlocked.identity.accountKey);
  // The old vault's key signs no more.
  using later = await logIn(world.connect(), as(world, "alice"));
  assert.deepEqual(later.identity.accountKey, unlocked.identity.accountKey);
});

Deno.test("after a restore no session is left, and every device logs in again", async () => {
  await using world = await openDeviceWorld();
  const [alice, bob] = [await enrolled(world, "alice"), await enrolled(world, "bob")];
  await world.devices.voidSessions();
  for (const device of [alice, bob]) {
    await refusedWith("rpc/not-authenticated", device.reconnect().authenticate());
  }
  const again = await enrolled(world, "alice", { kind: "log-in", store: alice.store });
  await accountsClient(again.home).readDirectory({});
});

Deno.test("enrol() leaves a store to the account that it has", async () => {
  await using world = await openDeviceWorld();
  const alice = await enrolled(world, "alice");
  await enrolled(world, "bob");
  const { store } = alice;
  for (const [name, kind] of [["bob", "log-in"], ["carol", "register"]] as const) {
    await refusedWith("accounts/wrong-account", enrolled(world, name, { kind, store }));
  }
});
