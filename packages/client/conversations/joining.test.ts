import {
  createCommit,
  createGroup,
  createGroupInfo,
  EXTENSION_TYPE,
  type GroupState,
  ratchetTree,
} from "@qpq/mls";
import { openMemoryStore, systemClock } from "@qpq/adapters";
import assert from "node:assert/strict";
import { ensureOwnDevice } from "../../features/devices/own-device.ts";
import { conversationExtension } from "../../features/groups/context.ts";
import {
  account,
  device,
  groupOf,
  keyPackageOf,
  leaves,
  random,
  suite,
} from "../../features/groups/test/groups.ts";
import { encodeStoredOwnPackage } from "../../features/key-packages/key-packages.gen.ts";
import { ownPackageKey } from "../../features/key-packages/keys.ts";
import { primitives } from "../../features/test/world.ts";
import { entryGround } from "../test/entry-ground.ts";
import type { Ground } from "./ground.ts";
import { joinByWelcome, makeEntry, NEW_CONVERSATION } from "./joining.ts";
import type { LiveConversation } from "./live-conversation.ts";

const alice = account("alice");
const bob = account("bob");
const groundOf = (state: GroupState) => entryGround(bob, state);

const nothing = () => Promise.resolve(undefined);

Deno.test("makeEntry() enters no epoch that the account's devices have left behind, and no fork of one", async () => {
  const context = { kind: "group", admins: [alice.accountId] } as const;
  const [state] = await groupOf(context, [device(alice), device(bob)]) as [GroupState];
  const { groupId, confirmedTranscriptHash } = state.context;
  const ground = groundOf(state);
  const shared = { epoch: 1, confirmedTranscriptHash, name: "climbing" };
  const made = await makeEntry(ground, groupId, { epochMin: 0, shared, find: nothing });
  assert.deepEqual([made.describes.name, made.cursor], ["climbing", 7]);
  const code = "mls/invalid-group-info";
  await assert.rejects(
    makeEntry(ground, groupId, { epochMin: 2, shared: undefined, find: nothing }),
    { code },
  );
  const another = { ...ground, suite: { ...ground.suite, id: 1 } } as unknown as Ground;
  await assert.rejects(makeEntry(another, groupId, { epochMin: 0, shared, find: nothing }), {
    code: "mls/unsupported-cipher-suite",
  });
  const later = { ...shared, epoch: 2 };
  await assert.rejects(makeEntry(ground, groupId, { epochMin: 0, shared: later, find: nothing }), {
    code,
  });
  const fork = { ...shared, confirmedTranscriptHash: random.bytes(48) };
  await assert.rejects(makeEntry(ground, groupId, { epochMin: 0, shared: fork, find: nothing }), {
    code,
  });
});

Deno.test("makeEntry() enters nothing but the channel's own group, and no direct message of others", async () => {
  const carol = account("carol");
  const [state] = await groupOf(
    { kind: "group", admins: [alice.accountId] },
    [device(alice), device(bob)],
  ) as [GroupState];
  const code = "conversations/bad-invitation";
  const elsewhere = makeEntry(groundOf(state), random.bytes(48), {
    epochMin: 0,
    shared: undefined,
    find: nothing,
  });
  await assert.rejects(elsewhere, { code });
  const [lowerAccountId, higherAccountId] = [alice.accountId, carol.accountId]
    .toSorted((one, other) => one.toHex() < other.toHex() ? -1 : 1) as [Uint8Array, Uint8Array];
  const [others] = await groupOf(
    { kind: "directMessage", directMessage: { lowerAccountId, higherAccountId }, admins: [] },
    [device(alice), device(carol)],
  ) as [GroupState];
  const { groupId } = others.context;
  await assert.rejects(
    makeEntry(groundOf(others), groupId, { epochMin: 0, shared: undefined, find: nothing }),
    { code },
  );
});

Deno.test("makeEntry() enters no group of more than 4,096 leaves, blank ones too", async () => {
  const context = { kind: "group", admins: [bob.accountId] } as const;
  const [state] = await groupOf(context, [device(bob)]) as [GroupState];
  // RFC 9420 §12.4.3.3: nodes in a vector, a blank one is a zero byte; §2.1.2: its length in two bytes.
  const one = await ratchetTree(state);
  const node = one.subarray(2);
  const refusal = async (leavesCount: number): Promise<string> => {
    const blanks = new Uint8Array(2 * (leavesCount - 1) - 1);
    const bytes = node.length * 2 + blanks.length;
    const length = new Uint8Array(2);
    new DataView(length.buffer).setUint16(0, 0x4000 + bytes);
    const extensionData = Uint8Array.from([...length, ...node, ...blanks, ...node]);
    const ground = { ...groundOf(state), clock: systemClock };
    const groupInfo = await createGroupInfo(state, {
      ratchetTree: false,
      extensions: [{ extensionType: EXTENSION_TYPE.ratchetTree, extensionData }],
    });
    const calls = { groupInfo: () => Promise.resolve({ groupInfo, epoch: 1, sequence: 7 }) };
    const { groupId } = state.context;
    const options = { epochMin: 0, shared: undefined, find: nothing };
    const entering = makeEntry({ ...ground, calls } as unknown as Ground, groupId, options);
    return await entering.then(() => "", ({ message }: Error) => message);
  };
  const tooLarge = "Cannot join: it is too large";
  assert.equal(await refusal(4_097), tooLarge);
  assert.notEqual(await refusal(4_096), tooLarge);
});

Deno.test("makeEntry() first brings this device's certificate to the generation that its account shows", async () => {
  const context = { kind: "group", admins: [alice.accountId] } as const;
  const phone = device(bob, { generation: 2 });
  const [state] = await groupOf(context, [device(alice), phone]) as [GroupState];
  const ground = groundOf(state);
  const steps: string[] = [];
  await makeEntry(
    {
      ...ground,
      identity: (of: Ground["suite"]) => {
        steps.push("identity");
        return ground.identity(of);
      },
      ownDevices: {
        refresh: (generation: number) => Promise.resolve(void steps.push(`refresh ${generation}`)),
      },
    } as unknown as Ground,
    state.context.groupId,
    { epochMin: 0, shared: undefined, find: nothing },
  );
  assert.deepEqual(steps, ["refresh 2", "identity"]);
});

Deno.test("makeEntry() says that it takes nobody's place, too", async () => {
  const context = { kind: "group", admins: [alice.accountId] } as const;
  const [state] = await groupOf(context, [device(alice), device(bob)]) as [GroupState];
  const { describes } = await makeEntry(groundOf(state), state.context.groupId, {
    epochMin: 0,
    shared: undefined,
    find: nothing,
  });
  // Written over what an entry before it had said, which came to nothing.
  assert.deepEqual([describes.threadId.length, describes.predecessorId.length], [0, 0]);
});

Deno.test("joinByWelcome(): a group that may take nobody's place has a history of its own, whatever an entry had found", async () => {
  await using store = openMemoryStore();
  await ensureOwnDevice(store, { primitives, random });
  const phone = device(bob);
  const { keyPackage, message, reference, initPrivateKey, encryptionPrivateKey } =
    await keyPackageOf(phone);
  await store.transaction(async (transaction) => {
    const stored = { message, initPrivateKey, encryptionPrivateKey, isLastResort: false };
    const moments = { keepUntilMs: 2 ** 50, madeAtMs: 1, isPublished: true, firstUsedAtMs: 0 };
    const value = encodeStoredOwnPackage({ ...stored, ...moments });
    await Promise.resolve(transaction.put(ownPackageKey(suite.id, reference), value));
  });
  const nowMs = 1_700_000_000_000;
  const creator = await createGroup(suite, {
    identity: device(alice),
    lifetime: { notBefore: 1_699_990_000n, notAfter: 1_707_000_000n },
    random,
    extensions: [conversationExtension({ kind: "group", admins: [alice.accountId] })],
  });
  const { welcome } = await createCommit(creator, {
    random,
    nowMs,
    authenticate: (entering) => Promise.resolve(entering.map(() => true)),
    proposals: [{ kind: "add", keyPackage }],
  });
  const before = random.bytes(32);
  const live = {
    groupId: creator.context.groupId,
    isStored: true,
    commit: undefined,
    // An entry of this device that lost: it had found a group in whose place this one was to come.
    record: { ...NEW_CONVERSATION, version: 1, threadId: before, predecessorId: before },
    exclusive: <Result>(fn: () => Promise<Result>) => fn(),
    write: ({ record }: Parameters<LiveConversation["write"]>[0]) => {
      live.record = { ...live.record, ...record } as typeof live.record;
      return Promise.resolve();
    },
  };
  const ground = { ...entryGround(bob, creator), store, primitives, leaves, clock: systemClock };
  await joinByWelcome(ground, {
    live: live as unknown as LiveConversation,
    inboxEntry: {
      sequence: 1,
      acceptedAtMs: nowMs,
      channelId: creator.context.groupId,
      channelSequence: 1,
      welcome: welcome as Uint8Array,
      welcomeBytes: welcome?.length ?? 0,
    },
    sync: { incarnation: random.bytes(16), inboxAfter: 0 },
    find: nothing,
  });
  const { state, threadId, predecessorId } = live.record;
  assert.deepEqual([state, threadId.length, predecessorId.length], ["invited", 0, 0]);
});
