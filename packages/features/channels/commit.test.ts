import assert from "node:assert/strict";
import { directMessageContext } from "../groups/context.ts";
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
import type { FakeCommit } from "./test/messages.ts";

function commitOf(
  world: World,
  device: TestDevice,
  commit: Partial<FakeCommit> & { readonly channelId: Uint8Array },
) {
  const upload = fakeCommit(world.random, {
    epoch: 1,
    context: groupContext(device),
    ...commit,
  });
  return { upload, run: () => device.calls.commit({ channelId: commit.channelId, upload }) };
}

Deno.test("create() makes channel, members, first commit, GroupInfo and inboxes in one", async () => {
  await using world = await openWorld();
  const [alice, bob] = [world.device(), world.device()];
  const context = groupContext(alice);
  const channelId = world.random.bytes(32);
  const upload = fakeCommit(world.random, {
    channelId,
    context,
    added: [bob.accountId],
    recipients: [bob],
  });
  const created = await alice.calls.create(upload);
  assert.deepEqual(created, { channelId, sequence: 1, isNew: true, undelivered: [] });
  const { accounts, epoch, sequence } = await bob.calls.members(channelId);
  assert.deepEqual(
    accounts.map((id) => id.toHex()).sort(),
    [alice, bob].map(({ accountId }) => accountId.toHex()).sort(),
  );
  assert.deepEqual([epoch, sequence], [1, 1]);
  assert.deepEqual((await bob.calls.groupInfo(channelId)).groupInfo, upload.groupInfo);
  const bobs = follow(world, bob);
  await bobs.until("welcome 1");
  const welcome = bobs.deliveries.find((each) => each.kind === "welcome");
  assert.deepEqual(welcome?.inboxEntry.welcome, upload.welcomes[0]?.message);
  assert.deepEqual(
    [welcome?.inboxEntry.channelId, welcome?.inboxEntry.channelSequence],
    [channelId, 1],
  );
  await bobs.stop();
});

Deno.test("create() again with the same bytes has the same result; another's id is taken", async () => {
  await using world = await openWorld();
  const [alice, bob] = [world.device(), world.device()];
  const channelId = world.random.bytes(32);
  const upload = fakeCommit(world.random, { channelId, context: groupContext(alice) });
  const first = await alice.calls.create(upload);
  assert.deepEqual(await alice.calls.create(upload), first);
  const other = fakeCommit(world.random, { channelId, context: groupContext(bob) });
  await refusedWith("channels/exists", bob.calls.create(other));
});

Deno.test("create() of a refused channel leaves nothing", async () => {
  await using world = await openWorld();
  const [alice, bob] = [world.device(), world.device()];
  const channelId = world.random.bytes(32);
  const stranger = { accountId: world.random.bytes(16), deviceId: world.random.bytes(16) };
  const upload = fakeCommit(world.random, {
    channelId,
    context: groupContext(alice),
    added: [bob.accountId],
    recipients: [bob, stranger],
  });
  await refusedWith("channels/bad-welcome", alice.calls.create(upload));
  await refusedWith("channels/not-a-member", alice.calls.members(channelId));
  const { incarnation } = world;
  assert.equal((await bob.stub.readInbox({ incarnation, after: 0, countMax: 1 })).head, 0);
});

Deno.test("a direct message is of exactly two, and only they are ever in it", async () => {
  await using world = await openWorld();
  const [alice, bob, eve] = [world.device(), world.device(), world.device()];
  const context = directMessageContext(alice.accountId, bob.accountId);
  const between = (more: Partial<FakeCommit>) =>
    fakeCommit(world.random, { channelId: world.random.bytes(32), context, ...more });
  await refusedWith("channels/not-admin", eve.calls.create(between({})));
  const withEve = between({ added: [bob.accountId, eve.accountId] });
  await refusedWith("channels/bad-claim", alice.calls.create(withEve));
  const alone = directMessageContext(alice.accountId, alice.accountId);
  await refusedWith("channels/bad-group-info", alice.calls.create(between({ context: alone })));
  const channelId = await createDirectMessage(world, [alice, bob]);
  const adding = commitOf(world, alice, { channelId, context, added: [eve.accountId] });
  await refusedWith("channels/bad-claim", adding.run());
  await refusedWith("channels/not-a-member", eve.calls.members(channelId));
});

Deno.test("a direct message has both sides as members before the other one has a leaf", async () => {
  await using world = await openWorld();
  const [alice, bob] = [world.device(), world.device()];
  const context = directMessageContext(alice.accountId, bob.accountId);
  const channelId = await createGroup(world, [alice], { context });
  assert.equal((await bob.calls.groupInfo(channelId)).epoch, 1);
});

Deno.test("create() of a pair's second direct message gives the first's channel, also at once", async () => {
  await using world = await openWorld();
  const [alice, bob] = [world.device(), world.device()];
  const upload = (from: TestDevice, to: TestDevice) =>
    fakeCommit(world.random, {
      channelId: world.random.bytes(32),
      context: directMessageContext(from.accountId, to.accountId),
      added: [to.accountId],
    });
  const [one, other] = await Promise.all([
    alice.calls.create(upload(alice, bob)),
    bob.calls.create(upload(bob, alice)),
  ]);
  assert.deepEqual(one.channelId, other.channelId);
  assert.deepEqual([one.isNew, other.isNew].sort(), [false, true]);
  const again = await alice.calls.create(upload(alice, bob));
  assert.deepEqual([again.channelId, again.isNew], [one.channelId, false]);
  await send(world, bob, { channelId: one.channelId });
});

Deno.test("commit() takes one commit an epoch, and application entries follow it", async () => {
  await using world = await openWorld();
  const [alice, bob] = [world.device(), world.device()];
  const channelId = await createGroup(world, [alice, bob]);
  await send(world, bob, { channelId, epoch: 1 });
  const context = groupContext(alice);
  const commits = [alice, bob].map((device) => commitOf(world, device, { channelId, context }));
  const outcomes = await Promise.allSettled(commits.map(({ run }) => run()));
  assert.deepEqual(outcomes.map(({ status }) => status).sort(), ["fulfilled", "rejected"]);
  const lost = outcomes.find((each) => each.status === "rejected");
  assert.equal(lost?.reason.code, "channels/epoch-taken");
  await refusedWith("channels/epoch-too-old", send(world, bob, { channelId, epoch: 1 }));
  await send(world, bob, { channelId, epoch: 2 });
  await refusedWith(
    "channels/epoch-ahead",
    commitOf(world, alice, { channelId, epoch: 3 }).run(),
  );
  assert.deepEqual(await readAll(world, alice, channelId), [
    "1 commit",
    "2 application",
    "3 commit",
    "4 application",
  ]);
});

Deno.test("commit() again with the same bytes has the same result, also epochs later", async () => {
  await using world = await openWorld();
  const alice = world.device();
  const channelId = await createGroup(world, [alice]);
  const first = commitOf(world, alice, { channelId });
  const result = await first.run();
  await commitOf(world, alice, { channelId, epoch: 2 }).run();
  assert.deepEqual(await first.run(), { ...result, undelivered: [] });
  const changed = { ...first.upload, groupInfo: commitOf(world, alice, { channelId, epoch: 4 }) };
  await refusedWith(
    "channels/bad-group-info",
    alice.calls.commit({
      channelId,
      upload: { ...first.upload, groupInfo: changed.groupInfo.upload.groupInfo },
    }),
  );
});

Deno.test("commit() changes the members by exactly what it says of itself", async () => {
  await using world = await openWorld();
  const [alice, bob, carol, dave] = [
    world.device(),
    world.device(),
    world.device(),
    world.device(),
  ];
  const channelId = await createGroup(world, [alice, bob]);
  const change = (epoch: number, added: TestDevice[], removed: TestDevice[]) =>
    commitOf(world, alice, {
      channelId,
      epoch,
      added: added.map(({ accountId }) => accountId),
      removed: removed.map(({ accountId }) => accountId),
    }).run();
  await change(1, [carol, dave], [bob]);
  const { accounts } = await dave.calls.members(channelId);
  assert.deepEqual(
    accounts.map((id) => id.toHex()).sort(),
    [alice, carol, dave].map(({ accountId }) => accountId.toHex()).sort(),
  );
  await refusedWith("channels/bad-claim", change(2, [carol], []));
  await refusedWith("channels/bad-claim", change(2, [], [bob]));
  await refusedWith("channels/bad-claim", change(2, [], [alice]));
  await refusedWith("channels/bad-claim", change(2, [bob], [bob]));
  const nobody = { ...bob, accountId: world.random.bytes(16) };
  await refusedWith("accounts/unknown", change(2, [nobody], []));
  await change(2, [bob], []);
});

Deno.test("commit() refuses a claim with another entry id, and one that is malformed", async () => {
  await using world = await openWorld();
  const alice = world.device();
  const channelId = await createGroup(world, [alice]);
  const { upload } = commitOf(world, alice, { channelId });
  const other = { ...upload, entryId: world.random.bytes(16) };
  await refusedWith("channels/bad-claim", alice.calls.commit({ channelId, upload: other }));
});

Deno.test("inboxes take Welcomes from accepted commits only, for members only", async () => {
  await using world = await openWorld();
  const [alice, bob, eve] = [world.device(), world.device(), world.device()];
  const channelId = await createGroup(world, [alice]);
  const { incarnation } = world;
  const inboxOf = async (device: TestDevice) =>
    (await device.stub.readInbox({ incarnation, after: 0, countMax: 9 })).head;
  await commitOf(world, alice, { channelId }).run();
  const late = commitOf(world, alice, { channelId, added: [bob.accountId], recipients: [bob] });
  await refusedWith("channels/epoch-taken", late.run());
  const forEve = commitOf(world, alice, {
    channelId,
    epoch: 2,
    added: [bob.accountId],
    recipients: [bob, eve],
  });
  await refusedWith("channels/bad-welcome", forEve.run());
  assert.deepEqual([await inboxOf(bob), await inboxOf(eve)], [0, 0]);
  const tablet = world.device(bob);
  const accepted = commitOf(world, alice, {
    channelId,
    epoch: 2,
    added: [bob.accountId],
    recipients: [bob, tablet],
  });
  await accepted.run();
  await accepted.run();
  assert.deepEqual([await inboxOf(bob), await inboxOf(tablet)], [1, 1]);
});

Deno.test("commit() says which devices got no Welcome: unknown, or with a full inbox", async () => {
  await using world = await openWorld({ limits: { inboxEntriesMax: 1 } });
  const [alice, bob] = [world.device(), world.device()];
  const gone = { accountId: bob.accountId, deviceId: world.random.bytes(16) };
  const recipients = [bob, gone].map(({ accountId, deviceId }) => ({ accountId, deviceId }));
  const undelivered = async () => {
    const upload = fakeCommit(world.random, {
      channelId: world.random.bytes(32),
      context: groupContext(alice),
      added: [bob.accountId],
      recipients,
    });
    return (await alice.calls.create(upload)).undelivered;
  };
  assert.deepEqual(await undelivered(), [gone]);
  assert.deepEqual(await undelivered(), recipients);
  const { incarnation } = world;
  await bob.calls.acknowledge({ incarnation, cursors: [], inboxAfter: 1 });
  assert.deepEqual(await undelivered(), [gone], "what was taken in leaves room");
});

Deno.test("commit() carries 8 MiB of commit, GroupInfo and Welcome, and no more", async () => {
  await using world = await openWorld();
  const [alice, bob] = [world.device(), world.device()];
  const channelId = await createGroup(world, [alice, bob]);
  const bytes = 8_388_608 - 512;
  const big = commitOf(world, alice, { channelId, bytes, welcomeBytes: bytes, recipients: [bob] });
  await big.run();
  const bobs = follow(world, bob);
  await bobs.until("2 commit");
  await bobs.until("welcome 1");
  for (const delivery of bobs.deliveries) {
    if (delivery.kind === "entry" && delivery.entry.sequence === 2) {
      assert.deepEqual(delivery.entry.message, big.upload.message);
    }
    if (delivery.kind === "welcome") assert.equal(delivery.inboxEntry.welcome.length, bytes);
  }
  await bobs.stop();
  const over = commitOf(world, alice, { channelId, epoch: 2, bytes: 8_388_608 });
  await refusedWith("too-large", over.run());
  const [welcome] = big.upload.welcomes;
  assert.ok(welcome !== undefined);
  const two = commitOf(world, alice, { channelId, epoch: 2 }).upload;
  const tablet = world.device(bob);
  const both = [welcome, { ...welcome, recipients: [tablet] }];
  const upload = { ...two, welcomes: both };
  await refusedWith("too-large", alice.calls.commit({ channelId, upload }));
});

Deno.test("commit() leaves admins and kind of a conversation to admins", async () => {
  await using world = await openWorld();
  const [alice, bob] = [world.device(), world.device()];
  const channelId = await createGroup(world, [alice, bob]);
  const seize = groupContext(bob);
  await refusedWith(
    "channels/not-admin",
    commitOf(world, bob, { channelId, context: seize }).run(),
  );
  const both = groupContext(alice, bob);
  await commitOf(world, alice, { channelId, context: both }).run();
  await commitOf(world, bob, { channelId, epoch: 2, context: seize }).run();
  const pair = directMessageContext(alice.accountId, bob.accountId);
  await refusedWith(
    "channels/bad-group-info",
    commitOf(world, bob, { channelId, epoch: 3, context: pair }).run(),
  );
});

Deno.test("commits have a limit of their own that application entries don't touch", async () => {
  await using world = await openWorld({
    limits: { quotaEntries: 1, appendRate: { burst: 1, perMinute: 1 } },
  });
  const [alice, bob] = [world.device(), world.device()];
  const channelId = await createGroup(world, [alice, bob]);
  const context = groupContext(alice);
  await send(world, alice, { channelId });
  let epoch = 1;
  for (; epoch <= 5; epoch++) await commitOf(world, alice, { channelId, epoch }).run();
  const limited = await refusedWith(
    "channels/rate-limited",
    commitOf(world, alice, { channelId, epoch }).run(),
  );
  assert.equal(limited.retryAfterMs, 10_000);
  await refusedWith("channels/epoch-taken", commitOf(world, alice, { channelId, epoch: 5 }).run());
  // Another account's are counted apart: nobody keeps it from removing the one who commits much.
  await commitOf(world, bob, { channelId, epoch, context, removed: [] }).run();
  await world.clock.advance(10_000);
  await commitOf(world, alice, { channelId, epoch: epoch + 1 }).run();
});

Deno.test("commits that are refused are limited, too", async () => {
  await using world = await openWorld({ limits: { commitTryRate: { burst: 3, perMinute: 6 } } });
  const alice = world.device();
  const channelId = await createGroup(world, [alice]);
  const wrong = commitOf(world, alice, { channelId, added: [alice.accountId] });
  for (let tries = 0; tries < 3; tries++) await refusedWith("channels/bad-claim", wrong.run());
  await refusedWith("channels/rate-limited", wrong.run());
  await world.clock.advance(10_000);
  await commitOf(world, alice, { channelId }).run();
});

Deno.test("who always commits first can't take the next epoch from one that lost", async () => {
  await using world = await openWorld();
  const [alice, mallory] = [world.device(), world.device()];
  const channelId = await createGroup(world, [alice, mallory]);
  const context = groupContext(alice);
  await commitOf(world, mallory, { channelId, context, epoch: 1 }).run();
  const removed = [mallory.accountId];
  await refusedWith(
    "channels/epoch-taken",
    commitOf(world, alice, { channelId, epoch: 1, removed }).run(),
  );
  const turn = await refusedWith(
    "channels/commit-turn",
    commitOf(world, mallory, { channelId, context, epoch: 2 }).run(),
  );
  assert.equal(turn.retryAfterMs, 10_000);
  await commitOf(world, alice, { channelId, epoch: 2, removed }).run();
  await refusedWith(
    "channels/not-a-member",
    commitOf(world, mallory, { channelId, context, epoch: 3 }).run(),
  );
});

Deno.test("who loses on purpose holds up the other's removal commit for 10 s, no longer", async () => {
  await using world = await openWorld();
  const [alice, mallory] = [world.device(), world.device()];
  const channelId = await createGroup(world, [alice, mallory]);
  const context = groupContext(alice);
  const lose = () =>
    refusedWith(
      "channels/epoch-taken",
      commitOf(world, mallory, { channelId, context, epoch: 1 }).run(),
    );
  await commitOf(world, alice, { channelId, epoch: 1 }).run();
  for (let second = 0; second < 10; second++) {
    await lose();
    await refusedWith(
      "channels/commit-turn",
      commitOf(world, alice, { channelId, epoch: 2, removed: [mallory.accountId] }).run(),
    );
    await world.clock.advance(1_000);
  }
  await lose();
  await commitOf(world, alice, { channelId, epoch: 2, removed: [mallory.accountId] }).run();
});

Deno.test("a removed member gets the removing commit and then nothing, on every call", async () => {
  await using world = await openWorld();
  const [alice, bob] = [world.device(), world.device()];
  const channelId = await createGroup(world, [alice, bob]);
  await send(world, bob, { channelId });
  const entryId = world.random.bytes(16);
  const mine = await send(world, bob, { channelId, entryId });
  assert.equal(mine, 3);
  await commitOf(world, alice, { channelId, removed: [bob.accountId] }).run();
  await send(world, alice, { channelId, epoch: 2 });
  assert.deepEqual(await readAll(world, bob, channelId), [
    "1 commit",
    "2 application",
    "3 application",
    "4 commit",
  ]);
  const code = "channels/not-a-member";
  await refusedWith(code, send(world, bob, { channelId, epoch: 2 }));
  await refusedWith(code, bob.calls.members(channelId));
  await refusedWith(code, bob.calls.groupInfo(channelId));
  await refusedWith(code, bob.calls.report({ channelId, sequence: 4 }));
  const context = groupContext(alice);
  await refusedWith(code, commitOf(world, bob, { channelId, epoch: 2, context }).run());
  const bobs = follow(world, bob);
  await bobs.until("4 commit");
  assert.equal(bobs.lines(channelId).includes("5 application"), false);
  await bobs.stop();
});

Deno.test("who is added again reads what came before the removal and after the return", async () => {
  await using world = await openWorld();
  const [alice, bob] = [world.device(), world.device()];
  const channelId = await createGroup(world, [alice, bob]);
  const bobs = follow(world, bob);
  await commitOf(world, alice, { channelId, removed: [bob.accountId] }).run();
  await bobs.until("2 commit");
  await send(world, alice, { channelId, epoch: 2 });
  await commitOf(world, alice, { channelId, epoch: 2, added: [bob.accountId] }).run();
  await send(world, alice, { channelId, epoch: 3 });
  const expected = ["1 commit", "2 commit", "gap 3-3 notMember", "4 commit", "5 application"];
  assert.deepEqual(await readAll(world, bob, channelId), expected);
  await bobs.until("5 application");
  const lines = bobs.lines(channelId).filter((line) => !line.startsWith("caught up"));
  assert.deepEqual(lines, expected);
  await bobs.stop();
});

Deno.test("members, channels and groups are bounded", async () => {
  await using world = await openWorld({
    limits: { membersMax: 2, channelsMax: 2, createRate: { burst: 3, perMinute: 1 } },
  });
  const [alice, bob, carol] = [world.device(), world.device(), world.device()];
  const channelId = await createGroup(world, [alice, bob]);
  const adding = commitOf(world, alice, { channelId, added: [carol.accountId] });
  await refusedWith("channels/too-many-members", adding.run());
  await createGroup(world, [alice]);
  await refusedWith("channels/too-many-channels", createGroup(world, [alice]));
  await createGroup(world, [carol]);
  await createGroup(world, [carol]);
  await refusedWith("channels/too-many-channels", createGroup(world, [carol]));
  const dave = world.device();
  const eve = world.device();
  await createGroup(world, [dave]);
  await createGroup(world, [dave]);
  await refusedWith("channels/too-many-channels", createGroup(world, [dave]));
  await createGroup(world, [eve]);
});

Deno.test("create() limits the channels that an account makes", async () => {
  await using world = await openWorld({ limits: { createRate: { burst: 2, perMinute: 6 } } });
  const alice = world.device();
  await createGroup(world, [alice]);
  await createGroup(world, [alice]);
  const limited = await refusedWith("channels/rate-limited", createGroup(world, [alice]));
  await world.clock.advance(limited.retryAfterMs ?? 0);
  await createGroup(world, [alice]);
});

Deno.test("create() refuses cipher suites that the server does not accept", async () => {
  await using world = await openWorld();
  const alice = world.device();
  await refusedWith(
    "mls/unsupported-cipher-suite",
    createGroup(world, [alice], { suite: 0x0003 }),
  );
  const channelId = await createGroup(world, [alice]);
  await refusedWith(
    "channels/bad-group-info",
    commitOf(world, alice, { channelId, suite: 0x0003 }).run(),
  );
});
