/** Samples that the percentile is taken from: the newest, so that a ping may go on for ever. */
const SAMPLES_MAX = 10_000;

export interface LatencySummary {
  readonly minMs: number;
  readonly avgMs: number;
  readonly p99Ms: number;
}

/** Collects round-trip times. */
export class Latencies {
  #samples: number[] = [];
  #next = 0;
  #count = 0;
  #sumMs = 0;
  #minMs = Infinity;

  add(milliseconds: number): void {
    this.#samples[this.#next] = milliseconds;
    this.#next = (this.#next + 1) % SAMPLES_MAX;
    this.#count += 1;
    this.#sumMs += milliseconds;
    this.#minMs = Math.min(this.#minMs, milliseconds);
  }

  get count(): number {
    return this.#count;
  }

  /** @returns undefined when there is no sample; p99 by nearest rank */
  summary(): LatencySummary | undefined {
    if (this.#count === 0) return undefined;
    const sorted = this.#samples.toSorted((left, right) => left - right);
    const p99Ms = sorted[Math.ceil(sorted.length * 0.99) - 1] as number;
    return { minMs: this.#minMs, avgMs: this.#sumMs / this.#count, p99Ms };
  }
}
