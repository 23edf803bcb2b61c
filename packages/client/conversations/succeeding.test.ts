import { createManualClock, createSeededRandom, openMemoryStore } from "@qpq/adapters";
import type { GroupState } from "@qpq/mls";
import { type ErrorCode, MessengerError, silentLog } from "@qpq/ports";
import assert from "node:assert/strict";
import { type CheckedContext, directMessageContext } from "../../features/groups/context.ts";
import { account, device, groupOf, leaves, random } from "../../features/groups/test/groups.ts";
import type { Engine } from "./engine.ts";
import { NEW_CONVERSATION } from "./joining.ts";
import type { Slot } from "./slot.ts";
import { settleClosed, Succession } from "./succeeding.ts";

const MINUTE_MS = 60_000;

const alice = account("alice");
const bob = account("bob");
const ofAlice: CheckedContext = { kind: "group", admins: [alice.accountId] };

/** Alice, before a group that she can't enter any more, and a server that says that of each attempt. */
async function stuck(
  refusals: (ErrorCode | undefined)[],
  options: { readonly context?: CheckedContext } = {},
) {
  const { context = ofAlice } = options;
  const [state] = await groupOf(context, [device(alice), device(bob)]) as [GroupState];
  const clock = createManualClock();
  const seen = { asked: 0, made: 0 };
  const refusedWith = (code: ErrorCode) => Promise.reject(new MessengerError(code, "injected"));
  const ground = {
    clock,
    random: createSeededRandom(1),
    log: silentLog,
    signal: new AbortController().signal,
    leaves,
    own: { accountId: alice.accountId, name: "alice" },
    // No account is here: nobody can be added.
    store: openMemoryStore(),
    calls: {
      members: () => {
        seen.asked++;
        const code = refusals.shift();
        const accounts = [alice.accountId, bob.accountId];
        const found = { accounts, epoch: 1, sequence: 1, successor: new Uint8Array() };
        return code === undefined ? Promise.resolve(found) : refusedWith(code);
      },
    },
    // The first thing that a new group takes.
    identity: () => {
      seen.made++;
      return refusedWith("channels/closed");
    },
    suite: state.crypto,
  };
  const live = {
    groupId: state.context.groupId,
    channel: state.context.groupId.toHex(),
    record: { ...NEW_CONVERSATION, state: "broken", name: "climbing" },
    state,
  };
  const old = { live, entrance: { enter: () => refusedWith("mls/invalid-group-info") } };
  const succession = new Succession({ ground } as unknown as Engine);
  let isOver = false;
  void succession.succeed(old as unknown as Slot).then(() => isOver = true);
  return { clock, seen, isOver: () => isOver };
}

Deno.test("succeed() ends with the server's last word, and tries again after any other", async () => {
  for (
    const code of [
      "channels/bad-successor",
      "channels/closed",
      "channels/not-a-member",
      "channels/not-admin",
    ] as const
  ) {
    const { clock, seen, isOver } = await stuck([
      "channels/rate-limited",
      "rpc/disconnected",
      code,
    ]);
    // Another admin may be first: for up to 3 s.
    await clock.advance(1);
    assert.equal(seen.asked, 0);
    await clock.advance(3_000);
    assert.equal(seen.asked, 1);
    await clock.advance(3 * MINUTE_MS);
    assert.deepEqual([seen.asked, isOver()], [3, true], code);
  }
});

Deno.test("succeed() waits an hour for members that can't be added yet, and goes on without them", async () => {
  const { clock, seen, isOver } = await stuck([]);
  await clock.advance(59 * MINUTE_MS);
  assert.ok(seen.asked > 30, `asked ${seen.asked} times`);
  assert.equal(seen.made, 0);
  await clock.advance(4 * MINUTE_MS);
  assert.deepEqual([seen.made, isOver()], [1, true]);
});

Deno.test("succeed() waits for nobody in a direct message: the other side enters by itself", async () => {
  const context = directMessageContext(alice.accountId, bob.accountId);
  const { clock, seen, isOver } = await stuck([], { context });
  await clock.advance(3_000);
  assert.deepEqual([seen.made, isOver()], [1, true]);
});

Deno.test("settleClosed() ends no conversation that another group came in the place of while it asked", async () => {
  for (const isFollowed of [false, true]) {
    const live = {
      groupId: random.bytes(32),
      record: { ...NEW_CONVERSATION, state: "closed" },
      state: {},
      queue: new Map(),
      commit: undefined,
      setQueued: () => {},
      exclusive: (fn: () => Promise<void>) => {
        // It waits for its turn, and the other one was before.
        const successorId = isFollowed ? random.bytes(32) : new Uint8Array();
        live.record = { ...live.record, successorId };
        return fn();
      },
      write: () => Promise.resolve(void written++),
    };
    let written = 0;
    const refusal = new MessengerError("channels/not-a-member", "injected");
    const ground = {
      clock: createManualClock(),
      calls: { members: () => Promise.reject(refusal) },
    };
    await settleClosed(
      { ground, slots: new Map() } as unknown as Engine,
      { live } as unknown as Slot,
    );
    assert.equal(written, isFollowed ? 0 : 1);
  }
});
