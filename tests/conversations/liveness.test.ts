/** What was missed is made up for in the same session: nobody waits for the next one. */
import assert from "node:assert/strict";
import type { Client } from "@qpq/client";
import { MessengerError, sleep } from "@qpq/ports";
import type { ChannelCalls } from "../../packages/features/channels/client.ts";
import { conversation, historyOf, PATIENCE, say, textsOf, until } from "./helpers.ts";
import { openSimulatedClock } from "./simulated-clock.ts";
import { type ConversationWorld, type DeviceOptions, openConversationWorld } from "./world.ts";

/** One whose store is in memory, as a simulated clock wants it. @param of an account, and a number but for the first */
async function device(
  world: ConversationWorld,
  of: string,
  options: Pick<DeviceOptions, "tamper"> = {},
): Promise<Client> {
  const [name = "", number = "1"] = of.split(" ");
  return await world.clientOn(world.machine({ name, number: Number(number) }), options);
}

Deno.test("waitUntilCaughtUp() hears at once that a channel can't be entered", async () => {
  using clock = openSimulatedClock();
  await using world = await openConversationWorld({ clock });
  const channelId = new Uint8Array(32).fill(7);
  let reads = 0;
  const alice = await device(world, "alice", {
    tamper: (calls) => ({
      ...calls,
      read: (page, options) => {
        reads++;
        return calls.read(page, options);
      },
      follow: async function* (options) {
        yield { kind: "caught-up", channelId, sequence: 1 };
        yield* calls.follow(options);
      },
      // Nothing else happens at that time.
      groupInfo: async (channel, options) => {
        await sleep(clock, 20_000);
        return await calls.groupInfo(channel, options);
      },
    }),
  });
  await alice.conversations.waitUntilCaughtUp({ timeoutMs: 600_000 });
  const tookMs = clock.monotonic();
  assert.ok(tookMs > 20_000 && tookMs < 60_000, `${tookMs} ms: it was asked when it was late only`);
  const before = reads;
  await sleep(clock, 60_000);
  assert.equal(reads, before, "nobody asks for it any more");
});

Deno.test("waitUntilCaughtUp() says what is missing when its time is over", async () => {
  await using world = await openConversationWorld();
  const alice = await world.client("alice");
  await alice.conversations.waitUntilCaughtUp(PATIENCE);
  world.setReachable(false);
  let said = "";
  while (said === "") {
    await alice.conversations.waitUntilCaughtUp({ timeoutMs: 1 }).catch(
      ({ message }: MessengerError) => said = message,
    );
  }
  assert.equal(said, "Cannot wait longer: there is no connection");
});

Deno.test("a device enters its account's conversation though the server was busy at first", async () => {
  using clock = openSimulatedClock();
  await using world = await openConversationWorld({ clock });
  const alice = await device(world, "alice");
  await device(world, "bob");
  const { id } = await alice.conversations.openDirectMessage("bob", PATIENCE);
  let asked = 0;
  let follows = 0;
  const second = await device(world, "alice 2", {
    tamper: (calls) => ({
      ...calls,
      groupInfo: async (channelId, options) => {
        if (++asked > 3) return await calls.groupInfo(channelId, options);
        throw new MessengerError("rpc/deadline", "The server was busy (injected)");
      },
      follow: (options) => {
        follows++;
        return calls.follow(options);
      },
    }),
  });
  await second.conversations.waitUntilCaughtUp({ timeoutMs: 600_000 });
  assert.deepEqual((await second.conversations.list()).map((each) => each.id), [id]);
  assert.deepEqual({ asked, follows }, { asked: 4, follows: 1 });
});

Deno.test("a Welcome takes the place of an entry that is just given up", async () => {
  using clock = openSimulatedClock();
  await using world = await openConversationWorld({ clock, isGenerous: true });
  const alice = await device(world, "alice");
  const bob = await device(world, "bob");
  const { conversation: { id } } = await alice.conversations.createGroup({
    name: "band",
    invite: ["bob"],
    ...PATIENCE,
  });
  await conversation(bob, "#band", "invited");
  await bob.conversations.join(id);
  const asked = Promise.withResolvers<void>();
  const refusal = Promise.withResolvers<never>();
  refusal.promise.catch(() => {});
  let isFirst = true;
  const second = await device(world, "bob 2", {
    tamper: (calls) => ({
      ...calls,
      groupInfo: (channelId, options) => {
        if (!isFirst) return calls.groupInfo(channelId, options);
        isFirst = false;
        asked.resolve();
        return refusal.promise;
      },
      follow: async function* (options) {
        for await (const delivery of calls.follow(options)) {
          if (delivery.kind === "welcome") {
            // While it is being opened, the entry that was tried beside it comes to nothing.
            queueMicrotask(() =>
              refusal.reject(new MessengerError("channels/not-a-member", "Cannot enter (injected)"))
            );
          }
          yield delivery;
        }
      },
    }),
  });
  await asked.promise;
  await say(alice, id, "there is something to be told of");
  await alice.conversations.remove(id, ["bob"], PATIENCE);
  await alice.conversations.invite(id, ["bob"], PATIENCE);
  await conversation(second, "#band", "invited");
  assert.ok((await historyOf(second, id)).includes("* members-added alice bob"), "by the Welcome");
  await second.conversations.join(id);
  await say(alice, id, "welcome back");
  await until(second, async () => (await textsOf(second, id)).includes("alice: welcome back"));
});

Deno.test("a leave that could not be committed at once is committed later, by itself", async () => {
  using clock = openSimulatedClock();
  await using world = await openConversationWorld({ clock, isGenerous: true });
  const triedMs: number[] = [];
  const refusing = (calls: ChannelCalls): ChannelCalls => ({
    ...calls,
    commit: async (commit, options) => {
      if (isRefusing) triedMs.push(clock.monotonic());
      if (isRefusing && triedMs.length <= 2) {
        throw new MessengerError("channels/bad-claim", "Cannot commit (injected)");
      }
      return await calls.commit(commit, options);
    },
  });
  let isRefusing = false;
  const alice = await device(world, "alice", { tamper: refusing });
  const bob = await device(world, "bob");
  const { conversation: { id } } = await alice.conversations.createGroup({
    name: "band",
    invite: ["bob"],
    ...PATIENCE,
  });
  await conversation(bob, "#band", "invited");
  await bob.conversations.join(id);
  isRefusing = true;
  await bob.conversations.leave(id, { timeoutMs: 600_000 });
  await conversation(bob, "#band", "left");
  assert.equal(triedMs.length, 3);
  const [first = 0, second = 0, third = 0] = triedMs;
  assert.ok(second - first >= 10_000 && third - second >= 20_000, "less and less often");
  assert.deepEqual((await alice.conversations.members(id)).map(({ name }) => name), ["alice"]);
});

Deno.test("two programs with one device don't take its place from each other as fast as they can", async () => {
  using clock = openSimulatedClock();
  await using world = await openConversationWorld({ clock });
  let follows = 0;
  const alice = await device(world, "alice", {
    tamper: (calls) => ({
      ...calls,
      follow: async function* (options) {
        follows++;
        for await (const delivery of calls.follow(options)) {
          yield delivery;
          if (delivery.kind !== "all-caught-up") continue;
          throw new MessengerError("channels/subscription-replaced", "It ends (injected)");
        }
      },
    }),
  });
  const timer = Promise.withResolvers<void>();
  clock.schedule(60_000, () => timer.resolve());
  await timer.promise;
  assert.ok(follows > 1 && follows <= 13, `${follows} subscriptions in a minute`);
  assert.ok(alice.rpc.status.kind === "connected");
});

Deno.test("after the server was restored nobody waits for the entries that it has lost", async () => {
  using clock = openSimulatedClock();
  await using world = await openConversationWorld({ clock });
  const alice = await device(world, "alice");
  const bob = await device(world, "bob");
  const { id } = await alice.conversations.openDirectMessage("bob", PATIENCE);
  await conversation(bob, "@alice");
  const backup = world.backup();
  for (const text of ["one", "two", "three"]) await say(alice, id, text);
  await until(bob, async () => (await textsOf(bob, id)).includes("alice: three"));
  await world.restore(backup);
  await say(bob, id, "still here");
  for (const client of [alice, bob]) {
    await client.conversations.waitUntilCaughtUp({ timeoutMs: 60_000 });
  }
  assert.ok((await textsOf(alice, id)).includes("bob: still here"));
});
