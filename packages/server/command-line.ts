/** The words after `qpq-server`: which run is asked for, and the configuration it holds. */
import { resolve } from "node:path";
import { Command, CommanderError, Option } from "commander";
import {
  CONFIG_KEY_NAMES,
  CONFIG_KEYS,
  ConfigError,
  flagOf,
  loadConfig,
  type LoadedConfig,
  type ServerConfig,
  variableOf,
} from "./config.ts";
import { VERSION } from "@qpq/ports";

export type CommandLine =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "print-config"; readonly loaded: LoadedConfig; readonly file?: string }
  | { readonly kind: "serve"; readonly loaded: LoadedConfig; readonly file?: string }
  | { readonly kind: "mistake"; readonly message: string };

export interface Surroundings {
  readonly environment: (variable: string) => string | undefined;
  /** @returns undefined when there is no such file */
  readonly readTextFile: (path: string) => string | undefined;
  readonly workingFolder: string;
}

/** Read without being named, when it stands in the working folder. */
const CONFIG_FILE_DEFAULT = "qpq-server.toml";

/** Understands one command line. Never throws: a mistake is an outcome, with the text to show. */
export function readCommandLine(args: readonly string[], around: Surroundings): CommandLine {
  let output = "";
  const program = buildProgram().exitOverride().configureOutput({
    writeOut: (text) => output += text,
    writeErr: () => {},
    // Asking the terminal would take leave to read variables that aren't ours.
    getOutHasColors: () => false,
    getErrHasColors: () => false,
  });
  try {
    program.parse([...args], { from: "user" });
    const { config, printConfig, ...rest } = program.opts<Record<string, string | true>>();
    const flags: Partial<Record<keyof ServerConfig, string>> = {};
    for (const key of CONFIG_KEY_NAMES) {
      const value = rest[camelCase(key)];
      if (typeof value === "string") flags[key] = value;
    }
    const file = readConfigFile(config === true ? undefined : config, around);
    const loaded = loadConfig({
      flags,
      environment: around.environment,
      workingFolder: around.workingFolder,
      ...(file === undefined ? {} : { file }),
    });
    const kind = printConfig === true ? "print-config" as const : "serve" as const;
    return file === undefined ? { kind, loaded } : { kind, loaded, file: file.absolutePath };
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return { kind: "text", text: output };
      return { kind: "mistake", message: error.message.replace(/^error: /, "") };
    }
    if (error instanceof ConfigError) return { kind: "mistake", message: error.message };
    throw error;
  }
}

function buildProgram(): Command {
  const program = new Command("qpq-server")
    .description("Routes quicproquo's end-to-end encrypted messages. It sees ciphertext only.")
    .version(`qpq-server ${VERSION}`, "-V, --version")
    .option(
      "--config <file>",
      `TOML file with the keys below (QPQ_CONFIG; default ./${CONFIG_FILE_DEFAULT} if there is one)`,
    )
    .option("--print-config", "show what holds and where it comes from, secrets masked, and end");
  for (const key of CONFIG_KEY_NAMES) {
    const { help, default: value } = CONFIG_KEYS[key];
    const shown = value === "" || (Array.isArray(value) && value.length === 0)
      ? ""
      : `; default ${value}`;
    program.addOption(
      new Option(`${flagOf(key)} <value>`, `${help} (${variableOf(key)}${shown})`),
    );
  }
  return program.helpOption("-h, --help", "show this").addHelpText(
    "after",
    "\nA flag wins over the environment, the environment over the file, the file over the default." +
      "\nqpq-server --print-permissions ... shows what the sandbox allows with these options.",
  );
}

function readConfigFile(
  named: string | undefined,
  around: Surroundings,
): { path: string; absolutePath: string; text: string } | undefined {
  const asked = named ?? around.environment("QPQ_CONFIG");
  const path = asked ?? CONFIG_FILE_DEFAULT;
  const absolutePath = resolve(around.workingFolder, path);
  const text = around.readTextFile(absolutePath);
  if (text !== undefined) return { path, absolutePath, text };
  if (asked === undefined) return undefined;
  throw new ConfigError(`${path}: no such configuration file that can be read`);
}

function camelCase(key: string): string {
  return key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
