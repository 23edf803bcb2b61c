import type { Stream } from "@qpq/ports";

/** Bytes in one write at most: so that a slow receiver is seen to make progress. */
const WRITE_BYTES_MAX = 64 * 1024;
/** Frames above this are written from where they are; smaller ones are gathered. */
const GATHERED_BYTES_MAX = 16 * 1024;
const GATHERING_BYTES_MIN = 512;

/**
 * Sends frames. What is sent in one go leaves in one write, and what comes while a write is under way
 * leaves together in the next: a write costs about as much as ten small frames.
 */
export class FrameWriter {
  readonly #stream: Stream;
  readonly #onFailure: (error: unknown) => void;
  readonly #count: (bytes: number) => void;
  /** What is to be written, in order; last of all what `#gathering` holds. */
  #parts: Uint8Array[] = [];
  #gathering: Uint8Array | undefined;
  #gatheredBytes = 0;
  /** As much as the last time is likely to come again. */
  #gatheringBytes = GATHERING_BYTES_MIN;
  #queuedBytes = 0;
  #scheduled = false;
  #failed = false;
  readonly #waiting: (() => void)[] = [];
  #completed = 0;

  /**
   * @param onFailure called once when the stream is over
   * @param count told how many bytes more, or fewer, wait to be taken by the transport
   */
  constructor(
    stream: Stream,
    onFailure: (error: unknown) => void,
    count: (bytes: number) => void = () => {},
  ) {
    this.#stream = stream;
    this.#onFailure = onFailure;
    this.#count = count;
  }

  /** Bytes that have not been taken by the transport. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** Writes that were completed: whether anything moves. */
  get completed(): number {
    return this.#completed;
  }

  /**
   * Sends frames, one right behind the other.
   * @param frame of at most 16 KiB: copied at once, so it may be changed afterwards
   * @param body of any size; must not be changed afterwards
   */
  send(frame: Uint8Array, body?: Uint8Array): void {
    if (this.#failed) return;
    this.#add(frame);
    if (body !== undefined) this.#add(body);
    this.#count(frame.length + (body?.length ?? 0));
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => void this.#flush());
  }

  /** @returns when no more than `bytes` wait, or nothing will be sent any more */
  async below(bytes: number): Promise<void> {
    while (!this.#failed && this.#queuedBytes > bytes) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  #add(bytes: Uint8Array): void {
    this.#queuedBytes += bytes.length;
    if (bytes.length > GATHERED_BYTES_MAX) {
      this.#seal();
      this.#parts.push(bytes);
      return;
    }
    if (
      this.#gathering === undefined || this.#gatheredBytes + bytes.length > this.#gathering.length
    ) {
      this.#seal();
      const wanted = Math.max(this.#gatheringBytes, bytes.length);
      this.#gathering = new Uint8Array(wanted);
      this.#gatheringBytes = Math.min(this.#gatheringBytes * 2, WRITE_BYTES_MAX);
    }
    this.#gathering.set(bytes, this.#gatheredBytes);
    this.#gatheredBytes += bytes.length;
  }

  #seal(): void {
    if (this.#gathering === undefined) return;
    this.#parts.push(this.#gathering.subarray(0, this.#gatheredBytes));
    this.#gathering = undefined;
    this.#gatheredBytes = 0;
  }

  async #flush(): Promise<void> {
    try {
      while (this.#queuedBytes > 0) {
        const gathered = this.#gatheredBytes;
        this.#seal();
        const parts = this.#parts;
        this.#parts = [];
        if (parts.length === 1) {
          this.#gatheringBytes = Math.max(GATHERING_BYTES_MIN, gathered + (gathered >> 2));
        }
        for (const part of parts) await this.#write(part);
      }
      this.#scheduled = false;
    } catch (error) {
      this.#failed = true;
      this.#parts = [];
      this.#gathering = undefined;
      this.#count(-this.#queuedBytes);
      this.#queuedBytes = 0;
      this.#wake();
      this.#onFailure(error);
    }
  }

  async #write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; at += WRITE_BYTES_MAX) {
      const piece = bytes.length <= WRITE_BYTES_MAX
        ? bytes
        : bytes.subarray(at, at + WRITE_BYTES_MAX);
      await this.#stream.write(piece);
      this.#queuedBytes -= piece.length;
      this.#count(-piece.length);
      this.#completed += 1;
      this.#wake();
    }
  }

  #wake(): void {
    if (this.#waiting.length === 0) return;
    for (const wake of this.#waiting.splice(0)) wake();
  }
}
