import { createManualClock } from "@qpq/adapters";
import assert from "node:assert/strict";
import { encodeStoredConversation } from "../../features/groups/groups.gen.ts";
import { account, device, groupOf, random } from "../../features/groups/test/groups.ts";
import type { NewNotice, ThreadWriter } from "../../features/messages/thread.ts";
import type { Ground } from "./ground.ts";
import { NEW_CONVERSATION } from "./joining.ts";
import type { Change, LiveConversation } from "./live-conversation.ts";
import { Trust } from "./trust.ts";

const alice = account("alice");
const bob = account("bob");

Deno.test("judge(): any number of unknown own devices is one alarm, and is stored", async () => {
  const [, atBob] = await groupOf({ kind: "group", admins: [alice.accountId] }, [
    device(alice),
    device(bob),
  ]);
  // Whoever makes a group puts into it what it takes: ids are not proven to be one device's.
  const strangers = Array.from({ length: 4_000 }, () => random.bytes(16));
  strangers.push(...strangers.slice(0, 10));
  const notices: NewNotice[] = [];
  let writes = 0;
  const live = {
    state: atBob,
    record: { ...NEW_CONVERSATION, state: "active" as const },
    noteRevoked: () => {},
    write: async ({ record, history }: Change) => {
      writes++;
      live.record = { ...live.record, ...record } as typeof live.record;
      encodeStoredConversation(live.record);
      const thread = {
        addNotice: (notice: NewNotice) => void notices.push(notice),
        noteConversation: () => {},
      };
      await history?.(thread as unknown as ThreadWriter);
    },
  };
  const ground = {
    clock: createManualClock(),
    own: { name: "bob" },
    ownDevices: {
      counter: 7,
      judge: () => ({ counter: 7, revoked: [], strangers, isFinal: true, rank: 0 }),
    },
  } as unknown as Ground;
  const trust = new Trust(ground, live as unknown as LiveConversation, { onBehind: () => {} });
  await trust.judge();
  assert.deepEqual(notices, [{ kind: "unknown-device", name: "bob" }]);
  assert.ok(live.record.strangers.length > 0 && !trust.isJudged);
  // The same again is nothing new.
  await trust.judge();
  assert.equal(writes, 1);
});
