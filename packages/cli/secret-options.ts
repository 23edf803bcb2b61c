/** The options that passwords come in by. */
import { type Command, Option } from "commander";
import type { SECRETS } from "./store-commands.ts";

export type Secret = (typeof SECRETS)[number];

/** As typed. */
export interface PasswordOptions {
  readonly password?: string;
  readonly passwordFile?: string;
  readonly newPassword?: string;
  readonly newPasswordFile?: string;
  readonly formerPassword?: string;
  readonly formerPasswordFile?: string;
  readonly generate?: boolean;
}

/** Adds `--x` and `--x-file` for each secret. */
export function withSecrets(
  command: Command,
  secrets: Readonly<Partial<Record<Secret, string>>>,
): Command {
  for (const [name, meaning] of Object.entries(secrets)) {
    const group = "Passwords; without them it asks:";
    command.addOption(
      new Option(`--${name} <text>`, `${meaning}; others on this machine can see it`)
        .helpGroup(group),
    ).addOption(
      new Option(`--${name}-file <file>`, `its first line is it; or ${variableOf(name)}`)
        .helpGroup(group),
    );
  }
  return command;
}

/** As typed. */
export interface RememberOptions {
  readonly remember?: boolean;
  readonly forget?: boolean;
}

/** Adds what lets an account open without its password. */
export function withRemembering(command: Command): Command {
  return command.addOption(
    new Option(
      "--remember",
      "keep the key that unlocks this device's data in a file: whoever copies it reads everything",
    ),
  ).addOption(
    new Option("--forget", "delete that file, and ask for the password again").conflicts(
      "remember",
    ),
  );
}

/** The variable that a secret comes in by. */
export function variableOf(secret: string): string {
  return `QPQ_${secret.replaceAll("-", "_").toUpperCase()}`;
}
