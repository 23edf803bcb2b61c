/** A device keeps itself stocked, and believes its own records before the server. */
import assert from "node:assert/strict";
import { logIn } from "../accounts/client.ts";
import { changeAccountKey } from "../devices/client.ts";
import { fetchPeer } from "../devices/peers.ts";
import {
  as,
  classicalSuite as suite,
  type DeviceWorld,
  enrolled,
  type EnrolledDevice,
  openDeviceWorld,
  refusedWith,
} from "../test/device-world.ts";
import type { WorldOptions } from "../test/world.ts";
import { claimKeyPackages } from "./client.ts";
import {
  keyPackagesClient,
  type KeyPackagesCountResults,
  type KeyPackagesPublishParams,
} from "./key-packages.gen.ts";
import {
  forgetUsedKeyPackage,
  OWN_SINGLE_USE_MAX,
  readOwnKeyPackages,
  refillKeyPackages,
  sweepKeyPackages,
} from "./stock.ts";

const HOUR_MS = 60 * 60 * 1_000;
const DAY_MS = 24 * HOUR_MS;
const NOTHING = { singleUse: 0, lastResort: false, withheld: 0 };
/** Claims that no limit holds up. */
const GENEROUS = {
  claimsOfTarget: { burst: 1_000, perMinute: 1 },
  singleUseOfNetwork: { burst: 1_000, perMinute: 1 },
  singleUseOfAll: { burst: 1_000, perMinute: 1 },
};

const refill = (device: EnrolledDevice) => refillKeyPackages(device.home, { ...device, suite });
const count = (device: EnrolledDevice) =>
  keyPackagesClient(device.home).count({ cipherSuite: suite.id });
const keptOf = (device: EnrolledDevice) => readOwnKeyPackages({ ...device, suite });

async function claim(claimer: EnrolledDevice, name: string) {
  const peer = await fetchPeer(claimer.home, name, claimer);
  return (await claimKeyPackages(claimer.home, peer, { ...claimer, suite })).packages;
}

/** A server that says what it likes about a device's stock. */
async function openLiar(options: WorldOptions = {}) {
  const liar: { lie: ((stock: KeyPackagesCountResults) => KeyPackagesCountResults) | undefined } = {
    lie: undefined,
  };
  const world = await openDeviceWorld({
    ...options,
    keyPackageLimits: GENEROUS,
    tamper: async (method, call) => {
      const result = await call();
      if (method !== "key-packages/count" || liar.lie === undefined) return result;
      return liar.lie(result as KeyPackagesCountResults);
    },
  });
  return { liar, world };
}

Deno.test("refillKeyPackages() stocks 100 and a last resort, then waits until 25 are left", async () => {
  await using world = await openDeviceWorld({ keyPackageLimits: GENEROUS });
  const alice = await enrolled(world, "alice");
  assert.deepEqual(await refill(alice), { singleUse: 100, lastResort: true, withheld: 0 });
  assert.deepEqual(await refill(alice), NOTHING);
  const own = await readOwnKeyPackages({ ...alice, suite });
  assert.equal(own.length, 101);
  const bob = await enrolled(world, "bob");
  const calls = keyPackagesClient(alice.home);
  const claimerCalls = keyPackagesClient(bob.home);
  const { accountId } = alice.own;
  for (let claimed = 0; claimed < 75; claimed++) {
    await claimerCalls.claim({ accountId, cipherSuite: suite.id });
  }
  assert.equal((await calls.count({ cipherSuite: suite.id })).singleUse, 25);
  assert.deepEqual(await refill(alice), NOTHING);
  await claimerCalls.claim({ accountId, cipherSuite: suite.id });
  assert.deepEqual(await refill(alice), { singleUse: 76, lastResort: false, withheld: 0 });
  assert.equal((await calls.count({ cipherSuite: suite.id })).singleUse, 100);
});

Deno.test("a drained device stays reachable by its last resort, replaced after use and with age", async () => {
  await using world = await openDeviceWorld({ keyPackageLimits: GENEROUS });
  const alice = await enrolled(world, "alice");
  const bob = await enrolled(world, "bob");
  await refill(alice);
  const publishedAtMs = world.clock.now();
  await world.clock.advance(1_000);
  for (let each = 0; each < 100; each++) await claim(bob, "alice");
  assert.deepEqual((await count(alice)).lastResort, { publishedAtMs, firstUsedAtMs: 0 });
  const [last] = await claim(bob, "alice");
  assert.deepEqual((await claim(bob, "alice"))[0]?.message, last?.message);
  const usedAtMs = world.clock.now();
  assert.deepEqual((await count(alice)).lastResort, { publishedAtMs, firstUsedAtMs: usedAtMs });
  assert.deepEqual(await refill(alice), { singleUse: 100, lastResort: false, withheld: 0 });
  await world.clock.advance(DAY_MS / 2 - 1);
  assert.deepEqual(await refill(alice), NOTHING);
  await world.clock.advance(1);
  assert.deepEqual(await refill(alice), { ...NOTHING, lastResort: true });
  const fresh = { publishedAtMs: world.clock.now(), firstUsedAtMs: 0 };
  assert.deepEqual((await count(alice)).lastResort, fresh);
  await world.clock.advance(30 * DAY_MS - 1);
  assert.equal((await refill(alice)).lastResort, false);
  await sweepKeyPackages(alice);
  const kept = (await keptOf(alice)).length;
  await world.clock.advance(1);
  assert.equal((await refill(alice)).lastResort, true);
  // The keys of the one before stay for Welcomes that are on their way, for 30 days.
  await world.clock.advance(30 * DAY_MS - 1);
  await sweepKeyPackages(alice);
  assert.equal((await keptOf(alice)).length, kept);
  await world.clock.advance(1);
  await sweepKeyPackages(alice);
  assert.equal((await keptOf(alice)).length, kept - 1);
});

Deno.test("forgetUsedKeyPackage() deletes the keys of a used package; a used last resort is replaced", async () => {
  const { liar, world } = await openLiar();
  await using _ = world;
  const alice = await enrolled(world, "alice");
  await refill(alice);
  const atMs = world.clock.now();
  const all = await keptOf(alice);
  await alice.store.transaction(async (transaction) => {
    for (const { reference } of all) {
      await forgetUsedKeyPackage(transaction, suite, { reference, atMs });
    }
  });
  assert.equal((await keptOf(alice)).length, 1);
  // The device has seen the Welcome itself: it replaces the last resort whatever the server says.
  let singleUse = 0;
  liar.lie = () => ({
    singleUse,
    lastResort: { publishedAtMs: world.clock.now(), firstUsedAtMs: 0 },
  });
  assert.equal((await refill(alice)).lastResort, false);
  singleUse = 100;
  await world.clock.advance(DAY_MS / 2);
  assert.equal((await refill(alice)).lastResort, true);
  // And with age, though the server says that it is always new.
  await world.clock.advance(30 * DAY_MS);
  assert.equal((await refill(alice)).lastResort, true);
});

Deno.test("a refill that was cut off publishes the same packages the next time", async () => {
  const sent: KeyPackagesPublishParams[] = [];
  let isLost = true;
  await using world = await openDeviceWorld();
  const alice = await enrolled(world, "alice");
  const home = {
    ...{ connected: alice.home.connected.bind(alice.home) },
    ...{ subscribe: alice.home.subscribe.bind(alice.home) },
    call: (async (method, params, options) => {
      if (method.name === "key-packages/publish") {
        sent.push(params as unknown as KeyPackagesPublishParams);
        if (isLost) throw new Error("cut off");
      }
      return await alice.home.call(method, params, options);
    }) as typeof alice.home.call,
  };
  const run = () => refillKeyPackages(home, { ...alice, suite });
  await assert.rejects(run(), /cut off/);
  await assert.rejects(run(), /cut off/);
  isLost = false;
  assert.deepEqual(await run(), { singleUse: 100, lastResort: true, withheld: 0 });
  const texts = sent.map(({ packages, lastResort }) =>
    [...packages.map((each) => each.toHex()).toSorted(), lastResort?.toHex()].join(" ")
  );
  assert.equal(texts.length, 3);
  assert.equal(new Set(texts).size, 1);
  assert.equal((await keptOf(alice)).length, 101);
  assert.deepEqual(await run(), NOTHING);
});

Deno.test("a server that claims to have more than was made is refused", async () => {
  const { liar, world } = await openLiar();
  await using _ = world;
  const alice = await enrolled(world, "alice");
  liar.lie = () => ({ singleUse: 100, lastResort: { publishedAtMs: 1, firstUsedAtMs: 0 } });
  await refusedWith("key-packages/stock-wrong", refill(alice));
  assert.equal((await keptOf(alice)).length, 0);
});

Deno.test("a server that always wants more makes a device keep no more than a bounded stock", async () => {
  const { liar, world } = await openLiar();
  await using _ = world;
  const alice = await enrolled(world, "alice");
  const wants = { publishedAtMs: 1, firstUsedAtMs: 1 };
  liar.lie = () => ({ singleUse: 0, lastResort: wants });
  let withheld = 0;
  let lastResorts = 0;
  // The server takes no more than its own limit: what it says it has is what it wants.
  for (let each = 0; each < OWN_SINGLE_USE_MAX / 100 + 3; each++) {
    await drain(world, alice);
    const refilled = await refill(alice);
    withheld = refilled.withheld;
    lastResorts += Number(refilled.lastResort);
  }
  assert.equal(withheld, 100);
  assert.equal(lastResorts, 1);
  assert.equal((await keptOf(alice)).length, OWN_SINGLE_USE_MAX + 1);
  // Without a last resort, so it says, it gets the same one again.
  liar.lie = () => ({ singleUse: 0 });
  assert.equal((await refill(alice)).lastResort, true);
  assert.equal((await keptOf(alice)).length, OWN_SINGLE_USE_MAX + 1);
  for (let each = 0; each < 6; each++) {
    liar.lie = () => ({ singleUse: 0, lastResort: wants });
    await world.clock.advance(DAY_MS / 4);
    await refill(alice);
  }
  assert.equal((await keptOf(alice)).length, OWN_SINGLE_USE_MAX + 4);
});

Deno.test("packages of before a new account key are not published again", async () => {
  await using world = await openDeviceWorld();
  const alice = await enrolled(world, "alice");
  await refill(alice);
  using unlocked = await logIn(alice.home, as(world, "alice"));
  await changeAccountKey(alice.home, unlocked, alice);
  assert.deepEqual(await refill(alice), { singleUse: 100, lastResort: true, withheld: 0 });
  assert.deepEqual(await refill(alice), NOTHING);
});

/** As others do who claim and never send a Welcome. */
async function drain(world: DeviceWorld, { own }: EnrolledDevice): Promise<void> {
  const name = `claimer-${world.random.bytes(4).toHex()}`;
  const { home } = await enrolled(world, name);
  for (let each = 0; each < 100; each++) {
    await keyPackagesClient(home).claim({ accountId: own.accountId, cipherSuite: suite.id });
  }
}
