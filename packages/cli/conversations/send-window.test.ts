import assert from "node:assert/strict";
import type { ConversationId, Conversations, MessageId, TextItem } from "@qpq/client";
import { MessengerError } from "@qpq/ports";
import { SendWindow } from "./send-window.ts";

const ID = "ab".repeat(16) as ConversationId;

interface Sent {
  readonly window: SendWindow;
  /** Texts whose outcomes were told; those that failed in brackets. */
  readonly told: readonly string[];
  /** Ends the wait for a text. */
  readonly settle: (text: string, error?: MessengerError) => void;
  readonly queued: readonly string[];
}

function open(refuse: (text: string) => MessengerError | undefined = () => undefined): Sent {
  const told: string[] = [];
  const queued: string[] = [];
  const waits = new Map<string, PromiseWithResolvers<TextItem>>();
  const wait = (text: string): PromiseWithResolvers<TextItem> => {
    const known = waits.get(text) ?? Promise.withResolvers<TextItem>();
    waits.set(text, known);
    return known;
  };
  const conversations = {
    send: (_: ConversationId, text: string) => {
      const error = refuse(text);
      if (error !== undefined) return Promise.reject(error);
      queued.push(text);
      return Promise.resolve({ messageId: text as MessageId, text } as TextItem);
    },
    waitUntilSent: (_: ConversationId, messageId: MessageId) => wait(messageId).promise,
    waitUntilAllSent: () => Promise.resolve(),
  } as Partial<Conversations> as Conversations;
  const window = new SendWindow({
    conversations,
    waiting: {},
    onSent: ({ text }) => told.push(text),
    onFailed: (_, text) => told.push(`[${text}]`),
  });
  return {
    window,
    told,
    queued,
    settle: (text, error) =>
      error === undefined ? wait(text).resolve({ text } as TextItem) : wait(text).reject(error),
  };
}

Deno.test("SendWindow tells outcomes in the order of sending, whichever comes first", async () => {
  const { window, told, settle } = open((text) =>
    text === "two" ? new MessengerError("too-large", "Cannot send") : undefined
  );
  for (const text of ["one", "two", "three"]) await window.send(ID, text);
  settle("three");
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert.deepEqual(told, []);
  settle("one", new MessengerError("conversations/not-active", "Cannot send"));
  await window.drained();
  assert.deepEqual(told, ["[one]", "[two]", "three"]);
});

Deno.test("SendWindow waits while the queue is full, and while too many are outstanding", async () => {
  let isFull = false;
  const { window, told, queued, settle } = open(() =>
    isFull ? new MessengerError("conversations/queue-full", "Cannot send") : undefined
  );
  await window.send(ID, "0");
  isFull = true;
  const second = window.send(ID, "1");
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert.deepEqual(queued, ["0"]);
  isFull = false;
  settle("0");
  await second;
  assert.deepEqual(queued, ["0", "1"]);
  for (let index = 2; index < 257; index++) await window.send(ID, `${index}`);
  const beyond = window.send(ID, "257");
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert.equal(queued.length, 257);
  settle("1");
  await beyond;
  assert.equal(queued.length, 258);
  for (let index = 2; index <= 257; index++) settle(`${index}`);
  await window.drained();
  assert.equal(told.length, 258);
});
