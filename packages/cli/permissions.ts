/**
 * Prints the runtime's permission flags that this command line needs, one a line, for the launcher.
 * Runs with leave to read `QPQ_*` variables and what is remembered of servers, nothing else.
 *
 * It looks for options without knowing the commands. What it takes for one too many only lets this
 * run reach what its own user typed.
 */
import { isIP } from "node:net";
import { resolve } from "node:path";
import { ARGON2_NEEDS, argon2Addon, databaseAddon, sourceFolder } from "@qpq/adapters/native-code";
import { escapePath, flagLines, UnspeakableError } from "@qpq/adapters/sandbox";
import { GIVEN_VARIABLES, variableWarnings } from "@qpq/adapters/variables";
import { formatHostPort } from "@qpq/ports";
import { readKnownServers } from "./servers.ts";
import { SECRETS, STORE_COMMANDS } from "./store-commands.ts";
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
  // The last one holds, as for the command itself.
  const stateFolder = path(
    valuesOf("--state-dir", around.args).at(-1) ?? all("state-dir")[0] ?? "",
  );
  const servers = all("server").length > 0
    ? all("server")
    : [around.lastServer(stateFolder) ?? SERVER_DEFAULT];
  const addresses = servers.flatMap((text) => {
    const server = parseServer(text);
    if (server === undefined) return [];
    // A name is looked up, which takes leave for all of it, and its addresses may change.
    return [isIP(server.hostname) === 0 ? server.hostname : formatHostPort(server)];
  });
  const secrets = SECRETS.flatMap((name) => all(`${name}-file`));
  const files = [...all("ca-cert"), ...secrets, LOCAL_CERTIFICATE].map(path);
  // A command is the first word. Those that open a store load the native code of one.
  const opensStore = STORE_COMMANDS.some((command) => command === around.args[0]);
  const sources = opensStore ? [sourceFolder()] : [];
  return [
    // The last two are its own sockets: any free port.
    `--allow-net=${[...addresses, "0.0.0.0:0", "[::]:0"].join(",")}`,
    `--allow-read=${[stateFolder, ...files, ...sources].map(escapePath).join(",")}`,
    `--allow-write=${escapePath(stateFolder)}`,
    ["--allow-env=QPQ_*,NO_COLOR", ...opensStore ? ARGON2_NEEDS.variables : []].join(","),
    ...opensStore
      ? [
        `--allow-ffi=${[databaseAddon(), argon2Addon()].map(({ path }) => escapePath(path))}`,
        `--allow-sys=${ARGON2_NEEDS.system.join(",")}`,
      ]
      : [],
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
  for (const warning of variableWarnings("qpq", Deno.env.get(GIVEN_VARIABLES))) {
    Deno.stderr.writeSync(new TextEncoder().encode(`${warning}\n`));
  }
  try {
    Deno.stdout.writeSync(new TextEncoder().encode(flagLines(flags)));
  } catch (error) {
    if (!(error instanceof UnspeakableError)) throw error;
    Deno.stderr.writeSync(new TextEncoder().encode(`qpq: ${error.message}\n`));
    Deno.exit(2);
  }
}
