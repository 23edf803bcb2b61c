import { CALL_BYTES_MAX, type CallOptions, type Method } from "@qpq/capnp";
import { type Clock, type Connection, type Log, MessengerError, type Stream } from "@qpq/ports";
import { CLOSE_CODES, closeReason, codeOfReason } from "./close-codes.ts";
import { Deadlines, type Expiring } from "./deadlines.ts";
import { CallTable } from "./dense-list.ts";
import type { FrameReader } from "./frame-reader.ts";
import type { FrameWriter } from "./frame-writer.ts";
import { type ClientLimits, MESSAGE_BYTES_MAX, type SessionLimits } from "./limits.ts";
import { hotCall, readHotResult } from "./hot-messages.ts";
import { FrameDeadline, Liveness, watchForStall } from "./liveness.ts";
import { cleanText, errorOf } from "./refusals.ts";
import type { Credentials } from "./server.ts";
import {
  type ClientMessage,
  decodeServerMessage,
  encodeClientMessage,
  type ServerHello,
  type ServerMessage,
} from "./session.gen.ts";
import { unlessAborted } from "./unless-aborted.ts";

/** What a server says of itself when a session opens. */
export interface ServerInfo {
  readonly name: string;
  readonly build: string;
  readonly protocolVersion: number;
  /** 16 bytes: cursors into the server's logs are worth something for one incarnation only. */
  readonly incarnation: Uint8Array;
  /** 32 bytes: a device signs them, with the name, to prove itself. */
  readonly nonce: Uint8Array;
}

export interface ClientSessionOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly build: string;
  readonly authToken: string;
  readonly credentials: ((server: ServerInfo) => Promise<Credentials | undefined>) | undefined;
  readonly limits: SessionLimits & ClientLimits;
  /** A call ended: there may be room for another. */
  readonly onRoom: (session: ClientSession) => void;
  /** The server stops: no further calls here. Those that have begun go on. */
  readonly onGoingAway: (session: ClientSession) => void;
}

/** A call on the call stream that waits for its results. */
class PendingCall implements Expiring, EventListenerObject {
  place = -1;
  atMs = 0;
  readonly callId: number;
  // deno-lint-ignore no-explicit-any -- calls of different methods stand in one table
  readonly method: Method<any, any>;
  readonly resolve: (results: unknown) => void;
  readonly reject: (error: MessengerError) => void;
  readonly signal: AbortSignal | undefined;
  readonly #giveUp: (call: PendingCall, error: MessengerError) => void;

  constructor(options: {
    readonly callId: number;
    // deno-lint-ignore no-explicit-any
    readonly method: Method<any, any>;
    readonly resolve: (results: unknown) => void;
    readonly reject: (error: MessengerError) => void;
    readonly signal: AbortSignal | undefined;
    readonly giveUp: (call: PendingCall, error: MessengerError) => void;
  }) {
    this.callId = options.callId;
    this.method = options.method;
    this.resolve = options.resolve;
    this.reject = options.reject;
    this.signal = options.signal;
    this.#giveUp = options.giveUp;
    this.signal?.addEventListener("abort", this, { once: true });
  }

  /** Its deadline has passed. */
  expire(): void {
    const { name } = this.method;
    this.#giveUp(this, new MessengerError("rpc/deadline", `No answer to ${name} in time`));
  }

  /** Its signal was aborted. */
  handleEvent(): void {
    this.#giveUp(this, new MessengerError("cancelled", "The caller gave up"));
  }
}

/** A start that waits for the server's answer. They are answered in order. */
interface PendingStart {
  readonly resolve: () => void;
  readonly reject: (error: MessengerError) => void;
}

/** One session with a server. It does not outlive its connection; `client.ts` makes another. */
export class ClientSession {
  readonly server: ServerInfo;
  /** Resolves, and never rejects, with what ended it. */
  readonly over: Promise<MessengerError>;
  readonly connection: Connection;
  readonly deadlines: Deadlines;
  readonly options: ClientSessionOptions;
  readonly #reader: FrameReader;
  readonly #writer: FrameWriter;
  readonly #liveness: Liveness;
  readonly #frameDeadline: FrameDeadline;
  readonly #pending: CallTable<PendingCall>;
  readonly #callsMax: number;
  readonly #streamsMax: number;
  #nextCallId = 0;
  #streams = 0;
  #largeWaiting = 0;
  /** The call whose results are the next frame; 0 when that is a message. */
  #resultOf: number | undefined;
  #ended: MessengerError | undefined;
  #settleOver!: (error: MessengerError) => void;
  readonly #starting: PendingStart[] = [];
  /** Resolves when the first start was answered, whatever with, or the session is over. */
  readonly #open = Promise.withResolvers<void>();
  /** A pong has not left yet. */
  #pongWaits = false;

  constructor(
    connection: Connection,
    options: ClientSessionOptions & {
      readonly reader: FrameReader;
      readonly hello: ServerHello;
      readonly writer: (onFailure: (error: unknown) => void) => FrameWriter;
    },
  ) {
    const { clock, limits, hello } = options;
    this.connection = connection;
    this.options = options;
    this.server = {
      name: hello.serverName,
      build: cleanText(hello.build),
      protocolVersion: hello.version,
      incarnation: hello.incarnation,
      nonce: hello.nonce,
    };
    this.over = new Promise((resolve) => this.#settleOver = resolve);
    this.deadlines = new Deadlines(clock);
    this.#callsMax = Math.min(hello.callsMax, limits.callsMax);
    this.#streamsMax = Math.min(hello.streamsMax, limits.streamsMax);
    this.#pending = new CallTable(this.#callsMax);
    this.#reader = options.reader;
    this.#writer = options.writer(() => {});
    this.#frameDeadline = new FrameDeadline(this.deadlines, limits, () => {
      this.end(brokenRule("a frame comes in too slowly"));
    });
    this.#liveness = new Liveness({
      clock,
      deadlines: this.deadlines,
      patience: () =>
        this.#pending.size + this.#largeWaiting > 0
          ? { askAfterMs: limits.probeAfterMs, answerWithinMs: limits.replaceAfterMs }
          : {
            askAfterMs: limits.heartbeatMs,
            answerWithinMs: limits.deadAfterMs - limits.heartbeatMs,
          },
      ask: () => this.#send({ callId: 0, kind: "ping" }),
      onDead: () => this.end(new MessengerError("rpc/disconnected", "The server fell silent")),
    });
    watchForStall(this.#writer, {
      deadlines: this.deadlines,
      stallTimeoutMs: limits.stallTimeoutMs,
      onStalled: () => this.end(brokenRule("it does not read what is sent")),
    });
    void connection.closed.then(({ reason, error }) => {
      this.end(
        error === undefined ? new MessengerError("cancelled", reason) : errorOfClose(reason),
      );
    });
    void this.#read();
  }

  /** What ended it, if it has ended. */
  get ended(): MessengerError | undefined {
    return this.#ended;
  }

  /** Whether another call may begin now. */
  get hasRoom(): boolean {
    return this.#ended === undefined && this.#pending.size < this.#callsMax &&
      this.#writer.queuedBytes < this.options.limits.outgoingBytesMax;
  }

  /** Calls, large calls and subscriptions that have not ended. */
  get busy(): number {
    return this.#pending.size + this.#streams;
  }

  /**
   * Says who this is, or, without credentials, nobody. Calls made after this come behind it. What
   * takes longer than an opening may ends the session.
   * @throws MessengerError `rpc/not-authenticated` and what else the server refuses with
   */
  async start(): Promise<void> {
    const late = this.deadlines.add(this.options.limits.openingTimeoutMs, () => {
      this.end(new MessengerError("rpc/handshake-timeout", "The start was not answered in time"));
    });
    try {
      await this.#start();
    } finally {
      late.cancel();
    }
  }

  async #start(): Promise<void> {
    const ask = this.options.credentials;
    // For nobody at once: calls follow right behind, and nothing may come before the start.
    const credentials = ask === undefined ? undefined : await this.#askFor(ask);
    if (this.#ended !== undefined) throw this.#ended;
    const answer = new Promise<void>((resolve, reject) => {
      this.#starting.push({ resolve, reject });
    });
    this.#send({
      callId: 0,
      kind: "start",
      start: {
        nonce: this.server.nonce,
        sessionToken: credentials?.sessionToken ?? new Uint8Array(0),
        deviceSignature: credentials?.deviceSignature ?? new Uint8Array(0),
      },
    });
    await answer;
  }

  /** A session that is nobody's by mistake is of no use: what waits for its start would wait for its end. */
  async #askFor(
    ask: NonNullable<ClientSessionOptions["credentials"]>,
  ): Promise<Credentials | undefined> {
    try {
      return await ask(this.server);
    } catch (error) {
      const failure = error instanceof MessengerError
        ? error
        : new MessengerError("internal", "Cannot make the credentials", { cause: error });
      this.end(failure);
      throw failure;
    }
  }

  /** One call of kind `call`; to be made only while `hasRoom`. */
  call<Params, Results>(
    method: Method<Params, Results>,
    params: Params,
    { signal, timeoutMs = this.options.limits.callTimeoutMs }: CallOptions = {},
  ): Promise<Results> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) return reject(lostCall(this.#ended));
      const body = encodeParams(method, params);
      const callId = this.#takeCallId();
      const call = new PendingCall({
        callId,
        method,
        // What decodes is of the method's type.
        resolve: resolve as (results: unknown) => void,
        reject,
        signal,
        giveUp: this.#giveUp,
      });
      this.#pending.add(callId, call);
      this.deadlines.set(call, timeoutMs);
      this.#writer.send(hotCall(method, callId, timeoutMs), body);
      if (this.#pending.size === 1) this.#liveness.reconsider();
    });
  }

  /** For what runs on a stream of its own. @throws MessengerError `rpc/too-many-streams` */
  beginStream(waits: boolean): () => void {
    if (this.#ended !== undefined) throw lostCall(this.#ended);
    if (this.#streams >= this.#streamsMax) {
      throw new MessengerError(
        "rpc/too-many-streams",
        `Over ${this.#streamsMax} large calls and subscriptions are open`,
      );
    }
    this.#streams += 1;
    if (waits) {
      this.#largeWaiting += 1;
      this.#liveness.reconsider();
    }
    return () => {
      this.#streams -= 1;
      if (waits) this.#largeWaiting -= 1;
      this.options.onRoom(this);
    };
  }

  /** A stream of its own: a server takes none before it has answered the start. */
  async openStream(signal: AbortSignal): Promise<Stream> {
    await unlessAborted(this.#open.promise, signal);
    return await this.connection.openStream({ signal });
  }

  /** Something came in on a stream of its own. */
  heard(): void {
    this.#liveness.heard();
  }

  /** Ends the session; what waits fails. */
  end(error: MessengerError): void {
    if (this.#ended !== undefined) return;
    this.#ended = error;
    this.deadlines.clear();
    const code = error.code === "rpc/protocol" ? CLOSE_CODES.protocol : CLOSE_CODES.done;
    this.connection.close(code, code === CLOSE_CODES.done ? "" : closeReason(error));
    for (const callId of this.#pending.ids()) this.#settle(callId)?.reject(lostCall(error));
    for (const { reject } of this.#starting.splice(0)) reject(lostCall(error));
    this.#open.resolve();
    this.#settleOver(error);
  }

  async #read(): Promise<void> {
    try {
      for (;;) {
        for (;;) {
          const frame = this.#reader.take(
            this.#resultOf === undefined ? MESSAGE_BYTES_MAX : CALL_BYTES_MAX,
          );
          if (frame === undefined) break;
          this.#receive(frame);
        }
        this.#frameDeadline.update(this.#reader);
        if (!(await this.#reader.fill())) {
          return this.end(
            new MessengerError("transport/closed", "The server ended the call stream"),
          );
        }
        this.#liveness.heard();
      }
    } catch (error) {
      // When the connection ended, `closed` knows why.
      if (error instanceof MessengerError && error.code === "transport/closed") {
        const { reason, error: lost } = await this.connection.closed;
        return this.end(lost === undefined ? error : errorOfClose(reason));
      }
      this.end(
        error instanceof MessengerError
          ? error
          : new MessengerError("internal", "The session failed", { cause: error }),
      );
    }
  }

  #receive(frame: Uint8Array): void {
    const resultOf = this.#resultOf;
    if (resultOf !== undefined) {
      this.#resultOf = undefined;
      return this.#receiveResults(resultOf, frame);
    }
    this.#resultOf = readHotResult(frame);
    if (this.#resultOf !== undefined) return;
    const message = decodeServerMessage(frame);
    switch (message.kind) {
      case "result":
        this.#resultOf = message.callId;
        return;
      case "error": {
        // An unknown id is that of a call which was given up.
        const call = this.#settle(message.callId);
        call?.reject(errorOf(message.error));
        return;
      }
      case "ping":
        return this.#answerPing();
      case "pong":
        return;
      case "goingAway":
        return this.options.onGoingAway(this);
      case "started":
        return this.#started().resolve();
      case "notStarted":
        return this.#started().reject(errorOf(message.notStarted));
      case "hello":
      case "end":
        throw brokenRule(`${message.kind} on the call stream`);
      case "unknown":
        throw brokenRule("a message of a kind that this version does not have");
    }
  }

  /** One answer that waits is one to every question before it: who asks on and on fills nothing. */
  #answerPing(): void {
    if (this.#pongWaits) return;
    this.#pongWaits = true;
    this.#send({ callId: 0, kind: "pong" });
    void this.#writer.below(0).then(() => this.#pongWaits = false);
  }

  #receiveResults(callId: number, frame: Uint8Array): void {
    const call = this.#settle(callId);
    if (call === undefined) return;
    try {
      // A copy: callers keep what the reader's buffer loses.
      call.resolve(decodeResults(call.method, frame.slice()));
    } catch (error) {
      call.reject(asMessengerError(error));
    }
  }

  #started(): PendingStart {
    const starting = this.#starting.shift();
    if (starting === undefined) throw brokenRule("an answer to no start");
    this.#open.resolve();
    return starting;
  }

  readonly #giveUp = (call: PendingCall, error: MessengerError): void => {
    if (this.#settle(call.callId) === undefined) return;
    this.#send({ callId: call.callId, kind: "cancel" });
    call.reject(error);
  };

  /** Takes a call off the table. @returns undefined when it is not there */
  #settle(callId: number): PendingCall | undefined {
    const call = this.#pending.remove(callId);
    if (call === undefined) return undefined;
    this.deadlines.unset(call);
    call.signal?.removeEventListener("abort", call);
    this.options.onRoom(this);
    return call;
  }

  #takeCallId(): number {
    do this.#nextCallId = (this.#nextCallId + 1) >>> 0; while (
      this.#nextCallId === 0 || this.#pending.get(this.#nextCallId) !== undefined
    );
    return this.#nextCallId;
  }

  #send(message: ClientMessage): void {
    this.#writer.send(encodeClientMessage(message));
  }
}

/** @throws MessengerError `too-large` */
export function encodeParams<Params, Results>(
  method: Method<Params, Results>,
  params: Params,
): Uint8Array {
  const frame = method.encodeParams(params);
  if (frame.length > method.paramsBytesMax) {
    throw new MessengerError(
      "too-large",
      `Cannot call ${method.name}: ${frame.length} bytes, the limit is ${method.paramsBytesMax}`,
    );
  }
  return frame;
}

/** @throws MessengerError `too-large`, `malformed` */
export function decodeResults<Params, Results>(
  method: Method<Params, Results>,
  frame: Uint8Array,
): Results {
  if (frame.length > method.resultsBytesMax) {
    throw new MessengerError(
      "too-large",
      `Cannot read results of ${method.name}: ${frame.length} bytes`,
    );
  }
  return method.decodeResults(frame);
}

/** What a call fails with whose connection is lost. */
export function lostCall(ended: MessengerError): MessengerError {
  return new MessengerError(
    "rpc/disconnected",
    `The connection was lost, and whether the call was done is unknown: ${ended.message}`,
    { cause: ended },
  );
}

export function asMessengerError(error: unknown): MessengerError {
  return error instanceof MessengerError
    ? error
    : new MessengerError("internal", "The client failed at this call", { cause: error });
}

export function brokenRule(state: string): MessengerError {
  return new MessengerError("rpc/protocol", `The server breaks the session's rules: ${state}`);
}

export function streamMessage(frame: Uint8Array): ServerMessage {
  return decodeServerMessage(frame.slice());
}

export function errorOfClose(reason: string): MessengerError {
  const code = codeOfReason(reason) ?? "transport/closed";
  const text = reason === "" ? "The server closed the connection" : cleanText(reason);
  return new MessengerError(code, text);
}
