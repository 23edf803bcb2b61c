/** A client's process, from outside. */
import type { Asked } from "./peer.ts";

export interface Peer extends AsyncDisposable {
  ask<Name extends keyof Asked>(
    name: Name,
    argument: Parameters<Asked[Name]>[0],
  ): ReturnType<Asked[Name]>;
  /** What is to be taken from its times, so that they are those of this process. */
  readonly clockAheadMs: number;
  readonly kill: () => Promise<void>;
}

const PINGS = 50;

export async function startPeer(): Promise<Peer> {
  const path = new URL("./peer.ts", import.meta.url).pathname;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--allow-all", "--no-check", path],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const asking = child.stdin.getWriter();
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  const read = async (): Promise<string> => {
    while (!rest.includes("\n")) {
      const { value, done } = await lines.read();
      if (done) throw new Error("a client's process has ended");
      rest += value;
    }
    const end = rest.indexOf("\n");
    const line = rest.slice(0, end);
    rest = rest.slice(end + 1);
    return line;
  };
  const ask = async (name: keyof Asked, argument: unknown): Promise<unknown> => {
    await asking.write(new TextEncoder().encode(`${JSON.stringify([name, argument])}\n`));
    return JSON.parse(await read());
  };
  let isOver = false;
  const ended = child.status.then(() => isOver = true);
  return {
    ask: ask as Peer["ask"],
    clockAheadMs: await clockAhead(() => ask("clock", null) as Promise<number>),
    kill: async () => {
      if (!isOver) child.kill("SIGKILL");
      await ended;
    },
    [Symbol.asyncDispose]: async () => {
      if (!isOver) await asking.close();
      await ended;
      await lines.cancel();
    },
  };
}

/** By the quickest of many answers. */
async function clockAhead(ask: () => Promise<number>): Promise<number> {
  let best = { tookMs: Infinity, aheadMs: 0 };
  for (let ping = 0; ping < PINGS; ping++) {
    const from = performance.now();
    const theirs = await ask();
    const to = performance.now();
    const aheadMs = theirs - performance.timeOrigin - (from + to) / 2;
    if (to - from < best.tookMs) best = { tookMs: to - from, aheadMs };
  }
  return best.aheadMs;
}
