import type { Clock } from "@qpq/ports";

/** Channels of which a lost race is remembered. */
const CHANNELS_MAX = 65_536;

interface Lost {
  /** That the other commit began. */
  readonly epoch: number;
  /** Of the first loss. */
  readonly atMs: number;
  /** Of the first loss of an admin. */
  readonly adminAtMs: number | undefined;
}

/**
 * Keeps fast committers from taking one epoch after another. When another account's commit has just
 * lost to an account's, that one leaves it the next epoch. When an admin's has lost, all who are no
 * admins leave the next epoch to the admins: else two who take turns could keep it from removing them.
 *
 * Until it is taken, or the time limit passes. Only the first loss in an epoch counts, so that who
 * loses on purpose holds others up for one time limit at most, and never from the removal that
 * follows. In the memory of one process.
 */
export class CommitTurns {
  readonly #clock: Clock;
  readonly #turnMs: number;
  readonly #lost = new Map<string, Lost>();

  constructor(clock: Clock, turnMs: number) {
    this.#clock = clock;
    this.#turnMs = turnMs;
  }

  /** A commit of another account than the winner's was refused because of the one that began `epoch`. */
  lost(channel: string, epoch: number, by: { readonly isAdmin: boolean }): void {
    const known = this.#lost.get(channel);
    const earlier = known?.epoch === epoch ? known : undefined;
    if (earlier !== undefined && (!by.isAdmin || earlier.adminAtMs !== undefined)) return;
    const nowMs = this.#clock.monotonic();
    const atMs = earlier?.atMs ?? nowMs;
    this.#lost.delete(channel);
    this.#lost.set(channel, { epoch, atMs, adminAtMs: by.isAdmin ? nowMs : undefined });
    if (this.#lost.size <= CHANNELS_MAX) return;
    for (const oldest of this.#lost.keys()) {
      this.#lost.delete(oldest);
      return;
    }
  }

  /** Milliseconds for which an account may not end `epoch`; 0: it may. */
  waitMs(
    channel: string,
    epoch: number,
    by: { readonly isWinner: boolean; readonly isAdmin: boolean },
  ): number {
    const lost = this.#lost.get(channel);
    if (lost?.epoch !== epoch) return 0;
    const { atMs, adminAtMs } = lost;
    return Math.max(
      by.isWinner ? this.#leftMs(atMs) : 0,
      !by.isAdmin && adminAtMs !== undefined ? this.#leftMs(adminAtMs) : 0,
    );
  }

  #leftMs(sinceMs: number): number {
    return Math.max(0, Math.ceil(sinceMs + this.#turnMs - this.#clock.monotonic()));
  }
}
