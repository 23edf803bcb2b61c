import assert from "node:assert/strict";
import { conversation, PATIENCE, received, refusedWith, say, textsOf } from "./helpers.ts";
import { openConversationWorld } from "./world.ts";

Deno.test("a new device enters its account's conversations by itself, and reads from then on", async () => {
  await using world = await openConversationWorld();
  const alice = await world.client("alice");
  const bob = await world.client("bob");
  const dm = await alice.conversations.openDirectMessage("bob", PATIENCE);
  await conversation(bob, "@alice");
  await say(alice, dm.id, "to the first device alone");
  const { conversation: group } = await alice.conversations.createGroup({
    name: "climbing",
    invite: ["bob"],
    ...PATIENCE,
  });
  await conversation(bob, "#climbing", "invited");
  await bob.conversations.join(group.id);
  const laptop = await world.client("bob", { device: 2 });
  await laptop.conversations.waitUntilCaughtUp(PATIENCE);
  assert.equal(await laptop.conversations.entering(), 0);
  await conversation(laptop, "@alice");
  await conversation(laptop, "#climbing");
  // What was said before isn't here, and each history begins with that.
  const { items: [first] } = await laptop.conversations.history(group.id);
  assert.ok(first?.kind === "notice");
  assert.deepEqual(first.notice, { kind: "joined", isEntry: true });
  const { items } = await bob.conversations.history(group.id);
  assert.ok(!items.some((item) => item.kind === "notice" && item.notice.kind === "joined"));
  await say(alice, dm.id, "to both");
  await received(bob, dm.id, "alice: to both");
  await received(laptop, dm.id, "alice: to both");
  assert.deepEqual(await textsOf(laptop, dm.id), ["alice: to both"]);
  // What one device sends, the account's other shows as its own.
  await say(laptop, dm.id, "from the laptop");
  await received(bob, dm.id, "bob: from the laptop");
  const [item] = (await bob.conversations.history(dm.id)).items.slice(-1);
  assert.ok(item?.kind === "text" && item.author.isSelf && item.state === "sent");
  assert.equal((await bob.conversations.get(dm.id)).unreadCount, 2);
  const members = await alice.conversations.members(group.id);
  assert.deepEqual(members.map(({ name, devicesCount }) => [name, devicesCount]), [
    ["alice", 1],
    ["bob", 2],
  ]);
});

Deno.test("a device that was there first is invited with the account's others, and leaves with them", async () => {
  await using world = await openConversationWorld();
  const alice = await world.client("alice");
  const bob = await world.client("bob");
  const laptop = await world.client("bob", { device: 2 });
  const { conversation: { id } } = await alice.conversations.createGroup({
    name: "climbing",
    invite: ["bob"],
    ...PATIENCE,
  });
  for (const client of [bob, laptop]) await conversation(client, "#climbing", "invited");
  await bob.conversations.join(id);
  // What one of them accepts, the account has accepted.
  await conversation(laptop, "#climbing");
  await refusedWith("conversations/not-invited", laptop.conversations.join(id));
  await bob.conversations.leave(id, PATIENCE);
  await conversation(bob, "#climbing", "left");
  await conversation(laptop, "#climbing", "removed");
  assert.deepEqual((await alice.conversations.members(id)).map(({ name }) => name), ["alice"]);
});

Deno.test("who leaves a group that nobody else is in takes the account's other devices along", async () => {
  await using world = await openConversationWorld();
  const bob = await world.client("bob");
  const laptop = await world.client("bob", { device: 2 });
  const { conversation: { id } } = await bob.conversations.createGroup({
    name: "alone",
    ...PATIENCE,
  });
  await conversation(laptop, "#alone");
  await bob.conversations.leave(id, PATIENCE);
  await conversation(laptop, "#alone", "removed");
  assert.equal((await bob.conversations.get(id)).state, "left");
});
