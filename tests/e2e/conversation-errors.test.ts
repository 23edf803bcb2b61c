/** What a new user can run into: one line says what happened, why, and what to do next. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { ENTER, openWorld, type Person, register } from "./people.ts";
import { QPQ, type Run, run } from "./processes.ts";
import { RESIDENT } from "./programs.ts";
import { startAtTerminal } from "./terminal.ts";

/** An error is one line on standard error, and with `--json` one object with the same code. */
async function refuses(
  person: Person,
  args: readonly string[],
  expected: { readonly exit: number; readonly says: RegExp; readonly code?: string },
): Promise<void> {
  const result = await person.qpq(args);
  assert.equal(result.code, expected.exit, result.stderr);
  assertOneLine(result);
  assert.match(result.stderr, expected.says);
  if (expected.code === undefined) return;
  const json = await person.qpq([...args, "--json"]);
  const { error } = JSON.parse(json.stdout.trim().split("\n").at(-1) ?? "");
  assert.equal(error.code, expected.code);
}

function assertOneLine({ stderr }: Run): void {
  const lines = stderr.trim().split("\n").filter((line) => !line.startsWith("qpq: warning"));
  assert.equal(lines.length, 1, stderr);
  assert.match(lines[0] ?? "", /^qpq: /);
}

Deno.test("errors that a new user meets: accounts and the server", async () => {
  await using world = await openWorld();
  const [alice, bob] = [world.person("alice"), world.person("bob")];
  await alice.register({ entersAgain: true });
  await register(bob);
  const with_ = (person: Person, env: Readonly<Record<string, string>>): Person => ({
    ...person,
    qpq: (args) => RESIDENT.qpq(args, { env: { ...person.env, ...env } }),
  });
  const send = ["send", "--to", "bob", "hi"];
  // Not registered: on this device, and anywhere.
  await refuses(world.person("carol"), send, {
    exit: 4,
    says: /no account carol on .*: qpq register-user makes one, qpq login enters one/,
  });
  await refuses(world.person("carol"), ["repl"], {
    exit: 4,
    says: /Name or password is wrong|wrong.*--register makes it/i,
  });
  // Wrong password, of what is here; and of the account, on a new device.
  await refuses(with_(alice, { QPQ_PASSWORD: "wrong" }), send, {
    exit: 4,
    says: /wrong password\. If it was changed on another device: qpq login/,
  });
  // Name taken: --register logs in, and the password isn't the owner's.
  await refuses(
    with_(world.person("alice", "stranger"), { QPQ_PASSWORD: "wrong" }),
    ["repl", "--register"],
    { exit: 4, says: /wrong/ },
  );
  await refuses(world.person("alice", "stranger"), ["register-user"], {
    exit: 1,
    says: /somebody has the name: choose another, or qpq login/,
  });
  // The wrong certificate, and no server.
  await refuses(with_(alice, { QPQ_PIN: `sha256:${"0".repeat(64)}` }), ["recv"], {
    exit: 3,
    says: /certificate|pin/,
    code: "tls/pin-mismatch",
  });
  assert.equal((await alice.qpq(send)).code, 0);
  await world.kill();
  await refuses(alice, [...send, "--timeout", "1"], {
    exit: 3,
    says: /Cannot reach .* the server is down.* The message is kept, and goes out/,
    code: "transport/unreachable",
  });
  await refuses(alice, ["recv", "--timeout", "1"], {
    exit: 3,
    says: /Cannot reach .* the server is down/,
  });
  // Said before anything is asked.
  const { QPQ_PASSWORD: _, ...env } = world.person("dave").env;
  await using asking = startAtTerminal(`${QPQ} repl --timeout 1`, { env });
  await asking.shows(/^qpq: Cannot reach .* the server is down/);
  assert.equal(await asking.ended(), 3);
  assert.doesNotMatch(asking.written(), /new\/login|assword/);
});

Deno.test("errors that a new user meets: conversations", async () => {
  await using world = await openWorld();
  const [alice, bob] = [world.person("alice"), world.person("bob")];
  await register(alice);
  // A new account key takes the password.
  await bob.register({ entersAgain: true });
  await refuses(alice, ["send", "--to", "nobody", "hi"], {
    exit: 1,
    says: /Cannot find account: there is none: check how the name is written/,
  });
  await refuses(alice, ["send", "--group", "none", "hi"], {
    exit: 1,
    says: /qpq list shows those there are/,
  });
  await refuses(alice, ["dm", "alice"], {
    exit: 1,
    says: /notes/,
  });
  assert.equal((await alice.qpq(["create-group", "team", "bob"])).code, 0);
  await refuses(bob, ["send", "--group", "team", "hi"], {
    exit: 1,
    says: /not in that conversation: qpq list says why; qpq join accepts an invitation/,
    code: "conversations/not-active",
  });
  assert.equal((await bob.qpq(["join", "team"])).code, 0);
  await refuses(bob, ["remove", "team", "alice"], {
    exit: 1,
    says: /only an admin may: qpq members shows who is an admin/,
  });
  // Not a member any more.
  assert.equal((await alice.qpq(["remove", "team", "bob"])).code, 0);
  assert.match((await bob.qpq(["recv"])).stdout, /#team \* alice removed you/);
  await refuses(bob, ["send", "--group", "team", "hi"], {
    exit: 1,
    says: /not in that conversation: qpq list says why/,
  });
  // The account key has changed.
  assert.equal((await alice.qpq(["send", "--to", "bob", "hi"])).code, 0);
  assert.equal((await bob.qpq(["rotate-account-key", "--yes"])).code, 0);
  await alice.qpq(["check-key", "bob"]);
  await refuses(alice, ["send", "--to", "bob", "hi again"], {
    exit: 1,
    says: /changed.*: qpq check-key NAME shows it, qpq accept-key NAME accepts it/,
  });
});

Deno.test("errors that a new user meets: another program has the account", async () => {
  await using world = await openWorld();
  const alice = world.person("alice");
  await register(alice);
  const repl = alice.repl();
  await repl.shows(/^alice>/);
  await refuses(alice, ["list"], {
    exit: 1,
    says: /Another qpq has the account open, a REPL perhaps: use that one, or end it first/,
    code: "store/in-use",
  });
  await repl.type(`/quit${ENTER}`);
  assert.equal(await repl.ended(), 0);
  assert.equal((await alice.qpq(["list"])).code, 0);
});

/** A file system of its own, which only Linux gives to whoever asks. */
const CAN_MOUNT = (await run("unshare", ["-rm", "true"]).catch(() => ({ code: 1 }))).code === 0;

Deno.test({
  name: `errors that a new user meets: the disk is full${CAN_MOUNT ? "" : " (skipped: no mounts)"}`,
  ignore: !CAN_MOUNT,
  fn: async () => {
    await using world = await openWorld();
    const [alice, bob] = [world.person("alice"), world.person("bob")];
    await register(alice, bob);
    assert.equal((await alice.qpq(["send", "--to", "bob", "first"])).code, 0);
    const state = alice.env.QPQ_STATE_DIR ?? "";
    const small = join(state, "..", "small");
    await Deno.mkdir(small);
    const script = [
      `mount -t tmpfs -o size=4m tmpfs ${small}`,
      `cp -a ${state}/. ${small}/`,
      `dd if=/dev/zero of=${small}/rest bs=4k 2>/dev/null`,
      `QPQ_STATE_DIR=${small} ${QPQ} send --to bob second`,
      `echo exit=$?`,
      `rm ${small}/rest`,
      `QPQ_STATE_DIR=${small} ${QPQ} send --to bob third`,
      `echo exit=$?`,
    ].join("\n");
    const result = await run("unshare", ["-rm", "sh", "-c", script], { env: alice.env });
    assert.match(result.stdout, /^exit=1\nsent: to @bob, id \w+\nexit=0\n$/, result.stderr);
    assertOneLine(result);
    assert.match(result.stderr, /space.*: make room on the disk; what was there is whole/);
    assert.match((await bob.qpq(["recv"])).stdout, /^\[alice\] first\n\[alice\] third\n$/);
  },
});
