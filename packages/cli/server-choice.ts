/** Which server a command talks to, and whom it believes to be that server. */
import { resolve } from "node:path";
import { formatPin, parsePin, type Trust, trustCertificatesOf } from "@qpq/client/connection";
import { formatHostPort, type HostPort, isLoopback, MessengerError } from "@qpq/ports";
import type { CommonOptions } from "./options.ts";
import { UsageError } from "./output.ts";
import { LOCAL_CERTIFICATE, parseServer, SERVER_DEFAULT } from "./server-address.ts";
import { type KnownServers, readKnownServers, writeKnownServers } from "./servers.ts";

export interface ServerChoice {
  readonly server: HostPort;
  readonly trust: Trust;
  /** Keeps the server, and a pin that was given, for the next run. Call it once connected. */
  readonly remember: () => void;
}

/**
 * Decides from options, memory and defaults.
 * @throws UsageError for options that can't be understood
 * @throws MessengerError `cli/state-unreadable`
 */
export async function chooseServer(
  options: CommonOptions,
  workingFolder: string,
): Promise<ServerChoice> {
  if (options.pin !== undefined && options.caCert !== undefined) {
    throw new UsageError("expected one of --pin and --ca-cert: each trusts nothing else");
  }
  const stateFolder = resolve(workingFolder, options.stateDir ?? "");
  const known = readKnownServers(stateFolder);
  const text = options.server ?? known.last ?? SERVER_DEFAULT;
  const server = parseServer(text);
  if (server === undefined) {
    throw new UsageError(`--server: expected host:port or [IPv6]:port, not "${text}"`);
  }
  const name = formatHostPort(server);
  const trust = await chooseTrust(options, workingFolder, server, known);
  return {
    server,
    trust,
    remember: () => {
      const pins = options.pin === undefined ? known.pins : { ...known.pins, [name]: options.pin };
      const next: KnownServers = { last: name, pins };
      if (JSON.stringify(next) !== JSON.stringify(known)) writeKnownServers(stateFolder, next);
    },
  };
}

async function chooseTrust(
  options: CommonOptions,
  workingFolder: string,
  server: HostPort,
  known: KnownServers,
): Promise<Trust> {
  try {
    if (options.pin !== undefined) return parsePin(options.pin);
    if (options.caCert !== undefined) {
      return await trustCertificatesOf(resolve(workingFolder, options.caCert));
    }
  } catch (error) {
    if (!(error instanceof MessengerError)) throw error;
    throw new UsageError(error.message);
  }
  const pin = known.pins[formatHostPort(server)];
  if (pin !== undefined) return parsePin(pin);
  if (isLoopback(server.hostname)) {
    const certificate = await readIfThere(resolve(workingFolder, LOCAL_CERTIFICATE));
    if (certificate !== undefined) return parsePin(formatPin(certificate));
  }
  return { kind: "system" };
}

async function readIfThere(path: string): Promise<Uint8Array | undefined> {
  try {
    return await Deno.readFile(path);
  } catch {
    return undefined;
  }
}
