import { createManualClock } from "@qpq/adapters";
import { createGroupInfo, type GroupState, joinByExternalCommit } from "@qpq/mls";
import { silentLog } from "@qpq/ports";
import assert from "node:assert/strict";
import type { Entry } from "../../features/channels/client.ts";
import { authenticateWith } from "../../features/groups/rules.ts";
import {
  account,
  claim,
  device,
  groupOf,
  leaves,
  random,
  suite,
  type TestAccount,
} from "../../features/groups/test/groups.ts";
import { decodeBody } from "../../features/messages/body.ts";
import type { StoredQueued } from "../../features/messages/history.ts";
import type { ThreadWriter } from "../../features/messages/thread.ts";
import type { Ground } from "./ground.ts";
import { NEW_CONVERSATION } from "./joining.ts";
import type { LiveConversation } from "./live-conversation.ts";
import { receiveEntries } from "./receiving.ts";

const [alice, bob] = [account("alice"), account("bob")] as const;

/** What one transaction of a member's stores when it takes an entry in. */
async function stored(own: TestAccount, state: GroupState, entry: Entry) {
  const written: { cursor: number | undefined; epoch: bigint | undefined; told: string[] }[] = [];
  const queue = new Map<number, StoredQueued>();
  const live = {
    record: { ...NEW_CONVERSATION, state: "active", name: "climbing" },
    state,
    queue,
    failedAt: 0,
    commit: undefined,
    takeOrders: () => [1],
    setQueued: (order: number, queued: StoredQueued) => queue.set(order, queued),
    write: async (change: Parameters<LiveConversation["write"]>[0]) => {
      const told: string[] = [];
      const thread = {
        addNotice: () => {},
        noteConversation: () => {},
        enqueue: (_: number, { body }: StoredQueued) => {
          const { kind } = decodeBody(body);
          told.push(kind);
        },
      };
      await change.history?.(thread as unknown as ThreadWriter);
      const after = change.state === "gone" ? undefined : change.state;
      written.push({ cursor: change.record?.cursor, epoch: after?.context.epoch, told });
    },
  };
  const ground = {
    clock: createManualClock(),
    random,
    log: silentLog,
    leaves,
    own: { accountId: own.accountId, name: own.name, accountKey: own.keys.publicKey },
    guard: { isCareful: () => false, mayTry: () => Promise.resolve(true) },
    ownDevices: { judge: () => ({ counter: 1, revoked: [], strangers: [] }) },
  };
  await receiveEntries(ground as unknown as Ground, live as unknown as LiveConversation, {
    entries: [entry],
    find: () => Promise.resolve(undefined),
  });
  return { written, queue };
}

Deno.test("receiveEntries() queues the group's name for who has entered in the transaction that lets it in", async () => {
  const context = { kind: "group", admins: [alice.accountId] } as const;
  const [atAlice, atBob] = await groupOf(context, [device(alice), device(bob)]) as [
    GroupState,
    GroupState,
  ];
  const { commit } = await joinByExternalCommit(suite, await createGroupInfo(atAlice), {
    identity: device(bob),
    random,
    authenticate: authenticateWith(leaves),
    authenticatedData: claim({ added: [], removed: [] }),
  });
  const entry: Entry = {
    sequence: 1,
    kind: "commit",
    acceptedAtMs: 1_001,
    entryId: random.bytes(16),
    message: commit,
    messageBytes: commit.length,
  };
  const epoch = atAlice.context.epoch + 1n;
  // A crash can't come between: it is told after any restart, as whatever is queued is sent.
  const first = await stored(alice, atAlice, entry);
  assert.deepEqual(first.written, [{ cursor: 1, epoch, told: ["group-name"] }]);
  assert.equal(first.queue.size, 1);
  // One does it: the member with the lowest leaf.
  const second = await stored(bob, atBob, entry);
  assert.deepEqual(second.written, [{ cursor: 1, epoch, told: [] }]);
  assert.equal(second.queue.size, 0);
});
