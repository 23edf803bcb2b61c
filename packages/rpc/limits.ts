import { CALL_BYTES_MAX } from "@qpq/capnp";

/** Protocol versions that this build speaks: the newest, and where there is one, the one before. */
export const PROTOCOL_VERSION_MIN = 1;
export const PROTOCOL_VERSION_MAX = 1;

/** Bytes of a message's frame, without the parameters or results that follow it. */
export const MESSAGE_BYTES_MAX = 2_048;

/** Bytes of the server's nonce and of a log's incarnation. */
export const NONCE_BYTES = 32;
export const INCARNATION_BYTES = 16;

/** The limits of a session. All counts and sizes are for one connection. */
export interface SessionLimits {
  /** Calls in flight on the call stream. */
  readonly callsMax: number;
  /** Large calls and subscriptions that are open. */
  readonly streamsMax: number;
  /** Bytes that wait to be sent on one stream because the other side does not read. */
  readonly outgoingBytesMax: number;
  /** While more than this waits to be sent, no further calls are read. */
  readonly outgoingPauseBytes: number;
  /** Milliseconds from the connection to the client's start, and from any start to its answer. */
  readonly openingTimeoutMs: number;
  /** Milliseconds in which a frame that has begun is complete, or comes in at the least rate. */
  readonly frameTimeoutMs: number;
  /** Bytes a second at which a large frame has to come in, in every `frameTimeoutMs`. */
  readonly frameRateMin: number;
  /** Milliseconds in which something of what waits must leave. */
  readonly stallTimeoutMs: number;
  /** Milliseconds that a call, or a large one, may take when its caller says nothing, and at most. */
  readonly callTimeoutMs: number;
  readonly largeTimeoutMs: number;
  readonly callTimeoutMaxMs: number;
  /** Milliseconds of silence after which the other side is asked, and after which it is dead. */
  readonly heartbeatMs: number;
  readonly deadAfterMs: number;
}

export const SESSION_LIMITS: SessionLimits = {
  callsMax: 256,
  streamsMax: 64,
  outgoingBytesMax: 1024 * 1024,
  outgoingPauseBytes: CALL_BYTES_MAX,
  openingTimeoutMs: 3_000,
  frameTimeoutMs: 10_000,
  frameRateMin: 8 * 1024,
  stallTimeoutMs: 30_000,
  callTimeoutMs: 10_000,
  largeTimeoutMs: 60_000,
  callTimeoutMaxMs: 300_000,
  heartbeatMs: 15_000,
  deadAfterMs: 29_000,
};

/**
 * Bytes that a server holds for others, in each direction: frames that come in and parameters of calls
 * that run; results that are made or wait to be read. A stranger is who has not said who it is, where
 * that can be said.
 */
export interface HoldingLimits {
  /** For one connection. */
  readonly knownBytesMax: number;
  readonly strangerBytesMax: number;
  /** For all connections of a kind: strangers cannot take the room of others. */
  readonly allKnownBytesMax: number;
  readonly allStrangersBytesMax: number;
  /** Bytes of a stranger's parameters. */
  readonly strangerFrameBytesMax: number;
}

export const HOLDING_LIMITS: HoldingLimits = {
  knownBytesMax: 32 * 1024 * 1024,
  strangerBytesMax: 512 * 1024,
  allKnownBytesMax: 128 * 1024 * 1024,
  allStrangersBytesMax: 64 * 1024 * 1024,
  strangerFrameBytesMax: 64 * 1024,
};

/** What a client does on top. */
export interface ClientLimits {
  /** Calls that wait for a connection, or for room among those in flight. */
  readonly waitingMax: number;
  /** While a call waits: milliseconds of silence after which the server is probed … */
  readonly probeAfterMs: number;
  /** … and milliseconds without an answer after which the connection is replaced. */
  readonly replaceAfterMs: number;
  /** Milliseconds until the next attempt to connect: the range that grows, and its end. */
  readonly backOffMinMs: number;
  readonly backOffMaxMs: number;
  /** Its end while work waits. */
  readonly backOffWaitingMaxMs: number;
  /** Milliseconds for one attempt to connect: the first, and the longest that it grows to. */
  readonly attemptMinMs: number;
  readonly attemptMaxMs: number;
}

export const CLIENT_LIMITS: ClientLimits = {
  waitingMax: 1_024,
  probeAfterMs: 1_000,
  replaceAfterMs: 1_000,
  backOffMinMs: 100,
  backOffMaxMs: 30_000,
  backOffWaitingMaxMs: 1_000,
  attemptMinMs: 1_000,
  attemptMaxMs: 5_000,
};
