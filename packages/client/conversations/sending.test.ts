import assert from "node:assert/strict";
import { createManualClock, createSeededRandom } from "@qpq/adapters";
import { MessengerError, silentLog } from "@qpq/ports";
import { QUEUED_COUNT_MAX, type ThreadWriter } from "../../features/messages/thread.ts";
import type { Ground } from "./ground.ts";
import type { LiveConversation } from "./live-conversation.ts";
import type { GroupState } from "@qpq/mls";
import { account, device, groupOf } from "../../features/groups/test/groups.ts";
import { NEW_CONVERSATION } from "./joining.ts";
import { NOT_ENCRYPTED } from "./queueing.ts";
import { Sender } from "./sending.ts";

const EMPTY = new Uint8Array();

/** @param live default: a conversation that somebody else holds for ever */
function world(
  live: Partial<LiveConversation> = { exclusive: () => new Promise<never>(() => {}) },
  successor?: Sender,
  isBlocked = false,
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
      blockedBy: () => Promise.resolve(isBlocked ? ["bob"] : []),
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

/** What a device that leaves encrypts of a text and a wish to go behind it, by their places. */
async function encryptedByLeaver(
  { isBlocked = false, hasText = true, hasAsked = false, ...change }: {
    readonly isBlocked?: boolean;
    /** The wish has gone out. */
    readonly hasAsked?: boolean;
    readonly hasText?: boolean;
    readonly owesCommit?: boolean;
    readonly needsUpdate?: boolean;
  },
): Promise<readonly number[]> {
  const { owesCommit = false, needsUpdate = false } = change;
  const [alice, bob] = [account("alice"), account("bob")];
  const context = { kind: "group", admins: [alice.accountId] } as const;
  const [, state] = await groupOf(context, [device(alice), device(bob)]) as GroupState[];
  const nothing = { ...NOT_ENCRYPTED, position: 0, messageId: EMPTY, body: EMPTY };
  const waiting = hasAsked ? { ...nothing, entryId: new Uint8Array(16), sequence: 7 } : nothing;
  const text = { ...nothing, messageId: new Uint8Array(16), body: new Uint8Array(40) };
  const encrypted: number[] = [];
  const done = Promise.withResolvers<void>();
  const thread = { requeue: (order: number) => void encrypted.push(order) };
  const live = {
    record: { ...NEW_CONVERSATION, state: "leaving", needsUpdate },
    state,
    commit: undefined,
    owesCommit: owesCommit || needsUpdate,
    revokedLeaves: [],
    queue: new Map(hasText ? [[1, text], [2, waiting]] : [[2, waiting]]),
    exclusive: async (fn: () => Promise<void>) => {
      await fn();
      done.resolve();
    },
    setQueued: () => {},
    write: async ({ history }: Parameters<LiveConversation["write"]>[0]) => {
      await history?.(thread as unknown as ThreadWriter);
    },
  };
  const { sender } = world(live as unknown as LiveConversation, undefined, isBlocked);
  sender.kick();
  await done.promise;
  return encrypted;
}

Deno.test("a wish to leave goes out whatever keeps texts from it, and else behind them", async () => {
  assert.deepEqual(await encryptedByLeaver({}), [1, 2]);
  assert.deepEqual(await encryptedByLeaver({ isBlocked: true }), [2]);
  assert.deepEqual(await encryptedByLeaver({ needsUpdate: true }), [2]);
  // Once it has gone out, nothing comes behind it in its epoch.
  assert.deepEqual(await encryptedByLeaver({ hasAsked: true }), []);
  // Somebody else wants to leave: the texts go when that is done.
  assert.deepEqual(await encryptedByLeaver({ owesCommit: true }), []);
  assert.deepEqual(await encryptedByLeaver({ owesCommit: true, hasText: false }), [2]);
});

/** Later than everything that is ready to run. */
function waitsForEver(): Promise<string> {
  return new Promise((resolve) => setTimeout(() => resolve("it waits"), 0));
}
