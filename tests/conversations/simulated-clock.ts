/** Time that passes while the program has nothing to do: how fast the machine is changes nothing. */
import { setImmediate } from "node:timers";
import { assert, type Clock, type Timer } from "@qpq/ports";

/** Milliseconds by which time moves at most, … */
const STEP_MS = 20;
/** … when so many turns of the event loop have passed without any work on another thread. */
const TURNS_BETWEEN_STEPS = 4;
const START_MS = 1_700_000_000_000;

/** Timers that are set when it is disposed never fire. */
export interface SimulatedClock extends Clock, Disposable {}

interface SetTimer {
  readonly atMs: number;
  readonly callback: () => void;
}

/**
 * A program that waits for a minute waits for some thousand turns of the event loop; one that stalls, or
 * computes, stops the clock. So no deadline passes because the machine is slow, and none is waited for
 * longer than it takes to see that nothing else happens. Stores have to be in memory: what other threads
 * do for them is not seen.
 */
export function openSimulatedClock(): SimulatedClock {
  const threads = watchThreads();
  const timers = new Set<SetTimer>();
  let elapsedMs = 0;
  let isRunning = false;
  let isOver = false;

  const next = (untilMs: number): SetTimer | undefined => {
    let found: SetTimer | undefined;
    // Insertion order is age: a strict comparison keeps the oldest of one moment.
    for (const timer of timers) {
      if (timer.atMs <= untilMs && (found === undefined || timer.atMs < found.atMs)) found = timer;
    }
    return found;
  };
  const run = async (): Promise<void> => {
    while (timers.size > 0 && !isOver) {
      for (let quiet = 0; quiet < TURNS_BETWEEN_STEPS;) {
        await nextTurn();
        quiet = threads.atWork > 0 ? 0 : quiet + 1;
      }
      const timer = next(elapsedMs + STEP_MS);
      elapsedMs = timer === undefined ? elapsedMs + STEP_MS : Math.max(elapsedMs, timer.atMs);
      if (timer === undefined || isOver) continue;
      timers.delete(timer);
      timer.callback();
    }
    isRunning = false;
  };

  return {
    now: () => Math.floor(START_MS + elapsedMs),
    monotonic: () => elapsedMs,
    schedule(delayMs: number, callback: () => void): Timer {
      assert(delayMs >= 0, "a delay is not negative");
      const timer = { atMs: elapsedMs + delayMs, callback };
      timers.add(timer);
      if (!isRunning && !isOver) {
        isRunning = true;
        void run();
      }
      return { cancel: () => void timers.delete(timer) };
    },
    [Symbol.dispose]: () => {
      isOver = true;
      timers.clear();
      threads[Symbol.dispose]();
    },
  };
}

/** Counts what is under way in WebCrypto, which computes on other threads. */
function watchThreads(): { readonly atWork: number } & Disposable {
  // deno-lint-ignore no-explicit-any -- whatever it is called with goes through
  const methods = SubtleCrypto.prototype as unknown as Record<string, (...all: any[]) => unknown>;
  const originals = Object.entries(Object.getOwnPropertyDescriptors(methods)).filter(
    ([name, { value }]) => name !== "constructor" && typeof value === "function",
  );
  let atWork = 0;
  for (const [name, { value }] of originals) {
    Object.defineProperty(methods, name, {
      configurable: true,
      writable: true,
      value(this: SubtleCrypto, ...all: unknown[]): unknown {
        const answer = value.apply(this, all);
        if (answer instanceof Promise) {
          atWork++;
          const done = (): void => void atWork--;
          answer.then(done, done);
        }
        return answer;
      },
    });
  }
  return {
    get atWork(): number {
      return atWork;
    },
    [Symbol.dispose]: () => {
      for (const [name, descriptor] of originals) Object.defineProperty(methods, name, descriptor);
    },
  };
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}
