/**
 * Prints the runtime's permission flags that this command line needs, one a line, for the launcher.
 * Runs with leave to read the configuration file and `QPQ_*` variables, nothing else.
 */
import { ARGON2_NEEDS, argon2Addon, databaseAddon, sourceFolder } from "@qpq/adapters/native-code";
import { escapePath, flagLines, UnspeakableError } from "@qpq/adapters/sandbox";
import { GIVEN_VARIABLES, variableWarnings } from "@qpq/adapters/variables";
import { ADMIN_SOCKET } from "./admin-socket.ts";
import { type CommandLine, readCommandLine } from "./command-line.ts";
import { endWithMistake, processSurroundings, write, writeError } from "./surroundings.ts";

/** The least that a run needs. No programs, and no address but the server's own sockets. */
export function permissionsFor(
  { task, loaded: { config }, configFile }: Extract<CommandLine, { kind: "run" }>,
): readonly string[] {
  const configuration = configFile === undefined ? [] : [configFile];
  if (task.kind === "print-config") {
    return [...configuration.map((path) => `--allow-read=${escapePath(path)}`), VARIABLES];
  }
  const admin = `unix:${escapePath(`${config.data_dir}/${ADMIN_SOCKET}`)}`;
  if (task.kind === "accounts") return [`--allow-net=${admin}`, ...socketFile(config), VARIABLES];
  const sockets = task.kind === "serve"
    ? [config.listen, config.http_listen, admin].filter((text) => text !== "")
    : task.kind === "backup"
    ? [admin]
    : [];
  // The store's writing thread loads its own source.
  const reads = [
    ...[...configuration, config.data_dir, config.tls_cert, config.tls_key],
    sourceFolder(),
  ];
  const files = "file" in task ? [task.file] : [];
  const stretches = config.db_key !== "" || task.kind === "rekey";
  const addons = [databaseAddon(), ...(stretches ? [argon2Addon()] : [])];
  return [
    ...sockets.length > 0 ? [`--allow-net=${sockets.join(",")}`] : [],
    `--allow-read=${[...new Set([...reads, ...files])].map(escapePath).join(",")}`,
    `--allow-write=${[config.data_dir, ...files].map(escapePath).join(",")}`,
    `--allow-ffi=${addons.map(({ path }) => escapePath(path)).join(",")}`,
    ...stretches
      ? [
        [VARIABLES, ...ARGON2_NEEDS.variables].join(","),
        `--allow-sys=${ARGON2_NEEDS.system.join(",")}`,
      ]
      : [VARIABLES],
    "--unstable-net",
  ];
}

/** A socket is reached through its file. */
function socketFile({ data_dir }: { readonly data_dir: string }): readonly string[] {
  const path = escapePath(`${data_dir}/${ADMIN_SOCKET}`);
  return [`--allow-read=${path}`, `--allow-write=${path}`];
}

const VARIABLES = "--allow-env=QPQ_*";

if (import.meta.main) {
  const line = readCommandLine(Deno.args, processSurroundings());
  for (const warning of variableWarnings("qpq-server", Deno.env.get(GIVEN_VARIABLES))) {
    writeError(`${warning}\n`);
  }
  if (line.kind === "mistake") endWithMistake(line.message);
  try {
    write(flagLines(line.kind === "text" ? [VARIABLES] : permissionsFor(line)));
  } catch (error) {
    if (!(error instanceof UnspeakableError)) throw error;
    endWithMistake(error.message);
  }
}
