/** Bad input on every call: a typed error, and nothing is changed. */
import assert from "node:assert/strict";
import type { ErrorCode } from "@qpq/ports";
import { parseMessageHeader } from "@qpq/mls/public";
import { decodeClaim, encodeClaim } from "../groups/claim.ts";
import { conversationExtension } from "../groups/context.ts";
import { encodeConversationContext } from "../groups/groups.gen.ts";
import { decodeMessage, encodeMessage } from "../../mls/wire/framing.ts";
import { fakeCommit, framed } from "./test/messages.ts";
import {
  createGroup,
  groupContext,
  openWorld,
  readAll,
  refusedWith,
  type TestDevice,
} from "./test/world.ts";
import type { CommitUpload } from "./channels.gen.ts";

Deno.test("every call refuses who has not logged in", async () => {
  await using world = await openWorld();
  const alice = world.device();
  const channelId = await createGroup(world, [alice]);
  const { incarnation } = world;
  const nobody = world.stranger();
  const cursor = { channelId, after: 0 };
  const upload = fakeCommit(world.random, { channelId, epoch: 1, context: groupContext(alice) });
  const message = framed(world.random, { channelId, epoch: 1 });
  const { entryId } = upload;
  const subscription = nobody.subscribe({ incarnation, cursors: [cursor], inboxAfter: 0 });
  const calls: Readonly<Record<keyof typeof nobody, () => Promise<unknown>>> = {
    create: () => nobody.create({ upload }),
    append: () => nobody.append({ channelId, entryId, message }),
    commit: () => nobody.commit({ channelId, upload }),
    read: () => nobody.read({ incarnation, cursor, countMax: 1 }),
    subscribe: () => subscription[Symbol.asyncIterator]().next(),
    acknowledge: () => nobody.acknowledge({ incarnation, cursors: [cursor], inboxAfter: 0 }),
    members: () => nobody.members({ channelId }),
    groupInfo: () => nobody.groupInfo({ channelId }),
    welcome: () => nobody.welcome({ incarnation, sequence: 1 }),
    report: () => nobody.report({ channelId, sequence: 1 }),
    succeed: () => nobody.succeed({ channelId, upload }),
    readInbox: () => nobody.readInbox({ incarnation, after: 0, countMax: 1 }),
  };
  for (const call of Object.values(calls)) await refusedWith("rpc/not-authenticated", call);
});

Deno.test("every call refuses ids of another length", async () => {
  await using world = await openWorld();
  const alice = world.device();
  const channelId = await createGroup(world, [alice]);
  const { incarnation } = world;
  const message = framed(world.random, { channelId, epoch: 1 });
  for (const length of [0, 15, 17]) {
    const id = world.random.bytes(length);
    const isTooLong = length > 16;
    const code: ErrorCode = isTooLong ? "too-large" : "malformed";
    await refusedWith(code, alice.calls.append({ channelId, entryId: id, message }));
    const upload = { ...fakeCommit(world.random, { channelId, context: groupContext(alice) }) };
    await refusedWith(code, alice.calls.commit({ channelId, upload: { ...upload, entryId: id } }));
    await refusedWith(
      isTooLong ? "too-large" : "channels/incarnation-changed",
      alice.calls.read({ incarnation: id, cursor: { channelId, after: 0 } }),
    );
  }
  for (const id of [new Uint8Array(), new Uint8Array(15), new Uint8Array(65)]) {
    const code: ErrorCode = id.length > 64 ? "too-large" : "malformed";
    const cursor = { channelId: id, after: 0 };
    const upload = fakeCommit(world.random, { channelId, context: groupContext(alice) });
    const entryId = world.random.bytes(16);
    await refusedWith(code, alice.calls.append({ channelId: id, entryId, message }));
    await refusedWith(code, alice.calls.read({ incarnation, cursor }));
    await refusedWith(code, alice.calls.members(id));
    await refusedWith(code, alice.calls.groupInfo(id));
    await refusedWith(code, alice.calls.report({ channelId: id, sequence: 1 }));
    await refusedWith(code, alice.calls.succeed({ channelId: id, upload }));
    const acknowledged = { incarnation, cursors: [cursor], inboxAfter: 0 };
    await refusedWith(code, alice.calls.acknowledge(acknowledged));
  }
  assert.deepEqual(await readAll(world, alice, channelId), ["1 commit"]);
});

Deno.test("every call refuses a channel that is not there like one that is not the caller's", async () => {
  await using world = await openWorld();
  const [alice, eve] = [world.device(), world.device()];
  const theirs = await createGroup(world, [alice]);
  const { incarnation } = world;
  for (const channelId of [theirs, world.random.bytes(32)]) {
    const cursor = { channelId, after: 0 };
    const entryId = world.random.bytes(16);
    const message = framed(world.random, { channelId, epoch: 1 });
    const upload = fakeCommit(world.random, { channelId, epoch: 1, context: groupContext(eve) });
    const context = {
      ...groupContext(eve),
      predecessor: { groupId: channelId, epoch: 1, confirmedTranscriptHash: new Uint8Array() },
    };
    const successor = fakeCommit(world.random, { channelId: world.random.bytes(32), context });
    const texts = [];
    for (
      const call of [
        eve.calls.append({ channelId, entryId, message }),
        eve.calls.commit({ channelId, upload }),
        eve.calls.succeed({ channelId, upload: successor }),
        eve.calls.read({ incarnation, cursor }),
        eve.calls.members(channelId),
        eve.calls.groupInfo(channelId),
        eve.calls.report({ channelId, sequence: 1 }),
      ]
    ) texts.push((await refusedWith("channels/not-a-member", call)).message);
    assert.deepEqual(new Set(texts).size, 1);
    // Passed over, and nothing noted.
    await eve.calls.acknowledge({ incarnation, cursors: [{ channelId, after: 9 }], inboxAfter: 0 });
  }
  assert.deepEqual(await readAll(world, alice, theirs), ["1 commit"]);
});

Deno.test("read(), acknowledge() and welcome() refuse what is beyond the end", async () => {
  await using world = await openWorld();
  const alice = world.device();
  const channelId = await createGroup(world, [alice]);
  const { incarnation } = world;
  const cursor = { channelId, after: 2 };
  await refusedWith("channels/bad-cursor", alice.calls.read({ incarnation, cursor }));
  const beyond = { incarnation, cursors: [cursor], inboxAfter: 0 };
  await refusedWith("channels/bad-cursor", alice.calls.acknowledge(beyond));
  const inbox = { incarnation, cursors: [], inboxAfter: 1 };
  await refusedWith("channels/bad-cursor", alice.calls.acknowledge(inbox));
  await refusedWith(
    "channels/bad-cursor",
    alice.stub.readInbox({ incarnation, after: 1, countMax: 1 }),
  );
  for (const sequence of [0, 1]) {
    await refusedWith("channels/bad-cursor", alice.stub.welcome({ incarnation, sequence }));
  }
});

Deno.test("create() and commit() refuse an upload whose parts don't fit together", async () => {
  await using world = await openWorld();
  const [alice, bob] = [world.device(), world.device()];
  const channelId = await createGroup(world, [alice, bob]);
  const context = groupContext(alice);
  const good = fakeCommit(world.random, { channelId, epoch: 1, context });
  const recipients = [{ accountId: bob.accountId, deviceId: bob.deviceId }];
  const welcome = { message: Uint8Array.of(0, 1, 0, 3, 9), recipients };
  const shortId = { accountId: bob.accountId, deviceId: new Uint8Array(3) };
  const cases: readonly (readonly [ErrorCode, Partial<CommitUpload>])[] = [
    ["malformed", { message: new Uint8Array() }],
    ["malformed", { message: new Uint8Array([...good.message, 0]) }],
    ["channels/bad-message", { message: framed(world.random, { channelId, epoch: 1 }) }],
    ["channels/bad-claim", {
      message: framed(world.random, { channelId, epoch: 1, contentType: "commit" }),
    }],
    ["malformed", { groupInfo: new Uint8Array(9) }],
    ["mls/invalid-group-info", { groupInfo: good.message }],
    ["channels/bad-group-info", {
      groupInfo: fakeCommit(world.random, { channelId, epoch: 2, context }).groupInfo,
    }],
    ["channels/bad-group-info", {
      groupInfo: fakeCommit(world.random, { channelId: world.random.bytes(32), epoch: 1, context })
        .groupInfo,
    }],
    ["channels/bad-group-info", { groupInfo: without(good.groupInfo, 0) }],
    ["channels/bad-group-info", { groupInfo: without(good.groupInfo, 1) }],
    ["channels/bad-welcome", { welcomes: [{ ...welcome, message: good.message }] }],
    ["channels/bad-welcome", { welcomes: [{ ...welcome, message: new Uint8Array() }] }],
    ["channels/bad-welcome", { welcomes: [{ ...welcome, recipients: [] }] }],
    ["channels/bad-welcome", { welcomes: [welcome, welcome] }],
    ["malformed", { welcomes: [{ ...welcome, recipients: [shortId] }] }],
  ];
  for (const [index, [code, change]] of cases.entries()) {
    const upload = { ...good, ...change };
    const error = await refusedWith(code, alice.calls.commit({ channelId, upload }));
    assert.ok(!/undefined|object/.test(error.message), `${index}: ${error.message}`);
  }
  const elsewhere = await createGroup(world, [alice]);
  await refusedWith(
    "channels/bad-message",
    alice.calls.commit({ channelId: elsewhere, upload: good }),
  );
  assert.equal((await alice.calls.commit({ channelId, upload: good })).sequence, 2);
});

Deno.test("create() refuses contexts that make no conversation", async () => {
  await using world = await openWorld();
  const [alice, bob] = [world.device(), world.device()];
  const [low, high] = [alice.accountId, bob.accountId].sort((one, other) =>
    one.toHex() < other.toHex() ? -1 : 1
  ) as [Uint8Array, Uint8Array];
  const pair = (
    lowerAccountId: Uint8Array,
    higherAccountId: Uint8Array,
    admins = [] as Uint8Array[],
  ) =>
    ({
      kind: "directMessage",
      directMessage: { lowerAccountId, higherAccountId },
      admins,
    }) as const;
  const contexts = [
    { kind: "group", admins: [] },
    { kind: "group", admins: [new Uint8Array(15)] },
    { kind: "group", admins: [alice.accountId, alice.accountId] },
    pair(high, low),
    pair(low, low),
    pair(low, new Uint8Array(15).fill(255)),
    pair(low, high, [alice.accountId]),
  ] as const;
  for (const context of contexts) {
    const upload = fakeCommit(world.random, { channelId: world.random.bytes(32), context });
    await refusedWith("channels/bad-group-info", alice.calls.create(upload));
  }
  const channelId = world.random.bytes(32);
  const upload = fakeCommit(world.random, { channelId, context: groupContext(alice) });
  const decoded = decodeMessage(upload.groupInfo);
  assert.ok(decoded.kind === "group-info");
  const { groupInfo } = decoded;
  const { extensionType } = conversationExtension(groupContext(alice));
  const noise = encodeConversationContext(groupContext(alice)).map((byte) => ~byte);
  for (const extensions of [[], [{ extensionType, extensionData: noise }]]) {
    const groupContext = { ...groupInfo.groupContext, extensions };
    const bad = encodeMessage({ kind: "group-info", groupInfo: { ...groupInfo, groupContext } });
    await refusedWith("channels/bad-group-info", alice.calls.create({ ...upload, groupInfo: bad }));
  }
  await refusedWith("channels/not-admin", bob.calls.create(upload));
  const late = fakeCommit(world.random, { channelId, epoch: 1, context: groupContext(alice) });
  await refusedWith("channels/bad-message", alice.calls.create(late));
  await alice.calls.create(upload);
});

/** A GroupInfo without one of its own extensions: 0 the tree, 1 the external key. */
function without(groupInfo: Uint8Array, index: number): Uint8Array {
  const decoded = decodeMessage(groupInfo);
  assert.ok(decoded.kind === "group-info");
  const extensions = decoded.groupInfo.extensions.filter((_, at) => at !== index);
  return encodeMessage({ kind: "group-info", groupInfo: { ...decoded.groupInfo, extensions } });
}

Deno.test("what an account uploads with commits is bounded in all channels together", async () => {
  const uploadRate = { burst: 61_440, perMinute: 1_024 };
  await using world = await openWorld({ limits: { uploadRate } });
  const [alice, bob] = [world.device(), world.device()];
  const bytes = 7 * 1024 * 1024;
  const create = (device: TestDevice) => {
    const channelId = world.random.bytes(32);
    const context = groupContext(device);
    const large = { bytes, welcomeBytes: bytes, treeBytes: bytes };
    const upload = { channelId, context, recipients: [device], ...large };
    return device.calls.create(fakeCommit(world.random, upload));
  };
  for (let count = 0; count < 2; count++) await create(alice);
  await refusedWith("channels/rate-limited", create(alice));
  await create(bob);
  // Some four MiB are missing, and come back one a minute.
  await world.clock.advance(4 * 60_000);
  await create(alice);
});

Deno.test("every call that changes something refuses a device that was revoked meanwhile", async () => {
  await using world = await openWorld();
  const [alice, bob] = [world.device(), world.device()];
  const channelId = await createGroup(world, [alice, bob]);
  bob.revoke();
  const context = groupContext(bob);
  const next = fakeCommit(world.random, { channelId, epoch: 1, context: groupContext(alice) });
  const predecessor = { groupId: channelId, epoch: 1, confirmedTranscriptHash: new Uint8Array() };
  const fresh = (more = {}) =>
    fakeCommit(world.random, {
      channelId: world.random.bytes(32),
      context: { ...context, ...more },
    });
  const { incarnation } = world;
  const cursors = [{ channelId, after: 1 }];
  const message = framed(world.random, { channelId, epoch: 1 });
  for (
    const call of [
      bob.calls.create(fresh()),
      bob.calls.append({ channelId, entryId: world.random.bytes(16), message }),
      bob.calls.commit({ channelId, upload: next }),
      bob.calls.succeed({ channelId, upload: fresh({ predecessor }) }),
      bob.calls.acknowledge({ incarnation, cursors, inboxAfter: 0 }),
      bob.calls.report({ channelId, sequence: 1 }),
    ]
  ) await refusedWith("devices/revoked", call);
});

Deno.test("commit() takes no member's commit in clear, nor one for too many devices", async () => {
  await using world = await openWorld();
  const [alice, bob] = [world.device(), world.device()];
  const channelId = await createGroup(world, [alice, bob]);
  const good = fakeCommit(world.random, { channelId, epoch: 1, context: groupContext(alice) });
  const { authenticatedData } = parseMessageHeader(good.message);
  const inClear = encodeMessage({
    kind: "public-message",
    publicMessage: {
      content: {
        groupId: channelId,
        epoch: 1n,
        sender: { kind: "member", leafIndex: 0 },
        authenticatedData,
        content: { kind: "commit", commit: { proposals: [], path: undefined } },
      },
      auth: { signature: new Uint8Array(64), confirmationTag: new Uint8Array(32) },
      membershipTag: new Uint8Array(32),
    },
  });
  const upload = { ...good, message: inClear };
  await refusedWith("channels/bad-message", alice.calls.commit({ channelId, upload }));
  const message = Uint8Array.of(0, 1, 0, 3, 9);
  const welcomes = [2_048, 2_049].map((count) => ({
    message,
    recipients: Array.from({ length: count }, () => ({
      accountId: bob.accountId,
      deviceId: world.random.bytes(16),
    })),
  }));
  const many = alice.calls.commit({ channelId, upload: { ...good, welcomes } });
  await refusedWith("too-large", many);
});

Deno.test("groups of other ids, and cursors of them, are refused", async () => {
  await using world = await openWorld();
  const alice = world.device();
  const { incarnation } = world;
  for (const bytes of [15, 65]) {
    const channelId = world.random.bytes(bytes);
    if (bytes < 64) {
      const cursors = [{ channelId, after: 0 }];
      const params = { incarnation, cursors, inboxAfter: 0 };
      const stream = alice.stub.subscribe(params)[Symbol.asyncIterator]();
      await refusedWith("malformed", stream.next());
    }
    const upload = fakeCommit(world.random, { channelId, context: groupContext(alice) });
    await refusedWith("malformed", alice.calls.create(upload));
  }
});

Deno.test("a claim of ids that are none, or twice the same, is refused", () => {
  const id = (byte: number) => new Uint8Array(16).fill(byte);
  const claims = [
    { entryId: new Uint8Array(15), added: [], removed: [] },
    { entryId: id(1), added: [new Uint8Array(15)], removed: [] },
    { entryId: id(1), added: [], removed: [new Uint8Array(0)] },
    { entryId: id(1), added: [id(2), id(2)], removed: [] },
    { entryId: id(1), added: [id(2)], removed: [id(2)] },
  ];
  for (const claim of claims) {
    assert.throws(() => decodeClaim(encodeClaim(claim)), { code: "channels/bad-claim" });
  }
  decodeClaim(encodeClaim({ entryId: id(1), added: [id(2)], removed: [id(1)] }));
});
