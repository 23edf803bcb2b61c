import type { BoundMethod } from "@qpq/capnp";
import {
  assert,
  type Clock,
  type Connection,
  type ErrorCode,
  type HostPort,
  type Log,
  MessengerError,
  type Random,
} from "@qpq/ports";
import { createPools, type Pools } from "./budget.ts";
import {
  HOLDING_LIMITS,
  type HoldingLimits,
  INCARNATION_BYTES,
  SESSION_LIMITS,
  type SessionLimits,
} from "./limits.ts";
import { createMethodTable, type MethodTable } from "./method-table.ts";
import { ServerSession } from "./server-session.ts";

/** What a client shows to say who it is: from a login, and made for this session. */
export interface Credentials {
  /** 1 to 64 bytes. */
  readonly sessionToken: Uint8Array;
  /** The device's signature over `nonce` and the server's name; 0 to 64 bytes. */
  readonly deviceSignature: Uint8Array;
}

/** What a server knows of a session besides who it is. */
export interface SessionInfo {
  /** For rate limits; never for logs. */
  readonly remoteAddress: HostPort;
  /** The client's build, as it says. At most 64 bytes of text from outside. */
  readonly clientBuild: string;
  readonly protocolVersion: number;
  /** The 32 bytes that the client's device signs. */
  readonly nonce: Uint8Array;
}

export interface RpcServerOptions<Identity, Context> {
  /** What is served: the lists that the slices' generated code makes, one after another. */
  readonly methods: readonly BoundMethod<Context>[];
  /** The name that devices sign and that accounts belong to; at most 255 bytes. */
  readonly name: string;
  /** For example `qpq-server/0.1.0`; at most 64 bytes. */
  readonly build: string;
  /** Of the logs: 16 bytes that change with a restore from a backup. */
  readonly incarnation: Uint8Array;
  /** Access tokens, one or (while they are changed) two; with none anybody may connect. */
  readonly authTokens: readonly string[];
  /**
   * Says who shows these credentials, within `openingTimeoutMs`. Calls that came behind them wait for
   * it. Who has not said who it is may make no large call and no subscription.
   * Left out: nobody is anybody, and credentials are refused.
   * @throws MessengerError `rpc/not-authenticated`: the session goes on without an identity
   */
  readonly authenticate?: (
    credentials: Credentials,
    session: SessionInfo,
    signal: AbortSignal,
  ) => Promise<Identity>;
  /** What handlers get; made anew whenever `identity` changes. */
  readonly context: (session: SessionInfo, identity: Identity | undefined) => Context;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly limits?: Partial<SessionLimits & HoldingLimits>;
  readonly observer?: RpcObserver;
}

/** For metrics. Called in the middle of things: must be quick and not throw. */
export interface RpcObserver {
  sessionOpened?(): void;
  sessionClosed?(): void;
  /** A connection whose opening was refused or not completed. */
  openingRefused?(code: ErrorCode): void;
  callFinished?(call: {
    /** `interface/method`; `unknown` when this server has no such method. */
    readonly method: string;
    readonly outcome: "ok" | ErrorCode;
    readonly durationMs: number;
  }): void;
}

export interface RpcServer {
  /**
   * Serves one connection until it is over.
   * @returns when it is; never rejects
   */
  serve(connection: Connection): Promise<void>;
  /**
   * Stops: tells every client to connect elsewhere or later, refuses further calls with
   * `rpc/going-away`, ends subscriptions with it, lets calls that have begun finish, and closes.
   * @param timeoutMs after which what has not finished is cut off
   * @returns when no connection is left
   */
  drain(timeoutMs: number): Promise<void>;
  /** Connections that are being served. */
  readonly connections: number;
}

/** What sessions share. */
export interface ServerCore<Identity, Context> extends RpcServerOptions<Identity, Context> {
  readonly limits: SessionLimits & HoldingLimits;
  readonly pools: Pools;
  readonly table: MethodTable<Context>;
  readonly authTokenBytes: readonly Uint8Array[];
}

/** Serves calls over any connections. */
export function createRpcServer<Identity, Context>(
  options: RpcServerOptions<Identity, Context>,
): RpcServer {
  assert(options.incarnation.length === INCARNATION_BYTES, "an incarnation has 16 bytes");
  const limits = { ...SESSION_LIMITS, ...HOLDING_LIMITS, ...options.limits };
  const core: ServerCore<Identity, Context> = {
    ...options,
    limits,
    pools: createPools(limits),
    table: createMethodTable(options.methods),
    authTokenBytes: options.authTokens.map((token) => new TextEncoder().encode(token)),
  };
  const sessions = new Set<ServerSession<Identity, Context>>();
  let draining = false;
  let onEmpty = (): void => {};
  return {
    async serve(connection: Connection): Promise<void> {
      const session = new ServerSession(core, connection);
      sessions.add(session);
      try {
        if (draining) {
          await session.refuse(new MessengerError("rpc/going-away", "The server is stopping"));
        } else {
          await session.run();
        }
      } finally {
        sessions.delete(session);
        if (sessions.size === 0) onEmpty();
      }
    },
    async drain(timeoutMs: number): Promise<void> {
      draining = true;
      if (sessions.size === 0) return;
      const empty = new Promise<void>((resolve) => onEmpty = resolve);
      for (const session of sessions) session.goAway();
      const timer = options.clock.schedule(timeoutMs, () => {
        for (const session of sessions) session.cutOff();
      });
      await empty;
      timer.cancel();
    },
    get connections(): number {
      return sessions.size;
    },
  };
}
