import type { BoundMethod } from "@qpq/capnp";
import { type Connection, MessengerError, type Stream } from "@qpq/ports";
import { Deadlines } from "./deadlines.ts";
import { FrameReader } from "./frame-reader.ts";
import { FrameWriter } from "./frame-writer.ts";
import { MESSAGE_BYTES_MAX } from "./limits.ts";
import { FrameDeadline, watchForStall } from "./liveness.ts";
import { refusalOf } from "./refusals.ts";
import { decodeParams, encodeResults, type RunningCall, type ServerCalls } from "./server-calls.ts";
import { decodeClientMessage, encodeServerMessage, type ServerMessage } from "./session.gen.ts";

/** Bytes of a subscription's results that may wait before the next is asked for. */
const SUBSCRIPTION_QUEUE_BYTES = 64 * 1024;

/** Milliseconds for what was said last to leave, before its stream is given up. */
const LAST_WORDS_MS = 1_000;

/**
 * Serves every further stream of a session: each is one large call, or one subscription.
 * @returns when the connection is over; handlers have been told then, and end by themselves
 */
export async function serveStreams<Identity, Context>(
  connection: Connection,
  calls: ServerCalls<Identity, Context>,
): Promise<void> {
  const { streamsMax } = calls.core.limits;
  let open = 0;
  for (;;) {
    const stream = await connection.acceptStream();
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

  constructor(stream: Stream, calls: ServerCalls<Identity, Context>) {
    const { clock, limits } = calls.core;
    this.#stream = stream;
    this.#calls = calls;
    this.#reader = new FrameReader(stream, (bytes) => calls.reserve(bytes));
    this.#writer = new FrameWriter(stream, () => {});
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
      const opening = this.#deadlines.add(this.#calls.core.limits.frameTimeoutMs, () => {
        this.#stream.abort();
      });
      const header = await this.#next(MESSAGE_BYTES_MAX);
      if (header === undefined) return;
      const message = decodeClientMessage(header);
      if (message.kind !== "call") {
        throw new MessengerError("rpc/protocol", "A stream begins with a call");
      }
      bound = this.#calls.find(message, ["large", "subscription"]);
      const params = await this.#next(bound.method.paramsBytesMax);
      if (params === undefined) return;
      opening.cancel();
      const decoded = decodeParams(bound, params.slice());
      await this.#work(this.#calls.start(bound, message.call.timeoutMs), decoded);
    } catch (error) {
      // The client has left the stream or the connection.
      if (error instanceof MessengerError && error.code === "transport/closed") return;
      this.#refuse(this.#calls.notStarted(bound, error));
    } finally {
      await this.#leave();
    }
  }

  /** As `FrameReader.next`, in the time that a frame may take. */
  async #next(bytesMax: number): Promise<Uint8Array | undefined> {
    for (;;) {
      const frame = this.#reader.take(bytesMax);
      this.#frameDeadline.update(this.#reader);
      if (frame !== undefined) return frame;
      if (!(await this.#reader.fill())) return undefined;
      this.#calls.heard();
    }
  }

  async #work(call: RunningCall<Context>, params: unknown): Promise<void> {
    void this.#watch(call);
    let outcome: "ok" | MessengerError = "ok";
    try {
      const results = call.bound.handler(params, this.#calls.context, call.signal);
      if (Symbol.asyncIterator in results) await this.#sendAll(call, results);
      else await this.#sendResult(call, await results);
      call.signal.throwIfAborted();
      if (call.bound.method.kind === "subscription") this.#send({ callId: 0, kind: "end" });
    } catch (error) {
      outcome = this.#calls.failed(call, error);
      this.#refuse(outcome);
    }
    this.#calls.finish(call, outcome);
  }

  async #sendAll(call: RunningCall<Context>, results: AsyncIterable<unknown>): Promise<void> {
    for await (const item of results) {
      if (call.signal.aborted) return;
      await this.#sendResult(call, item);
    }
  }

  async #sendResult(call: RunningCall<Context>, results: unknown): Promise<void> {
    const frame = encodeResults(call.bound, results);
    this.#writer.send(encodeServerMessage({ callId: 0, kind: "result" }), frame);
    // Who does not read gets nothing made for it.
    await this.#writer.below(SUBSCRIPTION_QUEUE_BYTES);
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

  async #leave(): Promise<void> {
    this.#deadlines.clear();
    const deadline = this.#deadlines.add(LAST_WORDS_MS, () => this.#stream.abort());
    await this.#writer.below(0);
    await this.#stream.end();
    deadline.cancel();
    this.#reader.close();
    this.#stream.abort();
  }
}
