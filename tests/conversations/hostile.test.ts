/** A server that lies, and members that break rules: what a client does not fall for. */
import assert from "node:assert/strict";
import type { Client } from "@qpq/client";
import { MessengerError } from "@qpq/ports";
import {
  type ChannelCalls,
  type Delivery,
  type InboxEntry,
  openChannelCalls,
} from "../../packages/features/channels/client.ts";
import { PACKAGE_KEYS } from "../../packages/features/key-packages/keys.ts";
import { fastClock } from "./fast-clock.ts";
import {
  climbing,
  conversation,
  historyOf,
  PATIENCE,
  received,
  refusedWith,
  say,
  textsOf,
  until,
} from "./helpers.ts";
import { openConversationWorld } from "./world.ts";

/** Changes what a device hears from its server. */
function hearing(
  change: (deliveries: AsyncIterable<Delivery>) => AsyncGenerator<Delivery, void, void>,
): (calls: ChannelCalls) => ChannelCalls {
  return (calls) => ({ ...calls, follow: (options) => change(calls.follow(options)) });
}

Deno.test("openDirectMessage() is not led into a conversation with somebody else", async () => {
  await using world = await openConversationWorld();
  await world.client("bob");
  await world.client("mallory");
  const claimed: { channelId?: Uint8Array } = {};
  const alice = await world.client("alice", {
    tamper: (calls) => ({
      ...calls,
      create: (upload, options) =>
        claimed.channelId === undefined ? calls.create(upload, options) : Promise.resolve({
          channelId: claimed.channelId,
          sequence: 0,
          isNew: false,
          undelivered: [],
        }),
    }),
  });
  const other = await alice.conversations.openDirectMessage("mallory", PATIENCE);
  claimed.channelId = Uint8Array.fromHex(other.id);
  await refusedWith("channels/bad-answer", alice.conversations.openDirectMessage("bob", PATIENCE));
  assert.deepEqual((await alice.conversations.list()).map(({ name }) => name), ["mallory"]);
});

Deno.test("a device enters no group that its account is not in", async () => {
  await using world = await openConversationWorld();
  const bob = await world.client("bob");
  await world.client("carol");
  const { conversation: { id } } = await bob.conversations.createGroup({
    name: "theirs",
    invite: ["carol"],
    ...PATIENCE,
  });
  const channelId = Uint8Array.fromHex(id);
  const asked = Promise.withResolvers<void>();
  let entries = 0;
  const alice = await world.client("alice", {
    tamper: (calls) => ({
      ...hearing(async function* (deliveries) {
        for await (const delivery of deliveries) {
          yield delivery;
          if (delivery.kind === "inbox-caught-up") {
            yield { kind: "caught-up", channelId, sequence: 1 };
          }
        }
      })(calls),
      groupInfo: async (channel) => {
        const found = await openChannelCalls(bob.rpc).groupInfo(channel);
        setTimeout(asked.resolve, 100);
        return found;
      },
      commit: (commit, options) => {
        entries++;
        return calls.commit(commit, options);
      },
    }),
  });
  await asked.promise;
  await alice.conversations.waitUntilCaughtUp(PATIENCE);
  assert.equal(entries, 0);
  assert.deepEqual(await alice.conversations.list(), []);
});

Deno.test("a Welcome by a last-resort package opens once: no epoch that is over is entered again", async () => {
  await using world = await openConversationWorld({ clock: fastClock(10) });
  const patience = { timeoutMs: 600_000 };
  let welcome: InboxEntry | undefined;
  const replay = Promise.withResolvers<void>();
  const replayed = Promise.withResolvers<void>();
  const bob: Client = await world.client("bob", {
    tamper: (calls) => ({
      ...calls,
      acknowledge: async (seen, options) => {
        await calls.acknowledge({ ...seen, inboxAfter: 0 }, options).catch(() => {});
      },
      follow: async function* (options) {
        for await (const delivery of calls.follow(options)) {
          if (delivery.kind === "welcome") welcome ??= delivery.inboxEntry;
          yield delivery;
          if (delivery.kind === "welcome") break;
        }
        await replay.promise;
        // Behind everything else, as if it were another one.
        const { cursors } = options;
        assert.ok(welcome !== undefined && cursors.length >= 0);
        for await (const delivery of calls.follow({ ...options, inboxAfter: 1 })) {
          if (delivery.kind === "inbox-caught-up") continue;
          yield delivery;
          if (delivery.kind !== "entry" || delivery.entry.kind !== "commit") continue;
          if (delivery.entry.sequence > welcome.channelSequence) {
            const inboxEntry = { ...welcome, sequence: welcome.sequence + 1 };
            while ((await bob.conversations.list())[0]?.state !== "removed") await pause();
            yield { kind: "welcome", inboxEntry };
            replayed.resolve();
          }
        }
      },
    }),
  });
  const alice = await world.client("alice");
  // Nothing is left but the last resort.
  await world.serverStore.transaction(async (transaction) => {
    const { entries } = await transaction.range({ prefix: PACKAGE_KEYS });
    for (const { key } of entries) transaction.delete(key);
  });
  const { conversation: { id } } = await alice.conversations.createGroup({
    name: "climbing",
    invite: ["bob"],
    ...patience,
  });
  await conversation(bob, "#climbing", "invited");
  await alice.conversations.remove(id, ["bob"], patience);
  replay.resolve();
  await replayed.promise;
  assert.equal((await bob.conversations.get(id)).state, "removed");
  await refusedWith("conversations/not-active", bob.conversations.status(id));
});

Deno.test("another's entry under the id of an own message is shown, and the own one still waits", async () => {
  await using world = await openConversationWorld();
  const alice = await world.client("alice");
  let own: Uint8Array | undefined;
  const held = Promise.withResolvers<void>();
  const bob = await world.client("bob", {
    tamper: (calls) => ({
      ...hearing(async function* (deliveries) {
        for await (const delivery of deliveries) {
          yield delivery.kind === "entry" && own !== undefined
            ? { ...delivery, entry: { ...delivery.entry, entryId: own } }
            : delivery;
        }
      })(calls),
      append: async (entry, options) => {
        own = entry.entryId;
        held.resolve();
        return await new Promise<never>((_, reject) =>
          options?.signal?.addEventListener("abort", () => reject(options.signal?.reason))
        );
      },
    }),
  });
  const { id } = await alice.conversations.openDirectMessage("bob", PATIENCE);
  await conversation(bob, "@alice");
  const { messageId } = await bob.conversations.send(id, "mine");
  await held.promise;
  await say(alice, id, "not yours");
  await received(bob, id, "alice: not yours");
  const { items } = await bob.conversations.history(id);
  const mine = items.find((item) => item.kind === "text" && item.messageId === messageId);
  assert.ok(mine?.kind === "text" && mine.state === "pending");
});

Deno.test("who is out by the server's word is told so by everything that waits", async () => {
  await using world = await openConversationWorld();
  await world.client("bob");
  await world.client("carol");
  const out = Promise.withResolvers<void>();
  const isOut = new Set<Uint8Array>();
  const waiting = Promise.withResolvers<void>();
  const alice = await world.client("alice", {
    tamper: (calls) => ({
      ...hearing(async function* (deliveries) {
        for await (const delivery of deliveries) {
          yield delivery;
          if (delivery.kind !== "caught-up") continue;
          await out.promise;
          for (const channelId of isOut) yield { kind: "not-a-member", channelId };
        }
      })(calls),
      commit: () => {
        waiting.resolve();
        return new Promise<never>(() => {});
      },
    }),
  });
  const { conversation: { id } } = await alice.conversations.createGroup({
    name: "climbing",
    invite: ["bob"],
    ...PATIENCE,
  });
  await alice.conversations.waitUntilCaughtUp(PATIENCE);
  const inviting = alice.conversations.invite(id, ["carol"]);
  const refused = refusedWith("conversations/not-active", inviting);
  await waiting.promise;
  const { messageId } = await alice.conversations.send(id, "behind the commit");
  const sent = alice.conversations.waitUntilSent(id, messageId);
  isOut.add(Uint8Array.fromHex(id));
  out.resolve();
  await refusedWith("conversations/not-active", sent);
  await refused;
  await conversation(alice, "#climbing", "removed");
});

Deno.test("a refusal of any length is kept short, and the client goes on", async () => {
  await using world = await openConversationWorld();
  const bob = await world.client("bob");
  let isRefusing = true;
  const alice = await world.client("alice", {
    tamper: (calls) => ({
      ...calls,
      append: async (entry, options) => {
        if (!isRefusing) return await calls.append(entry, options);
        throw new MessengerError("channels/bad-message", "\u{1f4a5}".repeat(100_000));
      },
    }),
  });
  const { id } = await alice.conversations.openDirectMessage("bob", PATIENCE);
  const { messageId } = await alice.conversations.send(id, "refused");
  await refusedWith(
    "channels/bad-message",
    alice.conversations.waitUntilSent(id, messageId, PATIENCE),
  );
  isRefusing = false;
  await say(alice, id, "taken");
  await received(bob, id, "alice: taken");
});

Deno.test("what can't be read is read again: the connection's failures close no client", async () => {
  await using world = await openConversationWorld({ clock: fastClock(10) });
  const alice = await world.client("alice");
  let dropped = 0;
  const failures = [
    new MessengerError("rpc/overloaded", "Cannot answer: too much"),
    new MessengerError("channels/bad-answer", "Cannot accept"),
  ];
  const bob = await world.client("bob", {
    tamper: (calls) => ({
      ...hearing(async function* (deliveries) {
        for await (const delivery of deliveries) {
          const isHidden = delivery.kind === "entry" && delivery.entry.kind === "application" &&
            dropped++ === 0;
          if (!isHidden) yield delivery;
        }
      })(calls),
      read: async (page, options) => {
        const failure = failures.shift();
        if (failure !== undefined) throw failure;
        return await calls.read(page, options);
      },
    }),
  });
  const { id } = await alice.conversations.openDirectMessage("bob", PATIENCE);
  await conversation(bob, "@alice");
  for (const text of ["one", "two"]) {
    const { messageId } = await alice.conversations.send(id, text);
    await alice.conversations.waitUntilSent(id, messageId, { timeoutMs: 600_000 });
  }
  await received(bob, id, "alice: two");
  assert.deepEqual(failures, []);
  assert.deepEqual(await textsOf(bob, id), ["alice: one", "alice: two"]);
});

Deno.test("who was added and had no Welcome comes in by itself, and is still asked", async () => {
  await using world = await openConversationWorld({ clock: fastClock(10) });
  const patience = { timeoutMs: 600_000 };
  const bob = await world.client("bob", {
    tamper: hearing(async function* (deliveries) {
      for await (const delivery of deliveries) if (delivery.kind !== "welcome") yield delivery;
    }),
  });
  const alice = await world.client("alice");
  const { conversation: { id } } = await alice.conversations.createGroup({
    name: "climbing",
    invite: ["bob"],
    ...patience,
  });
  const dm = await alice.conversations.openDirectMessage("bob", patience);
  await until(bob, async () => (await bob.conversations.list()).length === 2);
  await until(bob, async () => (await bob.conversations.get(id)).state === "invited");
  await conversation(bob, "@alice");
  assert.equal((await bob.conversations.get(dm.id)).isFromStranger, true);
  // Those who are in say what it is called.
  await conversation(bob, "#climbing", "invited");
  await until(alice, async () => (await alice.conversations.status(id)).leavesCount === 2);
});

Deno.test("a server that sends more than is processed is not read on, by bytes", async () => {
  await using world = await openConversationWorld();
  const alice = await world.client("alice");
  const released = Promise.withResolvers<void>();
  const junk = new Uint8Array(2 ** 20);
  let taken = 0;
  let channelId: Uint8Array | undefined;
  const bob = await world.client("bob", {
    tamper: (calls) => ({
      ...hearing(async function* (deliveries) {
        for await (const delivery of deliveries) {
          yield delivery;
          if (delivery.kind !== "all-caught-up" || channelId === undefined) continue;
          for (taken = 0; taken < 64; taken++) {
            // Behind a hole: what fills it is asked for, and does not come.
            const sequence = 1_000 + taken;
            const entryId = new Uint8Array(16);
            const entry = {
              sequence,
              acceptedAtMs: 1,
              entryId,
              message: junk,
              messageBytes: junk.length,
            };
            yield { kind: "entry", channelId, entry: { ...entry, kind: "application" } };
          }
        }
      })(calls),
      read: async (page, options) => {
        if (channelId !== undefined) await released.promise;
        return await calls.read(page, options);
      },
    }),
  });
  const { id } = await alice.conversations.openDirectMessage("bob", PATIENCE);
  await conversation(bob, "@alice");
  await bob.conversations.waitUntilCaughtUp(PATIENCE);
  channelId = Uint8Array.fromHex(id);
  world.cut();
  try {
    for (let turn = 0; turn < 3_000 && taken === 0; turn++) await pause();
    // Nothing tells of what does not happen: as long as reading on takes, many times over.
    for (let turn = 0; turn < 50; turn++) await pause();
    assert.ok(taken > 0 && taken <= 18, `${taken} MiB wait`);
  } finally {
    channelId = undefined;
    released.resolve();
  }
});

Deno.test("an entry that this program fails at is one honest line, and the next is read", async () => {
  await using world = await openConversationWorld();
  const alice = await world.client("alice");
  let poisoned = 0;
  const bob = await world.client("bob", {
    tamper: hearing(async function* (deliveries) {
      for await (const delivery of deliveries) {
        const isFirst = delivery.kind === "entry" && delivery.entry.kind === "application" &&
          poisoned++ === 0;
        // As a bug of ours would: no bytes at all, where there are always some.
        yield isFirst
          ? { ...delivery, entry: { ...delivery.entry, message: null as unknown as Uint8Array } }
          : delivery;
      }
    }),
  });
  const { id } = await alice.conversations.openDirectMessage("bob", PATIENCE);
  await conversation(bob, "@alice");
  await say(alice, id, "poison");
  await say(alice, id, "after it");
  await received(bob, id, "alice: after it");
  const lines = await historyOf(bob, id);
  assert.equal(lines.filter((line) => line.startsWith("* undecryptable")).length, 1);
  assert.deepEqual(await textsOf(bob, id), ["alice: after it"]);
});

Deno.test("closing a client ends everything that waits on it", async () => {
  await using world = await openConversationWorld();
  await world.client("bob");
  await world.client("carol");
  const never = () => new Promise<never>(() => {});
  let isSilent = false;
  const alice = await world.client("alice", {
    tamper: (calls) => ({
      ...calls,
      append: (entry, options) => isSilent ? never() : calls.append(entry, options),
      commit: (commit, options) => isSilent ? never() : calls.commit(commit, options),
      create: (upload, options) => isSilent ? never() : calls.create(upload, options),
    }),
  });
  const { conversation: { id } } = await alice.conversations.createGroup({
    name: "climbing",
    invite: ["bob"],
    ...PATIENCE,
  });
  isSilent = true;
  const { messageId } = await alice.conversations.send(id, "into the void");
  const { conversations } = alice;
  const waiting: Promise<unknown>[] = [
    conversations.waitUntilSent(id, messageId),
    conversations.waitUntilAllSent(),
    conversations.invite(id, ["carol"]),
    conversations.invite(id, ["carol"]),
    conversations.openDirectMessage("bob"),
    conversations.createGroup({ name: "another" }),
    (async () => {
      for await (const _ of conversations.events()) { /* until it ends */ }
    })(),
  ];
  const settled = Promise.allSettled(waiting);
  await pause();
  await alice[Symbol.asyncDispose]();
  const outcomes = await settled;
  for (const outcome of outcomes.slice(0, -1)) assert.equal(outcome.status, "rejected");
  await assert.rejects(conversations.send(id, "too late"), MessengerError);
});

Deno.test("nobody else's name for a group outlives the one that came after it", async () => {
  await using world = await openConversationWorld();
  const alice = await world.client("alice");
  const bob = await world.client("bob");
  const id = await climbing(alice, bob);
  const nameOf = async (client: Client) => (await client.conversations.get(id)).name;
  for (let round = 0; round < 5; round++) {
    await Promise.all([
      alice.conversations.rename(id, `of alice ${round}`),
      bob.conversations.rename(id, `of bob ${round}`),
    ]);
    await say(alice, id, `alice ${round}`);
    await say(bob, id, `bob ${round}`);
    await received(alice, id, `bob: bob ${round}`);
    await received(bob, id, `alice: alice ${round}`);
    for (const client of [alice, bob]) await client.conversations.waitUntilAllSent(PATIENCE);
    for (const client of [alice, bob]) await client.conversations.waitUntilCaughtUp(PATIENCE);
    assert.equal(await nameOf(alice), await nameOf(bob), `round ${round}`);
  }
});

Deno.test("who is invited and can't follow for a while is still asked: nobody joins by a broken commit", async () => {
  await using world = await openConversationWorld({ clock: fastClock(10), isGenerous: true });
  const patience = { timeoutMs: 600_000 };
  let spoilt: string | undefined;
  const alice = await world.client("alice");
  const bob = await world.client("bob", {
    tamper: hearing(async function* (deliveries) {
      for await (const delivery of deliveries) {
        const isSpoilt = delivery.kind === "entry" && delivery.entry.kind === "commit" &&
          delivery.channelId.toHex() === spoilt;
        yield isSpoilt
          ? { ...delivery, entry: { ...delivery.entry, message: new Uint8Array(64) } }
          : delivery;
        if (isSpoilt) spoilt = undefined;
      }
    }),
  });
  await world.client("carol");
  const { conversation: { id } } = await alice.conversations.createGroup({
    name: "climbing",
    invite: ["bob"],
    ...patience,
  });
  await conversation(bob, "#climbing", "invited");
  await bob.conversations.waitUntilCaughtUp(patience);
  spoilt = id;
  await alice.conversations.invite(id, ["carol"], patience);
  await until(bob, async () => (await historyOf(bob, id)).includes("* rejoined"));
  assert.equal((await bob.conversations.get(id)).state, "invited");
  await bob.conversations.join(id);
  await say(alice, id, "welcome");
  await received(bob, id, "alice: welcome");
});

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 20));
}
