/** One server, some accounts with devices that crash, one seed: what people do, and what goes wrong. */
import assert from "node:assert/strict";
import { createSeededRandom } from "@qpq/adapters";
import type { Client, ConversationId } from "@qpq/client";
import {
  type Clock,
  decodeKey,
  keyAfter,
  type Log,
  type LogFields,
  MessengerError,
  randomFraction,
  sleep,
  type Store,
} from "@qpq/ports";
import { decodeStoredEntry } from "../../packages/features/channels/channels.gen.ts";
import { CHANNEL_KEYS, entryKeys } from "../../packages/features/channels/keys.ts";
import { Audit } from "./audit.ts";
import { Crashed, type Machine } from "./machine.ts";
import { openSimulatedClock } from "./simulated-clock.ts";
import { type ConversationWorld, openConversationWorld } from "./world.ts";

/** Milliseconds that a piece of bytes is on its way. */
const DELAY_MS = { min: 0, max: 60 };
/** Milliseconds between two things that happen, at most. */
const STEP_MS_MAX = 500;
/** Milliseconds that everything may take to come to rest, and what ends by itself to end. */
const QUIET_MS_MAX = 30 * 60_000;
/** Milliseconds that one device is waited for, before the next one is looked at. */
const PATIENCE_MS = 10_000;
/** Events of its log that are told of a device which does not come to rest. */
const TOLD_COUNT_MAX = 20;
const NAMES = ["alice", "bob", "carol", "dave"];

export interface SimulationOptions {
  readonly seed: number;
  readonly stepsCount: number;
}

export interface SimulationReport {
  readonly texts: number;
  readonly crashes: number;
  readonly keys: number;
}

interface Sent {
  readonly device: string;
  readonly accountId: string;
  readonly id: ConversationId;
  readonly messageId: string;
}

/** @throws AssertionError what was lost, shown twice, forked, or stands still */
export async function simulate(options: SimulationOptions): Promise<SimulationReport> {
  using clock = openSimulatedClock();
  const { seed } = options;
  await using world = await openConversationWorld({ seed, clock, delayMs: DELAY_MS });
  const simulation = new Simulation(world, clock, seed);
  await simulation.begin();
  for (let step = 0; step < options.stepsCount; step++) await simulation.step();
  return await simulation.rest();
}

class Simulation {
  readonly #world: ConversationWorld;
  readonly #clock: Clock;
  readonly #audit = new Audit();
  readonly #machines: Machine[] = [];
  readonly #sent: Sent[] = [];
  readonly #random: () => number;
  readonly #problems: string[] = [];
  /** What each device has logged last, by machine. */
  readonly #told = new Map<Machine, string[]>();
  #groupsCount = 0;
  /** Operations that have not ended. */
  #doing = 0;
  #crashes = 0;
  #isReachable = true;

  constructor(world: ConversationWorld, clock: Clock, seed: number) {
    this.#world = world;
    this.#clock = clock;
    const random = createSeededRandom(seed * 7919 + 1);
    this.#random = () => randomFraction(random);
  }

  async begin(): Promise<void> {
    for (const name of NAMES) await this.#add(name, 1);
    await this.#add("bob", 2);
    const [alice] = this.#machines;
    const group = await alice?.client?.conversations.createGroup({
      name: "first",
      invite: ["bob", "carol"],
    });
    assert.ok(group !== undefined);
    this.#groupsCount++;
  }

  async step(): Promise<void> {
    await this.#inTime(this.#step(), "a step").catch((error: unknown) => {
      assert.fail([stackOf(error), ...this.#problems, ...this.#logged()].join("\n"));
    });
  }

  async #step(): Promise<void> {
    await sleep(this.#clock, this.#random() * STEP_MS_MAX);
    const machine = this.#pick(this.#machines);
    if (machine.hasFailed) await this.#settle(this.#inTime(machine.shutDown(), "closing"), machine);
    const { client } = machine;
    const draw = this.#random();
    if (client === undefined) {
      if (draw < 0.5) await this.#start(machine);
      return;
    }
    if (draw < 0.62) return this.#say(machine, client);
    if (draw < 0.76) return this.#change(machine, client);
    if (draw < 0.84) {
      const ahead = Math.floor(this.#random() * 4);
      machine.faults.push(...new Array(ahead).fill(undefined), {
        kind: "crash",
        written: this.#random() < 0.5,
      });
      return;
    }
    if (draw < 0.855) {
      machine.faults.push({ kind: "unknown-outcome", written: this.#random() < 0.5 });
      return;
    }
    if (draw < 0.87) return await this.#crash(machine);
    if (draw < 0.89) {
      const closing = this.#inTime(machine.shutDown(), "closing").catch((error: unknown) => {
        this.#problems.push(`${machine.name} can't close: ${stackOf(error)}`);
      });
      await this.#settle(closing, machine);
      return;
    }
    if (draw < 0.93) return this.#world.cut();
    if (draw < 0.95) {
      this.#isReachable = !this.#isReachable;
      return this.#world.setReachable(this.#isReachable);
    }
    if (draw < 0.97) return await this.#world.restart();
    if (
      draw < 0.98 && !this.#machines.some(({ name, number }) => name === "carol" && number === 2)
    ) {
      this.#reach();
      await this.#add("carol", 2);
    }
  }

  async rest(): Promise<SimulationReport> {
    this.#reach();
    for (const machine of this.#machines) machine.faults.length = 0;
    const deadlineMs = this.#clock.monotonic() + QUIET_MS_MAX;
    let unrest = "";
    // Twice: what one device sends while others are asked comes to those that were asked already.
    for (let quiet = 0; quiet < 2 && this.#clock.monotonic() < deadlineMs;) {
      for (const machine of this.#machines) {
        machine.faults.length = 0;
        if (machine.hasFailed) {
          await this.#settle(this.#inTime(machine.shutDown(), "closing"), machine);
        }
        if (machine.client === undefined) await this.#start(machine);
      }
      unrest = await this.#unrest();
      if (this.#doing > 0) unrest += `; ${this.#doing} operations are at it`;
      quiet = unrest === "" ? quiet + 1 : 0;
      // What is on its way now has come until they are asked again.
      await sleep(this.#clock, PATIENCE_MS);
    }
    if (unrest !== "") {
      this.#problems.push(`it does not come to rest: ${unrest}`);
      this.#problems.push(...this.#logged());
    }
    assert.deepEqual(this.#problems, []);
    await this.#check();
    assert.deepEqual([...this.#problems, ...this.#audit.problems], []);
    return {
      texts: this.#sent.length,
      crashes: this.#crashes,
      keys: this.#audit.checkKeys(),
    };
  }

  async #add(name: string, number: number): Promise<void> {
    const device = `${name} ${number}`;
    const onWrite = this.#audit.observer(device);
    const machine = this.#world.machine({ name, number, onWrite });
    this.#machines.push(machine);
    await this.#start(machine);
    assert.ok(machine.client !== undefined, `${device} does not start`);
  }

  async #start(machine: Machine): Promise<void> {
    if (machine.isCrashed) this.#crashes++;
    const log = this.#watching(machine);
    await this.#settle(this.#inTime(this.#world.clientOn(machine, { log }), "opening"), machine);
  }

  async #crash(machine: Machine): Promise<void> {
    await machine.crash({ written: this.#random() < 0.5 });
  }

  #say(machine: Machine, client: Client): void {
    const count = this.#random() < 0.2 ? 8 : 1;
    this.#do(machine, async () => {
      const open = (await client.conversations.list()).filter(({ state }) => state === "active");
      if (open.length === 0) return;
      const { id } = this.#pick(open);
      await Promise.all(Array.from({ length: count }, async () => {
        const { messageId } = await client.conversations.send(id, `text ${this.#random()}`);
        this.#sent.push({
          device: `${machine.name} ${machine.number}`,
          accountId: client.account.accountId.toHex(),
          id,
          messageId,
        });
      }));
    });
  }

  #change(machine: Machine, client: Client): void {
    const draw = this.#random();
    const name = this.#pick(NAMES);
    const other = this.#pick(NAMES);
    const { conversations } = client;
    this.#do(machine, async () => {
      const all = await conversations.list();
      const invited = all.filter(({ state }) => state === "invited");
      if (invited.length > 0 && draw < 0.6) {
        await conversations.join(this.#pick(invited).id);
        return;
      }
      if (draw < 0.1 && this.#groupsCount < 3) {
        this.#groupsCount++;
        await conversations.createGroup({ name: `group ${draw}`, invite: [name, other] });
        return;
      }
      if (draw < 0.25) {
        if (name !== machine.name) await conversations.openDirectMessage(name);
        return;
      }
      const groups = all.filter(({ kind, state }) => kind === "group" && state === "active");
      if (groups.length === 0) return;
      const { id } = this.#pick(groups);
      if (draw < 0.6) await conversations.invite(id, [name, other]);
      else if (draw < 0.7) await conversations.remove(id, [name]);
      else if (draw < 0.8) await conversations.setAdmin(id, { name, isAdmin: draw < 0.77 });
      else if (draw < 0.9) await conversations.rename(id, `named ${draw}`);
      else await conversations.leave(id);
    });
  }

  /** Refusals and crashes are what happens; anything else is a bug. */
  #do(machine: Machine, run: () => Promise<void>): void {
    this.#doing++;
    void this.#settle(run(), machine).finally(() => this.#doing--);
  }

  async #settle(work: Promise<unknown>, machine: Machine): Promise<void> {
    try {
      await machine.run(work);
    } catch (error) {
      if (error instanceof Crashed) return;
      const isRefusal = error instanceof MessengerError && !error.code.startsWith("mls/");
      if (!isRefusal) this.#problems.push(`${machine.name} ${machine.number}: ${stackOf(error)}`);
    }
  }

  /** Nothing of this may stand still. */
  async #inTime(work: Promise<unknown>, what: string): Promise<void> {
    const late = Promise.withResolvers<never>();
    const timer = this.#clock.schedule(
      QUIET_MS_MAX,
      () => late.reject(new Error(`${what} never ends`)),
    );
    try {
      await Promise.race([work, late.promise]);
    } finally {
      timer.cancel();
    }
  }

  #logged(): readonly string[] {
    return [...this.#told].map(([{ name, number }, told]) =>
      `${name} ${number} has logged: ${told.join("; ")}`
    );
  }

  /** Keeps the last of what a device logs; what it never should is a problem. */
  #watching(machine: Machine): Log {
    const told = this.#told.get(machine) ?? [];
    this.#told.set(machine, told);
    const tell = (event: string, fields: LogFields = {}): string => {
      const atMs = Math.floor(this.#clock.monotonic());
      const line = `${atMs} ms ${event} ${JSON.stringify(fields)}`;
      told.push(line);
      if (told.length > TOLD_COUNT_MAX) told.shift();
      return `${machine.name} ${machine.number}: ${line}`;
    };
    return {
      debug: tell,
      info: tell,
      warn: (event, fields) => {
        const line = tell(event, fields);
        if (event === "behind") this.#problems.push(line);
      },
      error: (event, fields) => {
        const line = tell(event, fields);
        if (!String(fields?.code).startsWith("store/")) this.#problems.push(line);
      },
    };
  }

  #reach(): void {
    this.#isReachable = true;
    this.#world.setReachable(true);
  }

  #pick<Item>(items: readonly Item[]): Item {
    return items[Math.floor(this.#random() * items.length)] as Item;
  }

  /** @returns what is still going on */
  async #unrest(): Promise<string> {
    const unrest: string[] = [];
    const epochs = new Map<string, Set<string>>();
    for (const machine of this.#machines) {
      const { client, name, number } = machine;
      const who = `${name} ${number}`;
      if (client === undefined) {
        unrest.push(`${who} is off`);
        continue;
      }
      const { conversations } = client;
      try {
        await conversations.waitUntilCaughtUp({ timeoutMs: PATIENCE_MS });
        await conversations.waitUntilAllSent({ timeoutMs: PATIENCE_MS });
      } catch (error) {
        unrest.push(`${who}: ${error}`);
      }
      for (const { id, kind, state, queuedCount } of await conversations.list()) {
        if (kind === "notes") continue;
        if (queuedCount > 0) unrest.push(`${who} has ${queuedCount} messages in ${id}`);
        if (state === "left" || state === "removed") continue;
        if (state !== "active" && state !== "invited") unrest.push(`${who} is ${state} in ${id}`);
        const status = await conversations.status(id).catch(() => undefined);
        const stands = `${status?.epoch} ${status?.epochAuthenticator}`;
        epochs.set(id, (epochs.get(id) ?? new Set()).add(stands));
      }
    }
    for (const [id, stands] of epochs) {
      if (stands.size > 1) unrest.push(`${id} is in ${[...stands].join(", ")}`);
    }
    return unrest.join("; ");
  }

  /** What was sent is where it belongs, once; and what was not sent says so. */
  async #check(): Promise<void> {
    const places = await placesOf(this.#world.serverStore, this.#audit);
    const { stays } = this.#audit;
    for (const { client, name, number } of this.#machines) {
      assert.ok(client !== undefined);
      const device = `${name} ${number}`;
      for (const { id, kind } of await client.conversations.list()) {
        if (kind === "notes") continue;
        const shown = new Set<string>();
        for (const item of await wholeHistory(client, id)) {
          if (item.kind === "notice") {
            if (SAD.has(item.notice.kind)) {
              this.#problems.push(`${device} in ${id}: ${JSON.stringify(item.notice)}`);
            }
            continue;
          }
          const { messageId } = item;
          if (shown.has(messageId)) this.#problems.push(`${device} shows ${messageId} twice`);
          shown.add(messageId);
          if (item.state === "pending") this.#problems.push(`${device}: ${messageId} pends`);
          const isThere = places.has(messageId);
          if (item.state === "failed" ? isThere : !isThere) {
            this.#problems.push(`${device}: ${messageId} is ${item.state}, in the log: ${isThere}`);
          }
        }
        for (const { from, to } of stays.get(`${device} ${id}`) ?? []) {
          for (const [messageId, { groupId, sequence }] of places) {
            const isFor = groupId === id && sequence >= from && sequence <= (to ?? Infinity);
            if (isFor && !shown.has(messageId)) {
              this.#problems.push(`${device} lost ${messageId}, entry ${sequence} of ${id}`);
            }
          }
        }
      }
    }
    for (const { device, id, messageId } of this.#sent) {
      const machine = this.#machines.find(({ name, number }) => `${name} ${number}` === device);
      const items = await wholeHistory(machine?.client as Client, id);
      const isThere = items.some((item) => item.kind === "text" && item.messageId === messageId);
      if (!isThere) this.#problems.push(`${device} lost its own ${messageId}`);
    }
  }
}

/** With an honest server whose disk survives nobody sees any of these. */
const SAD: ReadonlySet<string> = new Set(["broken", "undecryptable", "gap", "rejoined", "closed"]);

/** Where each text stands in its channel's log, by its message id. */
async function placesOf(store: Store, audit: Audit) {
  const places = new Map<string, { groupId: string; sequence: number }>();
  await store.snapshot(async (reader) => {
    let start: Uint8Array | undefined;
    const channels = new Set<string>();
    for (;;) {
      const page = await reader.range({ prefix: CHANNEL_KEYS, ...start && { start } });
      for (const { key } of page.entries) {
        const id = decodeKey(key)[2];
        if (id instanceof Uint8Array) channels.add(id.toHex());
      }
      const last = page.entries.at(-1);
      if (!page.more || last === undefined) break;
      start = keyAfter(last.key);
    }
    for (const channel of channels) {
      let from: Uint8Array | undefined;
      for (;;) {
        const prefix = entryKeys(Uint8Array.fromHex(channel));
        const page = await reader.range({ prefix, ...from && { start: from } });
        for (const { key, value } of page.entries) {
          const sequence = Number(decodeKey(key).at(-1));
          const sent = audit.outgoing.get(decodeStoredEntry(value).entryId.toHex());
          if (sent === undefined || sent.messageId === "") continue;
          const before = places.get(sent.messageId);
          assert.equal(before, undefined, `${sent.messageId} is in the log twice`);
          places.set(sent.messageId, { groupId: channel, sequence });
        }
        const last = page.entries.at(-1);
        if (!page.more || last === undefined) break;
        from = keyAfter(last.key);
      }
    }
  });
  return places;
}

async function wholeHistory(client: Client, id: ConversationId) {
  const items = [];
  let before: number | undefined;
  for (;;) {
    const page = await client.conversations.history(id, before === undefined ? {} : { before });
    items.unshift(...page.items);
    before = page.items[0]?.position;
    if (!page.more || before === undefined) return items;
  }
}

function stackOf(error: unknown): string {
  return error instanceof Error ? `${error.stack}` : String(error);
}
