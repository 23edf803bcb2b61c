/**
 * `npm run demo`: the main job, with real programs. Starts a server on a free port with a data folder
 * of its own, pings it, stops it. Ends with 0 only if each step was seen to work.
 */
import { QPQ, run, startServer, temporaryFolder } from "../tests/e2e/processes.ts";

const PINGS = 5;

await using state = await temporaryFolder();
print("quicproquo demo: a server, a client that trusts only it, and a ping\n");

const startedAt = performance.now();
await using server = await startServer();
tell("server", `listens on ${server.address} after ${since(startedAt)}, in a folder of its own`);
tell("trust", `the client believes one certificate, the one printed: ${server.pin.slice(0, 23)}…`);

const ping = await run(QPQ, [
  "ping",
  ...["--server", server.address, "--pin", server.pin, "--count", String(PINGS), "--json"],
], { env: { QPQ_STATE_DIR: state.path } });
if (ping.code !== 0) fail(`qpq ping ended with ${ping.code}: ${ping.stderr}`);
const last = JSON.parse(ping.stdout.trim().split("\n").at(-1) ?? "{}");
if (last.received !== PINGS) fail(`only ${last.received} of ${PINGS} pings were answered`);
tell(
  "ping",
  `${last.received} of ${PINGS} answered: ${last.minMs} ms at least, ${last.avgMs} ms on average`,
);

const stranger = await run(QPQ, ["ping", "--server", server.address, "--timeout", "3"], {
  env: { QPQ_STATE_DIR: `${state.path}/stranger` },
  cwd: state.path,
});
if (stranger.code !== 3) fail(`a client that trusts nobody ended with ${stranger.code}, not 3`);
tell("stranger", "a client that was not told whom to trust refuses to talk, and ends with 3");

const stoppedAt = performance.now();
server.signal("SIGTERM");
const code = await server.ended;
if (code !== 0) fail(`the server ended with ${code}`);
tell("stop", `drained and ended with 0 after ${since(stoppedAt)}`);

function since(from: number): string {
  return `${((performance.now() - from) / 1000).toFixed(1)} s`;
}

function tell(who: string, what: string): void {
  print(`  ${who.padEnd(9)} ${what}`);
}

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

function fail(reason: string): never {
  throw new Error(`the demo failed: ${reason}`);
}
