/** What `qpq` does: its commands and their options. */
import {
  type Argument,
  Command,
  CommanderError,
  Help,
  InvalidArgumentError,
  type Option,
} from "commander";
import { VERSION } from "@qpq/ports";
import { type PingOptions, runPing } from "./commands/ping.ts";
import { runHealth } from "./commands/health.ts";
import type { DemoOptions } from "./commands/demo-group.ts";
import { addAccountCommands } from "./account-commands.ts";
import type { AccountOptions } from "./account-session.ts";
import { addConversationCommands } from "./conversation-commands.ts";
import { COMMON_GROUP, type CommonOptions, withCommonOptions } from "./options.ts";
import { type ExitCode, reportError, UsageError } from "./output.ts";

const COUNT_MAX = 1_000_000;
const INTERVAL_MAX_S = 3_600;
const HELP_COLUMNS_MIN = 40;
/** Narrower descriptions aren't wrapped. */
const HELP_WRAPPED_COLUMNS_MIN = 16;

/** What tests replace. */
export interface ProgramSurroundings {
  /** Of every client that it opens. */
  readonly client?: AccountOptions["surroundings"];
}

/** Runs one command, and prints its outcome. @returns the exit code that docs/cli.md gives */
export async function runProgram(
  args: readonly string[],
  { client }: ProgramSurroundings = {},
): Promise<ExitCode> {
  let exitCode: ExitCode = 0;
  const program = buildProgram(args, (code) => exitCode = code);
  program.hook("preAction", (_, command) => void command.setOptionValue("surroundings", client));
  try {
    await program.parseAsync([...args], { from: "user" });
    return exitCode;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? 0 : 2;
  }
}

function buildProgram(args: readonly string[], end: (code: ExitCode) => void): Command {
  const run =
    <Options extends CommonOptions>(action: (options: Options) => Promise<ExitCode>) =>
    async (options: Options): Promise<void> => {
      try {
        end(await action(options));
      } catch (error) {
        end(reportError(error, options));
      }
    };
  const program = new Command("qpq")
    .description("End-to-end encrypted messaging over a server that you host.")
    .version(`qpq ${VERSION}`, "-V, --version")
    .helpCommand(true)
    .configureHelp({
      minWidthToWrap: HELP_WRAPPED_COLUMNS_MIN,
      subcommandTerm: (command) =>
        [command.name(), ...command.registeredArguments.map(argumentTerm)].join(" "),
      visibleOptions: ownOptionsFirst,
      // In the order in which they are shown.
      groupItems: (_, shown, groupOf) => new Help().groupItems(shown, shown, groupOf),
    })
    .exitOverride()
    .configureOutput({
      outputError: (text) => reportUsage(text, args.includes("--json")),
      // A line that fills a row would take two.
      getOutHelpWidth: () => columnsOf(Deno.stdout),
      getErrHelpWidth: () => columnsOf(Deno.stderr),
      // Asking the terminal would take leave to read variables that aren't ours.
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .addHelpText("after", "\nTry: qpq repl --username alice. docs/getting-started.md goes on.");
  program.commandsGroup("Talk:");
  addConversationCommands(program, end);
  program.commandsGroup("Your account:");
  addAccountCommands(program, end);
  program.commandsGroup("The server:");
  withCommonOptions(program.command("ping"))
    .description("measure calls to the server")
    .option("--count <number>", "end after so many; default: until Ctrl-C", parseCount)
    .option("--interval <seconds>", "from one to the next", parseInterval, 1)
    .addHelpText("after", "\nExample: qpq ping --count 3 --json")
    .action(run<PingOptions>(runPing));
  withCommonOptions(program.command("health"))
    .description("ask whether the server takes work")
    .addHelpText("after", "\nExample: qpq health --server chat.example.org:7000")
    .action(run<CommonOptions>(runHealth));
  withCommonOptions(program.command("demo-group"))
    .description("show the main job, checked at every step: three accounts, made for it, talk")
    .option("--word <word>", "stands in every message, to be looked for where it must not be", "")
    .option("--invite <code>", "where the server asks for one to register")
    .addHelpText(
      "after",
      "\nWithout --server it starts one of its own, and searches its database for the messages." +
        "\n\nExample: qpq demo-group",
    )
    .action(
      run<DemoOptions>(async (options) =>
        await (await import("./commands/demo-group.ts")).runDemoGroup(options)
      ),
    );
  return program;
}

function argumentTerm(argument: Argument): string {
  const name = `${argument.name()}${argument.variadic ? "..." : ""}`;
  return argument.required ? `<${name}>` : `[${name}]`;
}

/** What only this command takes stands in front of what every command does. */
function ownOptionsFirst(command: Command): Option[] {
  const all = new Help().visibleOptions(command);
  return all.toSorted((one, other) => rankOf(one) - rankOf(other));
}

function rankOf({ helpGroupHeading }: Option): number {
  return helpGroupHeading === undefined ? 0 : helpGroupHeading === COMMON_GROUP ? 2 : 1;
}

/** Columns that help is laid out in. */
function columnsOf(stream: typeof Deno.stdout | typeof Deno.stderr): number {
  return stream.isTerminal() ? Math.max(HELP_COLUMNS_MIN, Deno.consoleSize().columns - 1) : 80;
}

function reportUsage(text: string, json: boolean): void {
  reportError(new UsageError(text.replace(/^error: /, "").trim()), { json, verbose: false });
}

function parseCount(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1 || count > COUNT_MAX) {
    throw new InvalidArgumentError(`Expected a whole number from 1 to ${COUNT_MAX}.`);
  }
  return count;
}

function parseInterval(text: string): number {
  const seconds = Number(text);
  if (!(seconds >= 0 && seconds <= INTERVAL_MAX_S)) {
    throw new InvalidArgumentError(`Expected seconds from 0 to ${INTERVAL_MAX_S}.`);
  }
  return seconds;
}
