import type { CallOptions, Method } from "@qpq/capnp";
import { MessengerError, type Stream } from "@qpq/ports";
import {
  asMessengerError,
  brokenRule,
  type ClientSession,
  decodeResults,
  encodeParams,
  lostCall,
  streamMessage,
} from "./client-session.ts";
import { FrameReader } from "./frame-reader.ts";
import { hotCall } from "./hot-messages.ts";
import { MESSAGE_BYTES_MAX } from "./limits.ts";
import { errorOf } from "./refusals.ts";
import { encodeClientMessage } from "./session.gen.ts";

/** One call of kind `large`, on a stream of its own. Errors as those of a small call. */
export async function callLarge<Params, Results>(
  session: ClientSession,
  method: Method<Params, Results>,
  { params, signal, timeoutMs = session.options.limits.largeTimeoutMs }: CallOptions & {
    readonly params: Params;
  },
): Promise<Results> {
  const controller = new AbortController();
  const giveUp = (): void =>
    controller.abort(new MessengerError("cancelled", "The caller gave up"));
  const deadline = session.deadlines.add(timeoutMs, () => {
    controller.abort(
      new MessengerError("rpc/deadline", `No answer to ${method.name} within ${timeoutMs} ms`),
    );
  });
  signal?.addEventListener("abort", giveUp, { once: true });
  if (signal?.aborted) giveUp();
  try {
    const options = { params, timeoutMs, signal: controller.signal };
    for await (const results of readResults(session, method, options)) return results;
    throw brokenRule("a large call ends without results");
  } finally {
    deadline.cancel();
    signal?.removeEventListener("abort", giveUp);
  }
}

/**
 * What comes on a stream of its own: the one result of a large call, or those of a subscription until
 * it ends.
 * @throws MessengerError what the server refuses with; `rpc/disconnected`; the signal's reason
 */
export async function* readResults<Params, Results>(
  session: ClientSession,
  method: Method<Params, Results>,
  { params, timeoutMs, signal }: {
    readonly params: Params;
    readonly timeoutMs: number;
    readonly signal: AbortSignal;
  },
): AsyncGenerator<Results, void, void> {
  const body = encodeParams(method, params);
  const release = session.beginStream(method.kind === "large");
  let stream: Stream | undefined;
  const onAbort = (): void => stream?.abort();
  let sent = false;
  let complete = false;
  try {
    stream = await session.openStream(signal);
    signal.addEventListener("abort", onAbort, { once: true });
    signal.throwIfAborted();
    const header = hotCall(method, 0, timeoutMs).slice();
    // The server may refuse while this is on its way: what it says is read all the same.
    void sendBoth(stream, header, body).then((all) => sent = all);
    const reader = new FrameReader(stream);
    for (;;) {
      const frame = await next(session, reader, MESSAGE_BYTES_MAX);
      const message = streamMessage(frame);
      if (message.kind === "error") {
        complete = true;
        throw errorOf(message.error);
      }
      if (message.kind === "end") break;
      if (message.kind !== "result") throw brokenRule(`${message.kind} on a stream of its own`);
      const results = await next(session, reader, method.resultsBytesMax);
      yield decodeResults(method, results.slice());
    }
    complete = true;
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    const known = asMessengerError(error);
    throw known.code === "transport/closed" ? lostCall(known) : known;
  } finally {
    signal.removeEventListener("abort", onAbort);
    if (stream !== undefined) void leave(stream, { tell: sent && !complete });
    release();
  }
}

async function next(
  session: ClientSession,
  reader: FrameReader,
  bytesMax: number,
): Promise<Uint8Array> {
  for (;;) {
    const frame = reader.take(bytesMax);
    if (frame !== undefined) return frame;
    if (!(await reader.fill())) {
      throw new MessengerError("transport/closed", "The stream ended too early");
    }
    session.heard();
  }
}

/** @returns whether all was sent; when not, what reading says is what counts */
async function sendBoth(stream: Stream, header: Uint8Array, body: Uint8Array): Promise<boolean> {
  try {
    await stream.write(header);
    await stream.write(body);
    return true;
  } catch {
    return false;
  }
}

/**
 * Leaves a stream; never rejects.
 * @param options.tell the server still works for it, and no write is under way
 */
async function leave(stream: Stream, options: { readonly tell: boolean }): Promise<void> {
  try {
    if (options.tell) await stream.write(encodeClientMessage({ callId: 0, kind: "cancel" }));
    await stream.end();
  } catch {
    // It is over already.
  } finally {
    stream.abort();
  }
}
