import { sleep } from "@qpq/ports";
import { systemClock, systemRandom } from "@qpq/adapters";
import { ping } from "../../features/ping/client.ts";
import { Latencies } from "../latencies.ts";
import type { CommonOptions } from "../options.ts";
import { type ExitCode, printableLine, printJson, printLine } from "../output.ts";
import { openCommandSession } from "../session.ts";
import { MessengerError } from "@qpq/ports";

export interface PingOptions extends CommonOptions {
  /** Absent: until it is interrupted. */
  readonly count?: number;
  /** Seconds between pings. */
  readonly interval: number;
}

/** Pings until the count is reached or the user interrupts, then sums up. */
export async function runPing(options: PingOptions): Promise<ExitCode> {
  const stop = new AbortController();
  const onInterrupt = (): void => stop.abort();
  await using session = await openCommandSession(options);
  Deno.addSignalListener("SIGINT", onInterrupt);
  if (!options.json) printLine(`ping ${session.address}: one call a line`);
  const latencies = new Latencies();
  let sent = 0;
  while (!stop.signal.aborted && sent < (options.count ?? Infinity)) {
    if (sent > 0) await sleep(systemClock, options.interval * 1000, stop.signal).catch(() => {});
    if (stop.signal.aborted) break;
    sent += 1;
    try {
      const { roundTripMs } = await ping(session.rpc, {
        clock: systemClock,
        random: systemRandom,
        signal: stop.signal,
        timeoutMs: options.timeout * 1000,
      });
      latencies.add(roundTripMs);
      if (options.json) printJson({ sequence: sent, roundTripMs: round(roundTripMs) });
      else printLine(`reply ${sent}: ${round(roundTripMs)} ms`);
    } catch (error) {
      if (stop.signal.aborted) {
        sent -= 1;
        break;
      }
      if (!(error instanceof MessengerError)) throw error;
      if (options.json) printJson({ sequence: sent, error: { code: error.code } });
      else printLine(`lost  ${sent}: ${printableLine(error.message)}`);
    }
  }
  Deno.removeSignalListener("SIGINT", onInterrupt);
  report(session.address, sent, latencies, options.json);
  return latencies.count === sent ? 0 : 1;
}

function report(server: string, sent: number, latencies: Latencies, json: boolean): void {
  const received = latencies.count;
  const summary = latencies.summary();
  const [minMs, avgMs, p99Ms] = summary === undefined
    ? [null, null, null]
    : [round(summary.minMs), round(summary.avgMs), round(summary.p99Ms)];
  if (json) return printJson({ server, sent, received, minMs, avgMs, p99Ms });
  const figures = summary === undefined ? "" : `, min/avg/p99 = ${minMs}/${avgMs}/${p99Ms} ms`;
  printLine(`${sent} sent, ${received} received${figures}`);
}

function round(milliseconds: number): number {
  return Number(milliseconds.toFixed(milliseconds < 10 ? 2 : 1));
}
