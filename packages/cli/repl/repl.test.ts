import assert from "node:assert/strict";
import {
  accounts,
  between,
  ENTER,
  runLines,
  startRepl,
  type TestAccount,
} from "../test/repl-driver.ts";

Deno.test("Repl: two people talk; a message comes without spoiling the line being typed", async () => {
  await between(async (alice, bob) => {
    await alice.shows(/^alice on 127\.0\.0\.1:7000; \/help/);
    alice.type(`/dm bob${ENTER}`);
    await alice.shows(/^@bob: what you write goes to bob/);
    await alice.shows(/^alice @bob>$/);
    bob.type("half a li");
    alice.type(`Hello from Alice!${ENTER}`);
    await alice.shows(/^\d\d:\d\d \[alice\] Hello from Alice!$/);
    await bob.shows(/^\* alice, to whom you never wrote, .*\/block alice/);
    await bob.shows(/^\d\d:\d\d @alice \[alice\] Hello from Alice!$/);
    assert.equal(bob.prompt(), "bob> half a li");
    bob.type(`\x15/switch @al\t${ENTER}`);
    await bob.shows(/^bob @alice>$/);
    bob.type(`Hi!${ENTER}`);
    await alice.shows(/^\d\d:\d\d \[bob\] Hi!$/);
    await bob.shows(/^\d\d:\d\d \[bob\] Hi!$/);
    alice.type(`again${ENTER}`);
    await bob.shows(/^\d\d:\d\d \[alice\] again$/);
    assert.equal(bob.terminal.lines.filter((line) => line.includes("never wrote")).length, 1);
  });
});

Deno.test("Repl: a group is made, joined, renamed and left", async () => {
  await between(async (alice, bob) => {
    alice.type(`/create-group the team${ENTER}/invite bob nobody${ENTER}`);
    await alice.shows(/^invited bob$/);
    await alice.shows(/^nobody was not invited: there is no account of that name$/);
    await alice.shows(/^alice #the team>$/);
    await bob.shows(/^\* you are invited to #the team: \/join #the team/);
    bob.type(`/join${ENTER}`);
    await bob.shows(/^joined #the team$/);
    bob.type(`hello all${ENTER}/members${ENTER}`);
    await bob.shows(/^alice {15} admin$/);
    await bob.shows(/^bob {17} you$/);
    await alice.shows(/\[bob\] hello all$/);
    bob.type(`/remove alice${ENTER}`);
    await bob.shows(/Cannot do that: only an admin may: \/members shows who is an admin/);
    alice.type(`/admin bob${ENTER}`);
    await bob.shows(/\* alice changed the admins: alice, you/);
    alice.type(`/rename crew${ENTER}`);
    await bob.shows(/\* alice named the group "crew"/);
    await bob.shows(/^bob #crew>$/);
    alice.type(`/leave${ENTER}`);
    await alice.shows(/^left #crew$/);
    await alice.shows(/^alice>$/);
    await bob.shows(/\* alice left/);
    alice.type(`to whom?${ENTER}`);
    await alice.shows(/^to whom\? \/dm NAME/);
  });
});

Deno.test("Repl: a removed member sees it", async () => {
  await between(async (alice, bob) => {
    alice.type(`/create-group team${ENTER}/invite bob${ENTER}`);
    await bob.shows(/invited to #team/);
    bob.type(`/join #team${ENTER}`);
    await bob.shows(/^joined #team/);
    alice.type(`/remove bob${ENTER}`);
    await alice.shows(/^removed bob from #team$/);
    await bob.shows(/\* alice removed you/);
    bob.type(`hello?${ENTER}`);
    await bob.shows(/Cannot send: the account is no member/);
  });
});

Deno.test("Repl: a lost connection shows in the prompt, messages queue, and it heals", async () => {
  await between(async (alice, bob) => {
    alice.type(`/dm bob${ENTER}one${ENTER}`);
    await bob.shows(/\[alice\] one/);
    alice.account.setOnline(false);
    await alice.shows(/^alice @bob \(offline\)>$/);
    await alice.shows(/^Cannot reach server: it is down$/);
    alice.type(`two${ENTER}`);
    await alice.shows(/\[alice\] two \(queued\)$/);
    alice.type(`/status${ENTER}`);
    await alice.shows(/^queued: 1 message$/);
    alice.account.setOnline(true);
    await bob.shows(/\[alice\] two$/);
    await alice.shows(/^alice @bob>$/);
    alice.type(`/status${ENTER}`);
    await alice.shows(/^epoch authenticator [0-9a-f]{8} /);
    await alice.shows(/^cipher suite 0xf001: post-quantum hybrid$/);
  });
});

Deno.test("Repl: a message that fails for good is told, with its text", async () => {
  await between(async (alice) => {
    alice.type(`/dm bob${ENTER}`);
    await alice.shows(/^alice @bob>$/);
    alice.account.setOnline(false);
    alice.type(`lost words${ENTER}`);
    await alice.shows(/\(queued\)$/);
    alice.account.conversations.failNext("conversations/not-active", "Cannot send: removed");
    await alice.shows(/^not sent to @bob: "lost words": Cannot send: removed$/);
    alice.account.setOnline(true);
  });
});

Deno.test("Repl: what others write can't draw on the terminal, nor look like another's line", async () => {
  await between(async (alice, bob) => {
    bob.type(`/dm alice${ENTER}`);
    await bob.shows(/^bob @alice>$/);
    const view = await bob.account.conversations.find("@alice");
    await bob.account.conversations.send(view.id, "\x1b[2J\x1b]0;title\x07red\r\n[alice] forged");
    await alice.shows(/^ {2}\[alice\] forged$/);
    await alice.shows(/\[bob\] \ufffd\[2J\ufffd\]0;title\ufffdred/);
    bob.type(`/create-group x [alice] y${ENTER}/invite alice${ENTER}`);
    await alice.shows(/invited to #x \(alice\) y/);
  });
});

Deno.test("Repl: unread is shown at the start, once, and a removed current conversation isn't resumed", async () => {
  const { all } = accounts("alice", "bob");
  const [alice, bob] = all as [TestAccount, TestAccount];
  const { id } = await alice.conversations.openDirectMessage("bob");
  for (let index = 1; index <= 25; index++) await alice.conversations.send(id, `message ${index}`);
  const first = startRepl(bob);
  await first.shows(/^@alice: 25 unread, the last 20 of them:$/);
  await first.shows(/\[alice\] message 25$/);
  assert.equal(first.terminal.lines.filter((line) => line.includes("[alice]")).length, 20);
  first.type(`/switch alice${ENTER}`);
  await first.shows(/^bob @alice>$/);
  first.type(`/quit${ENTER}`);
  assert.equal(await first.ended, 0);
  const again = startRepl(bob);
  await again.shows(/^bob @alice>$/);
  assert.ok(!again.terminal.lines.some((line) => line.includes("unread")));
  // What was typed before is there again.
  again.type("\x1b[A");
  await again.shows(/^bob @alice> \/quit$/);
  again.type("\x03\x03");
  await again.ended;
});

Deno.test("Repl: /block hides, /unblock shows", async () => {
  await between(async (alice, bob) => {
    alice.type(`/dm bob${ENTER}one${ENTER}`);
    await bob.shows(/\[alice\] one/);
    bob.type(`/block alice${ENTER}`);
    await bob.shows(/^blocked alice/);
    alice.type(`two${ENTER}`);
    await alice.shows(/\[alice\] two/);
    bob.type(`/unblock alice${ENTER}`);
    await bob.shows(/^unblocked alice/);
    alice.type(`three${ENTER}`);
    await bob.shows(/\[alice\] three/);
    assert.ok(!bob.terminal.lines.some((line) => line.endsWith("two")));
  });
});

Deno.test("Repl: a key is verified, or accepted, only after its number was shown", async () => {
  await between(async (alice) => {
    const { peers } = alice.account;
    peers.add("bob", { kind: "pinned" });
    peers.add("carol", { kind: "changed", isSigned: false } as never, 2);
    alice.type(`/verify bob yes${ENTER}`);
    await alice.shows(/^ {2}(11111 ?){6}$/);
    assert.equal(peers.views.get("bob")?.state.kind, "pinned");
    alice.type(`/verify bob yes${ENTER}`);
    await alice.shows(/^noted: the safety number of bob/);
    assert.equal(peers.views.get("bob")?.state.kind, "verified");
    alice.type(`/accept-key carol${ENTER}`);
    await alice.shows(/^ {2}(22222 ?){6}$/);
    assert.equal(peers.views.get("carol")?.state.kind, "changed");
    // Between the two, the server gives yet another key: that one was never shown.
    peers.add("carol", { kind: "changed", isSigned: false } as never, 3);
    alice.type(`/accept-key carol${ENTER}`);
    await alice.shows(/^ {2}(33333 ?){6}$/);
    assert.equal(peers.views.get("carol")?.state.kind, "changed");
    alice.type(`/accept-key carol${ENTER}`);
    await alice.shows(/^accepted the new key of carol/);
    assert.equal(peers.views.get("carol")?.state.kind, "pinned");
  });
});

Deno.test("Repl: sending to somebody whose key has changed says what to do", async () => {
  await between(async (alice, _, server) => {
    alice.type(`/dm bob${ENTER}`);
    await alice.shows(/^alice @bob>$/);
    server.changedKeys.add("bob");
    alice.type(`hi${ENTER}`);
    await alice.shows(/has changed: \/verify NAME shows it, \/accept-key NAME accepts it/);
    await alice.shows(/^not sent; the up key brings the line back$/);
    alice.type("\x1b[A");
    await alice.shows(/^alice @bob> hi$/);
  });
});

Deno.test("Repl: what there is no command for is told with the one that may be meant", async () => {
  const { all: [alice] } = accounts("alice");
  const { failures } = await runLines(alice as TestAccount, [
    "/swtich @bob",
    "/help membres",
    "/etc/passwd is a file",
    "/x",
  ]);
  const rest = "/help lists what there is, // begins a message with /";
  assert.deepEqual(failures, [
    `there is no /swtich: is /switch meant? ${rest}`,
    `there is no /membres: is /members meant? ${rest}`,
    `there is no /etc/passwd; ${rest}`,
    `there is no /x; ${rest}`,
  ]);
});

Deno.test("Repl: every command is in /help, with its own page", async () => {
  const { all: [alice] } = accounts("alice");
  const issue =
    "/dm /create-group /invite /join /switch /list /members /remove /leave /history /whoami " +
    "/notes /status /verify /accept-key /help /quit /block /unblock /rename /admin";
  const { printed, exitCode, failures } = await runLines(alice as TestAccount, [
    "/help",
    ...issue.split(" ").map((name) => `/help ${name}`),
    "/help ls",
  ]);
  assert.equal(exitCode, 0, failures.join("\n"));
  for (const name of issue.split(" ")) {
    assert.ok(printed.filter((line) => line.startsWith(name)).length >= 2, name);
  }
});

Deno.test("runScript() waits until what it sent is acknowledged, and ends with 0", async () => {
  const { all } = accounts("alice", "bob");
  const [alice, bob] = all as [TestAccount, TestAccount];
  const { exitCode, printed } = await runLines(alice, [
    "/dm bob",
    "one",
    "",
    "//two",
    "/create-group team",
    "/invite bob",
    "/whoami",
  ]);
  assert.equal(exitCode, 0);
  assert.deepEqual(printed, [
    "@bob: what you write goes to bob",
    "made #team",
    "invited bob",
    "I am alice",
  ]);
  const said = await bob.conversations.history((await bob.conversations.find("@alice")).id);
  assert.deepEqual(said.items.map((item) => item.kind === "text" && item.text), ["one", "/two"]);
});

Deno.test("runScript() with a slow server: commands come behind the messages before them, and all are sent", async () => {
  const { all } = accounts("alice", "bob");
  const [alice, bob] = all as [TestAccount, TestAccount];
  alice.conversations.happened.isPatient = true;
  let queuedCount = -1;
  Object.assign(alice, {
    whoami: async () => {
      const views = await alice.conversations.list();
      queuedCount = views.reduce((sum, view) => sum + view.queuedCount, 0);
      return { rows: [], objects: [] };
    },
  });
  const { exitCode } = await runLines(alice, ["/dm bob", "one", "two", "/whoami", "three"]);
  assert.equal(exitCode, 0);
  assert.equal(queuedCount, 0);
  const { items } = await bob.conversations.history((await bob.conversations.find("@alice")).id);
  assert.deepEqual(items.map((item) => item.kind === "text" && item.text), ["one", "two", "three"]);
});

Deno.test("runScript() shows what came while it connected once, and what comes until its end", async () => {
  const { all } = accounts("alice", "bob");
  const [alice, bob] = all as [TestAccount, TestAccount];
  const { id } = await alice.conversations.openDirectMessage("bob");
  bob.conversations.isOnline = false;
  await alice.conversations.send(id, "early");
  bob.conversations.waitUntilCaughtUp = () => {
    bob.conversations.isOnline = true;
    return Promise.resolve();
  };
  Object.assign(bob, {
    whoami: async () => {
      for (let index = 0; index < 50; index++) await alice.conversations.send(id, "late");
      return { rows: [], objects: [] };
    },
  });
  const { printed } = await runLines(bob, ["/whoami"]);
  for (const [text, count] of [["early", 1], ["late", 50]] as const) {
    assert.equal(printed.filter((line) => line.endsWith(`[alice] ${text}`)).length, count, text);
  }
});

Deno.test("Repl: a lost connection ends the wait for what came meanwhile", async () => {
  const { all: [alice] } = accounts("alice");
  const account = alice as TestAccount;
  let isWaiting = (): void => {};
  const waiting = new Promise<void>((resolve) => isWaiting = resolve);
  account.conversations.waitUntilCaughtUp = ({ signal } = {}) => {
    isWaiting();
    return new Promise((resolve) => signal?.addEventListener("abort", () => resolve()));
  };
  const repl = startRepl(account);
  await waiting;
  account.setOnline(false);
  await repl.shows(/^alice \(offline\)>$/);
  repl.type("\x04");
  assert.equal(await repl.ended, 0);
});

Deno.test("runScript() ends with 1 if any line failed, and does the others", async () => {
  const { all } = accounts("alice", "bob");
  const [alice, bob] = all as [TestAccount, TestAccount];
  for (const wrong of ["/none", "/switch @nobody", "to whom", "/history x", "/dm", "/join"]) {
    const run = await runLines(alice, [wrong, "/dm bob", "done"]);
    assert.equal(run.exitCode, 1, wrong);
    assert.equal(run.failures.length, 1, wrong);
    // The next run begins without a partner.
    alice.stored.clear();
  }
  const { items } = await bob.conversations.history((await bob.conversations.find("@alice")).id);
  assert.equal(items.length, 6);
});

Deno.test("runScript() without a server queues, says so, and ends with 3", async () => {
  const { all } = accounts("alice", "bob");
  const [alice, bob] = all as [TestAccount, TestAccount];
  await runLines(alice, ["/dm bob", "first"]);
  alice.conversations.isOnline = false;
  const { exitCode, failures } = await runLines(alice, ["/switch @bob", "second"]);
  assert.equal(exitCode, 3);
  assert.match(failures.join("\n"), /Cannot reach server/);
  alice.conversations.isOnline = true;
  const { items } = await bob.conversations.history((await bob.conversations.find("@alice")).id);
  assert.deepEqual(items.map((item) => item.kind === "text" && item.text), ["first", "second"]);
});

Deno.test("runScript() begins with the partner that was named", async () => {
  const { all } = accounts("alice", "bob");
  const [alice, bob] = all as [TestAccount, TestAccount];
  assert.equal((await runLines(alice, ["hi"], { partner: "bob" })).exitCode, 0);
  const { items } = await bob.conversations.history((await bob.conversations.find("@alice")).id);
  assert.equal(items.length, 1);
  assert.equal((await runLines(alice, ["hi"], { partner: "#none" })).exitCode, 1);
});
