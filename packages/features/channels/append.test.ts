import assert from "node:assert/strict";
import { MemoryDisk, openMemoryStore } from "@qpq/adapters";
import { encodeMessage } from "../../mls/wire/framing.ts";
import { framed } from "./test/messages.ts";
import { createGroup, follow, openWorld, readAll, refusedWith, send } from "./test/world.ts";

Deno.test("append() numbers entries 1, 2, 3 … without holes, also concurrent ones", async () => {
  await using world = await openWorld();
  const [alice, bob] = [world.device(), world.device()];
  const channelId = await createGroup(world, [alice, bob]);
  const sequences = await Promise.all(
    Array.from({ length: 40 }, (_, index) => send(world, index % 2 ? alice : bob, { channelId })),
  );
  assert.deepEqual(
    sequences.toSorted((one, other) => one - other),
    Array.from({ length: 40 }, (_, index) => index + 2),
  );
  assert.deepEqual((await readAll(world, bob, channelId)).length, 41);
  for (let more = 0; more < 90; more++) await send(world, alice, { channelId });
  const { incarnation } = world;
  const cursor = { channelId, after: 0 };
  const page = await bob.calls.read({ incarnation, cursor, countMax: 65_535 });
  assert.deepEqual([page.entries.length, page.head], [128, 131]);
});

Deno.test("append() returns the first result for the same entry id and bytes", async () => {
  await using world = await openWorld();
  const alice = world.device();
  const channelId = await createGroup(world, [alice]);
  const entry = {
    channelId,
    entryId: world.random.bytes(16),
    message: framed(world.random, { channelId, epoch: 1 }),
  };
  const first = await alice.calls.append(entry);
  world.clock.advance(1_000);
  await send(world, alice, { channelId });
  const together = await Promise.all([alice.calls.append(entry), alice.calls.append(entry)]);
  assert.deepEqual(together, [first, first]);
  assert.equal((await readAll(world, alice, channelId)).length, 3);
});

Deno.test("append() refuses an entry id that stands for other bytes of the same device", async () => {
  await using world = await openWorld();
  const alice = world.device();
  const channelId = await createGroup(world, [alice]);
  const entryId = world.random.bytes(16);
  await send(world, alice, { channelId, entryId });
  await refusedWith("channels/entry-id-reused", () => send(world, alice, { channelId, entryId }));
  const other = await createGroup(world, [alice]);
  await refusedWith(
    "channels/entry-id-reused",
    () => send(world, alice, { channelId: other, entryId }),
  );
});

Deno.test("append() keeps entry ids of two devices apart", async () => {
  await using world = await openWorld();
  const alice = world.device();
  const [tablet, bob] = [world.device(alice), world.device()];
  const channelId = await createGroup(world, [alice, bob]);
  const entryId = world.random.bytes(16);
  const sequences = [];
  for (const device of [alice, tablet, bob]) {
    sequences.push(await send(world, device, { channelId, entryId }));
  }
  assert.deepEqual(sequences, [2, 3, 4]);
});

Deno.test("append() checks entry id, then epoch, then rate and quota", async () => {
  await using world = await openWorld({
    limits: { quotaEntries: 2, appendRate: { burst: 3, perMinute: 1 } },
  });
  const alice = world.device();
  const channelId = await createGroup(world, [alice]);
  const entry = {
    channelId,
    entryId: world.random.bytes(16),
    message: framed(world.random, { channelId, epoch: 1 }),
  };
  await alice.calls.append(entry);
  await send(world, alice, { channelId });
  const full = await refusedWith(
    "channels/quota-exceeded",
    () => send(world, alice, { channelId }),
  );
  assert.ok((full.retryAfterMs ?? 0) > 0);
  await refusedWith("channels/epoch-ahead", () => send(world, alice, { channelId, epoch: 2 }));
  await refusedWith("channels/epoch-too-old", () => send(world, alice, { channelId, epoch: 0 }));
  assert.equal((await alice.calls.append(entry)).sequence, 2);
});

Deno.test("append() limits what an account sends a minute; refusals and retries cost nothing", async () => {
  await using world = await openWorld({ limits: { appendRate: { burst: 3, perMinute: 6 } } });
  const [alice, bob] = [world.device(), world.device()];
  const channelId = await createGroup(world, [alice, bob]);
  const entryId = world.random.bytes(16);
  const message = framed(world.random, { channelId, epoch: 1 });
  for (let again = 0; again < 5; again++) await alice.calls.append({ channelId, entryId, message });
  for (let again = 0; again < 5; again++) {
    await refusedWith("channels/epoch-too-old", () => send(world, alice, { channelId, epoch: 0 }));
  }
  await send(world, alice, { channelId });
  await send(world, alice, { channelId });
  const tablet = world.device(alice);
  const limited = await refusedWith(
    "channels/rate-limited",
    () => send(world, tablet, { channelId }),
  );
  // The epoch comes first: who is late learns it, however much it has sent.
  await refusedWith("channels/epoch-too-old", send(world, tablet, { channelId, epoch: 0 }));
  await send(world, bob, { channelId });
  await world.clock.advance(limited.retryAfterMs ?? 0);
  await send(world, tablet, { channelId });
});

Deno.test("append() bounds the bytes that an account keeps in a channel", async () => {
  await using world = await openWorld({ limits: { quotaBytes: 1_500 } });
  const [alice, bob] = [world.device(), world.device()];
  const channelId = await createGroup(world, [alice, bob]);
  await send(world, alice, { channelId, bytes: 1_000 });
  await refusedWith(
    "channels/quota-exceeded",
    () => send(world, alice, { channelId, bytes: 1_000 }),
  );
  await send(world, bob, { channelId, bytes: 1_000 });
  await send(world, alice, { channelId, bytes: 100 });
});

Deno.test("append() counts what each of many accounts keeps, whoever sent last", async () => {
  await using world = await openWorld({ limits: { quotaEntries: 3 } });
  const first = world.device();
  const others = Array.from({ length: 11 }, () => world.device());
  const channelId = await createGroup(world, [first, ...others]);
  for (let round = 0; round < 3; round++) {
    for (const device of [first, ...others]) await send(world, device, { channelId });
  }
  for (const device of [first, ...others]) {
    await refusedWith("channels/quota-exceeded", send(world, device, { channelId }));
  }
});

Deno.test("append() is durable, then acknowledged, then visible", async () => {
  const disk = new MemoryDisk();
  let commits = 0;
  let slowFrom = Infinity;
  let release = (): void => {};
  const clock = {
    now: () => 0,
    monotonic: () => 0,
    schedule: (_delayMs: number, callback: () => void) => {
      release = callback;
      return { cancel: () => {} };
    },
  };
  const store = openMemoryStore({
    disk,
    clock,
    faultOf: () => ++commits >= slowFrom ? { kind: "slow", delayMs: 1 } : undefined,
  });
  await using world = await openWorld({ store });
  const [alice, bob] = [world.device(), world.device()];
  const channelId = await createGroup(world, [alice, bob]);
  const bobs = follow(world, bob);
  await bobs.until("caught up 1");
  slowFrom = commits + 1;
  let isAcknowledged = false;
  const sending = send(world, alice, { channelId }).then((sequence) => {
    isAcknowledged = true;
    return sequence;
  });
  await world.clock.settle();
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setTimeout(resolve, 1));
  assert.equal(isAcknowledged, false);
  assert.deepEqual(bobs.lines(channelId), ["1 commit", "caught up 1"]);
  assert.equal((await readAll(world, bob, channelId)).length, 1);
  slowFrom = Infinity;
  release();
  assert.equal(await sending, 2);
  await bobs.until("2 application");
  await bobs.stop();
});

Deno.test("append() of what a failing disk lost is not acknowledged, and the retry is kept once", async () => {
  const disk = new MemoryDisk();
  let failing = false;
  const options = {
    disk,
    faultOf: () => failing ? { kind: "unknown-outcome", written: true } as const : undefined,
  };
  let channelId = new Uint8Array();
  let entry;
  const seed = 4711;
  {
    await using world = await openWorld({ memory: options, seed });
    const alice = world.device();
    channelId = await createGroup(world, [alice]) as Uint8Array<ArrayBuffer>;
    entry = {
      channelId,
      entryId: world.random.bytes(16),
      message: framed(world.random, { channelId, epoch: 1 }),
    };
    failing = true;
    await refusedWith("store/unknown-outcome", alice.calls.append(entry));
    failing = false;
  }
  disk.open = false;
  // The same seed: the same account and device.
  await using world = await openWorld({ memory: { disk }, seed });
  const alice = world.device();
  assert.equal((await alice.calls.append(entry)).sequence, 2);
  assert.deepEqual(await readAll(world, alice, channelId), ["1 commit", "2 application"]);
});

Deno.test("append() takes private application messages and nothing else that is not a SelfRemove", async () => {
  await using world = await openWorld();
  const alice = world.device();
  const channelId = await createGroup(world, [alice]);
  const append = (message: Uint8Array) =>
    alice.calls.append({ channelId, entryId: world.random.bytes(16), message });
  for (const contentType of ["commit", "proposal"] as const) {
    const message = framed(world.random, { channelId, epoch: 1, contentType });
    await refusedWith("channels/bad-message", append(message));
  }
  const inClear = encodeMessage({
    kind: "public-message",
    publicMessage: {
      content: {
        groupId: channelId,
        epoch: 1n,
        sender: { kind: "member", leafIndex: 0 },
        authenticatedData: new Uint8Array(),
        content: { kind: "application", applicationData: Uint8Array.of(1) },
      },
      auth: { signature: new Uint8Array(64), confirmationTag: undefined },
      membershipTag: new Uint8Array(32),
    },
  });
  await refusedWith("channels/bad-message", append(inClear));
  const other = framed(world.random, { channelId: world.random.bytes(32), epoch: 1 });
  await refusedWith("channels/bad-message", append(other));
  await refusedWith("malformed", append(world.random.bytes(100)));
  await refusedWith("malformed", append(new Uint8Array()));
  const whole = framed(world.random, { channelId, epoch: 1 });
  await refusedWith("malformed", append(new Uint8Array([...whole, 0])));
  await refusedWith("malformed", append(whole.subarray(0, whole.length - 1)));
});
