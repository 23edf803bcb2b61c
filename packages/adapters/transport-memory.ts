import {
  assert,
  type Clock,
  type CloseReason,
  type Connection,
  type ConnectOptions,
  formatHostPort,
  type HostPort,
  type Listener,
  MessengerError,
  type Random,
  randomFraction,
  type Stream,
  STREAMS_CONCURRENT_MAX,
  type Transport,
} from "@qpq/ports";
import { createArrivals } from "./arrivals.ts";

/** How the network behaves. All of it is drawn from the given randomness: one seed, one run. */
export interface MemoryNetworkOptions {
  readonly clock: Clock;
  readonly random: Random;
  /**
   * Every piece of bytes takes a time drawn from this range, in milliseconds. Pieces of one stream
   * stay in order, streams overtake one another. Default 0 to 0: at once.
   */
  readonly delayMs?: { readonly min: number; readonly max: number };
  /** Bytes that a stream holds for a receiver that does not read; default 256 KiB. */
  readonly windowBytes?: number;
  /** Streams that each side may have open at a time; default `STREAMS_CONCURRENT_MAX`. */
  readonly streamsMax?: number;
  /** How long silence lasts until a connection attempt or a silent connection is given up. */
  readonly idleTimeoutMs?: number;
}

const DEFAULTS = {
  delayMs: { min: 0, max: 0 },
  windowBytes: 256 * 1024,
  streamsMax: STREAMS_CONCURRENT_MAX,
  idleTimeoutMs: 30_000,
} as const;

/** A network inside this process. */
export interface MemoryNetwork {
  /** Dials listeners of this network. */
  readonly transport: Transport;
  /** @throws MessengerError `transport/cannot-listen` when the address is taken */
  listen(address: HostPort): Listener;
  /** Ends every connection now, as a restarted machine does: both sides notice. */
  cut(): void;
  /**
   * From now on nothing arrives and nobody is told, until `heal`. What was on its way is lost, so
   * connections that live through it stay silent: both sides give them up after the idle timeout.
   */
  partition(): void;
  heal(): void;
  /** Connections that are open. */
  readonly connections: number;
}

export function createMemoryNetwork(options: MemoryNetworkOptions): MemoryNetwork {
  const network: Network = {
    ...DEFAULTS,
    ...options,
    listeners: new Map(),
    open: new Set(),
    partitioned: false,
    ports: 49_152,
  };
  return {
    transport: { connect: (address, connect) => connectIn(network, address, connect) },
    listen: (address) => listenIn(network, address),
    cut(): void {
      for (const pair of [...network.open]) pair.end(0, "cut", undefined);
    },
    partition(): void {
      network.partitioned = true;
      for (const pair of network.open) pair.silence();
    },
    heal(): void {
      network.partitioned = false;
    },
    get connections(): number {
      return network.open.size;
    },
  };
}

interface Network {
  readonly clock: Clock;
  readonly random: Random;
  readonly delayMs: { readonly min: number; readonly max: number };
  readonly windowBytes: number;
  readonly streamsMax: number;
  readonly idleTimeoutMs: number;
  readonly listeners: Map<string, (connection: Connection) => void>;
  readonly open: Set<Pair>;
  partitioned: boolean;
  ports: number;
}

function listenIn(network: Network, address: HostPort): Listener {
  const key = formatHostPort(address);
  if (network.listeners.has(key)) {
    throw new MessengerError("transport/cannot-listen", `Cannot listen on ${key}: it is taken`);
  }
  const arrivals = createArrivals<Connection>();
  const accepted = new Set<Connection>();
  network.listeners.set(key, (connection) => {
    accepted.add(connection);
    void connection.closed.then(() => accepted.delete(connection));
    arrivals.add(connection);
  });
  const stop = (): void => {
    network.listeners.delete(key);
    arrivals.end();
  };
  return {
    address,
    accept: () => arrivals.next(),
    stop,
    [Symbol.asyncDispose]: async () => {
      stop();
      for (const connection of accepted) connection.close(0, "listener closed");
    },
  };
}

async function connectIn(
  network: Network,
  address: HostPort,
  options: ConnectOptions = {},
): Promise<Connection> {
  const { signal } = options;
  const answers = (): boolean =>
    !network.partitioned && network.listeners.has(formatHostPort(address));
  // A handshake is one exchange; without an answer it is given up as a real one is.
  await delayed(network, answers() ? 2 * drawDelayMs(network) : network.idleTimeoutMs, signal);
  const arrive = network.listeners.get(formatHostPort(address));
  if (!answers() || arrive === undefined) {
    throw new MessengerError(
      "transport/unreachable",
      `Cannot connect to ${formatHostPort(address)}: nothing answers`,
    );
  }
  const local: HostPort = { hostname: "127.0.0.1", port: network.ports++ };
  const pair = new Pair(network, local, address);
  network.open.add(pair);
  arrive(pair.right);
  return pair.left;
}

function delayed(network: Network, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const cancelled = (): void => {
      timer.cancel();
      reject(new MessengerError("cancelled", "Cannot connect: the caller gave up"));
    };
    if (signal?.aborted) {
      return reject(new MessengerError("cancelled", "Cannot connect: the caller gave up"));
    }
    if (delayMs === 0) return resolve();
    const timer = network.clock.schedule(delayMs, () => {
      signal?.removeEventListener("abort", cancelled);
      resolve();
    });
    signal?.addEventListener("abort", cancelled, { once: true });
  });
}

function drawDelayMs({ delayMs, random }: Network): number {
  return delayMs.max === 0 ? 0 : delayMs.min + randomFraction(random) * (delayMs.max - delayMs.min);
}

/** Both ends of a connection. */
class Pair {
  readonly left: End;
  readonly right: End;
  readonly #network: Network;
  #over = false;
  #silent = false;
  #lastArrivalMs: number;

  constructor(network: Network, leftAddress: HostPort, rightAddress: HostPort) {
    this.#network = network;
    this.#lastArrivalMs = network.clock.monotonic();
    this.left = new End(this, network, rightAddress);
    this.right = new End(this, network, leftAddress);
    this.left.other = this.right;
    this.right.other = this.left;
  }

  /** Runs `arrival` when something sent now gets there, and not before `notBeforeMs`. */
  deliver(notBeforeMs: number, arrival: () => void): number {
    const { clock } = this.#network;
    const nowMs = clock.monotonic();
    const atMs = Math.max(notBeforeMs, nowMs + drawDelayMs(this.#network));
    const arrive = (): void => {
      if (this.#over || this.#silent) return;
      this.#lastArrivalMs = clock.monotonic();
      arrival();
    };
    if (this.#network.partitioned) this.silence();
    if (atMs <= nowMs) queueMicrotask(arrive);
    else clock.schedule(atMs - nowMs, arrive);
    return atMs;
  }

  /** Nothing arrives any more; both sides give up when the idle timeout has passed. */
  silence(): void {
    if (this.#silent || this.#over) return;
    this.#silent = true;
    const { clock, idleTimeoutMs } = this.#network;
    const silentForMs = clock.monotonic() - this.#lastArrivalMs;
    clock.schedule(Math.max(0, idleTimeoutMs - silentForMs), () => {
      this.end(0, "timed out", undefined);
    });
  }

  /** @param by the side that ended it, or undefined for the network */
  end(code: number, reason: string, by: End | undefined): void {
    if (this.#over) return;
    const { clock } = this.#network;
    if (by === undefined) {
      this.#over = true;
      this.#network.open.delete(this);
      for (const end of [this.left, this.right]) end.finish({ code, reason, error: lost(reason) });
      return;
    }
    by.finish({ code, reason, error: undefined });
    const other = by === this.left ? this.right : this.left;
    const arrive = (): void => {
      this.#over = true;
      this.#network.open.delete(this);
      other.finish({ code, reason, error: lost(reason) });
    };
    const delayMs = drawDelayMs(this.#network);
    if (this.#silent || this.#network.partitioned) this.silence();
    else if (delayMs === 0) queueMicrotask(arrive);
    else clock.schedule(delayMs, arrive);
  }
}

function lost(reason: string): MessengerError {
  return new MessengerError("transport/closed", `The connection is over: ${reason}`);
}

/** One side's view of a connection. */
class End implements Connection {
  readonly remoteAddress: HostPort;
  readonly closed: Promise<CloseReason>;
  other!: End;
  readonly #pair: Pair;
  readonly #network: Network;
  readonly #arrivals = createArrivals<Stream>();
  readonly #streams = new Set<MemoryStream>();
  /** Streams that this side opened and that are not over yet. */
  #openedCount = 0;
  readonly #waiting: (() => void)[] = [];
  #reason: CloseReason | undefined;
  #settleClosed!: (reason: CloseReason) => void;

  constructor(pair: Pair, network: Network, remoteAddress: HostPort) {
    this.#pair = pair;
    this.#network = network;
    this.remoteAddress = remoteAddress;
    this.closed = new Promise((resolve) => this.#settleClosed = resolve);
  }

  async openStream({ signal }: { readonly signal?: AbortSignal } = {}): Promise<Stream> {
    while (this.#reason === undefined && this.#openedCount >= this.#network.streamsMax) {
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
        signal?.addEventListener("abort", () => resolve(), { once: true });
      });
      if (signal?.aborted) break;
    }
    if (signal?.aborted) throw new MessengerError("cancelled", "The caller gave up");
    if (this.#reason !== undefined) throw lost(this.#reason.reason);
    this.#openedCount += 1;
    let halves = 2;
    const onOver = (): void => {
      if (--halves > 0) return;
      this.#streams.delete(near);
      this.other.#streams.delete(far);
      this.#openedCount -= 1;
      this.#waiting.shift()?.();
    };
    const near = new MemoryStream(this.#pair, this.#network.windowBytes, onOver);
    const far = new MemoryStream(this.#pair, this.#network.windowBytes, onOver);
    near.other = far;
    far.other = near;
    this.#streams.add(near);
    // The other side learns of a stream by its first bytes, or its end.
    near.announce = () => {
      if (this.other.#reason !== undefined) return;
      this.other.#streams.add(far);
      this.other.#arrivals.add(far);
    };
    return near;
  }

  acceptStream(): Promise<Stream | undefined> {
    return this.#arrivals.next();
  }

  close(code: number, reason: string): void {
    if (this.#reason !== undefined) return;
    this.#pair.end(code, reason, this);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close(0, "");
    await this.closed;
  }

  /** This side's connection is over. */
  finish(reason: CloseReason): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    this.#arrivals.end();
    for (const stream of this.#streams) stream.lose(lost(reason.reason));
    this.#streams.clear();
    for (const wake of this.#waiting.splice(0)) wake();
    this.#settleClosed(reason);
  }
}

/** One side's view of a stream. */
class MemoryStream implements Stream {
  other!: MemoryStream;
  announce: (() => void) | undefined;
  readonly #pair: Pair;
  readonly #windowBytes: number;
  readonly #onOver: () => void;
  /** Pieces that have arrived and were not read. */
  readonly #arrived: Uint8Array[] = [];
  /** Bytes that this side sent and the other has not read. */
  #unreadBytes = 0;
  #lastDeliveryMs = 0;
  /** What was sent and has not arrived, in order. */
  readonly #underway: (() => void)[] = [];
  #ended = false;
  #arrivedEnd = false;
  #failure: MessengerError | undefined;
  #over = false;
  #wakeReader: (() => void) | undefined;
  #wakeWriter: (() => void) | undefined;

  constructor(pair: Pair, windowBytes: number, onOver: () => void) {
    this.#pair = pair;
    this.#windowBytes = windowBytes;
    this.#onOver = onOver;
  }

  async read(into: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
    assert(this.#wakeReader === undefined, "one read at a time");
    assert(into.length > 0, "a read has room for a byte");
    // As the real one: the caller's buffer is gone.
    const { byteOffset, length } = into;
    const own = new Uint8Array(into.buffer.transfer(), byteOffset, length);
    while (this.#arrived.length === 0 && !this.#arrivedEnd && this.#failure === undefined) {
      await new Promise<void>((resolve) => this.#wakeReader = resolve);
      this.#wakeReader = undefined;
    }
    if (this.#failure !== undefined) throw this.#failure;
    const piece = this.#arrived[0];
    if (piece === undefined) return own.subarray(0, 0);
    const taken = piece.subarray(0, length);
    own.set(taken);
    if (taken.length === piece.length) this.#arrived.shift();
    else this.#arrived[0] = piece.subarray(taken.length);
    this.other.#credit(taken.length);
    return own.subarray(0, taken.length);
  }

  async write(bytes: Uint8Array): Promise<void> {
    assert(this.#wakeWriter === undefined, "one write at a time");
    for (let offset = 0; offset < bytes.length;) {
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#ended) throw lost("this half has ended");
      const room = this.#windowBytes - this.#unreadBytes;
      if (room === 0) {
        await new Promise<void>((resolve) => this.#wakeWriter = resolve);
        this.#wakeWriter = undefined;
        continue;
      }
      const piece = bytes.slice(offset, offset + room);
      offset += piece.length;
      this.#unreadBytes += piece.length;
      this.#send(() => this.other.#arrive(piece));
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  async end(): Promise<void> {
    if (this.#ended || this.#failure !== undefined) return;
    this.#ended = true;
    this.#send(() => this.other.#finishArrivals());
    if (this.#arrivedEnd) this.#finish();
  }

  abort(): void {
    if (this.#failure !== undefined || (this.#ended && this.#arrivedEnd)) return;
    this.#fail(lost("the stream was aborted"));
    this.#send(() => {
      // The peer cannot tell an aborted half from an ended one; its own writing fails.
      this.other.#finishArrivals();
      this.other.#stopWriting();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.abort();
  }

  lose(failure: MessengerError): void {
    this.#fail(failure);
  }

  #send(arrival: () => void): void {
    const announce = this.announce;
    this.announce = undefined;
    this.#underway.push(() => {
      announce?.();
      arrival();
    });
    // Timers of nearly the same moment fire in any order: each brings what is next.
    this.#lastDeliveryMs = this.#pair.deliver(
      this.#lastDeliveryMs,
      () => this.#underway.shift()?.(),
    );
  }

  #arrive(piece: Uint8Array): void {
    if (this.#failure !== undefined) return;
    this.#arrived.push(piece);
    this.#wakeReader?.();
  }

  #credit(bytes: number): void {
    this.#unreadBytes -= bytes;
    this.#wakeWriter?.();
  }

  #finishArrivals(): void {
    this.#arrivedEnd = true;
    this.#wakeReader?.();
    if (this.#ended) this.#finish();
  }

  #stopWriting(): void {
    this.#ended = true;
    this.#wakeWriter?.();
    this.#finish();
  }

  #fail(failure: MessengerError): void {
    this.#failure ??= failure;
    this.#arrived.length = 0;
    this.#wakeReader?.();
    this.#wakeWriter?.();
    this.#finish();
  }

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.#onOver();
  }
}
