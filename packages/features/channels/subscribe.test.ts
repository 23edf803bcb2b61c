import assert from "node:assert/strict";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { openMemoryStore, runningTwice } from "@qpq/adapters";
import { decodeKey, type Store } from "@qpq/ports";
import type { ChannelsSubscribeResults, Entry } from "./channels.gen.ts";
import { ChannelHub } from "./hub.ts";
import { fakeCommit } from "./test/messages.ts";
import {
  createGroup,
  follow,
  groupContext,
  openWorld,
  readAll,
  refusedWith,
  send,
} from "./test/world.ts";

/** The last part of the prefix of a channel's entries, as in keys.ts. */
const ENTRY = 8;

Deno.test("subscribe() sends what is behind the cursors, then what comes, in order", async () => {
  await using world = await openWorld();
  const [alice, bob] = [world.device(), world.device()];
  const channelId = await createGroup(world, [alice, bob]);
  for (let count = 0; count < 5; count++) await send(world, alice, { channelId });
  const all = follow(world, bob);
  const some = follow(world, bob, { cursors: [{ channelId, after: 4 }] });
  await all.until("caught up 6");
  await some.until("caught up 6");
  for (let count = 0; count < 3; count++) await send(world, alice, { channelId });
  await all.until("9 application");
  await some.until("9 application");
  const live = ["caught up 6", "7 application", "8 application", "9 application"];
  assert.deepEqual(some.lines(channelId), ["5 application", "6 application", ...live]);
  assert.equal(all.lines(channelId).length, 10);
  assert.deepEqual(all.deliveries.at(-1)?.kind, "entry");
  await Promise.all([all.stop(), some.stop()]);
});

Deno.test("subscribe() carries all channels of the account and its inbox on one stream", async () => {
  await using world = await openWorld();
  const [alice, bob] = [world.device(), world.device()];
  const bobs = follow(world, bob);
  await bobs.until("inbox caught up 0");
  const channels = [];
  for (let index = 0; index < 3; index++) {
    const channelId = world.random.bytes(32);
    await alice.calls.create(fakeCommit(world.random, {
      channelId,
      context: groupContext(alice),
      added: [bob.accountId],
      recipients: [bob],
    }));
    await send(world, alice, { channelId });
    channels.push(channelId);
  }
  await bobs.until("welcome 3");
  const { lines } = bobs;
  for (const channelId of channels) {
    await until(() => lines(channelId).includes("2 application"));
    assert.deepEqual(lines(channelId).filter((line) => !line.startsWith("caught")), [
      "1 commit",
      "2 application",
    ]);
  }
  await bobs.stop();
});

Deno.test("subscribe() gives a removed member the removing commit, then nothing, while it runs", async () => {
  await using world = await openWorld();
  const [alice, bob] = [world.device(), world.device()];
  const channelId = await createGroup(world, [alice, bob]);
  const other = await createGroup(world, [alice, bob]);
  const bobs = follow(world, bob);
  await until(() => bobs.lines().filter((line) => line === "caught up 1").length === 2);
  const context = groupContext(alice);
  const upload = fakeCommit(world.random, {
    channelId,
    epoch: 1,
    context,
    removed: [bob.accountId],
  });
  await send(world, alice, { channelId });
  await alice.calls.commit({ channelId, upload });
  await Promise.all(
    Array.from({ length: 20 }, () => send(world, alice, { channelId, epoch: 2 })),
  );
  await send(world, alice, { channelId: other });
  await until(() => bobs.lines(other).includes("2 application"));
  assert.deepEqual(bobs.lines(channelId), [
    "1 commit",
    "caught up 1",
    "2 application",
    "3 commit",
  ]);
  await bobs.stop();
});

Deno.test("subscribe() tells a stranger nothing, live or not", async () => {
  await using world = await openWorld();
  const [alice, eve] = [world.device(), world.device()];
  const channelId = await createGroup(world, [alice]);
  const cursors = [{ channelId, after: 0 }, { channelId: world.random.bytes(32), after: 0 }];
  const eves = follow(world, eve, { cursors });
  await until(() => eves.lines().filter((line) => line === "not a member").length === 2);
  await send(world, alice, { channelId });
  await send(world, alice, { channelId });
  assert.deepEqual(eves.lines(channelId), ["not a member"]);
  await eves.stop();
});

Deno.test("subscribe() holds nothing for channels that are not the account's", async () => {
  const counted = countingReads(openMemoryStore());
  await using world = await openWorld({ store: counted.store });
  const [alice, eve] = [world.device(), world.device()];
  await createGroup(world, [eve]);
  const own = follow(world, eve);
  await own.until("all caught up");
  const watched = counted.watches;
  await own.stop();
  await until(() => counted.watches === 0);
  const channelId = await createGroup(world, [alice]);
  const others = Array.from({ length: 1_200 }, () => world.random.bytes(32));
  const cursors = [channelId, ...others].map((id) => ({ channelId: id, after: 7 }));
  const eves = follow(world, eve, { cursors });
  await eves.until("all caught up");
  assert.equal(counted.watches, watched);
  const told = eves.deliveries.filter(({ kind }) => kind === "not-a-member").length;
  assert.equal(told, cursors.length);
  assert.equal(eves.lines().at(-1), "all caught up");
  await eves.stop();
});

Deno.test("subscribe() ends when the device is revoked", async () => {
  await using world = await openWorld();
  const [alice, bob] = [world.device(), world.device()];
  const channelId = await createGroup(world, [alice, bob]);
  const bobs = follow(world, bob);
  await bobs.until("caught up 1");
  bob.revoke();
  await refusedWith("devices/revoked", async () => {
    throw await bobs.ended;
  });
  await refusedWith("devices/revoked", send(world, bob, { channelId }));
});

Deno.test("subscribe() is bounded for each device: the newest ends the oldest", async () => {
  await using world = await openWorld({ limits: { subscriptionsMax: 2 } });
  const alice = world.device();
  const open = [follow(world, alice), follow(world, alice)];
  for (const each of open) await each.until("inbox caught up 0");
  assert.equal(world.channels.subscriptions, 2);
  const newest = follow(world, alice);
  await newest.until("inbox caught up 0");
  await refusedWith("channels/subscription-replaced", async () => {
    throw await open[0]?.ended;
  });
  assert.equal(world.channels.subscriptions, 2);
  const channelId = await createGroup(world, [alice]);
  await Promise.all([open[1], newest].map((each) => each?.until("1 commit")));
  await send(world, alice, { channelId });
  await Promise.all([open[1], newest].map((each) => each?.until("2 application")));
  assert.deepEqual(open[0]?.lines(channelId), []);
  await Promise.all([newest.stop(), open[1]?.stop()]);
  await until(() => world.channels.subscriptions === 0);
});

Deno.test("subscribe() lets go of a replaced subscription that nobody reads", async () => {
  const counted = countingReads(runningTwice(openMemoryStore()));
  await using world = await openWorld({ limits: { subscriptionsMax: 1 }, store: counted.store });
  const alice = world.device();
  await createGroup(world, [alice]);
  const bound = world.channels.methods.find(({ method }) => method.name === "channels/subscribe");
  const params = { incarnation: world.incarnation, cursors: [], inboxAfter: 0 };
  const stop = new AbortController();
  const open = (): AsyncIterator<object> =>
    (bound?.handler(params, alice, stop.signal) as AsyncIterable<object>)[Symbol.asyncIterator]();
  const dead = open();
  await dead.next();
  const watched = counted.watches;
  const live = open();
  await live.next();
  // The newer one watches as much: nothing of the older one is left.
  assert.equal(counted.watches, watched);
  await refusedWith("channels/subscription-replaced", dead.next());
  stop.abort();
  assert.equal((await live.next()).done, true);
  assert.equal(counted.watches, 0);
});

Deno.test("subscribe() refuses a cursor beyond the end, and one of another incarnation", async () => {
  await using world = await openWorld();
  const alice = world.device();
  const channelId = await createGroup(world, [alice]);
  const beyond = follow(world, alice, { cursors: [{ channelId, after: 2 }] });
  await refusedWith("channels/bad-cursor", async () => {
    throw await beyond.ended;
  });
  const beyondInbox = follow(world, alice, { inboxAfter: 1 });
  await refusedWith("channels/bad-cursor", async () => {
    throw await beyondInbox.ended;
  });
  const incarnation = world.random.bytes(16);
  const cursor = { channelId, after: 0 };
  const old = { ...world, incarnation };
  await refusedWith("channels/incarnation-changed", async () => {
    throw await follow(old, alice).ended;
  });
  const code = "channels/incarnation-changed";
  await refusedWith(code, alice.calls.read({ incarnation, cursor }));
  await refusedWith(code, alice.calls.acknowledge({ incarnation, cursors: [], inboxAfter: 0 }));
  await refusedWith(code, alice.stub.readInbox({ incarnation, after: 0, countMax: 1 }));
  await refusedWith(code, alice.stub.welcome({ incarnation, sequence: 1 }));
});

Deno.test("subscribe() reads no further ahead for one who does not read: under 256 KiB", async () => {
  const counted = countingReads(runningTwice(openMemoryStore()));
  await using world = await openWorld({ store: counted.store });
  const [alice, bob] = [world.device(), world.device()];
  const channelId = await createGroup(world, [alice, bob]);
  for (let count = 0; count < 60; count++) await send(world, alice, { channelId, bytes: 60_000 });
  const { incarnation } = world;
  const cursors = [{ channelId, after: 0 }];
  const stream = bob.stub.subscribe({ incarnation, cursors, inboxAfter: 0 })
    [Symbol.asyncIterator]();
  let entries = 0;
  const readFrame = async (): Promise<void> => {
    const { value } = await stream.next();
    for (const event of value?.channels ?? []) {
      if (event.kind === "entries") entries += event.entries.length;
    }
  };
  await readFrame();
  counted.reset();
  // Nobody reads: the server makes what fits into buffers, then waits.
  await quiet(() => counted.entryBytes);
  const buffers = 256 * 1024 + 2 * 64 * 1024;
  assert.ok(counted.entryBytes < buffers, `${counted.entryBytes} bytes were read ahead`);
  await send(world, alice, { channelId });
  while (entries < 62) await readFrame();
  await stream.return?.();
});

Deno.test("subscribe() holds no frame that was sent while nothing follows it", async () => {
  await using world = await openWorld();
  const alice = world.device();
  const channelId = await createGroup(world, [alice]);
  await send(world, alice, { channelId, bytes: 60_000 });
  const bound = world.channels.methods.find(({ method }) => method.name === "channels/subscribe");
  const { incarnation } = world;
  const params = { incarnation, cursors: [], inboxAfter: 0 };
  const stop = new AbortController();
  const frames = bound?.handler(params, alice, stop.signal) as AsyncIterable<object>;
  const iterator = frames[Symbol.asyncIterator]();
  const first = await (async () => new WeakRef((await iterator.next()).value as object))();
  const next = iterator.next();
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  for (let turn = 0; turn < 20 && first.deref() !== undefined; turn++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    collect();
  }
  assert.equal(first.deref(), undefined);
  stop.abort();
  assert.equal((await next).done, true);
});

Deno.test("subscribe() keeps every frame small, also when large entries follow small ones", async () => {
  await using world = await openWorld();
  const [alice, bob] = [world.device(), world.device()];
  const channelId = await createGroup(world, [alice, bob]);
  for (let count = 0; count < 130; count++) await send(world, alice, { channelId, bytes: 1 });
  for (let count = 0; count < 12; count++) await send(world, alice, { channelId, bytes: 65_000 });
  const { incarnation } = world;
  const cursors = [{ channelId, after: 0 }];
  let entries = 0;
  for await (const frame of bob.stub.subscribe({ incarnation, cursors, inboxAfter: 0 })) {
    let bytes = 0;
    for (const event of frame.channels) {
      if (event.kind !== "entries") continue;
      entries += event.entries.length;
      for (const { message } of event.entries) bytes += message.length;
    }
    assert.ok(bytes <= 163_840, `a frame carries ${bytes} bytes`);
    if (entries === 143) break;
  }
});

Deno.test("subscribe() reads a fresh entry from memory, whatever the number of followers", async () => {
  const counted = countingReads(openMemoryStore());
  await using world = await openWorld({ store: counted.store });
  const [alice, bob] = [world.device(), world.device()];
  const channelId = await createGroup(world, [alice, bob]);
  const all = [];
  for (let count = 0; count < 8; count++) {
    all.push(follow(world, world.device(bob)));
  }
  for (const each of all) await each.until("caught up 1");
  counted.reset();
  for (let count = 0; count < 5; count++) await send(world, alice, { channelId, bytes: 1_000 });
  for (const each of all) await each.until("6 application");
  assert.equal(counted.entryBytes, 0);
  await Promise.all(all.map((each) => each.stop()));
});

Deno.test("followers fall back to the log when fresh entries are not in memory", async () => {
  await using world = await openWorld({ limits: { freshBytesMax: 0 } });
  const [alice, bob] = [world.device(), world.device()];
  const channelId = await createGroup(world, [alice, bob]);
  const bobs = follow(world, bob);
  await bobs.until("caught up 1");
  for (let count = 0; count < 20; count++) await send(world, alice, { channelId });
  await bobs.until("21 application");
  assert.equal(bobs.lines(channelId).length, 22);
  assert.equal((await readAll(world, bob, channelId)).length, 21);
  await bobs.stop();
});

Deno.test("subscribe() keeps every frame small, of what comes and of the inbox, too", async () => {
  await using world = await openWorld();
  const [alice, bob] = [world.device(), world.device()];
  const channelId = await createGroup(world, [alice, bob]);
  const bound = world.channels.methods.find(({ method }) => method.name === "channels/subscribe");
  const stop = new AbortController();
  const params = { incarnation: world.incarnation, cursors: [], inboxAfter: 0 };
  const frames = (bound?.handler(params, bob, stop.signal) as AsyncIterable<
    ChannelsSubscribeResults
  >)[Symbol.asyncIterator]();
  let sent = 0;
  let welcomed = 0;
  const readFrame = async (): Promise<void> => {
    const { value } = await frames.next();
    let bytes = 0;
    for (const event of value?.channels ?? []) {
      if (event.kind !== "entries" || event.channelId.toHex() !== channelId.toHex()) continue;
      sent += event.entries.length;
      for (const { message } of event.entries) bytes += message.length;
    }
    for (const event of value?.inbox ?? []) {
      if (event.kind !== "entries") continue;
      welcomed += event.entries.length;
      for (const { welcome } of event.entries) bytes += welcome.length;
    }
    assert.ok(bytes <= 163_840, `a frame carries ${bytes} bytes`);
  };
  await readFrame();
  // From memory: it follows, and does not read.
  for (let count = 0; count < 6; count++) await send(world, alice, { channelId, bytes: 60_000 });
  while (sent < 7) await readFrame();
  const large = { recipients: [bob], welcomeBytes: 60_000 };
  for (let count = 0; count < 6; count++) await createGroup(world, [alice, bob], large);
  while (welcomed < 6) await readFrame();
  stop.abort();
});

Deno.test("subscribe() lets go of a channel that the account was removed from", async () => {
  const counted = countingReads(openMemoryStore());
  await using world = await openWorld({ store: counted.store });
  const [alice, bob] = [world.device(), world.device()];
  const bobs = follow(world, bob);
  await bobs.until("all caught up");
  const watched = counted.watches;
  const channelId = await createGroup(world, [alice, bob]);
  await bobs.until("1 commit");
  assert.equal(counted.watches, watched + 1);
  const removed = [bob.accountId];
  const context = groupContext(alice);
  const upload = fakeCommit(world.random, { channelId, epoch: 1, context, removed });
  await alice.calls.commit({ channelId, upload });
  await bobs.until("2 commit");
  await until(() => counted.watches === watched);
  // Now, and later.
  const again = follow(world, bob);
  await again.until("all caught up");
  assert.deepEqual(again.lines(channelId), ["1 commit", "2 commit", "caught up 2"]);
  assert.equal(again.lines().filter((line) => line === "all caught up").length, 1);
  await Promise.all([bobs.stop(), again.stop()]);
});

Deno.test("subscribe() says that all was sent behind the inbox, and once", async () => {
  await using world = await openWorld();
  const [alice, bob] = [world.device(), world.device()];
  const large = { recipients: [bob], welcomeBytes: 60_000 };
  for (let count = 0; count < 6; count++) await createGroup(world, [alice, bob], large);
  const bobs = follow(world, bob);
  await bobs.until("all caught up");
  const lines = bobs.lines();
  assert.ok(lines.indexOf("all caught up") > lines.indexOf("inbox caught up 6"));
  const channelId = await createGroup(world, [alice, bob]);
  await send(world, alice, { channelId });
  await bobs.until("2 application");
  assert.equal(bobs.lines().filter((line) => line === "all caught up").length, 1);
  await bobs.stop();
});

Deno.test("ChannelHub keeps fresh entries within its bytes, oldest out first, while somebody follows", () => {
  const watch = { close: () => {} };
  const hub = new ChannelHub({ watch: () => watch } as unknown as Store, { freshBytesMax: 2_000 });
  const channelId = new Uint8Array(16);
  const entry = (sequence: number): Entry => ({
    sequence,
    kind: "application",
    acceptedAtMs: 0,
    entryId: new Uint8Array(16),
    message: new Uint8Array(500),
    messageBytes: 500,
  });
  hub.offer(channelId, entry(1));
  assert.equal(hub.freshBytes, 0);
  const followed = hub.follow(channelId);
  for (let sequence = 2; sequence < 50; sequence++) {
    hub.offer(channelId, entry(sequence));
    assert.ok(hub.freshBytes <= 2_000);
  }
  assert.equal(followed.fresh(49)?.sequence, 49);
  assert.equal(followed.fresh(40), undefined);
  followed[Symbol.dispose]();
  assert.equal(hub.follow(channelId).fresh(49), undefined);
});

async function until(isSo: () => boolean): Promise<void> {
  const timeout = AbortSignal.timeout(60_000);
  while (!isSo()) {
    if (timeout.aborted) throw new Error("it never came");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Waits until a number stands still. */
async function quiet(read: () => number): Promise<void> {
  for (let same = 0, last = read(); same < 10; same = read() === last ? same + 1 : 0) {
    last = read();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Counts the bytes of entries that ranges of snapshots give. */
function countingReads(store: Store) {
  const counted = {
    entryBytes: 0,
    watches: 0,
    reset: () => void (counted.entryBytes = 0),
    store: {
      closed: store.closed,
      transaction: (fn, options) => store.transaction(fn, options),
      snapshot: (fn) =>
        store.snapshot((reader) =>
          fn({
            get: (key) => reader.get(key),
            range: async (options) => {
              const page = await reader.range(options);
              const isLog = decodeKey(options.prefix).at(-1) === ENTRY;
              for (const { value } of isLog ? page.entries : []) counted.entryBytes += value.length;
              return page;
            },
          })
        ),
      watch: (prefix, onChange) => {
        counted.watches++;
        const watch = store.watch(prefix, onChange);
        return {
          close: () => {
            counted.watches--;
            watch.close();
          },
        };
      },
      close: () => store.close(),
      [Symbol.asyncDispose]: () => store.close(),
    } satisfies Store as Store,
  };
  return counted;
}
