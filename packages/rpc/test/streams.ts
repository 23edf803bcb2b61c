/** Streams of their own, spoken by hand. */
import type { Stream } from "@qpq/ports";
import { FrameReader } from "../frame-reader.ts";
import { MESSAGE_BYTES_MAX } from "../limits.ts";
import { type ClientMessage, decodeServerMessage, encodeClientMessage } from "../session.gen.ts";

/** What a call begins with; its parameters come right behind. */
export function callMessage(
  { interfaceId, ordinal }: { readonly interfaceId: bigint; readonly ordinal: number },
  { callId = 0, timeoutMs = 0 } = {},
): Uint8Array {
  const call = { interfaceId, ordinal, timeoutMs };
  const message: ClientMessage = { callId, kind: "call", call };
  return encodeClientMessage(message);
}

/** The last message on a stream, results read past. */
export async function lastOf(stream: Stream): Promise<string> {
  const reader = new FrameReader(stream);
  for (let results = 0;; results++) {
    const frame = await reader.next(MESSAGE_BYTES_MAX);
    if (frame === undefined) return `${results} results`;
    const message = decodeServerMessage(frame.slice());
    if (message.kind === "error") return message.error.code;
    if (message.kind !== "result") return message.kind;
    await reader.next(8 * 1024 * 1024);
  }
}
