/** What the server verifies, for whom, and what it takes without. */
import assert from "node:assert/strict";
import { openMemoryStore } from "@qpq/adapters";
import {
  createGroupInfo,
  createProposal,
  type GroupState,
  mergeStaged,
  processMessage,
  runtimeCryptoProvider,
} from "@qpq/mls";
import { parseGroupInfo, parseMessageHeader, parseRatchetTree } from "@qpq/mls/public";
import type { Store } from "@qpq/ports";
import { encode } from "../../mls/codec/codec.ts";
import { ratchetTreeNodes } from "../../mls/wire/ratchet-tree.ts";
import { checkExternalCommit, LEAVES_OF_ACCOUNT_MAX, publicGroupOf } from "../groups/admission.ts";
import { fakeCommit } from "./test/messages.ts";
import { authenticate, enter, NOW_MS, openGroup } from "./test/real-group.ts";
import { groupContext, openWorld, readTestLeaf, refusedWith } from "./test/world.ts";

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

Deno.test("commit() removes who leaves in a later epoch, too; leaving is no sign that one was asked", async () => {
  await using world = await openWorld({ limits: { channelsUnaskedMax: 1 } });
  const [alice, bob, carol] = [world.device(), world.device(), world.device()];
  const { channelId, states } = await openGroup(world, [alice, bob, carol]);
  const tablet = world.device(alice);
  const entering = await enter(world, tablet, { channelId });
  await entering.run();
  const outcome = await processMessage(states.get(bob) as GroupState, entering.upload.message, {
    authenticate,
  });
  assert.ok(outcome.kind === "commit-staged");
  const { message } = await createProposal(
    mergeStaged(outcome.state, outcome.staged),
    { kind: "self-remove" },
    { random: world.random, nowMs: NOW_MS },
  );
  await bob.calls.append({ channelId, entryId: world.random.bytes(16), message });
  const context = groupContext(alice);
  const other = world.random.bytes(32);
  const again = fakeCommit(world.random, { channelId: other, context, added: [bob.accountId] });
  await refusedWith("channels/too-many-channels", alice.calls.create(again));
  const removed = [bob.accountId];
  const upload = fakeCommit(world.random, { channelId, context, epoch: 2, removed });
  await carol.calls.commit({ channelId, upload });
  await refusedWith("channels/not-a-member", bob.calls.members(channelId));
});

Deno.test("commit() has nothing verified for strangers, nor of an epoch that is not the channel's", async () => {
  let leaves = 0;
  await using world = await openWorld({ onReadLeaf: () => void leaves++ });
  const [alice, bob, eve] = [world.device(), world.device(), world.device()];
  const { channelId, states } = await openGroup(world, [alice, bob]);
  const groupInfo = await createGroupInfo(states.get(alice) as GroupState);
  const [tablet, phone] = [world.device(bob), world.device(bob)];
  const late = await enter(world, phone, { channelId });
  const foreign = await enter(world, eve, { channelId, groupInfo });
  await refusedWith("channels/not-a-member", foreign.run());
  assert.equal(leaves, 0);
  await (await enter(world, tablet, { channelId })).run();
  leaves = 0;
  await refusedWith("channels/epoch-taken", late.run());
  assert.equal(leaves, 0);
});

Deno.test("commit() of an epoch that the channel reaches between two looks is not taken unverified", async () => {
  const inner = openMemoryStore();
  let between: (() => Promise<unknown>) | undefined;
  const store: Store = {
    ...{ closed: inner.closed, watch: inner.watch.bind(inner), close: inner.close.bind(inner) },
    [Symbol.asyncDispose]: () => inner.close(),
    transaction: (fn, options) => inner.transaction(fn, options),
    snapshot: async (fn) => {
      const result = await inner.snapshot(fn);
      const act = between;
      between = undefined;
      await act?.();
      return result;
    },
  };
  await using world = await openWorld({ store });
  const [alice, bob] = [world.device(), world.device()];
  const { channelId, states } = await openGroup(world, [alice, bob]);
  const [tablet, phone] = [world.device(bob), world.device(alice)];
  // Of the epoch that the phone's entering begins.
  const first = await enter(world, phone, { channelId });
  const forged = await enter(world, tablet, {
    channelId,
    groupInfo: first.upload.groupInfo,
    change: (upload) => {
      const message = upload.message.slice();
      const at = message.length - 200;
      message[at] = (message[at] as number) ^ 1;
      return { ...upload, message };
    },
  });
  between = () => first.run();
  await refusedWith("channels/epoch-ahead", forged.run());
  await refusedWith("mls/invalid-signature", forged.run());
  assert.ok(states.has(alice));
});

Deno.test("commit() changes no admins by external commit, an admin's either", async () => {
  await using world = await openWorld();
  const [alice, bob] = [world.device(), world.device()];
  const { channelId } = await openGroup(world, [alice, bob]);
  const phone = world.device(alice);
  const entering = await enter(world, phone, {
    channelId,
    change: (upload) => ({
      ...upload,
      groupInfo:
        fakeCommit(world.random, { channelId, epoch: 1, context: groupContext(alice, bob) })
          .groupInfo,
    }),
  });
  await refusedWith("channels/not-admin", entering.run());
});
