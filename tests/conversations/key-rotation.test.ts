import assert from "node:assert/strict";
import { conversation, PATIENCE, received, refusedWith, say, until } from "./helpers.ts";
import { openConversationWorld } from "./world.ts";

Deno.test("after an account got a new key people talk again, once the others have accepted it", async () => {
  await using world = await openConversationWorld();
  const alice = await world.client("alice");
  const bob = await world.client("bob");
  const { id } = await alice.conversations.openDirectMessage("bob", PATIENCE);
  await say(alice, id, "before");
  await received(bob, id, "alice: before");
  await bob.rotateAccountKey("the password of bob");
  // Who changed it goes on by itself: its leaf shows the new key first.
  await until(bob, async () => (await bob.conversations.status(id)).epoch === 2);
  await say(bob, id, "under a new key");
  await received(alice, id, "bob: under a new key");
  await until(alice, async () => (await alice.conversations.get(id)).blockedBy.length > 0);
  await refusedWith("devices/key-changed", alice.conversations.send(id, "to whom?"));
  const peer = await alice.peers.fetch("bob");
  assert.ok(peer.offered !== undefined);
  await alice.peers.acceptKey("bob", peer.offered.accountKey);
  await say(alice, id, "to bob again");
  await received(bob, id, "alice: to bob again");
  assert.deepEqual((await alice.conversations.get(id)).blockedBy, []);
});

Deno.test("waitUntilCaughtUp() of a new device waits until it is in its account's conversations", async () => {
  await using world = await openConversationWorld();
  const alice = await world.client("alice");
  const bob = await world.client("bob");
  for (const name of ["carol", "dave", "erin"]) {
    const other = await world.client(name);
    const { id } = await other.conversations.openDirectMessage("bob", PATIENCE);
    await say(other, id, "hello");
  }
  const { id } = await alice.conversations.openDirectMessage("bob", PATIENCE);
  await say(alice, id, "hello");
  await conversation(bob, "@alice");
  const laptop = await world.client("bob", { device: 2 });
  await laptop.conversations.waitUntilCaughtUp(PATIENCE);
  const names = (await laptop.conversations.list()).filter(({ state }) => state === "active")
    .map(({ name }) => name).toSorted();
  assert.deepEqual(names, ["alice", "carol", "dave", "erin"]);
});
