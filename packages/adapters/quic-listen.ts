import type { Clock, Connection, HostPort, Listener, Log } from "@qpq/ports";
import { type Arrivals, createArrivals } from "./arrivals.ts";
import {
  ALPN_CERTIFICATES,
  QUIC_LIMITS,
  type QuicLimits,
  type QuicRefusal,
} from "./quic-limits.ts";
import { ConnectionTable, type TableOptions, type TableRefusal } from "./quic-table.ts";
import type { ServerCertificate } from "./tls-certificate.ts";
import {
  describe,
  listenNative,
  type QuicConnection,
  type QuicIncoming,
  type QuicSocket,
} from "./transport-quic.ts";

export interface QuicListenOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly certificate: ServerCertificate;
  readonly limits?: Partial<QuicLimits>;
  readonly onRefused?: (refusal: QuicRefusal) => void;
}

const CLOSE_CODE_BUSY = 1;
const CLOSE_CODE_TIMEOUT = 2;

/**
 * Listens for QUIC connections (RFC 9000) with TLS 1.3.
 * @param address port 0 asks for a free one
 * @throws MessengerError `transport/cannot-listen`, `tls/bad-certificate-file`
 */
export function listenQuic(address: HostPort, options: QuicListenOptions): Listener {
  const { clock, certificate } = options;
  const limits = { ...QUIC_LIMITS, ...options.limits };
  const { idleTimeoutMs } = limits;
  const socket = listenNative(address, { clock, certificate, idleTimeoutMs });
  return new QuicListener(socket, limits, options);
}

class QuicListener implements Listener {
  readonly address: HostPort;
  readonly #socket: QuicSocket;
  readonly #limits: QuicLimits;
  readonly #options: QuicListenOptions;
  readonly #arrivals: Arrivals<Connection> = createArrivals();
  readonly #halfOpen: ConnectionTable<QuicConnection>;
  /** Those whose client asked for the certificates. */
  readonly #showing: ConnectionTable<QuicConnection>;
  readonly #open: ConnectionTable<QuicConnection>;
  #stopped = false;

  constructor(socket: QuicSocket, limits: QuicLimits, options: QuicListenOptions) {
    this.address = socket.address;
    this.#socket = socket;
    this.#limits = limits;
    this.#options = options;
    // Addresses count for nothing yet: they may be forged.
    this.#halfOpen = this.#table({ max: limits.halfOpenMax, whenFull: "drop-oldest" }, {
      table: "half-open-limit",
      address: "half-open-limit",
    });
    this.#showing = this.#table({
      max: limits.certificatesMax,
      perAddressMax: limits.certificatesPerAddressMax,
      whenFull: "drop-oldest",
    }, { table: "certificates-limit", address: "address-limit" });
    this.#open = this.#table({
      max: limits.connectionsMax,
      perAddressMax: limits.connectionsPerAddressMax,
      whenFull: "refuse-newest",
    }, { table: "connection-limit", address: "address-limit" });
    void this.#receive();
  }

  accept(): Promise<Connection | undefined> {
    return this.#arrivals.next();
  }

  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#socket.stop();
    this.#arrivals.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop();
    await this.#socket.close();
  }

  async #receive(): Promise<void> {
    while (!this.#stopped) {
      let incoming: QuicIncoming;
      try {
        incoming = await this.#socket.incoming();
      } catch (error) {
        // The engine says so when it has been stopped; anything else ends the listener, loudly.
        if (!this.#stopped) this.#options.log.error("listener-failed", { reason: describe(error) });
        return this.stop();
      }
      void this.#admit(incoming);
    }
  }

  async #admit(incoming: QuicIncoming): Promise<void> {
    let connection: QuicConnection;
    try {
      connection = incoming.accept();
    } catch (error) {
      return this.#refused("handshake-failed", describe(error));
    }
    if (!this.#halfOpen.add(connection)) return;
    const deadline = this.#options.clock.schedule(this.#limits.handshakeTimeoutMs, () => {
      this.#halfOpen.remove(connection);
      connection.close(CLOSE_CODE_TIMEOUT, "handshake timeout");
      this.#refused("handshake-timeout");
    });
    let protocol: string | undefined;
    try {
      protocol = await connection.handshaken();
    } catch {
      connection.close(CLOSE_CODE_TIMEOUT, "handshake failed");
      await connection.closed;
    } finally {
      deadline.cancel();
    }
    // Without its place it was refused already.
    if (!this.#halfOpen.remove(connection)) return;
    if (connection.over !== undefined) {
      return this.#refused("handshake-failed", describe(connection.over.error?.cause));
    }
    if (protocol === ALPN_CERTIFICATES) return this.#showCertificates(connection);
    this.#take(connection);
  }

  #take(connection: QuicConnection): void {
    if (this.#stopped) return connection.close(CLOSE_CODE_BUSY, "busy");
    if (!this.#open.add(connection)) return;
    void connection.closed.then(() => this.#open.remove(connection));
    this.#arrivals.add(connection);
  }

  async #showCertificates(connection: QuicConnection): Promise<void> {
    if (!this.#showing.add(connection)) return;
    const deadline = this.#options.clock.schedule(this.#limits.certificatesTimeoutMs, () => {
      connection.close(CLOSE_CODE_TIMEOUT, "certificates were not taken");
    });
    // No client of ours opens a stream here, and nobody would read it: what it may send unread is
    // tens of megabytes, which the engine lets nobody set.
    void connection.acceptStream().then((stream) => {
      if (stream !== undefined) connection.close(CLOSE_CODE_BUSY, "no streams here");
    });
    try {
      await connection.writeCertificates(this.#options.certificate.certificates);
      await connection.closed;
    } catch (error) {
      this.#options.log.debug("certificates-not-shown", { reason: describe(error) });
      connection.close(CLOSE_CODE_TIMEOUT, "certificates were not taken");
    } finally {
      deadline.cancel();
      this.#showing.remove(connection);
    }
  }

  #table(
    bounds: Omit<TableOptions<QuicConnection>, "refuse">,
    refusals: Readonly<Record<TableRefusal, QuicRefusal>>,
  ): ConnectionTable<QuicConnection> {
    return new ConnectionTable({
      ...bounds,
      refuse: (connection, refusal) => {
        connection.close(CLOSE_CODE_BUSY, "busy");
        this.#refused(refusals[refusal]);
      },
    });
  }

  #refused(refusal: QuicRefusal, reason = ""): void {
    this.#options.log.debug("connection-refused", { refusal, reason });
    this.#options.onRefused?.(refusal);
  }
}
