import assert from "node:assert/strict";
import {
  createCommit,
  createGroup,
  createGroupInfo,
  createKeyPackage,
  createProposal,
  type GroupState,
  type Identity,
  joinByExternalCommit,
  joinGroup,
  mergeStaged,
  processMessage,
  type Proposal,
  runtimeCryptoProvider,
} from "@qpq/mls";
import { parseGroupInfo, parseMessageHeader, parseRatchetTree } from "@qpq/mls/public";
import { encode } from "../../mls/codec/codec.ts";
import { ratchetTreeNodes } from "../../mls/wire/ratchet-tree.ts";
import { checkExternalCommit, LEAVES_OF_ACCOUNT_MAX, publicGroupOf } from "../groups/admission.ts";
import { encodeClaim } from "../groups/claim.ts";
import {
  type CheckedContext,
  conversationExtension,
  directMessageContext,
} from "../groups/context.ts";
import type { CommitUpload } from "./channels.gen.ts";
import { fakeCommit } from "./test/messages.ts";
import {
  crypto,
  groupContext,
  identityOf,
  openWorld,
  readTestLeaf,
  refusedWith,
  type TestDevice,
  type World,
} from "./test/world.ts";

const NOW_MS = 1e12;
const LIFETIME = { notBefore: 999_996_400n, notAfter: 1_006_000_000n };
const authenticate = async (entering: readonly unknown[]) => entering.map(() => true);

/** A real group on the server: the first device has created it, the others were welcomed. */
async function openGroup(
  world: World,
  devices: readonly [TestDevice, ...TestDevice[]],
  context: CheckedContext = groupContext(devices[0]),
): Promise<{ readonly channelId: Uint8Array; readonly states: Map<TestDevice, GroupState> }> {
  const [creator, ...others] = devices;
  const { random } = world;
  const founded = await createGroup(crypto, {
    identity: creator.identity,
    lifetime: LIFETIME,
    random,
    groupId: random.bytes(32),
    extensions: [conversationExtension(context)],
  });
  const channelId = founded.context.groupId;
  const packages = await Promise.all(
    others.map(({ identity }) =>
      createKeyPackage(crypto, { identity, lifetime: LIFETIME, random })
    ),
  );
  const accounts = new Map(others.map((device) => [device.accountId.toHex(), device.accountId]));
  accounts.delete(creator.accountId.toHex());
  const entryId = random.bytes(16);
  const created = await createCommit(founded, {
    random,
    nowMs: NOW_MS,
    authenticate,
    proposals: packages.map(({ keyPackage }): Proposal => ({ kind: "add", keyPackage })),
    authenticatedData: encodeClaim({ entryId, added: [...accounts.values()], removed: [] }),
  });
  const next = mergeStaged(created.state, created.staged);
  const upload: CommitUpload = {
    entryId,
    message: created.commit,
    groupInfo: await createGroupInfo(next),
    welcomes: created.welcome === undefined ? [] : [{
      message: created.welcome,
      recipients: others.map(({ accountId, deviceId }) => ({ accountId, deviceId })),
    }],
  };
  assert.deepEqual((await creator.calls.create(upload)).undelivered, []);
  const states = new Map([[creator, next]]);
  for (const [index, device] of others.entries()) {
    const own = packages[index];
    assert.ok(own !== undefined && created.welcome !== undefined);
    const joined = await joinGroup(crypto, created.welcome, { keyPackages: [own], authenticate });
    states.set(device, joined.state);
  }
  return { channelId, states };
}

/** Enters with what the server gives, and offers the result to it. */
async function enter(
  world: World,
  device: TestDevice,
  options: {
    readonly channelId: Uint8Array;
    readonly identity?: Identity;
    readonly removes?: number;
    readonly change?: (upload: CommitUpload) => CommitUpload;
    readonly groupInfo?: Uint8Array;
  },
) {
  const { channelId, removes, change = (upload) => upload } = options;
  const { random } = world;
  const groupInfo = options.groupInfo ?? (await device.calls.groupInfo(channelId)).groupInfo;
  const entryId = random.bytes(16);
  const entered = await joinByExternalCommit(crypto, groupInfo, {
    identity: options.identity ?? device.identity,
    random,
    authenticate,
    authenticatedData: encodeClaim({ entryId, added: [], removed: [] }),
    ...(removes === undefined ? {} : { removes }),
  });
  const upload = change({
    entryId,
    message: entered.commit,
    groupInfo: await createGroupInfo(entered.staged.next),
    welcomes: [],
  });
  return {
    upload,
    state: entered.staged.next,
    run: () => device.calls.commit({ channelId, upload }),
  };
}

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

Deno.test("commit() limits the GroupInfos that an account has the server look through", async () => {
  const lookRate = { burst: 8_192, perMinute: 60 };
  await using world = await openWorld({ limits: { lookRate } });
  const [alice, bob] = [world.device(), world.device()];
  const { channelId, states } = await openGroup(world, [alice, bob]);
  const state = states.get(alice) as GroupState;
  const groupInfo = await createGroupInfo(state);
  const next = fakeCommit(world.random, {
    channelId,
    epoch: 1,
    context: groupContext(alice),
    treeBytes: 4_500_000,
  });
  await alice.calls.commit({ channelId, upload: next });
  const tablet = world.device(bob);
  const entering = await enter(world, tablet, { channelId, groupInfo });
  await refusedWith("channels/epoch-taken", entering.run());
  // What was never looked through costs nothing; then it takes more than half.
  const later = await enter(world, tablet, {
    channelId,
    groupInfo: await createGroupInfo({ ...state, context: { ...state.context, epoch: 2n } }),
  });
  await refusedWith("malformed", later.run());
  const limited = await refusedWith("channels/rate-limited", later.run());
  assert.ok((limited.retryAfterMs ?? 0) > 0);
  const another = await enter(world, world.device(alice), {
    channelId,
    groupInfo: await createGroupInfo({ ...state, context: { ...state.context, epoch: 2n } }),
  });
  await refusedWith("malformed", another.run());
});

Deno.test("checkExternalCommit() verifies no leaf that does not name the sender's account", async () => {
  await using world = await openWorld();
  const [alice, bob, carol] = [world.device(), world.device(), world.device()];
  const { channelId } = await openGroup(world, [alice, bob, carol]);
  const tablet = world.device(bob);
  const entering = await enter(world, tablet, { channelId });
  const { groupInfo } = await tablet.calls.groupInfo(channelId);
  const group = publicGroupOf(parseGroupInfo(groupInfo));
  let leaves = 0;
  const check = (tree: Uint8Array) =>
    checkExternalCommit(parseMessageHeader(entering.upload.message), {
      crypto: runtimeCryptoProvider(),
      group: { ...group, tree },
      sender: tablet,
      readLeaf: (leaf) => {
        leaves += 1;
        return readTestLeaf(leaf);
      },
      isOpenTo: false,
    });
  check(group.tree);
  assert.equal(leaves, 2, "its own, and bob's");
  const { leaves: [, leafNode] } = parseRatchetTree(group.tree);
  assert.ok(leafNode !== undefined);
  const crowded = (count: number) =>
    encode(
      ratchetTreeNodes,
      Array.from({ length: 2 * count - 1 }, (_, at) =>
        at % 2 === 0 ? { kind: "leaf", leafNode } : undefined),
    );
  check(crowded(LEAVES_OF_ACCOUNT_MAX));
  leaves = 0;
  const code = "channels/external-commit-refused";
  assert.throws(() => check(crowded(LEAVES_OF_ACCOUNT_MAX + 1)), { code });
  assert.equal(leaves, 1, "its own");
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
