/**
 * How fast do people talk, from `send()` in one process to the decrypted message in another's store,
 * beside what the transport and the server's log take alone?
 *
 *     npm run bench -- conversation      (or: bench/conversation.ts [--profile] [PART…])
 *
 * Parts: latency, rate, group, start, catch-up; default: all. Server and clients are processes of their
 * own, the server started by its launcher; each of the three has an encrypted store on disk. With
 * `--profile`, the clients' hottest functions are printed.
 */
import { parseArgs } from "node:util";
import {
  createQuicTransport,
  createSeededRandom,
  parsePin,
  systemClock,
  systemRandom,
} from "@qpq/adapters";
import type { ConversationId } from "@qpq/client";
import { HYBRID_CIPHER_SUITE } from "@qpq/mls";
import { type HostPort, parseHostPort, type Stream } from "@qpq/ports";
import { newEntryId, openChannelCalls } from "../packages/features/channels/client.ts";
import { fakeCommit, framed } from "../packages/features/channels/test/messages.ts";
import { startServer } from "../tests/e2e/processes.ts";
import { type CrowdMember, openCrowd } from "./conversation/crowd.ts";
import { type Peer, startPeer } from "./conversation/peer-process.ts";
import type { Asked, PeerPlace } from "./conversation/peer.ts";
import { paced, type Rate, rateOf, spread, startProcess } from "./delivery/load.ts";

const PARTS = ["latency", "rate", "group", "start", "catch-up"] as const;
const PER_SECOND = 50;
const PACED_COUNT = 400;
const RATE_COUNT = 5_000;
const GROUP_COUNT = 250;
const CONVERSATIONS_COUNT = 100;
const CATCH_UP_COUNT = 10_000;
/** Of a text of 100 bytes, padded and framed. */
const MESSAGE_BYTES = 450;
/** Nobody but this bench is served. */
const QUOTAS = [
  "account-calls",
  "address-calls",
  "address-registrations",
  "conversation-messages",
  "account-conversations",
].flatMap((name) => [`--${name}-per-minute`, "1000000"]);

type Part = typeof PARTS[number];

const { values, positionals } = parseArgs({
  options: { profile: { type: "boolean", default: false } },
  allowPositionals: true,
});
const parts = new Set<string>(positionals.length > 0 ? positionals : PARTS);
const random = createSeededRandom(1);
const folder = await Deno.makeTempDir({ prefix: "qpq-conversation-" });

async function main(): Promise<void> {
  await using server = await startServer(QUOTAS);
  const address = parseHostPort(server.address) as HostPort;
  const at = { address, pin: server.pin };
  const place = (name: string): PeerPlace => ({
    ...{ stateFolder: `${folder}/${name}`, server: address, pin: server.pin, name },
  });
  const isLarge = parts.has("group") || parts.has("start");
  const count = isLarge ? GROUP_COUNT - 1 : 1;
  const crowd = await openCrowd(at, { count, packagesCount: isLarge ? 2 : 1 });
  let bob = await startPeer();
  await using alice = await startPeer();
  await bob.ask("register", place("bob"));
  await alice.ask("register", place("alice"));
  const id = await alice.ask("openDirectMessage", "bob") as ConversationId;
  await bob.ask("meet", "alice");
  try {
    if (parts.has("latency")) {
      await printAlone(crowd[0] as CrowdMember);
      await measureLatency(alice, bob, id);
    }
    if (parts.has("rate")) await measureRate(alice, bob, id);
    await bob[Symbol.asyncDispose]();
    if (parts.has("catch-up")) {
      await alice.ask("burst", { id, count: CATCH_UP_COUNT });
      bob = await startPeer();
      await measureCatchUp(bob, place("bob"));
      await bob[Symbol.asyncDispose]();
    }
    if (isLarge) {
      await Promise.all(crowd.map(({ rpc }) => rpc.close()));
      await measureGroup(alice, crowd);
    }
    if (parts.has("start")) await measureStart(alice, crowd, place("alice"));
  } finally {
    await bob.kill();
    await alice.kill();
  }
}

/** What there is below a conversation: the transport's echo, and the server's log. */
async function printAlone(member: CrowdMember): Promise<void> {
  const path = new URL("./delivery/echo.ts", import.meta.url).pathname;
  const server = await startProcess(path, [folder]);
  const { port, pin }: { port: number; pin: string } = JSON.parse(server.line);
  const transport = createQuicTransport({ clock: systemClock, trust: parsePin(pin) });
  const connection = await transport.connect({ hostname: "127.0.0.1", port });
  const stream = await connection.openStream();
  print(`QUIC echo of ${MESSAGE_BYTES} B: ${times(await pacedTimes(() => echo(stream)))}`);
  connection.close(0, "");
  await server.stop();
  const calls = openChannelCalls(member.rpc);
  const channelId = random.bytes(32);
  const context = { kind: "group", admins: [member.accountId] } as const;
  await calls.create(fakeCommit(random, { channelId, context, suite: HYBRID_CIPHER_SUITE }));
  const append = async (): Promise<void> => {
    const entryId = newEntryId({ clock: systemClock, random: systemRandom });
    const message = framed(random, { channelId, epoch: 1, bytes: MESSAGE_BYTES });
    await calls.append({ channelId, entryId, message });
  };
  print(`bare append, durable: ${times(await pacedTimes(append))}`);
  // A channel takes 50,000 entries of one account.
  const many = await rateOf(append, { workers: 1, inFlight: 64, seconds: 1 });
  print(`bare append, 64 in flight: ${many.perSecond.toFixed(0)}/s`);
}

async function echo(stream: Stream): Promise<void> {
  await stream.write(new Uint8Array(MESSAGE_BYTES));
  for (let left = MESSAGE_BYTES; left > 0;) {
    left -= (await stream.read(new Uint8Array(16 * 1024))).length;
  }
}

/** One after another, as often as the messages are sent. */
async function pacedTimes(act: () => Promise<void>): Promise<Omit<Rate, "perSecond">> {
  const taken: number[] = [];
  let last: Promise<unknown> = Promise.resolve();
  await paced(() => {
    const from = performance.now();
    last = last.then(act).then(() => taken.push(performance.now() - from));
  }, { perSecond: PER_SECOND, seconds: PACED_COUNT / PER_SECOND });
  await last;
  return spread(taken);
}

async function measureLatency(alice: Peer, bob: Peer, id: ConversationId): Promise<void> {
  await bob.ask("listen", id);
  await alice.ask("pace", { id, count: PACED_COUNT / 4, perSecond: PER_SECOND });
  await bob.ask("arrived", PACED_COUNT / 4);
  await bob.ask("listen", id);
  const sent = await profiled(
    { alice, bob },
    () => alice.ask("pace", { id, count: PACED_COUNT, perSecond: PER_SECOND }),
  );
  const came = await bob.ask("arrived", PACED_COUNT);
  const taken = came.map((atMs, index) =>
    atMs - bob.clockAheadMs - ((sent[index] as number) - alice.clockAheadMs)
  );
  print(
    `send() to decrypted and stored, ${PER_SECOND}/s: ${times(spread(taken))} (wanted p50 <= 10)`,
  );
}

async function measureRate(alice: Peer, bob: Peer, id: ConversationId): Promise<void> {
  await bob.ask("listen", id);
  const sent = await profiled({ alice, bob }, async () => {
    const burst = await alice.ask("burst", { id, count: RATE_COUNT });
    await bob.ask("arrived", RATE_COUNT);
    return burst;
  });
  const came = await bob.ask("arrived", RATE_COUNT);
  const wholeMs = (came.at(-1) as number) - bob.clockAheadMs - sent.started + alice.clockAheadMs;
  print(
    `${RATE_COUNT} messages one way: ${perSecond(RATE_COUNT, wholeMs)} decrypted and stored ` +
      `(wanted >= 800); queued ${perSecond(RATE_COUNT, sent.queuedMs)}, with the server ` +
      perSecond(RATE_COUNT, sent.sentMs),
  );
}

async function measureCatchUp(bob: Peer, place: PeerPlace): Promise<void> {
  const opened = await profiled({ bob }, () => bob.ask("open", place));
  const tookMs = opened.caughtUpMs - opened.stretchingMs;
  print(
    `catch-up of ${CATCH_UP_COUNT}: ${perSecond(CATCH_UP_COUNT, tookMs)} (wanted >= 1000), ` +
      `${opened.peakMb.toFixed(0)} MB at most (wanted < 300)`,
  );
}

async function measureGroup(alice: Peer, crowd: readonly CrowdMember[]): Promise<void> {
  const invite = crowd.map(({ name }) => name);
  const { tookMs } = await profiled(
    { alice },
    () => alice.ask("createGroup", { name: "everybody", invite }),
  );
  print(`a group of ${GROUP_COUNT}: ${(tookMs / 1_000).toFixed(2)} s (wanted <= 5)`);
}

async function measureStart(
  alice: Peer,
  crowd: readonly CrowdMember[],
  place: PeerPlace,
): Promise<void> {
  // With the direct message, and the large group.
  for (let made = 2; made < CONVERSATIONS_COUNT; made++) {
    const invite = [(crowd[made] as CrowdMember).name];
    const { id } = await alice.ask("createGroup", { name: `group ${made}`, invite });
    await alice.ask("pace", { id: id as ConversationId, count: 5, perSecond: 1e6 });
  }
  await alice[Symbol.asyncDispose]();
  const found: Awaited<ReturnType<Asked["open"]>>[] = [];
  for (let round = 0; round < 5; round++) {
    await using again = await startPeer();
    found.push(await profiled({ again }, () => again.ask("open", place)));
  }
  const median = found.toSorted((one, other) => beyond(one) - beyond(other))[2];
  if (median === undefined) return;
  const { stretchingMs, openMs, listMs, caughtUpMs, cpuMs, conversations } = median;
  print(
    `cold start with ${conversations} conversations: ${beyond(median).toFixed(0)} ms beyond key ` +
      `stretching (${stretchingMs.toFixed(0)} ms) until all is caught up (wanted <= 400); open ` +
      `${openMs.toFixed(0)}, listed ${listMs.toFixed(0)}, caught up ${caughtUpMs.toFixed(0)}; ${
        cpuMs.toFixed(0)
      } ms of CPU, stretching too`,
  );
}

function beyond({ caughtUpMs, stretchingMs }: Awaited<ReturnType<Asked["open"]>>): number {
  return caughtUpMs - stretchingMs;
}

async function profiled<Result>(
  peers: Readonly<Record<string, Peer>>,
  run: () => Promise<Result>,
): Promise<Result> {
  if (!values.profile) return await run();
  for (const peer of Object.values(peers)) await peer.ask("profile", "start");
  const result = await run();
  for (const [name, peer] of Object.entries(peers)) {
    print(`${name}, ${(await peer.ask("profile", "stop")).join("\n  ")}`);
  }
  return result;
}

function perSecond(count: number, ms: number): string {
  return `${(1_000 * count / ms).toFixed(0)}/s`;
}

function times({ p50, p99 }: { readonly p50: number; readonly p99: number }): string {
  return `p50 ${p50.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms`;
}

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

const strange = [...parts].filter((part) => !PARTS.includes(part as Part));
if (strange.length > 0) {
  print(`no part named ${strange.join(", ")}; there are: ${PARTS.join(", ")}`);
  Deno.exit(2);
}
try {
  await main();
} finally {
  await Deno.remove(folder, { recursive: true });
}
Deno.exit(0);
