/** What the server counts, in Prometheus' text format. Labels are method names and codes only. */
import { Counter, Gauge, Histogram, Registry } from "prom-client";

export interface ServerMetrics {
  readonly connectionOpened: () => void;
  readonly connectionClosed: () => void;
  /** A handshake or `Hello` that did not become a session. */
  readonly handshakeRefused: (code: string) => void;
  /** @param outcome `ok`, or the error code that the caller got */
  readonly callEnded: (method: string, outcome: string, durationMs: number) => void;
  /** The page that `/metrics` answers. */
  readonly page: () => Promise<string>;
  readonly contentType: string;
}

const LATENCY_BUCKETS_S = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30];

/** @param memory bytes in use, asked when a page is made */
export function createMetrics(
  memory: () => { readonly rss: number; readonly heapUsed: number },
): ServerMetrics {
  const registry = new Registry();
  const registers = [registry];
  const connections = new Gauge({
    name: "qpq_connections",
    help: "Sessions that are open",
    registers,
  });
  const connectionsTotal = new Counter({
    name: "qpq_connections_total",
    help: "Sessions since the start",
    registers,
  });
  const refused = new Counter({
    name: "qpq_handshakes_refused_total",
    help: "Handshakes, and Hellos, that were refused",
    labelNames: ["code"],
    registers,
  });
  const calls = new Counter({
    name: "qpq_calls_total",
    help: "Calls that have ended",
    labelNames: ["method", "outcome"],
    registers,
  });
  const latency = new Histogram({
    name: "qpq_call_seconds",
    help: "From a call's arrival to its reply",
    labelNames: ["method"],
    buckets: LATENCY_BUCKETS_S,
    registers,
  });
  new Gauge({
    name: "qpq_memory_bytes",
    help: "Memory in use: resident, and the heap's live part",
    labelNames: ["kind"],
    registers,
    collect() {
      const { rss, heapUsed } = memory();
      this.set({ kind: "resident" }, rss);
      this.set({ kind: "heap" }, heapUsed);
    },
  });
  return {
    connectionOpened: () => {
      connections.inc();
      connectionsTotal.inc();
    },
    connectionClosed: () => connections.dec(),
    handshakeRefused: (code) => refused.inc({ code }),
    callEnded: (method, outcome, durationMs) => {
      calls.inc({ method, outcome });
      latency.observe({ method }, durationMs / 1000);
    },
    page: () => registry.metrics(),
    contentType: registry.contentType,
  };
}
