/**
 * Prints the runtime's permission flags that this command line needs, one a line, for the launcher.
 * Runs with leave to read the configuration file and `QPQ_*` variables, nothing else.
 */
import { fileURLToPath } from "node:url";
import { ADMIN_SOCKET } from "./admin-socket.ts";
import { type CommandLine, readCommandLine } from "./command-line.ts";
import { argon2Addon, databaseAddon } from "./native-code.ts";
import { endWithMistake, processSurroundings, write } from "./surroundings.ts";

/** The least that a run needs. No programs, and no address but the server's own sockets. */
export function permissionsFor(
  { task, loaded: { config }, configFile }: Extract<CommandLine, { kind: "run" }>,
): readonly string[] {
  const configuration = configFile === undefined ? [] : [configFile];
  if (task.kind === "print-config") {
    return [...configuration.map((path) => `--allow-read=${escapePath(path)}`), VARIABLES];
  }
  const admin = `unix:${escapePath(`${config.data_dir}/${ADMIN_SOCKET}`)}`;
  const sockets = task.kind === "serve"
    ? [config.listen, config.http_listen, admin].filter((text) => text !== "")
    : task.kind === "backup"
    ? [admin]
    : [];
  // The store's writing thread loads its own source.
  const sources = fileURLToPath(new URL("..", import.meta.url));
  const reads = [...configuration, config.data_dir, config.tls_cert, config.tls_key, sources];
  const files = "file" in task ? [task.file] : [];
  const stretches = config.db_key !== "" || task.kind === "rekey";
  const addons = [databaseAddon(), ...(stretches ? [argon2Addon()] : [])];
  return [
    ...sockets.length > 0 ? [`--allow-net=${sockets.join(",")}`] : [],
    `--allow-read=${[...new Set([...reads, ...files])].map(escapePath).join(",")}`,
    `--allow-write=${[config.data_dir, ...files].map(escapePath).join(",")}`,
    `--allow-ffi=${addons.map(({ path }) => escapePath(path)).join(",")}`,
    ...stretches ? [`${VARIABLES},${ARGON2_VARIABLES}`, ARGON2_SYSTEM] : [VARIABLES],
    "--unstable-net",
  ];
}

const VARIABLES = "--allow-env=QPQ_*";
/** What Argon2's loader asks before it chooses its addon. */
const ARGON2_VARIABLES =
  "NAPI_RS_WASI_FLAVOR,NAPI_RS_FORCE_WASI,NAPI_RS_NATIVE_LIBRARY_PATH,NAPI_RS_ENFORCE_VERSION_CHECK";
const ARGON2_SYSTEM = "--allow-sys=cpus,networkInterfaces,hostname";

/** The runtime separates paths by commas; one inside a path is doubled. */
function escapePath(path: string): string {
  return path.replaceAll(",", ",,");
}

if (import.meta.main) {
  const line = readCommandLine(Deno.args, processSurroundings());
  if (line.kind === "mistake") endWithMistake(line.message);
  write((line.kind === "text" ? [VARIABLES] : permissionsFor(line)).join("\n"));
}
