/** The options that every `qpq` command takes, each also as a `QPQ_…` variable. */
import { type Command, InvalidArgumentError, Option } from "commander";

/** As typed, before anything was looked up. Absent means: neither flag nor variable. */
export interface CommonOptions {
  readonly server?: string;
  readonly caCert?: string;
  readonly pin?: string;
  readonly serverName?: string;
  readonly authToken?: string;
  readonly username?: string;
  readonly stateDir?: string;
  readonly timeout: number;
  readonly json: boolean;
  readonly verbose: boolean;
}

/** What the options below stand under, in the help. */
export const COMMON_GROUP = "Options of every command:";

/** Seconds. */
const TIMEOUT_DEFAULT_S = 10;
const TIMEOUT_MAX_S = 3_600;

/** Adds the common options, in one group of the help, to a command. */
export function withCommonOptions(command: Command): Command {
  const options = [
    new Option("--server <host:port>", "the server; default: the last one used, or 127.0.0.1:7000"),
    new Option("--pin <sha256:hex>", "trust exactly the server certificate with this fingerprint"),
    new Option("--ca-cert <file>", "trust exactly the certificates in this file (PEM or DER)"),
    new Option(
      "--server-name <name>",
      "what it calls itself, where that isn't the name in --server",
    ),
    new Option("--auth-token <token>", "the server's access token, where it asks for one"),
    new Option("--username <name>", "the account to act as"),
    new Option(
      "--state-dir <folder>",
      "where qpq keeps its data; default ~/.local/share/quicproquo, on macOS in ~/Library/Application Support",
    ),
    new Option("--timeout <seconds>", "give up after so long; tries again within it")
      .default(TIMEOUT_DEFAULT_S).argParser(parseTimeout),
    new Option("--json", "print JSON, one object a line").default(false),
    new Option("--verbose", "say more about what goes wrong").default(false),
  ];
  for (const option of options) {
    const variable = `QPQ_${option.name().replaceAll("-", "_").toUpperCase()}`;
    command.addOption(option.env(variable).helpGroup(COMMON_GROUP));
  }
  return command;
}

function parseTimeout(text: string): number {
  const seconds = Number(text);
  if (!(seconds > 0 && seconds <= TIMEOUT_MAX_S)) {
    throw new InvalidArgumentError(`expected seconds above 0, at most ${TIMEOUT_MAX_S}`);
  }
  return seconds;
}
