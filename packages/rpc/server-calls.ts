import type { BoundMethod, CallKind } from "@qpq/capnp";
import { type Connection, MessengerError } from "@qpq/ports";
import type { Holdings } from "./budget.ts";
import { CLOSE_CODES, closeReason } from "./close-codes.ts";
import type { Deadlines, Expiring } from "./deadlines.ts";
import { CallTable, DenseList, type Placed } from "./dense-list.ts";
import type { FrameWriter } from "./frame-writer.ts";
import { failureOf, refusalOf } from "./refusals.ts";
import type { ServerCore } from "./server.ts";
import { type CallMessage, hotResult } from "./hot-messages.ts";
import { encodeServerMessage } from "./session.gen.ts";

/** Milliseconds that a client, told that the server stops, has to close the connection itself. */
const LEAVE_MS = 1_000;

/** The calls of one session: those of the call stream, and what they share with other streams'. */
export class ServerCalls<Identity, Context> {
  /** What handlers get from here on. */
  context: Context;
  readonly core: ServerCore<Identity, Context>;
  readonly deadlines: Deadlines;
  readonly holdings: Holdings;
  /** To be told of every sign of life. */
  readonly heard: () => void;
  readonly #connection: Connection;
  readonly #writer: FrameWriter;
  /** Of the call stream, by id. A cancelled call stays until its handler has ended. */
  readonly #inFlight: CallTable<RunningCall<Context>>;
  /** On whatever stream. */
  readonly #running = new DenseList<RunningCall<Context>>();
  #goingAway = false;

  constructor(options: {
    readonly core: ServerCore<Identity, Context>;
    readonly context: Context;
    readonly connection: Connection;
    readonly writer: FrameWriter;
    readonly deadlines: Deadlines;
    readonly holdings: Holdings;
    readonly heard: () => void;
  }) {
    this.core = options.core;
    this.context = options.context;
    this.deadlines = options.deadlines;
    this.holdings = options.holdings;
    this.heard = options.heard;
    this.#inFlight = new CallTable(options.core.limits.callsMax);
    this.#connection = options.connection;
    this.#writer = options.writer;
  }

  /**
   * Runs a call of the call stream.
   * @param params its frame, a copy of its own
   * @throws MessengerError `rpc/protocol`: the session must end
   */
  begin(message: CallMessage, params: Uint8Array): void {
    const { callId } = message;
    if (this.#inFlight.get(callId) !== undefined) {
      throw new MessengerError("rpc/protocol", "The client uses one call id for two calls");
    }
    const { callsMax } = this.core.limits;
    const { incoming, outgoing } = this.holdings;
    let bound: BoundMethod<Context> | undefined;
    try {
      if (this.#inFlight.size >= callsMax) {
        throw new MessengerError("rpc/too-many-calls", `Over ${callsMax} calls are in flight`);
      }
      bound = this.find(message, ["call"]);
      if (!outgoing.hasRoom(0) || !incoming.hasRoom(params.length)) throw overloaded();
      const decoded = decodeParams(bound, params);
      incoming.count(params.length);
      const call = this.start(bound, message.call.timeoutMs);
      this.#inFlight.add(callId, call);
      void this.#work(callId, call, { decoded, bytes: params.length });
    } catch (error) {
      this.#refuse(callId, this.notStarted(bound, error));
    }
  }

  cancel(callId: number): void {
    // An unknown id is that of a call which finished while this was on its way.
    this.#inFlight.get(callId)?.abort(new MessengerError("cancelled", "The caller gave up"));
  }

  /**
   * @throws MessengerError `rpc/unknown-method`, `rpc/protocol`, `rpc/going-away`,
   *   `rpc/not-authenticated`
   */
  find({ call }: CallMessage, kinds: readonly CallKind[]): BoundMethod<Context> {
    if (this.#goingAway) throw goingAway();
    const bound = this.core.table.find(call.interfaceId, call.ordinal);
    if (bound === undefined) {
      throw new MessengerError("rpc/unknown-method", "This server does not have this call");
    }
    if (!kinds.includes(bound.method.kind)) {
      throw new MessengerError("rpc/protocol", "This call does not belong on this kind of stream");
    }
    if (bound.method.kind !== "call" && this.holdings.isStranger) {
      throw strangersRefused();
    }
    return bound;
  }

  /**
   * Counts a call as running, and starts its clock.
   * @param timeoutMs as the client says; 0: the server's default
   */
  start(bound: BoundMethod<Context>, timeoutMs: number): RunningCall<Context> {
    const { limits, clock } = this.core;
    const call = new RunningCall(bound, clock.monotonic());
    this.#running.add(call);
    // A subscription lasts as long as both want.
    if (bound.method.kind !== "subscription") {
      const allowedMs = Math.min(timeoutMs || limits.callTimeoutMs, limits.callTimeoutMaxMs);
      this.deadlines.setAt(call.deadline, call.startedMs + allowedMs);
    }
    return call;
  }

  /** To be called once for each call that was started, when its outcome has been sent. */
  finish(call: RunningCall<Context>, outcome: "ok" | MessengerError): void {
    this.deadlines.unset(call.deadline);
    this.#running.remove(call);
    this.#report(call.bound, outcome, call.startedMs);
    this.#leaveIfDone();
  }

  /** What a call is refused with that no handler has seen. */
  notStarted(bound: BoundMethod<Context> | undefined, error: unknown): MessengerError {
    const method = bound?.method.name ?? "unknown";
    const refusal = failureOf(error, { log: this.core.log, method });
    this.#report(bound, refusal, this.core.clock.monotonic());
    return refusal;
  }

  /** What a call's handler failed with. */
  failed(call: RunningCall<Context>, error: unknown): MessengerError {
    const { reason } = call.signal;
    if (call.signal.aborted && reason instanceof MessengerError) return reason;
    return failureOf(error, { log: this.core.log, method: call.bound.method.name });
  }

  /** No further calls; subscriptions end; the connection is over when nothing is left to do. */
  goAway(): void {
    this.#goingAway = true;
    for (const call of [...this.#running]) {
      if (call.bound.method.kind === "subscription") call.abort(goingAway());
    }
    this.#leaveIfDone();
  }

  /** The client is gone. */
  stop(): void {
    const reason = new MessengerError("rpc/disconnected", "The client is gone");
    for (const call of [...this.#running]) call.abort(reason);
  }

  async #work(
    callId: number,
    call: RunningCall<Context>,
    params: { readonly decoded: unknown; readonly bytes: number },
  ): Promise<void> {
    let outcome: "ok" | MessengerError = "ok";
    try {
      const frame = encodeResults(
        call.bound,
        await call.bound.handler(params.decoded, this.context, call.signal),
      );
      if (!this.#fits(frame)) await this.#whenFits(frame);
      this.#inFlight.remove(callId);
      this.#writer.send(hotResult(callId), frame);
    } catch (error) {
      outcome = this.failed(call, error);
      this.#inFlight.remove(callId);
      this.#refuse(callId, outcome);
    }
    this.holdings.incoming.count(-params.bytes);
    this.finish(call, outcome);
  }

  #fits(frame: Uint8Array): boolean {
    const { queuedBytes } = this.#writer;
    return queuedBytes === 0 ||
      queuedBytes + frame.length <= this.core.limits.outgoingBytesMax;
  }

  /** What is done is not thrown away: it waits, and its call keeps its place meanwhile. */
  async #whenFits(frame: Uint8Array): Promise<void> {
    const { outgoing } = this.holdings;
    const roomBytes = Math.max(0, this.core.limits.outgoingBytesMax - frame.length);
    outgoing.count(frame.length);
    // Others that waited may have taken the room.
    while (!this.#fits(frame)) await this.#writer.below(roomBytes);
    outgoing.count(-frame.length);
  }

  /** What a stranger asks with parameters that only others may send. */
  refuseStranger(callId: number): void {
    this.#refuse(callId, this.notStarted(undefined, strangersRefused()));
  }

  #refuse(callId: number, error: MessengerError): void {
    this.#writer.send(encodeServerMessage({ callId, kind: "error", error: refusalOf(error) }));
  }

  #report(
    bound: BoundMethod<Context> | undefined,
    outcome: "ok" | MessengerError,
    startedMs: number,
  ): void {
    const { observer, clock } = this.core;
    if (observer?.callFinished === undefined) return;
    observer.callFinished({
      method: bound?.method.name ?? "unknown",
      outcome: outcome === "ok" ? "ok" : outcome.code,
      durationMs: clock.monotonic() - startedMs,
    });
  }

  #leaveIfDone(): void {
    if (!this.#goingAway || this.#running.size > 0) return;
    // Closing loses what is unsent, so the client, which knows what it waits for, should do it.
    this.deadlines.add(LEAVE_MS, () => {
      this.#connection.close(CLOSE_CODES.goingAway, closeReason(goingAway()));
    });
  }
}

/** A call that a handler works on. */
export class RunningCall<Context> implements Placed {
  place = -1;
  readonly bound: BoundMethod<Context>;
  readonly startedMs: number;
  readonly deadline: CallDeadline;
  readonly #controller = new AbortController();

  constructor(bound: BoundMethod<Context>, startedMs: number) {
    this.bound = bound;
    this.startedMs = startedMs;
    this.deadline = new CallDeadline(this.#controller);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  abort(reason: MessengerError): void {
    this.#controller.abort(reason);
  }
}

class CallDeadline implements Expiring {
  place = -1;
  atMs = 0;
  readonly #controller: AbortController;

  constructor(controller: AbortController) {
    this.#controller = controller;
  }

  expire(): void {
    this.#controller.abort(new MessengerError("rpc/deadline", "The call took too long"));
  }
}

/** @throws MessengerError `too-large`, `malformed` */
export function decodeParams<Context>(bound: BoundMethod<Context>, frame: Uint8Array): unknown {
  const { method } = bound;
  if (frame.length > method.paramsBytesMax) {
    throw new MessengerError(
      "too-large",
      `The parameters have ${frame.length} bytes, the limit is ${method.paramsBytesMax}`,
    );
  }
  return method.decodeParams(frame);
}

/** @throws MessengerError `too-large` */
export function encodeResults<Context>(bound: BoundMethod<Context>, results: unknown): Uint8Array {
  const { method } = bound;
  const frame = method.encodeResults(results);
  if (frame.length > method.resultsBytesMax) {
    throw new MessengerError(
      "too-large",
      `The results have ${frame.length} bytes, the limit is ${method.resultsBytesMax}`,
    );
  }
  return frame;
}

function strangersRefused(): MessengerError {
  return new MessengerError("rpc/not-authenticated", "This call is for those who have logged in");
}

export function overloaded(): MessengerError {
  return new MessengerError("rpc/overloaded", "This server has too much to hold at the moment");
}

function goingAway(): MessengerError {
  return new MessengerError("rpc/going-away", "The server is stopping and takes no further calls");
}
