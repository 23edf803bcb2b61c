/** People talk, at real terminals, through a real server that dies in the middle. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { ENTER, openWorld, PASSWORD, register } from "./people.ts";
import { startAtTerminal } from "./terminal.ts";
import { QPQ } from "./processes.ts";
import { RESIDENT } from "./programs.ts";

function count(lines: readonly string[], text: string): number {
  return lines.filter((line) => line.includes(text)).length;
}

Deno.test("two REPLs talk through a server that is killed and started again", async () => {
  await using world = await openWorld();
  const [alice, bob] = [world.person("alice"), world.person("bob")];
  await register(alice, bob);
  const [one, other] = [alice.repl(), bob.repl()];
  await one.shows(/^alice>/);
  await one.type(`/dm bob${ENTER}Hello from Alice!${ENTER}`);
  await other.shows(/^\d\d:\d\d @alice \[alice\] Hello from Alice!$/);
  await other.type(`/switch @alice${ENTER}`);
  await other.shows(/^bob @alice>/);
  const start = await world.kill();
  await one.shows(/^alice @bob \(offline\)>/);
  await one.type(`written meanwhile${ENTER}`);
  await one.shows(/\[alice\] written meanwhile \(queued\)$/);
  await other.type("half a li");
  await start();
  await other.shows(/\[alice\] written meanwhile$/);
  await other.shows(/^bob @alice> half a li$/);
  await one.shows(/^alice @bob>/);
  await other.type(`ne${ENTER}`);
  await one.shows(/\[bob\] half a line$/);
  assert.equal(count(other.screen(), "written meanwhile"), 1);
  await one.type("\x04");
  await other.type("\x03\x03");
  assert.deepEqual([await one.ended(), await other.ended()], [0, 0]);
});

Deno.test("the REPL asks for the password unseen, and once; it colours only where it may", async () => {
  await using world = await openWorld();
  const [alice, bob] = [world.person("alice"), world.person("bob")];
  await register(bob);
  const { QPQ_PASSWORD: _, ...env } = alice.env;
  await using asking = startAtTerminal(`${QPQ} repl`, { env, hasColour: true });
  await asking.shows("(new/login)");
  await asking.type(`new${ENTER}`);
  await asking.shows(/^New password of alice at 127\.0\.0\.1:\d+:/);
  await asking.type(`${PASSWORD}${ENTER}`);
  await asking.shows("The same again:");
  await asking.type(`${PASSWORD}${ENTER}`);
  await asking.shows(/^alice>/);
  const plain = bob.repl();
  await plain.shows(/^bob>/);
  await plain.type(`/dm alice${ENTER}in which colour?${ENTER}`);
  await asking.shows(/\[bob\] in which colour\?$/);
  await plain.shows(/\[bob\] in which colour\?$/);
  for (const program of [asking, plain]) await program.type("\x04");
  assert.deepEqual([await asking.ended(), await plain.ended()], [0, 0]);
  assert.ok(!asking.written().includes(PASSWORD), asking.written());
  // deno-lint-ignore no-control-regex
  const colour = /\x1b\[[\d;]*m/;
  assert.match(asking.written(), colour);
  assert.doesNotMatch(plain.written(), colour);
  // Asked at each start.
  await using again = startAtTerminal(`${QPQ} repl`, { env });
  const question = /^Password of alice at 127\.0\.0\.1:\d+:/;
  await again.shows(question);
  await again.type(`wrong${ENTER}`);
  await again.shows("Once more:");
  await again.shows(question, 2);
  await again.type("\x03");
  assert.equal(await again.ended(), 1);
});

Deno.test("send --stdin-lines goes on through a restart of the server: none lost, none twice", async () => {
  await using world = await openWorld();
  const [alice, bob] = [world.person("alice"), world.person("bob")];
  await register(alice, bob);
  const child = new Deno.Command(QPQ, {
    args: ["send", "--to", "bob", "--stdin-lines", "--json"],
    env: { ...alice.env },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  const write = (from: number, to: number): Promise<void> =>
    writer.write(
      new TextEncoder().encode(
        Array.from({ length: to - from }, (_, index) => `line ${from + index}\n`).join(""),
      ),
    );
  const output = child.output();
  await write(0, 100);
  const start = await world.kill();
  await write(100, 200);
  await start();
  await write(200, 300);
  await writer.close();
  const { code, stdout, stderr } = await output;
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  assert.equal(new TextDecoder().decode(stdout).trim().split("\n").length, 300);
  const { stdout: received } = await bob.qpq(["recv", "--json"]);
  const texts = received.trim().split("\n").map((line) => JSON.parse(line))
    .filter(({ kind }) => kind === "text").map(({ text }) => text);
  assert.deepEqual(texts, Array.from({ length: 300 }, (_, index) => `line ${index}`));
});

Deno.test("recv --follow prints what comes until it is ended, and goes on behind a cursor", async () => {
  await using world = await openWorld();
  const [alice, bob] = [world.person("alice"), world.person("bob")];
  await register(alice, bob);
  const child = new Deno.Command(QPQ, {
    args: ["recv", "--follow", "--json"],
    env: { ...bob.env },
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let printed = "";
  const until = async (text: string): Promise<void> => {
    while (!printed.includes(text)) {
      const { value, done } = await reader.read();
      assert.ok(!done, printed);
      printed += value;
    }
  };
  for (const text of ["one", "two", "three"]) await alice.qpq(["send", "--to", "bob", text]);
  await until('"three"');
  child.kill("SIGTERM");
  assert.equal((await child.status).code, 0);
  await reader.cancel();
  const cursor = printed.trim().split("\n").map((line) => JSON.parse(line))
    .find(({ text }) => text === "one").cursor;
  assert.equal((await bob.qpq(["recv"])).stdout, "");
  const again = await bob.qpq(["recv", "--after", `${cursor}`]);
  assert.equal(again.stdout, "[alice] two\n[alice] three\n");
});

Deno.test("--remember: nobody is asked any more, until --forget", async () => {
  await using world = await openWorld();
  const alice = world.person("alice");
  await register(alice);
  const { QPQ_PASSWORD: _, ...env } = alice.env;
  const unasked = (args: readonly string[]) => RESIDENT.qpq(args, { env });
  assert.equal((await unasked(["list"])).code, 2);
  const remembered = await alice.qpq(["list", "--remember"]);
  assert.match(remembered.stderr, /remembered: whoever can copy/);
  assert.equal((await unasked(["list"])).code, 0);
  assert.equal((await unasked(["repl"])).code, 0);
  const folder = join(
    alice.env.QPQ_STATE_DIR ?? "",
    world.server().address.replace(":", "_"),
    "alice",
  );
  await Deno.chmod(join(folder, "client.db.key.remembered"), 0o644);
  const exposed = await unasked(["list"]);
  assert.equal(exposed.code, 1);
  assert.match(exposed.stderr, /others on this machine may read/);
  assert.equal((await alice.qpq(["list", "--forget"])).code, 0);
  assert.equal((await unasked(["list"])).code, 2);
});
