/** What waits for the server: one thing at a time, in the order in which it was typed. */

export interface Job {
  /** Shows its own failures: what it throws is a bug. */
  readonly run: (signal: AbortSignal) => Promise<void>;
  /** It was stopped before its turn. */
  readonly onDropped: () => void;
}

export class Lane {
  readonly #waiting: Job[] = [];
  readonly #onFailure: () => void;
  #running: AbortController | undefined;
  #idle: Promise<void> = Promise.resolve();

  /** @param onFailure told of a bug, which `idle` then throws */
  constructor(onFailure: () => void) {
    this.#onFailure = onFailure;
  }

  /** What runs, and what waits for its turn. */
  get count(): number {
    return this.#waiting.length + (this.#running === undefined ? 0 : 1);
  }

  add(job: Job): void {
    this.#waiting.push(job);
    if (this.#running !== undefined) return;
    this.#idle = this.#run();
    this.#idle.catch(this.#onFailure);
  }

  /** Stops all of it. @returns whether there was anything */
  stop(reason: Error): boolean {
    const wasBusy = this.count > 0;
    for (const { onDropped } of this.#waiting.splice(0)) onDropped();
    this.#running?.abort(reason);
    return wasBusy;
  }

  /** Resolves when nothing runs or waits any more. */
  async idle(): Promise<void> {
    await this.#idle;
  }

  async #run(): Promise<void> {
    try {
      for (let job = this.#waiting.shift(); job !== undefined; job = this.#waiting.shift()) {
        this.#running = new AbortController();
        await job.run(this.#running.signal);
      }
    } finally {
      this.#running = undefined;
    }
  }
}
