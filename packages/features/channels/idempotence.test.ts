/** The same again has the same result, whatever has become of the channel; other bytes have none. */
import assert from "node:assert/strict";
import { runtimeCryptoProvider } from "@qpq/mls";
import { directMessageContext } from "../groups/context.ts";
import type { CommitUpload } from "./channels.gen.ts";
import { type ChannelsCore, hashParts } from "./core.ts";
import { fakeCommit, framed } from "./test/messages.ts";
import {
  createDirectMessage,
  createGroup,
  groupContext,
  openWorld,
  refusedWith,
  send,
  type TestDevice,
  type World,
} from "./test/world.ts";

async function close(world: World, by: TestDevice, channelId: Uint8Array): Promise<void> {
  const predecessor = { groupId: channelId, epoch: 1, confirmedTranscriptHash: new Uint8Array() };
  const context = { ...groupContext(by), predecessor };
  const upload = fakeCommit(world.random, { channelId: world.random.bytes(32), context });
  await by.calls.succeed({ channelId, upload });
}

Deno.test("append() and commit() again have the same result in a channel that is closed, or left", async () => {
  await using world = await openWorld();
  const [alice, bob] = [world.device(), world.device()];
  const channelId = await createGroup(world, [alice, bob]);
  const context = groupContext(alice);
  const message = framed(world.random, { channelId, epoch: 1 });
  const entry = { channelId, entryId: world.random.bytes(16), message };
  const first = await bob.calls.append(entry);
  const upload = fakeCommit(world.random, { channelId, epoch: 1, context });
  const { sequence } = await bob.calls.commit({ channelId, upload });
  const again = async () => {
    assert.deepEqual(await bob.calls.append(entry), first);
    assert.equal((await bob.calls.commit({ channelId, upload })).sequence, sequence);
  };
  const removal = { channelId, epoch: 2, context, removed: [bob.accountId] };
  await alice.calls.commit({ channelId, upload: fakeCommit(world.random, removal) });
  await again();
  await close(world, alice, channelId);
  await again();
});

Deno.test("commit() refuses a channel that is closed", async () => {
  await using world = await openWorld();
  const [alice, bob] = [world.device(), world.device()];
  const channelId = await createGroup(world, [alice, bob]);
  await close(world, alice, channelId);
  const upload = fakeCommit(world.random, { channelId, epoch: 1, context: groupContext(alice) });
  await refusedWith("channels/closed", bob.calls.commit({ channelId, upload }));
});

Deno.test("an entry id is bound to commit, GroupInfo, Welcomes and their recipients", async () => {
  await using world = await openWorld();
  const [alice, bob] = [world.device(), world.device()];
  const tablet = world.device(bob);
  const channelId = await createGroup(world, [alice, bob]);
  const context = groupContext(alice);
  const options = { channelId, epoch: 1, context, entryId: world.random.bytes(16) };
  const upload = fakeCommit(world.random, { ...options, recipients: [bob] });
  await alice.calls.commit({ channelId, upload });
  const [welcome] = upload.welcomes;
  assert.ok(welcome !== undefined);
  const changed: readonly Partial<CommitUpload>[] = [
    { message: fakeCommit(world.random, options).message },
    { groupInfo: fakeCommit(world.random, { ...options, treeBytes: 9 }).groupInfo },
    { welcomes: [] },
    { welcomes: [{ ...welcome, message: Uint8Array.of(0, 1, 0, 3, 1) }] },
    { welcomes: [{ ...welcome, recipients: [tablet] }] },
  ];
  for (const change of changed) {
    const call = alice.calls.commit({ channelId, upload: { ...upload, ...change } });
    await refusedWith("channels/entry-id-reused", call);
  }
  await alice.calls.commit({ channelId, upload });
});

Deno.test("hashParts() tells the same bytes in other parts apart", () => {
  const core = { crypto: runtimeCryptoProvider() } as ChannelsCore;
  const split = [[[1, 2], [3]], [[1], [2, 3]], [[1, 2, 3]], [[1, 2, 3], []]];
  const filled = [[[1], [2]], [[1, 0, 0, 0, 0, 2]]];
  const hashes = [...split, ...filled].map((parts) =>
    hashParts(core, parts.map((part) => Uint8Array.from(part))).toHex()
  );
  assert.equal(new Set(hashes).size, hashes.length);
});

Deno.test("create() of a direct message that is there costs nothing, as often as one likes", async () => {
  await using world = await openWorld({ limits: { createRate: { burst: 1, perMinute: 1 } } });
  const [alice, bob] = [world.device(), world.device()];
  const channelId = await createDirectMessage(world, [alice, bob]);
  const context = directMessageContext(alice.accountId, bob.accountId);
  for (let count = 0; count < 3; count++) {
    const upload = fakeCommit(world.random, { channelId: world.random.bytes(32), context });
    assert.deepEqual((await bob.calls.create(upload)).channelId, channelId);
  }
  await createGroup(world, [bob]);
});

Deno.test("rates are counted for each account and channel, all devices together", async () => {
  const rate = { burst: 2, perMinute: 1 };
  await using world = await openWorld({ limits: { appendRate: rate, commitRate: rate } });
  const alice = world.device();
  const tablet = world.device(alice);
  const [one, other] = [await createGroup(world, [alice]), await createGroup(world, [alice])];
  const context = groupContext(alice);
  const commit = (device: TestDevice, channelId: Uint8Array, epoch: number) => {
    const upload = fakeCommit(world.random, { channelId, epoch, context });
    return device.calls.commit({ channelId, upload });
  };
  await send(world, alice, { channelId: one });
  await send(world, tablet, { channelId: one });
  await refusedWith("channels/rate-limited", send(world, alice, { channelId: one }));
  await send(world, alice, { channelId: other });
  await commit(alice, one, 1);
  await commit(tablet, one, 2);
  await refusedWith("channels/rate-limited", commit(alice, one, 3));
  await commit(alice, other, 1);
});
