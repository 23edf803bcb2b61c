import { createManualClock } from "@qpq/adapters";
import { silentLog } from "@qpq/ports";
import assert from "node:assert/strict";
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
