import { FRAME_HEADER_BYTES, frameBytes } from "@qpq/capnp";
import { assert, MessengerError, type Stream } from "@qpq/ports";

/** Bytes that a waiting read holds, from the least to the most that a busy stream gets. */
const BUFFER_BYTES_MIN = 1024;
const BUFFER_BYTES_MAX = 16 * 1024;

/**
 * Cuts a stream into frames. Memory follows what has come in, never what a header says: the buffer
 * doubles as it fills.
 */
export class FrameReader {
  readonly #stream: Stream;
  readonly #reserve: (bytes: number) => void;
  #buffer: Uint8Array<ArrayBuffer>;
  /** What has come in and was not taken lies from `#from` to `#to`. */
  #from = 0;
  #to = 0;
  /** Bytes of the frame that has begun; 0 when none has. */
  #frameBytes = 0;
  /** How large the buffer is when it is empty. */
  #restBytes = BUFFER_BYTES_MIN;
  #reserved = 0;
  /** Bytes still to come of a frame that nobody wants. */
  #unwantedBytes = 0;
  #framesTaken = 0;
  #bytesRead = 0;

  /**
   * @param reserve told how many bytes more, or fewer, this reader holds beyond its least; may throw to
   *   refuse
   */
  constructor(stream: Stream, reserve: (bytes: number) => void = () => {}) {
    this.#stream = stream;
    this.#reserve = reserve;
    this.#buffer = new Uint8Array(BUFFER_BYTES_MIN);
  }

  get framesTaken(): number {
    return this.#framesTaken;
  }

  /** Bytes that have come in: whether anything moves. */
  get bytesRead(): number {
    return this.#bytesRead;
  }

  /** Bytes of the frame that has begun and has not come in whole; 0 when none has. */
  get incompleteBytes(): number {
    if (this.#unwantedBytes > 0) return this.#unwantedBytes;
    if (this.#from === this.#to) return this.#frameBytes;
    return Math.max(this.#frameBytes, FRAME_HEADER_BYTES);
  }

  /**
   * The next frame, if it is here.
   * @param bytesMax of the frame; a larger one is refused before it is read
   * @returns a view of the buffer, gone at the next `fill`
   * @throws MessengerError `malformed`, `too-large`
   */
  take(bytesMax: number): Uint8Array<ArrayBuffer> | undefined {
    if (this.#unwantedBytes > 0) this.#drop();
    const here = this.#to - this.#from;
    if (here < FRAME_HEADER_BYTES || this.#unwantedBytes > 0) return undefined;
    const rest = this.#buffer.subarray(this.#from, this.#to);
    const bytes = frameBytes(rest, { bytesMax });
    this.#frameBytes = bytes;
    if (here < bytes) return undefined;
    this.#from += bytes;
    this.#frameBytes = 0;
    this.#framesTaken += 1;
    return rest.subarray(0, bytes);
  }

  /**
   * Makes a frame that was just taken the caller's own, before the next `fill`: a copy, or, when it is
   * large and nothing follows, the very buffer.
   */
  keep(frame: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
    if (frame.length < BUFFER_BYTES_MAX || this.#from < this.#to) return frame.slice();
    this.#from = 0;
    this.#to = 0;
    this.#replace(BUFFER_BYTES_MIN);
    return frame;
  }

  /** Lets the frame that has begun, and whose size is known, go by. */
  skip(): void {
    this.#unwantedBytes = this.#frameBytes;
    this.#frameBytes = 0;
    this.#drop();
  }

  /**
   * Waits for more bytes.
   * @returns false when nothing more comes
   * @throws MessengerError `transport/closed`; what `reserve` throws
   */
  async fill(): Promise<boolean> {
    this.#makeRoom();
    const room = this.#buffer.subarray(this.#to);
    const asked = room.length;
    const bytes = await this.#stream.read(room);
    if (bytes.length === 0) return false;
    this.#buffer = new Uint8Array(bytes.buffer);
    this.#to += bytes.length;
    this.#bytesRead += bytes.length;
    if (bytes.length === asked) {
      this.#restBytes = Math.min(this.#restBytes * 2, BUFFER_BYTES_MAX);
    } else if (bytes.length * 4 < this.#restBytes) {
      this.#restBytes = Math.max(this.#restBytes / 2, BUFFER_BYTES_MIN);
    }
    return true;
  }

  /**
   * The next frame, whenever it comes.
   * @returns undefined when nothing more comes
   * @throws MessengerError as `take` and `fill`; `malformed` when the stream ends inside a frame
   */
  async next(bytesMax: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
    for (;;) {
      const frame = this.take(bytesMax);
      if (frame !== undefined) return frame;
      if (await this.fill()) continue;
      if (this.#from === this.#to) return undefined;
      throw new MessengerError("malformed", "Cannot read a frame: the stream ends inside it");
    }
  }

  #drop(): void {
    const dropped = Math.min(this.#unwantedBytes, this.#to - this.#from);
    this.#from += dropped;
    this.#unwantedBytes -= dropped;
    if (this.#unwantedBytes === 0) this.#framesTaken += 1;
  }

  #makeRoom(): void {
    const here = this.#to - this.#from;
    const needed = Math.max(this.#frameBytes, here + 1);
    if (here === 0 && this.#buffer.length !== this.#restBytes && this.#frameBytes === 0) {
      this.#replace(this.#restBytes);
    } else if (this.#from > 0) {
      this.#buffer.copyWithin(0, this.#from, this.#to);
      this.#from = 0;
      this.#to = here;
    }
    if (this.#to === this.#buffer.length) {
      const doubled = Math.max(this.#buffer.length * 2, FRAME_HEADER_BYTES);
      this.#replace(Math.min(doubled, Math.max(needed, this.#restBytes)));
    }
    assert(this.#to < this.#buffer.length, "there is room to read into");
  }

  #replace(bytes: number): void {
    const reserved = Math.max(0, bytes - BUFFER_BYTES_MAX);
    this.#reserve(reserved - this.#reserved);
    this.#reserved = reserved;
    const buffer = new Uint8Array(bytes);
    buffer.set(this.#buffer.subarray(this.#from, this.#to));
    this.#to -= this.#from;
    this.#from = 0;
    this.#buffer = buffer;
  }
}
