import assert from "node:assert/strict";
import { createManualClock } from "@qpq/adapters";
import { isLastResort } from "@qpq/mls";
import { type Log, MessengerError, silentLog } from "@qpq/ports";
import {
  keyPackagesClient,
  type KeyPackagesPublishParams,
} from "../features/key-packages/key-packages.gen.ts";
import { readOwnKeyPackages } from "../features/key-packages/stock.ts";
import {
  enrolled,
  hybridSuite,
  openDeviceWorld,
  primitives,
} from "../features/test/device-world.ts";
import { openAccountStore } from "./account-store.ts";
import { ClientCore } from "./client-core.ts";
import { openClient, registerClient } from "./client.ts";
import { device } from "./test/device.ts";
import { startUpkeep, UPKEEP_DELAY_MS, UPKEEP_INTERVAL_MS, UPKEEP_RETRY_MS } from "./upkeep.ts";

/** Lets what waits for nothing but promises go on. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await Promise.resolve();
}

Deno.test("upkeep takes every step while connected: soon, then every hour, sooner after a failure", async () => {
  const clock = createManualClock();
  const taken: string[] = [];
  const warned: unknown[] = [];
  const log: Log = {
    ...silentLog,
    warn: (event, fields) => void warned.push({ event, ...fields }),
  };
  let isConnected = false;
  let isFailing = false;
  const step = (name: string) => async () => {
    taken.push(name);
    if (isFailing) throw new MessengerError("too-large", "Cannot go on: as told");
  };
  {
    await using _ = startUpkeep({
      clock,
      log,
      connected: () => isConnected ? Promise.resolve() : Promise.reject(new Error("not yet")),
      steps: { first: step("first"), second: step("second") },
    });
    const advance = async (delayMs: number) => {
      await clock.advance(delayMs);
      await settle();
      return taken.splice(0);
    };
    assert.deepEqual(await advance(UPKEEP_DELAY_MS), []);
    isConnected = true;
    assert.deepEqual(await advance(UPKEEP_RETRY_MS - 1), []);
    assert.deepEqual(await advance(1), ["first", "second"]);
    assert.deepEqual(await advance(UPKEEP_INTERVAL_MS - 1), []);
    isFailing = true;
    assert.deepEqual(await advance(1), ["first", "second"]);
    isFailing = false;
    assert.deepEqual(await advance(UPKEEP_RETRY_MS), ["first", "second"]);
  }
  assert.deepEqual(warned, [
    { event: "upkeep-failed", step: "first", code: "too-large" },
    { event: "upkeep-failed", step: "second", code: "too-large" },
  ]);
  await clock.advance(2 * UPKEEP_INTERVAL_MS);
  await settle();
  assert.deepEqual(taken, []);
});

Deno.test("disposing an upkeep ends the round that is under way, and waits for it", async () => {
  const clock = createManualClock();
  const events: string[] = [];
  const begun = Promise.withResolvers<void>();
  const upkeep = startUpkeep({
    clock,
    log: silentLog,
    connected: () => Promise.resolve(),
    steps: {
      slow: (signal) =>
        new Promise((_, reject) => {
          signal.addEventListener("abort", async () => {
            events.push("aborted");
            await settle();
            events.push("ended");
            reject(signal.reason);
          });
          begun.resolve();
        }),
      next: () => Promise.resolve(events.push("next")),
    },
  });
  await clock.advance(UPKEEP_DELAY_MS);
  await begun.promise;
  await upkeep[Symbol.asyncDispose]();
  assert.deepEqual(events, ["aborted", "ended"]);
});

Deno.test("a client refills, replaces its last resort and forgets old keys by itself", async () => {
  const published: KeyPackagesPublishParams[] = [];
  await using world = await openDeviceWorld({
    tamper: async (method, call, _, params) => {
      const result = await call();
      if (method === "key-packages/publish") published.push(params as KeyPackagesPublishParams);
      return result;
    },
    keyPackageLimits: {
      claimsOfTarget: { burst: 200, perMinute: 1 },
      singleUseOfNetwork: { burst: 200, perMinute: 1 },
      singleUseOfAll: { burst: 200, perMinute: 1 },
    },
  });
  await using own = await device(world);
  await (await registerClient(own.options()))[Symbol.asyncDispose]();
  const [first] = published;
  const bob = await enrolled(world, "bob");
  {
    // Without the conversations, which would follow the clock, too.
    const core = new ClientCore(own.options());
    await using _ = { [Symbol.asyncDispose]: () => core.close() };
    await core.holdWithEither(["first password"]);
    const { account } = await core.identify();
    core.startUpkeep(() => core.peersOf(account));
    await core.connected({});
    const count = () => keyPackagesClient(core.rpc).count({ cipherSuite: hybridSuite.id });
    /** Hours pass until the client has published once more. */
    const publishes = async () => {
      published.length = 0;
      for (let hour = 0; published.length === 0 && hour < 2_000; hour++) {
        await world.clock.advance(UPKEEP_INTERVAL_MS);
        await new Promise((resolve) => setTimeout(resolve));
      }
      return published[0];
    };
    const { accountId } = account;
    for (let each = 0; each < 101; each++) {
      await keyPackagesClient(bob.home).claim({ accountId, cipherSuite: hybridSuite.id });
    }
    assert.equal((await count()).singleUse, 0);
    const refilled = await publishes();
    assert.equal(refilled?.packages.length, 100);
    assert.equal((await count()).singleUse, 100);
    for (const _ of ["after its first use", "after 30 days"]) {
      const replaced = await publishes();
      assert.equal(replaced?.packages.length, 0);
      assert.ok(replaced?.lastResort !== undefined);
      assert.deepEqual((await count()).lastResort?.firstUsedAtMs, 0);
    }
    // By then the keys of the first one are old.
    await publishes();
  }
  const { store } = await openAccountStore(own.options(), { password: "first password" });
  const kept = await readOwnKeyPackages({ store, primitives, suite: hybridSuite });
  await store.close();
  const last = kept.filter(({ keyPackage }) => isLastResort(keyPackage));
  assert.ok(last.length > 1);
  const hex = (bytes: Uint8Array | undefined) => bytes?.toHex();
  assert.ok(!last.some(({ message }) => hex(message) === hex(first?.lastResort)));
});

Deno.test("openClient() keeps its device reachable from then on", async () => {
  const published = Promise.withResolvers<void>();
  let isOpen = false;
  await using world = await openDeviceWorld({
    tamper: async (method, call) => {
      const result = await call();
      if (method === "key-packages/publish" && isOpen) published.resolve();
      return result;
    },
  });
  await using own = await device(world);
  await (await registerClient(own.options()))[Symbol.asyncDispose]();
  await world.keyPackages.voidAll();
  isOpen = true;
  await using client = await openClient(own.options());
  await client.connected();
  await world.clock.advance(UPKEEP_DELAY_MS);
  await published.promise;
});
