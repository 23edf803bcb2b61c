import assert from "node:assert/strict";
import type { ConversationId } from "@qpq/client";
import { UsageError } from "../output.ts";
import { FakeConversations } from "../test/fake-conversations.ts";
import { FakeServer } from "../test/fake-server.ts";
import { TestAccount } from "../test/repl-driver.ts";
import { hasCode, reading, runTalk, type TalkRun } from "../test/talk-driver.ts";
import {
  runCreateGroup,
  runDm,
  runHistory,
  runInvite,
  runJoin,
  runLeave,
  runList,
  runMembers,
  runRemove,
} from "./conversations.ts";
import { type RecvOptions, runRecv } from "./recv.ts";
import { runSend, type SendOptions } from "./send.ts";

function accounts(): { readonly alice: TestAccount; readonly bob: TestAccount } {
  const server = new FakeServer();
  const [alice, bob] = ["alice", "bob"]
    .map((name) => new TestAccount(new FakeConversations(name, server)));
  return { alice: alice as TestAccount, bob: bob as TestAccount };
}

function send(
  account: TestAccount,
  options: SendOptions,
  { words = [], input = "" }: { readonly words?: readonly string[]; readonly input?: string } = {},
): Promise<TalkRun> {
  return runTalk(account, (talk) => runSend(talk, { options, words, read: reading(input) }));
}

function recv(account: TestAccount, options: RecvOptions = {}): Promise<TalkRun> {
  return runTalk(account, (talk, signal) => runRecv(talk, options, signal));
}

const texts = async (account: TestAccount, handle: string): Promise<readonly string[]> => {
  const { id } = await account.conversations.find(handle);
  const { items } = await account.conversations.history(id);
  return items.flatMap((item) => item.kind === "text" ? [item.text] : []);
};

Deno.test("send --to begins a direct message, and returns when the server has it", async () => {
  const { alice, bob } = accounts();
  const { exitCode, printed, objects } = await send(alice, { to: "bob" }, {
    words: ["two", "words"],
  });
  assert.equal(exitCode, 0);
  assert.match(printed.join("\n"), /^sent: to @bob, id [0-9a-f]{32}$/);
  assert.equal(objects[0].state, "sent");
  assert.deepEqual(await texts(bob, "@alice"), ["two words"]);
});

Deno.test("send takes its text from standard input, lines and all, and refuses an empty one", async () => {
  const { alice, bob } = accounts();
  await send(alice, { to: "@bob" }, { input: "one\ntwo\n" });
  assert.deepEqual(await texts(bob, "@alice"), ["one\ntwo"]);
  await assert.rejects(send(alice, { to: "bob" }, { input: "\n" }), UsageError);
});

Deno.test("send --group goes to the group's members, and so does --all", async () => {
  const { alice, bob } = accounts();
  await runTalk(alice, (talk) => runCreateGroup(talk, "team", ["bob"]));
  await runTalk(bob, (talk) => runJoin(talk, "team"));
  await send(alice, { group: "team" }, { words: ["one"] });
  await send(alice, { all: "#team" }, { words: ["two"] });
  assert.deepEqual(await texts(bob, "#team"), ["one", "two"]);
  await assert.rejects(
    send(alice, { group: "none" }, { words: ["x"] }),
    hasCode("conversations/unknown"),
  );
});

Deno.test("send --id sends once, however often it is tried", async () => {
  const { alice, bob } = accounts();
  const id = "ab".repeat(16);
  for (let attempt = 0; attempt < 3; attempt++) {
    assert.equal(
      (await send(alice, { to: "bob", id }, { words: ["once"] })).objects[0].messageId,
      id,
    );
  }
  assert.deepEqual(await texts(bob, "@alice"), ["once"]);
  await assert.rejects(
    send(alice, { to: "bob", id }, { words: ["other"] }),
    hasCode("conversations/message-id-reused"),
  );
});

Deno.test("send without the server keeps the message and says so; --queue returns at once", async () => {
  const { alice, bob } = accounts();
  await send(alice, { to: "bob" }, { words: ["zero"] });
  alice.conversations.isOnline = false;
  await assert.rejects(send(alice, { to: "bob" }, { words: ["one"] }), (error: Error) => {
    assert.match(error.message, /Cannot reach server.*message is kept.*\(id [0-9a-f]{32}\)$/);
    return hasCode("transport/unreachable")(error);
  });
  // With a server, but a conversation that can't be followed for now.
  const connected = Object.assign(Object.create(alice), {
    reaching: (run: () => unknown) => run(),
  });
  await assert.rejects(send(connected, { to: "bob" }, { words: ["1b"] }), (error: Error) => {
    assert.match(error.message, /message is kept.*\(id [0-9a-f]{32}\)$/);
    return hasCode("rpc/deadline")(error);
  });
  const queued = await send(alice, { to: "bob", queue: true }, { words: ["two"] });
  assert.equal(queued.objects[0].state, "pending");
  assert.match(queued.printed[0] ?? "", /^queued: to @bob/);
  alice.conversations.isOnline = true;
  assert.deepEqual(await texts(bob, "@alice"), ["zero", "one", "1b", "two"]);
});

Deno.test("send --stdin-lines sends a message a line, in order, and counts what failed", async () => {
  const { alice, bob } = accounts();
  const lines = Array.from({ length: 600 }, (_, index) => `line ${index}`);
  const run = await send(alice, { to: "bob", stdinLines: true }, {
    input: `${lines.join("\n")}\n\n`,
  });
  assert.equal(run.exitCode, 0);
  assert.equal(run.objects.length, 600);
  assert.equal(run.printed.at(-1), "sent: 600 messages to @bob");
  const { id } = await bob.conversations.find("@alice");
  const page = await bob.conversations.history(id, { countMax: 1_000 });
  assert.deepEqual(page.items.map((item) => item.kind === "text" && item.text), lines);
  const partly = await send(alice, { to: "bob", stdinLines: true }, {
    input: `good\n${"x".repeat(40_000)}\ngood too`,
  });
  assert.equal(partly.exitCode, 1);
  assert.equal(partly.printed.at(-1), "sent: 2 messages to @bob; 1 failed");
});

Deno.test("send --stdin-lines --id sends each line once, however often the batch is tried", async () => {
  const { alice, bob } = accounts();
  const options = { to: "bob", stdinLines: true, id: "cd".repeat(16) };
  await send(alice, options, { input: "same\nsame\n" });
  const again = await send(alice, { ...options, id: "CD".repeat(16) }, {
    input: "same\nsame\nmore\n",
  });
  assert.equal(again.exitCode, 0);
  assert.deepEqual(await texts(bob, "@alice"), ["same", "same", "more"]);
});

Deno.test("send refuses options that don't go together", async () => {
  const { alice } = accounts();
  const wrong: readonly SendOptions[] = [
    {},
    { to: "bob", group: "team" },
    { to: "bob", id: "12" },
    { to: "bob", stdinLines: true, queue: true },
  ];
  for (const options of wrong) {
    await assert.rejects(send(alice, options, { words: ["x"] }), UsageError);
  }
});

Deno.test("recv prints what is new, once, and remembers how far it came", async () => {
  const { alice, bob } = accounts();
  await send(alice, { to: "bob" }, { words: ["one"] });
  await runTalk(alice, (talk) => runCreateGroup(talk, "team", ["bob"]));
  const first = await recv(bob);
  assert.deepEqual(first.printed, [
    "[alice] one",
    "#team * you are invited: qpq join goes in, qpq leave declines",
  ]);
  assert.deepEqual(first.objects.map(({ kind }) => kind), ["text", "invitation"]);
  assert.deepEqual((await recv(bob)).printed, []);
  await runTalk(bob, (talk) => runJoin(talk, "team"));
  await send(alice, { group: "team" }, { words: ["two"] });
  await send(bob, { group: "team" }, { words: ["own"] });
  assert.deepEqual((await recv(bob)).printed, ["#team * alice added you", "#team [alice] two"]);
  assert.equal((await bob.conversations.find("#team")).unreadCount, 0);
  // A cursor that was printed gives what came behind it, again.
  const again = await recv(bob, { after: first.objects[0].cursor });
  assert.ok(!again.printed.includes("[alice] one"));
  assert.ok(again.printed.includes("#team [alice] two"));
  assert.deepEqual((await recv(bob)).printed, []);
});

Deno.test("recv prints what is here when the server can't be reached, and ends with 3", async () => {
  const { alice, bob } = accounts();
  await send(alice, { to: "bob" }, { words: ["one"] });
  bob.conversations.isOnline = false;
  const { exitCode, printed, failures } = await recv(bob);
  assert.equal(exitCode, 3);
  assert.deepEqual(printed, ["[alice] one"]);
  assert.match(failures.join(), /Cannot reach server/);
});

Deno.test("recv --follow goes on until it is ended, and remembers what it printed", async () => {
  const { alice, bob } = accounts();
  await send(alice, { to: "bob" }, { words: ["one"] });
  const cursors: number[] = [];
  let count = 0;
  const run = await runTalk(
    bob,
    (talk, signal) => runRecv(talk, { follow: true }, signal),
    {
      onPrint: (stop) => {
        count++;
        if (count === 1) void send(alice, { to: "bob" }, { words: ["two"] });
        if (count === 2) stop();
      },
    },
  );
  cursors.push(...run.objects.map(({ cursor }) => cursor));
  assert.deepEqual(run.printed, ["[alice] one", "[alice] two"]);
  assert.ok((cursors[0] ?? 0) < (cursors[1] ?? 0));
  assert.deepEqual((await recv(bob)).printed, []);
});

Deno.test("recv --after, ended early, doesn't forget how far recv came", async () => {
  const { alice, bob } = accounts();
  for (const text of ["one", "two"]) await send(alice, { to: "bob" }, { words: [text] });
  assert.equal((await recv(bob)).printed.length, 2);
  const again = await runTalk(
    bob,
    (talk, signal) => runRecv(talk, { follow: true, after: 0 }, signal),
    { onPrint: (stop) => stop() },
  );
  assert.deepEqual(again.printed, ["[alice] one"]);
  assert.deepEqual((await recv(bob)).printed, []);
});

Deno.test("recv shows nothing of somebody who is blocked", async () => {
  const { alice, bob } = accounts();
  await bob.conversations.block("alice");
  await send(alice, { to: "bob" }, { words: ["one"] });
  assert.deepEqual((await recv(bob)).printed, []);
});

Deno.test("create-group and invite tell who could not be added, and end with 1", async () => {
  const { alice, bob } = accounts();
  const made = await runTalk(alice, (talk) => runCreateGroup(talk, "#team", ["@bob", "nobody"]));
  assert.equal(made.exitCode, 1);
  assert.deepEqual(made.printed.slice(0, 2), ["made #team", "invited bob"]);
  assert.match(made.printed[2] ?? "", /^nobody was not invited: there is no account of that name$/);
  assert.deepEqual(made.objects[0].invited.map(({ invited }: { invited: boolean }) => invited), [
    true,
    false,
  ]);
  await runTalk(bob, (talk) => runJoin(talk, "#team"));
  const invited = await runTalk(alice, (talk) => runInvite(talk, "team", ["nobody"]));
  assert.equal(invited.exitCode, 1);
  const members = await runTalk(alice, (talk) => runMembers(talk, "#team"));
  assert.deepEqual(members.objects.map(({ name, isAdmin }) => [name, isAdmin]), [
    ["alice", true],
    ["bob", false],
  ]);
});

Deno.test("remove, leave and join change the membership, or say why not", async () => {
  const { alice, bob } = accounts();
  await runTalk(alice, (talk) => runCreateGroup(talk, "team", ["bob"]));
  await runTalk(bob, (talk) => runJoin(talk, "team"));
  await assert.rejects(
    runTalk(bob, (talk) => runJoin(talk, "team")),
    hasCode("conversations/not-invited"),
  );
  await assert.rejects(
    runTalk(bob, (talk) => runRemove(talk, "team", ["alice"])),
    hasCode("conversations/not-admin"),
  );
  await assert.rejects(
    runTalk(alice, (talk) => runLeave(talk, "team")),
    hasCode("conversations/last-admin"),
  );
  const removed = await runTalk(alice, (talk) => runRemove(talk, "team", ["@bob"]));
  assert.deepEqual(removed.printed, ["removed bob from #team"]);
  await assert.rejects(
    send(bob, { group: "team" }, { words: ["x"] }),
    hasCode("conversations/not-active"),
  );
  const left = await runTalk(alice, (talk) => runLeave(talk, "team"));
  assert.equal(left.objects[0].left, true);
});

Deno.test("leave declines an invitation", async () => {
  const { alice, bob } = accounts();
  await runTalk(alice, (talk) => runCreateGroup(talk, "team", ["bob"]));
  assert.deepEqual((await runTalk(bob, (talk) => runLeave(talk, "team"))).printed, [
    "declined #team",
  ]);
});

Deno.test("list and history show what is known, and without the server say that it may be old", async () => {
  const { alice, bob } = accounts();
  await runTalk(alice, (talk) => runDm(talk, "bob"));
  for (let index = 1; index <= 130; index++) {
    await send(alice, { to: "bob" }, { words: [`${index}`] });
  }
  const list = await runTalk(bob, runList);
  assert.deepEqual(list.printed, ["@alice               130 unread, from a stranger"]);
  assert.equal(list.objects[0].unread, 130);
  // A new device that is not in yet has more to come.
  bob.conversations.isOnline = false;
  bob.conversations.enteringCount = 2;
  const joining = await runTalk(bob, runList);
  assert.match(
    joining.failures.join(),
    /as this device knows it: still joining 2 conversations; what was said/,
  );
  assert.deepEqual(joining.printed, list.printed);
  bob.conversations.enteringCount = 0;
  const all = await runTalk(bob, (talk) => runHistory(talk, "alice", { count: 120 }));
  assert.equal(all.exitCode, 0);
  assert.match(all.failures.join(), /as this device knows it: Cannot reach server/);
  assert.equal(all.objects.length, 120);
  assert.equal(all.objects[0].text, "11");
  assert.equal(all.printed.at(-1), "[alice] 130");
  const older = await runTalk(
    bob,
    (talk) => runHistory(talk, "alice", { count: 5, before: all.objects[0].position }),
  );
  assert.deepEqual(older.objects.map(({ text }) => text), ["6", "7", "8", "9", "10"]);
});

Deno.test("two groups of one name are told apart by their ids, which is said when the second comes", async () => {
  const { alice, bob } = accounts();
  const create = (account: TestAccount) =>
    runTalk(account, (talk) => runCreateGroup(talk, "team", ["bob"]));
  const first = await create(alice);
  assert.deepEqual(first.printed, ["made #team", "invited bob"]);
  const second = await create(alice);
  const [firstId, secondId] = [first, second].map(({ objects }) =>
    objects[0].conversationId.slice(0, 8)
  );
  assert.match(
    second.printed[1] ?? "",
    new RegExp(`^there is another #team: .* ${secondId} of this one, ${firstId} of the other$`),
  );
  const join = (id: string) => runTalk(bob, (talk) => runJoin(talk, id));
  assert.match((await join(secondId)).printed.join("\n"), /^joined #team\nthere is another #team/);
  await assert.rejects(
    send(alice, { group: "team" }, { words: ["x"] }),
    hasCode("conversations/ambiguous"),
  );
  const { printed, objects } = await runTalk(alice, runList);
  const id = objects[0].conversationId as ConversationId;
  assert.ok(printed.some((line) => line.includes(`#team (${id.slice(0, 8)})`)));
  assert.equal((await send(alice, { group: id.slice(0, 8) }, { words: ["x"] })).exitCode, 0);
});
