import assert from "node:assert/strict";
import {
  createCommit,
  createGroupInfo,
  createProposal,
  type GroupState,
  joinByExternalCommit,
  mergeStaged,
  processMessage,
} from "@qpq/mls";
import { encodeClaim } from "../groups/claim.ts";
import { directMessageContext } from "../groups/context.ts";
import { fakeCommit } from "./test/messages.ts";
import { authenticate, enter, NOW_MS, openGroup } from "./test/real-group.ts";
import {
  crypto,
  groupContext,
  identityOf,
  openWorld,
  refusedWith,
  type TestDevice,
} from "./test/world.ts";

Deno.test("commit() lets a new device of a member account enter by external commit", async () => {
  await using world = await openWorld();
  const [alice, bob] = [world.device(), world.device()];
  const { channelId, states } = await openGroup(world, [alice, bob]);
  const tablet = world.device(bob);
  const entering = await enter(world, tablet, { channelId });
  assert.equal((await entering.run()).sequence, 2);
  assert.equal((await entering.run()).sequence, 2);
  const outcome = await processMessage(states.get(alice) as GroupState, entering.upload.message, {
    authenticate,
  });
  assert.equal(outcome.kind, "commit-staged");
  // The next one stands on the GroupInfo that came with this one.
  const phone = world.device(alice);
  assert.equal((await (await enter(world, phone, { channelId })).run()).sequence, 3);
});

Deno.test("commit() lets either account of a direct message enter, also without a leaf", async () => {
  await using world = await openWorld();
  const [alice, bob] = [world.device(), world.device()];
  const context = directMessageContext(alice.accountId, bob.accountId);
  const { channelId } = await openGroup(world, [alice], context);
  await (await enter(world, bob, { channelId })).run();
});

Deno.test("commit() refuses an external commit of an account without a leaf in the group", async () => {
  await using world = await openWorld();
  const [alice, eve] = [world.device(), world.device()];
  const { channelId, states } = await openGroup(world, [alice]);
  const groupInfo = await createGroupInfo(states.get(alice) as GroupState);
  const entering = await enter(world, eve, { channelId, groupInfo });
  await refusedWith("channels/not-a-member", entering.run());
  // A member by a lie of the one who added it, but without a leaf.
  const entryId = world.random.bytes(16);
  const claim = encodeClaim({ entryId, added: [eve.accountId], removed: [] });
  const lie = await createCommit(states.get(alice) as GroupState, {
    random: world.random,
    nowMs: NOW_MS,
    authenticate,
    authenticatedData: claim,
  });
  const next = mergeStaged(lie.state, lie.staged);
  await alice.calls.commit({
    channelId,
    upload: {
      entryId,
      message: lie.commit,
      groupInfo: await createGroupInfo(next),
      welcomes: [],
    },
  });
  const again = await enter(world, eve, { channelId });
  await refusedWith("channels/external-commit-refused", again.run());
});

Deno.test("commit() refuses an external commit with another device's leaf", async () => {
  await using world = await openWorld();
  const [alice, bob] = [world.device(), world.device()];
  const { channelId } = await openGroup(world, [alice, bob]);
  const tablet = world.device(bob);
  const asAlice = identityOf(world.random, { ...alice, generation: 1 });
  const otherDevice = identityOf(world.random, { ...bob, generation: 1 });
  const otherKey = identityOf(world.random, { ...tablet, generation: 1 });
  for (const identity of [asAlice, otherDevice, otherKey]) {
    const entering = await enter(world, tablet, { channelId, identity });
    await refusedWith("channels/external-commit-refused", entering.run());
  }
});

Deno.test("commit() refuses an external commit whose generation is below a leaf's of its account", async () => {
  await using world = await openWorld();
  const [alice, bob] = [world.device(), world.device(undefined, 3)];
  const { channelId } = await openGroup(world, [alice, bob]);
  const old = await enter(world, world.device(bob, 2), { channelId });
  await refusedWith("channels/external-commit-refused", old.run());
  await (await enter(world, world.device(bob, 3), { channelId })).run();
});

Deno.test("commit() lets an external commit remove the device's own old leaf, and no other", async () => {
  await using world = await openWorld();
  const alice = world.device();
  const [bob, carol] = [world.device(), world.device()];
  const tablet = world.device(bob);
  const { channelId } = await openGroup(world, [alice, bob, tablet, carol]);
  const phone = world.device(bob);
  for (const removes of [0, 1, 2, 3]) {
    const entering = await enter(world, phone, { channelId, removes });
    await refusedWith("channels/external-commit-refused", entering.run());
  }
  await (await enter(world, tablet, { channelId, removes: 2 })).run();
});

Deno.test("commit() refuses an external commit that changes accounts, is signed wrongly, or is stale", async () => {
  await using world = await openWorld();
  const [alice, bob] = [world.device(), world.device()];
  const { channelId } = await openGroup(world, [alice, bob]);
  const tablet = world.device(bob);
  const entering = await enter(world, tablet, {
    channelId,
    change: (upload) => {
      const message = upload.message.slice();
      // Within the path: the signature covers it.
      const at = message.length - 200;
      message[at] = (message[at] as number) ^ 1;
      return { ...upload, message };
    },
  });
  await refusedWith("mls/invalid-signature", entering.run());
  const { random } = world;
  const { groupInfo } = await tablet.calls.groupInfo(channelId);
  const entryId = random.bytes(16);
  const greedy = await joinByExternalCommit(crypto, groupInfo, {
    identity: tablet.identity,
    random,
    authenticate,
    authenticatedData: encodeClaim({ entryId, added: [], removed: [alice.accountId] }),
  });
  await refusedWith(
    "channels/bad-claim",
    tablet.calls.commit({
      channelId,
      upload: {
        entryId,
        message: greedy.commit,
        groupInfo: await createGroupInfo(greedy.staged.next),
        welcomes: [],
      },
    }),
  );
  const stale = await enter(world, tablet, { channelId });
  await (await enter(world, tablet, { channelId })).run();
  await refusedWith("channels/epoch-taken", stale.run());
});

Deno.test("commit() limits what an account makes the server verify, epoch and entry id first", async () => {
  await using world = await openWorld({ limits: { commitTryRate: { burst: 3, perMinute: 6 } } });
  const [alice, bob] = [world.device(), world.device(undefined, 3)];
  const { channelId } = await openGroup(world, [alice, bob]);
  const tablet = world.device(bob, 2);
  const old = await enter(world, tablet, { channelId });
  for (let tries = 0; tries < 3; tries++) {
    await refusedWith("channels/external-commit-refused", old.run());
  }
  const limited = await refusedWith("channels/rate-limited", old.run());
  assert.equal(limited.retryAfterMs, 10_000);
  await (await enter(world, world.device(alice), { channelId })).run();
  await refusedWith("channels/epoch-taken", old.run());
});

Deno.test("commit() lets who is no admin remove those alone that leave in this epoch", async () => {
  await using world = await openWorld();
  const [alice, bob, carol] = [world.device(), world.device(), world.device()];
  const { channelId, states } = await openGroup(world, [alice, bob, carol]);
  const context = groupContext(alice);
  const remove = (by: TestDevice, epoch: number, removed: readonly TestDevice[]) => {
    const accounts = removed.map(({ accountId }) => accountId);
    const upload = fakeCommit(world.random, { channelId, context, epoch, removed: accounts });
    return by.calls.commit({ channelId, upload });
  };
  // A lie about all others would leave nobody who may make a successor.
  await refusedWith("channels/not-admin", remove(bob, 1, [alice, carol]));
  const { message } = await createProposal(
    states.get(carol) as GroupState,
    { kind: "self-remove" },
    { random: world.random, nowMs: NOW_MS },
  );
  await carol.calls.append({ channelId, entryId: world.random.bytes(16), message });
  await refusedWith("channels/not-admin", remove(bob, 1, [alice, carol]));
  const upload = fakeCommit(world.random, { channelId, context, epoch: 1 });
  await alice.calls.commit({ channelId, upload });
  // It was of the epoch that is over.
  await refusedWith("channels/not-admin", remove(bob, 2, [carol]));
  await remove(alice, 2, [carol]);
  const { accounts } = await alice.calls.members(channelId);
  assert.equal(accounts.length, 2);
});

Deno.test("commit() of any member removes an account that leaves", async () => {
  await using world = await openWorld();
  const [alice, bob, carol] = [world.device(), world.device(), world.device()];
  const { channelId, states } = await openGroup(world, [alice, bob, carol]);
  const { message } = await createProposal(
    states.get(carol) as GroupState,
    { kind: "self-remove" },
    { random: world.random, nowMs: NOW_MS },
  );
  await carol.calls.append({ channelId, entryId: world.random.bytes(16), message });
  const removed = [carol.accountId];
  const context = groupContext(alice);
  await bob.calls.commit({
    channelId,
    upload: fakeCommit(world.random, { channelId, context, epoch: 1, removed }),
  });
  await refusedWith("channels/not-a-member", carol.calls.members(channelId));
  // Back again, she has said nothing.
  const added = removed;
  await alice.calls.commit({
    channelId,
    upload: fakeCommit(world.random, { channelId, context, epoch: 2, added }),
  });
  const again = fakeCommit(world.random, { channelId, context, epoch: 3, removed });
  await refusedWith("channels/not-admin", bob.calls.commit({ channelId, upload: again }));
});

Deno.test("append() takes a SelfRemove of the sending device alone", async () => {
  await using world = await openWorld();
  const [alice, bob] = [world.device(), world.device()];
  const { channelId, states } = await openGroup(world, [alice, bob]);
  const { message } = await createProposal(
    states.get(bob) as GroupState,
    { kind: "self-remove" },
    { random: world.random, nowMs: NOW_MS },
  );
  const append = (device: TestDevice, bytes: Uint8Array) =>
    device.calls.append({ channelId, entryId: world.random.bytes(16), message: bytes });
  await refusedWith("channels/bad-message", append(alice, message));
  const changed = message.slice();
  // Before the membership tag, which only members can check: in the signature.
  changed[changed.length - 60] = (changed[changed.length - 60] as number) ^ 1;
  await refusedWith("mls/invalid-signature", append(bob, changed));
  assert.equal((await append(bob, message)).sequence, 2);
});
