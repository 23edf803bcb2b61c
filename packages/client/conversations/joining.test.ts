import { createGroupInfo, EXTENSION_TYPE, type GroupState, ratchetTree } from "@qpq/mls";
import { systemClock } from "@qpq/adapters";
import assert from "node:assert/strict";
import { account, device, groupOf, random } from "../../features/groups/test/groups.ts";
import { entryGround } from "../test/entry-ground.ts";
import type { Ground } from "./ground.ts";
import { makeEntry } from "./joining.ts";

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
