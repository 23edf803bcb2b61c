/**
 * Types what pages show of conversations, at a terminal for each person. In a block `console NAME`:
 * `$ COMMAND` starts a program; what stands behind a prompt, or a question, is typed once that shows; any
 * other line must show.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { ROOT, spawnServer, temporaryFolder } from "../e2e/processes.ts";
import { startAtTerminal, type TerminalProgram } from "../e2e/terminal.ts";

interface Step {
  readonly person: string;
  readonly line: string;
}

for (const [page, stepsMin] of [["README.md", 10], ["docs/getting-started.md", 30]] as const) {
  Deno.test(`${page}: the conversations that it shows are what happens`, async () => {
    const steps = stepsOf(await Deno.readTextFile(join(ROOT, page)));
    assert.ok(steps.length >= stepsMin);
    await followPage(steps);
  });
}

async function followPage(steps: readonly Step[]): Promise<void> {
  await using folder = await temporaryFolder();
  await Deno.symlink(join(ROOT, "bin"), join(folder.path, "bin"));
  const env = { QPQ_LISTEN: "127.0.0.1:0" };
  await using server = await spawnServer([], folder.path, { cwd: folder.path, env });
  const people = new Map<string, TerminalProgram>();
  await using programs = new AsyncDisposableStack();
  for (const { person, line } of steps) {
    const command = /^\$ (.*)$/.exec(line)?.[1];
    if (command !== undefined) {
      const before = people.get(person);
      if (before !== undefined) assert.equal(await before.ended(), 0, line);
      const program = startAtTerminal(`sh -c '${command.replaceAll("'", "'\\''")}'`, {
        cwd: folder.path,
        env: { QPQ_SERVER: server.address, QPQ_STATE_DIR: join(folder.path, "state") },
      });
      people.set(person, programs.use(program));
      continue;
    }
    const program = people.get(person);
    assert.ok(program !== undefined, `${person} has no program yet: ${line}`);
    const typed = /^(\w+(?: [@#]\S+)?>|.*\?.*\)) (.+)$/.exec(line);
    if (typed === null) {
      await program.shows(line.replace("127.0.0.1:7000", server.address));
      continue;
    }
    await program.shows(typed[1] as string);
    await program.type(`${typed[2]}\r`);
    // What others say while it leaves would still be read there.
    if (typed[2] === "/quit") assert.equal(await program.ended(), 0, line);
  }
  // A program that has ended by itself takes no more; how it ended is what counts.
  for (const program of people.values()) await program.type("\x04").catch(() => {});
  for (const program of people.values()) assert.equal(await program.ended(), 0);
}

Deno.test("stepsOf() reads blocks of a person's terminal, and no other", () => {
  const page = "```console ann\n$ go\nann> hi\n```\n```sh\nno\n```\n```console ben\nhi\n```\n";
  assert.deepEqual(stepsOf(page), [
    { person: "ann", line: "$ go" },
    { person: "ann", line: "ann> hi" },
    { person: "ben", line: "hi" },
  ]);
});

function stepsOf(page: string): readonly Step[] {
  return [...page.matchAll(/^```console (\w+)\n([\s\S]*?)^```/gm)].flatMap((
    [, person = "", block = ""],
  ) => block.trim().split("\n").map((line) => ({ person, line })));
}
