/** What a client does by itself while it is connected, so that its device stays reachable. */
import { type Clock, type Log, MessengerError, sleep } from "@qpq/ports";

/** From opening a client to the first round: a program that only asks something is gone by then. */
export const UPKEEP_DELAY_MS = 2_000;
/** Between two rounds; a last resort that was used, say, is replaced within 12 hours and this. */
export const UPKEEP_INTERVAL_MS: number = 60 * 60 * 1_000;
/** After a round that failed. */
export const UPKEEP_RETRY_MS: number = 5 * 60 * 1_000;

export interface UpkeepOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** Waits for a connection on which the device is known. */
  readonly connected: (signal: AbortSignal) => Promise<unknown>;
  /** One round, each step of its own: one that fails holds up no other. */
  readonly steps: Readonly<Record<string, (signal: AbortSignal) => Promise<unknown>>>;
}

/** Runs rounds until it is disposed; then none is under way any more. */
export function startUpkeep(options: UpkeepOptions): AsyncDisposable {
  const ended = new AbortController();
  const running = run(options, ended.signal);
  return {
    async [Symbol.asyncDispose]() {
      ended.abort(new MessengerError("cancelled", "Cannot go on: the client is closed"));
      await running;
    },
  };
}

async function run(options: UpkeepOptions, signal: AbortSignal): Promise<void> {
  const { clock, connected } = options;
  const pause = (durationMs: number) => sleep(clock, durationMs, signal).catch(() => {});
  await pause(UPKEEP_DELAY_MS);
  while (!signal.aborted) {
    let isWhole = false;
    try {
      await connected(signal);
      isWhole = await round(options, signal);
    } catch {
      // No connection, or nobody's: the client's status says so already.
    }
    await pause(isWhole ? UPKEEP_INTERVAL_MS : UPKEEP_RETRY_MS);
  }
}

/** @returns whether all of it was done */
async function round({ steps, log }: UpkeepOptions, signal: AbortSignal): Promise<boolean> {
  let isWhole = true;
  for (const [step, take] of Object.entries(steps)) {
    if (signal.aborted) return false;
    try {
      await take(signal);
    } catch (error) {
      if (!(error instanceof MessengerError)) throw error;
      if (signal.aborted) return false;
      log.warn("upkeep-failed", { step, code: error.code });
      isWhole = false;
    }
  }
  return isWhole;
}
