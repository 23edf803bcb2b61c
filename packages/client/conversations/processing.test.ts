import { systemClock } from "@qpq/adapters";
import { createGroupInfo, encryptMessage, type GroupState, joinByExternalCommit } from "@qpq/mls";
import { silentLog } from "@qpq/ports";
import assert from "node:assert/strict";
import type { Entry } from "../../features/channels/client.ts";
import {
  account,
  claim,
  device,
  groupOf,
  leaves,
  random,
  suite,
} from "../../features/groups/test/groups.ts";
import { authenticateWith } from "../../features/groups/rules.ts";
import { encodeGroupName, encodeJoined, encodeText } from "../../features/messages/body.ts";
import type { NewNotice, NewText, ThreadWriter } from "../../features/messages/thread.ts";
import { Draft } from "./draft.ts";
import type { Ground } from "./ground.ts";
import { NEW_CONVERSATION } from "./joining.ts";
import { processEntry } from "./processing.ts";
import { isOut } from "./receiving.ts";

const alice = account("alice");
const bob = account("bob");

const NOTHING_IN_FLIGHT = { commit: undefined, queue: new Map() } as const;

/** Of what entries need, as bob has it. */
const ground = {
  clock: systemClock,
  log: silentLog,
  leaves,
  own: { accountId: bob.accountId, name: "bob", accountKey: bob.keys.publicKey },
  ownDevices: { counter: 3 },
} as unknown as Ground;

function entryOf(message: Uint8Array, sequence: number): Entry {
  return {
    sequence,
    kind: "application",
    acceptedAtMs: 1_000 + sequence,
    entryId: random.bytes(16),
    message,
    messageBytes: message.length,
  };
}

/** What alice sends, one after the other. */
function textsOf(atAlice: GroupState, texts: readonly string[]): readonly Uint8Array[] {
  let state = atAlice;
  return texts.map((text) => {
    const body = encodeText({ messageId: random.bytes(16), sentAtMs: 1, text });
    const made = encryptMessage(state, body, { random });
    state = made.state;
    return made.message;
  });
}

/** What the history says after these entries. */
async function historyOf(
  atBob: GroupState,
  entries: readonly Entry[],
  record: Draft["record"] = { ...NEW_CONVERSATION, state: "active" },
): Promise<readonly string[]> {
  const draft = new Draft(record, atBob);
  for (const entry of entries) await processEntry(ground, draft, entry, NOTHING_IN_FLIGHT);
  assert.equal(draft.record.cursor, entries.at(-1)?.sequence);
  const lines: string[] = [];
  const thread = {
    addText: ({ accountName, text }: NewText) => {
      lines.push(`${accountName}: ${text}`);
      return Promise.resolve(lines.length);
    },
    addNotice: ({ kind, name = "", count = 0, code = "" }: NewNotice) =>
      void lines.push(`* ${kind} ${name} ${count} ${code}`),
    noteConversation: () => {},
  } as unknown as ThreadWriter;
  for (const effect of draft.effects) await effect(thread);
  return lines;
}

/** A message of one member's that says nothing to be shown. */
function hidden(state: GroupState, encode: typeof encodeJoined): Uint8Array {
  const body = encode({ messageId: random.bytes(16), sentAtMs: 1 });
  return encryptMessage(state, body, { random }).message;
}

async function pair(): Promise<readonly [GroupState, GroupState]> {
  const context = { kind: "group", admins: [alice.accountId] } as const;
  const [atAlice, atBob] = await groupOf(context, [device(alice), device(bob)]);
  return [atAlice, atBob] as [GroupState, GroupState];
}

Deno.test("processEntry() says that messages of a sender are missing, and how many", async () => {
  const [atAlice, atBob] = await pair();
  const messages = textsOf(atAlice, ["one", "two", "three", "four", "five"]);
  const kept = [0, 3, 4].map((index, place) => entryOf(messages[index] as Uint8Array, place + 1));
  assert.deepEqual(await historyOf(atBob, kept), [
    "alice: one",
    "* missing-messages alice 2 ",
    "alice: four",
    "alice: five",
  ]);
});

Deno.test("processEntry() makes one honest line of what can't be read, and goes on", async () => {
  const [atAlice, atBob] = await pair();
  const [one, two, three] = textsOf(atAlice, ["one", "two", "three"]) as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ];
  two[two.length - 1] = (two.at(-1) as number) ^ 1;
  const lines = await historyOf(
    atBob,
    [one, two, random.bytes(40), three].map((message, index) => entryOf(message, index + 1)),
  );
  assert.deepEqual(lines, [
    "alice: one",
    "* undecryptable  0 mls/cannot-decrypt",
    "* undecryptable  0 malformed",
    "* missing-messages alice 1 ",
    "alice: three",
  ]);
});

Deno.test("processEntry() says once that an invited account has accepted, by whatever it says first", async () => {
  const active = { ...NEW_CONVERSATION, state: "active" } as const;
  const invited = { ...active, invitedIds: [alice.accountId] };
  const said = async (record: Draft["record"], make: (atAlice: GroupState) => Uint8Array) => {
    const [atAlice, atBob] = await pair();
    return await historyOf(atBob, [entryOf(make(atAlice), 1)], record);
  };
  const joined = "* member-joined alice 0 ";
  const text = (state: GroupState) => textsOf(state, ["hello"])[0] as Uint8Array;
  assert.deepEqual(await said(invited, text), [joined, "alice: hello"]);
  const accepts = (state: GroupState) => hidden(state, encodeJoined);
  assert.deepEqual(await said(invited, accepts), [joined]);
  assert.deepEqual(await said(active, accepts), []);
  // Who says what the group is called was asked for that.
  const names = (state: GroupState) =>
    hidden(state, (common) => encodeGroupName({ ...common, name: "climbing" }));
  assert.deepEqual(await said(invited, names), ["* renamed alice 0 "]);
});

Deno.test("processEntry(): what another device of the account accepts is accepted, and by nobody else", async () => {
  const context = { kind: "group", admins: [alice.accountId] } as const;
  const stateAfter = async (author: typeof bob, judgedList: number): Promise<string> => {
    const of = [device(alice), device(author), device(bob)] as const;
    const [, at, atBob] = await groupOf(context, of) as [GroupState, GroupState, GroupState];
    const draft = new Draft({ ...NEW_CONVERSATION, state: "invited", judgedList }, atBob);
    await processEntry(ground, draft, entryOf(hidden(at, encodeJoined), 1), NOTHING_IN_FLIGHT);
    return draft.record.state;
  };
  assert.equal(await stateAfter(bob, 3), "active");
  // Not every leaf of the account is known to be a device of it.
  assert.equal(await stateAfter(bob, 2), "invited");
  assert.equal(await stateAfter(account("carol"), 3), "invited");
});

Deno.test("processEntry() shows a message that comes twice once", async () => {
  const [atAlice, atBob] = await pair();
  const [one] = textsOf(atAlice, ["one"]) as [Uint8Array];
  assert.deepEqual(await historyOf(atBob, [entryOf(one, 1), entryOf(one, 2)]), ["alice: one"]);
});

Deno.test("processEntry(): a device whose place another one takes under its id alarms, and stays out", async () => {
  const bobs = device(bob);
  const context = { kind: "group", admins: [alice.accountId] } as const;
  const [atAlice, atBob] = await groupOf(context, [device(alice), bobs]) as [
    GroupState,
    GroupState,
  ];
  const { commit } = await joinByExternalCommit(suite, await createGroupInfo(atAlice), {
    identity: bobs,
    random,
    authenticate: authenticateWith(leaves),
    authenticatedData: claim({ added: [], removed: [] }),
    removes: atBob.ownLeafIndex,
  });
  const draft = new Draft({ ...NEW_CONVERSATION, state: "active" }, atBob);
  const itself = { ...ground, deviceId: bobs.deviceId };
  const entry = { ...entryOf(commit, 1), kind: "commit" } as const;
  await processEntry(itself, draft, entry, NOTHING_IN_FLIGHT);
  assert.equal(draft.state, undefined);
  assert.equal(draft.record.state, "removed");
  assert.equal(isOut(draft.record), false);
  const notices: string[] = [];
  const thread = {
    addNotice: ({ kind }: NewNotice) => void notices.push(kind),
    noteConversation: () => {},
  } as unknown as ThreadWriter;
  for (const effect of draft.effects) await effect(thread);
  assert.deepEqual(notices, ["device-replaced"]);
});

Deno.test("processEntry(): who enters anew says who is there that was not, and who is gone", async () => {
  const bobs = device(bob);
  const [carol, dave] = [account("carol"), account("dave")];
  const context = { kind: "group", admins: [alice.accountId] } as const;
  const [, atBob] = await groupOf(context, [device(alice), bobs, device(dave)]);
  const [elsewhere] = await groupOf(context, [device(alice), bobs, device(carol)]);
  const { commit, staged } = await joinByExternalCommit(
    suite,
    await createGroupInfo(elsewhere as GroupState),
    {
      identity: bobs,
      random,
      authenticate: authenticateWith(leaves),
      authenticatedData: claim({ added: [], removed: [] }),
      removes: 1,
    },
  );
  const entry = { ...entryOf(commit, 1), kind: "commit" } as const;
  const upload = { entryId: entry.entryId, message: commit, groupInfo: commit, welcomes: [] };
  const stored = { call: "enter", entryId: entry.entryId, sequence: 0 } as const;
  const draft = new Draft({ ...NEW_CONVERSATION, state: "broken" }, atBob);
  const inFlight = { commit: { stored, upload, staged }, queue: new Map() };
  await processEntry({ ...ground, deviceId: bobs.deviceId }, draft, entry, inFlight);
  const notices: string[] = [];
  const thread = {
    addNotice: ({ kind, names = [] }: NewNotice) => void notices.push([kind, ...names].join(" ")),
    noteConversation: () => {},
  } as unknown as ThreadWriter;
  for (const effect of draft.effects) await effect(thread);
  assert.deepEqual(notices, ["rejoined", "members-added carol", "members-removed dave"]);
  assert.ok(draft.record.isUnconfirmed);
});
