import assert from "node:assert/strict";
import { type GroupState, membersOf } from "@qpq/mls";
import { type CheckedContext, directMessageContext } from "../../features/groups/context.ts";
import {
  account,
  device,
  groupOf,
  leaves,
  random,
  type TestAccount,
} from "../../features/groups/test/groups.ts";
import { NEW_CONVERSATION } from "./joining.ts";
import type { LiveConversation } from "./live-conversation.ts";
import { inheritedBy, mayFollow, type Successor, takingPlaceOf } from "./succession.ts";

const [alice, bob, carol] = ["alice", "bob", "carol"].map((name) => account(name)) as [
  TestAccount,
  TestAccount,
  TestAccount,
];
const ofAlice = { kind: "group", admins: [alice.accountId] } as const;

async function stateOf(context: CheckedContext, members: readonly TestAccount[]) {
  const [first, ...rest] = members.map((each) => device(each));
  const [state] = await groupOf(context, [first as NonNullable<typeof first>, ...rest]);
  return state as GroupState;
}

async function successorOf(
  { context }: GroupState,
  members: readonly TestAccount[],
  change: Partial<Pick<CheckedContext, "admins">> = {},
): Promise<Successor> {
  const next = await stateOf(ofAlice, members);
  const { groupId, epoch, confirmedTranscriptHash } = context;
  const predecessor = { groupId, epoch: Number(epoch), confirmedTranscriptHash };
  return {
    context: { ...ofAlice, predecessor, ...change },
    devices: membersOf(await next.tree.load()).map(({ leafNode }) => leaves.open(leafNode)),
    creatorId: alice.accountId,
  };
}

Deno.test("mayFollow(): a conversation goes on in the group that one of its admins makes of its members", async () => {
  const old = await stateOf(ofAlice, [alice, bob]);
  const good = await successorOf(old, [alice, bob]);
  const { context } = good;
  const { predecessor } = context as { predecessor: NonNullable<CheckedContext["predecessor"]> };
  const isTaken = (change: Partial<Successor>) => mayFollow(old, leaves, { ...good, ...change });
  const named = (change: Partial<typeof predecessor>) =>
    isTaken({ context: { ...context, predecessor: { ...predecessor, ...change } } });
  assert.ok(isTaken({}));
  // Who enters by itself sees no creator.
  assert.ok(isTaken({ creatorId: undefined }));
  // Then an admin is inside: a member who is none can't name one that it leaves out.
  const without = await successorOf(old, [bob]);
  assert.ok(!mayFollow(old, leaves, { ...without, creatorId: undefined }));
  // Not all need to be in it.
  assert.ok(mayFollow(old, leaves, await successorOf(old, [alice])));
  assert.ok(!mayFollow(old, leaves, await successorOf(old, [alice, bob, carol])));
  assert.ok(!isTaken({ creatorId: bob.accountId }));
  assert.ok(!isTaken({ context: { ...context, admins: [bob.accountId] } }));
  assert.ok(!isTaken({ context: ofAlice }));
  assert.ok(!named({ groupId: random.bytes(32) }));
  // A fork is one where this device was; of what was before or comes later it can't tell.
  assert.ok(!named({ confirmedTranscriptHash: random.bytes(48) }));
  assert.ok(named({ epoch: 0, confirmedTranscriptHash: random.bytes(48) }));
  assert.ok(named({ epoch: 9, confirmedTranscriptHash: random.bytes(48) }));
  const direct = { ...directMessageContext(alice.accountId, bob.accountId), predecessor };
  assert.ok(!isTaken({ context: direct }));
});

Deno.test("mayFollow(): nobody takes a conversation over with ids that are its members' and keys that are not", async () => {
  const old = await stateOf(ofAlice, [alice, bob]);
  // A server that makes a group of its own: ids are drawn by clients, anybody can certify any of them.
  const forged = account("alice", alice.accountId);
  const fake = await successorOf(old, [forged, bob]);
  assert.ok(!mayFollow(old, leaves, fake));
  assert.ok(!mayFollow(old, leaves, { ...fake, creatorId: undefined }));
  const stranger = await successorOf(old, [alice, account("bob", bob.accountId)]);
  assert.ok(!mayFollow(old, leaves, stranger));
  // Another key that the user knows of is none.
  assert.ok(
    mayFollow(old, leaves, { ...fake, isKnown: ({ accountName }) => accountName === "alice" }),
  );
  // But nobody comes in because one knows who it is.
  const more = await successorOf(old, [alice, bob, carol]);
  assert.ok(!mayFollow(old, leaves, { ...more, isKnown: () => true }));
});

Deno.test("mayFollow(): a direct message goes on between the same two", async () => {
  const old = await stateOf(directMessageContext(alice.accountId, bob.accountId), [alice, bob]);
  const good = await successorOf(old, [alice, bob]);
  const { predecessor } = good.context;
  const between = (one: TestAccount, other: TestAccount, creatorId = bob.accountId) => {
    const sides = directMessageContext(one.accountId, other.accountId);
    const context = { ...sides, ...predecessor === undefined ? {} : { predecessor } };
    return mayFollow(old, leaves, { ...good, context, creatorId });
  };
  assert.ok(between(bob, alice));
  assert.ok(between(alice, bob, alice.accountId));
  assert.ok(!between(alice, bob, carol.accountId));
  assert.ok(!between(alice, carol));
  assert.ok(!mayFollow(old, leaves, { ...good, creatorId: alice.accountId }));
  const sides = { ...directMessageContext(alice.accountId, bob.accountId), predecessor };
  const forged = await successorOf(old, [alice, account("bob", bob.accountId)]);
  assert.ok(!mayFollow(old, leaves, { ...forged, context: sides as CheckedContext }));
});

Deno.test("takingPlaceOf() follows no conversation that another group was faster to follow", async () => {
  for (const isFaster of [false, true]) {
    const live = {
      record: { ...NEW_CONVERSATION, state: "closed" },
      exclusive: (fn: () => Promise<unknown>) => {
        // It waits for its turn, and the other one was before.
        const successorId = isFaster ? random.bytes(32) : new Uint8Array();
        live.record = { ...live.record, successorId };
        return fn();
      },
    };
    const old = live as unknown as LiveConversation;
    const taken = await takingPlaceOf(old, (each) => Promise.resolve(each));
    assert.equal(taken, isFaster ? undefined : old);
  }
  assert.equal(await takingPlaceOf(undefined, (each) => Promise.resolve(each)), undefined);
});

Deno.test("inheritedBy(): who was leaving is, and who was invited is asked, also when the group was closed first", () => {
  const groupId = random.bytes(32);
  const inherited = (record: Partial<LiveConversation["record"]>) =>
    inheritedBy({
      record: { ...NEW_CONVERSATION, ...record },
      groupId,
      threadId: groupId,
    } as unknown as LiveConversation).state;
  for (const stood of ["invited", "leaving", "active"] as const) {
    assert.equal(inherited({ state: stood }), stood);
    for (const state of ["closed", "broken"] as const) {
      assert.equal(inherited({ state, stood }), stood);
    }
  }
});
