import assert from "node:assert/strict";
import { openMemoryStore } from "@qpq/adapters";
import { putConversation } from "../../features/groups/group-store.ts";
import { ThreadWriter } from "../../features/messages/thread.ts";
import type { Ground } from "./ground.ts";
import { NEW_CONVERSATION } from "./joining.ts";
import { tellEvents } from "./telling.ts";

Deno.test("tellEvents() tells of no conversation that is not there to be asked for", async () => {
  const store = openMemoryStore();
  const ground = { store, signal: new AbortController().signal } as unknown as Ground;
  const note = async (first: number, record: Partial<typeof NEW_CONVERSATION> | undefined) => {
    const groupId = new Uint8Array(16).fill(first);
    await store.transaction(async (transaction) => {
      if (record !== undefined) {
        putConversation(transaction, groupId, { ...NEW_CONVERSATION, ...record });
      }
      const thread = await ThreadWriter.open(transaction, groupId);
      thread.noteConversation();
      thread.addNotice({ kind: "gap", count: 1, code: "missed" }, 1);
      thread.flush();
    });
  };
  // On its way in, with nothing known; forgotten, because there was no way in; in.
  await note(1, { cursor: 3 });
  await note(2, undefined);
  await note(3, { cursor: 3, state: "active" });
  // On its way in, and known from the account's other devices.
  await note(4, { cursor: 3, name: "climbing" });
  const told: string[] = [];
  for await (const { conversationId } of tellEvents(ground, { after: 0 })) {
    told.push(conversationId.slice(0, 2));
    if (told.length === 4) break;
  }
  assert.deepEqual(told, ["03", "03", "04", "04"]);
  await store.close();
});
