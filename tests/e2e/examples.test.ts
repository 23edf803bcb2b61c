/** The examples, as programs of their own on a real server. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { createSeededRandom } from "@qpq/adapters";
import {
  type Client,
  type HostPort,
  parseHostPort,
  parsePin,
  registerClient,
  type TextItem,
} from "@qpq/client";
import { randomFraction } from "@qpq/ports";
import { textsOf } from "./histories.ts";
import { ROOT, run, type RunningServer, startServer, temporaryFolder } from "./processes.ts";

const FULL = Deno.env.get("QPQ_TEST_LEVEL") === "full";
const MESSAGES_COUNT = FULL ? 100 : 40;
/** Each falls with about even odds between an answer and the cursor behind it. */
const KILLS_COUNT = FULL ? 5 : 2;
/** Of a whole test: a slow machine changes no outcome. */
const PATIENCE = { timeoutMs: 240_000 } as const;

Deno.test("examples/first-message.ts prints what bob is told", async () => {
  await using server = await startServer();
  await using folder = await temporaryFolder();
  const { code, stdout, stderr } = await run(Deno.execPath(), [
    ...["run", "-A", "--quiet", "--config", join(ROOT, "deno.json")],
    ...[join(ROOT, "examples/first-message.ts"), server.address, server.pin, folder.path],
  ]);
  assert.equal(code, 0, stderr);
  assert.equal(stdout, "alice: Hello Bob!\n");
});

Deno.test("examples/echo-bot.ts has fewer than 30 lines", async () => {
  const lines = (await Deno.readTextFile(join(ROOT, "examples/echo-bot.ts"))).trimEnd().split("\n");
  assert.ok(lines.length < 30, `${lines.length} lines`);
});

Deno.test("examples/echo-bot.ts answers each message exactly once, killed in the middle", async () => {
  const seed = Date.now() % 1_000_000;
  const random = createSeededRandom(seed);
  await using server = await startServer();
  await using folder = await temporaryFolder();
  await using alice = await registerClient({
    stateFolder: join(folder.path, "alice"),
    server: parseHostPort(server.address) as HostPort,
    serverName: "localhost",
    trust: parsePin(server.pin),
    name: "alice",
    password: "correct horse battery alice",
  });
  let bot = startBot(server, join(folder.path, "bot"));
  try {
    const { id } = await openWhenThere(alice, "echo");
    const signal = AbortSignal.timeout(PATIENCE.timeoutMs);
    const asked: string[] = [];
    const ask = async (): Promise<void> => {
      const text = `question ${asked.length}`;
      asked.push((await alice.conversations.send(id, text)).messageId);
    };
    const answers: TextItem[] = [];
    const events = alice.conversations.events({ after: 0, signal });
    const untilAnswered = async (isEnough: () => boolean): Promise<void> => {
      while (!isEnough()) {
        const { value: event } = await events.next();
        assert.ok(event !== undefined, `not answered in time; seed ${seed}`);
        const isText = event.kind === "item" && event.item.kind === "text";
        if (isText && !event.item.author.isSelf) answers.push(event.item);
      }
    };
    while (asked.length < MESSAGES_COUNT) await ask();
    const killAt = Array.from(
      { length: KILLS_COUNT },
      () => Math.floor(randomFraction(random) * (MESSAGES_COUNT - 20)),
    ).toSorted((one, other) => one - other);
    for (const count of killAt) {
      await untilAnswered(() => answers.length > count);
      bot.kill("SIGKILL");
      await bot.status;
      bot = startBot(server, join(folder.path, "bot"));
    }
    await untilAnswered(() => answers.length >= MESSAGES_COUNT);
    // What would come twice has come by the time that a further question is answered.
    await ask();
    await untilAnswered(() => answers.at(-1)?.text === `question ${MESSAGES_COUNT}`);
    const wanted = asked.map((messageId) => answerTo(alice, messageId));
    const found = (await textsOf(alice, id)).filter(({ author }) => !author.isSelf);
    assert.deepEqual(found.map(({ messageId }) => messageId as string), wanted, `seed ${seed}`);
    assert.deepEqual(answers, found);
  } finally {
    bot.kill("SIGKILL");
    await bot.status;
  }
});

function startBot(server: RunningServer, folder: string): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-A", "--quiet", "--config", join(ROOT, "deno.json")],
      ...[join(ROOT, "examples/echo-bot.ts"), server.address, server.pin, folder],
    ],
    env: { ECHO_BOT_PASSWORD: "correct horse battery echo" },
    stdin: "null",
    stdout: "null",
    stderr: "inherit",
  }).spawn();
}

/** As soon as the account is made, and its key packages are with the server. */
async function openWhenThere(client: Client, name: string) {
  const until = Date.now() + PATIENCE.timeoutMs;
  for (;;) {
    try {
      return await client.conversations.openDirectMessage(name, PATIENCE);
    } catch (error) {
      if (Date.now() > until) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

function answerTo({ account }: Client, messageId: string): string {
  const asked = `${account.accountId.toHex()} ${messageId}`;
  return createHash("sha256").update(asked).digest("hex").slice(0, 32);
}
