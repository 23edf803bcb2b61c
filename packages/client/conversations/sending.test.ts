import assert from "node:assert/strict";
import { createManualClock, createSeededRandom } from "@qpq/adapters";
import { MessengerError, silentLog } from "@qpq/ports";
import { QUEUED_COUNT_MAX } from "../../features/messages/thread.ts";
import type { Ground } from "./ground.ts";
import type { LiveConversation } from "./live-conversation.ts";
import { Sender } from "./sending.ts";

/** A conversation that somebody else holds for ever. */
function world() {
  const closing = new AbortController();
  const ground = {
    clock: createManualClock(),
    random: createSeededRandom(1),
    log: silentLog,
    signal: closing.signal,
    fail: (error: unknown) => {
      throw error;
    },
  };
  const live = { exclusive: () => new Promise<never>(() => {}) };
  const sender = new Sender(
    ground as unknown as Ground,
    live as unknown as LiveConversation,
    {
      isCaughtUp: () => true,
      blockedBy: () => Promise.resolve([]),
      isJudged: () => true,
      needsCommit: () => {},
    } as unknown as ConstructorParameters<typeof Sender>[2],
  );
  return { closing, sender };
}

Deno.test("send() holds no more than may be queued for a conversation that takes its time", async () => {
  const { sender } = world();
  for (let count = 0; count < QUEUED_COUNT_MAX; count++) {
    void sender.send(`text ${count}`, undefined);
  }
  await assert.rejects(
    Promise.race([sender.send("one more", undefined), waitsForEver()]),
    { code: "conversations/queue-full" },
  );
});

Deno.test("send() fails at once when the client is closed, with what closed it", async () => {
  const { closing, sender } = world();
  closing.abort(new MessengerError("store/disk-full", "Cannot go on (injected)"));
  await assert.rejects(
    Promise.race([sender.send("too late", undefined), waitsForEver()]),
    { code: "store/disk-full" },
  );
});

/** Later than everything that is ready to run. */
function waitsForEver(): Promise<string> {
  return new Promise((resolve) => setTimeout(() => resolve("it waits"), 0));
}
