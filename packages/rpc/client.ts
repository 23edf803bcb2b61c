import type { Caller, CallOptions, Method } from "@qpq/capnp";
import {
  type Clock,
  type Connection,
  ERROR_CODES,
  type Log,
  MessengerError,
  type Random,
  randomFraction,
  type Timer,
} from "@qpq/ports";
import { backOffMs } from "./back-off.ts";
import { openClientSession } from "./client-opening.ts";
import type { ClientSession, ServerInfo } from "./client-session.ts";
import { callLarge, readResults } from "./client-streams.ts";
import { Deadlines } from "./deadlines.ts";
import { CLIENT_LIMITS, type ClientLimits, SESSION_LIMITS, type SessionLimits } from "./limits.ts";
import type { Credentials } from "./server.ts";

export interface RpcClientOptions {
  /** Makes a connection: a transport's `connect` with the server's address. */
  readonly connect: (signal: AbortSignal) => Promise<Connection>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** For example `qpq/0.1.0`; at most 64 bytes. */
  readonly build: string;
  /** The server's access token; at most 256 bytes. */
  readonly authToken?: string;
  /**
   * Who this is, asked for whenever a session opens: sign `server.nonce` and `server.name`.
   * Left out, or undefined: nobody.
   */
  readonly credentials?: (server: ServerInfo) => Promise<Credentials | undefined>;
  /** Told of every change. Must not throw. */
  readonly onStatus?: (status: ClientStatus) => void;
  readonly limits?: Partial<SessionLimits & ClientLimits>;
}

export type ClientStatus =
  | { readonly kind: "connecting" }
  /** `refusal`: the server did not believe the credentials; calls go out as nobody's. */
  | {
    readonly kind: "connected";
    readonly server: ServerInfo;
    readonly refusal: MessengerError | undefined;
  }
  /** The next attempt begins in `retryInMs`, or sooner when there is work. */
  | { readonly kind: "lost"; readonly error: MessengerError; readonly retryInMs: number }
  | { readonly kind: "closed" };

/**
 * A session that lasts: it connects by itself, and again whenever the connection is lost. Calls made
 * meanwhile wait, within their deadlines.
 *
 * A call that was under way when the connection was lost fails with `rpc/disconnected`: whether the
 * server did it is unknown. It is not sent again here; who knows that it may be repeated repeats it.
 */
export interface RpcClient extends Caller, AsyncDisposable {
  readonly status: ClientStatus;
  /**
   * Waits until there is a session.
   * @throws MessengerError why there is none, when trying again will not help, or `options.timeoutMs`
   *   has passed; `cancelled`
   */
  connected(options?: CallOptions): Promise<ServerInfo>;
  /**
   * Asks for the credentials anew and shows them to the server, after a login or a logout. Calls made
   * after this come behind it.
   * @throws MessengerError `rpc/not-authenticated`
   */
  authenticate(): Promise<void>;
  /** Ends everything at once: what waits fails with `cancelled`. */
  close(): Promise<void>;
}

/** Opens a client; the first connection is on its way when this returns. */
export function openRpcClient(options: RpcClientOptions): RpcClient {
  return new ReconnectingClient(options);
}

/** A session that lived for this long was a sound one: the next failure is a first one again. */
const SOUND_SESSION_MS = 5_000;
/** Clients that are told to go elsewhere do so spread over this time. */
const LEAVE_SPREAD_MS = 1_000;

/** Something that waits for a session, or for room in it. */
interface Waiting {
  readonly begin: (session: ClientSession) => void;
  readonly fail: (error: MessengerError) => void;
}

class ReconnectingClient implements RpcClient {
  readonly #options: RpcClientOptions;
  readonly #limits: SessionLimits & ClientLimits;
  readonly #closed = new AbortController();
  readonly #deadlines: Deadlines;
  readonly #waiting = new Set<Waiting>();
  readonly #maintaining: Promise<void>;
  #session: ClientSession | undefined;
  /** Sessions that the server wants to end, with calls that have not. */
  readonly #leaving = new Set<ClientSession>();
  #status: ClientStatus = { kind: "connecting" };
  #lastFailure: MessengerError | undefined;
  #hurry: (() => void) | undefined;

  constructor(options: RpcClientOptions) {
    this.#options = options;
    this.#limits = { ...SESSION_LIMITS, ...CLIENT_LIMITS, ...options.limits };
    this.#deadlines = new Deadlines(options.clock);
    this.#maintaining = this.#maintain();
  }

  get status(): ClientStatus {
    return this.#status;
  }

  call<Params, Results>(
    method: Method<Params, Results>,
    params: Params,
    options: CallOptions = {},
  ): Promise<Results> {
    const session = this.#session;
    const isAtOnce = session !== undefined && session.hasRoom && this.#waiting.size === 0 &&
      method.kind === "call" && options.signal?.aborted !== true;
    // The common way, kept free of everything that the others need.
    return isAtOnce
      ? session.call(method, params, options)
      : this.#callInTime(method, params, options);
  }

  async #callInTime<Params, Results>(
    method: Method<Params, Results>,
    params: Params,
    options: CallOptions,
  ): Promise<Results> {
    if (options.signal?.aborted) throw new MessengerError("cancelled", "The caller gave up");
    const { clock } = this.#options;
    const isLarge = method.kind === "large";
    const { callTimeoutMs, largeTimeoutMs } = this.#limits;
    const timeoutMs = options.timeoutMs ?? (isLarge ? largeTimeoutMs : callTimeoutMs);
    const startedMs = clock.monotonic();
    return await this.#withRoom({ ...options, timeoutMs }, (session) => {
      const leftMs = Math.max(1, timeoutMs - (clock.monotonic() - startedMs));
      return isLarge
        ? callLarge(session, method, { ...options, params, timeoutMs: leftMs })
        : session.call(method, params, { ...options, timeoutMs: leftMs });
    });
  }

  subscribe<Params, Results>(
    method: Method<Params, Results>,
    params: Params,
    options: CallOptions = {},
  ): AsyncIterable<Results> {
    return {
      [Symbol.asyncIterator]: () => {
        const controller = new AbortController();
        const stop = (): void =>
          controller.abort(new MessengerError("cancelled", "The caller gave up"));
        options.signal?.addEventListener("abort", stop, { once: true });
        if (options.signal?.aborted) stop();
        const results = this.#results(method, params, { ...options, signal: controller.signal });
        return {
          next: () => results.next(),
          return: (): Promise<IteratorResult<Results>> => {
            options.signal?.removeEventListener("abort", stop);
            // Also while `next` waits, which a generator alone would wait for.
            stop();
            return results.return().then(() => ({ done: true, value: undefined }));
          },
        };
      },
    };
  }

  async connected(options: CallOptions = {}): Promise<ServerInfo> {
    return await this.#withSession(options, ({ server }) => server);
  }

  async authenticate(): Promise<void> {
    await this.#withSession({}, async (session) => {
      const refusal = await session.start().then(() => undefined, (error) => error);
      if (this.#session === session) {
        this.#setStatus({ kind: "connected", server: session.server, refusal });
      }
      if (refusal !== undefined) throw refusal;
    });
  }

  async close(): Promise<void> {
    if (!this.#closed.signal.aborted) {
      const error = new MessengerError("cancelled", "The client was closed");
      this.#closed.abort(error);
      this.#failWaiting(error);
      this.#session?.end(error);
      for (const session of this.#leaving) session.end(error);
    }
    await this.#maintaining;
    this.#deadlines.clear();
    this.#setStatus({ kind: "closed" });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async *#results<Params, Results>(
    method: Method<Params, Results>,
    params: Params,
    options: { readonly signal: AbortSignal; readonly timeoutMs?: number },
  ): AsyncGenerator<Results, void, void> {
    const session = await this.#withSession(options, (found) => found);
    yield* readResults(session, method, { params, timeoutMs: 0, signal: options.signal });
  }

  async #withSession<Value>(
    options: CallOptions,
    use: (session: ClientSession) => Value | Promise<Value>,
  ): Promise<Value> {
    return await (this.#session === undefined ? this.#whenRoom(options, use) : use(this.#session));
  }

  async #withRoom<Value>(
    options: CallOptions,
    use: (session: ClientSession) => Promise<Value>,
  ): Promise<Value> {
    const session = this.#session;
    const isAtOnce = session?.hasRoom === true && this.#waiting.size === 0;
    return await (isAtOnce ? use(session) : this.#whenRoom(options, use));
  }

  /** Waits for a session with room. @param use begins at once, so that it is seen to take its room */
  #whenRoom<Value>(
    { signal, timeoutMs = this.#limits.callTimeoutMs }: CallOptions,
    use: (session: ClientSession) => Value | Promise<Value>,
  ): Promise<Value> {
    return new Promise((resolve, reject) => {
      if (this.#closed.signal.aborted) return reject(this.#closed.signal.reason);
      if (this.#waiting.size >= this.#limits.waitingMax) {
        return reject(
          new MessengerError("rpc/overloaded", `Over ${this.#limits.waitingMax} calls wait`),
        );
      }
      const leave = (): void => {
        this.#waiting.delete(waiting);
        deadline.cancel();
        signal?.removeEventListener("abort", onAbort);
      };
      const waiting: Waiting = {
        begin: (session) => {
          leave();
          try {
            resolve(use(session));
          } catch (error) {
            reject(error);
          }
        },
        fail: (error) => {
          leave();
          reject(error);
        },
      };
      const onAbort = (): void =>
        waiting.fail(new MessengerError("cancelled", "The caller gave up"));
      const deadline = this.#deadlines.add(timeoutMs, () => {
        // Nothing was sent, so what is known is better than that it took too long.
        waiting.fail(
          this.#session === undefined && this.#lastFailure !== undefined
            ? this.#lastFailure
            : new MessengerError("rpc/deadline", `No connection within ${timeoutMs} ms`),
        );
      });
      this.#waiting.add(waiting);
      signal?.addEventListener("abort", onAbort, { once: true });
      if (signal?.aborted) return onAbort();
      this.#hurry?.();
    });
  }

  #failWaiting(error: MessengerError): void {
    for (const waiting of [...this.#waiting]) waiting.fail(error);
  }

  /** Lets go on what waits, as far as there is room. */
  #release(): void {
    const session = this.#session;
    if (session === undefined || this.#waiting.size === 0) return;
    for (const waiting of [...this.#waiting]) {
      if (!session.hasRoom) return;
      waiting.begin(session);
    }
  }

  /** Connects, and connects again, until the client is closed. Never rejects. */
  async #maintain(): Promise<void> {
    const { clock } = this.#options;
    let failures = 0;
    while (!this.#closed.signal.aborted) {
      this.#setStatus({ kind: "connecting" });
      let error: MessengerError;
      try {
        const session = await this.#connect(failures);
        const openedMs = clock.monotonic();
        this.#lastFailure = undefined;
        error = await this.#use(session);
        if (clock.monotonic() - openedMs > SOUND_SESSION_MS) failures = 0;
      } catch (failure) {
        error = failure instanceof MessengerError
          ? failure
          : new MessengerError("internal", "Cannot connect", { cause: failure });
        this.#noteFailure(error);
      }
      if (this.#closed.signal.aborted) return;
      failures += 1;
      await this.#pause(error, failures);
    }
  }

  #noteFailure(error: MessengerError): void {
    this.#lastFailure = error;
    // Trying again by itself does not help these: who waits should know.
    if (ERROR_CODES[error.code].retry === "never") this.#failWaiting(error);
  }

  async #connect(failures: number): Promise<ClientSession> {
    const { clock, connect, credentials, log, build, authToken = "" } = this.#options;
    const { attemptMinMs, attemptMaxMs } = this.#limits;
    const attempt = new AbortController();
    const onClose = (): void => attempt.abort();
    this.#closed.signal.addEventListener("abort", onClose, { once: true });
    let timedOut = false;
    // Early attempts are short: a server that has just come back is found sooner.
    const attemptMs = Math.min(attemptMaxMs, attemptMinMs * 2 ** Math.min(failures, 10));
    const timer = clock.schedule(attemptMs, () => {
      timedOut = true;
      attempt.abort();
    });
    try {
      const connection = await connect(attempt.signal);
      timer.cancel();
      return await openClientSession(connection, {
        clock,
        log,
        build,
        authToken,
        credentials,
        limits: this.#limits,
        onRoom: (session) => this.#onRoom(session),
        onGoingAway: (session) => this.#onGoingAway(session),
        signal: attempt.signal,
      });
    } catch (error) {
      if (!timedOut) throw error;
      throw new MessengerError(
        "transport/unreachable",
        "Cannot connect: nothing answers: the server is down, or UDP is blocked on the way",
        { cause: error },
      );
    } finally {
      timer.cancel();
      this.#closed.signal.removeEventListener("abort", onClose);
    }
  }

  /** @returns what ended the session, or made this client leave it */
  async #use(session: ClientSession): Promise<MessengerError> {
    const onClose = (): void => session.end(this.#closed.signal.reason);
    this.#closed.signal.addEventListener("abort", onClose, { once: true });
    if (this.#closed.signal.aborted) onClose();
    let refusal: MessengerError | undefined;
    const starting = session.start().catch((error) => {
      refusal = error;
    });
    // With credentials, who they belong to is settled first; for nobody there is nothing to wait for.
    if (this.#options.credentials !== undefined) await Promise.race([starting, session.over]);
    if (session.ended !== undefined) {
      this.#closed.signal.removeEventListener("abort", onClose);
      this.#noteFailure(session.ended);
      return session.ended;
    }
    const left = new Promise<MessengerError>((resolve) => this.#leave = resolve);
    this.#session = session;
    this.#setStatus({ kind: "connected", server: session.server, refusal });
    this.#release();
    const error = await Promise.race([session.over, left]);
    if (this.#session === session) this.#session = undefined;
    // One that is left lives on for its calls; `close` knows it by another list.
    this.#closed.signal.removeEventListener("abort", onClose);
    return error;
  }

  #leave: (error: MessengerError) => void = () => {};

  #onRoom(session: ClientSession): void {
    if (this.#waiting.size > 0) this.#release();
    if (this.#leaving.has(session)) this.#endIfDone(session);
  }

  #onGoingAway(session: ClientSession): void {
    if (this.#leaving.has(session)) return;
    this.#leaving.add(session);
    void session.over.then(() => this.#leaving.delete(session));
    if (this.#session === session) {
      this.#session = undefined;
      this.#leave(new MessengerError("rpc/going-away", "The server is stopping"));
    }
    this.#endIfDone(session);
  }

  #endIfDone(session: ClientSession): void {
    // Who called may still be about to send on this session: it is asked again a turn later.
    queueMicrotask(() => {
      if (session.busy === 0) session.end(new MessengerError("rpc/going-away", "The server stops"));
    });
  }

  async #pause(error: MessengerError, failures: number): Promise<void> {
    const { clock, random } = this.#options;
    const { backOffMinMs, backOffMaxMs, backOffWaitingMaxMs } = this.#limits;
    const delayMs = error.code === "rpc/going-away"
      ? randomFraction(random) * LEAVE_SPREAD_MS
      : backOffMs(random, { failures, minMs: backOffMinMs, maxMs: backOffMaxMs });
    const hurriedMs = Math.min(delayMs, randomFraction(random) * backOffWaitingMaxMs);
    const startedMs = clock.monotonic();
    const firstMs = this.#waiting.size > 0 ? hurriedMs : delayMs;
    this.#setStatus({ kind: "lost", error, retryInMs: Math.round(firstMs) });
    await new Promise<void>((resolve) => {
      let timer: Timer;
      const finish = (): void => {
        timer.cancel();
        this.#hurry = undefined;
        this.#closed.signal.removeEventListener("abort", finish);
        resolve();
      };
      timer = clock.schedule(firstMs, finish);
      // Work came: no longer than people wait.
      this.#hurry = () => {
        const leftMs = hurriedMs - (clock.monotonic() - startedMs);
        timer.cancel();
        timer = clock.schedule(Math.max(0, leftMs), finish);
      };
      this.#closed.signal.addEventListener("abort", finish, { once: true });
    });
  }

  #setStatus(status: ClientStatus): void {
    if (this.#status.kind === "closed") return;
    this.#status = status;
    this.#options.onStatus?.(status);
  }
}
