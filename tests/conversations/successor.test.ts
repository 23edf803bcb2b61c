/** Groups that nobody can go on with, and those that come in their place. */
import assert from "node:assert/strict";
import type { Client, ConversationId } from "@qpq/client";
import type { ChannelCalls, Delivery } from "../../packages/features/channels/client.ts";
import { Audit } from "./audit.ts";
import { fastClock } from "./fast-clock.ts";
import {
  climbing,
  conversation,
  historyOf,
  received,
  say,
  textsOf,
  trio,
  until,
} from "./helpers.ts";
import { Crashed } from "./machine.ts";
import { type ConversationWorld, openConversationWorld } from "./world.ts";

const SPEED = 10;
/** By the clock of the world. */
const PATIENCE = { timeoutMs: 60_000 * SPEED } as const;

/** As people do when their server was restored. */
async function restored(
  world: ConversationWorld,
  backup: ReturnType<ConversationWorld["backup"]>,
  people: readonly Client[],
): Promise<readonly Client[]> {
  for (const client of people) await client[Symbol.asyncDispose]();
  await world.restore(backup);
  world.setReachable(true);
  return await Promise.all(people.map(({ account: { name } }) => world.recover(name)));
}

/** Whether the conversation goes on in a group of its first epoch. */
async function isSucceeded(client: Client, id: ConversationId): Promise<boolean> {
  const lines = await historyOf(client, id);
  return lines.some((line) => line.startsWith("* succeeded")) &&
    (await client.conversations.get(id)).state === "active";
}

Deno.test("after the server was restored to an earlier epoch, the conversation goes on in a successor", async () => {
  await using world = await openConversationWorld({ clock: fastClock(SPEED) });
  const { carol, id, ...others } = await trio(world, PATIENCE);
  let { alice, bob } = others;
  await say(alice, id, "before the backup", PATIENCE);
  for (const client of [bob, carol]) await received(client, id, "alice: before the backup");
  for (const client of [alice, bob, carol]) await client.conversations.waitUntilCaughtUp(PATIENCE);
  const backup = world.backup();
  await alice.conversations.remove(id, ["carol"], PATIENCE);
  await conversation(carol, "#climbing", "removed");
  // Else she would be the first to go on in what the server has forgotten to have ended.
  await carol[Symbol.asyncDispose]();
  await say(bob, id, "after the backup", PATIENCE);
  await received(alice, id, "bob: after the backup");
  world.setReachable(false);
  await bob.conversations.send(id, "waited");
  [alice, bob] = await restored(world, backup, [alice, bob]) as [Client, Client];
  for (const client of [alice, bob]) await until(client, () => isSucceeded(client, id));
  // What waited goes on in it, once; what was there stays.
  await received(alice, id, "bob: waited");
  await say(alice, id, "we are back", PATIENCE);
  await received(bob, id, "alice: we are back");
  for (const client of [alice, bob]) {
    assert.deepEqual(await textsOf(client, id), [
      "alice: before the backup",
      "bob: after the backup",
      "bob: waited",
      "alice: we are back",
    ]);
    const open = (await client.conversations.list()).map(({ name, state }) => `${name} ${state}`);
    assert.deepEqual(open, ["climbing active"]);
  }
  // The server has forgotten her removal; the members have not.
  assert.deepEqual((await bob.conversations.members(id)).map(({ name }) => name), ["alice", "bob"]);
  // After a restart, too.
  await bob[Symbol.asyncDispose]();
  const again = await world.client("bob");
  await say(again, id, "still here", PATIENCE);
  await received(alice, id, "bob: still here");
});

Deno.test("a direct message goes on in a successor, whichever side makes it", async () => {
  await using world = await openConversationWorld({ clock: fastClock(SPEED) });
  let alice = await world.client("alice");
  let bob = await world.client("bob");
  const { id } = await alice.conversations.openDirectMessage("bob", PATIENCE);
  await conversation(bob, "@alice");
  await say(alice, id, "before the backup", PATIENCE);
  await received(bob, id, "alice: before the backup");
  const backup = world.backup();
  const laptop = await world.client("bob", { device: 2 });
  await conversation(laptop, "@alice");
  await say(laptop, id, "in a later epoch", PATIENCE);
  for (const client of [alice, bob]) await received(client, id, "bob: in a later epoch");
  await laptop[Symbol.asyncDispose]();
  [alice, bob] = await restored(world, backup, [alice, bob]) as [Client, Client];
  for (const client of [alice, bob]) await until(client, () => isSucceeded(client, id));
  await say(bob, id, "here", PATIENCE);
  await received(alice, id, "bob: here");
  assert.equal((await alice.conversations.list()).length, 1);
  assert.equal((await alice.conversations.openDirectMessage("bob", PATIENCE)).id, id);
});

/** Between a device and its server: as if one commit were junk, and no GroupInfo any good. */
function spoiling() {
  const spoilt = { channel: "" };
  const isSpoilt = (channelId: Uint8Array): boolean =>
    spoilt.channel === "*" || channelId.toHex() === spoilt.channel;
  const tamper = (calls: ChannelCalls): ChannelCalls => ({
    ...calls,
    follow: async function* (options) {
      for await (const delivery of calls.follow(options)) {
        const isCommit = delivery.kind === "entry" && delivery.entry.kind === "commit" &&
          isSpoilt(delivery.channelId);
        yield isCommit
          ? { ...delivery, entry: { ...delivery.entry, message: new Uint8Array(64) } }
          : delivery;
      }
    },
    groupInfo: async (channelId, options) => {
      const found = await calls.groupInfo(channelId, options);
      return isSpoilt(channelId) ? { ...found, groupInfo: new Uint8Array(64) } : found;
    },
  });
  return { spoilt, tamper };
}

Deno.test("an admin who can't process a commit, and can't enter anew, makes a successor; the others follow", async () => {
  await using world = await openConversationWorld({ clock: fastClock(SPEED), isGenerous: true });
  const { spoilt, tamper } = spoiling();
  const alice = await world.client("alice", { tamper });
  const bob = await world.client("bob");
  await world.client("carol");
  const dave = await world.client("dave");
  const { conversation: { id } } = await alice.conversations.createGroup({
    name: "climbing",
    invite: ["bob", "dave"],
    ...PATIENCE,
  });
  for (const client of [bob, dave]) await conversation(client, "#climbing", "invited");
  await bob.conversations.join(id);
  await say(bob, id, "one", PATIENCE);
  await received(alice, id, "bob: one");
  await alice.conversations.waitUntilCaughtUp(PATIENCE);
  spoilt.channel = id;
  await bob.conversations.invite(id, ["carol"], PATIENCE);
  for (const client of [alice, bob]) await until(client, () => isSucceeded(client, id));
  // Who had not accepted the invitation is still asked.
  await until(dave, async () => (await historyOf(dave, id)).some((line) => /succeeded/.test(line)));
  assert.equal((await dave.conversations.get(id)).state, "invited");
  await say(alice, id, "two", PATIENCE);
  await received(bob, id, "alice: two");
  assert.deepEqual(await textsOf(bob, id), ["bob: one", "alice: two"]);
  // Carol came in a commit that alice never read: she is asked again.
  const names = (await alice.conversations.members(id)).map(({ name }) => name).toSorted();
  assert.deepEqual(names, ["alice", "bob", "dave"]);
  await alice.conversations.invite(id, ["carol"], PATIENCE);
});

Deno.test("a device makes one successor of a conversation a day by itself", async () => {
  await using world = await openConversationWorld({ clock: fastClock(SPEED), isGenerous: true });
  const { spoilt, tamper } = spoiling();
  let succeeded = 0;
  const alice = await world.client("alice", {
    tamper: (calls) => ({
      ...tamper(calls),
      succeed: (succession, options) => {
        succeeded++;
        return calls.succeed(succession, options);
      },
    }),
  });
  const bob = await world.client("bob");
  await world.client("carol");
  const id = await climbing(alice, bob);
  await alice.conversations.waitUntilCaughtUp(PATIENCE);
  spoilt.channel = id;
  await bob.conversations.invite(id, ["carol"], PATIENCE);
  for (const client of [alice, bob]) await until(client, () => isSucceeded(client, id));
  await alice.conversations.waitUntilCaughtUp(PATIENCE);
  // Whatever the group is now.
  spoilt.channel = "*";
  await bob.conversations.invite(id, ["carol"], PATIENCE);
  await until(alice, async () => (await alice.conversations.get(id)).state === "broken");
  // Nothing tells of what does not happen: several times as long as the first one took.
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  assert.equal(succeeded, 1);
});

Deno.test("a successor comes to be once, whichever write its maker crashes with", async () => {
  await using world = await openConversationWorld({ clock: fastClock(SPEED), isGenerous: true });
  const { spoilt, tamper } = spoiling();
  const audit = new Audit();
  const machine = world.machine({ name: "alice", onWrite: audit.observer("alice") });
  await world.clientOn(machine, { tamper });
  const bob = await world.client("bob");
  await world.client("carol");
  let rounds = 0;
  for (let isThrough = false; !isThrough; rounds++) {
    const alice = machine.client as Client;
    const name = `group ${rounds}`;
    const { conversation: { id } } = await alice.conversations.createGroup({
      name,
      invite: ["bob"],
      ...PATIENCE,
    });
    await conversation(bob, `#${name}`, "invited");
    await bob.conversations.join(id);
    await alice.conversations.waitUntilCaughtUp(PATIENCE);
    spoilt.channel = id;
    machine.faults.push(...new Array(rounds).fill(undefined), {
      kind: "crash",
      written: rounds % 2 === 0,
    });
    await bob.conversations.invite(id, ["carol"], PATIENCE);
    await machine.run(until(alice, () => isSucceeded(alice, id))).catch((error: unknown) => {
      if (!(error instanceof Crashed)) throw error;
    });
    isThrough = !machine.isCrashed && machine.faults.length > 0;
    machine.faults.length = 0;
    if (machine.isCrashed) await world.clientOn(machine, { tamper });
    const again = machine.client as Client;
    for (const client of [again, bob]) await until(client, () => isSucceeded(client, id));
    await say(again, id, "here", PATIENCE);
    await received(bob, id, "alice: here");
    for (const client of [again, bob]) {
      const lines = (await historyOf(client, id)).filter((line) => /succeeded/.test(line));
      assert.equal(lines.length, 1, `round ${rounds}`);
    }
  }
  assert.ok(rounds > 4, "it writes more than once");
  audit.checkKeys();
  assert.deepEqual(audit.problems, []);
});

/** Deliveries of one session, Welcomes first: the inbox is a log of its own, in no order with others. */
async function* welcomesFirst(deliveries: AsyncIterable<Delivery>) {
  const held: Delivery[] = [];
  let hasAll = false;
  for await (const delivery of deliveries) {
    if (hasAll || delivery.kind === "welcome") yield delivery;
    else held.push(delivery);
    if (hasAll || delivery.kind !== "all-caught-up") continue;
    hasAll = true;
    yield* held.splice(0);
  }
}

Deno.test("what a conversation had to the end is read before another group takes its place", async () => {
  await using world = await openConversationWorld({ clock: fastClock(SPEED), isGenerous: true });
  const { spoilt, tamper } = spoiling();
  const alice = await world.client("alice", { tamper });
  const bob = await world.client("bob");
  let carol = await world.client("carol");
  const { conversation: { id } } = await alice.conversations.createGroup({
    name: "climbing",
    invite: ["bob", "carol"],
    ...PATIENCE,
  });
  for (const client of [bob, carol]) {
    await conversation(client, "#climbing", "invited");
    await client.conversations.join(id);
  }
  await carol.conversations.waitUntilCaughtUp(PATIENCE);
  await carol[Symbol.asyncDispose]();
  await say(bob, id, "while carol is away", PATIENCE);
  await received(alice, id, "bob: while carol is away");
  spoilt.channel = id;
  await world.client("dave");
  await bob.conversations.invite(id, ["dave"], PATIENCE);
  await until(alice, () => isSucceeded(alice, id));
  await say(alice, id, "here", PATIENCE);
  carol = await world.client("carol", {
    tamper: (calls) => ({ ...calls, follow: (options) => welcomesFirst(calls.follow(options)) }),
  });
  await received(carol, id, "alice: here");
  assert.deepEqual(await textsOf(carol, id), ["bob: while carol is away", "alice: here"]);
});

Deno.test("what is typed while one group follows another is kept, and goes out in the one that follows", async () => {
  await using world = await openConversationWorld({ clock: fastClock(SPEED), isGenerous: true });
  const { spoilt, tamper } = spoiling();
  const [succeed, append, welcome] = [gate(), gate(), gate()];
  const alice = await world.client("alice", {
    tamper: (calls) => ({
      ...tamper(calls),
      succeed: async (...all) => {
        await succeed.opened;
        return await calls.succeed(...all);
      },
    }),
  });
  const bob = await world.client("bob", {
    tamper: (calls) => ({
      ...calls,
      follow: (options) => behind(calls.follow(options), welcome.passes),
      append: async (...all) => {
        await append.opened;
        return await calls.append(...all);
      },
    }),
  });
  await world.client("carol");
  const id = await climbing(alice, bob);
  await alice.conversations.waitUntilCaughtUp(PATIENCE);
  spoilt.channel = id;
  welcome.close();
  await bob.conversations.invite(id, ["carol"], PATIENCE);
  await conversation(alice, "#climbing", "broken");
  await alice.conversations.send(id, "by who can't follow");
  append.close();
  await bob.conversations.send(id, "on its way");
  succeed.open();
  await conversation(bob, "#climbing", "closed");
  // The server refuses it for good: the channel is closed.
  append.open();
  await bob.conversations.send(id, "into a closed group");
  welcome.open();
  for (const client of [alice, bob]) await until(client, () => isSucceeded(client, id));
  for (const client of [alice, bob]) await client.conversations.waitUntilAllSent(PATIENCE);
  await received(alice, id, "bob: into a closed group");
  await received(bob, id, "alice: by who can't follow");
  const ofBob = (await textsOf(alice, id)).filter((line) => line.startsWith("bob"));
  assert.deepEqual(ofBob, ["bob: on its way", "bob: into a closed group"]);
  assert.equal((await textsOf(bob, id)).length, 3);
});

Deno.test("who was on its way out of a group goes out of the one that follows, too", async () => {
  await using world = await openConversationWorld({ clock: fastClock(SPEED), isGenerous: true });
  const { spoilt, tamper } = spoiling();
  const succeed = gate();
  const alice = await world.client("alice", {
    tamper: (calls) => ({
      ...tamper(calls),
      succeed: async (...all) => {
        await succeed.opened;
        return await calls.succeed(...all);
      },
    }),
  });
  const bob = await world.client("bob");
  await (await world.client("carol"))[Symbol.asyncDispose]();
  const id = await climbing(alice, bob);
  await alice.conversations.waitUntilCaughtUp(PATIENCE);
  succeed.close();
  spoilt.channel = id;
  await bob.conversations.invite(id, ["carol"], PATIENCE);
  await conversation(alice, "#climbing", "broken");
  // Nobody can let him go.
  await bob.conversations.leave(id, PATIENCE);
  await bob.conversations.waitUntilAllSent(PATIENCE);
  assert.equal((await bob.conversations.get(id)).state, "leaving");
  succeed.open();
  await conversation(bob, "#climbing", "left");
  await until(alice, async () => (await alice.conversations.members(id)).length === 1);
});

/** What calls, or Welcomes, wait for while it is closed. */
function gate() {
  let opening = Promise.withResolvers<void>();
  let isOpen = true;
  opening.resolve();
  return {
    get opened(): Promise<void> {
      return opening.promise;
    },
    passes: ({ kind }: Delivery) => kind === "welcome" && !isOpen ? opening.promise : undefined,
    close: () => {
      isOpen = false;
      opening = Promise.withResolvers();
    },
    open: () => {
      isOpen = true;
      opening.resolve();
    },
  };
}

/** Hands deliveries on; those that `waits` has a promise for come behind it, past later ones. */
async function* behind(
  deliveries: AsyncIterable<Delivery>,
  waits: (delivery: Delivery) => Promise<void> | undefined,
) {
  const iterator = deliveries[Symbol.asyncIterator]();
  const held: Promise<{ readonly late: Delivery }>[] = [];
  let next = iterator.next();
  try {
    for (;;) {
      const come = await Promise.race([next, ...held]);
      if ("late" in come) {
        held.shift();
        yield come.late;
        continue;
      }
      if (come.done === true) return;
      const { value } = come;
      next = iterator.next();
      const wait = waits(value);
      if (wait === undefined) yield value;
      else held.push(wait.then(() => ({ late: value })));
    }
  } finally {
    await iterator.return?.();
  }
}
