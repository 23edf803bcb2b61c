import assert from "node:assert/strict";
import { createManualClock, createSeededRandom } from "@qpq/adapters";
import { compareKeys } from "@qpq/ports";
import { newEntryId } from "./entry-id.ts";

Deno.test("newEntryId() gives 16 bytes in the order of time, never the same twice", async () => {
  const clock = createManualClock(2 ** 40 - 2);
  const random = createSeededRandom(1);
  const ids = [];
  for (let at = 0; at < 5; at++) {
    ids.push(newEntryId({ clock, random }));
    await clock.advance(1);
  }
  assert.deepEqual(ids.map((id) => id.length), [16, 16, 16, 16, 16]);
  assert.deepEqual(ids.toSorted(compareKeys), ids);
  const now = newEntryId({ clock, random });
  assert.notDeepEqual(newEntryId({ clock, random }), now);
  assert.equal(newEntryId({ clock, random }).subarray(0, 6).toHex(), "010000000003");
});
