/** A running server: opens what the configuration names, serves, and stops in order. */
import {
  listenQuic,
  openServerCertificate,
  readServerCertificate,
  type ServerCertificate,
} from "@qpq/adapters";
import {
  type Clock,
  type HostPort,
  type Listener,
  type Log,
  MessengerError,
  parseHostPort,
  type Random,
  sleep,
  VERSION,
} from "@qpq/ports";
import { createRpcServer, type RpcServer } from "@qpq/rpc";
import { serveAdmin } from "./admin.ts";
import { accountsCommand } from "./accounts.ts";
import { ADMIN_SOCKET } from "./admin-socket.ts";
import type { LoadedConfig } from "./config.ts";
import { serveHttp } from "./http.ts";
import { createMetrics, type ServerMetrics } from "./metrics.ts";
import { backupCommand } from "./operate.ts";
import { quotasOf } from "./quotas.ts";
import { openServedSlices, SLICE_SCHEMAS, VOID_AFTER_RESTORE } from "./slices.ts";
import { openIncarnation, openServerStore } from "./storage.ts";

/** Milliseconds for calls that have begun; what then is left of `STOP_TIMEOUT_MS` is for closing. */
const DRAIN_TIMEOUT_MS = 8_000;
/** From one deletion of what has expired to the next. */
const SWEEP_INTERVAL_MS = 3_600_000;

export interface ServerOptions {
  readonly loaded: LoadedConfig;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly memory: () => { readonly rss: number; readonly heapUsed: number };
}

/** Disposing it stops it at once; `drain` first, to stop in order. */
export interface Server extends AsyncDisposable {
  /** Where it really listens: a port 0 of the configuration is replaced. */
  readonly address: HostPort;
  readonly httpAddress: HostPort | undefined;
  readonly certificate: ServerCertificate;
  /** What accounts and devices know it by. */
  readonly serverName: string;
  /** Resolves with the reason when the server cannot go on: its disk failed. */
  readonly failed: Promise<Error>;
  /** Stops accepting, finishes calls that have begun, and tells clients to reconnect. */
  readonly drain: () => Promise<void>;
}

/**
 * @throws MessengerError `transport/cannot-listen`, `tls/bad-certificate-file`, `server/data-folder`,
 *   `server/admin-socket`, and as `openServerStore`
 */
export async function openServer(options: ServerOptions): Promise<Server> {
  const { clock, log, random } = options;
  const { config } = options.loaded;
  await using opened = new AsyncDisposableStack();
  await makeDataFolder(config.data_dir);
  const store = opened.use(await openServerStore(config, { log, slices: SLICE_SCHEMAS }));
  const incarnation = await openIncarnation(store, { random, voided: VOID_AFTER_RESTORE });
  const certificate = await openCertificate(options);
  const metrics = createMetrics(options.memory);
  let isDraining = false;
  const { serverName, accountsAdmin, ...slices } = await openServedSlices({
    ...{ store, clock, random, log, incarnation },
    serverName: config.server_name,
    registration: config.registration,
    quotas: quotasOf(config),
    isDraining: () => isDraining,
  });
  opened.use(sweepEvery(SWEEP_INTERVAL_MS, slices.sweep, clock));
  const rpc = createRpcServer({
    methods: slices.methods,
    authenticate: slices.authenticate,
    context: slices.context,
    name: serverName,
    build: `qpq-server/${VERSION}`,
    incarnation,
    authTokens: config.auth_token,
    clock,
    random,
    log,
    observer: observe(metrics),
  });
  const listener = opened.use(listenQuic(address(config.listen), {
    clock,
    log,
    certificate,
    onRefused: (code) => metrics.handshakeRefused(code),
  }));
  const http = config.http_listen === "" ? undefined : opened.use(
    serveHttp({ address: address(config.http_listen), metrics, isReady: () => !isDraining }),
  );
  opened.use(serveAdmin({
    path: `${config.data_dir}/${ADMIN_SOCKET}`,
    commands: { backup: backupCommand(store, config), ...accountsCommand(accountsAdmin) },
    log,
  }));
  const accepting = acceptAll(listener, rpc);
  const resources = opened.move();
  return {
    address: listener.address,
    httpAddress: http?.address,
    certificate,
    serverName,
    failed: new Promise((resolve) => {
      void store.closed.then((error) => error === undefined ? undefined : resolve(error));
    }),
    drain: async () => {
      isDraining = true;
      listener.stop();
      await rpc.drain(DRAIN_TIMEOUT_MS);
    },
    [Symbol.asyncDispose]: async () => {
      isDraining = true;
      await resources[Symbol.asyncDispose]();
      await accepting;
    },
  };
}

/** Deletes what has expired, again and again, until it is disposed. */
function sweepEvery(
  intervalMs: number,
  sweep: (signal: AbortSignal) => Promise<void>,
  clock: Clock,
): AsyncDisposable {
  const stop = new AbortController();
  const sweeping = (async () => {
    while (!stop.signal.aborted) {
      await sleep(clock, intervalMs, stop.signal).catch(() => {});
      await sweep(stop.signal);
    }
  })();
  return {
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await sweeping;
    },
  };
}

async function acceptAll(listener: Listener, rpc: RpcServer): Promise<void> {
  for (;;) {
    const connection = await listener.accept();
    if (connection === undefined) return;
    // Never rejects; ends with the connection.
    void rpc.serve(connection);
  }
}

async function makeDataFolder(path: string): Promise<void> {
  try {
    await Deno.mkdir(path, { recursive: true, mode: 0o700 });
  } catch (cause) {
    // The runtime's own words for a place like /proc name flags that nobody should give.
    const reason = cause instanceof Deno.errors.NotCapable
      ? "the sandbox keeps programs out of there"
      : cause instanceof Error
      ? cause.message
      : "unknown";
    throw new MessengerError("server/data-folder", `Cannot use data_dir ${path}: ${reason}`, {
      cause,
    });
  }
}

async function openCertificate(
  { loaded: { config, sources }, clock, random, log }: ServerOptions,
): Promise<ServerCertificate> {
  const files = { certificateFile: config.tls_cert, keyFile: config.tls_key };
  if (sources.tls_cert !== "default") return await readServerCertificate(files);
  const names = config.tls_names;
  const certificate = await openServerCertificate({ ...files, names, clock, random });
  if (certificate.created) log.info("certificate-made");
  return certificate;
}

function observe(metrics: ServerMetrics) {
  return {
    sessionOpened: metrics.connectionOpened,
    sessionClosed: metrics.connectionClosed,
    openingRefused: metrics.handshakeRefused,
    callFinished: (
      call: { readonly method: string; readonly outcome: string; readonly durationMs: number },
    ) => metrics.callEnded(call.method, call.outcome, call.durationMs),
  };
}

function address(text: string): HostPort {
  const parsed = parseHostPort(text);
  if (parsed === undefined) throw new TypeError("the configuration checked the address");
  return parsed;
}
