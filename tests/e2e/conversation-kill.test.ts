/**
 * SIGKILL of either client at random while messages are sent, and of the server: none is lost and none
 * is there twice. Real programs, real stores; what counts are sets of message ids.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { createSeededRandom } from "@qpq/adapters";
import {
  type ClientOptions,
  type ConversationId,
  type HostPort,
  openClient,
  parseHostPort,
  parsePin,
  registerClient,
} from "@qpq/client";
import { randomFraction } from "@qpq/ports";
import { textsOf } from "./histories.ts";
import { ROOT, startServer, temporaryFolder } from "./processes.ts";
import type { TalkerOptions } from "./talker.ts";

const FULL = Deno.env.get("QPQ_TEST_LEVEL") === "full";
const ROUNDS = FULL ? 5 : 1;
const MESSAGES_COUNT = FULL ? 200 : 80;
/** Of each of the two clients, in each round. */
const KILLS_COUNT = FULL ? 4 : 2;
/** The round in whose middle the server is killed, too. */
const SERVER_ROUND = 0;
const PATIENCE = { timeoutMs: 180_000 } as const;
const KILLED = 128 + 9;

/** What the receiver's program has printed, in all its lives. */
interface Told {
  readonly ids: string[];
  /** Of the last event. */
  cursor: number;
}

Deno.test(`messages survive SIGKILL of both clients in ${ROUNDS} rounds, and of the server`, async () => {
  const seed = Date.now() % 1_000_000;
  const random = createSeededRandom(seed);
  const below = (limit: number): number => Math.floor(randomFraction(random) * limit);
  await using folder = await temporaryFolder();
  await using data = await temporaryFolder();
  let server = await startServer([], { dataFolder: data.path });
  const { address, pin } = server;
  const accountOf = (name: string): ClientOptions => ({
    stateFolder: join(folder.path, name),
    server: parseHostPort(address) as HostPort,
    serverName: "localhost",
    trust: parsePin(pin),
    name,
    password: `correct horse battery ${name}`,
  });
  const [alice, bob] = [accountOf("alice"), accountOf("bob")];
  try {
    const conversationId = await introduce(alice, bob);
    const sent: string[] = [];
    const told: Told = { ids: [], cursor: 0 };
    for (let round = 0; round < ROUNDS; round++) {
      const isServers = round === SERVER_ROUND;
      const killServer = async (): Promise<void> => {
        server.signal("SIGKILL");
        await server.ended;
        server = await startServer(["--listen", address], { dataFolder: data.path });
      };
      const messages = Array.from({ length: MESSAGES_COUNT }, (_, index) => ({
        messageId: random.bytes(16).toHex(),
        text: `round ${round}, message ${index}`,
      }));
      sent.push(...messages.map(({ messageId }) => messageId));
      const thresholds = () =>
        Array.from({ length: KILLS_COUNT }, () => below(MESSAGES_COUNT - 20))
          .toSorted((one, other) => one - other);
      const all = { pin, conversationId, messages, after: 0 };
      const sending = runSender({ ...all, account: alice }, {
        killAt: thresholds(),
        ...isServers ? { halfWay: killServer } : {},
      });
      const receiving = runReceiver({ ...all, account: bob }, {
        told,
        wantedCount: sent.length,
        killAt: thresholds().map((at) => at + round * MESSAGES_COUNT),
      });
      await Promise.all([sending, receiving]);
      await compare([alice, bob], { conversationId, sent, told, seed });
    }
  } finally {
    await server[Symbol.asyncDispose]();
  }
});

/** Two accounts with a direct message. */
async function introduce(one: ClientOptions, other: ClientOptions): Promise<ConversationId> {
  await using second = await registerClient(other);
  await using first = await registerClient(one);
  const { id } = await first.conversations.openDirectMessage(other.name, PATIENCE);
  const signal = AbortSignal.timeout(PATIENCE.timeoutMs);
  for await (const event of second.conversations.events({ after: 0, signal })) {
    if (event.conversationId === id) return id;
  }
  throw new Error("the direct message did not come");
}

/** Begins anew with the first message that `send` did not answer for. */
async function runSender(
  options: TalkerOptions,
  { killAt, halfWay }: {
    readonly killAt: readonly number[];
    readonly halfWay?: () => Promise<void>;
  },
): Promise<void> {
  let doneCount = 0;
  let pending = [...killAt];
  let during: Promise<void> | undefined;
  for (;;) {
    const messages = options.messages.slice(doneCount);
    const code = await runTalker("send", { ...options, messages }, (line, kill) => {
      assert.equal(line, options.messages[doneCount]?.messageId);
      doneCount++;
      if (doneCount === options.messages.length / 2) during ??= halfWay?.();
      if (doneCount <= (pending[0] ?? Infinity)) return;
      pending = pending.slice(1);
      kill();
    });
    await during;
    if (code === 0) break;
    assert.equal(code, KILLED, "nothing but the test ends it");
  }
  assert.equal(doneCount, options.messages.length);
}

/** Begins anew behind the last event that it was told of. */
async function runReceiver(
  options: TalkerOptions,
  { told, wantedCount, killAt }: {
    readonly told: Told;
    readonly wantedCount: number;
    readonly killAt: readonly number[];
  },
): Promise<void> {
  let pending = [...killAt];
  while (told.ids.length < wantedCount) {
    const { cursor: after } = told;
    const code = await runTalker("receive", { ...options, messages: [], after }, (line, kill) => {
      const [cursor = "", messageId = ""] = line.split(" ");
      told.cursor = Number(cursor);
      told.ids.push(messageId);
      const isDue = told.ids.length > (pending[0] ?? Infinity);
      if (isDue) pending = pending.slice(1);
      if (isDue || told.ids.length >= wantedCount) kill();
    });
    assert.equal(code, KILLED, "nothing but the test ends it");
  }
}

/** Runs the program until it ends or is killed; whole lines that it had printed by then count. */
async function runTalker(
  task: "send" | "receive",
  options: TalkerOptions,
  onLine: (line: string, kill: () => void) => void,
): Promise<number> {
  const program = join(ROOT, "tests/e2e/talker.ts");
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", "--no-check", program, task, JSON.stringify(options)],
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const timer = setTimeout(() => child.kill("SIGTERM"), PATIENCE.timeoutMs);
  let isKilled = false;
  const kill = (): void => {
    if (!isKilled) child.kill("SIGKILL");
    isKilled = true;
  };
  let rest = "";
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    const lines = `${rest}${text}`.split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) onLine(line, kill);
  }
  const { code } = await child.status;
  clearTimeout(timer);
  return code;
}

async function compare(
  accounts: readonly ClientOptions[],
  { conversationId, sent, told, seed }: {
    readonly conversationId: ConversationId;
    readonly sent: readonly string[];
    readonly told: Told;
    readonly seed: number;
  },
): Promise<void> {
  assertSame(told.ids, sent, `what the receiver was told of; seed ${seed}`);
  for (const [index, account] of accounts.entries()) {
    await using client = await openClient(account);
    await client.conversations.waitUntilCaughtUp(PATIENCE);
    const texts = await textsOf(client, conversationId);
    const ids = texts.map(({ messageId }) => messageId as string);
    assertSame(ids, sent, `the history of ${account.name}; seed ${seed}`);
    assert.deepEqual(ids, sent, `in order at ${account.name}; seed ${seed}`);
    const state = index === 0 ? "sent" : "received";
    assert.deepEqual(texts.filter((text) => text.state !== state), []);
  }
}

function assertSame(found: readonly string[], wanted: readonly string[], what: string): void {
  const ids = new Set(found);
  const lost = wanted.filter((id) => !ids.has(id)).length;
  const twice = found.length - ids.size;
  assert.deepEqual({ lost, twice }, { lost: 0, twice: 0 }, what);
  assert.equal(ids.size, wanted.length, `nothing else: ${what}`);
}
