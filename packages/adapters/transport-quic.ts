import { isIP } from "node:net";
import { setImmediate } from "node:timers/promises";
import {
  type Clock,
  type CloseReason,
  type Connection,
  type HostPort,
  MessengerError,
  type Stream,
  STREAMS_CONCURRENT_MAX,
} from "@qpq/ports";
import { abortable } from "./abortable.ts";
import { ALPN, ALPN_CERTIFICATES, QUIC_LIMITS } from "./quic-limits.ts";
import { certificatePem, type ServerCertificate } from "./tls-certificate.ts";
import { type CertificateOffer, decodeOffer, encodeOffer, OFFER_BYTES_MAX } from "./tls-trust.ts";

const CLOSE_CODE_RULES = 3;
/** The engine needs a moment to send what closing says. */
const CLOSE_FLUSH_MS = 100;

/** What listens on a socket: connections as they come in, whatever becomes of them. */
export interface QuicSocket {
  readonly address: HostPort;
  /** @throws whatever the engine says, also when it has been stopped */
  incoming(): Promise<QuicIncoming>;
  stop(): void;
  /** Ends all of its connections. */
  close(): Promise<void>;
}

export interface QuicIncoming {
  /**
   * Takes it at once, so that a deadline can end its handshake.
   * @throws whatever the engine says
   */
  accept(): QuicConnection;
}

/**
 * Opens a socket for QUIC connections (RFC 9000) with TLS 1.3.
 * @throws MessengerError `transport/cannot-listen`, `tls/bad-certificate-file`
 */
export function listenNative(address: HostPort, options: {
  readonly clock: Clock;
  readonly certificate: ServerCertificate;
  readonly idleTimeoutMs: number;
}): QuicSocket {
  const endpoint = bind(address);
  try {
    const listener = endpoint.listen({
      cert: options.certificate.certificates.map(certificatePem).join(""),
      key: options.certificate.keyPem,
      alpnProtocols: [ALPN, ALPN_CERTIFICATES],
      maxIdleTimeout: options.idleTimeoutMs,
      maxConcurrentBidirectionalStreams: STREAMS_CONCURRENT_MAX,
      maxConcurrentUnidirectionalStreams: 0,
      congestionControl: "low-latency",
    });
    const { hostname, port } = endpoint.addr;
    return {
      address: { hostname, port },
      async incoming() {
        const native = await listener.incoming();
        return { accept: () => acceptNative(native) };
      },
      stop: () => listener.stop(),
      async close() {
        endpoint.close({ closeCode: 0, reason: "listener closed" });
        await new Promise<void>((resolve) => {
          options.clock.schedule(CLOSE_FLUSH_MS, resolve);
        });
      },
    };
  } catch (cause) {
    endpoint.close();
    throw new MessengerError(
      "tls/bad-certificate-file",
      "Cannot listen: the certificate and its key are not usable",
      { cause },
    );
  }
}

function acceptNative(incoming: Deno.QuicIncoming): QuicConnection {
  const native = incoming.accept({ zeroRtt: true });
  const connection = new QuicConnection(native);
  // No client of ours sends datagrams (RFC 9221), and the engine, which lets nobody forbid them, keeps
  // more than a megabyte of them for a reader.
  native.readDatagram().then(
    () => connection.close(CLOSE_CODE_RULES, "no datagrams here"),
    () => {},
  );
  return connection;
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

/** What the runtime checks a server's certificate against. The second is not in its documentation. */
export interface Belief {
  /** PEM, believed beside the runtime's own authorities. */
  readonly caCerts?: string[];
  /** Nothing but these certificates is accepted, under any name; expired ones are not. */
  readonly serverCertificateHashes?: {
    readonly algorithm: "sha-256";
    readonly value: Uint8Array;
  }[];
}

/**
 * Makes one connection to one address.
 * @param host an IP address
 * @throws whatever the engine says; `quic-errors.ts` knows what it means
 */
export async function dialQuic(
  host: string,
  options: {
    readonly port: number;
    /** The name that the certificate must have. */
    readonly serverName: string;
    readonly alpn: string;
    readonly belief: Belief;
    /** IP versions in which the name itself was dialled, this time included. */
    readonly dialledByName: Set<number>;
    readonly clock: Clock;
    readonly signal: AbortSignal;
  },
): Promise<QuicConnection> {
  // An endpoint of its own: closing it ends an attempt, which the engine has no other way for, and
  // tickets of another connection, checked otherwise, cannot be resumed here.
  const { dialledByName } = options;
  const version = isIP(host);
  const endpoint = new Deno.QuicEndpoint({
    hostname: version === 6 ? "::" : "0.0.0.0",
    port: 0,
  });
  const close = (): void => endpoint.close();
  options.signal.addEventListener("abort", close, { once: true });
  try {
    const connect = async (hostname: string): Promise<Deno.QuicConn> =>
      await Deno.connectQuic<false>({
        endpoint,
        hostname,
        port: options.port,
        serverName: options.serverName,
        alpnProtocols: [options.alpn],
        maxIdleTimeout: QUIC_LIMITS.idleTimeoutMs,
        maxConcurrentBidirectionalStreams: 0,
        maxConcurrentUnidirectionalStreams: options.alpn === ALPN_CERTIFICATES ? 1 : 0,
        congestionControl: "low-latency",
        ...options.belief,
      });
    const native = await connect(host).catch((error) => {
      // A sandbox may allow a server by its name only: then the runtime looks the address up, and
      // always takes the first, so that once is enough.
      if (!(error instanceof Deno.errors.NotCapable) || dialledByName.has(version)) throw error;
      dialledByName.add(version);
      return connect(options.serverName);
    });
    return new QuicConnection(native, () =>
      new Promise((resolve) => {
        options.clock.schedule(CLOSE_FLUSH_MS, () => {
          close();
          resolve();
        });
      }));
  } catch (error) {
    close();
    throw error;
  } finally {
    options.signal.removeEventListener("abort", close);
  }
}

/** A native connection as the port has it. */
export class QuicConnection implements Connection {
  readonly closed: Promise<CloseReason>;
  /** How it ended, once it has. */
  over: CloseReason | undefined;
  readonly #native: Deno.QuicConn;
  /** A stream that nobody refers to is closed by the engine: they are held here. */
  readonly #streams = new Set<QuicStream>();
  #incoming: ReadableStreamDefaultReader<Deno.QuicBidirectionalStream> | undefined;
  #closedByUs: { readonly code: number; readonly reason: string } | undefined;

  readonly #released: Promise<void>;

  /** @param release frees what only this connection used */
  constructor(native: Deno.QuicConn, release: () => Promise<void> = async () => {}) {
    this.#native = native;
    this.closed = native.closed.then(
      ({ closeCode, reason }) => this.#finish(closeCode, reason, reason),
      (error) => this.#finish(0, describe(error), error),
    );
    this.#released = this.closed.then(release);
  }

  /**
   * What both sides agreed to speak (RFC 7301). No stream must be read before: what an early, replayed
   * packet carried is none of it (RFC 8446 §8).
   * @throws whatever the engine says of a handshake that failed; or `over` is set by then
   */
  async handshaken(): Promise<string | undefined> {
    await this.#native.handshake;
    // A handshake that failed settles this promise, too, with the connection's end right behind it.
    await setImmediate();
    return this.#native.protocol ?? undefined;
  }

  get remoteAddress(): HostPort {
    const { hostname, port } = this.#native.remoteAddr;
    return { hostname, port };
  }

  async openStream({ signal }: { readonly signal?: AbortSignal } = {}): Promise<Stream> {
    if (signal?.aborted) throw new MessengerError("cancelled", "The caller gave up");
    const opening = this.#native.createBidirectionalStream({ waitUntilAvailable: true }).then(
      (native) => this.#hold(native),
      (cause) => {
        throw new MessengerError("transport/closed", "Cannot open a stream", { cause });
      },
    );
    if (signal === undefined) return opening;
    // The engine cannot be told to stop waiting: a stream that comes too late is given back.
    return await new Promise<Stream>((resolve, reject) => {
      const onAbort = (): void => {
        opening.then((stream) => stream.abort(), () => {});
        reject(new MessengerError("cancelled", "The caller gave up"));
      };
      signal.addEventListener("abort", onAbort, { once: true });
      opening.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
    });
  }

  async acceptStream(): Promise<Stream | undefined> {
    this.#incoming ??= this.#native.incomingBidirectionalStreams.getReader();
    try {
      const { value } = await this.#incoming.read();
      return value === undefined ? undefined : this.#hold(value);
    } catch {
      // The connection is over; `closed` says why.
      return undefined;
    }
  }

  close(code: number, reason: string): void {
    if (this.over !== undefined || this.#closedByUs !== undefined) return;
    this.#closedByUs = { code, reason };
    this.#native.close({ closeCode: code, reason });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close(0, "");
    await this.#released;
  }

  /** Shows certificates to a client that dialled for them. @throws whatever the engine says */
  async writeCertificates(certificates: readonly Uint8Array[]): Promise<void> {
    const writable = await this.#native.createUnidirectionalStream({ waitUntilAvailable: true });
    const writer = writable.getWriter();
    await writer.write(encodeOffer(certificates));
    await writer.close();
  }

  /** What the server shows on a connection for certificates. */
  async readCertificates(signal: AbortSignal): Promise<CertificateOffer> {
    const streams = this.#native.incomingUnidirectionalStreams.getReader();
    const stream = (await abortable(streams.read(), signal)).value;
    const reader = stream?.getReader();
    let bytes = new Uint8Array(0);
    while (reader !== undefined && bytes.length <= OFFER_BYTES_MAX) {
      const { value } = await abortable(reader.read(), signal);
      if (value === undefined) break;
      bytes = Uint8Array.from(Buffer.concat([bytes, value]));
      const offer = decodeOffer(bytes);
      if (offer !== undefined) return offer;
    }
    throw new MessengerError("malformed", "Cannot read the server's certificates");
  }

  #hold(native: Deno.QuicBidirectionalStream): Stream {
    const stream = new QuicStream(native, () => this.#streams.delete(stream));
    this.#streams.add(stream);
    return stream;
  }

  #finish(code: number, reason: string, cause: unknown): CloseReason {
    this.over = this.#closedByUs !== undefined ? { ...this.#closedByUs, error: undefined } : {
      code,
      reason,
      error: new MessengerError("transport/closed", `The connection is over: ${reason}`, { cause }),
    };
    for (const stream of this.#streams) stream.abort();
    return this.over;
  }
}

class QuicStream implements Stream {
  readonly #reader: ReadableStreamBYOBReader;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #onOver: () => void;
  #readOver = false;
  #writeOver = false;
  #aborted = false;

  constructor(native: Deno.QuicBidirectionalStream, onOver: () => void) {
    // A reader that brings its own buffer: a waiting default read holds 64 KiB in the engine.
    this.#reader = native.readable.getReader({ mode: "byob" });
    this.#writer = native.writable.getWriter();
    this.#onOver = onOver;
    // Reading and writing report the same; unobserved, these would end the process.
    this.#reader.closed.catch(() => {});
    this.#writer.closed.catch(() => {});
  }

  async read(into: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
    let result: ReadableStreamReadResult<Uint8Array<ArrayBuffer>>;
    try {
      result = await this.#reader.read(into);
    } catch (cause) {
      this.#endReading();
      throw new MessengerError("transport/closed", "Cannot read: the stream is over", { cause });
    }
    if (this.#aborted) {
      throw new MessengerError("transport/closed", "Cannot read: the stream was aborted");
    }
    if (result.done) this.#endReading();
    return result.value ?? new Uint8Array(0);
  }

  async write(bytes: Uint8Array): Promise<void> {
    try {
      await this.#writer.write(bytes);
    } catch (cause) {
      this.#endWriting();
      throw new MessengerError("transport/closed", "Cannot write: the stream is over", { cause });
    }
  }

  async end(): Promise<void> {
    if (this.#writeOver) return;
    this.#endWriting();
    await this.#writer.close().catch(() => {});
  }

  abort(): void {
    if (this.#aborted || (this.#readOver && this.#writeOver)) return;
    this.#aborted = true;
    // Both halves, else the credit for the stream never comes back.
    if (!this.#readOver) void this.#reader.cancel().catch(() => {});
    if (!this.#writeOver) void this.#writer.abort().catch(() => {});
    this.#endReading();
    this.#endWriting();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.abort();
  }

  #endReading(): void {
    this.#readOver = true;
    if (this.#writeOver) this.#onOver();
  }

  #endWriting(): void {
    this.#writeOver = true;
    if (this.#readOver) this.#onOver();
  }
}

/** The text of what the engine throws. */
export function describe(error: unknown): string {
  return error instanceof Error ? error.message : typeof error === "string" ? error : "";
}
