import type { BoundMethod } from "@qpq/capnp";
import { type Connection, MessengerError, type Stream } from "@qpq/ports";
import { Deadlines } from "./deadlines.ts";
import { FrameReader } from "./frame-reader.ts";
import { FrameWriter } from "./frame-writer.ts";
import { MESSAGE_BYTES_MAX } from "./limits.ts";
import { FrameDeadline, watchForStall } from "./liveness.ts";
import { refusalOf } from "./refusals.ts";
import {
  decodeParams,
  encodeResults,
  overloaded,
  type RunningCall,
  type ServerCalls,
} from "./server-calls.ts";
import { decodeClientMessage, encodeServerMessage, type ServerMessage } from "./session.gen.ts";

/** Bytes of a subscription's results that may wait before the next is asked for. */
const SUBSCRIPTION_QUEUE_BYTES = 64 * 1024;

/** Milliseconds for what was said last to leave, before its stream is given up. */
const LAST_WORDS_MS = 1_000;

/**
 * The client's streams behind the first. Before the session is open there must be none: nobody would
 * read them, and what each may bring unread, more than a megabyte, the engine lets nobody set.
 */
export class FurtherStreams {
  readonly #connection: Connection;
  #next: Promise<Stream | undefined>;
  #isOpen = false;

  /** @param onEarly told when there is one too early; the connection should end */
  constructor(connection: Connection, onEarly: () => void) {
    this.#connection = connection;
    this.#next = connection.acceptStream();
    void this.#next.then((stream) => {
      if (stream === undefined || this.#isOpen) return;
      stream.abort();
      onEarly();
    });
  }

  /** To be called before the client is told that its session has started. */
  open(): void {
    this.#isOpen = true;
  }

  /** @returns undefined when the connection is over; to be called again only then, and after `open` */
  async accept(): Promise<Stream | undefined> {
    const stream = await this.#next;
    if (stream !== undefined) this.#next = this.#connection.acceptStream();
    return stream;
  }
}

/**
 * Serves every further stream of a session: each is one large call, or one subscription.
 * @returns when the connection is over; handlers have been told then, and end by themselves
 */
export async function serveStreams<Identity, Context>(
  streams: FurtherStreams,
  calls: ServerCalls<Identity, Context>,
): Promise<void> {
  const { streamsMax } = calls.core.limits;
  let open = 0;
  for (;;) {
    const stream = await streams.accept();
    if (stream === undefined) return;
    if (open >= streamsMax) {
      void refuse(stream, calls);
      continue;
    }
    open += 1;
    void new ServedStream(stream, calls).run().then(() => open -= 1);
  }
}

/** One stream too many. Never rejects. */
async function refuse<Identity, Context>(
  stream: Stream,
  calls: ServerCalls<Identity, Context>,
): Promise<void> {
  const { streamsMax } = calls.core.limits;
  const state = `Over ${streamsMax} large calls and subscriptions are open`;
  const error = calls.notStarted(undefined, new MessengerError("rpc/too-many-streams", state));
  const deadline = calls.deadlines.add(LAST_WORDS_MS, () => stream.abort());
  try {
    await stream.write(encodeServerMessage({ callId: 0, kind: "error", error: refusalOf(error) }));
    await stream.end();
  } catch {
    // It is gone: nobody to tell.
  } finally {
    deadline.cancel();
    stream.abort();
  }
}

class ServedStream<Identity, Context> {
  readonly #stream: Stream;
  readonly #calls: ServerCalls<Identity, Context>;
  readonly #reader: FrameReader;
  readonly #writer: FrameWriter;
  readonly #deadlines: Deadlines;
  readonly #frameDeadline: FrameDeadline;
  /** Bytes of parameters, and of results to come, that are counted. */
  #paramsBytes = 0;
  #resultsBytes = 0;

  constructor(stream: Stream, calls: ServerCalls<Identity, Context>) {
    const { clock, limits } = calls.core;
    this.#stream = stream;
    this.#calls = calls;
    this.#reader = new FrameReader(stream);
    this.#writer = new FrameWriter(stream, () => {}, calls.holdings.outgoing.count);
    this.#deadlines = new Deadlines(clock);
    this.#frameDeadline = new FrameDeadline(this.#deadlines, limits, () => stream.abort());
    watchForStall(this.#writer, {
      deadlines: this.#deadlines,
      stallTimeoutMs: limits.stallTimeoutMs,
      onStalled: () => stream.abort(),
    });
  }

  /** Never rejects. */
  async run(): Promise<void> {
    let bound: BoundMethod<Context> | undefined;
    try {
      const late = this.#deadlines.add(this.#calls.core.limits.callTimeoutMaxMs, () => {
        this.#stream.abort();
      });
      const header = await this.#next(MESSAGE_BYTES_MAX, { isExpected: true });
      if (header === undefined) return;
      const message = decodeClientMessage(header);
      if (message.kind !== "call") {
        throw new MessengerError("rpc/protocol", "A stream begins with a call");
      }
      bound = this.#calls.find(message, ["large", "subscription"]);
      const { paramsBytesMax } = bound.method;
      const params = await this.#next(paramsBytesMax, { isExpected: true, isHeld: true });
      if (params === undefined) return;
      late.cancel();
      const decoded = decodeParams(bound, this.#reader.keep(params));
      await this.#work(this.#calls.start(bound, message.call.timeoutMs), decoded);
    } catch (error) {
      // The client has left the stream or the connection.
      if (error instanceof MessengerError && error.code === "transport/closed") return;
      this.#refuse(this.#calls.notStarted(bound, error));
      this.#deadlines.add(LAST_WORDS_MS, () => this.#stream.abort());
    } finally {
      this.#release();
      await this.#leave();
    }
  }

  /**
   * As `FrameReader.next`, in the time that a frame may take.
   * @param options.isExpected time counts before the frame has begun
   * @param options.isHeld its size counts as held, as soon as its header tells it
   * @throws MessengerError `rpc/overloaded`: there is no room for it
   */
  async #next(
    bytesMax: number,
    options: { readonly isExpected?: boolean; readonly isHeld?: boolean } = {},
  ): Promise<Uint8Array<ArrayBuffer> | undefined> {
    for (;;) {
      const frame = this.#reader.take(bytesMax);
      if (options.isHeld === true) {
        this.#holdParams(frame?.length ?? this.#reader.incompleteBytes);
      }
      if (frame !== undefined) {
        this.#frameDeadline.clear();
        return frame;
      }
      this.#frameDeadline.update(this.#reader, options);
      if (!(await this.#reader.fill())) return undefined;
      this.#calls.heard();
    }
  }

  #holdParams(bytes: number): void {
    if (!this.#calls.holdings.incoming.tryTake(bytes - this.#paramsBytes)) throw overloaded();
    this.#paramsBytes = bytes;
  }

  /** Waits until there is room for the largest results: what is made is in memory. */
  async #holdResults({ bound, signal }: RunningCall<Context>): Promise<void> {
    const { outgoing } = this.#calls.holdings;
    const bytes = Math.min(bound.method.resultsBytesMax, outgoing.bytesMax);
    await outgoing.take(bytes, signal);
    this.#resultsBytes = bytes;
  }

  #release(): void {
    const { incoming, outgoing } = this.#calls.holdings;
    incoming.count(-this.#paramsBytes);
    this.#paramsBytes = 0;
    outgoing.count(-this.#resultsBytes);
    this.#resultsBytes = 0;
  }

  async #work(call: RunningCall<Context>, params: unknown): Promise<void> {
    void this.#watch(call);
    let outcome: "ok" | MessengerError = "ok";
    try {
      if (call.bound.method.kind === "subscription") {
        await this.#sendAll(call, params);
        call.signal.throwIfAborted();
        this.#send({ callId: 0, kind: "end" });
      } else {
        await this.#holdResults(call);
        await this.#sendOne(call, params);
      }
    } catch (error) {
      outcome = this.#calls.failed(call, error);
      this.#refuse(outcome);
    }
    this.#calls.finish(call, outcome);
  }

  async #sendOne(call: RunningCall<Context>, params: unknown): Promise<void> {
    const { context } = this.#calls;
    const frame = encodeResults(call.bound, await call.bound.handler(params, context, call.signal));
    call.signal.throwIfAborted();
    // What waits to be sent is counted by the writer, at its real size.
    this.#release();
    this.#sendResult(frame);
  }

  async #sendAll(call: RunningCall<Context>, params: unknown): Promise<void> {
    const { context } = this.#calls;
    const results = call.bound.handler(params, context, call.signal) as AsyncIterable<unknown>;
    const iterator = results[Symbol.asyncIterator]();
    try {
      while (await this.#sendNext(call, iterator));
    } finally {
      await iterator.return?.();
    }
  }

  /**
   * In a function of its own: what was sent is let go of while the next is waited for.
   * @returns whether there was one
   */
  async #sendNext(call: RunningCall<Context>, results: AsyncIterator<unknown>): Promise<boolean> {
    const next = await results.next();
    if (next.done === true || call.signal.aborted) return false;
    const frame = encodeResults(call.bound, next.value);
    await this.#calls.holdings.outgoing.take(frame.length, call.signal);
    this.#resultsBytes = frame.length;
    this.#release();
    this.#sendResult(frame);
    // Who does not read gets nothing made for it.
    await this.#writer.below(SUBSCRIPTION_QUEUE_BYTES);
    return true;
  }

  #sendResult(frame: Uint8Array): void {
    this.#writer.send(encodeServerMessage({ callId: 0, kind: "result" }), frame);
  }

  /** The client gives up by saying so, or by leaving; whatever else it says means as little. */
  async #watch(call: RunningCall<Context>): Promise<void> {
    try {
      await this.#next(MESSAGE_BYTES_MAX);
    } catch {
      // Nobody waits for it: the same.
    }
    call.abort(new MessengerError("cancelled", "The caller gave up"));
  }

  #send(message: ServerMessage): void {
    this.#writer.send(encodeServerMessage(message));
  }

  #refuse(error: MessengerError): void {
    this.#send({ callId: 0, kind: "error", error: refusalOf(error) });
  }

  /** Who reads, however slowly, gets all: the stall rule holds until then. */
  async #leave(): Promise<void> {
    this.#frameDeadline.clear();
    this.#deadlines.add(this.#calls.core.limits.callTimeoutMaxMs, () => this.#stream.abort());
    await this.#writer.below(0);
    await this.#stream.end();
    this.#deadlines.clear();
    this.#stream.abort();
  }
}
