import assert from "node:assert/strict";
import type { Conversations } from "@qpq/client";
import { MessengerError } from "@qpq/ports";
import {
  accounts,
  ENTER,
  runLines,
  type RunningRepl,
  startRepl,
  type TestAccount,
} from "../test/repl-driver.ts";
import { WAITING_TOLD_AFTER_MS } from "./repl.ts";

const CTRL_C = "\x03";
const CTRL_D = "\x04";

interface Waiting {
  readonly alice: RunningRepl;
  /** What was said to somebody, as they have it. */
  readonly had: (name: string) => Promise<readonly string[]>;
}

/** Alice's REPL, in #team, with a server that is away and commands that wait for it patiently. */
async function waiting(use: (world: Waiting) => Promise<void>): Promise<void> {
  const { all } = accounts("alice", "bob", "carol", "dave");
  const [account] = all as [TestAccount];
  await account.conversations.openDirectMessage("dave");
  const alice = startRepl(account);
  alice.type(`/create-group team${ENTER}`);
  await alice.shows(/^alice #team>$/);
  account.conversations.happened.isPatient = true;
  account.setOnline(false);
  await alice.shows(/^alice #team \(offline\)>$/);
  const had = async (name: string): Promise<readonly string[]> => {
    const person = all.find((one) => one.name === name);
    const view = await person?.conversations.find("@alice").catch(() => undefined);
    return view === undefined ? [] : await textsOf(person?.conversations, view.id);
  };
  await use({ alice, had });
  alice.type(CTRL_C + CTRL_D);
  assert.equal(await alice.ended, 0);
}

async function textsOf(
  conversations: Conversations | undefined,
  id: Parameters<Conversations["history"]>[0],
): Promise<readonly string[]> {
  const { items } = await (conversations as Conversations).history(id);
  return items.flatMap((item) => item.kind === "text" ? [item.text] : []);
}

Deno.test("Repl: while a command waits for the server, what is local answers; those that wait keep their order", async () => {
  await waiting(async ({ alice }) => {
    alice.type(`/invite carol${ENTER}`);
    await alice.shows(/^\/invite carol waits for the server; Ctrl-C stops it$/);
    alice.type(`/invite bob${ENTER}`);
    await alice.shows(/^\/invite bob waits for the server, too$/);
    for (
      const [line, answer] of [
        ["/status", /^offline: Cannot reach server/],
        ["/list", /^@dave/],
        ["/members", /^alice +you, admin$/],
        ["/history", /^nothing was said here yet$/],
        ["/help", /^\/quit +leave/],
        ["/whoami", /^I am alice$/],
        ["a message", /\[alice\] a message \(queued\)$/],
        ["/switch @dave", /^alice @dave \(offline, 1 queued\)>/],
        ["/dm @dave", /^@dave: what you write goes to dave$/],
        ["/notes", /^alice notes \(offline, 1 queued\)>/],
      ] as const
    ) {
      alice.type(`${line}${ENTER}`);
      await alice.shows(answer);
    }
    alice.account.setOnline(true);
    // The group that was current when they were typed.
    await alice.shows(/^invited bob$/);
    const lines = alice.terminal.lines;
    assert.ok(lines.indexOf("invited carol") < lines.indexOf("invited bob"), lines.join("\n"));
    const { id } = await alice.account.conversations.find("#team");
    const members = await alice.account.conversations.members(id);
    assert.deepEqual(members.map(({ name }) => name), ["alice", "carol", "bob"]);
  });
});

Deno.test("Repl: Ctrl-C stops what waits, and leaves the line being typed; a second one leaves", async () => {
  await waiting(async ({ alice, had }) => {
    alice.type(`/dm carol${ENTER}hello${ENTER}/invite bob${ENTER}`);
    await alice.shows(/^waits for \/dm carol: \/invite bob$/);
    alice.type(`half a li${CTRL_C}`);
    await alice.shows(/^stopped: \/dm carol \(it may still be done\)$/);
    await alice.shows(/^not sent: hello$/);
    await alice.shows(/^not done: \/invite bob$/);
    assert.equal(alice.prompt(), "alice #team (offline)> half a li");
    alice.type(CTRL_C);
    assert.equal(await alice.ended, 0);
    alice.account.setOnline(true);
    assert.deepEqual(await had("carol"), []);
  });
});

Deno.test("Repl: Ctrl-D leaves at once while commands wait, and says what was not done", async () => {
  await waiting(async ({ alice }) => {
    alice.type(`/invite carol${ENTER}/invite bob${ENTER}`);
    await alice.shows(/^\/invite bob waits/);
    alice.type(CTRL_D);
    assert.equal(await alice.ended, 0);
    assert.equal(alice.count(/^not done: \/invite bob$/), 1);
    assert.equal(alice.count(/^stopped: \/invite carol/), 1);
  });
});

Deno.test("Repl: /quit leaves at once while a command waits", async () => {
  await waiting(async ({ alice }) => {
    alice.type(`/invite carol${ENTER}/quit${ENTER}`);
    assert.equal(await alice.ended, 0);
    assert.equal(alice.count(/^stopped: \/invite carol/), 1);
  });
});

Deno.test("Repl: what is typed behind a command that leads elsewhere goes there, in order, and nowhere else", async () => {
  await waiting(async ({ alice, had }) => {
    alice.type(`/dm bob${ENTER}one${ENTER}/dm carol${ENTER}two${ENTER}three${ENTER}`);
    await alice.shows(/^waits for \/dm bob: three$/);
    // The prompt says where lines go, all the time.
    assert.equal(alice.prompt(), "alice → /dm bob (offline)>");
    alice.account.setOnline(true);
    await alice.shows(/^alice @carol>$/);
    await alice.shows(/\[alice\] three$/);
    alice.type(`four${ENTER}`);
    await alice.shows(/\[alice\] four$/);
    assert.deepEqual(await had("bob"), ["one"]);
    assert.deepEqual(await had("carol"), ["two", "three", "four"]);
    const { id } = await alice.account.conversations.find("#team");
    assert.deepEqual(await textsOf(alice.account.conversations, id), []);
  });
});

Deno.test("Repl: what is typed behind a command that fails is not sent elsewhere", async () => {
  await waiting(async ({ alice }) => {
    alice.type(`/dm nobody${ENTER}a secret${ENTER}`);
    await alice.shows(/^waits for \/dm nobody: a secret$/);
    assert.equal(alice.prompt(), "alice → /dm nobody (offline)>");
    alice.account.setOnline(true);
    await alice.shows(/^\/dm nobody: .*no such account/);
    await alice.shows(/^not sent: a secret$/);
    await alice.shows(/^alice #team>$/);
    alice.type(`for the team${ENTER}`);
    await alice.shows(/\[alice\] for the team$/);
    const { id } = await alice.account.conversations.find("#team");
    assert.deepEqual(await textsOf(alice.account.conversations, id), ["for the team"]);
  });
});

Deno.test("Repl: a command that waited doesn't lead away from where one has gone meanwhile", async () => {
  await waiting(async ({ alice, had }) => {
    alice.type(`/dm bob${ENTER}for bob${ENTER}/switch @dave${ENTER}for dave${ENTER}`);
    await alice.shows(/\[alice\] for dave \(queued\)$/);
    alice.account.setOnline(true);
    await alice.shows(/^you are elsewhere by now: \/switch @bob goes there$/);
    await alice.shows(/@bob \[alice\] for bob$/);
    assert.equal(alice.prompt(), "alice @dave>");
    alice.type(`again${ENTER}`);
    await alice.shows(/\[alice\] again$/);
    assert.deepEqual(await had("bob"), ["for bob"]);
    assert.deepEqual(await had("dave"), ["for dave", "again"]);
  });
});

Deno.test("Repl: what is held is shown once it is known to wait, whatever it waits behind", async () => {
  await waiting(async ({ alice }) => {
    const { account, clock } = alice;
    account.setOnline(true);
    const { promise, resolve } = Promise.withResolvers<readonly []>();
    account.conversations.invite = () => promise;
    alice.type(
      `/invite carol${ENTER}/create-group other${ENTER}for the other${ENTER}/status${ENTER}`,
    );
    await alice.shows(/^connected to /);
    assert.equal(alice.count(/for the other/), 0);
    await clock.advance(WAITING_TOLD_AFTER_MS);
    assert.equal(alice.count(/^waits for \/create-group other: for the other$/), 1);
    resolve([]);
    await alice.shows(/\[alice\] for the other$/);
    assert.equal(alice.prompt(), "alice #other>");
  });
});

Deno.test("Repl: a command for which no connection came in time says which one, and the next has its turn", async () => {
  await waiting(async ({ alice }) => {
    const late = new MessengerError("rpc/deadline", "Cannot finish in time");
    const { promise, reject } = Promise.withResolvers<never>();
    alice.account.conversations.invite = () => promise;
    alice.type(`/invite carol${ENTER}/dm bob${ENTER}`);
    await alice.shows(/^\/dm bob waits/);
    reject(late);
    await alice.shows(/^\/invite carol: no connection to 127\.0\.0\.1:7000 so far$/);
    alice.account.setOnline(true);
    await alice.shows(/^alice @bob>$/);
  });
});

Deno.test("Repl: commands that wait for a connection wait together, not each in its turn", async () => {
  await waiting(async ({ alice: { account, clock, type, shows } }) => {
    const late = new MessengerError("rpc/deadline", "Cannot finish in time");
    const asked: PromiseWithResolvers<never>[] = [];
    const limits: (number | undefined)[] = [];
    account.conversations.invite = (_id, _names, { timeoutMs } = {}) => {
      limits.push(timeoutMs);
      asked.push(Promise.withResolvers());
      return asked.at(-1)?.promise as Promise<never>;
    };
    const goesOn = async (index: number): Promise<void> => {
      asked[index]?.reject(late);
      await clock.settle();
    };
    type(["carol", "bob", "dave", "erin"].map((name) => `/invite ${name}${ENTER}`).join(""));
    await shows(/^\/invite erin waits/);
    await clock.advance(600);
    await goesOn(0);
    await clock.advance(600);
    await goesOn(1);
    account.setOnline(true);
    await goesOn(2);
    assert.deepEqual(limits, [1_000, 400, 1, 1_000]);
    await goesOn(3);
  });
});

Deno.test("Repl: a mistake in a command that needs the server is told before its turn", async () => {
  await waiting(async ({ alice }) => {
    alice.type(
      `/invite carol${ENTER}/invite${ENTER}/dm${ENTER}/admin bob of${ENTER}/verify${ENTER}`,
    );
    for (const usage of [/^expected \/invite/, /^expected \/dm/, /^expected \/admin/]) {
      await alice.shows(usage);
    }
    await alice.shows(/^expected \/verify/);
    assert.equal(alice.count(/^invited carol$/), 0);
  });
});

Deno.test("Repl: a bounded number of lines waits", async () => {
  await waiting(async ({ alice }) => {
    for (let index = 0; index < 64; index++) alice.type(`/invite carol${ENTER}`);
    await alice.shows(/\/invite carol waits for the server, too/);
    alice.type(`/dm bob${ENTER}`);
    await alice.shows(/^64 lines wait for the server: Ctrl-C stops them$/);
    alice.type(`a message${ENTER}`);
    await alice.shows(/\[alice\] a message \(queued\)$/);
    alice.account.setOnline(true);
  });
});

Deno.test("Repl: with a connection it is said that a command waits once it takes long", async () => {
  await waiting(async ({ alice }) => {
    const { account, clock } = alice;
    account.setOnline(true);
    const { promise, resolve } = Promise.withResolvers<readonly []>();
    account.conversations.invite = () => promise;
    alice.type(`/invite carol${ENTER}/status${ENTER}`);
    await alice.shows(/^connected to 127\.0\.0\.1:7000 \(localhost\)$/);
    await clock.advance(WAITING_TOLD_AFTER_MS - 1);
    assert.equal(alice.count(/waits for the server/), 0);
    await clock.advance(1);
    assert.equal(alice.count(/^\/invite carol waits for the server; Ctrl-C stops it$/), 1);
    resolve([]);
  });
});

Deno.test("runScript(): where a line that leads elsewhere fails, what follows goes to nobody", async () => {
  for (const wrong of ["/switch @bbo", "/dm bbo", "/swtich @bob", "/join #none", "/switch"]) {
    const { all } = accounts("alice", "bob", "carol");
    const [alice, , carol] = all as [TestAccount, TestAccount, TestAccount];
    const lines = ["/dm carol", "for carol", wrong, "for bob", "/status", "/dm carol", "again"];
    const { failures, exitCode } = await runLines(alice, lines);
    assert.equal(exitCode, 1);
    assert.equal(failures.length, 2, wrong);
    assert.match(failures[1] ?? "", /^to whom\?/);
    const { id } = await carol.conversations.find("@alice");
    assert.deepEqual(await textsOf(carol.conversations, id), ["for carol", "again"], wrong);
  }
});

Deno.test("runScript(): what is written to a partner that isn't there goes to nobody", async () => {
  const { all } = accounts("alice", "bob", "carol");
  const [alice, , carol] = all as [TestAccount, TestAccount, TestAccount];
  await runLines(alice, ["/dm carol", "for carol"]);
  for (const partner of ["#none", "bbo"]) {
    const { failures, exitCode } = await runLines(alice, ["for bob"], { partner });
    assert.equal(exitCode, 1);
    assert.equal(failures.length, 2);
  }
  const { id } = await carol.conversations.find("@alice");
  assert.deepEqual(await textsOf(carol.conversations, id), ["for carol"]);
});
