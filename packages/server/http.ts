/** The operators' port: health, readiness and metrics. Never for clients, and never encrypted. */
import { formatHostPort, type HostPort, MessengerError } from "@qpq/ports";
import type { ServerMetrics } from "./metrics.ts";

export interface HttpOptions {
  readonly address: HostPort;
  readonly metrics: ServerMetrics;
  /** Whether new clients are welcome: false while starting and while draining. */
  readonly isReady: () => boolean;
}

export interface HttpServer extends AsyncDisposable {
  readonly address: HostPort;
}

/** @throws MessengerError `transport/cannot-listen` */
export function serveHttp({ address, metrics, isReady }: HttpOptions): HttpServer {
  try {
    const server = Deno.serve(
      { hostname: address.hostname, port: address.port, onListen: () => {} },
      (request) => answer(request, metrics, isReady),
    );
    return {
      address: { hostname: server.addr.hostname, port: server.addr.port },
      [Symbol.asyncDispose]: () => server.shutdown(),
    };
  } catch (cause) {
    const isTaken = cause instanceof Deno.errors.AddrInUse;
    throw new MessengerError(
      "transport/cannot-listen",
      `Cannot listen on TCP ${formatHostPort(address)} for http_listen: ` +
        (isTaken ? "another program has it" : "the address is not this machine's, or not allowed"),
      { cause },
    );
  }
}

async function answer(
  request: Request,
  metrics: ServerMetrics,
  isReady: () => boolean,
): Promise<Response> {
  if (request.method !== "GET" && request.method !== "HEAD") {
    return text(405, "only GET is answered here\n");
  }
  switch (new URL(request.url).pathname) {
    case "/healthz":
      return text(200, "ok\n");
    case "/readyz":
      return isReady() ? text(200, "ready\n") : text(503, "not ready: starting or draining\n");
    case "/metrics":
      return text(200, await metrics.page(), metrics.contentType);
    default:
      return text(404, "here are /healthz, /readyz and /metrics\n");
  }
}

function text(status: number, body: string, type = "text/plain; charset=utf-8"): Response {
  return new Response(body, {
    status,
    headers: { "content-type": type, "cache-control": "no-store" },
  });
}
