/** `qpq send`: one message, or one a line over one session. */
import { createHash } from "node:crypto";
import {
  type ConversationView,
  type MessageId,
  MessengerError,
  parseMessageId,
  type TextItem,
} from "@qpq/client";
import { findGroup, openDirectMessage, withoutSign } from "../conversations/actions.ts";
import { counted, itemJson, shownHandle } from "../conversations/describe.ts";
import { SendWindow } from "../conversations/send-window.ts";
import { catchUp, type Talk } from "../conversations/talk.ts";
import { inputLines, inputText, type ReadBytes } from "../input-lines.ts";
import { type ExitCode, UsageError } from "../output.ts";

export interface SendOptions {
  readonly to?: string;
  readonly group?: string;
  readonly all?: string;
  readonly id?: string;
  readonly queue?: boolean;
  readonly stdinLines?: boolean;
}

/** Milliseconds that a message of many waits for a server that is away. */
const AWAY_TIMEOUT_MS = 600_000;

/** @param options checked before anything is opened */
export function checkSendOptions(options: SendOptions, words: readonly string[]): void {
  const { to, group, all, id, queue = false, stdinLines = false } = options;
  const targets = [to, group, all].filter((target) => target !== undefined);
  if (targets.length !== 1) throw new UsageError("expected one of --to NAME and --group NAME");
  if (stdinLines && (words.length > 0 || queue)) {
    throw new UsageError("--stdin-lines takes no text and no --queue");
  }
  if (id !== undefined && !/^[0-9a-f]{32}$/i.test(id)) {
    throw new UsageError("--id: expected 32 hexadecimal digits");
  }
}

export async function runSend(
  talk: Talk,
  { options, words, read }: {
    readonly options: SendOptions;
    readonly words: readonly string[];
    readonly read: ReadBytes;
  },
): Promise<ExitCode> {
  checkSendOptions(options, words);
  if (options.stdinLines === true) {
    return await sendLines(talk, await partnerOf(talk, options), { read, id: options.id });
  }
  const text = words.length > 0 ? words.join(" ") : await inputText(read);
  if (text === "") throw new UsageError("expected a text, as words or on standard input");
  const view = await partnerOf(talk, options);
  const messageId = options.id === undefined
    ? {}
    : { messageId: parseMessageId(options.id.toLowerCase()) };
  const item = await talk.conversations.send(view.id, text, messageId);
  if (options.queue === true && item.state === "pending") {
    return told(talk, item, { view, word: "queued" });
  }
  return told(talk, await sent(talk, view, item.messageId), { view, word: "sent" });
}

/** Whom this device knows it knows without the server. */
async function partnerOf(
  talk: Talk,
  { to = "", group, all }: SendOptions,
): Promise<ConversationView> {
  const { conversations, reaching, timeoutMs } = talk;
  const name = group ?? all;
  const find = () =>
    name === undefined
      ? conversations.find(`@${withoutSign(to, "@")}`)
      : findGroup(conversations, name);
  try {
    return await find();
  } catch (error) {
    const isUnknown = error instanceof MessengerError && error.code === "conversations/unknown";
    if (!isUnknown) throw error;
  }
  if (name === undefined) {
    return await reaching(async () =>
      (await openDirectMessage(conversations, to, { timeoutMs })).view
    );
  }
  // It may have been invited into just now.
  await catchUp(talk);
  return await find();
}

/** It was waited for in vain: for the server, or for a conversation that this device can't follow for now. */
const STILL_WAITS: ReadonlySet<string> = new Set(["transport/unreachable", "rpc/deadline"]);

async function sent(
  { conversations, reaching, timeoutMs }: Talk,
  view: ConversationView,
  messageId: MessageId,
): Promise<TextItem> {
  try {
    return await reaching(() => conversations.waitUntilSent(view.id, messageId, { timeoutMs }));
  } catch (error) {
    if (!(error instanceof MessengerError && STILL_WAITS.has(error.code))) throw error;
    throw new MessengerError(
      error.code,
      `${error.message}. The message is kept, and goes out when qpq runs next (id ${messageId})`,
      { cause: error },
    );
  }
}

function told(
  { output }: Talk,
  item: TextItem,
  { view, word }: { readonly view: ConversationView; readonly word: string },
): ExitCode {
  const text = `${word}: to ${shownHandle(view)}, id ${item.messageId}`;
  output.print([[{ text }]], [itemJson(item, view)]);
  return 0;
}

/** Each line is a message; an empty one is none. With an id each has one of its own, by its number. */
async function sendLines(
  talk: Talk,
  view: ConversationView,
  { read, id }: { readonly read: ReadBytes; readonly id: string | undefined },
): Promise<ExitCode> {
  const { conversations, output } = talk;
  let sentCount = 0;
  let failedCount = 0;
  const window = new SendWindow({
    conversations,
    waiting: { timeoutMs: AWAY_TIMEOUT_MS },
    onSent: (item) => {
      sentCount++;
      output.print([], [itemJson(item, view)]);
    },
    onFailed: (error) => {
      failedCount++;
      output.fail(error);
    },
  });
  try {
    let number = 0;
    for await (const line of inputLines(read)) {
      number++;
      const options = id === undefined ? {} : { messageId: idOfLine(id, number) };
      if (line !== "") await window.send(view.id, line, options);
    }
  } finally {
    await window.drained();
  }
  const failed = failedCount === 0 ? "" : `; ${failedCount} failed`;
  output.print([[{
    text: `sent: ${counted(sentCount, "message")} to ${shownHandle(view)}${failed}`,
  }]]);
  return failedCount === 0 ? 0 : 1;
}

function idOfLine(id: string, number: number): MessageId {
  const digest = createHash("sha256").update(`${id.toLowerCase()} ${number}`).digest("hex");
  return parseMessageId(digest.slice(0, 32));
}
