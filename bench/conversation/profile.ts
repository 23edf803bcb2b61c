/** Where the time of a process goes: sampled by the runtime, told by function. */
import { Session } from "node:inspector/promises";

const SAMPLE_US = 500;
const LINES_MAX = 40;

interface Node {
  readonly id: number;
  readonly callFrame: {
    readonly functionName: string;
    readonly url: string;
    readonly lineNumber: number;
  };
  readonly children?: readonly number[];
}

/** Called with `start`, then with `stop`, which gives the functions that took most. */
export function profiling(): (what: "start" | "stop") => Promise<readonly string[]> {
  const session = new Session();
  return async (what) => {
    if (what === "start") {
      session.connect();
      await session.post("Profiler.enable");
      await session.post("Profiler.setSamplingInterval", { interval: SAMPLE_US });
      await session.post("Profiler.start");
      return [];
    }
    const { profile } = await session.post("Profiler.stop");
    session.disconnect();
    return hottest(profile as unknown as Parameters<typeof hottest>[0]);
  };
}

function hottest(
  { nodes, samples, timeDeltas }: {
    readonly nodes: readonly Node[];
    readonly samples: readonly number[];
    readonly timeDeltas: readonly number[];
  },
): readonly string[] {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const parents = new Map(
    nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)),
  );
  const own = new Map<string, number>();
  const whole = new Map<string, number>();
  let totalUs = 0;
  for (const [index, id] of samples.entries()) {
    const us = timeDeltas[index] ?? 0;
    totalUs += us;
    const seen = new Set<string>();
    for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) {
      const name = nameOf(byId.get(at) as Node);
      if (at === id) own.set(name, (own.get(name) ?? 0) + us);
      if (!seen.has(name)) whole.set(name, (whole.get(name) ?? 0) + us);
      seen.add(name);
    }
  }
  const percent = (us: number): string => `${(100 * us / totalUs).toFixed(1).padStart(5)} %`;
  const most = (from: ReadonlyMap<string, number>): readonly string[] =>
    [...from].toSorted(([, one], [, other]) => other - one).slice(0, LINES_MAX)
      .map(([name, us]) => `${percent(us)} ${name}`);
  return ["by themselves:", ...most(own), "with what they call:", ...most(whole)];
}

function nameOf({ callFrame: { functionName, url, lineNumber } }: Node): string {
  return `${functionName || "(anonymous)"} ${url.split("/").slice(-2).join("/")}:${lineNumber + 1}`;
}
