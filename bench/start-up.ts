/** How long a user waits before a command begins: bin/qpq --version and a whole qpq health, beside `deno --version`. */
import { QPQ, run, startServer, temporaryFolder } from "../tests/e2e/processes.ts";
import { Latencies } from "../packages/cli/latencies.ts";

const ROUNDS = 30;

await using state = await temporaryFolder();
await using server = await startServer();
const env = { QPQ_STATE_DIR: state.path };
const health = ["health", "--server", server.address, "--pin", server.pin];
const cases = [
  { name: "the runtime's own --version", program: Deno.execPath(), args: ["--version"] },
  { name: "bin/qpq --version", program: QPQ, args: ["--version"] },
  { name: "bin/qpq health, handshake included", program: QPQ, args: health },
].map((row) => ({ ...row, latencies: new Latencies() }));

for (let round = 0; round < ROUNDS; round++) {
  for (const { program, args, latencies } of cases) {
    const startedAt = performance.now();
    const { code, stderr } = await run(program, args, { env });
    if (code !== 0) throw new Error(stderr);
    latencies.add(performance.now() - startedAt);
  }
}
for (const { name, latencies } of cases) {
  const summary = latencies.summary();
  const figures = [summary?.minMs, summary?.avgMs, summary?.p99Ms].map((value) =>
    value?.toFixed(0)
  );
  print(`${name.padEnd(36)} min/avg/p99 ${figures.join(" / ")} ms`);
}

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}
