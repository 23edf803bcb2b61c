/** What every command that talks to the server begins with. */
import { connectServer, type RpcClient, type ServerInfo } from "@qpq/client/connection";
import { formatHostPort, type HostPort, MessengerError } from "@qpq/ports";
import type { CommonOptions } from "./options.ts";
import { chooseServer, type ServerChoice } from "./server-choice.ts";

export interface CommandSession extends AsyncDisposable {
  readonly rpc: RpcClient;
  readonly server: ServerInfo;
  /** `host:port`, as people write it. */
  readonly address: string;
}

/**
 * Connects within the command's time limit, trying again as long as it lasts.
 * @throws UsageError, MessengerError: why there is no session
 */
export async function openCommandSession(options: CommonOptions): Promise<CommandSession> {
  const choice = await chooseServer(options, workingFolder());
  const rpc = connectServer({
    server: choice.server,
    trust: choice.trust,
    authToken: options.authToken,
  });
  try {
    const server = await reaching(
      choice,
      options,
      () => rpc.connected({ timeoutMs: options.timeout * 1000 }),
    );
    choice.remember();
    const close = (): Promise<void> => rpc.close();
    return {
      rpc,
      server,
      address: formatHostPort(choice.server),
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await rpc.close();
    throw error;
  }
}

/** Says early, before anybody is asked for much, why the server can't be used. */
export async function requireServer(options: CommonOptions): Promise<void> {
  await (await openCommandSession(options))[Symbol.asyncDispose]();
}

/**
 * Runs what waits for a connection.
 * @throws MessengerError `transport/unreachable`, which says where, in place of a deadline that passed
 */
export async function reaching<Result>(
  { server, explain }: Pick<ServerChoice, "server" | "explain">,
  options: CommonOptions,
  run: () => Promise<Result>,
): Promise<Result> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof MessengerError)) throw error;
    throw UNREACHABLE.has(error.code)
      ? unreachable(server, options.timeout, error)
      : explain(error);
  }
}

const UNREACHABLE: ReadonlySet<string> = new Set(["rpc/deadline", "transport/unreachable"]);

function unreachable(server: HostPort, seconds: number, cause: MessengerError): MessengerError {
  // What is known is better than that it took too long: a name without an address, a full server.
  const state = cause.code === "transport/unreachable"
    ? cause.message.replace(/^.*?: /, "")
    : "the server is down, or UDP is blocked on the way";
  return new MessengerError(
    "transport/unreachable",
    `Cannot reach ${formatHostPort(server)} within ${seconds} s: ${state}`,
    { cause },
  );
}

/** The launcher sets it; asking the runtime would need leave to read the folder. */
export function workingFolder(): string {
  return Deno.env.get("QPQ_WORKING_FOLDER") ?? Deno.cwd();
}
