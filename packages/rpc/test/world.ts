import {
  createManualClock,
  createMemoryNetwork,
  createSeededRandom,
  type ManualClock,
  type MemoryNetwork,
} from "@qpq/adapters";
import {
  type Connection,
  isErrorCode,
  type Listener,
  type LogFields,
  MessengerError,
  silentLog,
  sleep,
  type Stream,
} from "@qpq/ports";
import {
  type ClientStatus,
  createRpcServer,
  type HoldingLimits,
  openRpcClient,
  type RpcClient,
  type RpcClientOptions,
  type RpcServer,
  type RpcServerOptions,
  type SessionLimits,
} from "../mod.ts";
import { FrameReader } from "../frame-reader.ts";
import { MESSAGE_BYTES_MAX } from "../limits.ts";
import {
  type ClientMessage,
  decodeServerMessage,
  encodeClientMessage,
  type ServerHello,
  type ServerMessage,
} from "../session.gen.ts";
import { probeHandlers } from "./probe.gen.ts";

export const ADDRESS = { hostname: "server", port: 7000 } as const;

/** A server, a network and a clock that stands still; what happens in it is written down. */
export interface World extends AsyncDisposable {
  readonly clock: ManualClock;
  readonly network: MemoryNetwork;
  readonly server: RpcServer;
  readonly handled: Handled;
  /** `method outcome`, `opened`, `closed`, `refused code`, in order. */
  readonly observed: string[];
  readonly logged: { readonly event: string; readonly fields: LogFields }[];
  openClient(
    options?: Partial<RpcClientOptions>,
  ): RpcClient & { readonly statuses: ClientStatus[] };
  /** A peer that says whatever the test wants. */
  connect(): Promise<ScriptedPeer>;
  /** The server's process dies without a word, and nothing listens. */
  stopListening(): void;
  listen(): void;
}

/** What reached the handlers. */
export interface Handled {
  calls: number;
  running: number;
  runningMost: number;
  readonly aborted: string[];
  /** Lets held calls go. */
  readonly release: Map<string, () => void>;
  produced: number;
}

export interface WorldOptions {
  readonly seed?: number;
  readonly delayMs?: { readonly min: number; readonly max: number };
  readonly authTokens?: readonly string[];
  readonly limits?: Partial<SessionLimits & HoldingLimits>;
  readonly authenticate?: RpcServerOptions<string, string>["authenticate"];
  readonly windowBytes?: number;
  readonly streamsMax?: number;
}

export function openWorld(options: WorldOptions = {}): World {
  const clock = createManualClock();
  const random = createSeededRandom(options.seed ?? 1);
  const network = createMemoryNetwork({
    clock,
    random,
    delayMs: options.delayMs ?? { min: 0, max: 0 },
    windowBytes: options.windowBytes ?? 64 * 1024,
    streamsMax: options.streamsMax ?? 96,
  });
  const observed: string[] = [];
  const logged: { readonly event: string; readonly fields: LogFields }[] = [];
  const handled: Handled = {
    calls: 0,
    running: 0,
    runningMost: 0,
    aborted: [],
    release: new Map(),
    produced: 0,
  };
  const serverOptions: RpcServerOptions<string, string> = {
    methods: probe(handled, clock),
    name: "test.example",
    build: "test-server",
    incarnation: new Uint8Array(16).fill(7),
    authTokens: options.authTokens ?? [],
    context: (_session, identity) => identity ?? "nobody",
    clock,
    random,
    log: {
      ...silentLog,
      error: (event, fields = {}) => void logged.push({ event, fields }),
    },
    limits: options.limits ?? {},
    observer: {
      sessionOpened: () => void observed.push("opened"),
      sessionClosed: () => void observed.push("closed"),
      openingRefused: (code) => void observed.push(`refused ${code}`),
      callFinished: ({ method, outcome }) => void observed.push(`${method} ${outcome}`),
    },
    ...(options.authenticate === undefined ? {} : { authenticate: options.authenticate }),
  };
  const server = createRpcServer(serverOptions);
  let listener: Listener | undefined;
  const clients: RpcClient[] = [];
  const peers: ScriptedPeer[] = [];
  const listen = (): void => {
    const current = network.listen(ADDRESS);
    listener = current;
    void serveAll(current, server);
  };
  listen();
  return {
    clock,
    network,
    server,
    handled,
    observed,
    logged,
    openClient(more = {}) {
      const statuses: ClientStatus[] = [];
      const client = openRpcClient({
        connect: (signal) => network.transport.connect(ADDRESS, { signal }),
        clock,
        random,
        log: silentLog,
        build: "test-client",
        onStatus: (status) => void statuses.push(status),
        ...more,
      });
      clients.push(client);
      return Object.assign(client, { statuses });
    },
    async connect() {
      const connecting = network.transport.connect(ADDRESS);
      await clock.advance(options.delayMs === undefined ? 0 : 2 * options.delayMs.max);
      const peer = new ScriptedPeer(await connecting, clock);
      peers.push(peer);
      return peer;
    },
    listen,
    stopListening: () => listener?.stop(),
    async [Symbol.asyncDispose]() {
      for (const peer of peers) peer.connection.close(0, "");
      await Promise.all(clients.map((client) => client.close()));
      listener?.stop();
      network.cut();
      await clock.settle();
    },
  };
}

async function serveAll(listener: Listener, server: RpcServer): Promise<void> {
  for (;;) {
    const connection = await listener.accept();
    if (connection === undefined) return;
    void server.serve(connection);
  }
}

function probe(handled: Handled, clock: ManualClock): ReturnType<typeof probeHandlers<string>> {
  const counted = async <Result>(work: () => Promise<Result>): Promise<Result> => {
    handled.calls += 1;
    handled.running += 1;
    handled.runningMost = Math.max(handled.runningMost, handled.running);
    try {
      return await work();
    } finally {
      handled.running -= 1;
    }
  };
  return probeHandlers<string>({
    echo: ({ payload }) => counted(async () => ({ payload })),
    hold: ({ name, resultBytes }, _context, signal) =>
      counted(() =>
        new Promise((resolve, reject) => {
          handled.release.set(name, () => resolve({ payload: new Uint8Array(resultBytes) }));
          // One that does not listen.
          if (name === "stubborn") return;
          signal.addEventListener("abort", () => {
            handled.aborted.push(`${name} ${codeOf(signal.reason)}`);
            reject(signal.reason);
          }, { once: true });
        })
      ),
    refuse: ({ code }) =>
      counted(() => {
        if (!isErrorCode(code)) throw new Error(`secret ${code}`);
        throw new MessengerError(code, "refused as asked", { retryAfterMs: 1234 });
      }),
    upload: ({ payload }) => counted(async () => ({ payload })),
    async *count({ upTo }, _context, signal) {
      handled.calls += 1;
      handled.running += 1;
      try {
        const padding = new Uint8Array(upTo > 1000 ? 32 * 1024 : 0);
        for (let value = 1; value <= upTo; value++) {
          signal.throwIfAborted();
          handled.produced += 1;
          yield { value, padding };
        }
        // Up to 0 it never ends, and says nothing.
        if (upTo === 0) await sleep(clock, 1e9, signal);
      } catch (error) {
        handled.aborted.push(`count ${codeOf(error)}`);
        throw error;
      } finally {
        handled.running -= 1;
      }
    },
    whoAmI: (_params, name) => counted(async () => ({ name })),
  });
}

function codeOf(error: unknown): string {
  return error instanceof MessengerError ? error.code : String(error);
}

/** Speaks the session by hand. */
export class ScriptedPeer {
  readonly connection: Connection;
  readonly clock: ManualClock;
  hello: ServerHello | undefined;
  #stream: Stream | undefined;
  #reader: FrameReader | undefined;

  constructor(connection: Connection, clock: ManualClock) {
    this.connection = connection;
    this.clock = clock;
  }

  /** The call stream. */
  get stream(): Stream {
    if (this.#stream === undefined) throw new Error("openStream() first");
    return this.#stream;
  }

  async openStream(): Promise<Stream> {
    this.#stream = await this.connection.openStream();
    this.#reader = new FrameReader(this.#stream);
    return this.#stream;
  }

  async send(...messages: readonly (ClientMessage | Uint8Array)[]): Promise<void> {
    const frames = messages.map((message) =>
      message instanceof Uint8Array ? message : encodeClientMessage(message)
    );
    await this.stream.write(Uint8Array.from(frames.flatMap((frame) => [...frame])));
  }

  /** The next message, or undefined at the end; results are skipped and noted. */
  async next(): Promise<ServerMessage | undefined> {
    const reader = this.#reader as FrameReader;
    const frame = await reader.next(MESSAGE_BYTES_MAX);
    if (frame === undefined) return undefined;
    const message = decodeServerMessage(frame.slice());
    if (message.kind === "result") await reader.next(512 * 1024);
    return message;
  }

  /** Hello, as an honest client. @returns the nonce for the start */
  async greet(authToken = ""): Promise<Uint8Array> {
    await this.openStream();
    await this.send({
      callId: 0,
      kind: "hello",
      hello: {
        versionMin: 1,
        versionMax: 1,
        build: "peer",
        authToken: new TextEncoder().encode(authToken),
      },
    });
    const message = await this.next();
    if (message?.kind !== "hello") throw new Error(`hello expected, got ${message?.kind}`);
    this.hello = message.hello;
    return message.hello.nonce;
  }

  /** Hello and start, as an honest client. */
  async open(authToken = "", sessionToken = new Uint8Array(0)): Promise<this> {
    const nonce = await this.greet(authToken);
    const deviceSignature = new Uint8Array(0);
    await this.send({ callId: 0, kind: "start", start: { nonce, sessionToken, deviceSignature } });
    const started = await this.next();
    if (started?.kind !== "started") throw new Error(`started expected, got ${started?.kind}`);
    return this;
  }
}
