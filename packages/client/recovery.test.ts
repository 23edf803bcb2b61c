import assert from "node:assert/strict";
import { keyAfter, type Store } from "@qpq/ports";
import {
  contentOf,
  type DeviceWorld,
  openDeviceWorld,
  refusedWith,
} from "../features/test/device-world.ts";
import { logInClient, openClient, registerClient } from "./client.ts";
import { recoverClient, type Setback } from "./recovery.ts";
import { connects, device, withClient } from "./test/device.ts";

type Backup = readonly { readonly key: Uint8Array; readonly value: Uint8Array }[];

async function backUp(store: Store): Promise<Backup> {
  return await store.snapshot(async (reader) => {
    const all: Backup[number][] = [];
    for (let start: Uint8Array = new Uint8Array();;) {
      const { entries, more } = await reader.range({ prefix: new Uint8Array(), start });
      all.push(...entries);
      const last = entries.at(-1);
      if (!more || last === undefined) return all;
      start = keyAfter(last.key);
    }
  });
}

/** As an operator does, and the server then. */
async function restore(world: DeviceWorld, backup: Backup): Promise<void> {
  const present = await backUp(world.store);
  await world.store.transaction(async (transaction) => {
    for (const { key } of present) transaction.delete(key);
    for (const { key, value } of backup) transaction.put(key, value);
  });
  await world.devices.voidSessions();
  await world.keyPackages.voidAll();
}

Deno.test("after a restore a device brings the server forward, when its user confirms what was lost", async () => {
  await using world = await openDeviceWorld();
  await using own = await device(world);
  await using second = await device(world);
  await using third = await device(world);
  await using bobs = await device(world);
  const bob = { ...bobs.options(), name: "bob" };
  await withClient(registerClient(bob), connects);
  const first = await withClient(registerClient(own.options()), async ({ deviceId }) => deviceId);
  const lost = await withClient(logInClient(second.options()), async ({ deviceId }) => deviceId);
  const backup = await backUp(world.store);

  // What the backup doesn't know: a device more, one less, a pin, and what others have seen.
  const added = await withClient(logInClient(third.options()), async ({ deviceId }) => deviceId);
  await withClient(openClient(own.options()), async (client) => {
    await client.connected();
    await client.revokeDevices([lost], "first password");
    await client.peers.fetch("bob");
  });
  const seen = await withClient(openClient(bob), async ({ peers }) => await peers.fetch("alice"));
  await restore(world, backup);

  await refusedWith("accounts/vault-rolled-back", logInClient(own.options()));
  const before = await contentOf(world.store);
  const shown: Setback[] = [];
  const asked = (answer: boolean) => ({
    ...own.options(),
    confirm: (setback: Setback) => {
      shown.push(setback);
      return Promise.resolve(answer);
    },
  });
  await refusedWith("accounts/vault-rolled-back", recoverClient(asked(false)));
  assert.equal(await contentOf(world.store), before);
  const [setback] = shown;
  assert.ok(setback !== undefined);
  assert.deepEqual(setback.revoked, [lost]);
  assert.deepEqual(setback.missing, [added]);
  assert.ok(setback.vault.given < setback.vault.seen && setback.list.given < setback.list.seen);
  assert.equal(setback.isEarlierKey, false);

  await withClient(recoverClient(asked(true)), async (client) => {
    const ids = (await client.devices()).map(({ deviceId }) => deviceId);
    assert.deepEqual(ids, [first, added]);
    assert.equal((await client.peers.fetch("bob")).state.kind, "pinned");
  });
  assert.equal(shown.length, 2);
  // From then on it is a login, for this device and the others; and others believe what they see.
  await withClient(recoverClient(asked(false)), connects);
  assert.equal(shown.length, 2);
  await withClient(logInClient(third.options()), async (client) => {
    assert.equal((await client.devices()).length, 2);
    assert.equal((await client.peers.fetch("bob")).state.kind, "pinned");
  });
  const confirm = () => Promise.resolve(true);
  await withClient(recoverClient({ ...bob, confirm }), async ({ peers }) => {
    const alice = await peers.fetch("alice");
    assert.equal(alice.state.kind, "pinned");
    assert.ok(alice.generation > seen.generation);
  });
});

Deno.test("after a restore a directory that is older alone is shown, and brought forward", async () => {
  await using world = await openDeviceWorld();
  await using own = await device(world);
  await using second = await device(world);
  await using bobs = await device(world);
  await withClient(registerClient({ ...bobs.options(), name: "bob" }), connects);
  await withClient(registerClient(own.options()), connects);
  await withClient(logInClient(second.options()), connects);
  const backup = await backUp(world.store);
  await withClient(openClient(own.options()), async ({ peers }) => {
    const { pinnedKey } = await peers.fetch("bob");
    await peers.markVerified("bob", pinnedKey);
  });
  await restore(world, backup);
  await refusedWith("accounts/directory-rolled-back", logInClient(own.options()));
  const shown: Setback["directory"][] = [];
  const asked = (answer: boolean) => ({
    ...own.options(),
    confirm: ({ directory }: Setback) => {
      shown.push(directory);
      return Promise.resolve(answer);
    },
  });
  await refusedWith("accounts/directory-rolled-back", recoverClient(asked(false)));
  await refusedWith("accounts/directory-rolled-back", logInClient(own.options()));
  await withClient(recoverClient(asked(true)), connects);
  assert.ok(shown.every(({ seen, given }) => given < seen));
  await withClient(logInClient(second.options()), async ({ peers }) => {
    assert.equal((await peers.fetch("bob")).state.kind, "verified");
  });
});

Deno.test("after a revocation other devices have the directory's new key without being asked", async () => {
  await using world = await openDeviceWorld();
  await using own = await device(world);
  await using second = await device(world);
  await using third = await device(world);
  await using bobs = await device(world);
  await withClient(registerClient({ ...bobs.options(), name: "bob" }), connects);
  await withClient(registerClient(own.options()), connects);
  await withClient(logInClient(second.options()), connects);
  const lost = await withClient(logInClient(third.options()), async ({ deviceId }) => deviceId);
  await withClient(openClient(own.options()), async (client) => {
    await client.connected();
    await client.revokeDevices([lost], "first password");
  });
  await withClient(openClient(second.options()), async ({ peers }) => {
    assert.equal((await peers.fetch("bob")).state.kind, "first-use");
  });
});
