/** `qpq-server`: understands its command line, serves until it is told to stop, and drains. */
import { openJsonLog, systemClock, systemRandom } from "@qpq/adapters";
import { formatHostPort, MessengerError, VERSION } from "@qpq/ports";
import { readCommandLine } from "./command-line.ts";
import { type LoadedConfig, printConfig } from "./config.ts";
import { productionRefusals } from "./production.ts";
import { openServer, type Server } from "./server.ts";
import { endWithMistake, processSurroundings, write, writeError } from "./surroundings.ts";

/** Milliseconds from the first signal to the end, whatever hangs. */
const STOP_TIMEOUT_MS = 10_000;
const EXIT_FAILED = 1;

const line = readCommandLine(Deno.args, processSurroundings());
switch (line.kind) {
  case "text":
    write(line.text);
    break;
  case "mistake":
    endWithMistake(line.message);
    break;
  case "print-config":
    write(`${printConfig(line.loaded)}\n`);
    break;
  case "serve":
    Deno.exit(await serve(line.loaded));
}

async function serve(loaded: LoadedConfig): Promise<number> {
  if (Deno.env.get("QPQ_PRODUCTION") === "1") {
    const refusals = productionRefusals(loaded);
    if (refusals.length > 0) {
      const reasons = refusals.map((reason) => `\n  - ${reason}`).join("");
      endWithMistake(`QPQ_PRODUCTION=1 refuses to start:${reasons}`);
    }
  }
  const log = openJsonLog({
    clock: systemClock,
    level: loaded.config.log_level,
    write: (text) => writeError(`${text}\n`),
  });
  const stopping = stopSignal();
  let server: Server;
  try {
    server = await openServer({
      loaded,
      clock: systemClock,
      random: systemRandom,
      log,
      memory: Deno.memoryUsage,
    });
  } catch (error) {
    if (!(error instanceof MessengerError)) throw error;
    writeError(`qpq-server: ${error.message}\n`);
    return EXIT_FAILED;
  }
  greet(server, loaded);
  await stopping;
  log.info("draining");
  await server.drain();
  await server[Symbol.asyncDispose]();
  log.info("stopped");
  return 0;
}

/** Resolves with the first SIGTERM or SIGINT. A second one, or the time limit, ends the process. */
function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    let isStopping = false;
    const onSignal = (): void => {
      if (isStopping) Deno.exit(EXIT_FAILED);
      isStopping = true;
      Deno.unrefTimer(setTimeout(() => Deno.exit(EXIT_FAILED), STOP_TIMEOUT_MS));
      resolve();
    };
    for (const signal of ["SIGTERM", "SIGINT"] as const) Deno.addSignalListener(signal, onSignal);
  });
}

function greet({ address, httpAddress, certificate }: Server, { config }: LoadedConfig): void {
  const where = formatHostPort(address);
  const isWildcard = address.hostname === "0.0.0.0" || address.hostname === "::";
  const hostname = isWildcard ? config.tls_names[0] ?? "NAME-OF-THIS-MACHINE" : address.hostname;
  const reachedAt = formatHostPort({ hostname, port: address.port });
  const lines = [
    `qpq-server ${VERSION} listens on ${where} (UDP), data in ${config.data_dir}`,
    ...(httpAddress === undefined ? [] : [`HTTP for operators on ${formatHostPort(httpAddress)}`]),
    "A client needs this line, once:",
    `  qpq repl --server ${reachedAt} --pin ${certificate.pin}`,
  ];
  write(`${lines.join("\n")}\n`);
}
