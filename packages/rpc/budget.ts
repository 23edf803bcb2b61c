import type { HoldingLimits } from "./limits.ts";

/** What all connections of one kind may hold together, in one direction. */
export class SharedBudget {
  readonly #bytesMax: number;
  #bytes = 0;
  /** Who waits for room, the longest first. */
  readonly #waiting = new Set<Waiting>();

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  hasRoom(bytes: number): boolean {
    return this.#bytes + bytes <= this.#bytesMax;
  }

  /** Counts bytes that are held, or, below zero, no longer. */
  count(bytes: number): void {
    this.#bytes += bytes;
    if (bytes < 0 && this.#waiting.size > 0) this.wake();
  }

  /** Gives room to those who wait, in their order; who waits for its own connection holds up nobody. */
  wake(): void {
    for (const waiting of this.#waiting) {
      if (!this.hasRoom(waiting.bytes)) return;
      if (!waiting.budget.tryTake(waiting.bytes)) continue;
      this.#waiting.delete(waiting);
      waiting.resolve();
    }
  }

  add(waiting: Waiting): void {
    this.#waiting.add(waiting);
  }

  remove(waiting: Waiting): void {
    this.#waiting.delete(waiting);
  }
}

interface Waiting {
  readonly budget: Budget;
  readonly bytes: number;
  readonly resolve: () => void;
}

/** What one connection holds in one direction: part of what all of its kind hold. */
export class Budget {
  #shared: SharedBudget;
  #bytesMax: number;
  #bytes = 0;
  #closed = false;

  constructor(shared: SharedBudget, bytesMax: number) {
    this.#shared = shared;
    this.#bytesMax = bytesMax;
  }

  /** Of this connection alone. */
  get bytesMax(): number {
    return this.#bytesMax;
  }

  hasRoom(bytes: number): boolean {
    return this.#bytes + bytes <= this.#bytesMax && this.#shared.hasRoom(bytes);
  }

  /** Counts bytes if there is room for them. @returns whether there was */
  tryTake(bytes: number): boolean {
    if (!this.hasRoom(bytes)) return false;
    this.count(bytes);
    return true;
  }

  /** Counts bytes that are held in any case, or, below zero, no longer. */
  readonly count = (bytes: number): void => {
    if (this.#closed) return;
    this.#bytes += bytes;
    this.#shared.count(bytes);
  };

  /**
   * Waits for room, in the order of those who wait, and takes it.
   * @param bytes no more than `bytesMax`, else it waits for the signal
   * @throws the signal's reason
   */
  take(bytes: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const shared = this.#shared;
      const onAbort = (): void => {
        shared.remove(waiting);
        reject(signal.reason);
      };
      const waiting: Waiting = {
        budget: this,
        bytes,
        resolve: () => {
          signal.removeEventListener("abort", onAbort);
          resolve();
        },
      };
      signal.addEventListener("abort", onAbort, { once: true });
      shared.add(waiting);
      shared.wake();
    });
  }

  /** From now on this connection is of another kind; what it holds goes with it. */
  moveTo(shared: SharedBudget, bytesMax: number): void {
    const bytes = this.#bytes;
    this.count(-bytes);
    this.#shared = shared;
    this.#bytesMax = bytesMax;
    this.count(bytes);
  }

  /** The connection is over: nothing is held for it, whatever still runs. */
  close(): void {
    this.count(-this.#bytes);
    this.#closed = true;
  }
}

/** Both directions of one kind of connection. */
interface Pool {
  readonly incoming: SharedBudget;
  readonly outgoing: SharedBudget;
  readonly bytesMax: number;
}

/** What a server may hold for all its connections. */
export interface Pools {
  readonly known: Pool;
  readonly strangers: Pool;
}

export function createPools(limits: HoldingLimits): Pools {
  const pool = (allBytesMax: number, bytesMax: number): Pool => ({
    incoming: new SharedBudget(allBytesMax),
    outgoing: new SharedBudget(allBytesMax),
    bytesMax,
  });
  return {
    known: pool(limits.allKnownBytesMax, limits.knownBytesMax),
    strangers: pool(limits.allStrangersBytesMax, limits.strangerBytesMax),
  };
}

/** What a server holds for one connection. */
export class Holdings {
  /** Frames that come in, and parameters of calls that run. */
  readonly incoming: Budget;
  /** Results that are made, or wait to be read. */
  readonly outgoing: Budget;
  readonly #pools: Pools;
  #isStranger: boolean;

  constructor(pools: Pools, isStranger: boolean) {
    const { incoming, outgoing, bytesMax } = isStranger ? pools.strangers : pools.known;
    this.#pools = pools;
    this.#isStranger = isStranger;
    this.incoming = new Budget(incoming, bytesMax);
    this.outgoing = new Budget(outgoing, bytesMax);
  }

  get isStranger(): boolean {
    return this.#isStranger;
  }

  set isStranger(isStranger: boolean) {
    this.#isStranger = isStranger;
    const { incoming, outgoing, bytesMax } = isStranger ? this.#pools.strangers : this.#pools.known;
    this.incoming.moveTo(incoming, bytesMax);
    this.outgoing.moveTo(outgoing, bytesMax);
  }

  close(): void {
    this.incoming.close();
    this.outgoing.close();
  }
}
