/** The commands for conversations. What they run is loaded when one of them is asked for. */
import { type Command, InvalidArgumentError, Option } from "commander";
import type { AccountOptions } from "./account-session.ts";
import type { RecvOptions } from "./commands/recv.ts";
import type { SendOptions } from "./commands/send.ts";
import type { EnterOptions } from "./enter-account.ts";
import type { Talk } from "./conversations/talk.ts";
import { withCommonOptions } from "./options.ts";
import { type ExitCode, reportError } from "./output.ts";
import { type RememberOptions, withRemembering, withSecrets } from "./secret-options.ts";
import type { StoreCommand } from "./store-commands.ts";

/** Entries that `history` shows at most. */
const HISTORY_COUNT_MAX = 10_000;
const HISTORY_COUNT_DEFAULT = 50;

interface Words {
  readonly first: string;
  readonly all: readonly string[];
}

export function addConversationCommands(program: Command, end: (code: ExitCode) => void): void {
  const add = <Options extends AccountOptions>(
    name: StoreCommand,
    { words = "", description, examples, run }: {
      readonly words?: string;
      readonly description: string;
      readonly examples: readonly string[];
      readonly run: (options: Options, words: Words) => Promise<ExitCode>;
    },
  ): Command => {
    const command = withCommonOptions(program.command(`${name} ${words}`.trim()));
    return withRemembering(withSecrets(command, { password: "the account's password" }))
      .description(description)
      .addHelpText("after", examples.map((example) => `\nExample: ${example}`).join(""))
      // Commander gives the words, then the options, then the command.
      .action(async (...given: unknown[]) => {
        const options = given.at(-2) as Options;
        const all = given.slice(0, -2).flat().filter((word) => word !== undefined) as string[];
        try {
          end(await run(options, { first: all[0] ?? "", all }));
        } catch (error) {
          end(reportError(error, options));
        }
      });
  };

  withEntering(add<EnterOptions>("repl", {
    description: "talk, line by line: /help says what there is",
    examples: ["qpq repl --username alice", "printf '/dm bob\\nhello\\n' | qpq repl"],
    run: async (options) => await (await repl()).runRepl(options),
  }));
  withEntering(add<EnterOptions>("chat", {
    words: "<partner>",
    description: "the same, beginning with somebody, or a #group",
    examples: ["qpq chat bob", "qpq chat '#team'"],
    run: async (options, { first }) => await (await repl()).runRepl(options, first),
  }));
  add("dm", {
    words: "<name>",
    description: "begin a direct message with somebody",
    examples: ["qpq dm bob"],
    run: (options, { first }) =>
      talking(options, async (talk) => (await acts()).runDm(talk, first)),
  });
  add("create-group", {
    words: "<name> [members...]",
    description: "make a group, and invite people",
    examples: ["qpq create-group team bob carol"],
    run: (options, { first, all }) =>
      talking(options, async (talk) => (await acts()).runCreateGroup(talk, first, all.slice(1))),
  });
  add("invite", {
    words: "<group> <names...>",
    description: "invite people into a group",
    examples: ["qpq invite team bob carol"],
    run: (options, { first, all }) =>
      talking(options, async (talk) => (await acts()).runInvite(talk, first, all.slice(1))),
  });
  add("join", {
    words: "<group>",
    description: "accept an invitation",
    examples: ["qpq join team"],
    run: (options, { first }) =>
      talking(options, async (talk) => (await acts()).runJoin(talk, first)),
  });
  add("leave", {
    words: "<group>",
    description: "leave a group, or decline an invitation",
    examples: ["qpq leave team"],
    run: (options, { first }) =>
      talking(options, async (talk) => (await acts()).runLeave(talk, first)),
  });
  add("remove", {
    words: "<group> <names...>",
    description: "take people out of a group",
    examples: ["qpq remove team bob"],
    run: (options, { first, all }) =>
      talking(options, async (talk) => (await acts()).runRemove(talk, first, all.slice(1))),
  });
  add("members", {
    words: "<conversation>",
    description: "who is in a group, or a direct message",
    examples: ["qpq members team --json"],
    run: (options, { first }) =>
      talking(options, async (talk) => (await acts()).runMembers(talk, first)),
  });
  add("list", {
    description: "the conversations",
    examples: ["qpq list --json"],
    run: (options) => talking(options, async (talk) => (await acts()).runList(talk)),
  });
  add<AccountOptions & { readonly count: number; readonly before?: number }>("history", {
    words: "<conversation>",
    description: "what was said",
    examples: ["qpq history bob --count 20", "qpq history '#team' --before 120 --json"],
    run: (options, { first }) =>
      talking(options, async (talk) => (await acts()).runHistory(talk, first, options)),
  })
    .addOption(
      new Option("--count <number>", "so many entries, the last ones")
        .default(HISTORY_COUNT_DEFAULT).argParser(wholeNumber(1, HISTORY_COUNT_MAX)),
    )
    .addOption(
      new Option("--before <position>", "those in front of this one, as --json shows it")
        .argParser(wholeNumber(1, Number.MAX_SAFE_INTEGER)),
    );
  add<AccountOptions & SendOptions>("send", {
    words: "[text...]",
    description: "send a message; its text is given here, or on standard input",
    examples: [
      "qpq send --to bob hello",
      "qpq send --group team --stdin-lines < lines.txt",
    ],
    run: async (options, { all }) => {
      const { checkSendOptions, runSend } = await import("./commands/send.ts");
      const { readStandardInput: read } = await import("./input-lines.ts");
      checkSendOptions(options, all);
      return await talking(options, (talk) => runSend(talk, { options, words: all, read }));
    },
  })
    .addOption(new Option("--to <name>", "to somebody alone"))
    .addOption(new Option("--group <name>", "to a group"))
    .addOption(new Option("--all <group>", "to all members of a group: the same as --group"))
    .addOption(new Option("--stdin-lines", "each line of standard input is a message"))
    .addOption(
      new Option("--id <hex>", "32 digits: the same again, line by line, sends nothing twice"),
    )
    .addOption(new Option("--queue", "don't wait until the server has it"));
  add<AccountOptions & RecvOptions>("recv", {
    description: "print what is new since the last recv",
    examples: ["qpq recv", "qpq recv --follow --after 120 --json"],
    run: (options) =>
      talking(options, async (talk) => {
        const { runRecv } = await import("./commands/recv.ts");
        return await untilInterrupted((signal) => runRecv(talk, options, signal));
      }),
  })
    .addOption(new Option("--follow", "go on with what comes, until Ctrl-C"))
    .addOption(
      new Option("--after <cursor>", "begin behind this one, as --json shows it")
        .argParser(wholeNumber(0, Number.MAX_SAFE_INTEGER)),
    );
}

const acts = () => import("./commands/conversations.ts");
const repl = () => import("./commands/repl.ts");

async function talking(
  options: AccountOptions & RememberOptions,
  use: (talk: Talk) => Promise<ExitCode>,
): Promise<ExitCode> {
  return await (await import("./talk-session.ts")).withTalk(options, use);
}

function withEntering(command: Command): Command {
  return command
    .addOption(new Option("--register", "make the account if its name is new, unasked"))
    .addOption(
      new Option("--invite <code>", "from the server's operator, where one is needed to register")
        .env("QPQ_INVITE"),
    );
}

async function untilInterrupted(
  run: (signal: AbortSignal) => Promise<ExitCode>,
): Promise<ExitCode> {
  const stop = new AbortController();
  const onSignal = (): void => stop.abort();
  const signals: readonly Deno.Signal[] = ["SIGINT", "SIGTERM"];
  for (const signal of signals) Deno.addSignalListener(signal, onSignal);
  try {
    return await run(stop.signal);
  } finally {
    for (const signal of signals) Deno.removeSignalListener(signal, onSignal);
  }
}

function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`Expected a whole number from ${min} to ${max}.`);
  };
}
