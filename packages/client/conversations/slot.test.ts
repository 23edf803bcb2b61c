import { createManualClock, openMemoryStore } from "@qpq/adapters";
import type { GroupState } from "@qpq/mls";
import { silentLog } from "@qpq/ports";
import assert from "node:assert/strict";
import type { Ground } from "./ground.ts";
import { NEW_CONVERSATION } from "./joining.ts";
import { LiveConversation } from "./live-conversation.ts";
import { NOT_ENCRYPTED } from "./queueing.ts";
import { Slot, type SlotSurroundings } from "./slot.ts";

/** How a device stands in a conversation in which somebody has to commit. */
interface Stance {
  readonly state?: LiveConversation["record"]["state"];
  /** Of the account's devices that come before it in the tree. */
  readonly rank?: number;
  /** Whether it is about a revoked device; else somebody wants to leave. */
  readonly isRevocation?: boolean;
  /** What it draws: 0 to 255, of 256. */
  readonly drawn?: number;
}

/** One conversation, caught up, and what it begins to commit. */
async function inConversation(stance: Stance) {
  const { state: stands = "active", rank = 0, isRevocation = false, drawn = 0 } = stance;
  const clock = createManualClock();
  const begun: number[] = [];
  let hasLeaver = false;
  const live = {
    groupId: new Uint8Array(32),
    record: { ...NEW_CONVERSATION, state: stands, cursor: 1 },
    // It has asked to go, if it leaves.
    queue: new Map([[1, {
      ...NOT_ENCRYPTED,
      entryId: new Uint8Array(16),
      messageId: new Uint8Array(),
      sequence: 1,
    }]]),
    commit: undefined,
    revokedLeaves: [] as readonly number[],
    get hasLeaver(): boolean {
      return hasLeaver;
    },
    get owesCommit(): boolean {
      return live.hasLeaver || live.revokedLeaves.length > 0;
    },
    noteRevoked: (leaves: readonly number[]) => live.revokedLeaves = leaves,
    exclusive: <Result>(fn: () => Promise<Result>) => fn(),
    state: {
      context: { epoch: 1n, extensions: [] },
      ownLeafIndex: 0,
      pendingProposals: [],
      tree: { load: () => Promise.resolve({ leaves: [] }) },
    } as unknown as GroupState,
  };
  const ground = {
    clock,
    random: { bytes: (length: number) => new Uint8Array(length).fill(drawn) },
    log: silentLog,
    signal: new AbortController().signal,
    isOnline: () => true,
    fail: (error: unknown) => {
      throw error;
    },
    leaves: { accounts: () => new Map(["a", "b"].map((id) => [id, { id, devices: [] }])) },
    own: { name: "alice" },
    ownDevices: {
      counter: 1,
      judge: () => ({
        counter: 1,
        rank,
        revoked: isRevocation ? [7] : [],
        strangers: [],
        isFinal: false,
      }),
    },
  };
  const nothing = (): void => {};
  const slot = new Slot(
    ground as unknown as Ground,
    live as unknown as LiveConversation,
    {
      onStored: nothing,
      onChange: nothing,
      onClosed: nothing,
      until: () => Promise.resolve(),
    } as unknown as SlotSurroundings,
  );
  slot.commit = async (plan) => {
    if (await plan(live.state) !== undefined) begun.push(clock.monotonic());
  };
  // Its place is known when it begins to wait.
  await slot.judge();
  hasLeaver = !isRevocation;
  slot.deliver([{ kind: "caught-up", sequence: 1 }]);
  await clock.settle();
  return { clock, begun, live };
}

/** Milliseconds until such a device begins; undefined: it does not within a minute. */
async function delayOf(stance: Stance): Promise<number | undefined> {
  const { clock, begun } = await inConversation(stance);
  await clock.advance(60_000);
  return begun[0];
}

Deno.test("Slot: of the account's devices the first in the tree removes a revoked one, each other one later", async () => {
  const isRevocation = true;
  const earliest = await Promise.all(
    [0, 1, 2, 3].map((rank) => delayOf({ isRevocation, rank })),
  );
  assert.deepEqual(earliest, [0, 1_500, 3_000, 4_500]);
  // At the latest before the next one's turn.
  const latest = await delayOf({ isRevocation, rank: 0, drawn: 255 });
  assert.ok(latest !== undefined && latest > 1_400 && latest <= 1_500, `${latest}`);
});

Deno.test("Slot: who lets a member go is drawn: up to 1.5 s, whatever the place in the tree", async () => {
  assert.equal(await delayOf({ rank: 3 }), 0);
  const latest = await delayOf({ rank: 3, drawn: 255 });
  assert.ok(latest !== undefined && latest > 1_400 && latest <= 1_500, `${latest}`);
});

Deno.test("Slot: who waits for another device to commit does nothing when it has", async () => {
  const { clock, begun, live } = await inConversation({ isRevocation: true, rank: 1 });
  await clock.advance(1_000);
  live.revokedLeaves = [];
  await clock.advance(60_000);
  assert.deepEqual(begun, []);
});

Deno.test("Slot: who is only invited, or leaves, stands in 10 s later, and for who leaves alone", async () => {
  for (const state of ["invited", "leaving"] as const) {
    assert.equal(await delayOf({ state }), 10_000);
    assert.equal(await delayOf({ state, isRevocation: true }), undefined);
  }
  assert.equal(await delayOf({ state: "broken" }), undefined);
});

Deno.test("who waits for a commit is told when another group has come in that one's place", async () => {
  await using store = openMemoryStore();
  const { signal } = new AbortController();
  const ground = { store, signal, clock: createManualClock() } as unknown as Ground;
  const [old, next] = [1, 2].map((byte) =>
    new LiveConversation(ground, {
      groupId: new Uint8Array(32).fill(byte),
      record: { ...NEW_CONVERSATION, state: "active" },
      isNew: true,
    })
  ) as [LiveConversation, LiveConversation];
  await old.exclusive(() => old.write({}));
  const { committer } = new Slot(ground, old, {} as unknown as SlotSurroundings);
  let code = "";
  const waiting = committer.fate(new Uint8Array(16), signal)
    .catch((error: { readonly code: string }) => code = error.code);
  await next.exclusive(() => next.write({ supersedes: old }));
  for (let turn = 0; turn < 10; turn++) await null;
  assert.equal(code, "conversations/not-active");
  await waiting;
});
