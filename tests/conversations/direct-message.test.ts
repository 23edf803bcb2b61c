import assert from "node:assert/strict";
import type { Store } from "@qpq/ports";
import { LAST_RESORT_KEYS, PACKAGE_KEYS } from "../../packages/features/key-packages/keys.ts";
import {
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

Deno.test("two people talk: a direct message is joined by itself, and counts what is unread", async () => {
  await using world = await openConversationWorld();
  const alice = await world.client("alice");
  const bob = await world.client("bob");
  const dm = await alice.conversations.openDirectMessage("Bob", PATIENCE);
  assert.deepEqual([dm.kind, dm.name, dm.state], ["direct-message", "bob", "active"]);
  assert.equal((await alice.conversations.openDirectMessage("bob")).id, dm.id);
  await say(alice, dm.id, "hello bob");
  await say(alice, dm.id, "are you there?");
  await received(bob, dm.id, "alice: are you there?");
  const seen = await bob.conversations.get(dm.id);
  assert.deepEqual([seen.name, seen.unreadCount, seen.isFromStranger], ["alice", 2, true]);
  await say(bob, dm.id, "yes");
  await received(alice, dm.id, "bob: yes");
  await bob.conversations.markRead(dm.id);
  const after = await bob.conversations.get(dm.id);
  assert.deepEqual([after.unreadCount, after.isFromStranger], [0, false]);
  assert.deepEqual(await textsOf(alice, dm.id), await textsOf(bob, dm.id));
  const [ours, theirs] = await Promise.all([
    alice.conversations.status(dm.id),
    bob.conversations.status(dm.id),
  ]);
  assert.deepEqual(ours, theirs);
  assert.equal(ours.isPostQuantum, true);
});

Deno.test("openDirectMessage() refuses strangers to the server, oneself, and a changed account", async () => {
  await using world = await openConversationWorld();
  const alice = await world.client("alice");
  await refusedWith("accounts/unknown", alice.conversations.openDirectMessage("nobody", PATIENCE));
  await refusedWith("conversations/with-self", alice.conversations.openDirectMessage("alice"));
  await refusedWith("accounts/name-invalid", alice.conversations.openDirectMessage("?"));
});

Deno.test("two who write to each other at once end in one conversation", async () => {
  await using world = await openConversationWorld();
  const alice = await world.client("alice");
  const bob = await world.client("bob");
  const [ours, theirs] = await Promise.all([
    alice.conversations.openDirectMessage("bob", PATIENCE),
    bob.conversations.openDirectMessage("alice", PATIENCE),
  ]);
  assert.equal(ours.id, theirs.id);
  await say(alice, ours.id, "you too?");
  await say(bob, theirs.id, "me too");
  await received(alice, ours.id, "bob: me too");
  await received(bob, ours.id, "alice: you too?");
  assert.equal((await alice.conversations.list()).length, 1);
  assert.equal((await bob.conversations.list()).length, 1);
});

Deno.test("what is written without a connection goes out in order, once, also after a restart", async () => {
  await using world = await openConversationWorld();
  const bob = await world.client("bob");
  let alice = await world.client("alice");
  const { id } = await alice.conversations.openDirectMessage("bob", PATIENCE);
  await conversation(bob, "@alice");
  await alice[Symbol.asyncDispose]();
  world.setReachable(false);
  alice = await world.client("alice");
  const texts = Array.from({ length: 20 }, (_, index) => `message ${index}`);
  for (const text of texts.slice(0, 10)) {
    assert.equal((await alice.conversations.send(id, text)).state, "pending");
  }
  assert.equal((await alice.conversations.get(id)).queuedCount, 10);
  await alice[Symbol.asyncDispose]();
  alice = await world.client("alice");
  await Promise.all(texts.slice(10).map((text) => alice.conversations.send(id, text)));
  world.setReachable(true);
  await alice.conversations.waitUntilAllSent(PATIENCE);
  await received(bob, id, "alice: message 19");
  const expected = texts.map((text) => `alice: ${text}`);
  assert.deepEqual(await textsOf(bob, id), expected);
  assert.deepEqual(await textsOf(alice, id), expected);
});

Deno.test("what is sent before the other account has a device in it waits for one", async () => {
  await using world = await openConversationWorld();
  const alice = await world.client("alice");
  let bob = await world.client("bob");
  await bob[Symbol.asyncDispose]();
  for (const prefix of [PACKAGE_KEYS, LAST_RESORT_KEYS]) await empty(world.serverStore, prefix);
  const { id } = await alice.conversations.openDirectMessage("bob", PATIENCE);
  const { messageId } = await alice.conversations.send(id, "early");
  await refusedWith(
    "rpc/deadline",
    alice.conversations.waitUntilSent(id, messageId, { timeoutMs: 300 }),
  );
  bob = await world.client("bob");
  await received(bob, id, "alice: early");
  assert.equal((await alice.conversations.waitUntilSent(id, messageId, PATIENCE)).state, "sent");
});

Deno.test("send() under one message id sends once, and never two texts", async () => {
  await using world = await openConversationWorld();
  const alice = await world.client("alice");
  const bob = await world.client("bob");
  const { id } = await alice.conversations.openDirectMessage("bob", PATIENCE);
  const { messageId } = await alice.conversations.send(id, "once");
  const again = await alice.conversations.send(id, "once", { messageId });
  assert.equal(again.messageId, messageId);
  await refusedWith(
    "conversations/message-id-reused",
    alice.conversations.send(id, "another", { messageId }),
  );
  await say(alice, id, "the end");
  await received(bob, id, "alice: the end");
  assert.deepEqual(await textsOf(bob, id), ["alice: once", "alice: the end"]);
  await refusedWith("too-large", alice.conversations.send(id, ""));
  await refusedWith("too-large", alice.conversations.send(id, "x".repeat(32_769)));
});

Deno.test("a blocked account's direct messages are not shown until it is unblocked", async () => {
  await using world = await openConversationWorld();
  const alice = await world.client("alice");
  const bob = await world.client("bob");
  const { id } = await alice.conversations.openDirectMessage("bob", PATIENCE);
  await say(alice, id, "one");
  await received(bob, id, "alice: one");
  await bob.conversations.block("alice");
  assert.equal((await bob.conversations.get(id)).isBlocked, true);
  await say(alice, id, "two");
  await bob.conversations.waitUntilCaughtUp(PATIENCE);
  await bob.conversations.unblock("alice");
  await say(alice, id, "three");
  await received(bob, id, "alice: three");
  assert.deepEqual(await textsOf(bob, id), ["alice: one", "alice: three"]);
});

Deno.test("notes to oneself never leave the device", async () => {
  await using world = await openConversationWorld();
  const alice = await world.client("alice");
  const notes = await alice.conversations.notes();
  world.setReachable(false);
  const item = await alice.conversations.send(notes.id, "buy milk");
  assert.equal(item.state, "sent");
  assert.deepEqual(await historyOf(alice, notes.id), ["alice: buy milk"]);
  assert.equal((await alice.conversations.find("notes")).kind, "notes");
});

Deno.test("events() goes on behind a cursor, in another run too", async () => {
  await using world = await openConversationWorld();
  const alice = await world.client("alice");
  let bob = await world.client("bob");
  const { id } = await alice.conversations.openDirectMessage("bob", PATIENCE);
  await say(alice, id, "one");
  await received(bob, id, "alice: one");
  const cursor = await bob.conversations.lastCursor();
  await bob[Symbol.asyncDispose]();
  await say(alice, id, "two");
  bob = await world.client("bob");
  await received(bob, id, "alice: two");
  await say(alice, id, "three");
  const texts: string[] = [];
  await until(bob, async () => (await textsOf(bob, id)).length === 3);
  for await (const event of bob.conversations.events({ after: cursor })) {
    if (event.kind === "item" && event.item.kind === "text") texts.push(event.item.text);
    if (texts.length === 2) break;
  }
  assert.deepEqual(texts, ["two", "three"]);
});

/** Deletes all that stands under a prefix. */
async function empty(store: Store, prefix: Uint8Array): Promise<void> {
  await store.transaction(async (transaction) => {
    for (const { key } of (await transaction.range({ prefix })).entries) transaction.delete(key);
  });
}
