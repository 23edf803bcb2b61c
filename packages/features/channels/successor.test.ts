import assert from "node:assert/strict";
import { type CheckedContext, directMessageContext } from "../groups/context.ts";
import { fakeCommit } from "./test/messages.ts";
import {
  createDirectMessage,
  createGroup,
  follow,
  groupContext,
  openWorld,
  readAll,
  refusedWith,
  send,
  type TestDevice,
  type World,
} from "./test/world.ts";

function successorOf(
  world: World,
  oldId: Uint8Array,
  options: {
    readonly context: CheckedContext;
    readonly added?: readonly TestDevice[];
    readonly epoch?: number;
  },
) {
  const { context, added = [], epoch = 1 } = options;
  const predecessor = { groupId: oldId, epoch, confirmedTranscriptHash: new Uint8Array(32) };
  return fakeCommit(world.random, {
    channelId: world.random.bytes(32),
    context: { ...context, predecessor },
    added: added.map(({ accountId }) => accountId),
    recipients: added,
  });
}

Deno.test("succeed() makes the one successor of a channel, with its Welcomes, and closes the old", async () => {
  await using world = await openWorld();
  const [alice, bob, carol] = [world.device(), world.device(), world.device()];
  const channelId = await createGroup(world, [alice, bob, carol]);
  const bobs = follow(world, bob);
  await bobs.until("caught up 1");
  const context = groupContext(alice);
  const upload = successorOf(world, channelId, { context, added: [bob] });
  const succeeded = await alice.calls.succeed({ channelId, upload });
  assert.deepEqual(await alice.calls.succeed({ channelId, upload }), succeeded);
  const { successorId } = succeeded;
  await bobs.until("2 closed");
  await bobs.until("welcome 1");
  const closed = bobs.deliveries.find((each) =>
    each.kind === "entry" && each.entry.kind === "closed"
  );
  assert.deepEqual(closed?.kind === "entry" && closed.entry.message, successorId);
  assert.deepEqual((await carol.calls.members(channelId)).successor, successorId);
  await refusedWith("channels/closed", send(world, carol, { channelId }));
  const late = successorOf(world, channelId, { context, added: [carol] });
  await refusedWith("channels/closed", alice.calls.succeed({ channelId, upload: late }));
  await refusedWith("channels/not-a-member", carol.calls.members(successorId));
  await send(world, bob, { channelId: successorId });
  await bobs.stop();
});

Deno.test("succeed() of two admins at once takes one", async () => {
  await using world = await openWorld();
  const [alice, bob] = [world.device(), world.device()];
  const context = groupContext(alice, bob);
  const channelId = await createGroup(world, [alice, bob], { context });
  const outcomes = await Promise.allSettled([
    alice.calls.succeed({ channelId, upload: successorOf(world, channelId, { context }) }),
    bob.calls.succeed({ channelId, upload: successorOf(world, channelId, { context }) }),
  ]);
  assert.deepEqual(outcomes.map(({ status }) => status).sort(), ["fulfilled", "rejected"]);
  assert.deepEqual(await readAll(world, bob, channelId), ["1 commit", "2 closed"]);
});

Deno.test("succeed() is for admins, with members of the old channel, of the same conversation", async () => {
  await using world = await openWorld();
  const [alice, bob, eve] = [world.device(), world.device(), world.device()];
  const channelId = await createGroup(world, [alice, bob]);
  const refuse = async (
    code: Parameters<typeof refusedWith>[0],
    device: TestDevice,
    options: Parameters<typeof successorOf>[2],
  ) => {
    const upload = successorOf(world, channelId, options);
    await refusedWith(code, device.calls.succeed({ channelId, upload }));
  };
  await refuse("channels/not-admin", bob, { context: groupContext(bob) });
  await refuse("channels/not-a-member", eve, { context: groupContext(eve) });
  await refuse("channels/bad-successor", alice, { context: groupContext(alice), added: [eve] });
  await refuse("channels/bad-successor", alice, { context: groupContext(alice), epoch: 2 });
  const pair = directMessageContext(alice.accountId, bob.accountId);
  await refuse("channels/bad-successor", alice, { context: pair });
  const elsewhere = successorOf(world, world.random.bytes(32), { context: groupContext(alice) });
  await refusedWith(
    "channels/bad-successor",
    alice.calls.succeed({ channelId, upload: elsewhere }),
  );
  const hidden = successorOf(world, channelId, { context: groupContext(alice) });
  await refusedWith("channels/bad-successor", alice.calls.create(hidden));
  await send(world, bob, { channelId });
});

Deno.test("succeed() of a direct message is either side's, and becomes the pair's channel", async () => {
  await using world = await openWorld();
  const [alice, bob] = [world.device(), world.device()];
  const channelId = await createDirectMessage(world, [alice, bob]);
  const context = directMessageContext(alice.accountId, bob.accountId);
  const upload = successorOf(world, channelId, { context, added: [alice] });
  const { successorId } = await bob.calls.succeed({ channelId, upload });
  const again = await alice.calls.create(
    fakeCommit(world.random, { channelId: world.random.bytes(32), context }),
  );
  assert.deepEqual([again.channelId, again.isNew], [successorId, false]);
});

Deno.test("report() counts the devices that can't process the last commit", async () => {
  await using world = await openWorld();
  const [alice, bob] = [world.device(), world.device()];
  const tablet = world.device(bob);
  const channelId = await createGroup(world, [alice, bob]);
  for (const device of [bob, bob, tablet]) await device.calls.report({ channelId, sequence: 1 });
  assert.equal((await alice.calls.members(channelId)).reports, 2);
  await refusedWith("channels/bad-cursor", bob.calls.report({ channelId, sequence: 2 }));
  const context = groupContext(alice);
  const upload = fakeCommit(world.random, { channelId, epoch: 1, context });
  await alice.calls.commit({ channelId, upload });
  assert.equal((await alice.calls.members(channelId)).reports, 0);
  await refusedWith("channels/bad-cursor", bob.calls.report({ channelId, sequence: 1 }));
});

Deno.test("succeed() refuses who is no member any more, an id that is taken, and too many commits", async () => {
  await using world = await openWorld({ limits: { commitRate: { burst: 1, perMinute: 6 } } });
  const [alice, bob] = [world.device(), world.device()];
  const context = groupContext(alice, bob);
  const channelId = await createGroup(world, [alice, bob], { context });
  const taken = await createGroup(world, [alice]);
  const predecessor = { groupId: channelId, epoch: 1, confirmedTranscriptHash: new Uint8Array(32) };
  const onTaken = fakeCommit(world.random, {
    channelId: taken,
    context: { ...context, predecessor },
  });
  await refusedWith("channels/exists", alice.calls.succeed({ channelId, upload: onTaken }));
  const removal = { channelId, epoch: 1, context, removed: [bob.accountId] };
  await alice.calls.commit({ channelId, upload: fakeCommit(world.random, removal) });
  const upload = successorOf(world, channelId, { context });
  await refusedWith("channels/not-a-member", bob.calls.succeed({ channelId, upload }));
  await refusedWith("channels/rate-limited", alice.calls.succeed({ channelId, upload }));
  await world.clock.advance(10_000);
  const { successorId } = await alice.calls.succeed({ channelId, upload });
  // What it follows stays, whoever commits.
  const elsewhere = { ...context, predecessor: { ...predecessor, groupId: taken } };
  for (const other of [elsewhere, context]) {
    const next = fakeCommit(world.random, { channelId: successorId, epoch: 1, context: other });
    const call = alice.calls.commit({ channelId: successorId, upload: next });
    await refusedWith("channels/bad-group-info", call);
  }
});
