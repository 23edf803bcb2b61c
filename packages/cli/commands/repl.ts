/** `qpq repl` and `qpq chat`: the account, and the terminal or the pipe, for the REPL. */
import { systemClock } from "@qpq/adapters";
import type { AccountChoice } from "../account-session.ts";
import { enterAccount, type EnteredAccount, type EnterOptions } from "../enter-account.ts";
import { readStandardInput } from "../input-lines.ts";
import { MessengerError } from "@qpq/ports";
import { type ExitCode, writeRows } from "../output.ts";
import { standardOutput, wantsColour } from "../output-entries.ts";
import type { ReplAccount } from "../repl/repl.ts";
import { runAtTerminal, runScript, type TerminalOptions } from "../repl/run.ts";
import { connectedTo } from "../talk-session.ts";

/** @param partner whom to talk to: a name, `#group`, `notes`; left out: whoever was last */
export async function runRepl(options: EnterOptions, partner?: string): Promise<ExitCode> {
  let onStatus = (): void => {};
  await using opened = await enterAccount(options, { onStatus: () => onStatus() });
  const shared = {
    account: accountOf(opened, options.timeout * 1_000),
    partner,
    timeoutMs: options.timeout * 1_000,
    clock: systemClock,
    isNewDevice: opened.isNewDevice,
    read: readStandardInput,
  };
  const isTerminal = Deno.stdin.isTerminal() && Deno.stdout.isTerminal() && !options.json;
  if (!isTerminal) {
    return await runScript({
      ...shared,
      output: standardOutput({ json: options.json, place: "repl" }),
    });
  }
  return await runAtTerminal({
    ...shared,
    terminal: {
      write: writeRows,
      size: () => Deno.consoleSize(),
      hasColour: wantsColour(),
    },
    suspend: () => {
      Deno.stdin.setRaw(false);
      // Where nobody could let it go on it isn't stopped.
      Deno.kill(Deno.pid, "SIGTSTP");
      Deno.stdin.setRaw(true);
    },
    listen: (listeners) => {
      onStatus = () => {
        rememberServer(opened);
        listeners.onStatus();
      };
      rememberServer(opened);
      return listenToTerminal(listeners);
    },
  });
}

/** Once it is there: what was chosen holds for the next run, from wherever. */
function rememberServer({ client, choice }: EnteredAccount): void {
  if (client.rpc.status.kind !== "connected") return;
  try {
    choice.remember();
  } catch (error) {
    // The conversation goes on without.
    if (!(error instanceof MessengerError)) throw error;
  }
}

const ENDING: readonly Deno.Signal[] = ["SIGTERM", "SIGHUP"];

/** Takes keys as they are pressed, until it is disposed of. */
function listenToTerminal(
  { onResize, onEnd, onContinue }: Parameters<TerminalOptions["listen"]>[0],
): Disposable {
  // A shell takes its own mode back while the program is stopped, by whomever.
  const goOn = (): void => {
    Deno.stdin.setRaw(true);
    onContinue();
  };
  Deno.stdin.setRaw(true);
  Deno.addSignalListener("SIGCONT", goOn);
  Deno.addSignalListener("SIGWINCH", onResize);
  for (const signal of ENDING) Deno.addSignalListener(signal, onEnd);
  return {
    [Symbol.dispose]: () => {
      Deno.stdin.setRaw(false);
      Deno.removeSignalListener("SIGCONT", goOn);
      Deno.removeSignalListener("SIGWINCH", onResize);
      for (const signal of ENDING) Deno.removeSignalListener(signal, onEnd);
    },
  };
}

/** What a REPL has to do with, of an account that was entered. */
export function accountOf(
  { client, choice }: Pick<EnteredAccount, "client"> & {
    readonly choice: Pick<AccountChoice, "address" | "reaching" | "explain">;
  },
  timeoutMs: number,
): ReplAccount {
  const { name, accountId, serverName, accountKey } = client.account;
  const deviceId = client.deviceId.toHex();
  const rows = [
    `${name} on ${choice.address} (${serverName})`,
    `account ${accountId.toHex()}`,
    `device  ${deviceId}`,
  ];
  return {
    name,
    address: choice.address,
    conversations: client.conversations,
    get peers() {
      return client.peers;
    },
    settings: client.settings,
    connection: () => {
      const { status } = client.rpc;
      return status.kind === "lost" ? { ...status, error: choice.explain(status.error) } : status;
    },
    reaching: (run) => choice.reaching(() => connectedTo(client, timeoutMs, run)),
    whoami: () =>
      Promise.resolve({
        rows: rows.map((text) => [{ text }]),
        objects: [{
          name,
          serverName,
          server: choice.address,
          accountId: accountId.toHex(),
          accountKey: accountKey.toHex(),
          deviceId,
        }],
      }),
  };
}
