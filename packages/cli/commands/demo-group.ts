/** `qpq demo-group`: the main job as a story, told by three clients that check every step of it. */
import { resolve } from "node:path";
import { systemClock, systemRandom } from "@qpq/adapters";
import {
  type Client,
  type ConversationId,
  type ConversationView,
  generatePassphrase,
  openClient,
  registerClient,
  type RegisterOptions,
} from "@qpq/client";
import { assert, formatHostPort } from "@qpq/ports";
import type { CommonOptions } from "../options.ts";
import { type ExitCode, printJson, printLine } from "../output.ts";
import { chooseServer } from "../server-choice.ts";
import { reaching, workingFolder } from "../session.ts";

export interface DemoOptions extends CommonOptions {
  readonly word: string;
  readonly invite?: string;
}

/** Milliseconds that one step may take before the demo gives up. */
const PATIENCE_MS = 20_000;
/** Messages that the one who is off line misses. */
const MISSED_COUNT = 5;

/** Registers three accounts for the occasion, lets them talk, and deletes them. */
export async function runDemoGroup(options: DemoOptions): Promise<ExitCode> {
  const choice = await chooseServer(options, workingFolder());
  const { server, trust, serverName } = choice;
  const tag = systemRandom.bytes(3).toHex();
  const stateFolder = `${resolve(workingFolder(), options.stateDir ?? "")}/demo-${tag}`;
  const begunAtMs = systemClock.monotonic();
  const story = new Story(options, begunAtMs);
  const place = { stateFolder, server, trust, serverName, authToken: options.authToken };
  const people = new People((first) => ({
    ...place,
    name: `${first}-${tag}`,
    password: generatePassphrase(systemRandom),
    connectTimeoutMs: options.timeout * 1_000,
    ...options.invite === undefined ? {} : { invite: options.invite },
  }));
  try {
    await reaching(choice, options, () => tell(story, people, options.word));
  } finally {
    await people.leave();
    await Deno.remove(stateFolder, { recursive: true }).catch(() => {});
  }
  story.end(formatHostPort(server));
  return 0;
}

async function tell(story: Story, people: People, word: string): Promise<void> {
  const registering = systemClock.monotonic();
  const [alice, bob] = [await people.add("alice"), await people.add("bob")];
  let carol = await people.add("carol");
  const eachMs = (systemClock.monotonic() - registering) / 3;
  story.step(
    "accounts",
    `alice, bob and carol: ${seconds(eachMs)} each, to stretch their passphrases`,
  );

  const dm = await alice.conversations.openDirectMessage(bob.account.name, patience());
  story.step("direct", "alice writes to bob, whose device joins by itself");
  await say(story, { from: alice, to: [bob], id: dm.id, text: `Hello Bob! ${word}` });
  await say(story, { from: bob, to: [alice], id: dm.id, text: `Hello Alice! ${word}` });
  const [ours, theirs] = await Promise.all(
    [alice, bob].map((client) => client.conversations.status(dm.id)),
  );
  assert(
    ours?.epochAuthenticator === theirs?.epochAuthenticator,
    "both sides of a conversation have the same keys",
  );
  story.step(
    "keys",
    `both have the same, ${ours?.isPostQuantum === true ? "post-quantum hybrid" : "classical"}`,
  );

  const names = [bob.account.name, carol.account.name];
  const { conversation: { id }, invited } = await alice.conversations.createGroup({
    name: "demo",
    invite: names,
    ...patience(),
  });
  assert(invited.every(({ kind }) => kind === "added"), "both were invited");
  for (const client of [bob, carol]) {
    await until(client, async () => (await find(client, id))?.state === "invited");
    await client.conversations.join(id);
  }
  story.step("group", "alice makes #demo, bob and carol accept");
  await say(story, { from: carol, to: [alice, bob], id, text: `Hello all! ${word}` });

  carol = await people.away("carol", async () => {
    for (let count = 1; count <= MISSED_COUNT; count++) {
      const text = `Carol will read this later: ${count}. ${word}`;
      await say(undefined, { from: count % 2 === 0 ? alice : bob, to: [alice, bob], id, text });
    }
  });
  const returning = systemClock.monotonic();
  await carol.conversations.waitUntilCaughtUp(patience());
  const missed = (await texts(carol, id)).filter((text) => text.includes("read this later"));
  assert(
    missed.length === MISSED_COUNT && missed.every((text, index) => text.includes(`${index + 1}.`)),
    "who was away reads all of it, in order, once",
  );
  story.step(
    "away",
    `carol was away for ${MISSED_COUNT} messages and has them all after ${
      seconds(systemClock.monotonic() - returning)
    }`,
  );

  await alice.conversations.remove(id, [bob.account.name], patience());
  await until(bob, async () => (await find(bob, id))?.state === "removed");
  const secret = `Bob can't read this. ${word}`;
  await say(story, { from: alice, to: [carol], id, text: secret });
  await bob.conversations.waitUntilCaughtUp(patience());
  assert(!(await texts(bob, id)).includes(secret), "who was removed reads nothing more");
  story.step("removal", "alice removes bob: what comes after it never reaches his device");
}

/** Sends a text, and waits until the others have it on their disks. */
async function say(
  story: Story | undefined,
  { from, to, id, text }: {
    readonly from: Client;
    readonly to: readonly Client[];
    readonly id: ConversationId;
    readonly text: string;
  },
): Promise<void> {
  const began = systemClock.monotonic();
  const { messageId } = await from.conversations.send(id, text);
  await from.conversations.waitUntilSent(id, messageId, patience());
  const sentMs = systemClock.monotonic() - began;
  for (const client of to) {
    await until(client, async () => (await texts(client, id)).includes(text));
  }
  const receivedMs = systemClock.monotonic() - began;
  story?.step(
    "message",
    `${firstName(from)} → ${to.map(firstName).join(", ")}: on the server's disk after ${
      milliseconds(sentMs)
    }, on theirs after ${milliseconds(receivedMs)}`,
  );
}

async function find(client: Client, id: ConversationId): Promise<ConversationView | undefined> {
  return await client.conversations.get(id).catch(() => undefined);
}

async function texts(client: Client, id: ConversationId): Promise<readonly string[]> {
  const { items } = await client.conversations.history(id).catch(() => ({ items: [] }));
  return items.flatMap((item) => item.kind === "text" ? [item.text] : []);
}

/** Asks again after each event. */
async function until(client: Client, isSo: () => Promise<boolean>): Promise<void> {
  const signal = AbortSignal.timeout(PATIENCE_MS);
  if (await isSo()) return;
  for await (const _ of client.conversations.events({ after: 0, signal })) {
    if (await isSo()) return;
  }
  assert(await isSo(), "it happens in time");
}

function patience(): { readonly timeoutMs: number } {
  return { timeoutMs: PATIENCE_MS };
}

function firstName({ account: { name } }: Client): string {
  return name.slice(0, name.indexOf("-"));
}

function seconds(durationMs: number): string {
  return `${(durationMs / 1_000).toFixed(1)} s`;
}

function milliseconds(durationMs: number): string {
  return `${Math.round(durationMs)} ms`;
}

/** The accounts of one demo, with what deletes them again. */
class People {
  readonly #optionsFor: (first: string) => RegisterOptions;
  readonly #present = new Map<string, { client: Client; readonly options: RegisterOptions }>();

  constructor(optionsFor: (first: string) => RegisterOptions) {
    this.#optionsFor = optionsFor;
  }

  async add(first: string): Promise<Client> {
    const options = this.#optionsFor(first);
    const client = await registerClient(options);
    this.#present.set(first, { client, options });
    return client;
  }

  /** Closes somebody's client for as long as `run` takes, and opens it again. */
  async away(first: string, run: () => Promise<void>): Promise<Client> {
    const person = this.#present.get(first);
    assert(person !== undefined, "who goes away was there");
    await person.client[Symbol.asyncDispose]();
    await run();
    person.client = await openClient(person.options);
    return person.client;
  }

  async leave(): Promise<void> {
    for (const { client, options: { password } } of this.#present.values()) {
      // A server that is gone keeps what it has; the demo has failed then, and says so.
      await client.deleteAccount(password).catch(() => {});
      await client[Symbol.asyncDispose]();
    }
  }
}

/** Prints the steps as they are done. */
class Story {
  readonly #json: boolean;
  readonly #begunAtMs: number;
  readonly #steps: { readonly step: string; readonly text: string; readonly atMs: number }[] = [];

  constructor({ json }: CommonOptions, begunAtMs: number) {
    this.#json = json;
    this.#begunAtMs = begunAtMs;
  }

  step(step: string, text: string): void {
    const atMs = systemClock.monotonic() - this.#begunAtMs;
    this.#steps.push({ step, text, atMs });
    if (!this.#json) printLine(`${seconds(atMs).padStart(7)}  ${step.padEnd(9)} ${text}`);
  }

  end(server: string): void {
    this.step("end", "everything above was checked; the accounts are deleted again");
    if (this.#json) printJson({ server, steps: this.#steps });
  }
}
