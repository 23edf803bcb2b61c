import assert from "node:assert/strict";
import { openMemoryStore } from "@qpq/adapters";
import { encodeKey, type KeyPart, type Store } from "@qpq/ports";
import { fakeCommit, framed } from "./test/messages.ts";
import {
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

/** Parts of keys, as in keys.ts. */
const [MEMBER, ACKNOWLEDGED, REPORT, WELCOME, BODY, ENTRY] = [1, 2, 3, 4, 7, 8];

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Sweeps while the clock stands at this time, its pauses aside. */
async function sweep(world: World): Promise<void> {
  let isDone = false;
  const sweeping = world.channels.sweep().then(() => isDone = true);
  while (!isDone) await world.clock.advance(10);
  await sweeping;
}

/** Lets time pass, then sweeps. */
async function pass(world: World, durationMs: number): Promise<void> {
  await world.clock.advance(durationMs);
  await sweep(world);
}

async function acknowledge(world: World, device: TestDevice, channelId: Uint8Array, after: number) {
  const { incarnation } = world;
  await device.calls.acknowledge({
    incarnation,
    cursors: [{ channelId, after }],
    inboxAfter: 0,
  });
}

Deno.test("sweep() keeps entries for 30 days, and says then which range is gone", async () => {
  await using world = await openWorld();
  const [alice, bob] = [world.device(), world.device()];
  const channelId = await createGroup(world, [alice, bob]);
  for (let count = 0; count < 70; count++) await send(world, alice, { channelId });
  await pass(world, 29 * DAY_MS);
  await send(world, alice, { channelId });
  assert.equal((await readAll(world, bob, channelId)).length, 72);
  await pass(world, DAY_MS);
  assert.deepEqual(await readAll(world, bob, channelId), ["gap 1-71 expired", "72 application"]);
  const bobs = follow(world, bob, { cursors: [{ channelId, after: 10 }] });
  await bobs.until("72 application");
  assert.deepEqual(bobs.lines(channelId).slice(0, 2), ["gap 11-71 expired", "72 application"]);
  await bobs.stop();
  await pass(world, 30 * DAY_MS);
  assert.deepEqual(await readAll(world, bob, channelId), ["gap 1-72 expired"]);
  assert.equal(await send(world, bob, { channelId }), 73);
});

Deno.test("sweep() goes sooner when every device of every member has acknowledged, after a day", async () => {
  await using world = await openWorld();
  const [alice, bob] = [world.device(), world.device()];
  const tablet = world.device(bob);
  const channelId = await createGroup(world, [alice, bob]);
  for (let count = 0; count < 3; count++) await send(world, alice, { channelId });
  await acknowledge(world, alice, channelId, 4);
  await acknowledge(world, bob, channelId, 4);
  await acknowledge(world, tablet, channelId, 3);
  // Never backwards.
  await acknowledge(world, tablet, channelId, 1);
  await pass(world, DAY_MS - HOUR_MS);
  assert.equal((await readAll(world, bob, channelId)).length, 4);
  await pass(world, HOUR_MS);
  assert.deepEqual(await readAll(world, bob, channelId), ["gap 1-3 expired", "4 application"]);
  tablet.revoke();
  await sweep(world);
  assert.deepEqual(await readAll(world, bob, channelId), ["gap 1-4 expired"]);
});

Deno.test("sweep() keeps an acknowledged entry for its own day, also behind older ones", async () => {
  await using world = await openWorld();
  const alice = world.device();
  const channelId = await createGroup(world, [alice]);
  await world.clock.advance(DAY_MS - HOUR_MS);
  await send(world, alice, { channelId });
  await acknowledge(world, alice, channelId, 2);
  await pass(world, HOUR_MS);
  assert.deepEqual(await readAll(world, alice, channelId), ["gap 1-1 expired", "2 application"]);
});

Deno.test("sweep() keeps entry ids 30 days, also of entries that are gone", async () => {
  await using world = await openWorld();
  const alice = world.device();
  const channelId = await createGroup(world, [alice]);
  const entry = {
    channelId,
    entryId: world.random.bytes(16),
    message: framed(world.random, { channelId, epoch: 1 }),
  };
  const first = await alice.calls.append(entry);
  await acknowledge(world, alice, channelId, 2);
  await pass(world, 2 * DAY_MS);
  assert.deepEqual(await readAll(world, alice, channelId), ["gap 1-2 expired"]);
  assert.deepEqual(await alice.calls.append(entry), first);
  await pass(world, 28 * DAY_MS - HOUR_MS);
  assert.deepEqual(await alice.calls.append(entry), first);
  await pass(world, HOUR_MS);
  assert.equal((await alice.calls.append(entry)).sequence, 3);
});

Deno.test("sweep() gives quota back to who sent what is gone", async () => {
  await using world = await openWorld({ limits: { quotaEntries: 2 } });
  const [alice, bob] = [world.device(), world.device()];
  const channelId = await createGroup(world, [alice, bob]);
  await send(world, alice, { channelId });
  await world.clock.advance(DAY_MS);
  await send(world, alice, { channelId });
  await send(world, bob, { channelId });
  await refusedWith("channels/quota-exceeded", send(world, alice, { channelId }));
  await pass(world, 29 * DAY_MS);
  await send(world, alice, { channelId });
  await refusedWith("channels/quota-exceeded", send(world, alice, { channelId }));
  await send(world, bob, { channelId });
  await refusedWith("channels/quota-exceeded", send(world, bob, { channelId }));
});

Deno.test("sweep() lets go of a removed member once its last entry is gone", async () => {
  await using world = await openWorld({ limits: { channelsMax: 1 } });
  const [alice, bob] = [world.device(), world.device()];
  const channelId = await createGroup(world, [alice, bob]);
  const context = groupContext(alice);
  const removed = [bob.accountId];
  const upload = fakeCommit(world.random, { channelId, epoch: 1, context, removed });
  await alice.calls.commit({ channelId, upload });
  await acknowledge(world, bob, channelId, 2);
  assert.equal((await readAll(world, bob, channelId)).length, 2);
  await refusedWith("channels/too-many-channels", createGroup(world, [bob]));
  await pass(world, 30 * DAY_MS);
  await refusedWith("channels/not-a-member", readAll(world, bob, channelId));
  await createGroup(world, [bob]);
  assert.equal(await entriesBelow(world, "log", channelId, ACKNOWLEDGED), 0);
  assert.equal((await alice.calls.members(channelId)).accounts.length, 1);
});

Deno.test("sweep() that was cut short is made up for by the next", async () => {
  await using world = await openWorld({ limits: { channelsMax: 1, sweepEntries: 1 } });
  const [alice, bob] = [world.device(), world.device()];
  const channelId = await createGroup(world, [alice, bob]);
  const [context, removed] = [groupContext(alice), [bob.accountId]];
  const upload = fakeCommit(world.random, { channelId, epoch: 1, context, removed });
  await alice.calls.commit({ channelId, upload });
  await world.clock.advance(30 * DAY_MS);
  const stop = new AbortController();
  const cutShort = assert.rejects(world.channels.sweep(stop.signal));
  while (await entriesBelow(world, "log", channelId, ENTRY) > 0) await world.clock.advance(10);
  stop.abort(new Error("stopped"));
  await cutShort;
  await refusedWith("channels/too-many-channels", createGroup(world, [bob]));
  await sweep(world);
  await createGroup(world, [bob]);
});

Deno.test("sweep() has others have their turn, also where there is nothing to let go of", async () => {
  const inner = openMemoryStore();
  let uses = 0;
  const store: Store = {
    ...{ closed: inner.closed, watch: inner.watch.bind(inner), close: inner.close.bind(inner) },
    [Symbol.asyncDispose]: () => inner.close(),
    snapshot: (fn) => (uses++, inner.snapshot(fn)),
    transaction: (fn, options) => (uses++, inner.transaction(fn, options)),
  };
  await using world = await openWorld({ store });
  const alice = world.device();
  for (let count = 0; count < 10; count++) await createGroup(world, [alice]);
  const channelId = await createGroup(world, [alice]);
  for (let count = 0; count < 1_400; count++) await send(world, alice, { channelId });
  uses = 0;
  let isDone = false;
  const sweeping = world.channels.sweep().then(() => isDone = true);
  let most = 0;
  while (!isDone) {
    // Everything that it does without a pause.
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setTimeout(resolve, 0));
    most = Math.max(most, uses);
    uses = 0;
    await world.clock.advance(10);
  }
  await sweeping;
  most = Math.max(most, uses);
  assert.ok(most <= 8, `${most} looks without a pause`);
});

Deno.test("sweep() empties inboxes, and drops a Welcome with the last that points to it", async () => {
  await using world = await openWorld();
  const [alice, bob] = [world.device(), world.device()];
  const tablet = world.device(bob);
  const channelId = await createGroup(world, [alice, bob], { recipients: [bob, tablet] });
  const { incarnation } = world;
  const welcomes = (): Promise<number> => entriesBelow(world, "log", channelId, WELCOME);
  assert.equal(await welcomes(), 2);
  await bob.calls.acknowledge({ incarnation, cursors: [], inboxAfter: 1 });
  await pass(world, DAY_MS);
  const inbox = await bob.stub.readInbox({ incarnation, after: 0, countMax: 9 });
  assert.deepEqual(inbox.gap, { from: 1, to: 1, reason: "expired" });
  await refusedWith("channels/bad-cursor", bob.stub.welcome({ incarnation, sequence: 1 }));
  assert.equal((await tablet.stub.welcome({ incarnation, sequence: 1 })).welcome.length, 100);
  await pass(world, 29 * DAY_MS);
  await refusedWith("channels/bad-cursor", tablet.stub.welcome({ incarnation, sequence: 1 }));
  assert.equal(await welcomes(), 0);
});

Deno.test("forgetDevices() deletes the inboxes of revoked devices, and their Welcomes", async () => {
  await using world = await openWorld();
  const [alice, bob] = [world.device(), world.device()];
  const tablet = world.device(bob);
  const channelId = await createGroup(world, [alice, bob], { recipients: [bob, tablet] });
  const forget = (devices?: readonly Uint8Array[]) =>
    world.store.transaction((transaction) =>
      world.channels.forgetDevices(transaction, bob.accountId, devices)
    );
  await forget([tablet.deviceId]);
  await sweep(world);
  assert.equal(await entriesBelow(world, "inbox", bob.accountId, tablet.deviceId), 0);
  assert.equal(await entriesBelow(world, "inbox", bob.accountId, bob.deviceId), 2);
  await forget();
  await sweep(world);
  assert.equal(await entriesBelow(world, "inbox"), 0);
  assert.equal(await entriesBelow(world, "log", channelId, WELCOME), 0);
});

Deno.test("forgetDevices() is done with a few writes, whatever an inbox holds; the sweep takes its time", async () => {
  await using world = await openWorld({ limits: { commitRate: { burst: 99, perMinute: 1 } } });
  const [alice, bob] = [world.device(), world.device()];
  const channelId = await createGroup(world, [alice, bob]);
  const context = groupContext(alice);
  for (let epoch = 1; epoch <= 40; epoch++) {
    const upload = fakeCommit(world.random, { channelId, epoch, context, recipients: [bob] });
    await alice.calls.commit({ channelId, upload });
  }
  let writesMost = 0;
  const watch = world.store.watch(encodeKey("channels"), (keys) => {
    writesMost = Math.max(writesMost, keys.length);
  });
  await world.store.transaction((transaction) =>
    world.channels.forgetDevices(transaction, bob.accountId)
  );
  assert.equal(writesMost, 1);
  await sweep(world);
  assert.equal(await entriesBelow(world, "inbox"), 0);
  // Of each: the entry, the Welcome in two records, and who points to it.
  assert.ok(writesMost <= 4 * 32 + 1, `${writesMost} writes in one transaction`);
  watch.close();
});

Deno.test("sweep() takes no more than one large commit, or Welcome, at a time", async () => {
  const bytes = 5_000_000;
  await using world = await openWorld();
  const [alice, bob] = [world.device(), world.device()];
  const large = { bytes, welcomeBytes: bytes, recipients: [bob] };
  const channelId = await createGroup(world, [alice, bob], large);
  const context = groupContext(alice);
  const upload = fakeCommit(world.random, { channelId, epoch: 1, context, ...large });
  await alice.calls.commit({ channelId, upload });
  const chunks = Math.ceil(bytes / 262_144);
  let writesMost = 0;
  const watch = world.store.watch(encodeKey("channels"), (keys) => {
    writesMost = Math.max(writesMost, keys.length);
  });
  await pass(world, 30 * DAY_MS);
  watch.close();
  for (const part of [BODY, WELCOME]) {
    assert.equal(await entriesBelow(world, "log", channelId, part), 0);
  }
  assert.ok(writesMost < 2 * chunks, `${writesMost} writes in one transaction`);
});

Deno.test("sweep() takes large commits with it, in small transactions", async () => {
  let writesMost = 0;
  await using world = await openWorld();
  const alice = world.device();
  const channelId = await createGroup(world, [alice], { bytes: 1_000_000 });
  assert.equal(await entriesBelow(world, "log", channelId, BODY), 5);
  for (let count = 0; count < 100; count++) await send(world, alice, { channelId });
  const watch = world.store.watch(encodeKey("channels", "log", channelId), (keys) => {
    writesMost = Math.max(writesMost, keys.length);
  });
  await pass(world, 30 * DAY_MS);
  watch.close();
  assert.deepEqual(await readAll(world, alice, channelId), ["gap 1-101 expired"]);
  assert.equal(await entriesBelow(world, "log", channelId, BODY), 0);
  assert.ok(writesMost > 0 && writesMost <= 48, `${writesMost} writes in one transaction`);
});

Deno.test("sweep() leaves no record of who was removed, nor of reports of earlier commits", async () => {
  await using world = await openWorld();
  const [alice, bob] = [world.device(), world.device()];
  const channelId = await createGroup(world, [alice, bob]);
  const context = groupContext(alice);
  const commit = async (epoch: number, more = {}) => {
    const upload = fakeCommit(world.random, { channelId, epoch, context, ...more });
    await alice.calls.commit({ channelId, upload });
  };
  await bob.calls.report({ channelId, sequence: 1 });
  await commit(1);
  await alice.calls.report({ channelId, sequence: 2 });
  await sweep(world);
  assert.equal(await entriesBelow(world, "log", channelId, REPORT), 1);
  assert.equal((await alice.calls.members(channelId)).reports, 1);
  await commit(2, { removed: [bob.accountId] });
  assert.equal(await entriesBelow(world, "account", bob.accountId, channelId), 1);
  await pass(world, 29 * DAY_MS);
  assert.equal((await readAll(world, bob, channelId)).length, 3);
  await pass(world, DAY_MS);
  assert.equal(await entriesBelow(world, "account", bob.accountId, channelId), 0);
  assert.equal(await entriesBelow(world, "log", channelId, MEMBER), 1);
  assert.equal(await entriesBelow(world, "log", channelId, REPORT), 0);
});

Deno.test("sweep() keeps a Welcome for a day after it was acknowledged; acknowledging never goes back", async () => {
  await using world = await openWorld();
  const [alice, bob] = [world.device(), world.device()];
  await createGroup(world, [alice, bob], { recipients: [bob] });
  await createGroup(world, [alice, bob], { recipients: [bob] });
  const { incarnation } = world;
  await bob.calls.acknowledge({ incarnation, cursors: [], inboxAfter: 2 });
  await bob.calls.acknowledge({ incarnation, cursors: [], inboxAfter: 1 });
  await pass(world, DAY_MS - HOUR_MS);
  assert.equal(await entriesBelow(world, "inbox", bob.accountId), 3);
  await pass(world, HOUR_MS);
  assert.equal(await entriesBelow(world, "inbox", bob.accountId), 1);
  const bobs = follow(world, bob);
  await bobs.until("inbox gap 1-2");
  await bobs.stop();
});

Deno.test("sweep() gives quota back to those, too, who are not among the last that sent", async () => {
  await using world = await openWorld({ limits: { quotaEntries: 1 } });
  const devices = Array.from({ length: 10 }, () => world.device());
  const [first] = devices as [TestDevice];
  const channelId = await createGroup(world, devices as [TestDevice, ...TestDevice[]]);
  for (const device of devices) await send(world, device, { channelId });
  await refusedWith("channels/quota-exceeded", send(world, first, { channelId }));
  await pass(world, 30 * DAY_MS);
  for (const device of devices) await send(world, device, { channelId });
  await refusedWith("channels/quota-exceeded", send(world, first, { channelId }));
});

Deno.test("sweep() leaves no hole when the clock has gone back", async () => {
  await using world = await openWorld();
  const alice = world.device();
  await world.clock.advance(10 * DAY_MS);
  const channelId = await createGroup(world, [alice]);
  const { now } = world.clock;
  Object.assign(world.clock, { now: () => now() - 10 * DAY_MS });
  await send(world, alice, { channelId });
  Object.assign(world.clock, { now });
  await pass(world, 20 * DAY_MS);
  assert.deepEqual(await readAll(world, alice, channelId), ["1 commit", "2 application"]);
});

Deno.test("an inbox has room again when what nobody took is swept; Welcomes for nobody are not kept", async () => {
  await using world = await openWorld({ limits: { inboxEntriesMax: 1 } });
  const [alice, bob] = [world.device(), world.device()];
  const undelivered = async () => {
    const context = groupContext(alice);
    const added = [bob.accountId];
    const channelId = world.random.bytes(32);
    const upload = fakeCommit(world.random, { channelId, context, added, recipients: [bob] });
    const { length } = (await alice.calls.create(upload)).undelivered;
    assert.equal(await entriesBelow(world, "log", channelId, WELCOME), 2 - 2 * length);
    return length;
  };
  assert.deepEqual([await undelivered(), await undelivered()], [0, 1]);
  await pass(world, 30 * DAY_MS);
  assert.equal(await undelivered(), 0);
});

async function entriesBelow(world: World, ...parts: readonly KeyPart[]) {
  const prefix = encodeKey("channels", ...parts);
  return (await world.store.snapshot((reader) => reader.range({ prefix }))).entries.length;
}
