import { createManualClock } from "@qpq/adapters";
import { MessengerError, silentLog } from "@qpq/ports";
import assert from "node:assert/strict";
import type { Ground } from "./ground.ts";
import { NEW_CONVERSATION } from "./joining.ts";
import type { LiveConversation } from "./live-conversation.ts";
import { Sharing } from "./sharing.ts";

Deno.test("note(): what could not be told, or changed while it was, is told later", async () => {
  const clock = createManualClock();
  const asked: PromiseWithResolvers<never>[] = [];
  const ground = {
    clock,
    log: silentLog,
    signal: new AbortController().signal,
    fail: (error: unknown) => {
      throw error;
    },
    // The directory is read before it is written.
    store: {
      snapshot: () => {
        asked.push(Promise.withResolvers());
        return asked.at(-1)?.promise;
      },
    },
  };
  const away = new MessengerError("rpc/disconnected", "injected");
  const told: string[] = [];
  const live = (id: string, group = id) =>
    ({
      id,
      groupId: new Uint8Array(32),
      record: NEW_CONVERSATION,
      get state() {
        told.push(group);
        return undefined;
      },
    }) as unknown as LiveConversation;
  const sharing = new Sharing(ground as unknown as Ground);
  sharing.note(live("one"));
  sharing.note(live("two"));
  await clock.advance(3_000);
  assert.equal(asked.length, 1);
  // Nothing else changes, and it is tried again: not at once.
  asked[0]?.reject(away);
  await clock.advance(59_000);
  assert.equal(asked.length, 1);
  await clock.advance(1_000);
  assert.equal(asked.length, 2);
  sharing.note(live("three"));
  // Another group comes in the place of the second one's.
  sharing.note(live("two", "two's successor"));
  asked[1]?.reject(away);
  told.length = 0;
  await clock.advance(60_000);
  assert.equal(asked.length, 3);
  assert.deepEqual([...new Set(told)].sort(), ["one", "three", "two's successor"]);
});
