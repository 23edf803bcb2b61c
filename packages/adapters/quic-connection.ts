import {
  type CloseReason,
  type Connection,
  type HostPort,
  MessengerError,
  type Stream,
} from "@qpq/ports";
import { abortable } from "./abortable.ts";
import { type CertificateOffer, decodeOffer, OFFER_BYTES_MAX } from "./tls-trust.ts";

/** The engine needs a moment to send what closing says. */
export const CLOSE_FLUSH_MS = 100;

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

/** What the engine said, for a log. */
export function describe(error: unknown): string {
  return error instanceof Error ? error.message : typeof error === "string" ? error : "";
}
