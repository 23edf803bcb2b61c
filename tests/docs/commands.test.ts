/**
 * Runs the commands that the docs show: every line of every `sh` block of a page, from top to
 * bottom, in a folder of its own. A line that starts a server starts it; the others must end with 0.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { ROOT, run, type RunningServer, spawnServer, temporaryFolder } from "../e2e/processes.ts";
import { cheapen } from "../e2e/registration.ts";

/** Done around every test, by `.ci/run` or by whoever runs this: only checked to exist. */
const FRAME =
  /^(git clone \S+|cd quicproquo|npm (ci|test|run \S+)( -- [\w. -]+)?|QPQ_TEST_LEVEL=full npm test)$/;
const SERVER = /^bin\/qpq-server(?! .*--(print-config|print-permissions|help|version))( --| *$)/;

for (const page of await pages()) {
  const commands = commandsOf(await Deno.readTextFile(join(ROOT, page)));
  if (commands.length === 0) continue;
  Deno.test(`${page}: every command that it shows works`, async () => {
    await using folder = await temporaryFolder();
    for (const name of ["bin", "qpq-server.example.toml"]) {
      await Deno.symlink(join(ROOT, name), join(folder.path, name));
    }
    await using servers = new AsyncDisposableStack();
    let server: RunningServer | undefined;
    for (const command of commands) {
      if (FRAME.test(command)) {
        await checkFrame(command);
        continue;
      }
      const env = {
        QPQ_LISTEN: "127.0.0.1:0",
        QPQ_STATE_DIR: join(folder.path, "state"),
        ...(server === undefined ? {} : { QPQ_SERVER: server.address }),
      };
      if (SERVER.test(command)) {
        const args = command.split(/\s+/).slice(1);
        server = servers.use(await spawnServer(args, folder.path, { cwd: folder.path, env }));
        continue;
      }
      const line = command
        .replaceAll(/chat\.example\.org:7000|127\.0\.0\.1:7000/g, server?.address ?? "$&")
        .replaceAll("sha256:…", server?.pin ?? "sha256:…");
      const result = await run("sh", ["-c", line], { cwd: folder.path, env });
      assert.equal(result.code, 0, `${command}\n${result.stdout}${result.stderr}`);
      if (server !== undefined) await cheapenStores(server, env.QPQ_STATE_DIR, command);
    }
  });
}

Deno.test("commandsOf() reads sh blocks only, joins continued lines and skips comments", () => {
  const page = [
    "```sh",
    "# a comment",
    "first --with \\",
    "  more",
    "",
    "second   # remark",
    "```",
    "```toml",
    "no = 1",
    "```",
  ];
  assert.deepEqual(commandsOf(page.join("\n")), ["first --with more", "second"]);
});

/** What a command has just stretched a password for, later ones open without half a second of that. */
async function cheapenStores(
  server: RunningServer,
  stateFolder: string,
  command: string,
): Promise<void> {
  if (!/ (register-user|login|passwd|rotate-account-key)\b/.test(command)) return;
  const password = /QPQ_NEW_PASSWORD="([^"]+)"/.exec(command)?.[1] ??
    /QPQ_PASSWORD="([^"]+)"/.exec(command)?.[1];
  const name = /--username (\w+)/.exec(command)?.[1] ?? "alice";
  assert.ok(password !== undefined, command);
  await cheapen(server, { name, password, stateFolder });
}

function commandsOf(text: string): readonly string[] {
  return [...text.matchAll(/^```sh\n([\s\S]*?)^```/gm)].flatMap(([, block = ""]) =>
    block.replaceAll(/\\\n\s*/g, "").split("\n")
      .map((line) => line.replace(/(^|\s+)# .*$/, "").trim())
      .filter((line) => line !== "")
  );
}

async function pages(): Promise<readonly string[]> {
  const found = ["README.md", "CONTRIBUTING.md", "SECURITY.md"];
  for (const folder of ["docs", "docs/decisions"]) {
    for await (const { name } of Deno.readDir(join(ROOT, folder))) {
      if (name.endsWith(".md")) found.push(`${folder}/${name}`);
    }
  }
  return found;
}

async function checkFrame(command: string): Promise<void> {
  const name = /npm run (?:--silent )?(\S+)/.exec(command)?.[1] ??
    (/npm test/.test(command) ? "test" : undefined);
  if (name === undefined) return;
  const { scripts } = JSON.parse(await Deno.readTextFile(join(ROOT, "package.json")));
  assert.ok(name in scripts, `${command}: package.json has no script "${name}"`);
}
