import type { Clock } from "@qpq/ports";
import type { Deadline, Deadlines } from "./deadlines.ts";
import type { FrameReader } from "./frame-reader.ts";
import type { FrameWriter } from "./frame-writer.ts";

/** A check that comes later than this after its time says that this process was busy, not the other. */
const LATE_MS = 250;

/** When to ask a silent peer whether it lives, and when to give it up: milliseconds. */
export interface Patience {
  /** Silence until it is asked. */
  readonly askAfterMs: number;
  /** From the question until it is dead. */
  readonly answerWithinMs: number;
}

/**
 * Tells whether the other side lives: a vanished one shows by silence only. Any byte is a sign of life.
 */
export class Liveness {
  readonly #clock: Clock;
  readonly #deadlines: Deadlines;
  readonly #patience: () => Patience;
  readonly #isBlocked: () => boolean;
  readonly #ask: () => void;
  readonly #onDead: () => void;
  #heardMs: number;
  #askedMs: number | undefined;
  #check: Deadline | undefined;

  /**
   * @param options.patience asked again and again: it may depend on whether something is waited for
   * @param options.isBlocked what was sent is not taken: then `watchForStall` judges, not this
   */
  constructor(options: {
    readonly clock: Clock;
    readonly deadlines: Deadlines;
    readonly patience: () => Patience;
    readonly isBlocked?: () => boolean;
    readonly ask: () => void;
    readonly onDead: () => void;
  }) {
    this.#clock = options.clock;
    this.#deadlines = options.deadlines;
    this.#patience = options.patience;
    this.#isBlocked = options.isBlocked ?? (() => false);
    this.#ask = options.ask;
    this.#onDead = options.onDead;
    this.#heardMs = this.#clock.monotonic();
    this.#schedule(this.#patience().askAfterMs);
  }

  /** Something came from the other side. */
  heard(): void {
    this.#heardMs = this.#clock.monotonic();
    this.#askedMs = undefined;
  }

  /** The patience may have become less. */
  reconsider(): void {
    const { askAfterMs } = this.#patience();
    const dueMs = this.#clock.monotonic() + askAfterMs;
    if (this.#check !== undefined && this.#check.atMs <= dueMs) return;
    this.#check?.cancel();
    this.#schedule(askAfterMs);
  }

  #schedule(delayMs: number): void {
    this.#check = this.#deadlines.add(delayMs, () => this.#look());
  }

  #look(): void {
    const nowMs = this.#clock.monotonic();
    const late = nowMs - (this.#check?.atMs ?? nowMs) > LATE_MS;
    const { askAfterMs, answerWithinMs } = this.#patience();
    if (this.#isBlocked()) {
      // The question would stand behind what the other side has not read yet.
      this.#askedMs = undefined;
      return this.#schedule(askAfterMs);
    }
    if (this.#askedMs === undefined) {
      const silentMs = nowMs - this.#heardMs;
      if (silentMs < askAfterMs) return this.#schedule(askAfterMs - silentMs);
      this.#askedMs = nowMs;
      this.#ask();
      return this.#schedule(answerWithinMs);
    }
    const unansweredMs = nowMs - this.#askedMs;
    if (unansweredMs < answerWithinMs) return this.#schedule(answerWithinMs - unansweredMs);
    // What came meanwhile may not have been read yet.
    if (late) return this.#schedule(LATE_MS);
    this.#onDead();
  }
}

/**
 * Ends what trickles in: in every `frameTimeoutMs` a frame that has begun is completed, or brings what
 * the least rate makes of that time.
 */
export class FrameDeadline {
  readonly #deadlines: Deadlines;
  readonly #limits: { readonly frameTimeoutMs: number; readonly frameRateMin: number };
  readonly #onLate: () => void;
  #deadline: Deadline | undefined;
  #frame = -1;

  constructor(
    deadlines: Deadlines,
    limits: { readonly frameTimeoutMs: number; readonly frameRateMin: number },
    onLate: () => void,
  ) {
    this.#deadlines = deadlines;
    this.#limits = limits;
    this.#onLate = onLate;
  }

  /**
   * To be told whenever `reader` has been read from.
   * @param options.isExpected a frame has to come: time counts before it has begun
   */
  update(reader: FrameReader, options: { readonly isExpected?: boolean } = {}): void {
    if (reader.incompleteBytes === 0 && options.isExpected !== true) return this.clear();
    if (this.#frame === reader.framesTaken) return;
    this.clear();
    this.#frame = reader.framesTaken;
    this.#watch(reader);
  }

  clear(): void {
    this.#deadline?.cancel();
    this.#deadline = undefined;
    this.#frame = -1;
  }

  #watch(reader: FrameReader): void {
    const { frameTimeoutMs, frameRateMin } = this.#limits;
    const enoughBytes = reader.bytesRead + frameRateMin * frameTimeoutMs / 1_000;
    this.#deadline = this.#deadlines.add(frameTimeoutMs, () => {
      if (reader.bytesRead < enoughBytes) this.#onLate();
      else this.#watch(reader);
    });
  }
}

/** Ends what is not read: something of what waits has to leave within `stallTimeoutMs`. */
export function watchForStall(
  writer: FrameWriter,
  options: {
    readonly deadlines: Deadlines;
    readonly stallTimeoutMs: number;
    readonly onStalled: () => void;
  },
): void {
  let waited = false;
  let completed = 0;
  const look = (): void => {
    const waits = writer.queuedBytes > 0;
    if (waits && waited && completed === writer.completed) return options.onStalled();
    waited = waits;
    completed = writer.completed;
    options.deadlines.add(options.stallTimeoutMs / 2, look);
  };
  options.deadlines.add(options.stallTimeoutMs / 2, look);
}
