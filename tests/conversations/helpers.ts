import assert from "node:assert/strict";
import type { Client, ConversationId, ConversationView, HistoryItem, Waiting } from "@qpq/client";
import { type ErrorCode, MessengerError } from "@qpq/ports";
import type { ConversationWorld } from "./world.ts";

/** For everything that waits here: generous, so that a slow machine changes no outcome. */
export const PATIENCE = { timeoutMs: 60_000 } as const;

/** What a history says, a line an entry. */
export function linesOf(items: readonly HistoryItem[]): readonly string[] {
  return items.map((item) => {
    if (item.kind === "text") return `${item.author.name}: ${item.text}`;
    const { kind, ...rest } = item.notice;
    return `* ${[kind, ...Object.values(rest).flat()].join(" ")}`;
  });
}

export async function historyOf(client: Client, id: ConversationId): Promise<readonly string[]> {
  return linesOf((await client.conversations.history(id)).items);
}

/** Only what people wrote. */
export async function textsOf(client: Client, id: ConversationId): Promise<readonly string[]> {
  return (await historyOf(client, id)).filter((line) => !line.startsWith("*"));
}

/** Resolves when `isSo`, asked again after every event of the client. */
export async function until(
  client: Client,
  isSo: () => Promise<boolean> | boolean,
): Promise<void> {
  const signal = AbortSignal.timeout(PATIENCE.timeoutMs);
  if (await isSo()) return;
  for await (const _ of client.conversations.events({ after: 0, signal })) {
    if (await isSo()) return;
  }
  if (await isSo()) return;
  throw new Error("it did not come to pass");
}

/** Waits for a conversation of that handle and state. */
export async function conversation(
  client: Client,
  handle: string,
  state: ConversationView["state"] = "active",
): Promise<ConversationView> {
  let found: ConversationView | undefined;
  await until(client, async () => {
    found = await client.conversations.find(handle).catch(() => undefined);
    return found?.state === state;
  });
  assert.ok(found !== undefined);
  return found;
}

/** Waits until that text of that name is in the history. */
export async function received(client: Client, id: ConversationId, line: string): Promise<void> {
  // Before its Welcome has come there is no such conversation.
  await until(
    client,
    async () => (await historyOf(client, id).catch((): readonly string[] => [])).includes(line),
  );
}

/** A group of alice's that bob has joined. */
export async function climbing(alice: Client, bob: Client): Promise<ConversationId> {
  const { conversation: { id } } = await alice.conversations.createGroup({
    name: "climbing",
    invite: ["bob"],
    ...PATIENCE,
  });
  await conversation(bob, "#climbing", "invited");
  await bob.conversations.join(id);
  return id;
}

/** Sends, and waits until the server has it: for so long by the clock of the client. */
export async function say(
  client: Client,
  id: ConversationId,
  text: string,
  patience: Waiting = PATIENCE,
): Promise<void> {
  const { messageId } = await client.conversations.send(id, text);
  await client.conversations.waitUntilSent(id, messageId, patience);
}

/** Alice, who is the admin, bob and carol, in #climbing. */
export async function trio(world: ConversationWorld, patience: Waiting = PATIENCE) {
  const alice = await world.client("alice");
  const bob = await world.client("bob");
  const carol = await world.client("carol");
  const { conversation: { id } } = await alice.conversations.createGroup({
    name: "climbing",
    invite: ["bob", "carol"],
    ...patience,
  });
  for (const client of [bob, carol]) {
    await conversation(client, "#climbing", "invited");
    await client.conversations.join(id);
  }
  return { alice, bob, carol, id };
}

export async function refusedWith(code: ErrorCode, run: Promise<unknown>): Promise<void> {
  try {
    await run;
  } catch (error) {
    if (!(error instanceof MessengerError)) throw error;
    assert.equal(error.code, code, error.message);
    return;
  }
  assert.fail(`not refused: ${code}`);
}
