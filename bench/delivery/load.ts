/** Load of a given shape, and what it took. */

export interface Rate {
  readonly perSecond: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

/**
 * Runs `act` again and again for a while, `inFlight` times at once for each worker.
 * @param act gets the worker's number
 */
export async function rateOf(
  act: (worker: number) => Promise<unknown>,
  options: { readonly workers: number; readonly inFlight: number; readonly seconds: number },
): Promise<Rate> {
  const { workers, inFlight, seconds } = options;
  const times: number[] = [];
  const started = performance.now();
  // The first part warms up and is not counted.
  const countFrom = started + Math.min(1_000, seconds * 250);
  const until = countFrom + seconds * 1_000;
  const lanes = Array.from({ length: workers * inFlight }, async (_, lane) => {
    for (;;) {
      const from = performance.now();
      if (from >= until) return;
      await act(lane % workers);
      if (from >= countFrom) times.push(performance.now() - from);
    }
  });
  await Promise.all(lanes);
  return { perSecond: times.length / (performance.now() - countFrom) * 1_000, ...spread(times) };
}

/** Runs `act` at fixed moments, whatever the answers take. */
export async function paced(
  act: (index: number) => void,
  options: { readonly perSecond: number; readonly seconds: number },
): Promise<void> {
  const started = performance.now();
  const count = Math.floor(options.perSecond * options.seconds);
  for (let index = 0; index < count;) {
    const due = Math.min(
      count,
      Math.floor((performance.now() - started) / 1_000 * options.perSecond),
    );
    while (index < due) act(index++);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

export function spread(times: readonly number[]): { readonly p50: number; readonly p99: number } {
  const sorted = [...times].sort((one, other) => one - other);
  const at = (part: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
  return { p50: at(0.5) ?? NaN, p99: at(0.99) ?? NaN };
}

/** Memory that a process has in use, in KB. */
export async function residentKb(pid: number): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? NaN);
}

/** Starts a program of this folder, and waits for the line that it prints. */
export async function startProcess(
  path: string,
  args: readonly string[],
): Promise<{ readonly line: string; readonly stop: () => Promise<void> }> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--allow-all", "--no-check", path, ...args],
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let line = "";
  while (!line.includes("\n")) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`${path} did not start`);
    line += value;
  }
  return {
    line,
    stop: async () => {
      child.kill("SIGKILL");
      await child.status;
      await reader.cancel();
    },
  };
}
