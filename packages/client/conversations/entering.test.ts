import { createManualClock } from "@qpq/adapters";
import type { GroupState } from "@qpq/mls";
import { MessengerError, silentLog } from "@qpq/ports";
import assert from "node:assert/strict";
import { account, device, groupOf } from "../../features/groups/test/groups.ts";
import { entryGround } from "../test/entry-ground.ts";
import type { Committer } from "./committing.ts";
import { Entrance, type EntranceOptions } from "./entering.ts";
import type { Ground } from "./ground.ts";
import { NEW_CONVERSATION } from "./joining.ts";
import type { LiveConversation } from "./live-conversation.ts";

Deno.test("rejoin(): what another group has taken the place of, or is over, is not entered anew", async () => {
  for (const state of ["closed", "left", "removed"] as const) {
    const asked: string[] = [];
    const note = (name: string) => () => {
      asked.push(name);
      return Promise.reject(new Error(`${name}, though it is ${state}`));
    };
    const live = {
      groupId: new Uint8Array(32),
      record: { ...NEW_CONVERSATION, state: "active" },
      exclusive: (fn: () => Promise<unknown>) => fn(),
      write: note("write"),
    };
    const ground = {
      clock: createManualClock(),
      log: silentLog,
      signal: new AbortController().signal,
      calls: {
        // It comes to its end while this device reports.
        report: () => {
          live.record = { ...live.record, state };
          return Promise.resolve();
        },
        groupInfo: note("groupInfo"),
      },
    };
    const entrance = new Entrance(
      ground as unknown as Ground,
      live as unknown as LiveConversation,
      {
        committer: { failAll: note("failAll") } as unknown as Committer,
        sharedView: note("sharedView"),
        onForgotten: note("onForgotten"),
        onNoWayIn: note("onNoWayIn"),
      } as unknown as EntranceOptions & { readonly committer: Committer },
    );
    await entrance.rejoin("mls/invalid-commit").catch(() => {});
    assert.deepEqual(asked, []);
  }
});

const HOUR_MS = 60 * 60 * 1_000;

/** A device that is in a group, and whose entries are taken at once. */
async function insider() {
  const bob = account("bob");
  const alice = account("alice");
  const context = { kind: "group", admins: [alice.accountId] } as const;
  const [state] = await groupOf(context, [device(alice), device(bob)]) as [GroupState];
  const clock = createManualClock();
  const seen = { entries: 0, noWayIn: 0, isJunk: false, isLost: false };
  const own = entryGround(bob, state);
  const { groupInfo } = own.calls;
  const ground = {
    ...own,
    clock,
    log: silentLog,
    fail: (error: unknown) => {
      throw error;
    },
    calls: {
      report: () => Promise.resolve(),
      groupInfo: async (...all: Parameters<typeof groupInfo>) => {
        if (seen.isLost) throw new MessengerError("channels/not-a-member", "injected");
        const found = await groupInfo(...all);
        return seen.isJunk ? { ...found, groupInfo: new Uint8Array(64) } : found;
      },
    },
  };
  const live = {
    groupId: state.context.groupId,
    record: { ...NEW_CONVERSATION, state: "active" as LiveConversation["record"]["state"] },
    queue: new Map(),
    commit: undefined as { readonly stored: { readonly entryId: Uint8Array } } | undefined,
    exclusive: <Result>(fn: () => Promise<Result>) => fn(),
    write: ({ record, commit }: Parameters<LiveConversation["write"]>[0]) => {
      live.record = { ...live.record, ...record };
      if (typeof commit === "object") {
        live.commit = commit.pending;
        seen.entries++;
      }
      return Promise.resolve();
    },
  };
  const committer = {
    failAll: () => {},
    kick: () => {},
    fate: () => {
      live.commit = undefined;
      live.record = { ...live.record, state: "active" };
      return Promise.resolve("applied");
    },
  };
  const entrance = new Entrance(
    ground as unknown as Ground,
    live as unknown as LiveConversation,
    {
      committer: committer as unknown as Committer,
      sharedView: () => Promise.resolve(undefined),
      find: () => Promise.resolve(undefined),
      onStored: () => {},
      onForgotten: () => {},
      onNoWayIn: () => seen.noWayIn++,
    },
  );
  return { clock, seen, live, entrance };
}

Deno.test("rejoin() and enter(): a device comes in anew by itself three times a day, and again when one is over", async () => {
  const { clock, seen, live, entrance } = await insider();
  for (const entries of [1, 2, 3, 3]) {
    await clock.advance(HOUR_MS);
    await entrance.rejoin("mls/invalid-commit");
    assert.equal(seen.entries, entries);
    if (entries < 3) assert.equal(live.record.state, "active");
  }
  assert.equal(live.record.state, "broken");
  // Whoever asks, and however often.
  await entrance.enter();
  await entrance.rejoin("mls/invalid-commit");
  assert.deepEqual([seen.entries, seen.noWayIn], [3, 0]);
  await clock.advance(20 * HOUR_MS);
  assert.equal(seen.entries, 3);
  // A day after the first of them, without anybody asking.
  await clock.advance(2 * HOUR_MS);
  await entrance.ended();
  assert.equal(seen.entries, 4);
  assert.equal(live.record.state, "active");
});

Deno.test("rejoin() looks for a way in that it may not take: where there is none, a successor is due", async () => {
  const { seen, live, entrance } = await insider();
  for (let count = 0; count < 4; count++) await entrance.rejoin("mls/invalid-commit");
  assert.deepEqual([seen.entries, seen.noWayIn, live.record.state], [3, 0, "broken"]);
  seen.isJunk = true;
  await entrance.rejoin("mls/invalid-commit");
  assert.deepEqual([seen.entries, seen.noWayIn], [3, 1]);
});

Deno.test("rejoin(): a direct message that a restored server has lost is over, and another one can be begun", async () => {
  for (const kind of ["directMessage", "group"] as const) {
    const { seen, live, entrance } = await insider();
    live.record = { ...live.record, kind };
    seen.isLost = true;
    await entrance.rejoin("channels/incarnation-changed");
    // Who is in no group any more may be invited into the one that follows.
    assert.equal(live.record.state, kind === "group" ? "broken" : "removed");
  }
});
