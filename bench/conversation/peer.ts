/**
 * One client in a process of its own, as a program has it. Does what the bench asks: a line of JSON
 * each way, `[name, argument]` in, the result out.
 */
import { performance } from "node:perf_hooks";
import process from "node:process";
import {
  accountsOfDevice,
  type Client,
  type ClientOptions,
  type ConversationId,
  openClient,
  registerClient,
} from "@qpq/client";
import { openEitherKey } from "@qpq/adapters/stores";
import { parsePin } from "@qpq/adapters";
import { accountFolder } from "../../packages/client/account-store.ts";
import { FAST_STRETCHING } from "../../packages/features/test/world.ts";
import { profiling } from "./profile.ts";

/** Texts that are queued and not yet stored, at most: as a program that pipes its input. */
const IN_FLIGHT_MAX = 512;
const TEXT_BYTES = 100;
const PATIENCE = { timeoutMs: 170_000 } as const;

export interface PeerPlace {
  readonly stateFolder: string;
  readonly server: { readonly hostname: string; readonly port: number };
  readonly pin: string;
  readonly name: string;
}

let opened: Client | undefined;
/** When each text came, by its number. */
let arrivals: { readonly base: number; readonly times: number[] } = { base: 0, times: [] };

const ASKED = {
  /** What a clock that both processes have shows. */
  clock: (_: null) => Promise.resolve(nowMs()),

  async register(place: PeerPlace) {
    const surroundings = { keyStretching: FAST_STRETCHING };
    opened = await registerClient({ ...optionsOf(place), surroundings });
    return null;
  },

  /** Milliseconds: to the open store, to the list of conversations, to all that the server had. */
  async open(place: PeerPlace) {
    const stretchingMs = await stretching(place);
    const cpuBefore = process.cpuUsage();
    const before = performance.now();
    opened = await openClient(optionsOf(place));
    const openMs = performance.now() - before;
    const { length: conversations } = await opened.conversations.list();
    const listMs = performance.now() - before;
    await opened.conversations.waitUntilCaughtUp(PATIENCE);
    const caughtUpMs = performance.now() - before;
    const { user, system } = process.cpuUsage(cpuBefore);
    const cpuMs = (user + system) / 1_000;
    return { stretchingMs, openMs, listMs, caughtUpMs, cpuMs, conversations, peakMb: peakMb() };
  },

  async openDirectMessage(name: string) {
    return (await client().conversations.openDirectMessage(name, PATIENCE)).id;
  },

  async createGroup({ name, invite }: { readonly name: string; readonly invite: string[] }) {
    const before = performance.now();
    const { conversation, invited } = await client().conversations.createGroup(
      { name, invite, ...PATIENCE },
    );
    const failed = invited.filter(({ kind }) => kind === "failed");
    if (failed.length > 0) throw new Error(`not invited: ${JSON.stringify(failed[0])}`);
    return { id: conversation.id, tookMs: performance.now() - before };
  },

  /** Waits until a direct message with somebody is there. */
  async meet(name: string) {
    for await (const _ of client().conversations.events({ after: 0 })) {
      const found = await client().conversations.find(`@${name}`).catch(() => undefined);
      if (found !== undefined) return found.id;
    }
    throw new Error("the client has closed");
  },

  /** From here on, `arrived` waits for that many texts. */
  async listen(id: ConversationId) {
    const after = await client().conversations.lastCursor();
    const listening = { base: after, times: [] as number[] };
    arrivals = listening;
    void (async () => {
      for await (const event of client().conversations.events({ after })) {
        if (arrivals !== listening) return;
        const isText = event.kind === "item" && event.item.kind === "text";
        if (isText && event.conversationId === id) listening.times.push(nowMs());
      }
    })();
    return null;
  },

  async arrived(count: number) {
    while (arrivals.times.length < count) await pause(5);
    return arrivals.times;
  },

  /** One text after another, at fixed moments. @returns when each was given to `send` */
  async pace({ id, count, perSecond }: {
    readonly id: ConversationId;
    readonly count: number;
    readonly perSecond: number;
  }) {
    const started = performance.now();
    const times: number[] = [];
    const sending: Promise<unknown>[] = [];
    for (let index = 0; index < count; index++) {
      const waitMs = started + index * 1_000 / perSecond - performance.now();
      if (waitMs > 0) await pause(waitMs);
      times.push(nowMs());
      sending.push(client().conversations.send(id, textOf(index)));
    }
    await Promise.all(sending);
    await client().conversations.waitUntilAllSent(PATIENCE);
    return times;
  },

  /** As fast as it goes. @returns when the first was given to `send` */
  async burst({ id, count }: { readonly id: ConversationId; readonly count: number }) {
    const started = nowMs();
    let next = 0;
    await Promise.all(Array.from({ length: IN_FLIGHT_MAX }, async () => {
      while (next < count) await client().conversations.send(id, textOf(next++));
    }));
    const queuedMs = nowMs() - started;
    await client().conversations.waitUntilAllSent(PATIENCE);
    return { started, queuedMs, sentMs: nowMs() - started };
  },

  async settle(_: null) {
    await client().conversations.waitUntilAllSent(PATIENCE);
    return peakMb();
  },

  profile: profiling(),
};

export type Asked = typeof ASKED;

if (import.meta.main) {
  let rest = "";
  for await (const text of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
    const lines = `${rest}${text}`.split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const [name, argument] = JSON.parse(line) as [keyof Asked, never];
      const result = await ASKED[name](argument);
      Deno.stdout.writeSync(new TextEncoder().encode(`${JSON.stringify(result)}\n`));
    }
  }
  await opened?.[Symbol.asyncDispose]();
  Deno.exit(0);
}

function client(): Client {
  if (opened === undefined) throw new Error("no client is open");
  return opened;
}

function optionsOf({ stateFolder, server, pin, name }: PeerPlace): ClientOptions {
  const password = `the password of ${name}`;
  return { stateFolder, server, trust: parsePin(pin), serverName: "localhost", name, password };
}

/** What opening the store costs by the password alone. */
async function stretching(place: PeerPlace): Promise<number> {
  if (accountsOfDevice(place).length === 0) return NaN;
  const path = `${accountFolder(place)}/client.db`;
  const before = performance.now();
  (await openEitherKey(path, optionsOf(place).password)).key.fill(0);
  return performance.now() - before;
}

function textOf(index: number): string {
  return `message ${index} `.padEnd(TEXT_BYTES, ".");
}

function nowMs(): number {
  return performance.timeOrigin + performance.now();
}

/** The most memory that the process had, in MB. */
function peakMb(): number {
  const status = Deno.readTextFileSync("/proc/self/status");
  return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? NaN) / 1_000;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
