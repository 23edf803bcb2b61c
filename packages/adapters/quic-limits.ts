/** The application protocol (RFC 7301): the session of `docs/wire-format.md`. */
export const ALPN = "qpq/1";
/** The protocol in which a server shows its certificates to a client that checks them by itself. */
export const ALPN_CERTIFICATES = "qpq-cert/1";

/** Limits of a listener, and of what it accepts. */
export interface QuicLimits {
  /** Handshakes that may be under way: a small cap lets a flood lock out real clients. */
  readonly halfOpenMax: number;
  /** Milliseconds until a handshake must be complete. */
  readonly handshakeTimeoutMs: number;
  /** Connections that may be open. */
  readonly connectionsMax: number;
  /** Connections that one address may have open: many people may share one. */
  readonly connectionsPerAddressMax: number;
  /** Milliseconds of silence after which a connection is given up. */
  readonly idleTimeoutMs: number;
}

export const QUIC_LIMITS: QuicLimits = {
  halfOpenMax: 8_192,
  handshakeTimeoutMs: 3_000,
  connectionsMax: 16_384,
  connectionsPerAddressMax: 1_024,
  idleTimeoutMs: 30_000,
};

/** Why a handshake did not become a connection: for the metrics. */
export type QuicRefusal =
  | "half-open-limit"
  | "connection-limit"
  | "address-limit"
  | "handshake-timeout"
  | "handshake-failed";
