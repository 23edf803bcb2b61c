/** Which server a command talks to, and whom it believes to be that server. */
import { resolve } from "node:path";
import { formatPin, parsePin, type Trust, trustCertificatesOf } from "@qpq/client/connection";
import {
  formatHostPort,
  type HostPort,
  isLoopback,
  MessengerError,
  serverNameAt,
} from "@qpq/ports";
import type { CommonOptions } from "./options.ts";
import { UsageError } from "./output.ts";
import { LOCAL_CERTIFICATE, parseServer, SERVER_DEFAULT } from "./server-address.ts";
import { type KnownServers, readKnownServers, updateKnownServers } from "./servers.ts";

export interface ServerChoice {
  readonly server: HostPort;
  readonly trust: Trust;
  /** What it must call itself. */
  readonly serverName: string;
  /** Keeps the server, and a pin and a name that were given, for the next run. Call it once connected. */
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
    serverName: options.serverName ?? known.names[name] ?? serverNameAt(server.hostname),
    remember: () => {
      const { serverName } = options;
      // As it is read back, however it was typed.
      const pin = trust.kind === "pin" && options.pin !== undefined ? pinText(trust) : undefined;
      updateKnownServers(stateFolder, (before) => ({
        last: name,
        pins: pin === undefined ? before.pins : { ...before.pins, [name]: pin },
        names: serverName === undefined ? before.names : { ...before.names, [name]: serverName },
      }));
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

function pinText({ sha256 }: Extract<Trust, { kind: "pin" }>): string {
  return `sha256:${[...sha256].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
