import { CALL_BYTES_MAX } from "@qpq/capnp";
import { type Connection, equalConstantTime, type ErrorCode, MessengerError } from "@qpq/ports";
import { Holdings } from "./budget.ts";
import { CLOSE_CODES, closeReason } from "./close-codes.ts";
import { Deadlines } from "./deadlines.ts";
import { FrameReader } from "./frame-reader.ts";
import { FrameWriter } from "./frame-writer.ts";
import { type CallMessage, readHotCall } from "./hot-messages.ts";
import {
  MESSAGE_BYTES_MAX,
  NONCE_BYTES,
  PROTOCOL_VERSION_MAX,
  PROTOCOL_VERSION_MIN,
} from "./limits.ts";
import { FrameDeadline, Liveness, watchForStall } from "./liveness.ts";
import { refusalOf } from "./refusals.ts";
import type { ServerCore, SessionInfo } from "./server.ts";
import { overloaded, ServerCalls } from "./server-calls.ts";
import { FurtherStreams, serveStreams } from "./server-streams.ts";
import {
  type ClientHello,
  type ClientMessage,
  decodeClientMessage,
  encodeServerMessage,
  type ServerMessage,
  type Start,
} from "./session.gen.ts";
import { unlessAborted } from "./unless-aborted.ts";

/** One client's connection, from its first stream to its end. */
export class ServerSession<Identity, Context> {
  readonly #core: ServerCore<Identity, Context>;
  readonly #connection: Connection;
  readonly #deadlines: Deadlines;
  readonly #holdings: Holdings;
  /** Aborted at the end, whoever waits for what. */
  readonly #over = new AbortController();
  #open: OpenSession<Identity, Context> | undefined;
  #goingAway = false;

  constructor(core: ServerCore<Identity, Context>, connection: Connection) {
    this.#core = core;
    this.#connection = connection;
    this.#deadlines = new Deadlines(core.clock);
    this.#holdings = new Holdings(core.pools, core.authenticate !== undefined);
  }

  /** Does not serve it. */
  async refuse(error: MessengerError): Promise<void> {
    this.#core.observer?.openingRefused?.(error.code);
    this.#connection.close(CLOSE_CODES.refused, closeReason(error));
    await this.#connection.closed;
  }

  /** Serves it. @returns when it is over; never rejects */
  async run(): Promise<void> {
    const { observer } = this.#core;
    observer?.sessionOpened?.();
    void this.#connection.closed.then(({ reason }) => {
      this.#over.abort(new MessengerError("rpc/disconnected", `The client is gone: ${reason}`));
    });
    try {
      this.#open = await this.#opened();
      if (this.#open === undefined) return;
      if (this.#goingAway) this.#open.goAway();
      await this.#open.run();
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#deadlines.clear();
      this.#connection.close(CLOSE_CODES.done, "");
      await this.#connection.closed;
      this.#holdings.close();
      observer?.sessionClosed?.();
    }
  }

  /** No further calls; ends when those that have begun are done. */
  goAway(): void {
    this.#goingAway = true;
    this.#open?.goAway();
  }

  cutOff(): void {
    const error = new MessengerError("rpc/going-away", "The server has stopped");
    this.#connection.close(CLOSE_CODES.goingAway, closeReason(error));
  }

  /** The client's hello, ours, and its start. @returns undefined when it went away */
  async #opened(): Promise<OpenSession<Identity, Context> | undefined> {
    const { core, connection } = { core: this.#core, connection: this.#connection };
    const deadline = this.#deadlines.add(core.limits.openingTimeoutMs, () => {
      this.#fail(new MessengerError("rpc/handshake-timeout", "The session was not opened in time"));
    });
    const stream = await connection.acceptStream();
    if (stream === undefined) return undefined;
    const streams = new FurtherStreams(connection, () => {
      this.#fail(brokenRule("a stream before the session is open"));
    });
    const holdings = this.#holdings;
    const { incoming, outgoing } = holdings;
    const reader = new FrameReader(stream, (bytes) => {
      if (holdings.isStranger && bytes > 0 && !incoming.hasRoom(bytes)) throw overloaded();
      incoming.count(bytes);
    });
    const writer = new FrameWriter(stream, (error) => this.#fail(error), outgoing.count);
    const hello = await nextMessage(reader);
    if (hello === undefined) return undefined;
    if (hello.kind !== "hello") throw brokenRule("the first message is not a hello");
    const version = this.#admit(hello.hello);
    const session: SessionInfo = {
      remoteAddress: connection.remoteAddress,
      clientBuild: hello.hello.build,
      protocolVersion: version,
      nonce: core.random.bytes(NONCE_BYTES),
    };
    writer.send(encodeServerMessage({
      callId: 0,
      kind: "hello",
      hello: {
        version,
        build: core.build,
        serverName: core.name,
        incarnation: core.incarnation,
        nonce: session.nonce,
        callsMax: core.limits.callsMax,
        streamsMax: core.limits.streamsMax,
      },
    }));
    const start = await nextMessage(reader);
    if (start === undefined) return undefined;
    if (start.kind !== "start") throw brokenRule("the second message is not a start");
    deadline.cancel();
    return new OpenSession({
      core,
      connection,
      session,
      reader,
      writer,
      streams,
      start: start.start,
      deadlines: this.#deadlines,
      holdings,
      signal: this.#over.signal,
      fail: (error) => this.#fail(error),
    });
  }

  /** @returns the protocol version to speak */
  #admit(hello: ClientHello): number {
    const { authTokenBytes } = this.#core;
    const version = Math.min(hello.versionMax, PROTOCOL_VERSION_MAX);
    if (version < Math.max(hello.versionMin, PROTOCOL_VERSION_MIN)) {
      throw new MessengerError(
        "rpc/version-unsupported",
        `This server speaks versions ${PROTOCOL_VERSION_MIN} to ${PROTOCOL_VERSION_MAX}, ` +
          `the client ${hello.versionMin} to ${hello.versionMax}`,
      );
    }
    // Every token is compared, whichever fits.
    const fits = authTokenBytes.map((token) => equalConstantTime(token, hello.authToken));
    if (authTokenBytes.length > 0 && !fits.includes(true)) {
      throw new MessengerError(
        "rpc/bad-auth-token",
        hello.authToken.length === 0
          ? "This server wants an auth_token"
          : "This server wants another auth_token",
      );
    }
    return version;
  }

  #fail(error: unknown): void {
    // The client left: nothing to tell it.
    if (error instanceof MessengerError && error.code === "transport/closed") return;
    const refused = error instanceof MessengerError
      ? error
      : new MessengerError("internal", "The server failed", { cause: error });
    const { log, observer } = this.#core;
    if (this.#open === undefined) observer?.openingRefused?.(refused.code);
    if (refused.code === "internal") {
      log.error("session-failed", { error: error instanceof Error ? error.name : typeof error });
    } else {
      log.info("session-ended", { code: refused.code });
    }
    this.#connection.close(closeCodeOf(refused.code), closeReason(refused));
  }
}

/** What a session is made of once it is open. */
interface Parts<Identity, Context> {
  readonly core: ServerCore<Identity, Context>;
  readonly connection: Connection;
  readonly session: SessionInfo;
  readonly reader: FrameReader;
  readonly writer: FrameWriter;
  readonly streams: FurtherStreams;
  readonly start: Start;
  readonly deadlines: Deadlines;
  readonly holdings: Holdings;
  readonly signal: AbortSignal;
  readonly fail: (error: unknown) => void;
}

/** A session after its start: reads calls until the client leaves. */
class OpenSession<Identity, Context> {
  readonly #parts: Parts<Identity, Context>;
  readonly #liveness: Liveness;
  readonly #frameDeadline: FrameDeadline;
  readonly #calls: ServerCalls<Identity, Context>;
  /** A call whose parameters are the next frame. */
  #begun: CallMessage | undefined;

  constructor(parts: Parts<Identity, Context>) {
    const { core, deadlines, writer, fail } = parts;
    const { limits, clock } = core;
    this.#parts = parts;
    this.#calls = new ServerCalls({
      core,
      connection: parts.connection,
      writer,
      deadlines,
      holdings: parts.holdings,
      context: core.context(parts.session, undefined),
      heard: () => this.#liveness.heard(),
    });
    this.#frameDeadline = new FrameDeadline(deadlines, limits, () => {
      fail(new MessengerError("rpc/protocol", "A frame came in too slowly"));
    });
    this.#liveness = new Liveness({
      clock,
      deadlines,
      patience: () => ({
        askAfterMs: limits.heartbeatMs,
        answerWithinMs: limits.deadAfterMs - limits.heartbeatMs,
      }),
      isBlocked: () => writer.queuedBytes > 0,
      ask: () => this.#send({ callId: 0, kind: "ping" }),
      onDead: () => fail(new MessengerError("rpc/disconnected", "The client fell silent")),
    });
    watchForStall(writer, {
      deadlines,
      stallTimeoutMs: limits.stallTimeoutMs,
      onStalled: () => fail(new MessengerError("rpc/protocol", "What is sent is not read")),
    });
  }

  async run(): Promise<void> {
    const { reader, writer, core, holdings, start } = this.#parts;
    await this.#start(start);
    const streams = serveStreams(this.#parts.streams, this.#calls);
    try {
      for (;;) {
        for (;;) {
          const frame = reader.take(this.#begun === undefined ? MESSAGE_BYTES_MAX : CALL_BYTES_MAX);
          if (frame === undefined) break;
          const wait = this.#receive(frame);
          if (wait !== undefined) await wait;
        }
        this.#skipUnwanted();
        this.#frameDeadline.update(reader);
        if (this.#isUnread()) throw new MessengerError("rpc/protocol", "What is sent is not read");
        if (!holdings.isStranger && writer.queuedBytes > core.limits.outgoingPauseBytes) {
          await this.#pause();
        }
        if (!(await reader.fill())) return;
        this.#liveness.heard();
      }
    } catch (error) {
      this.#parts.fail(error);
    } finally {
      this.#calls.stop();
      this.#parts.connection.close(CLOSE_CODES.done, "");
      await streams;
    }
  }

  goAway(): void {
    this.#send({ callId: 0, kind: "goingAway" });
    this.#calls.goAway();
  }

  /**
   * A stranger that doesn't read its answers is not waited for: what it sends meanwhile would stay
   * with the engine, more than a megabyte of each.
   */
  #isUnread(): boolean {
    const { writer, core, holdings } = this.#parts;
    return holdings.isStranger && writer.queuedBytes > core.limits.strangerFrameBytesMax &&
      !holdings.outgoing.hasRoom(0);
  }

  /** Who doesn't read its answers gets no further calls served. How long that lasts is not its delay. */
  async #pause(): Promise<void> {
    const { reader, writer, core } = this.#parts;
    this.#frameDeadline.clear();
    await writer.below(core.limits.outgoingPauseBytes);
    this.#frameDeadline.update(reader);
  }

  /** Large parameters of a stranger are refused before they have come in. */
  #skipUnwanted(): void {
    const { reader, core, holdings } = this.#parts;
    if (this.#begun === undefined || !holdings.isStranger) return;
    if (reader.incompleteBytes <= core.limits.strangerFrameBytesMax) return;
    this.#calls.refuseStranger(this.#begun.callId);
    this.#begun = undefined;
    reader.skip();
  }

  /** @returns what must be waited for before the next frame */
  #receive(frame: Uint8Array): Promise<void> | undefined {
    const begun = this.#begun;
    if (begun !== undefined) {
      this.#begun = undefined;
      // A copy: handlers keep what the reader's buffer loses.
      this.#calls.begin(begun, frame.slice());
      return undefined;
    }
    const message = readHotCall(frame) ?? decodeClientMessage(frame);
    switch (message.kind) {
      case "call":
        this.#begun = message;
        return undefined;
      case "cancel":
        this.#calls.cancel(message.callId);
        return undefined;
      case "ping":
        this.#send({ callId: 0, kind: "pong" });
        return undefined;
      case "pong":
        return undefined;
      case "start":
        return this.#start(message.start);
      case "hello":
        throw brokenRule("a second hello");
      case "unknown":
        throw brokenRule("a message of a kind that this version does not have");
    }
  }

  async #start(start: Start): Promise<void> {
    const { core, session, deadlines, streams, fail } = this.#parts;
    // What was recorded of another session has another nonce: nothing can be played again.
    if (!equalConstantTime(start.nonce, session.nonce)) {
      throw brokenRule("the start is not for this session");
    }
    const late = deadlines.add(core.limits.openingTimeoutMs, () => {
      fail(new MessengerError("rpc/handshake-timeout", "The start was not answered in time"));
    });
    try {
      this.#identify(await this.#identityOf(start));
      streams.open();
      this.#send({ callId: 0, kind: "started" });
    } catch (error) {
      if (!(error instanceof MessengerError)) throw error;
      this.#identify(undefined);
      streams.open();
      this.#send({ callId: 0, kind: "notStarted", notStarted: refusalOf(error) });
    } finally {
      late.cancel();
    }
  }

  async #identityOf(start: Start): Promise<Identity | undefined> {
    const { core, session, signal } = this.#parts;
    if (start.sessionToken.length === 0) return undefined;
    if (core.authenticate === undefined) {
      throw new MessengerError("rpc/not-authenticated", "This server has no accounts");
    }
    const credentials = {
      sessionToken: start.sessionToken.slice(),
      deviceSignature: start.deviceSignature.slice(),
    };
    return await unlessAborted(core.authenticate(credentials, session, signal), signal);
  }

  #identify(identity: Identity | undefined): void {
    const { core, session, holdings } = this.#parts;
    this.#calls.context = core.context(session, identity);
    holdings.isStranger = core.authenticate !== undefined && identity === undefined;
  }

  #send(message: ServerMessage): void {
    this.#parts.writer.send(encodeServerMessage(message));
  }
}

async function nextMessage(reader: FrameReader): Promise<ClientMessage | undefined> {
  const frame = await reader.next(MESSAGE_BYTES_MAX);
  if (frame === undefined) return undefined;
  return decodeClientMessage(frame.slice());
}

function brokenRule(state: string): MessengerError {
  return new MessengerError("rpc/protocol", `The client breaks the session's rules: ${state}`);
}

function closeCodeOf(code: ErrorCode): number {
  switch (code) {
    case "rpc/disconnected":
      return CLOSE_CODES.dead;
    case "rpc/bad-auth-token":
    case "rpc/version-unsupported":
      return CLOSE_CODES.refused;
    default:
      return CLOSE_CODES.protocol;
  }
}
