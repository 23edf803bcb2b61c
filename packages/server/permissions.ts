/**
 * Prints the runtime's permission flags that this command line needs, one a line, for the launcher.
 * Runs with leave to read the configuration file and `QPQ_*` variables, nothing else.
 */
import { readCommandLine } from "./command-line.ts";
import type { ServerConfig } from "./config.ts";
import { endWithMistake, processSurroundings, write } from "./surroundings.ts";

/**
 * The least that serving this configuration needs: its own sockets; reading configuration and
 * certificates; one folder to write; its own variables. No programs, no other addresses.
 */
export function permissionsFor(config: ServerConfig, file?: string): readonly string[] {
  const reads = [config.data_dir, config.tls_cert, config.tls_key];
  if (file !== undefined) reads.push(file);
  return [
    `--allow-net=${[config.listen, config.http_listen].filter((text) => text !== "").join(",")}`,
    `--allow-read=${[...new Set(reads)].map(escapePath).join(",")}`,
    `--allow-write=${escapePath(config.data_dir)}`,
    "--allow-env=QPQ_*",
    "--unstable-net",
  ];
}

/** The runtime separates paths by commas; one inside a path is doubled. */
function escapePath(path: string): string {
  return path.replaceAll(",", ",,");
}

if (import.meta.main) {
  const line = readCommandLine(Deno.args, processSurroundings());
  switch (line.kind) {
    case "mistake":
      endWithMistake(line.message);
      break;
    case "serve":
      write(permissionsFor(line.loaded.config, line.file).join("\n"));
      break;
    case "print-config":
      write(line.file === undefined ? "" : `--allow-read=${escapePath(line.file)}`);
      write("\n--allow-env=QPQ_*");
      break;
    case "text":
      write("--allow-env=QPQ_*");
  }
}
