/** What every subcommand for conversations begins with. */
import type { Client } from "@qpq/client";
import { type AccountOptions, chooseAccount } from "./account-session.ts";
import type { Talk } from "./conversations/talk.ts";
import type { ExitCode } from "./output.ts";
import { standardOutput } from "./output-entries.ts";
import { openRemembered } from "./remembered-account.ts";
import type { RememberOptions } from "./secret-options.ts";

/** Opens this device's account, and lets go of it when `use` is over. */
export async function withTalk(
  options: AccountOptions & RememberOptions,
  use: (talk: Talk) => Promise<ExitCode>,
): Promise<ExitCode> {
  const timeoutMs = options.timeout * 1_000;
  const choice = await chooseAccount(options, { mustExist: true });
  await using client = await openRemembered(options, choice);
  return await use({
    name: client.account.name,
    conversations: client.conversations,
    settings: client.settings,
    output: standardOutput({ json: options.json, place: "command" }),
    timeoutMs,
    reaching: (run) => choice.reaching(() => connectedTo(client, timeoutMs, run)),
  });
}

/** Runs what waits for the server, unless it is known that waiting won't help. */
export async function connectedTo<Result>(
  client: Client,
  timeoutMs: number,
  run: () => Promise<Result>,
): Promise<Result> {
  await client.connected({ timeoutMs });
  return await run();
}
