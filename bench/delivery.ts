/**
 * How fast is delivery, and what does it cost, beside what each part could do alone and beside NATS
 * JetStream with every write synced?
 *
 *     npm run bench -- delivery          (or: bench/delivery.ts [--seconds 4] [--subscribers 2000] [--only subscribers])
 *
 * The server is a process of its own with an encrypted SQLite store; an append is durable (fsync)
 * before it is acknowledged. Clients are connections of this process. NATS needs Debian's package
 * nats-server; without it the rest is measured, and the lack is named.
 */
import { parseArgs } from "node:util";
import { createQuicTransport, createSeededRandom, parsePin, systemClock } from "@qpq/adapters";
import { openSqliteStore } from "@qpq/adapters/stores";
import { encodeKey, type Stream } from "@qpq/ports";
import { newEntryId } from "../packages/features/channels/entry-id.ts";
import { fakeCommit, framed } from "../packages/features/channels/test/messages.ts";
import {
  type Listening,
  openClient,
  SERVICE_INCARNATION,
  type ServiceClient,
  startService,
} from "../packages/features/channels/test/process.ts";
import { openJetStream } from "./delivery/jetstream.ts";
import { paced, type Rate, rateOf, residentKb, spread, startProcess } from "./delivery/load.ts";

const BODY_BYTES = 512;
const CLIENTS = 64;
const BACKLOG_ENTRIES = 40_000;
/** Clients that connect, or subscribe, at the same time. */
const AT_ONCE = 50;
/** So that a hundredth of what is sent at a calm pace is more than a few messages. */
const LATENCY_SECONDS_MIN = 15;
/** For what takes a second or two. */
const PATIENCE_MS = 60_000;
const FREE = { burst: 1e9, perMinute: 1e9 };
const LIMITS = {
  appendRate: FREE,
  createRate: FREE,
  quotaEntries: 1e9,
  quotaBytes: 1e13,
};
/** Of ours and JetStream, alternating. */
const ROUNDS = 5;
const LOADS = [
  { workers: 1, inFlight: 1 },
  { workers: CLIENTS, inFlight: 1 },
  { workers: CLIENTS, inFlight: 4 },
  { workers: CLIENTS, inFlight: 16 },
] as const;

interface Load {
  readonly workers: number;
  readonly inFlight: number;
  readonly seconds: number;
}

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "4" },
    subscribers: { type: "string", default: "2000" },
    only: { type: "string" },
  },
});
const seconds = Number(values.seconds);
const random = createSeededRandom(1);
const folder = await Deno.makeTempDir({ prefix: "qpq-delivery-" });

async function main(): Promise<void> {
  if (values.only === "subscribers") return await measureSubscribers();
  print(`${BODY_BYTES} B bodies; rates a second, times in ms as p50/p99`);
  print(`the disk's own write + fdatasync: ${times(spread(diskTimes()))}`);
  const rows = new Map<string, readonly Rate[]>();
  rows.set("bare echo on the transport", await measureEcho());
  rows.set("bare store, in process", await measureStore());
  const service = await startService(folder, LIMITS);
  const clients = await connect(() => service.listening, { from: 0, count: CLIENTS });
  const channels = await Promise.all(clients.map((client) => createChannel(client)));
  const { appends, jetStream, ratios } = await measureBeside((load) =>
    rateOf(
      (worker) => append(clients[worker] as ServiceClient, channels[worker] as Uint8Array),
      load,
    )
  );
  rows.set("durable appends", appends);
  rows.set("NATS JetStream, synced", jetStream);
  printRates(rows);
  for (const [index, { workers, inFlight }] of LOADS.entries()) {
    const each = ratios[index] ?? [];
    if (each.length === 0) continue;
    const rounds = each.map((ratio) => ratio.toFixed(2)).join(", ");
    print(`${workers} × ${inFlight}: ${median(each).toFixed(2)} × JetStream (${rounds})`);
  }
  await measureLatency(clients, appends[2] as Rate);
  await measureBacklog(clients[0] as ServiceClient);
  await Promise.all(clients.map(({ rpc }) => rpc.close()));
  await service.kill();
  await measureSubscribers();
}

function diskTimes(): readonly number[] {
  using file = Deno.openSync(`${folder}/disk`, { write: true, create: true, append: true });
  const bytes = new Uint8Array(4096);
  const taken: number[] = [];
  for (let index = 0; index < 500; index++) {
    const from = performance.now();
    file.writeSync(bytes);
    file.syncDataSync();
    taken.push(performance.now() - from);
  }
  return taken;
}

async function measureEcho(): Promise<readonly Rate[]> {
  const path = new URL("./delivery/echo.ts", import.meta.url).pathname;
  const server = await startProcess(path, [folder]);
  const { port, pin }: Listening = JSON.parse(server.line);
  const transport = createQuicTransport({ clock: systemClock, trust: parsePin(pin) });
  const streams = await Promise.all(Array.from({ length: CLIENTS }, async () => {
    const connection = await transport.connect({ hostname: "127.0.0.1", port });
    return { connection, echoes: new Echoes(await connection.openStream()) };
  }));
  const rates: Rate[] = [];
  for (const load of LOADS) {
    rates.push(
      await rateOf(
        async (worker) => await streams[worker]?.echoes.send(new Uint8Array(BODY_BYTES)),
        { ...load, seconds: Math.min(seconds, 2) },
      ),
    );
  }
  for (const { connection } of streams) connection.close(0, "");
  await server.stop();
  return rates;
}

/** Bodies of one stream, counted as they come back. */
class Echoes {
  readonly #stream: Stream;
  readonly #waiting: (() => void)[] = [];
  #bytes = 0;

  constructor(stream: Stream) {
    this.#stream = stream;
    void this.#read();
  }

  async send(bytes: Uint8Array): Promise<void> {
    const back = new Promise<void>((resolve) => this.#waiting.push(resolve));
    await this.#stream.write(bytes);
    await back;
  }

  async #read(): Promise<void> {
    try {
      for (;;) {
        this.#bytes += (await this.#stream.read(new Uint8Array(16 * 1024))).length;
        for (; this.#bytes >= BODY_BYTES; this.#bytes -= BODY_BYTES) this.#waiting.shift()?.();
      }
    } catch {
      // The measurement is over.
    }
  }
}

/** Reads and writes like an append's, without a server around them. */
async function measureStore(): Promise<readonly Rate[]> {
  await using store = await openSqliteStore({
    path: `${folder}/bare.db`,
    create: true,
    key: new Uint8Array(32),
  });
  const ids = Array.from({ length: CLIENTS }, () => random.bytes(32));
  const counters = new Map<Uint8Array, number>();
  const [small, body] = [new Uint8Array(150), new Uint8Array(BODY_BYTES + 250)];
  const act = (worker: number): Promise<void> => {
    const id = ids[worker] as Uint8Array;
    const sequence = (counters.get(id) ?? 0) + 1;
    counters.set(id, sequence);
    const id16 = entryId();
    return store.transaction(async (transaction) => {
      const head = encodeKey("log", id);
      const member = encodeKey("log", id, "member", id.subarray(16));
      const known = encodeKey("id", id16, id.subarray(16), id.subarray(16));
      await Promise.all([transaction.get(known), transaction.get(head), transaction.get(member)]);
      transaction.put(head, small);
      transaction.put(encodeKey("log", id, "entry", sequence), body);
      transaction.put(known, small);
    });
  };
  const rates: Rate[] = [];
  for (const load of LOADS) rates.push(await rateOf(act, { ...load, seconds }));
  return rates;
}

/** Ours and JetStream in turn, so that both have what the machine has at that time. */
async function measureBeside(measure: (load: Load) => Promise<Rate>): Promise<{
  readonly appends: readonly Rate[];
  readonly jetStream: readonly Rate[];
  /** Of the rates, one for each round, by load. */
  readonly ratios: readonly (readonly number[])[];
}> {
  const opened = await openJetStream(new Uint8Array(BODY_BYTES), CLIENTS);
  if (typeof opened === "string") print(`NATS JetStream was not measured: ${opened}`);
  await using stream = typeof opened === "string" ? undefined : opened;
  const all = { appends: [] as Rate[], jetStream: [] as Rate[], ratios: [] as number[][] };
  for (const shape of LOADS) {
    const load = { ...shape, seconds: seconds / 2 };
    const [ours, theirs]: [Rate[], Rate[]] = [[], []];
    for (let round = 0; round < ROUNDS; round++) {
      ours.push(await measure(load));
      if (stream !== undefined) theirs.push(await stream.measure(load));
    }
    all.appends.push(medianOf(ours));
    if (stream === undefined) continue;
    all.jetStream.push(medianOf(theirs));
    all.ratios.push(
      ours.map(({ perSecond }, round) => perSecond / (theirs[round] as Rate).perSecond),
    );
  }
  return all;
}

function medianOf(rates: readonly Rate[]): Rate {
  const of = (name: keyof Rate): number => median(rates.map((rate) => rate[name]));
  return { perSecond: of("perSecond"), p50: of("p50"), p99: of("p99") };
}

function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[values.length >> 1] ?? NaN;
}

function printRates(rows: ReadonlyMap<string, readonly Rate[]>): void {
  const heads = LOADS.map(({ workers, inFlight }) => `${workers} × ${inFlight}`.padStart(24));
  print(`${"".padEnd(28)}${heads.join("")}`);
  for (const [name, rates] of rows) {
    const cells = rates.map((rate) => `${rate.perSecond.toFixed(0)} (${times(rate)})`.padStart(24));
    print(`${name.padEnd(28)}${cells.join("")}`);
  }
}

/**
 * From the append's call to the entry at the other client's `follow`, once that is open: what an entry
 * waits for a subscription that is still being opened is no part of it.
 */
async function measureLatency(
  [sender, receiver]: readonly ServiceClient[],
  most: Rate,
): Promise<void> {
  if (sender === undefined || receiver === undefined) return;
  for (const perSecond of [100, most.perSecond / 2]) {
    const channelId = await createChannel(sender, [receiver.id]);
    const startedAt = new Map<string, number>();
    const taken: number[] = [];
    const stopping = new AbortController();
    const open = Promise.withResolvers<void>();
    const following = (async () => {
      try {
        const cursors = [{ channelId, after: 1 }];
        const all = { incarnation: SERVICE_INCARNATION, inboxAfter: 0, signal: stopping.signal };
        for await (const each of receiver.calls.follow({ ...all, cursors })) {
          if (each.kind === "all-caught-up") open.resolve();
          if (each.kind !== "entry" || each.entry.kind !== "application") continue;
          const from = startedAt.get(each.entry.entryId.toHex());
          if (from !== undefined) taken.push(performance.now() - from);
        }
      } catch {
        // Stopped.
      } finally {
        open.resolve();
      }
    })();
    await open.promise;
    const sending: Promise<unknown>[] = [];
    const isCalm = perSecond === 100;
    // What the disk can do changes within a minute: it is asked right before and right after.
    const before = isCalm ? diskTimes() : [];
    await paced(() => {
      const id = entryId();
      const message = framed(random, { channelId, epoch: 1, bytes: BODY_BYTES });
      startedAt.set(id.toHex(), performance.now());
      sending.push(sender.calls.append({ channelId, entryId: id, message }));
    }, { perSecond, seconds: isCalm ? Math.max(seconds, LATENCY_SECONDS_MIN) : seconds });
    await Promise.all(sending);
    while (taken.length < sending.length) await new Promise((resolve) => setTimeout(resolve, 5));
    stopping.abort(new Error("enough"));
    await following;
    const all = spread(taken);
    const disk = spread(isCalm ? [...before, ...diskTimes()] : []);
    print(`append to subscriber at ${perSecond.toFixed(0)}/s: ${times(all)}`);
    if (isCalm) {
      print(
        `  the disk then: ${times(disk)}; p99 above it: ${
          (all.p99 - disk.p99).toFixed(1)
        } ms (wanted ≤ 15)`,
      );
    }
  }
}

async function measureBacklog(client: ServiceClient): Promise<void> {
  const channelId = await createChannel(client);
  let sent = 0;
  await Promise.all(Array.from({ length: 128 }, async () => {
    while (sent++ < BACKLOG_ENTRIES) await append(client, channelId);
  }));
  const stopping = new AbortController();
  const started = performance.now();
  let [entries, bytes] = [0, 0];
  const cursors = [{ channelId, after: 0 }];
  const all = { incarnation: SERVICE_INCARNATION, inboxAfter: 0, signal: stopping.signal };
  for await (const each of client.calls.follow({ ...all, cursors })) {
    if (each.kind !== "entry" || each.channelId.toHex() !== channelId.toHex()) continue;
    entries += 1;
    bytes += each.entry.message.length;
    if (entries >= BACKLOG_ENTRIES) break;
  }
  const elapsed = (performance.now() - started) / 1_000;
  print(
    `backlog: ${(bytes / elapsed / 1e6).toFixed(1)} MB/s, ${
      (entries / elapsed).toFixed(0)
    } entries/s`,
  );
}

/** One call stream and one subscription each; then one entry to some of them, and to 1000. */
async function measureSubscribers(): Promise<void> {
  await Deno.mkdir(`${folder}/subscribers`);
  const service = await startService(`${folder}/subscribers`, LIMITS);
  const { pid } = service;
  const address = (): Listening => service.listening;
  const count = Number(values.subscribers);
  const sender = (await connect(address, { from: 10_000, count: 1 }))[0] as ServiceClient;
  const half = Math.ceil(count / 2);
  const memory = [await residentKb(pid)];
  const clients = [...await connect(address, { from: 20_000, count: half })];
  const groups: { readonly channelId: Uint8Array; readonly members: ServiceClient[] }[] = [];
  const sizes = [100, Math.min(1_000, half) - 1];
  for (const size of sizes) {
    const members = clients.slice(0, size);
    groups.push({ channelId: await createChannel(sender, members.map(({ id }) => id)), members });
  }
  const arrived = new Map(groups.map(({ channelId }) => [channelId.toHex(), [] as number[]]));
  const failures: unknown[] = [];
  let live = 0;
  const subscribe = async (client: ServiceClient): Promise<void> => {
    const all = { incarnation: SERVICE_INCARNATION, cursors: [], inboxAfter: 0 };
    for await (const each of client.calls.follow(all)) {
      if (each.kind === "inbox-caught-up") live += 1;
      if (each.kind !== "entry" || each.entry.kind !== "application") continue;
      arrived.get(each.channelId.toHex())?.push(performance.now());
    }
  };
  for (let begun = 0; begun < count;) {
    if (begun === half) {
      clients.push(...await connect(address, { from: 20_000 + half, count: count - half }));
    }
    for (; begun < clients.length; begun++) {
      subscribe(clients[begun] as ServiceClient).catch((error) => failures.push(error));
      // Not all at once: what is asked is what they cost while they wait.
      if (begun % AT_ONCE !== AT_ONCE - 1 && begun !== clients.length - 1) continue;
      const wanted = begun + 1;
      await until(() => live >= wanted, () => `${live} of ${wanted} subscribe`, failures);
    }
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    memory.push(await residentKb(pid));
  }
  const [before, middle, after] = memory as [number, number, number];
  const each = ((after - before) / count).toFixed(0);
  const further = ((after - middle) / (count - half)).toFixed(0);
  print(
    `${count} live subscribers: ${each} KB each (wanted ≤ 150), with what the first of them make ` +
      `the runtime's heap grow to; ${further} KB each of the second half`,
  );
  for (const { channelId, members } of groups) {
    const found = arrived.get(channelId.toHex()) as number[];
    const rounds: number[] = [];
    for (let round = 0; round < 10; round++) {
      found.length = 0;
      const from = performance.now();
      await append(sender, channelId);
      const wanted = members.length;
      await until(() => found.length >= wanted, () => `${found.length} of ${wanted}`, failures);
      rounds.push(Math.max(...found) - from);
    }
    const { p50, p99 } = spread(rounds);
    print(
      `one entry to ${members.length} subscribers: ${p50.toFixed(0)} ms, worst ${p99.toFixed(0)}`,
    );
  }
  await service.kill();
}

/** Waits for what must come soon; a subscriber that has failed ends the bench instead of hanging it. */
async function until(
  isDone: () => boolean,
  state: () => string,
  failures: readonly unknown[],
): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!isDone()) {
    if (failures.length > 0) {
      throw new Error(`${failures.length} subscribers failed`, { cause: failures[0] });
    }
    if (performance.now() > deadline) throw new Error(`waited too long: ${state()}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

async function connect(
  address: () => Listening,
  range: { readonly from: number; readonly count: number },
): Promise<readonly ServiceClient[]> {
  const clients: ServiceClient[] = [];
  for (let done = 0; done < range.count; done += AT_ONCE) {
    const some = Array.from(
      { length: Math.min(AT_ONCE, range.count - done) },
      (_, index) => openClient(address, range.from + done + index),
    );
    await Promise.all(some.map(({ rpc }) => rpc.connected()));
    clients.push(...some);
  }
  return clients;
}

async function createChannel(
  client: ServiceClient,
  added: readonly Uint8Array[] = [],
): Promise<Uint8Array> {
  const channelId = random.bytes(32);
  await client.calls.create(
    fakeCommit(random, { channelId, context: { kind: "group", admins: [client.id] }, added }),
  );
  return channelId;
}

async function append({ calls }: ServiceClient, channelId: Uint8Array): Promise<void> {
  const message = framed(random, { channelId, epoch: 1, bytes: BODY_BYTES });
  await calls.append({ channelId, entryId: entryId(), message });
}

function entryId(): Uint8Array {
  return newEntryId({ clock: systemClock, random });
}

function times({ p50, p99 }: { readonly p50: number; readonly p99: number }): string {
  return `${p50.toFixed(2)}/${p99.toFixed(2)}`;
}

function print(line: string): void {
  // deno-lint-ignore no-console -- a bench prints
  console.log(line);
}

try {
  await main();
} finally {
  await Deno.remove(folder, { recursive: true });
}
Deno.exit(0);
