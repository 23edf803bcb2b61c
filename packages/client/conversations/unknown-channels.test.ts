import assert from "node:assert/strict";
import { createManualClock } from "@qpq/adapters";
import { MessengerError, silentLog } from "@qpq/ports";
import type { Ground } from "./ground.ts";
import { UnknownChannels } from "./unknown-channels.ts";

function world() {
  const clock = createManualClock();
  const entered: string[] = [];
  const ends = new Map<string, PromiseWithResolvers<void>>();
  const ground = {
    clock,
    log: silentLog,
    signal: new AbortController().signal,
    fail: (error: unknown) => {
      throw error;
    },
  };
  const channels = new UnknownChannels(ground as unknown as Ground, {
    enter: (channelId) => {
      const id = channelId.toHex();
      entered.push(id);
      const end = Promise.withResolvers<void>();
      ends.set(id, end);
      return end.promise;
    },
    onChange: () => {},
  });
  const note = (id: string, head = 1): void =>
    channels.note(id, { channelId: Uint8Array.fromHex(id), head });
  return { clock, channels, entered, ends, note };
}

const NOT_A_MEMBER = new MessengerError("channels/not-a-member", "Cannot enter");
const BUSY = new MessengerError("rpc/deadline", "Cannot enter");
const DISCONNECTED = new MessengerError("rpc/disconnected", "Cannot enter");

Deno.test("note() enters four at a time, once the inbox was read", async () => {
  const { channels, entered, ends, note, clock } = world();
  for (const id of ["01", "02", "03", "04", "05", "06"]) note(id);
  assert.deepEqual(entered, []);
  channels.begin();
  assert.deepEqual(entered, ["01", "02", "03", "04"]);
  ends.get("02")?.resolve();
  await clock.settle();
  assert.deepEqual(entered.slice(4), ["05"]);
  assert.equal(channels.ids.has("02"), false);
  assert.equal(channels.ids.size, 5);
});

Deno.test("note() passes over what is more than an account's channels may be", () => {
  const { channels, note } = world();
  for (let index = 0; index < 4_200; index++) note(index.toString(16).padStart(4, "0"));
  assert.equal(channels.ids.size, 4_096);
});

Deno.test("note() of a channel that can't be entered changes nothing, unless the account was added", async () => {
  const { channels, entered, ends, note, clock } = world();
  channels.begin();
  note("01", 5);
  ends.get("01")?.reject(NOT_A_MEMBER);
  await clock.settle();
  note("01", 5);
  assert.deepEqual(entered, ["01"]);
  note("01", 6);
  assert.deepEqual(entered, ["01", "01"]);
  note("02");
  ends.get("02")?.reject(new MessengerError("conversations/bad-invitation", "Cannot enter"));
  await clock.settle();
  note("02", 7);
  assert.equal(entered.filter((id) => id === "02").length, 1);
});

Deno.test("a channel whose entry failed for now rests, and is tried again a few times", async () => {
  const { channels, entered, ends, note, clock } = world();
  channels.begin();
  note("01");
  for (let failures = 1; failures <= 6; failures++) {
    ends.get("01")?.reject(BUSY);
    await clock.settle();
    note("01", 1 + failures);
    assert.equal(entered.length, failures, "each entry that comes is no reason to try");
    assert.equal(channels.ids.size, 1, "it is still to be entered");
    await clock.advance(2_000 * 2 ** (failures - 1));
    assert.equal(entered.length, failures + 1);
  }
  ends.get("01")?.reject(BUSY);
  await clock.advance(3_600_000);
  assert.equal(entered.length, 7);
  assert.equal(channels.ids.size, 0);
});

Deno.test("what an earlier session has begun takes nothing from what the new one has told of", async () => {
  const { channels, entered, ends, note, clock } = world();
  channels.begin();
  note("01");
  channels.clear();
  channels.begin();
  note("01");
  assert.deepEqual(entered, ["01"], "one at a time");
  ends.get("01")?.reject(DISCONNECTED);
  await clock.settle();
  assert.deepEqual(entered, ["01", "01"]);
});
