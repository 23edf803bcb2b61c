import assert from "node:assert/strict";
import { accountsClient } from "../accounts/accounts.gen.ts";
import { devicesClient } from "../devices/devices.gen.ts";
import { enrolled, openDeviceWorld, refusedWith } from "../test/device-world.ts";

Deno.test("limitCalls() counts an account's calls over all its connections, a stranger's by address", async () => {
  await using world = await openDeviceWorld({
    callLimits: {
      callsOfAccount: { burst: 10, perMinute: 6 },
      callsOfAddress: { burst: 40, perMinute: 60 },
    },
  });
  const [alice, bob] = [await enrolled(world, "alice"), await enrolled(world, "bob")];
  const other = alice.reconnect();
  await other.authenticate();
  for (let called = 0; called < 5; called++) {
    await accountsClient(alice.home).readDirectory({});
    await accountsClient(other).readDirectory({});
  }
  for (const home of [alice.home, other]) {
    const refusal = await refusedWith(
      "accounts/rate-limited",
      accountsClient(home).readDirectory({}),
    );
    assert.equal(refusal.retryAfterMs, 10_000);
  }
  await accountsClient(bob.home).readDirectory({});
  await world.clock.advance(10_000);
  await accountsClient(other).readDirectory({});

  // Refused by the handler or not, a stranger's calls count.
  const strangers = ["198.51.100.1", "198.51.100.1", "198.51.100.2"].map((hostname) =>
    devicesClient(world.connect({ hostname }))
  );
  const [first, same, elsewhere] = strangers;
  assert.ok(first !== undefined && same !== undefined && elsewhere !== undefined);
  for (let called = 0; called < 20; called++) {
    await refusedWith("accounts/not-fresh", first.findByName({ name: "alice" }));
    await refusedWith("accounts/not-fresh", same.findByName({ name: "alice" }));
  }
  await refusedWith("accounts/rate-limited", same.findByName({ name: "alice" }));
  await refusedWith("accounts/not-fresh", elsewhere.findByName({ name: "alice" }));
});
