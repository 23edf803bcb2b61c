import { MessengerError } from "@qpq/ports";
import type { Waiting } from "../conversations-api.ts";
import type { Ground } from "./ground.ts";

/**
 * Runs what may take long, until its time is over, its caller gives up, or the client closes.
 * @throws MessengerError `rpc/deadline`, `cancelled`
 */
export async function withinTime<Result>(
  { clock, signal: closing }: Ground,
  { signal, timeoutMs }: Waiting,
  run: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const late = new AbortController();
  const timer = timeoutMs === undefined ? undefined : clock.schedule(timeoutMs, () =>
    late.abort(
      new MessengerError("rpc/deadline", "Cannot finish in time: it may still be done; try again"),
    ));
  const signals = [closing, late.signal, ...signal === undefined ? [] : [signal]];
  try {
    return await run(AbortSignal.any(signals));
  } catch (error) {
    if (late.signal.aborted && error instanceof MessengerError) throw late.signal.reason;
    throw error;
  } finally {
    timer?.cancel();
  }
}
