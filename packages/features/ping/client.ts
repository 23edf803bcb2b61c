import type { Caller, CallOptions } from "@qpq/capnp";
import { type Clock, MessengerError, type Random } from "@qpq/ports";
import { pingClient } from "./ping.gen.ts";

/** Bytes that a ping carries when nothing is said: as many as ping(8) sends. */
const PAYLOAD_BYTES = 56;

export interface PingResult {
  /** Milliseconds from the call to its answer. */
  readonly roundTripMs: number;
  /** The server's wall clock when it answered, milliseconds since 1970. */
  readonly serverTimeMs: number;
}

/**
 * Asks the server for an answer and measures how long that takes.
 * @param options.payloadBytes sent and returned, 0 to 32,768; default 56
 * @throws MessengerError `malformed` when the answer is not what was sent; and as any call
 */
export async function ping(
  caller: Caller,
  options: CallOptions & {
    readonly clock: Clock;
    readonly random: Random;
    readonly payloadBytes?: number;
  },
): Promise<PingResult> {
  const { clock, random, payloadBytes = PAYLOAD_BYTES, ...call } = options;
  const sent = random.bytes(payloadBytes);
  const startedMs = clock.monotonic();
  const { payload, serverTimeMs } = await pingClient(caller).ping({ payload: sent }, call);
  const roundTripMs = clock.monotonic() - startedMs;
  if (payload.length !== sent.length || payload.some((byte, index) => byte !== sent[index])) {
    throw new MessengerError("malformed", "Cannot take the ping's answer: it is not what was sent");
  }
  return { roundTripMs, serverTimeMs };
}
