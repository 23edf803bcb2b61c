/** How often key packages can be claimed: nobody drains a victim, and no victim becomes unreachable. */
import assert from "node:assert/strict";
import {
  classicalSuite as suite,
  enrolled,
  type EnrolledDevice,
  makePackage,
  openDeviceWorld,
  refusedWith,
} from "../test/device-world.ts";
import { keyPackagesClient } from "./key-packages.gen.ts";

const claim = (claimer: EnrolledDevice, target: EnrolledDevice) =>
  keyPackagesClient(claimer.home).claim({
    accountId: target.own.accountId,
    cipherSuite: suite.id,
  });

Deno.test("claims are limited for each pair and each claimer, with retryAfterMs", async () => {
  await using world = await openDeviceWorld({
    keyPackageLimits: {
      claims: { burst: 4, perMinute: 1 },
      claimsOfTarget: { burst: 3, perMinute: 0.5 },
    },
  });
  const [alice, bob, carol] = [
    await enrolled(world, "alice"),
    await enrolled(world, "bob"),
    await enrolled(world, "carol"),
  ];
  for (let claimed = 0; claimed < 3; claimed++) await claim(bob, alice);
  // What is refused for the pair costs nothing elsewhere: one claim of another one is left.
  for (let tries = 0; tries < 3; tries++) {
    const drained = await refusedWith("accounts/rate-limited", claim(bob, alice));
    assert.equal(drained.retryAfterMs, 120_000);
  }
  await claim(bob, carol);
  const busy = await refusedWith("accounts/rate-limited", claim(bob, carol));
  assert.equal(busy.retryAfterMs, 60_000);
  // And the other way round: the pair's are still there when the claimer may go on.
  await world.clock.advance(60_000);
  await claim(bob, carol);
  await world.clock.advance(60_000);
  await claim(bob, carol);
});

Deno.test("many accounts of one network, or of many, don't drain a target: its last resort is given", async () => {
  await using world = await openDeviceWorld({
    keyPackageLimits: {
      singleUseOfNetwork: { burst: 3, perMinute: 0.1 },
      singleUseOfAll: { burst: 5, perMinute: 0.3 },
    },
  });
  const alice = await enrolled(world, "alice");
  const second = await enrolled(world, "alice", { kind: "log-in" });
  const packages: Uint8Array[] = [];
  for (let each = 0; each < 12; each++) packages.push((await makePackage(world, alice)).message);
  const lastResort = (await makePackage(world, alice, { lastResort: true })).message;
  const calls = keyPackagesClient(alice.home);
  await calls.publish({ packages, lastResort });
  const claimFrom = async (name: string, hostname: string) => {
    const claimer = await enrolled(world, name, { hostname });
    return (await claim(claimer, alice)).packages.map((each) => each.package);
  };
  // An IPv6 subscriber counts as one, whatever account and address.
  for (let each = 0; each < 6; each++) {
    const given = await claimFrom(`mallory-${each}`, `2001:db8::${each + 1}`);
    assert.deepEqual(given, [each < 3 ? packages[each] : lastResort]);
  }
  assert.deepEqual(await claimFrom("bob", "192.0.2.7"), [packages[3]]);
  assert.deepEqual(await claimFrom("carol", "192.0.2.8"), [packages[4]]);
  // All together have had their share; what this one was refused its network still has.
  const dave = await enrolled(world, "dave", { hostname: "192.0.2.9" });
  for (let each = 0; each < 4; each++) {
    assert.deepEqual((await claim(dave, alice)).packages[0]?.package, lastResort);
  }
  await world.clock.advance(10 * 60_000);
  for (let each = 5; each < 8; each++) {
    assert.deepEqual((await claim(dave, alice)).packages[0]?.package, packages[each]);
  }
  // The own account's devices are nobody's attackers.
  for (let each = 8; each < 12; each++) {
    assert.deepEqual((await claim(second, alice)).packages[0]?.package, packages[each]);
  }
  assert.equal((await calls.count({ cipherSuite: suite.id })).singleUse, 0);
});

Deno.test("publications of an account are limited, with retryAfterMs", async () => {
  await using world = await openDeviceWorld({
    keyPackageLimits: { publications: { burst: 2, perMinute: 1 } },
  });
  const alice = await enrolled(world, "alice");
  const publish = async () =>
    keyPackagesClient(alice.home).publish({
      packages: [(await makePackage(world, alice)).message],
    });
  await publish();
  await publish();
  assert.equal((await refusedWith("accounts/rate-limited", publish())).retryAfterMs, 60_000);
  await world.clock.advance(60_000);
  await publish();
});

Deno.test("a device without a last resort gives its single-use packages beyond the limit, too", async () => {
  await using world = await openDeviceWorld({
    keyPackageLimits: { singleUseOfNetwork: { burst: 1, perMinute: 0.1 } },
  });
  const alice = await enrolled(world, "alice");
  const bob = await enrolled(world, "bob");
  const packages = [await makePackage(world, alice), await makePackage(world, alice)];
  await keyPackagesClient(alice.home).publish({ packages: packages.map(({ message }) => message) });
  for (const { message } of packages) {
    assert.deepEqual((await claim(bob, alice)).packages[0]?.package, message);
  }
  assert.deepEqual((await claim(bob, alice)).packages, []);
});
