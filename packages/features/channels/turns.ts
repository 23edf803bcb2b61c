import type { Clock } from "@qpq/ports";

/** Channels of which a lost race is remembered. */
const CHANNELS_MAX = 65_536;

/**
 * Keeps a fast committer from taking one epoch after another: when another account's commit has just
 * lost to its own, that account gets the next epoch, or the time limit passes.
 *
 * Only the first loss in an epoch counts, so that who loses on purpose holds the other up for one
 * time limit at most, and never from the removal that follows. In the memory of one process.
 */
export class CommitTurns {
  readonly #clock: Clock;
  readonly #turnMs: number;
  readonly #lost = new Map<string, { readonly epoch: number; readonly atMs: number }>();

  constructor(clock: Clock, turnMs: number) {
    this.#clock = clock;
    this.#turnMs = turnMs;
  }

  /** A commit of another account than the winner's was refused because of the one that began `epoch`. */
  lost(channel: string, epoch: number): void {
    if (this.#lost.get(channel)?.epoch === epoch) return;
    this.#lost.delete(channel);
    this.#lost.set(channel, { epoch, atMs: this.#clock.monotonic() });
    if (this.#lost.size <= CHANNELS_MAX) return;
    for (const oldest of this.#lost.keys()) {
      this.#lost.delete(oldest);
      return;
    }
  }

  /** Milliseconds for which the winner of `epoch` may not end it, too; 0: it may. */
  waitMs(channel: string, epoch: number): number {
    const lost = this.#lost.get(channel);
    if (lost?.epoch !== epoch) return 0;
    return Math.max(0, Math.ceil(lost.atMs + this.#turnMs - this.#clock.monotonic()));
  }
}
