/**
 * Typed calls over any transport: knows streams, not sockets.
 *
 * A server makes one `createRpcServer` from the slices' method lists, and hands it every connection:
 *
 * ```ts
 * const rpc = createRpcServer({
 *   methods: [...pingMethods(...), ...healthMethods(...)],
 *   name: "example.org", build: "qpq-server/0.1.0", incarnation, authTokens: [token],
 *   context: (session, identity) => ({ session, identity }),
 *   clock: systemClock, random: systemRandom, log, observer,
 * });
 * for (let next; (next = await listener.accept()) !== undefined;) void rpc.serve(next);
 * // To stop: listener.stop(); await rpc.drain(10_000); await listener[Symbol.asyncDispose]();
 * ```
 *
 * A client makes one `openRpcClient`, and generated stubs call through it:
 *
 * ```ts
 * const transport = createQuicTransport({ clock: systemClock, trust: parsePin(pin) });
 * await using rpc = openRpcClient({
 *   connect: (signal) => transport.connect({ hostname, port }, { signal }),
 *   build: "qpq/0.1.0", authToken, clock: systemClock, random: systemRandom, log,
 * });
 * const { payload } = await pingClient(rpc).ping({ payload }, { timeoutMs: 10_000 });
 * ```
 *
 * The rules of a session, and its limits: `docs/wire-format.md`, "Session"; why there are calls of our
 * own: `docs/decisions/0003-calls.md`.
 *
 * @module
 */
export {
  type ClientStatus,
  openRpcClient,
  type RpcClient,
  type RpcClientOptions,
} from "./client.ts";
export type { ServerInfo } from "./client-session.ts";
export {
  CLIENT_LIMITS,
  type ClientLimits,
  HOLDING_LIMITS,
  type HoldingLimits,
  INCARNATION_BYTES,
  PROTOCOL_VERSION_MAX,
  PROTOCOL_VERSION_MIN,
  SESSION_LIMITS,
  type SessionLimits,
} from "./limits.ts";
export {
  createRpcServer,
  type Credentials,
  type RpcObserver,
  type RpcServer,
  type RpcServerOptions,
  type SessionInfo,
} from "./server.ts";
