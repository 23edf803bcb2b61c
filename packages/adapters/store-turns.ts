import { AssertionFailure } from "@qpq/ports";
import { setImmediate } from "node:timers";
import type { StoreEngine } from "./store-engine.ts";

export type Outcome<Result> =
  | { readonly kind: "returned"; readonly value: Result }
  | { readonly kind: "threw"; readonly reason: unknown };

/**
 * Watches over functions that may await nothing but the store. Reads are answered at once, so such a
 * function has ended when the event loop goes on to its next turn; one that has not is ended there.
 */
export class TurnGuard {
  readonly #engine: StoreEngine;
  readonly #open = new Set<Unit>();
  #holds = 0;
  #scheduled = false;
  #whenQuiet: (() => void)[] = [];

  constructor(engine: StoreEngine) {
    this.#engine = engine;
  }

  run<Result>(view: { ended: boolean }, fn: () => Promise<Result>): Promise<Outcome<Result>> {
    return new Promise((resolve) => {
      const release = this.hold();
      const settle = (outcome: Outcome<Result>): void => {
        if (view.ended) return;
        view.ended = true;
        this.#open.delete(unit);
        release();
        resolve(outcome);
      };
      const threw = (reason: unknown): void => settle({ kind: "threw", reason });
      const unit: Unit = {
        seen: false,
        end: () =>
          threw(new AssertionFailure("a transaction or snapshot awaits nothing but the store")),
      };
      this.#open.add(unit);
      this.#schedule();
      try {
        fn().then((value) => settle({ kind: "returned", value }), threw);
      } catch (reason) {
        threw(reason);
      }
    });
  }

  /**
   * Keeps the engine's reads open, of one state.
   * @returns what lets go of them; called once
   */
  hold(): () => void {
    if (this.#holds === 0) this.#engine.beginReads();
    this.#holds++;
    return () => {
      this.#holds--;
      if (this.#holds > 0) return;
      this.#engine.endReads();
      const actions = this.#whenQuiet;
      this.#whenQuiet = [];
      for (const action of actions) action();
    };
  }

  /** Calls `action` at the first moment at which no reads are open. */
  whenQuiet(action: () => void): Promise<void> {
    if (this.#holds === 0) {
      action();
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      this.#whenQuiet.push(() => {
        action();
        resolve();
      });
    });
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      for (const unit of [...this.#open]) {
        // Twice: it may have begun in this very turn, with its reads' answers still on the way.
        if (unit.seen) unit.end();
        unit.seen = true;
      }
      if (this.#open.size > 0) this.#schedule();
    });
  }
}

interface Unit {
  readonly end: () => void;
  seen: boolean;
}
