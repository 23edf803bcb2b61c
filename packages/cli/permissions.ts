/**
 * Prints the runtime's permission flags that this command line needs, one a line, for the launcher.
 * Runs with leave to read `QPQ_*` variables and what is remembered of servers, nothing else.
 *
 * It looks for options without knowing the commands. What it takes for one too many only lets this
 * run reach what its own user typed.
 */
import { isIP } from "node:net";
import { resolve } from "node:path";
import { formatHostPort } from "@qpq/ports";
import { readKnownServers } from "./servers.ts";
import { LOCAL_CERTIFICATE, parseServer, SERVER_DEFAULT } from "./server-address.ts";

interface Surroundings {
  readonly args: readonly string[];
  readonly environment: (variable: string) => string | undefined;
  readonly workingFolder: string;
  readonly lastServer: (stateFolder: string) => string | undefined;
}

/** The least that this command line needs: one server, one folder to write, files that it names. */
export function permissionsFor(around: Surroundings): readonly string[] {
  const path = (text: string): string => resolve(around.workingFolder, text);
  const all = (option: string): readonly string[] => {
    const variable = around.environment(`QPQ_${option.replaceAll("-", "_").toUpperCase()}`);
    return [...valuesOf(`--${option}`, around.args), ...(variable === undefined ? [] : [variable])];
  };
  const stateFolder = path(all("state-dir")[0] ?? "");
  const servers = all("server").length > 0
    ? all("server")
    : [around.lastServer(stateFolder) ?? SERVER_DEFAULT];
  const addresses = servers.flatMap((text) => {
    const server = parseServer(text);
    if (server === undefined) return [];
    // A name is looked up, which takes leave for all of it, and its addresses may change.
    return [isIP(server.hostname) === 0 ? server.hostname : formatHostPort(server)];
  });
  const files = [...all("ca-cert"), ...all("password-file"), LOCAL_CERTIFICATE].map(path);
  return [
    // The last two are its own sockets: any free port.
    `--allow-net=${[...addresses, "0.0.0.0:0", "[::]:0"].join(",")}`,
    `--allow-read=${[stateFolder, ...files].map(escapePath).join(",")}`,
    `--allow-write=${escapePath(stateFolder)}`,
    "--allow-env=QPQ_*,NO_COLOR",
    "--unstable-net",
  ];
}

function valuesOf(option: string, args: readonly string[]): readonly string[] {
  return args.flatMap((argument, index) => {
    if (argument.startsWith(`${option}=`)) return [argument.slice(option.length + 1)];
    const next = args[index + 1];
    return argument === option && next !== undefined ? [next] : [];
  });
}

/** The runtime separates paths by commas; one inside a path is doubled. */
function escapePath(path: string): string {
  return path.replaceAll(",", ",,");
}

if (import.meta.main) {
  const flags = permissionsFor({
    args: Deno.args,
    environment: (variable) => Deno.env.get(variable),
    workingFolder: Deno.env.get("QPQ_WORKING_FOLDER") ?? Deno.cwd(),
    lastServer: (stateFolder) => {
      try {
        return readKnownServers(stateFolder).last;
      } catch {
        // The command itself will say what is wrong with it.
        return undefined;
      }
    },
  });
  Deno.stdout.writeSync(new TextEncoder().encode(flags.join("\n")));
}
