import type { Stream } from "@qpq/ports";

/** Bytes in one write at most: so that a slow receiver is seen to make progress. */
const WRITE_BYTES_MAX = 64 * 1024;

/**
 * Sends frames. What is sent in one go leaves in one write, and what comes while a write is under way
 * leaves together in the next: a write costs about as much as ten small frames.
 */
export class FrameWriter {
  readonly #stream: Stream;
  readonly #onFailure: (error: unknown) => void;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #writingBytes = 0;
  #scheduled = false;
  #failed = false;
  #wake: (() => void)[] = [];
  /** Writes that were completed: whether anything moves. */
  #completed = 0;

  /** @param onFailure called once when the stream is over */
  constructor(stream: Stream, onFailure: (error: unknown) => void) {
    this.#stream = stream;
    this.#onFailure = onFailure;
  }

  /** Bytes that have not been taken by the transport. */
  get queuedBytes(): number {
    return this.#waitingBytes + this.#writingBytes;
  }

  get completed(): number {
    return this.#completed;
  }

  /** Sends frames, one right behind the other. They must not be changed afterwards. */
  send(frame: Uint8Array, body?: Uint8Array): void {
    if (this.#failed) return;
    this.#waiting.push(frame);
    this.#waitingBytes += frame.length;
    if (body !== undefined) {
      this.#waiting.push(body);
      this.#waitingBytes += body.length;
    }
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => void this.#flush());
  }

  /** @returns when no more than `bytes` wait, or nothing will be sent any more */
  async below(bytes: number): Promise<void> {
    while (!this.#failed && this.queuedBytes > bytes) {
      await new Promise<void>((resolve) => this.#wake.push(resolve));
    }
  }

  async #flush(): Promise<void> {
    try {
      while (this.#waiting.length > 0 && !this.#failed) {
        const bytes = joined(this.#waiting, this.#waitingBytes);
        this.#waiting = [];
        this.#writingBytes = bytes.length;
        this.#waitingBytes = 0;
        for (let at = 0; at < bytes.length; at += WRITE_BYTES_MAX) {
          const piece = bytes.subarray(at, at + WRITE_BYTES_MAX);
          await this.#stream.write(piece);
          this.#writingBytes -= piece.length;
          this.#completed += 1;
          this.#wakeAll();
        }
      }
      this.#scheduled = false;
    } catch (error) {
      this.#failed = true;
      this.#waiting = [];
      this.#waitingBytes = this.#writingBytes = 0;
      this.#wakeAll();
      this.#onFailure(error);
    }
  }

  #wakeAll(): void {
    if (this.#wake.length === 0) return;
    for (const wake of this.#wake.splice(0)) wake();
  }
}

function joined(frames: readonly Uint8Array[], length: number): Uint8Array {
  const [only] = frames;
  if (frames.length === 1 && only !== undefined) return only;
  const bytes = new Uint8Array(length);
  let offset = 0;
  for (const frame of frames) {
    bytes.set(frame, offset);
    offset += frame.length;
  }
  return bytes;
}
