/** The words after `qpq-server`: which run is asked for, and the configuration it holds. */
import { resolve } from "node:path";
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
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
  | { readonly kind: "mistake"; readonly message: string }
  | {
    readonly kind: "run";
    readonly task: Task;
    readonly loaded: LoadedConfig;
    /** The configuration file that was read. */
    readonly configFile?: string;
  };

/** What to do with the configuration. Paths are absolute. */
export type Task =
  | { readonly kind: "serve" }
  | { readonly kind: "print-config" }
  | { readonly kind: "backup"; readonly file: string }
  | { readonly kind: "restore"; readonly file: string }
  | { readonly kind: "rekey"; readonly newKey: string }
  | { readonly kind: "salvage"; readonly file: string }
  | AccountsTask;

/** Asked of the running server. */
export type AccountsTask =
  & { readonly kind: "accounts" }
  & (
    | { readonly action: "list" }
    | { readonly action: "suspend" | "resume" | "delete"; readonly name: string }
    | { readonly action: "invite"; readonly uses: number; readonly days: number }
  );

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
  let task: Task = { kind: "serve" };
  const path = (text: string): string => resolve(around.workingFolder, text);
  const program = buildProgram({
    output: (text) => output += text,
    path,
    choose: (chosen) => task = chosen,
    newKey: around.environment("QPQ_NEW_DB_KEY"),
  });
  try {
    program.parse([...args], { from: "user" });
    const { config, printConfig, ...rest } = program.opts<Record<string, string | true>>();
    if (printConfig === true) task = { kind: "print-config" };
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
    return {
      kind: "run",
      task,
      loaded,
      ...(file === undefined ? {} : { configFile: file.absolutePath }),
    };
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return { kind: "text", text: output };
      return { kind: "mistake", message: error.message.replace(/^error: /, "") };
    }
    if (error instanceof ConfigError) return { kind: "mistake", message: error.message };
    throw error;
  }
}

interface ProgramParts {
  readonly output: (text: string) => void;
  readonly path: (text: string) => string;
  readonly choose: (task: Task) => void;
  readonly newKey: string | undefined;
}

function buildProgram({ output, path, choose, newKey }: ProgramParts): Command {
  const program = new Command("qpq-server")
    .exitOverride()
    .configureOutput({
      writeOut: output,
      writeErr: () => {},
      // Asking the terminal would take leave to read variables that aren't ours.
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .description("Routes quicproquo's end-to-end encrypted messages. It sees ciphertext only.")
    .version(`qpq-server ${VERSION}`, "-V, --version")
    .option(
      "--config <file>",
      `TOML file with the keys below (QPQ_CONFIG; default ./${CONFIG_FILE_DEFAULT} if there is one)`,
    )
    .option("--print-config", "show what holds and where it comes from, secrets masked, and end")
    .action(() => {});
  program.command("backup <file>")
    .description("write all that the running server keeps, at one moment, to a new file")
    .action((file: string) => choose({ kind: "backup", file: path(file) }));
  program.command("restore <file>")
    .description("make the store from a backup; needs an empty data_dir")
    .action((file: string) => choose({ kind: "restore", file: path(file) }));
  program.command("rekey")
    .description("change, add or remove db_key, with the server stopped; db_key is the present one")
    .addOption(new Option("--new-db-key <key>", 'the new one; "" removes it (QPQ_NEW_DB_KEY)'))
    .action(({ newDbKey = newKey }: { readonly newDbKey?: string }) => {
      if (newDbKey === undefined) {
        throw new ConfigError('--new-db-key: expected the new db_key, or "" for none');
      }
      choose({ kind: "rekey", newKey: newDbKey });
    });
  program.command("salvage <file>")
    .description('copy what is readable of a damaged store (store_backend = "file") to a new file')
    .action((file: string) => choose({ kind: "salvage", file: path(file) }));
  addAccountCommands(program, choose);
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

function addAccountCommands(program: Command, choose: (task: Task) => void): void {
  program.command("invite")
    .description('print a code that lets somebody register (registration = "invite")')
    .option("--uses <count>", "accounts that it lets in", parseCount, 1)
    .option("--days <count>", "until it expires", parseCount, 7)
    .action(({ uses, days }: { readonly uses: number; readonly days: number }) =>
      choose({ kind: "accounts", action: "invite", uses, days })
    );
  const accounts = program.command("accounts").description("what the running server has");
  accounts.command("list").description("names, since when, and whether they are suspended")
    .action(() => choose({ kind: "accounts", action: "list" }));
  const actions = {
    suspend: "end its sessions and refuse its logins, until it is resumed",
    resume: "let it log in again",
    delete: "delete it with all that the server keeps of it, for good",
  } as const;
  for (const action of ["suspend", "resume", "delete"] as const) {
    accounts.command(`${action} <name>`).description(actions[action])
      .action((name: string) => choose({ kind: "accounts", action, name }));
  }
}

function parseCount(text: string): number {
  const count = Number(text);
  if (!Number.isSafeInteger(count) || count < 1) {
    throw new InvalidArgumentError("Expected a whole number from 1.");
  }
  return count;
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
