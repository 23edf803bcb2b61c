import { setImmediate } from "node:timers/promises";
import {
  type Clock,
  type Connection,
  type HostPort,
  type Listener,
  type Log,
  MessengerError,
  STREAMS_CONCURRENT_MAX,
} from "@qpq/ports";
import { type Arrivals, createArrivals } from "./arrivals.ts";
import {
  ALPN,
  ALPN_CERTIFICATES,
  QUIC_LIMITS,
  type QuicLimits,
  type QuicRefusal,
} from "./quic-limits.ts";
import { CLOSE_FLUSH_MS, describe, QuicConnection } from "./quic-connection.ts";
import { certificatePem, type ServerCertificate } from "./tls-certificate.ts";
import { encodeOffer } from "./tls-trust.ts";

export interface QuicListenOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly certificate: ServerCertificate;
  readonly limits?: Partial<QuicLimits>;
  readonly onRefused?: (refusal: QuicRefusal) => void;
}

const CLOSE_CODE_BUSY = 1;
const CLOSE_CODE_TIMEOUT = 2;
/** A client that asked for the certificates has them by then, or never will. */
const CERTIFICATES_TIMEOUT_MS = 3_000;

/**
 * Listens for QUIC connections (RFC 9000) with TLS 1.3.
 * @param address port 0 asks for a free one
 * @throws MessengerError `transport/cannot-listen`, `tls/bad-certificate-file`
 */
export function listenQuic(address: HostPort, options: QuicListenOptions): Listener {
  const limits = { ...QUIC_LIMITS, ...options.limits };
  const endpoint = bind(address);
  try {
    const listener = endpoint.listen({
      cert: options.certificate.certificates.map(certificatePem).join(""),
      key: options.certificate.keyPem,
      alpnProtocols: [ALPN, ALPN_CERTIFICATES],
      maxIdleTimeout: limits.idleTimeoutMs,
      maxConcurrentBidirectionalStreams: STREAMS_CONCURRENT_MAX,
      maxConcurrentUnidirectionalStreams: 0,
      congestionControl: "low-latency",
    });
    return new QuicListener(endpoint, listener, limits, options);
  } catch (cause) {
    endpoint.close();
    throw new MessengerError(
      "tls/bad-certificate-file",
      "Cannot listen: the certificate and its key are not usable",
      { cause },
    );
  }
}

function bind(address: HostPort): Deno.QuicEndpoint {
  try {
    return new Deno.QuicEndpoint(address);
  } catch (cause) {
    const taken = cause instanceof Deno.errors.AddrInUse;
    throw new MessengerError(
      "transport/cannot-listen",
      `Cannot listen on ${address.hostname}, port ${address.port}: ` +
        (taken ? "another program has it" : "the address is not this machine's, or not allowed"),
      { cause },
    );
  }
}

class QuicListener implements Listener {
  readonly address: HostPort;
  readonly #endpoint: Deno.QuicEndpoint;
  readonly #listener: Deno.QuicListener;
  readonly #limits: QuicLimits;
  readonly #options: QuicListenOptions;
  readonly #arrivals: Arrivals<Connection> = createArrivals();
  readonly #open = new Map<string, number>();
  #openCount = 0;
  #halfOpenCount = 0;
  #stopped = false;

  constructor(
    endpoint: Deno.QuicEndpoint,
    listener: Deno.QuicListener,
    limits: QuicLimits,
    options: QuicListenOptions,
  ) {
    const { hostname, port } = endpoint.addr;
    this.address = { hostname, port };
    this.#endpoint = endpoint;
    this.#listener = listener;
    this.#limits = limits;
    this.#options = options;
    void this.#receive();
  }

  accept(): Promise<Connection | undefined> {
    return this.#arrivals.next();
  }

  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#listener.stop();
    this.#arrivals.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop();
    this.#endpoint.close({ closeCode: 0, reason: "listener closed" });
    await new Promise<void>((resolve) => {
      this.#options.clock.schedule(CLOSE_FLUSH_MS, resolve);
    });
  }

  async #receive(): Promise<void> {
    while (!this.#stopped) {
      let incoming: Deno.QuicIncoming;
      try {
        incoming = await this.#listener.incoming();
      } catch (error) {
        // The engine says so when it has been stopped; anything else ends the listener, loudly.
        if (!this.#stopped) this.#options.log.error("listener-failed", { reason: describe(error) });
        return this.stop();
      }
      // Without an answer: an address may be forged, and an answer costs more than the question.
      if (this.#halfOpenCount >= this.#limits.halfOpenMax) {
        incoming.ignore();
        this.#refused("half-open-limit");
        continue;
      }
      void this.#admit(incoming);
    }
  }

  async #admit(incoming: Deno.QuicIncoming): Promise<void> {
    let native: Deno.QuicConn;
    try {
      // At once, so that the deadline below can end it. No stream is read before `handshake`.
      native = incoming.accept({ zeroRtt: true });
    } catch (error) {
      return this.#refused("handshake-failed", describe(error));
    }
    this.#halfOpenCount += 1;
    const connection = new QuicConnection(native);
    let timedOut = false;
    const deadline = this.#options.clock.schedule(this.#limits.handshakeTimeoutMs, () => {
      timedOut = true;
      connection.close(CLOSE_CODE_TIMEOUT, "handshake timeout");
    });
    try {
      await native.handshake;
      // A handshake that failed settles this promise, too, with the connection's end right behind
      // it. What an early, replayed packet carried must never be read then.
      await setImmediate();
    } catch {
      connection.close(CLOSE_CODE_TIMEOUT, "handshake failed");
    } finally {
      deadline.cancel();
      this.#halfOpenCount -= 1;
    }
    if (connection.over !== undefined) {
      const reason = connection.over.error?.cause;
      return this.#refused(timedOut ? "handshake-timeout" : "handshake-failed", describe(reason));
    }
    if (native.protocol === ALPN_CERTIFICATES) return this.#showCertificates(native, connection);
    this.#take(connection);
  }

  #take(connection: QuicConnection): void {
    const { hostname } = connection.remoteAddress;
    const ofAddress = this.#open.get(hostname) ?? 0;
    const refusal = this.#openCount >= this.#limits.connectionsMax
      ? "connection-limit"
      : ofAddress >= this.#limits.connectionsPerAddressMax
      ? "address-limit"
      : undefined;
    if (refusal !== undefined || this.#stopped) {
      connection.close(CLOSE_CODE_BUSY, "busy");
      if (refusal !== undefined) this.#refused(refusal);
      return;
    }
    this.#openCount += 1;
    this.#open.set(hostname, ofAddress + 1);
    void connection.closed.then(() => {
      this.#openCount -= 1;
      const left = (this.#open.get(hostname) ?? 1) - 1;
      if (left === 0) this.#open.delete(hostname);
      else this.#open.set(hostname, left);
    });
    this.#arrivals.add(connection);
  }

  async #showCertificates(native: Deno.QuicConn, connection: QuicConnection): Promise<void> {
    const deadline = this.#options.clock.schedule(CERTIFICATES_TIMEOUT_MS, () => {
      connection.close(CLOSE_CODE_TIMEOUT, "certificates were not taken");
    });
    try {
      const writable = await native.createUnidirectionalStream({ waitUntilAvailable: true });
      const writer = writable.getWriter();
      await writer.write(encodeOffer(this.#options.certificate.certificates));
      await writer.close();
      await connection.closed;
    } catch (error) {
      this.#options.log.debug("certificates-not-shown", { reason: describe(error) });
      connection.close(CLOSE_CODE_TIMEOUT, "certificates were not taken");
    } finally {
      deadline.cancel();
    }
  }

  #refused(refusal: QuicRefusal, reason = ""): void {
    this.#options.log.debug("connection-refused", { refusal, reason });
    this.#options.onRefused?.(refusal);
  }
}
