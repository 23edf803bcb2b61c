/** The application protocol (RFC 7301): the session of `docs/wire-format.md`. */
export const ALPN = "qpq/1";
/** The protocol in which a server shows its certificates to a client that checks them by itself. */
export const ALPN_CERTIFICATES = "qpq-cert/1";

/** Limits of a listener, and of what it accepts. */
export interface QuicLimits {
  /** Handshakes that may be under way. One more ends the oldest: real clients need milliseconds. */
  readonly halfOpenMax: number;
  /** Milliseconds until a handshake must be complete. */
  readonly handshakeTimeoutMs: number;
  /** Connections that may be open. */
  readonly connectionsMax: number;
  /** Connections that one address (of IPv6 the first 64 bits) may have open: many may share one. */
  readonly connectionsPerAddressMax: number;
  /** The same of those that only take the certificates, one round trip each; one more ends the oldest. */
  readonly certificatesMax: number;
  readonly certificatesPerAddressMax: number;
  /** Milliseconds after which a client has the certificates, or never will. */
  readonly certificatesTimeoutMs: number;
  /** Milliseconds of silence after which a connection is given up. */
  readonly idleTimeoutMs: number;
}

export const QUIC_LIMITS: QuicLimits = {
  halfOpenMax: 8_192,
  handshakeTimeoutMs: 3_000,
  connectionsMax: 16_384,
  connectionsPerAddressMax: 1_024,
  certificatesMax: 256,
  certificatesPerAddressMax: 32,
  certificatesTimeoutMs: 3_000,
  idleTimeoutMs: 30_000,
};

/** Why a handshake did not become a connection: for the metrics. */
export type QuicRefusal =
  | "half-open-limit"
  | "connection-limit"
  | "address-limit"
  | "certificates-limit"
  | "handshake-timeout"
  | "handshake-failed";
