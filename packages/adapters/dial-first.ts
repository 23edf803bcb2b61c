import type { Clock } from "@qpq/ports";

/**
 * Tries candidates one after another, each with a head start over the next, and takes the first that
 * succeeds; the others are told to give up (RFC 8305 §5). A failure starts the next one at once.
 * @param candidates at least one
 * @param options.dial must settle soon after its signal is aborted
 * @param options.discard gets what a late winner made
 * @returns what the first success gave
 * @throws the first candidate's failure when all failed; the signal's reason when it was aborted
 */
export async function dialFirst<Candidate, Dialled>(
  candidates: readonly Candidate[],
  options: {
    readonly clock: Clock;
    readonly staggerMs: number;
    readonly signal: AbortSignal;
    readonly dial: (candidate: Candidate, signal: AbortSignal) => Promise<Dialled>;
    readonly discard: (dialled: Dialled) => void;
  },
): Promise<Dialled> {
  const { clock, signal } = options;
  signal.throwIfAborted();
  const others = new AbortController();
  return await new Promise<Dialled>((resolve, reject) => {
    const failures: unknown[] = [];
    let started = 0;
    let over = false;
    let timer = clock.schedule(0, () => {});
    const finish = (): void => {
      over = true;
      timer.cancel();
      signal.removeEventListener("abort", onAbort);
      others.abort();
    };
    const onAbort = (): void => {
      finish();
      reject(signal.reason);
    };
    const startNext = (): void => {
      timer.cancel();
      const place = started;
      const candidate = candidates[place];
      if (over || candidate === undefined) return;
      started += 1;
      timer = clock.schedule(options.staggerMs, startNext);
      options.dial(candidate, others.signal).then((dialled) => {
        if (over) return options.discard(dialled);
        finish();
        resolve(dialled);
      }, (failure) => {
        failures[place] = failure;
        if (over) return;
        if (started < candidates.length) return startNext();
        if (Object.keys(failures).length < candidates.length) return;
        finish();
        reject(failures[0]);
      });
    };
    signal.addEventListener("abort", onAbort, { once: true });
    startNext();
  });
}
