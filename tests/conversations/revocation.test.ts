/** Devices that an account has taken off, and leaves that pass for one of its devices. */
import assert from "node:assert/strict";
import type { Client, ConversationId } from "@qpq/client";
import { openMemoryStore } from "@qpq/adapters";
import {
  deleteGroup,
  putConversation,
  readConversation,
} from "../../packages/features/groups/group-store.ts";
import { listKey } from "../../packages/features/devices/keys.ts";
import { parseAccountId } from "../../packages/features/accounts/names.ts";
import { conversation, historyOf, PATIENCE, received, refusedWith, say, until } from "./helpers.ts";
import { type ConversationWorld, openConversationWorld } from "./world.ts";

const PASSWORD = "the password of bob";

async function devicesOf(client: Client, id: ConversationId, name: string): Promise<number> {
  const members = await client.conversations.members(id);
  return members.find((member) => member.name === name)?.devicesCount ?? 0;
}

async function alarms(client: Client, id: ConversationId): Promise<number> {
  const lines = await historyOf(client, id);
  return lines.filter((line) => line.startsWith("* unknown-device")).length;
}

/** A direct message and a group of alice's and bob's, with two devices of bob's. */
async function talk(world: ConversationWorld) {
  const alice = await world.client("alice");
  const bob = await world.client("bob");
  const laptop = await world.client("bob", { device: 2 });
  const dm = await alice.conversations.openDirectMessage("bob", PATIENCE);
  const { conversation: group } = await alice.conversations.createGroup({
    name: "climbing",
    invite: ["bob"],
    ...PATIENCE,
  });
  for (const client of [bob, laptop]) {
    await conversation(client, "@alice");
    await conversation(client, "#climbing", "invited");
    await client.conversations.join(group.id);
  }
  return { alice, bob, laptop, ids: [dm.id, group.id] };
}

Deno.test("a revoked device's leaves are removed by the account's other devices, in groups and direct messages", async () => {
  await using world = await openConversationWorld();
  const { alice, bob, laptop, ids } = await talk(world);
  const lost = laptop.deviceId;
  await laptop[Symbol.asyncDispose]();
  await bob.revokeDevices([lost], PASSWORD);
  for (const id of ids) {
    await until(alice, async () => await devicesOf(alice, id, "bob") === 1);
    await say(bob, id, "it is gone");
    await received(alice, id, "bob: it is gone");
    assert.equal((await alice.conversations.status(id)).leavesCount, 2);
  }
});

Deno.test("what a device sends after a revocation is encrypted behind the commit that removes the leaf", async () => {
  await using world = await openConversationWorld();
  const { alice, bob, laptop, ids: [id] } = await talk(world);
  assert.ok(id !== undefined);
  const lost = laptop.deviceId;
  await laptop[Symbol.asyncDispose]();
  const { epoch } = await alice.conversations.status(id);
  await bob.revokeDevices([lost], PASSWORD);
  const { messageId } = await bob.conversations.send(id, "not for the lost one");
  await bob.conversations.waitUntilSent(id, messageId, PATIENCE);
  await received(alice, id, "bob: not for the lost one");
  assert.equal((await alice.conversations.status(id)).epoch, epoch + 1);
  assert.equal((await alice.conversations.status(id)).leavesCount, 2);
});

Deno.test("after a revocation the account's devices that know nothing of it come into what it makes", async () => {
  await using world = await openConversationWorld();
  await world.client("alice");
  const bob = await world.client("bob");
  const laptop = await world.client("bob", { device: 2 });
  const lost = await world.client("bob", { device: 3 });
  await laptop.conversations.waitUntilCaughtUp(PATIENCE);
  await lost[Symbol.asyncDispose]();
  await bob.revokeDevices([lost.deviceId], PASSWORD);
  const dm = await bob.conversations.openDirectMessage("alice", PATIENCE);
  const { conversation: group } = await bob.conversations.createGroup({
    name: "climbing",
    ...PATIENCE,
  });
  for (const { id } of [dm, group]) {
    // Its key packages show the generation from before: they stay good.
    await until(bob, async () => await devicesOf(bob, id, "bob") === 2);
    await say(bob, id, "to the laptop");
    await received(laptop, id, "bob: to the laptop");
  }
});

Deno.test("a leaf of the own account that is not on its list is alarmed, and nothing is sent until it is gone", async () => {
  await using world = await openConversationWorld();
  const alice = await world.client("alice");
  let bob = await world.client("bob");
  const { id } = await alice.conversations.openDirectMessage("bob", PATIENCE);
  await conversation(bob, "@alice");
  await say(bob, id, "only me");
  const key = listKey(parseAccountId(bob.account.accountId));
  const before = await world.serverStore.snapshot((reader) => reader.get(key));
  assert.ok(before !== undefined);
  await bob[Symbol.asyncDispose]();
  const stranger = await world.client("bob", { device: 2 });
  await conversation(stranger, "@alice");
  await stranger[Symbol.asyncDispose]();
  const after = await world.serverStore.snapshot((reader) => reader.get(key));
  assert.ok(after !== undefined);
  const serve = (list: Uint8Array) =>
    world.serverStore.transaction((transaction) => {
      transaction.put(key, list);
      return Promise.resolve();
    });
  // As if the account's key had been used behind its owner's back: no list has the device.
  await serve(before);
  bob = await world.client("bob");
  await until(bob, async () => (await bob.conversations.get(id)).hasUnknownDevice);
  assert.equal(await alarms(bob, id), 1);
  await refusedWith("devices/unknown-own-device", bob.conversations.send(id, "to whom?"));
  // Not by itself: it may be a device that the server hides.
  assert.equal(await devicesOf(bob, id, "bob"), 2);
  await bob[Symbol.asyncDispose]();
  bob = await world.client("bob");
  await bob.conversations.waitUntilCaughtUp(PATIENCE);
  await refusedWith("devices/unknown-own-device", bob.conversations.send(id, "to whom?"));
  assert.equal(await alarms(bob, id), 1);
  // A server that tells the truth: the owner knows the device after all, and takes it off.
  await serve(after);
  await bob.revokeDevices([stranger.deviceId], PASSWORD);
  await until(bob, async () => await devicesOf(bob, id, "bob") === 1);
  assert.equal((await bob.conversations.get(id)).hasUnknownDevice, false);
  await say(bob, id, "only me again");
});

Deno.test("a new device of the own account is no stranger: its list is asked for", async () => {
  await using world = await openConversationWorld();
  const alice = await world.client("alice");
  const bob = await world.client("bob");
  const { id } = await alice.conversations.openDirectMessage("bob", PATIENCE);
  await conversation(bob, "@alice");
  const laptop = await world.client("bob", { device: 2 });
  await conversation(laptop, "@alice");
  await until(bob, async () => await devicesOf(bob, id, "bob") === 2);
  await say(bob, id, "to both of mine");
  await received(laptop, id, "bob: to both of mine");
  assert.equal(await alarms(bob, id), 0);
});

Deno.test("nothing is encrypted for an own leaf that is not known, before its account's list was asked for", async () => {
  await using world = await openConversationWorld();
  const alice = await world.client("alice");
  const asked = Promise.withResolvers<void>();
  const answered = Promise.withResolvers<void>();
  let isHeld = false;
  let appends = 0;
  const bob = await world.client("bob", {
    hold: (method) => {
      if (!isHeld || method !== "devices/find-by-id") return;
      asked.resolve();
      return answered.promise;
    },
    tamper: (calls) => ({
      ...calls,
      append: (entry, options) => {
        appends++;
        return calls.append(entry, options);
      },
    }),
  });
  const { id } = await alice.conversations.openDirectMessage("bob", PATIENCE);
  await conversation(bob, "@alice");
  await bob.conversations.waitUntilCaughtUp(PATIENCE);
  isHeld = true;
  const laptop = await world.client("bob", { device: 2 });
  await conversation(laptop, "@alice");
  await asked.promise;
  await bob.conversations.send(id, "who is it?");
  await say(alice, id, "go on");
  await received(bob, id, "alice: go on");
  assert.equal(appends, 0);
  answered.resolve();
  await received(laptop, id, "bob: who is it?");
});

Deno.test("a device whose place a copy took enters a direct message again when its user asks for it", async () => {
  await using world = await openConversationWorld();
  const alice = await world.client("alice");
  const machine = world.machine({ name: "bob" });
  let bob = await world.clientOn(machine);
  const { id } = await alice.conversations.openDirectMessage("bob", PATIENCE);
  await conversation(bob, "@alice");
  await bob.conversations.waitUntilCaughtUp(PATIENCE);
  await machine.shutDown();
  const store = openMemoryStore({ disk: machine.disk });
  const groupId = Uint8Array.fromHex(id);
  await store.transaction(async (transaction) => {
    const record = await readConversation(transaction, groupId);
    assert.ok(record !== undefined);
    putConversation(transaction, groupId, { ...record, state: "removed", failure: "replaced" });
    await deleteGroup(transaction, groupId);
  });
  await store.close();
  bob = await world.clientOn(machine);
  await bob.conversations.waitUntilCaughtUp(PATIENCE);
  // Not by itself: two who do so would never end.
  assert.equal((await bob.conversations.get(id)).state, "removed");
  assert.equal((await bob.conversations.openDirectMessage("alice", PATIENCE)).state, "active");
  await say(bob, id, "it is me");
  await received(alice, id, "bob: it is me");
});

Deno.test("who entered by itself calls the members unconfirmed until somebody else's message opens", async () => {
  await using world = await openConversationWorld();
  const alice = await world.client("alice");
  const bob = await world.client("bob");
  const { id } = await alice.conversations.openDirectMessage("bob", PATIENCE);
  await conversation(bob, "@alice");
  assert.equal((await bob.conversations.get(id)).isUnconfirmed, false);
  const laptop = await world.client("bob", { device: 2 });
  await conversation(laptop, "@alice");
  assert.equal((await laptop.conversations.get(id)).isUnconfirmed, true);
  await say(laptop, id, "is anybody there?");
  await laptop.conversations.waitUntilCaughtUp(PATIENCE);
  assert.equal((await laptop.conversations.get(id)).isUnconfirmed, true);
  await say(alice, id, "I am");
  await received(laptop, id, "alice: I am");
  assert.equal((await laptop.conversations.get(id)).isUnconfirmed, false);
});
