/** A device that crashes with each of the writes of what it does, one after the other. */
import assert from "node:assert/strict";
import type { Client, ConversationId } from "@qpq/client";
import { Audit } from "./audit.ts";
import { historyOf, until } from "./helpers.ts";
import { Crashed, type Machine } from "./machine.ts";
import { openSimulatedClock } from "./simulated-clock.ts";
import { type ConversationWorld, openConversationWorld } from "./world.ts";

/** By the clock of the world. */
export const PATIENCE = { timeoutMs: 600_000 } as const;
/** Writes that one operation makes at most: far above what any does. */
const WRITES_MAX = 40;

export interface Scene {
  readonly world: ConversationWorld;
  readonly audit: Audit;
  readonly machine: Machine;
  /** The one on the machine, as it runs now. */
  readonly own: () => Client;
}

export async function onMachine(
  name: string,
  run: (scene: Scene) => Promise<void>,
): Promise<void> {
  using clock = openSimulatedClock();
  await using world = await openConversationWorld({
    clock,
    isGenerous: true,
  });
  const audit = new Audit();
  const machine = world.machine({ name, onWrite: audit.observer(name) });
  await world.clientOn(machine);
  const own = (): Client => {
    assert.ok(machine.client !== undefined, "the device is on");
    return machine.client;
  };
  await run({ world, audit, machine, own });
  audit.checkKeys();
  assert.deepEqual(audit.problems, []);
}

/** Somebody whose device does not crash: on a machine like the others', as the clock wants it. */
export async function healthy(world: ConversationWorld, name: string): Promise<Client> {
  return await world.clientOn(world.machine({ name }));
}

/**
 * Runs `act` again and again: the device crashes with its first write, with its second, and so on until
 * it comes through; `settle` follows each time, after a restart.
 */
export async function crashEverywhere(
  { world, machine, own }: Scene,
  act: (client: Client, round: string) => Promise<void>,
  settle: (client: Client, round: string) => Promise<void>,
): Promise<void> {
  for (const written of [false, true]) {
    for (let before = 0;; before++) {
      assert.ok(before < WRITES_MAX, "it ends");
      const round = `${before} ${written}`;
      machine.faults.push(...new Array(before).fill(undefined), { kind: "crash", written });
      try {
        await machine.run(act(own(), round));
      } catch (error) {
        if (!(error instanceof Crashed)) throw error;
      }
      const isThrough = !machine.isCrashed && machine.faults.length > 0;
      machine.faults.length = 0;
      if (machine.isCrashed) await world.clientOn(machine);
      await settle(own(), round);
      if (isThrough) break;
    }
  }
}

/** All of them show the same texts, each once. */
export async function agree(
  clients: readonly Client[],
  id: ConversationId,
  round: string,
): Promise<void> {
  for (const client of clients) {
    await client.conversations.waitUntilCaughtUp(PATIENCE);
    await client.conversations.waitUntilAllSent(PATIENCE);
  }
  const [first] = clients;
  const { messageId } = await (first as Client).conversations.send(id, `end of ${round}`);
  await (first as Client).conversations.waitUntilSent(id, messageId, PATIENCE);
  const seen: (readonly string[])[] = [];
  for (const client of clients) {
    await until(client, async () => (await idsOf(client, id)).includes(messageId));
    seen.push((await idsOf(client, id)).toSorted());
    const sad = (await historyOf(client, id)).filter((line) => SAD.test(line));
    assert.deepEqual(sad, [], round);
  }
  for (const ids of seen) {
    assert.deepEqual(ids, seen[0], round);
    assert.equal(new Set(ids).size, ids.length, round);
  }
}

/** Whether the groups that one has others in are those of the other. */
export async function isShared(one: Client, other: Client): Promise<boolean> {
  const ids: string[] = [];
  for (const { id } of await one.conversations.list()) {
    // The server gives out few key packages of one device at a time: not everybody came to be in.
    if ((await one.conversations.members(id)).length > 1) ids.push(id);
  }
  const theirs = (await other.conversations.list()).map(({ id }) => id);
  return theirs.length === ids.length && ids.every((id) => theirs.some((each) => each === id));
}

export async function eventually(isSo: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 600; attempt++) {
    if (await isSo()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.fail("it did not come to pass");
}

const SAD = /^\* (broken|undecryptable|gap|rejoined|closed)/;

export async function idsOf(client: Client, id: ConversationId): Promise<readonly string[]> {
  const ids: string[] = [];
  let before: number | undefined;
  for (;;) {
    const options = before === undefined ? {} : { before };
    const page = await client.conversations.history(id, options)
      .catch(() => ({ items: [], more: false }));
    ids.push(...page.items.flatMap((item) => item.kind === "text" ? [item.messageId] : []));
    before = page.items[0]?.position;
    if (!page.more) return ids;
  }
}
