import assert from "node:assert/strict";
import { createManualClock } from "@qpq/adapters";
import { silentLog } from "@qpq/ports";
import { Committer } from "./committing.ts";
import type { Ground } from "./ground.ts";
import type { LiveConversation } from "./live-conversation.ts";

/** A conversation whose commit is on its way, and a server that takes every one. */
function world() {
  const sent: string[] = [];
  const state = { isCaughtUp: true, commit: undefined as unknown };
  const ground = {
    clock: createManualClock(),
    log: silentLog,
    signal: new AbortController().signal,
    isOnline: () => true,
    fail: (error: unknown) => {
      throw error;
    },
    calls: {
      commit: ({ upload }: { readonly upload: string }) => {
        sent.push(upload);
        return Promise.resolve({});
      },
    },
  };
  const live = {
    groupId: new Uint8Array(32),
    exclusive: (fn: () => Promise<unknown>) => fn(),
    get commit(): unknown {
      return state.commit;
    },
  };
  const committer = new Committer(
    ground as unknown as Ground,
    live as unknown as LiveConversation,
    {
      isCaughtUp: () => state.isCaughtUp,
      untilReady: () => Promise.resolve(),
      onForgotten: () => {},
      onDropped: () => {},
    },
  );
  const prepare = (upload: string): void => {
    const entryId = new TextEncoder().encode(upload);
    state.commit = { stored: { call: "commit", entryId, sequence: 0 }, upload };
  };
  return { sent, state, committer, prepare };
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 100; turn++) await null;
}

Deno.test("kick() sends no commit before all that the server had is processed", async () => {
  const { sent, state, committer, prepare } = world();
  prepare("first");
  state.isCaughtUp = false;
  committer.kick();
  await settle();
  assert.deepEqual(sent, []);
  state.isCaughtUp = true;
  committer.kick();
  await settle();
  assert.deepEqual(sent, ["first"]);
});

Deno.test("kick() is heard at whatever moment of an earlier round it comes", async () => {
  for (let turns = 0; turns < 40; turns++) {
    const { sent, committer, prepare } = world();
    prepare("first");
    committer.kick();
    for (let turn = 0; turn < turns; turn++) await null;
    prepare("second");
    committer.kick();
    await settle();
    assert.equal(sent.at(-1), "second", `after ${turns} turns`);
  }
});
