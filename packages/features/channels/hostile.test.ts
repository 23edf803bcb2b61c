/** What one account, or some together, try on others, and on the server. */
import assert from "node:assert/strict";
import { createManualClock } from "@qpq/adapters";
import { CommitTurns } from "./turns.ts";
import { directMessageContext } from "../groups/context.ts";
import { type FakeCommit, fakeCommit } from "./test/messages.ts";
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

const DAY_MS = 24 * 3_600_000;

function commitAs(world: World, by: TestDevice, options: FakeCommit) {
  const { channelId } = options;
  return by.calls.commit({ channelId, upload: fakeCommit(world.random, options) });
}

async function sweep(world: World): Promise<void> {
  let isDone = false;
  const sweeping = world.channels.sweep().then(() => isDone = true);
  while (!isDone) await world.clock.advance(10);
  await sweeping;
}

Deno.test("an account puts another one into so many channels only where that has sent nothing", async () => {
  await using world = await openWorld({ limits: { channelsUnaskedMax: 2 } });
  const [mallory, alice, bob] = [world.device(), world.device(), world.device()];
  const code = "channels/too-many-channels";
  const first = await createGroup(world, [mallory, alice]);
  await createDirectMessage(world, [mallory, alice]);
  await refusedWith(code, createGroup(world, [mallory, alice]));
  const context = groupContext(mallory);
  const own = await createGroup(world, [mallory]);
  const added = [alice.accountId];
  await refusedWith(code, commitAs(world, mallory, { channelId: own, epoch: 1, context, added }));
  // Others are as free as before: to be put in by her, and to put her in.
  await createGroup(world, [mallory, bob]);
  await createGroup(world, [bob, alice]);
  // A removal gives nothing back before the last entry is gone, nor does being put in again.
  await commitAs(world, mallory, { channelId: first, epoch: 1, context, removed: added });
  await refusedWith(code, createGroup(world, [mallory, alice]));
  await commitAs(world, mallory, { channelId: first, epoch: 2, context, added });
  await refusedWith(code, createGroup(world, [mallory, alice]));
  // Who says something there wants to be there. It counts once.
  await send(world, alice, { channelId: first, epoch: 3 });
  await send(world, alice, { channelId: first, epoch: 3 });
  await createGroup(world, [mallory, alice]);
  await refusedWith(code, createGroup(world, [mallory, alice]));
});

Deno.test("a channel that an account was removed from counts until it is forgotten there", async () => {
  await using world = await openWorld({ limits: { channelsUnaskedMax: 1 } });
  const [mallory, alice] = [world.device(), world.device()];
  const channelId = await createGroup(world, [mallory, alice]);
  const context = groupContext(mallory);
  await commitAs(world, mallory, { channelId, epoch: 1, context, removed: [alice.accountId] });
  await refusedWith("channels/too-many-channels", createGroup(world, [mallory, alice]));
  await world.clock.advance(30 * DAY_MS);
  await sweep(world);
  await createGroup(world, [mallory, alice]);
});

Deno.test("who was put into many channels by others still makes its own", async () => {
  await using world = await openWorld({ limits: { channelsMax: 4, channelsByOthersMax: 2 } });
  const [alice, bob, ...strangers] = Array.from({ length: 5 }, () => world.device());
  assert.ok(alice !== undefined && bob !== undefined);
  for (const each of strangers.slice(0, 2)) await createGroup(world, [each, alice]);
  const [, , last] = strangers;
  assert.ok(last !== undefined);
  await refusedWith("channels/too-many-channels", createGroup(world, [last, alice]));
  await createGroup(world, [alice]);
  await createDirectMessage(world, [alice, bob]);
  await refusedWith("channels/too-many-channels", createGroup(world, [alice]));
});

Deno.test("a chain of successors makes no more channels than its account may create", async () => {
  await using world = await openWorld({ limits: { createRate: { burst: 3, perMinute: 6 } } });
  const [mallory, bob] = [world.device(), world.device()];
  let channelId = await createDirectMessage(world, [mallory, bob]);
  const succeed = async () => {
    const predecessor = { groupId: channelId, epoch: 1, confirmedTranscriptHash: new Uint8Array() };
    const context = { ...directMessageContext(mallory.accountId, bob.accountId), predecessor };
    const upload = fakeCommit(world.random, { channelId: world.random.bytes(32), context });
    channelId = (await mallory.calls.succeed({ channelId, upload })).successorId;
  };
  await succeed();
  await succeed();
  const limited = await refusedWith("channels/rate-limited", succeed());
  await world.clock.advance(limited.retryAfterMs ?? 0);
  await succeed();
});

Deno.test("members who commit by turns can't keep an admin from removing them", async () => {
  await using world = await openWorld();
  const [alice, mallory, eve] = [world.device(), world.device(), world.device()];
  const channelId = await createGroup(world, [alice, mallory, eve]);
  const context = groupContext(alice);
  const removed = [mallory.accountId, eve.accountId];
  await commitAs(world, mallory, { channelId, context, epoch: 1 });
  // Eve loses, too, and first: for her nobody but the winner has to wait.
  await refusedWith("channels/epoch-taken", commitAs(world, eve, { channelId, context, epoch: 1 }));
  await world.clock.advance(9_000);
  const late = commitAs(world, alice, { channelId, context, epoch: 1, removed });
  await refusedWith("channels/epoch-taken", late);
  for (const each of [mallory, eve]) {
    const turn = commitAs(world, each, { channelId, context, epoch: 2 });
    assert.equal((await refusedWith("channels/commit-turn", turn)).retryAfterMs, 10_000);
  }
  // A loss that follows gives no more time.
  await world.clock.advance(9_000);
  await refusedWith(
    "channels/epoch-taken",
    commitAs(world, alice, { channelId, context, epoch: 1 }),
  );
  const turn = commitAs(world, eve, { channelId, context, epoch: 2 });
  assert.equal((await refusedWith("channels/commit-turn", turn)).retryAfterMs, 1_000);
  await commitAs(world, alice, { channelId, context, epoch: 2, removed });
  assert.equal((await alice.calls.members(channelId)).accounts.length, 1);
});

Deno.test("an admin who loses and says no more holds others up for 10 s", async () => {
  await using world = await openWorld();
  const [alice, bob, carol] = [world.device(), world.device(), world.device()];
  const channelId = await createGroup(world, [alice, bob, carol]);
  const context = groupContext(alice);
  await commitAs(world, bob, { channelId, context, epoch: 1 });
  await refusedWith(
    "channels/epoch-taken",
    commitAs(world, alice, { channelId, context, epoch: 1 }),
  );
  const turn = commitAs(world, carol, { channelId, context, epoch: 2 });
  await refusedWith("channels/commit-turn", turn);
  await world.clock.advance(10_000);
  await commitAs(world, carol, { channelId, context, epoch: 2 });
});

Deno.test("what a commit concerns counts among what its account uploads", async () => {
  const uploadRate = { burst: 65_536, perMinute: 4_096 };
  await using world = await openWorld({ limits: { uploadRate } });
  const [alice, bob] = [world.device(), world.device()];
  const channelId = await createGroup(world, [alice, bob]);
  const context = groupContext(alice);
  const recipientsOf = (count: number) =>
    Array.from({ length: count }, () => ({
      accountId: bob.accountId,
      deviceId: world.random.bytes(16),
    }));
  for (let epoch = 1; epoch <= 3; epoch++) {
    await commitAs(world, alice, { channelId, context, epoch, recipients: recipientsOf(4_096) });
  }
  // 16 MiB each; of 64 not quite as much is left.
  const more = { channelId, context, epoch: 4, recipients: recipientsOf(4_096) };
  await refusedWith("channels/rate-limited", commitAs(world, alice, more));
  await commitAs(world, alice, { ...more, recipients: recipientsOf(3_900) });
});

Deno.test("a former member learns nothing of what came later, by what it is refused either", async () => {
  await using world = await openWorld();
  const [alice, bob] = [world.device(), world.device()];
  const channelId = await createGroup(world, [alice, bob]);
  const context = groupContext(alice);
  await commitAs(world, alice, { channelId, epoch: 1, context, removed: [bob.accountId] });
  for (let count = 0; count < 3; count++) await send(world, alice, { channelId, epoch: 2 });
  const { incarnation } = world;
  const code = "channels/bad-cursor";
  for (const after of [3, 5, 6]) {
    const cursor = { channelId, after };
    const cursors = [cursor];
    await refusedWith(code, bob.calls.read({ incarnation, cursor }));
    await refusedWith(code, bob.calls.acknowledge({ incarnation, cursors, inboxAfter: 0 }));
    await refusedWith(code, async () => {
      throw await follow(world, bob, { cursors }).ended;
    });
  }
  const cursors = [{ channelId, after: 2 }];
  await bob.calls.acknowledge({ incarnation, cursors, inboxAfter: 0 });
  assert.deepEqual(await readAll(world, bob, channelId, 2), []);
});

Deno.test("a commit that is two epochs late gives its account no turn", async () => {
  await using world = await openWorld();
  const [alice, bob, carol] = [world.device(), world.device(), world.device()];
  const context = groupContext(alice, bob, carol);
  const channelId = await createGroup(world, [alice, bob, carol], { context });
  await commitAs(world, alice, { channelId, context, epoch: 1 });
  await commitAs(world, bob, { channelId, context, epoch: 2 });
  await refusedWith(
    "channels/epoch-taken",
    commitAs(world, carol, { channelId, context, epoch: 1 }),
  );
  await commitAs(world, bob, { channelId, context, epoch: 3 });
  // Nor is one that had its turn, or did not take it, preferred in a later epoch.
  await refusedWith(
    "channels/epoch-taken",
    commitAs(world, carol, { channelId, context, epoch: 3 }),
  );
  await commitAs(world, alice, { channelId, context, epoch: 4 });
  await commitAs(world, alice, { channelId, context, epoch: 5 });
});

Deno.test("CommitTurns counts the first loss in an epoch, the winner's and the admins' time apart", async () => {
  const clock = createManualClock();
  const turns = new CommitTurns(clock, 10_000);
  const waits = () =>
    [[true, false], [true, true], [false, false], [false, true]].map(([isWinner, isAdmin]) =>
      turns.waitMs("a", 7, { isWinner: isWinner === true, isAdmin: isAdmin === true })
    );
  turns.lost("a", 7, { isAdmin: false });
  assert.deepEqual(waits(), [10_000, 10_000, 0, 0]);
  await clock.advance(4_000);
  turns.lost("a", 7, { isAdmin: false });
  turns.lost("a", 7, { isAdmin: true });
  assert.deepEqual(waits(), [10_000, 6_000, 10_000, 0]);
  await clock.advance(4_000);
  turns.lost("a", 7, { isAdmin: true });
  assert.deepEqual(waits(), [6_000, 2_000, 6_000, 0]);
  assert.equal(turns.waitMs("a", 8, { isWinner: true, isAdmin: false }), 0);
  assert.equal(turns.waitMs("b", 7, { isWinner: true, isAdmin: false }), 0);
});

Deno.test("members are counted through additions and removals, and from the first commit on", async () => {
  await using world = await openWorld({ limits: { membersMax: 2 } });
  const [alice, bob, carol] = [world.device(), world.device(), world.device()];
  const code = "channels/too-many-members";
  await refusedWith(code, createGroup(world, [alice, bob, carol]));
  const channelId = await createGroup(world, [alice, bob]);
  const context = groupContext(alice);
  const [b, c] = [[bob.accountId], [carol.accountId]];
  await refusedWith(code, commitAs(world, alice, { channelId, context, epoch: 1, added: c }));
  await commitAs(world, alice, { channelId, context, epoch: 1, added: c, removed: b });
  await refusedWith(code, commitAs(world, alice, { channelId, context, epoch: 2, added: b }));
  await commitAs(world, alice, { channelId, context, epoch: 2, removed: c });
  await commitAs(world, alice, { channelId, context, epoch: 3, added: b });
});

Deno.test("who comes and goes often is one channel in its list, and its last stays are remembered", async () => {
  await using world = await openWorld({
    limits: { channelsMax: 2, commitRate: { burst: 99, perMinute: 1 } },
  });
  const [alice, bob] = [world.device(), world.device()];
  const channelId = await createGroup(world, [alice, bob]);
  const context = groupContext(alice);
  const accounts = [bob.accountId];
  for (let epoch = 1; epoch <= 40; epoch += 2) {
    await commitAs(world, alice, { channelId, context, epoch, removed: accounts });
    await commitAs(world, alice, { channelId, context, epoch: epoch + 1, added: accounts });
  }
  await createGroup(world, [bob]);
  const lines = await readAll(world, bob, channelId);
  assert.equal(lines[0], "gap 1-10 notMember");
  assert.equal(lines.at(-1), "41 commit");
});
