import assert from "node:assert/strict";
import { createManualClock, createSeededRandom } from "@qpq/adapters";
import { MessengerError, silentLog } from "@qpq/ports";
import { QUEUED_COUNT_MAX } from "../../features/messages/thread.ts";
import type { Ground } from "./ground.ts";
import type { LiveConversation } from "./live-conversation.ts";
import { NEW_CONVERSATION } from "./joining.ts";
import { Sender } from "./sending.ts";

/** @param live default: a conversation that somebody else holds for ever */
function world(
  live: Partial<LiveConversation> = { exclusive: () => new Promise<never>(() => {}) },
  successor?: Sender,
) {
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
  const sender = new Sender(
    ground as unknown as Ground,
    live as unknown as LiveConversation,
    {
      isCaughtUp: () => true,
      blockedBy: () => Promise.resolve([]),
      isJudged: () => true,
      needsCommit: () => {},
      successor: () => successor,
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

Deno.test("send() hands what it was given to the group that has come in the place of its own", async () => {
  const lane = <Result>(fn: () => Promise<Result>): Promise<Result> => fn();
  const next = { ...NEW_CONVERSATION, state: "active", strangers: [new Uint8Array(16)] } as const;
  const { sender: successor } = world({ exclusive: lane, record: next, queue: new Map() });
  const old = { ...NEW_CONVERSATION, state: "closed", successorId: new Uint8Array(32) } as const;
  const { sender } = world({ exclusive: lane, record: old, queue: new Map() }, successor);
  const sent = [sender.send("one", undefined), sender.send("two", undefined)];
  // Refused, or not, for what the other group is.
  const refused = { code: "devices/unknown-own-device" };
  await Promise.all(sent.map((each) => assert.rejects(each, refused)));
});

/** Later than everything that is ready to run. */
function waitsForEver(): Promise<string> {
  return new Promise((resolve) => setTimeout(() => resolve("it waits"), 0));
}
