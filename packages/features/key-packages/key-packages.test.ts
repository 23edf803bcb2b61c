import assert from "node:assert/strict";
import { createKeyPackage, parseKeyPackage } from "@qpq/mls";
import { logIn } from "../accounts/client.ts";
import { parseAccountName } from "../accounts/names.ts";
import { changeAccountKey, revokeDevices } from "../devices/client.ts";
import { LABELS } from "../accounts/signed.ts";
import { decodeDeviceCertificate, encodeDeviceCertificate } from "../devices/devices.gen.ts";
import { readOwnDevice, updateOwnDevice } from "../devices/own-device.ts";
import { acceptKey, fetchPeer } from "../devices/peers.ts";
import {
  as,
  classicalSuite,
  contentOf,
  enrolled,
  type EnrolledDevice,
  hybridSuite,
  makePackage,
  openDeviceWorld,
  primitives,
  refusedWith,
} from "../test/device-world.ts";
import { claimKeyPackages, ownLeafIdentity } from "./client.ts";
import { type ClaimedPackage, keyPackagesClient } from "./key-packages.gen.ts";

const suite = classicalSuite;
const DAY_MS = 24 * 60 * 60 * 1_000;

async function claim(claimer: EnrolledDevice, name: string) {
  const peer = await fetchPeer(claimer.home, name, claimer);
  return await claimKeyPackages(claimer.home, peer, { ...claimer, suite });
}

Deno.test("a package of the hybrid suite is published and claimed with its keys kept here", async () => {
  await using world = await openDeviceWorld();
  const alice = await enrolled(world, "alice");
  const bob = await enrolled(world, "bob");
  const made = await createKeyPackage(hybridSuite, {
    identity: await ownLeafIdentity({ ...alice, suite: hybridSuite }),
    lifetime: {
      notBefore: BigInt(world.clock.now() / 1_000 - 60),
      notAfter: BigInt(world.clock.now() / 1_000 + 3_600),
    },
    random: world.random,
  });
  await keyPackagesClient(alice.home).publish({ packages: [made.message] });
  const peer = await fetchPeer(bob.home, "alice", bob);
  const claimed = await claimKeyPackages(bob.home, peer, { ...bob, suite: hybridSuite });
  assert.deepEqual(claimed.packages.map(({ message }) => message), [made.message]);
  assert.deepEqual(claimed.without, []);
});

Deno.test("claim() never gives one single-use package twice, also to many at once, oldest first", async () => {
  await using world = await openDeviceWorld({
    keyPackageLimits: { claimsOfTarget: { burst: 100, perMinute: 1 } },
  });
  const alice = await enrolled(world, "alice");
  const made: Uint8Array[] = [];
  for (let each = 0; each < 20; each++) made.push((await makePackage(world, alice)).message);
  const calls = keyPackagesClient(alice.home);
  await calls.publish({ packages: made });
  const claimers = await Promise.all(["bob", "carol"].map((name) => enrolled(world, name)));
  const { accountId } = alice.own;
  const params = { accountId, cipherSuite: suite.id };
  const results = await Promise.all(
    Array.from(
      { length: 24 },
      (_, index) => keyPackagesClient((claimers[index % 2] as EnrolledDevice).home).claim(params),
    ),
  );
  const given = results.flatMap(({ packages }) => packages.map((each) => each.package.toHex()));
  assert.equal(given.length, 20);
  assert.equal(new Set(given).size, 20);
  await calls.publish({ packages: made });
  assert.equal((await calls.count({ cipherSuite: suite.id })).singleUse, 0);

  const [first, second] = [await makePackage(world, alice), await makePackage(world, alice)];
  await calls.publish({ packages: [first.message, second.message] });
  const oldest = await keyPackagesClient((claimers[0] as EnrolledDevice).home).claim(params);
  assert.deepEqual(oldest.packages[0]?.package, first.message);
});

Deno.test("a claim returns what there is and names the devices that have none", async () => {
  await using world = await openDeviceWorld();
  const first = await enrolled(world, "alice");
  const second = await enrolled(world, "alice", { kind: "log-in" });
  const bob = await enrolled(world, "bob");
  const [a, b] = await Promise.all(
    [first, second].map(({ store }) => readOwnDevice(store, primitives)),
  );
  await keyPackagesClient(first.home).publish({
    packages: [(await makePackage(world, first)).message],
  });
  const claimed = await claim(bob, "alice");
  assert.deepEqual(claimed.packages.map(({ device }) => device.deviceId), [a?.deviceId]);
  assert.deepEqual(claimed.without.map(({ deviceId }) => deviceId), [b?.deviceId]);
  // Of the own account: the others, never this one.
  await keyPackagesClient(first.home).publish({
    packages: [(await makePackage(world, first)).message],
  });
  await keyPackagesClient(second.home).publish({
    packages: [(await makePackage(world, second)).message],
  });
  const own = await claim(second, "alice");
  assert.deepEqual(own.packages.map(({ device }) => device.deviceId), [a?.deviceId]);
  assert.deepEqual(own.without, []);
  await refusedWith(
    "accounts/unknown",
    keyPackagesClient(bob.home).claim({ accountId: new Uint8Array(16), cipherSuite: suite.id }),
  );
});

Deno.test("publish() refuses what is not sound, not the caller's, or too much, and stores nothing", async () => {
  await using world = await openDeviceWorld({ keyPackageLimits: { packagesMax: 3 } });
  const alice = await enrolled(world, "alice");
  const second = await enrolled(world, "alice", { kind: "log-in" });
  const bob = await enrolled(world, "bob");
  const calls = keyPackagesClient(alice.home);
  const good = (await makePackage(world, alice)).message;
  const before = await contentOf(world.store);
  const refuses = async (
    code: Parameters<typeof refusedWith>[0],
    bad: Uint8Array,
    asLast = false,
  ) => {
    const params = asLast ? { packages: [good], lastResort: bad } : { packages: [good, bad] };
    await refusedWith(code, calls.publish(params));
    assert.equal(await contentOf(world.store), before);
  };
  await refuses("key-packages/wrong-device", (await makePackage(world, bob)).message);
  await refuses("key-packages/wrong-device", (await makePackage(world, second)).message);
  await refuses(
    "mls/key-package-expired",
    (await makePackage(world, alice, { lifetimeMs: 101 * DAY_MS })).message,
  );
  await refuses(
    "mls/key-package-expired",
    (await makePackage(world, alice, { beginMs: world.clock.now() - 91 * DAY_MS })).message,
  );
  await refuses(
    "mls/invalid-key-package",
    (await makePackage(world, alice, { lastResort: true })).message,
  );
  await refuses("mls/invalid-key-package", good, true);
  await refuses("malformed", new Uint8Array());
  await refuses("malformed", good.subarray(1));
  await refuses("mls/invalid-signature", good.with(good.length - 1, (good.at(-1) as number) ^ 1));
  await refuses("too-large", new Uint8Array(8_193));
  const other = await createKeyPackage(primitivesSuite, {
    identity: await ownLeafIdentity({ ...alice, suite: primitivesSuite }),
    lifetime: parseLifetime(good),
    random: world.random,
  });
  await refuses("key-packages/wrong-suite", other.message);
  const more = await Promise.all([1, 2, 3].map(() => makePackage(world, alice)));
  await refusedWith(
    "key-packages/too-many",
    calls.publish({ packages: [good, ...more.map((each) => each.message)] }),
  );
  assert.equal(await contentOf(world.store), before);
  await calls.publish({ packages: [good, ...more.slice(1).map((each) => each.message)] });
  const stranger = keyPackagesClient(world.connect());
  await refusedWith("rpc/not-authenticated", stranger.publish({ packages: [good] }));
  await refusedWith("rpc/not-authenticated", stranger.count({ cipherSuite: suite.id }));
  const { accountId } = alice.own;
  await refusedWith("rpc/not-authenticated", stranger.claim({ accountId, cipherSuite: suite.id }));
  const bobs = keyPackagesClient(bob.home);
  await refusedWith("key-packages/wrong-suite", bobs.claim({ accountId, cipherSuite: 2 }));
  await refusedWith(
    "malformed",
    bobs.claim({ accountId: accountId.slice(1), cipherSuite: suite.id }),
  );
});

Deno.test("packages go with their device, with a new account key, and when they expire", async () => {
  await using world = await openDeviceWorld();
  const keeper = await enrolled(world, "alice");
  const gone = await enrolled(world, "alice", { kind: "log-in" });
  const bob = await enrolled(world, "bob");
  for (const device of [keeper, gone]) {
    const last = await makePackage(world, device, { lastResort: true });
    const one = await makePackage(world, device);
    await keyPackagesClient(device.home).publish({
      packages: [one.message],
      lastResort: last.message,
    });
  }
  const device = await readOwnDevice(gone.store, primitives);
  assert.ok(device !== undefined);
  using unlocked = await logIn(keeper.home, as(world, "alice"));
  await revokeDevices(keeper.home, unlocked, { ...keeper, deviceIds: [device.deviceId] });
  assert.ok(!(await contentOf(world.store)).includes(device.deviceId.toHex()));
  // The keeper's, of the earlier generation, still serves: the list has the device with that key.
  assert.equal((await claim(bob, "alice")).packages.length, 1);

  await changeAccountKey(keeper.home, unlocked, keeper);
  assert.deepEqual(await keyPackagesClient(keeper.home).count({ cipherSuite: suite.id }), {
    singleUse: 0,
    lastResort: undefined,
  });
  await refusedWith("devices/key-changed", claim(bob, "alice"));
  await acceptKey(bob.store, parseAccountName("alice"), unlocked.identity.accountKey);
  await keyPackagesClient(keeper.home).publish({
    packages: [(await makePackage(world, keeper, { lifetimeMs: DAY_MS })).message],
    lastResort:
      (await makePackage(world, keeper, { lifetimeMs: DAY_MS, lastResort: true })).message,
  });
  await world.clock.advance(DAY_MS + 1_000);
  assert.deepEqual((await claim(bob, "alice")).packages, []);
  await world.keyPackages.sweep();
  const count = await keyPackagesClient(keeper.home).count({ cipherSuite: suite.id });
  assert.deepEqual(count, { singleUse: 0, lastResort: undefined });
  await world.accounts.admin.delete("alice");
  const left = await contentOf(world.store);
  assert.ok(!left.includes(keeper.own.accountId.toHex()));
});

Deno.test("claimKeyPackages() refuses a certificate that is ahead of the list it goes by", async () => {
  await using world = await openDeviceWorld();
  const alice = await enrolled(world, "alice");
  const gone = await enrolled(world, "alice", { kind: "log-in" });
  const bob = await enrolled(world, "bob");
  const stale = await fetchPeer(bob.home, "alice", bob);
  const device = await readOwnDevice(gone.store, primitives);
  assert.ok(device !== undefined);
  using unlocked = await logIn(alice.home, as(world, "alice"));
  await revokeDevices(alice.home, unlocked, { ...alice, deviceIds: [device.deviceId] });
  await keyPackagesClient(alice.home).publish({
    packages: [
      (await makePackage(world, alice)).message,
      (await makePackage(world, alice)).message,
    ],
  });
  await refusedWith(
    "key-packages/wrong-device",
    claimKeyPackages(bob.home, stale, { ...bob, suite }),
  );
  assert.equal((await claim(bob, "alice")).packages.length, 1);
});

Deno.test("sweep() forgets expired packages, and that they were seen", async () => {
  await using world = await openDeviceWorld();
  const alice = await enrolled(world, "alice");
  const before = await contentOf(world.store);
  const calls = keyPackagesClient(alice.home);
  await calls.publish({
    packages: [(await makePackage(world, alice, { lifetimeMs: DAY_MS })).message],
    lastResort: (await makePackage(world, alice, { lifetimeMs: DAY_MS, lastResort: true })).message,
  });
  await world.keyPackages.sweep();
  assert.equal((await calls.count({ cipherSuite: suite.id })).singleUse, 1);
  await world.clock.advance(DAY_MS + 1_000);
  await world.keyPackages.sweep();
  const after = (await contentOf(world.store)).split("\n");
  // What is left is the number of the next package.
  assert.equal(after.length, before.split("\n").length + 1);
});

Deno.test("after a restore no package is left, and those that were published are not taken again", async () => {
  await using world = await openDeviceWorld();
  const alice = await enrolled(world, "alice");
  const calls = keyPackagesClient(alice.home);
  const [one, last] = [
    await makePackage(world, alice),
    await makePackage(world, alice, { lastResort: true }),
  ];
  await calls.publish({ packages: [one.message], lastResort: last.message });
  await world.keyPackages.voidAll();
  await calls.publish({ packages: [one.message] });
  const count = await calls.count({ cipherSuite: suite.id });
  assert.deepEqual(count, { singleUse: 0, lastResort: undefined });
});

Deno.test("claimKeyPackages() refuses a server that gives what it should not", async () => {
  let lie: ((packages: readonly ClaimedPackage[]) => readonly ClaimedPackage[]) | undefined;
  await using world = await openDeviceWorld({
    tamper: async (method, call) => {
      const result = await call();
      if (method !== "key-packages/claim" || lie === undefined) return result;
      return { packages: lie((result as { packages: readonly ClaimedPackage[] }).packages) };
    },
    keyPackageLimits: { claimsOfTarget: { burst: 100, perMinute: 1 } },
  });
  const alice = await enrolled(world, "alice");
  const second = await enrolled(world, "alice", { kind: "log-in" });
  const mallory = await enrolled(world, "mallory");
  const bob = await enrolled(world, "bob");
  const device = await readOwnDevice(alice.store, primitives);
  assert.ok(device !== undefined);
  const { deviceId } = device;
  for (let each = 0; each < 10; each++) {
    await keyPackagesClient(alice.home).publish({
      packages: [(await makePackage(world, alice)).message],
    });
  }
  const given = (
    message: Uint8Array,
  ): readonly ClaimedPackage[] => [{ deviceId, package: message }];
  const refuses = async (code: Parameters<typeof refusedWith>[0], packages: typeof lie) => {
    lie = packages;
    await refusedWith(code, claim(bob, "alice"));
  };
  const foreign = (await makePackage(world, mallory)).message;
  await refuses("key-packages/wrong-device", () => given(foreign));
  const otherDevice = (await makePackage(world, second)).message;
  await refuses("key-packages/wrong-device", () => given(otherDevice));
  await refuses(
    "key-packages/wrong-device",
    (packages) => packages.map((each) => ({ ...each, deviceId: new Uint8Array(16) })),
  );
  await refuses("key-packages/wrong-device", (packages) => [...packages, ...packages]);
  const expired =
    (await makePackage(world, alice, { beginMs: world.clock.now() - 91 * DAY_MS })).message;
  await refuses("mls/key-package-expired", () => given(expired));
  await refuses("malformed", () => given(new Uint8Array(3)));
  await refuses("mls/invalid-signature", ([first]) => {
    const bytes = (first as ClaimedPackage).package;
    return given(bytes.with(bytes.length - 1, (bytes.at(-1) as number) ^ 1));
  });
  let replay: readonly ClaimedPackage[] = [];
  lie = (packages) => replay = packages;
  assert.equal((await claim(bob, "alice")).packages.length, 1);
  const earlier = replay;
  await refuses("key-packages/given-twice", () => earlier);
  lie = undefined;
  assert.equal((await claim(bob, "alice")).packages.length, 1);
});

Deno.test("a package whose certificate names another server is neither taken nor used", async () => {
  const lie: { given?: Uint8Array } = {};
  await using world = await openDeviceWorld({
    tamper: async (method, call) => {
      const result = await call();
      if (method !== "key-packages/claim" || lie.given === undefined) return result;
      const [first] = (result as { packages: readonly ClaimedPackage[] }).packages;
      return { packages: [{ ...first, package: lie.given }] };
    },
  });
  const alice = await enrolled(world, "alice");
  const bob = await enrolled(world, "bob");
  const calls = keyPackagesClient(alice.home);
  await calls.publish({ packages: [(await makePackage(world, alice)).message] });
  const device = await readOwnDevice(alice.store, primitives);
  const certificate = device?.stored.certificate;
  assert.ok(certificate !== undefined);
  using unlocked = await logIn(alice.home, as(world, "alice"));
  const said = decodeDeviceCertificate(certificate.statement);
  const statement = encodeDeviceCertificate({ ...said, serverName: "elsewhere.example" });
  const elsewhere = unlocked.sign(LABELS.deviceCertificate, statement);
  await updateOwnDevice(alice.store, { certificate: elsewhere });
  const { message } = await makePackage(world, alice);
  await refusedWith("key-packages/wrong-device", calls.publish({ packages: [message] }));
  lie.given = message;
  await refusedWith("key-packages/wrong-device", claim(bob, "alice"));
});

const primitivesSuite = primitives as typeof suite;

function parseLifetime(message: Uint8Array) {
  const { source } = parseKeyPackage(message).leafNode;
  assert.ok(source.kind === "key-package");
  return source.lifetime;
}
