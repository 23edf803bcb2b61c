/** The commands that open an account's store. What they run is loaded when one of them is asked for. */
import { type Command, Option } from "commander";
import type { AccountOptions } from "./account-session.ts";
import type { AcceptKeyOptions } from "./commands/keys.ts";
import { withCommonOptions } from "./options.ts";
import { type ExitCode, reportError } from "./output.ts";
import { withSecrets } from "./secret-options.ts";
import type { StoreCommand } from "./store-commands.ts";

type Words = readonly (string | undefined)[];

export function addAccountCommands(program: Command, end: (code: ExitCode) => void): void {
  const add = <Options extends AccountOptions>(
    name: StoreCommand,
    { words = "", description, example, takesPassword = true, run }: {
      readonly words?: string;
      readonly description: string;
      readonly example: string;
      readonly takesPassword?: boolean;
      readonly run: (options: Options, words: Words) => Promise<ExitCode>;
    },
  ): Command => {
    const command = withCommonOptions(program.command(`${name} ${words}`.trim()));
    return withSecrets(command, takesPassword ? { password: "the account's password" } : {})
      .description(description)
      .addHelpText("after", `\nExample: ${example}`)
      // Commander gives the words, then the options, then the command.
      .action(async (...all: unknown[]) => {
        const options = all.at(-2) as Options;
        try {
          end(await run(options, all.slice(0, -2) as Words));
        } catch (error) {
          end(reportError(error, options));
        }
      });
  };
  add<AccountOptions & { readonly invite?: string }>("register-user", {
    description: "make an account; this device is its first",
    example: "qpq register-user --username alice --generate",
    run: async (options) => (await accounts()).runRegisterUser(options),
  })
    .addOption(new Option("--generate", "make a passphrase, and show it once"))
    .addOption(
      new Option("--invite <code>", "from the server's operator, where one is needed")
        .env("QPQ_INVITE"),
    );
  withSecrets(
    add("login", {
      description: "enter an account with this device: a new one, or one that was logged out",
      example: "QPQ_PASSWORD=… qpq login --username alice",
      run: async (options) => (await accounts()).runLogin(options),
    }),
    { "former-password": "the one before it was changed on another device" },
  );
  add("logout", {
    description: "end this device's session; what it has stays, encrypted",
    example: "qpq logout --username alice",
    run: async (options) => (await accounts()).runLogout(options),
  });
  withSecrets(
    add("passwd", {
      description: "change the account's password",
      example: "qpq passwd --generate",
      run: async (options) => (await accounts()).runPasswd(options),
    }),
    { "new-password": "the password to come" },
  ).addOption(new Option("--generate", "make a passphrase, and show it once"));
  add("whoami", {
    description: "show account, device and session",
    example: "qpq whoami --json",
    run: async (options) => (await accounts()).runWhoami(options),
  });
  add<AccountOptions & { readonly yes?: boolean }>("delete-account", {
    description: "delete the account for good, from the server and from this device",
    example: "qpq delete-account --username alice --yes",
    run: async (options) => (await accounts()).runDeleteAccount(options),
  }).addOption(new Option("--yes", "don't ask"));
  add<AccountOptions & { readonly yes?: boolean }>("forget-account", {
    description: "delete what this device has of an account that is gone, or whose password is",
    example: "qpq forget-account --username alice",
    takesPassword: false,
    run: async (options) => (await accounts()).runForgetAccount(options),
  }).addOption(new Option("--yes", "don't ask"));
  withSecrets(
    add<AccountOptions & { readonly yes?: boolean }>("recover-account", {
      description:
        "log in after the server was restored from a backup: show what it lost, and mend it",
      example: "qpq recover-account --username alice",
      run: async (options) => (await import("./commands/recover.ts")).runRecoverAccount(options),
    }).addOption(new Option("--yes", "don't ask")),
    { "former-password": "what opens this device's data, if it is another" },
  );
  add<AccountOptions & { readonly yes?: boolean }>("rotate-account-key", {
    description: "make a new account key, because the old one may have leaked; peers are warned",
    example: "qpq rotate-account-key --username alice",
    run: async (options) => (await accounts()).runRotateAccountKey(options),
  }).addOption(new Option("--yes", "don't ask"));
  add("devices", {
    words: "[action] [id]",
    description: "list the account's devices; revoke ID takes one off",
    example: "qpq devices revoke 3f2a",
    run: async (options, [action, id]) =>
      (await import("./commands/devices.ts")).runDevices(options, action, id),
  });
  add<AccountOptions & { readonly markVerified?: boolean }>("check-key", {
    words: "<name>",
    description: "show the key that is pinned for somebody, and its safety number",
    example: "qpq check-key bob",
    run: async (options, [name = ""]) => (await keys()).runCheckKey(options, name),
  }).addOption(new Option("--mark-verified", "remember that you have compared the safety number"));
  add<AcceptKeyOptions>("accept-key", {
    words: "<name>",
    description: "accept the new key of somebody whose key has changed, or reject it",
    example: "qpq accept-key bob",
    run: async (options, [name = ""]) => (await keys()).runAcceptKey(options, name),
  })
    .addOption(new Option("--yes", "don't ask"))
    .addOption(new Option("--reject", "keep the pinned key: the new one is wrong"))
    .addOption(
      new Option("--older-list", "accept an older list of devices, after a restore of the server"),
    );
  add("fetch-key", {
    words: "<name>",
    description: "show what the server has of somebody: account key and devices, verified",
    example: "qpq fetch-key bob --json",
    run: async (options, [name = ""]) => (await keys()).runFetchKey(options, name),
  });
  add("refresh-key-packages", {
    description: "publish what others add this device to groups with, if the server lacks it",
    example: "qpq refresh-key-packages",
    run: async (options) => (await keys()).runRefreshKeyPackages(options),
  });
}

const accounts = () => import("./commands/accounts.ts");
const keys = () => import("./commands/keys.ts");
