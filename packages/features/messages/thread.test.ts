import assert from "node:assert/strict";
import { openMemoryStore } from "@qpq/adapters";
import { readEvents, type StoredQueued } from "./history.ts";
import { readThread, ThreadWriter } from "./thread.ts";

const ID = new Uint8Array(16).fill(1);
const EMPTY = new Uint8Array();
const NAME: StoredQueued = {
  position: 0,
  messageId: EMPTY,
  body: EMPTY,
  entryId: EMPTY,
  message: EMPTY,
  epoch: 0,
  sequence: 0,
};

Deno.test("ThreadWriter tells when fewer messages wait, also of one that isn't shown", async () => {
  const ways = {
    accepted: (thread: ThreadWriter) => thread.noteAccepted(1, { ...NAME, sequence: 7 }),
    returned: (thread: ThreadWriter) => thread.dequeue(1, NAME),
  };
  for (const [name, way] of Object.entries(ways)) {
    const store = openMemoryStore();
    const write = (change: (thread: ThreadWriter) => void) =>
      store.transaction(async (transaction) => {
        const thread = await ThreadWriter.open(transaction, ID);
        change(thread);
        thread.flush();
      });
    await write((thread) => thread.enqueue(1, NAME));
    assert.equal((await store.snapshot((reader) => readThread(reader, ID))).queuedCount, 1);
    assert.equal((await readEvents(store, 0)).length, 0);
    await write(way);
    assert.equal((await store.snapshot((reader) => readThread(reader, ID))).queuedCount, 0);
    const events = await readEvents(store, 0);
    assert.deepEqual(events.map(({ event: { kind } }) => kind), ["conversation"], name);
    await store.close();
  }
});
