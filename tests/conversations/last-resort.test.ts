import assert from "node:assert/strict";
import { PACKAGE_KEYS } from "../../packages/features/key-packages/keys.ts";
import { sweepRange } from "../../packages/features/limits/sweep-range.ts";
import { conversation, PATIENCE, received, say } from "./helpers.ts";
import { type ConversationWorld, openConversationWorld } from "./world.ts";

/** All that is left to be invited by are the last-resort packages. */
async function deletePackages({ serverStore }: ConversationWorld): Promise<void> {
  await sweepRange(serverStore, PACKAGE_KEYS, (transaction, { key }) => transaction.delete(key));
}

Deno.test("who was invited by its last resort declines, though it can't renew its keys before", async () => {
  await using world = await openConversationWorld();
  const alice = await world.client("alice");
  const bob = await world.client("bob");
  await deletePackages(world);
  const { conversation: { id } } = await alice.conversations.createGroup({
    name: "climbing",
    invite: ["bob"],
    ...PATIENCE,
  });
  await conversation(bob, "#climbing", "invited");
  await bob.conversations.leave(id, PATIENCE);
  await conversation(bob, "#climbing", "left");
});

Deno.test("who was invited by its last resort renews its keys before it sends", async () => {
  await using world = await openConversationWorld();
  const alice = await world.client("alice");
  const bob = await world.client("bob");
  await deletePackages(world);
  const { id } = await alice.conversations.openDirectMessage("bob", PATIENCE);
  await conversation(bob, "@alice");
  await say(alice, id, "hello");
  await received(bob, id, "alice: hello");
  await say(bob, id, "hello alice");
  await received(alice, id, "bob: hello alice");
  // The first epoch was alice's; the second one is of keys that only bob's commit has made.
  assert.equal((await alice.conversations.status(id)).epoch, 2);
  assert.deepEqual(
    await alice.conversations.status(id),
    await bob.conversations.status(id),
  );
});
