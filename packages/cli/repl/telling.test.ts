/** What the REPL says by itself: of what waits, of what is new, and of the own account's devices. */
import assert from "node:assert/strict";
import type { ConversationId } from "@qpq/client";
import {
  accounts,
  between,
  ENTER,
  runLines,
  startRepl,
  type TestAccount,
} from "../test/repl-driver.ts";
import { QUEUED_SHOWN_AFTER_MS } from "./prompt.ts";

Deno.test("Repl: the prompt counts what waits for the server, wherever it goes", async () => {
  await between(async (alice, bob) => {
    alice.type(`/dm bob${ENTER}`);
    await alice.shows(/^alice @bob>$/);
    alice.account.setOnline(false);
    alice.type(`one${ENTER}two${ENTER}`);
    await alice.shows(/^alice @bob \(offline, 2 queued\)>$/);
    alice.type(`/notes${ENTER}`);
    await alice.shows(/^alice notes \(offline, 2 queued\)>$/);
    alice.account.setOnline(true);
    await alice.shows(/^alice notes>$/);
    await bob.shows(/\[alice\] two$/);
  });
});

Deno.test("Repl: with a connection the prompt counts only what has been on its way for long", async () => {
  await between(async (alice) => {
    alice.type(`/dm bob${ENTER}`);
    await alice.shows(/^alice @bob>$/);
    // The connection is dead, and nobody has noticed.
    alice.account.conversations.isOnline = false;
    alice.account.connection = () => ({
      kind: "connected",
      server: { name: "localhost" } as never,
      refusal: undefined,
    });
    alice.type(`one${ENTER}`);
    await alice.shows(/\[alice\] one$/);
    await alice.clock.advance(QUEUED_SHOWN_AFTER_MS - 1);
    assert.equal(alice.prompt(), "alice @bob>");
    await alice.clock.advance(1);
    assert.equal(alice.prompt(), "alice @bob (1 queued)>");
    alice.account.conversations.isOnline = true;
    await alice.shows(/^alice @bob>$/);
    assert.equal(alice.clock.pending, 0);
  });
});

Deno.test("Repl: /switch shows what was said there last, and what of it is new", async () => {
  await between(async (alice, bob, server) => {
    alice.type(`/dm bob${ENTER}`);
    await alice.shows(/^alice @bob>$/);
    for (let index = 1; index <= 4; index++) alice.type(`message ${index}${ENTER}`);
    await bob.shows(/\[alice\] message 4$/);
    bob.type(`/switch @alice${ENTER}/notes${ENTER}`);
    await bob.shows(/^bob notes>$/);
    const { id } = await alice.account.conversations.find("@bob");
    const notice = { kind: "device-added", name: "alice" } as const;
    server.append(server.group(id), { kind: "notice", by: "alice", notice });
    alice.type(`message 5${ENTER}message 6${ENTER}`);
    await bob.shows(/@alice \[alice\] message 6$/);
    bob.type(`\x0c/switch @alice${ENTER}`);
    await bob.shows(/^bob @alice>$/);
    const lines = bob.terminal.lines.map((line) => line.replace(/^\d\d:\d\d /, ""));
    assert.deepEqual(lines.slice(lines.indexOf("── @alice ──")), [
      "── @alice ──",
      "[alice] message 3",
      "[alice] message 4",
      "* alice added a device",
      "── new ──",
      "[alice] message 5",
      "[alice] message 6",
      "bob @alice>",
    ]);
    // Seen: the next time nothing of it is new.
    bob.type(`\x0c/notes${ENTER}`);
    await bob.shows(/^bob notes>$/);
    bob.type(`/switch @alice${ENTER}`);
    await bob.shows(/^bob @alice>$/);
    assert.equal(bob.count(/message 6$/), 1);
    assert.equal(bob.count(/── new ──/), 0);
  });
});

Deno.test("Repl: the conversation that is resumed shows what was said last", async () => {
  const { all } = accounts("alice", "bob");
  const [alice, bob] = all as [TestAccount, TestAccount];
  await runLines(alice, ["/dm bob", "first", "second"]);
  const repl = startRepl(alice);
  await repl.shows(/^── @bob ──$/);
  await repl.shows(/\[alice\] second$/);
  repl.type("\x04");
  assert.equal(await repl.ended, 0);
  // What is unread is shown as that, and once.
  await runLines(bob, ["/switch @alice", "third"]);
  const again = startRepl(alice);
  await again.shows(/^@bob: 1 unread:$/);
  await again.shows(/^alice @bob>$/);
  assert.equal(again.count(/third/), 1);
  again.type("\x04");
  assert.equal(await again.ended, 0);
});

Deno.test("Repl: a conversation that is gone before its event is shown ends nothing", async () => {
  await between(async (alice, bob) => {
    await alice.shows(/^alice>$/);
    const { happened } = alice.account.conversations;
    happened.add({ kind: "conversation" }, "f".repeat(32) as ConversationId);
    bob.type(`/dm alice${ENTER}still there?${ENTER}`);
    await alice.shows(/\[bob\] still there\?$/);
  });
});

Deno.test("Repl: a device of one's own is told of as that, with what to do", async () => {
  await between(async (alice, bob, server) => {
    alice.type(`/create-group team${ENTER}/invite bob${ENTER}`);
    await bob.shows(/invited to #team/);
    bob.type(`/join${ENTER}`);
    await bob.shows(/^bob #team>$/);
    const { id } = await alice.account.conversations.find("#team");
    const notice = { kind: "device-added", name: "alice" } as const;
    server.append(server.group(id), { kind: "notice", by: "alice", notice });
    await alice.shows(/\* you added a device\. If it wasn't you: qpq devices revoke takes it off/);
    await bob.shows(/\* alice added a device$/);
  });
});

Deno.test("Repl: a new device says that it joins the account's conversations, and when it is in", async () => {
  const { all } = accounts("alice", "bob");
  const [alice] = all as [TestAccount];
  await alice.conversations.openDirectMessage("bob");
  const { promise, resolve } = Promise.withResolvers<void>();
  let asked = 0;
  alice.conversations.waitUntilCaughtUp = async () => {
    // The first prompt doesn't wait for all of it.
    if (asked++ === 0) await alice.conversations.get("none" as never);
    await promise;
  };
  alice.conversations.enteringCount = 3;
  const repl = startRepl(alice, { isNewDevice: true });
  await repl.shows(
    /^joining 3 conversations; what was said before stays on your other devices$/,
  );
  await repl.shows(/^alice>$/);
  assert.equal(repl.count(/^joined/), 0);
  resolve();
  await repl.shows(/^joined 1 conversation: \/list shows them; what was said before stays/);
  repl.type("\x04");
  assert.equal(await repl.ended, 0);
});

Deno.test("Repl: a new device that is in at once says so; one that has nothing to join says nothing", async () => {
  const { all } = accounts("alice", "bob", "carol");
  const [alice, , carol] = all as [TestAccount, TestAccount, TestAccount];
  await alice.conversations.openDirectMessage("bob");
  for (
    const [account, isNewDevice, count] of [
      [alice, true, 1],
      [alice, false, 0],
      [carol, true, 0],
    ] as const
  ) {
    const repl = startRepl(account, { isNewDevice });
    await repl.shows(new RegExp(`^${account.name}>$`));
    repl.type("\x04");
    assert.equal(await repl.ended, 0);
    assert.equal(repl.count(/joined 1 conversation/), count);
    assert.equal(repl.count(/join/), count);
  }
});

Deno.test("Repl: leaving doesn't wait until a new device is in", async () => {
  const { all } = accounts("alice");
  const [alice] = all as [TestAccount];
  let asked = 0;
  alice.conversations.waitUntilCaughtUp = async ({ signal } = {}) => {
    if (asked++ > 0) await new Promise((resolve) => signal?.addEventListener("abort", resolve));
    await alice.conversations.get("none" as never);
  };
  const repl = startRepl(alice, { isNewDevice: true });
  await repl.shows(/^joining your conversations; what was said/);
  repl.type("\x04");
  assert.equal(await repl.ended, 0);
});
