import { createManualClock } from "@qpq/adapters";
import { createGroupInfo, type GroupState } from "@qpq/mls";
import { type ErrorCode, MessengerError } from "@qpq/ports";
import assert from "node:assert/strict";
import { account, device, groupOf, random } from "../../features/groups/test/groups.ts";
import type { NewNotice, ThreadWriter } from "../../features/messages/thread.ts";
import type { Ground } from "./ground.ts";
import { NEW_CONVERSATION } from "./joining.ts";
import type { LiveConversation } from "./live-conversation.ts";
import { reconcile } from "./restoring.ts";

const [alice, bob] = [account("alice"), account("bob")] as const;
const context = { kind: "group", admins: [alice.accountId] } as const;
const incarnation = random.bytes(16);

async function stateOf(): Promise<GroupState> {
  const [state] = await groupOf(context, [device(alice), device(bob)]);
  return state as GroupState;
}

interface Before {
  readonly record?: Partial<LiveConversation["record"]>;
  readonly state?: GroupState;
  readonly call?: "create" | "commit" | "enter";
  /** What the server has. */
  readonly found?: { readonly epoch: number; readonly sequence: number } | ErrorCode;
  readonly serverState?: GroupState;
}

/** One conversation, in a run that meets a server which was restored. */
function restored(
  { record, state, call, found = "channels/not-a-member", serverState = state }: Before,
) {
  const notices: string[] = [];
  const thread = {
    addNotice: ({ kind, count }: NewNotice) => void notices.push(`${kind} ${count}`),
    noteConversation: () => {},
  };
  const live = {
    groupId: random.bytes(32),
    isStored: true,
    record: { ...NEW_CONVERSATION, state: "active", cursor: 9, ...record },
    state,
    commit: call === undefined ? undefined : { stored: { call, entryId: random.bytes(16) } },
    exclusive: <Result>(fn: () => Promise<Result>) => fn(),
    write: async (change: Parameters<LiveConversation["write"]>[0]) => {
      live.record = { ...live.record, ...change.record };
      if (change.commit === "lost") live.commit = undefined;
      await change.history?.(thread as unknown as ThreadWriter);
    },
  };
  const ground = {
    clock: createManualClock(),
    signal: new AbortController().signal,
    calls: {
      members: () =>
        typeof found === "object"
          ? Promise.resolve({ ...found, accounts: [], successor: new Uint8Array() })
          : Promise.reject(new MessengerError(found, "injected")),
      groupInfo: async () => ({ groupInfo: await createGroupInfo(serverState as GroupState) }),
    },
  };
  const run = () =>
    reconcile(ground as unknown as Ground, live as unknown as LiveConversation, incarnation);
  return { live, notices, run };
}

Deno.test("reconcile() says once what a restore has taken, however often it is begun", async () => {
  const state = await stateOf();
  const { live, notices, run } = restored({ state, found: { epoch: 1, sequence: 4 } });
  assert.equal(await run(), undefined);
  assert.deepEqual([live.record.state, live.record.cursor], ["active", 4]);
  assert.deepEqual(notices, ["gap 5"]);
  // The connection ends before the next conversation is done.
  live.record = { ...live.record, cursor: 6 };
  await run();
  assert.equal(live.record.cursor, 6);
  assert.deepEqual(notices, ["gap 5"]);
});

Deno.test("reconcile() stays in no epoch that the server has gone back behind, or has another one of", async () => {
  const state = await stateOf();
  const outcome = async (before: Before): Promise<string> => {
    const { live, run } = restored({ state, call: "commit", ...before });
    const lost = await run();
    assert.equal(lost === undefined, live.commit !== undefined);
    return `${live.record.state} ${live.commit === undefined ? "lost" : "waits"}`;
  };
  const found = { epoch: 1, sequence: 9 };
  assert.equal(await outcome({ found }), "active waits");
  assert.equal(await outcome({ found: { ...found, epoch: 0 } }), "broken lost");
  assert.equal(await outcome({ found: "channels/not-a-member" }), "broken lost");
  assert.equal(await outcome({ found, serverState: await stateOf() }), "broken lost");
  await assert.rejects(outcome({ found: "rpc/disconnected" }), { code: "rpc/disconnected" });
});

Deno.test("reconcile() leaves alone what is being made, and has made anew what would be entered", async () => {
  const state = await stateOf();
  const making = restored({ state, call: "create", record: { state: "joining", cursor: 0 } });
  assert.equal(await making.run(), undefined);
  assert.equal(making.live.record.state, "joining");
  assert.ok(making.live.commit !== undefined);
  for (const stands of ["joining", "removed"] as const) {
    const entering = restored({ call: "enter", record: { state: stands } });
    assert.ok(await entering.run() !== undefined);
    assert.equal(entering.live.record.state, stands);
    assert.equal(entering.live.commit, undefined);
    assert.deepEqual(entering.notices, []);
  }
});
