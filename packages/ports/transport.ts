import type { HostPort } from "./address.ts";
import type { MessengerError } from "./errors.ts";

/**
 * Encrypted, authenticated connections that carry many byte streams: QUIC in production, memory in
 * tests and in the simulator. Everything above this interface is the same on both.
 *
 * What holds for every implementation (`packages/adapters/transport-contract.ts` checks it):
 * - A stream's bytes arrive in order and complete, or reading fails; order between streams is free.
 * - `write` waits while the receiver does not read, so neither side buffers without bound.
 * - End-of-stream has no meaning of its own: an aborted stream may look like an ended one. What is
 *   sent over a stream says itself where it ends.
 * - Nothing is delivered before the handshake is complete, so nothing can be replayed into it.
 */
export interface Transport {
  /**
   * Opens a connection and completes its handshake.
   * @throws MessengerError `transport/unreachable`, or one of `tls/…`; `cancelled` when aborted
   */
  connect(address: HostPort, options?: ConnectOptions): Promise<Connection>;
}

export interface ConnectOptions {
  readonly signal?: AbortSignal;
}

/** A place where connections arrive. Disposing stops listening and closes what is still open. */
export interface Listener extends AsyncDisposable {
  /** Where it really listens: a requested port 0 is replaced by the one that was given. */
  readonly address: HostPort;
  /**
   * The next connection whose handshake is complete.
   * @returns undefined when the listener has stopped
   */
  accept(): Promise<Connection | undefined>;
  /** Takes no further connections; those that are open stay. `accept` then returns undefined. */
  stop(): void;
}

/** One connection after its handshake. Disposing closes it with code 0. */
export interface Connection extends AsyncDisposable {
  /** The other side's address, for rate limits; never for logs. May change during a connection. */
  readonly remoteAddress: HostPort;
  /** Resolves, and never rejects, when the connection is over, whoever ended it. */
  readonly closed: Promise<CloseReason>;
  /**
   * Opens a stream; waits while the other side's limit of concurrent streams is reached. Streams that
   * are over make room, a few at a time. The other side learns of a stream by its first bytes.
   * @throws MessengerError `transport/closed`; `cancelled` when aborted
   */
  openStream(options?: { readonly signal?: AbortSignal }): Promise<Stream>;
  /**
   * The next stream that the other side opened.
   * @returns undefined when the connection is over
   */
  acceptStream(): Promise<Stream | undefined>;
  /**
   * Ends the connection at once: what is unsent may be lost.
   * @param code 0 to 2^32 - 1, shown to the other side
   * @param reason at most 256 bytes of UTF-8, shown to the other side
   */
  close(code: number, reason: string): void;
}

/**
 * How a connection ended. `error`: `transport/closed` when the other side or the network ended it,
 * and undefined when this side did.
 */
export interface CloseReason {
  readonly code: number;
  readonly reason: string;
  readonly error: MessengerError | undefined;
}

/** Bytes both ways. Disposing aborts what was not ended. */
export interface Stream extends AsyncDisposable {
  /**
   * Reads what is there, at least one byte. At most one read at a time.
   * @param into room for 1 byte or more. Its whole buffer is handed over and may be detached: go on with
   *   the buffer of what comes back, which has the same length and, around the new bytes, the same content
   * @returns the bytes read, where `into` began; empty when the other side has ended, or aborted, its half
   * @throws MessengerError `transport/closed` when the connection is over or the stream was aborted
   */
  read(into: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>>;
  /**
   * Sends all of `bytes`, which must stay unchanged until this resolves. At most one write at a time.
   * @returns when the transport has taken all of them, which waits for a receiver that does not read
   * @throws MessengerError `transport/closed`
   */
  write(bytes: Uint8Array): Promise<void>;
  /** Ends this side's half after what was written. Harmless when it is over already. */
  end(): Promise<void>;
  /** Gives up both halves at once; pending reads and writes fail or end. Harmless when it is over. */
  abort(): void;
}

/**
 * Streams that one side may have open at the same time on a connection, by default. QUIC engines
 * announce new room in steps (an eighth of this), so who needs n streams asks for a good deal more.
 */
export const STREAMS_CONCURRENT_MAX = 96;
