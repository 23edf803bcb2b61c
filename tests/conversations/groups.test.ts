import assert from "node:assert/strict";
import type { Client } from "@qpq/client";
import { healthy } from "./crashes.ts";
import {
  conversation,
  historyOf,
  PATIENCE,
  received,
  refusedWith,
  say,
  textsOf,
  trio,
  until,
} from "./helpers.ts";
import { openSimulatedClock } from "./simulated-clock.ts";
import { openConversationWorld } from "./world.ts";

Deno.test("a group: who can't be added is reported, the others join, and all read all", async () => {
  await using world = await openConversationWorld();
  const alice = await world.client("alice");
  const bob = await world.client("bob");
  const { conversation: group, invited } = await alice.conversations.createGroup({
    name: "climbing",
    invite: ["bob", "nobody"],
    ...PATIENCE,
  });
  assert.deepEqual(
    invited.map((each) => [each.name, each.kind === "failed" ? each.code : each.kind]).toSorted(),
    [["bob", "added"], ["nobody", "accounts/unknown"]],
  );
  await say(alice, group.id, "before bob said yes");
  const waiting = await conversation(bob, "#climbing", "invited");
  assert.equal(waiting.id, group.id);
  await refusedWith("conversations/not-active", bob.conversations.send(group.id, "too early"));
  const invitedTo = async (client: Client) =>
    (await client.conversations.members(group.id)).filter(({ isInvited }) => isInvited)
      .map(({ name }) => name);
  assert.deepEqual(await invitedTo(alice), ["bob"]);
  await bob.conversations.join(group.id);
  await until(
    alice,
    async () => (await historyOf(alice, group.id)).includes("* member-joined bob"),
  );
  for (const client of [alice, bob]) assert.deepEqual(await invitedTo(client), []);
  await refusedWith("conversations/not-invited", bob.conversations.join(group.id));
  await received(bob, group.id, "alice: before bob said yes");
  const carol = await world.client("carol");
  assert.deepEqual(await bob.conversations.invite(group.id, ["carol", "alice"], PATIENCE), [
    { kind: "added", name: "carol", devicesWithout: 0 },
    { kind: "present", name: "alice" },
  ]);
  await conversation(carol, "#climbing", "invited");
  for (const client of [alice, bob]) {
    await until(client, async () => (await invitedTo(client)).includes("carol"));
  }
  await carol.conversations.join(group.id);
  await say(carol, group.id, "hello all");
  for (const client of [alice, bob]) await received(client, group.id, "carol: hello all");
  const members = await carol.conversations.members(group.id);
  assert.deepEqual(
    members.map(({ name, isAdmin, isSelf }) => [name, isAdmin, isSelf]),
    [["alice", true, false], ["bob", false, false], ["carol", false, true]],
  );
  assert.deepEqual(await textsOf(carol, group.id), ["carol: hello all"]);
});

Deno.test("only an admin removes; who was removed reads and sends no more", async () => {
  await using world = await openConversationWorld();
  const { alice, bob, carol, id } = await trio(world);
  await refusedWith("conversations/not-admin", bob.conversations.remove(id, ["carol"], PATIENCE));
  await refusedWith(
    "conversations/not-a-member",
    alice.conversations.remove(id, ["dave"], PATIENCE),
  );
  await alice.conversations.remove(id, ["carol"], PATIENCE);
  await conversation(carol, "#climbing", "removed");
  await say(alice, id, "she is gone");
  await received(bob, id, "alice: she is gone");
  await refusedWith("conversations/not-active", carol.conversations.send(id, "hello?"));
  await carol.conversations.waitUntilCaughtUp(PATIENCE);
  assert.equal((await historyOf(carol, id)).at(-1), "* removed-self alice");
  assert.ok((await historyOf(bob, id)).includes("* members-removed alice carol"));
  assert.deepEqual(
    (await bob.conversations.members(id)).map(({ name }) => name),
    ["alice", "bob"],
  );
  // Invited anew, she is in again, and the old history is still there.
  await alice.conversations.invite(id, ["carol"], PATIENCE);
  await conversation(carol, "#climbing", "invited");
  await carol.conversations.join(id);
  await say(carol, id, "back");
  await received(bob, id, "carol: back");
});

Deno.test("leaving is done by those who stay; the last admin makes another one first", async () => {
  await using world = await openConversationWorld();
  const { alice, bob, carol, id } = await trio(world);
  await carol.conversations.leave(id, PATIENCE);
  await conversation(carol, "#climbing", "left");
  await until(bob, async () => (await historyOf(bob, id)).includes("* members-left carol"));
  await say(bob, id, "still here");
  await received(alice, id, "bob: still here");
  await refusedWith("conversations/last-admin", alice.conversations.leave(id, PATIENCE));
  await refusedWith(
    "conversations/last-admin",
    alice.conversations.setAdmin(id, { name: "alice", isAdmin: false, ...PATIENCE }),
  );
  await refusedWith(
    "conversations/not-admin",
    bob.conversations.setAdmin(id, { name: "bob", isAdmin: true, ...PATIENCE }),
  );
  await alice.conversations.setAdmin(id, { name: "bob", isAdmin: true, ...PATIENCE });
  await alice.conversations.leave(id, PATIENCE);
  await conversation(alice, "#climbing", "left");
  await say(bob, id, "alone");
  assert.deepEqual((await bob.conversations.members(id)).map(({ name }) => name), ["bob"]);
});

Deno.test("a group that one was removed from is not told anew in each session, and takes one in again", async () => {
  await using world = await openConversationWorld();
  const { alice, bob, carol, id } = await trio(world);
  await alice.conversations.remove(id, ["carol"], PATIENCE);
  await conversation(carol, "#climbing", "removed");
  await say(alice, id, "without carol");
  await received(bob, id, "alice: without carol");
  await carol[Symbol.asyncDispose]();
  let told = 0;
  let asked = 0;
  const again = await world.client("carol", {
    tamper: (calls) => ({
      ...calls,
      follow: async function* (options) {
        for await (const delivery of calls.follow(options)) {
          if (delivery.kind === "entry") told++;
          yield delivery;
        }
      },
      groupInfo: (channelId, options) => {
        asked++;
        return calls.groupInfo(channelId, options);
      },
    }),
  });
  await again.conversations.waitUntilCaughtUp(PATIENCE);
  assert.deepEqual([told, asked], [0, 0]);
  await again[Symbol.asyncDispose]();
  // While she is away, so that she hears of it with the next session.
  await alice.conversations.invite(id, ["carol"], PATIENCE);
  const back = await world.client("carol");
  await conversation(back, "#climbing", "invited");
  await back.conversations.join(id);
  await say(back, id, "back");
  await received(bob, id, "carol: back");
});

Deno.test("of admins who leave at once one stays: a group is never without", async () => {
  await using world = await openConversationWorld();
  const { alice, bob, carol, id } = await trio(world);
  await alice.conversations.setAdmin(id, { name: "bob", isAdmin: true, ...PATIENCE });
  await until(bob, async () => (await bob.conversations.status(id)).epoch === 2);
  const leave = (client: Client) => client.conversations.leave(id, PATIENCE);
  const outcomes = await Promise.allSettled([leave(alice), leave(bob)]);
  const refused = outcomes.flatMap((each) => each.status === "rejected" ? [each.reason.code] : []);
  assert.deepEqual(refused, ["conversations/last-admin"]);
  const [stays, goes] = outcomes[0]?.status === "rejected" ? [alice, bob] : [bob, alice];
  await until(goes, async () => (await goes.conversations.get(id)).state === "left");
  // One after the other, all of them get out.
  const namesOf = async (client: Client) =>
    (await client.conversations.members(id)).map(({ name }) => name);
  await until(stays, async () => (await namesOf(stays)).length === 2);
  await stays.conversations.setAdmin(id, { name: "carol", isAdmin: true, ...PATIENCE });
  await stays.conversations.leave(id, PATIENCE);
  await until(carol, async () => (await namesOf(carol)).length === 1);
  await carol.conversations.leave(id, PATIENCE);
  for (const client of [alice, bob, carol]) {
    await until(client, async () => (await client.conversations.get(id)).state === "left");
  }
});

Deno.test("who is only invited lets a member go, and so does one that leaves, where nobody else does", async () => {
  using clock = openSimulatedClock();
  await using world = await openConversationWorld({ clock });
  const patience = { timeoutMs: 600_000 };
  const alice = await healthy(world, "alice");
  const bob = await healthy(world, "bob");
  const carol = await healthy(world, "carol");
  const { conversation: { id } } = await alice.conversations.createGroup({
    name: "climbing",
    invite: ["bob", "carol"],
    ...patience,
  });
  for (const client of [bob, carol]) await conversation(client, "#climbing", "invited");
  await alice.conversations.setAdmin(id, { name: "bob", isAdmin: true, ...patience });
  await alice.conversations.leave(id, patience);
  await conversation(alice, "#climbing", "left");
  assert.equal((await bob.conversations.get(id)).state, "invited");
  // The one who stays is away: of two who go the first is let go by the second.
  await bob.conversations.join(id);
  const dave = await healthy(world, "dave");
  await bob.conversations.invite(id, ["dave"], patience);
  await conversation(dave, "#climbing", "invited");
  for (const client of [carol, dave]) await client.conversations.waitUntilCaughtUp(patience);
  await bob[Symbol.asyncDispose]();
  await Promise.all([carol, dave].map((client) => client.conversations.leave(id, patience)));
  await Promise.race(
    [carol, dave].map((client) => conversation(client, "#climbing", "left")),
  );
});

Deno.test("everybody hears of a new name, and who comes later has it from the invitation", async () => {
  await using world = await openConversationWorld();
  const { alice, bob, id } = await trio(world);
  await bob.conversations.rename(id, "bouldering");
  await conversation(alice, "#bouldering");
  const dave = await world.client("dave");
  await alice.conversations.invite(id, ["dave"], PATIENCE);
  assert.equal((await conversation(dave, "#bouldering", "invited")).id, id);
});

Deno.test("many who change a group at once all get what they want", async () => {
  await using world = await openConversationWorld();
  const { alice, bob, carol, id } = await trio(world);
  const names = ["dave", "erin", "frank"];
  for (const name of names) await world.client(name);
  const results = await Promise.all([
    alice.conversations.invite(id, ["dave"], PATIENCE),
    bob.conversations.invite(id, ["erin"], PATIENCE),
    carol.conversations.invite(id, ["frank"], PATIENCE),
  ]);
  assert.deepEqual(results.flat().map(({ kind }) => kind), ["added", "added", "added"]);
  for (const client of [alice, bob, carol]) {
    await until(client, async () => (await client.conversations.members(id)).length === 6);
  }
  const statuses = await Promise.all(
    [alice, bob, carol].map(async (client) => {
      await client.conversations.waitUntilCaughtUp(PATIENCE);
      return await client.conversations.status(id);
    }),
  );
  assert.deepEqual(statuses[1], statuses[0]);
  assert.deepEqual(statuses[2], statuses[0]);
});

Deno.test("messages cross a commit: those of the epoch that is over are encrypted again", async () => {
  await using world = await openConversationWorld();
  const { alice, bob, carol, id } = await trio(world);
  const dave = await world.client("dave");
  const sent = Array.from({ length: 60 }, (_, index) => `message ${index}`);
  await Promise.all([
    ...sent.map((text) => bob.conversations.send(id, text)),
    alice.conversations.invite(id, ["dave"], PATIENCE),
    ...sent.map((text) => carol.conversations.send(id, `${text} of carol`)),
  ]);
  await Promise.all([bob, carol].map((each) => each.conversations.waitUntilAllSent(PATIENCE)));
  await conversation(dave, "#climbing", "invited");
  for (const client of [alice, bob, carol]) {
    await client.conversations.waitUntilCaughtUp(PATIENCE);
    const page = await textsOfAll(client, id);
    for (const text of sent) {
      assert.equal(page.filter((line) => line === `bob: ${text}`).length, 1);
      assert.equal(page.filter((line) => line === `carol: ${text} of carol`).length, 1);
    }
    // Each one's messages stand in the order in which they were sent.
    const ofBob = page.filter((line) => line.startsWith("bob: "));
    assert.deepEqual(ofBob, sent.map((text) => `bob: ${text}`));
  }
});

async function textsOfAll(
  client: Parameters<typeof historyOf>[0],
  id: Parameters<typeof historyOf>[1],
): Promise<readonly string[]> {
  const lines: string[] = [];
  let before: number | undefined;
  for (;;) {
    const page = await client.conversations.history(id, before === undefined ? {} : { before });
    lines.unshift(
      ...page.items.flatMap((item) =>
        item.kind === "text" ? [`${item.author.name}: ${item.text}`] : []
      ),
    );
    before = page.items[0]?.position;
    if (!page.more || before === undefined) return lines;
  }
}
