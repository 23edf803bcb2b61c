import type { GroupState } from "@qpq/mls";
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
