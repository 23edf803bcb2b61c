import assert from "node:assert/strict";
import { enrolled, openDeviceWorld } from "../test/device-world.ts";
import {
  DIRECTORY_CONVERSATIONS_MAX,
  type DirectoryConversation,
  readSharedConversations,
  shareConversations,
} from "./directory.ts";

function seen(epoch: number, changes: Partial<DirectoryConversation> = {}): DirectoryConversation {
  return {
    groupId: new Uint8Array(32).fill(1),
    epoch,
    confirmedTranscriptHash: new Uint8Array(48).fill(epoch),
    kind: "group",
    name: "climbing",
    ...changes,
  };
}

Deno.test("shareConversations() keeps the latest epoch that any device has seen, and forgets what was left", async () => {
  await using world = await openDeviceWorld();
  const phone = await enrolled(world, "alice");
  const laptop = await enrolled(world, "alice", { kind: "log-in" });
  await shareConversations(phone.home, { seen: [seen(5)], left: [] }, phone);
  await shareConversations(laptop.home, { seen: [seen(3)], left: [] }, laptop);
  const id = seen(0).groupId.toHex();
  assert.equal((await readSharedConversations(laptop.home, laptop)).get(id)?.epoch, 5);
  await Promise.all([
    shareConversations(phone.home, { seen: [seen(6)], left: [] }, phone),
    shareConversations(
      laptop.home,
      { seen: [seen(1, { groupId: new Uint8Array(32).fill(2) })], left: [] },
      laptop,
    ),
  ]);
  const both = await readSharedConversations(phone.home, phone);
  assert.deepEqual([...both.values()].map(({ epoch }) => epoch).toSorted(), [1, 6]);
  await shareConversations(phone.home, { seen: [], left: [seen(0).groupId] }, phone);
  assert.equal((await readSharedConversations(laptop.home, laptop)).has(id), false);
});

Deno.test("shareConversations() holds so many, those that were told of last", async () => {
  await using world = await openDeviceWorld();
  const phone = await enrolled(world, "alice");
  const many = Array.from({ length: DIRECTORY_CONVERSATIONS_MAX + 2 }, (_, index) => {
    const groupId = new Uint8Array(32);
    new DataView(groupId.buffer).setUint32(0, index + 1);
    return seen(1, { groupId });
  });
  await shareConversations(phone.home, { seen: many, left: [] }, phone);
  const kept = await readSharedConversations(phone.home, phone);
  assert.equal(kept.size, DIRECTORY_CONVERSATIONS_MAX);
  assert.ok(!kept.has((many[1] as DirectoryConversation).groupId.toHex()));
  assert.ok(kept.has((many.at(-1) as DirectoryConversation).groupId.toHex()));
});
