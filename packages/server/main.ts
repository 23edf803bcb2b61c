/** `qpq-server`: understands its command line, and serves until it is told to stop. */
import { openJsonLog, readServerCertificate, systemClock, systemRandom } from "@qpq/adapters";
import { formatHostPort, MessengerError, serverNameAt, VERSION } from "@qpq/ports";
import { manageAccounts } from "./accounts.ts";
import { readCommandLine } from "./command-line.ts";
import { ConfigError, type LoadedConfig, printConfig } from "./config.ts";
import { operate } from "./operate.ts";
import { isProduction, productionRefusals } from "./production.ts";
import { openServer, type Server } from "./server.ts";
import { endWithMistake, processSurroundings, write, writeError } from "./surroundings.ts";

/** Milliseconds from the first signal to the end, whatever hangs. */
const STOP_TIMEOUT_MS = 10_000;
const EXIT_FAILED = 1;

Deno.exit(await main());

async function main(): Promise<number> {
  const line = readCommandLine(Deno.args, processSurroundings());
  if (line.kind === "mistake") endWithMistake(line.message);
  if (line.kind === "text") {
    write(line.text);
    return 0;
  }
  const { task, loaded } = line;
  if (task.kind === "print-config") {
    write(`${printConfig(loaded)}\n`);
    return 0;
  }
  try {
    if (task.kind === "serve") return await serve(loaded);
    const done = task.kind === "accounts"
      ? await manageAccounts(task, loaded.config.data_dir)
      : await operate(task, loaded.config);
    write(`${done}\n`);
    return 0;
  } catch (error) {
    if (!(error instanceof MessengerError)) throw error;
    writeError(`qpq-server: ${error.message}\n`);
    return EXIT_FAILED;
  }
}

async function serve(loaded: LoadedConfig): Promise<number> {
  await checkProduction(loaded);
  const log = openJsonLog({
    clock: systemClock,
    level: loaded.config.log_level,
    write: (text) => writeError(`${text}\n`),
  });
  const stopping = stopSignal();
  const server = await openServer({
    loaded,
    clock: systemClock,
    random: systemRandom,
    log,
    memory: Deno.memoryUsage,
  });
  greet(server, loaded);
  const failure = await Promise.race([stopping, server.failed]);
  if (failure !== undefined) log.error("store-failed", { reason: failure.message });
  log.info("draining");
  await server.drain();
  await server[Symbol.asyncDispose]();
  log.info("stopped");
  return failure === undefined ? 0 : EXIT_FAILED;
}

/** Ends the process when it is to be in production and its configuration isn't fit for that. */
async function checkProduction(loaded: LoadedConfig): Promise<void> {
  let refusals: readonly string[] = [];
  try {
    if (!isProduction(Deno.env.get("QPQ_PRODUCTION"))) return;
    const { config: { tls_cert: certificateFile, tls_key: keyFile }, sources } = loaded;
    const isSelfMade = sources.tls_cert !== "default" &&
      (await readServerCertificate({ certificateFile, keyFile })).selfSigned;
    refusals = productionRefusals(loaded, isSelfMade);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    endWithMistake(error.message);
  }
  if (refusals.length === 0) return;
  const reasons = refusals.map((reason) => `\n  - ${reason}`).join("");
  endWithMistake(`QPQ_PRODUCTION=1 refuses to start:${reasons}`);
}

/** Resolves with the first SIGTERM or SIGINT. A second one, or the time limit, ends the process. */
function stopSignal(): Promise<undefined> {
  return new Promise((resolve) => {
    let isStopping = false;
    const onSignal = (): void => {
      if (isStopping) Deno.exit(EXIT_FAILED);
      isStopping = true;
      Deno.unrefTimer(setTimeout(() => Deno.exit(EXIT_FAILED), STOP_TIMEOUT_MS));
      resolve(undefined);
    };
    for (const signal of ["SIGTERM", "SIGINT"] as const) Deno.addSignalListener(signal, onSignal);
  });
}

function greet(
  { address, httpAddress, certificate, serverName }: Server,
  { config }: LoadedConfig,
): void {
  const where = formatHostPort(address);
  const isWildcard = address.hostname === "0.0.0.0" || address.hostname === "::";
  const hostname = isWildcard ? config.tls_names[0] ?? "NAME-OF-THIS-MACHINE" : address.hostname;
  const reachedAt = formatHostPort({ hostname, port: address.port });
  // A client expects the name that it dials, unless it is told another.
  const named = serverName === serverNameAt(hostname) ? "" : ` --server-name ${serverName}`;
  const lines = [
    `qpq-server ${VERSION} listens on ${where} (UDP), data in ${config.data_dir}`,
    ...(httpAddress === undefined ? [] : [`HTTP for operators on ${formatHostPort(httpAddress)}`]),
    "A client needs this line, once:",
    `  qpq repl --server ${reachedAt} --pin ${certificate.pin}${named}`,
  ];
  write(`${lines.join("\n")}\n`);
}
