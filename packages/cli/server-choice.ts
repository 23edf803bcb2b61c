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
  /** Keeps the server, whom to trust and its name, as given or found, for the next run. Call it once connected. */
  readonly remember: () => void;
  /** Says what to do about a certificate that nobody vouches for, where this machine's own is missing. */
  readonly explain: (error: MessengerError) => MessengerError;
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
  const { trust, isFound } = await chooseTrust(options, workingFolder, server, known);
  return {
    server,
    trust,
    serverName: options.serverName ?? known.names[name] ?? serverNameAt(server.hostname),
    remember: () => {
      const { serverName } = options;
      // As it is read back, however it was typed.
      const pin = trust.kind === "pin" ? { [name]: pinText(trust) } : {};
      updateKnownServers(stateFolder, (before) => ({
        last: name,
        pins: { ...before.pins, ...options.pin === undefined ? {} : pin },
        found: { ...before.found, ...isFound ? pin : {} },
        names: serverName === undefined ? before.names : { ...before.names, [name]: serverName },
      }));
    },
    explain: (error) => {
      const isMissing = error.code === "tls/unknown-issuer" && trust.kind === "system" &&
        isLoopback(server.hostname);
      return isMissing
        ? new MessengerError(error.code, `Cannot connect to ${name}: ${MISSING}`, { cause: error })
        : error;
    },
  };
}

const MISSING = `nobody whom you trust issued its certificate, and this folder has no ` +
  `${LOCAL_CERTIFICATE}: use qpq once in the folder that the server runs in, or give ` +
  "--pin sha256:<hex>, which the server prints when it starts (or --ca-cert FILE)";

async function chooseTrust(
  options: CommonOptions,
  workingFolder: string,
  server: HostPort,
  known: KnownServers,
): Promise<{ readonly trust: Trust; readonly isFound: boolean }> {
  const name = formatHostPort(server);
  const given = await givenTrust(options, workingFolder);
  if (given !== undefined) return { trust: given, isFound: false };
  const pin = known.pins[name];
  if (pin !== undefined) return { trust: parsePin(pin), isFound: false };
  if (!isLoopback(server.hostname)) return { trust: { kind: "system" }, isFound: false };
  const certificate = await readIfThere(resolve(workingFolder, LOCAL_CERTIFICATE));
  if (certificate !== undefined) return { trust: parsePin(formatPin(certificate)), isFound: true };
  // From another folder it is the one that was found in the server's.
  const found = known.found[name];
  const trust: Trust = found === undefined ? { kind: "system" } : parsePin(found);
  return { trust, isFound: false };
}

async function givenTrust(
  options: CommonOptions,
  workingFolder: string,
): Promise<Trust | undefined> {
  try {
    if (options.pin !== undefined) return parsePin(options.pin);
    if (options.caCert !== undefined) {
      return await trustCertificatesOf(resolve(workingFolder, options.caCert));
    }
    return undefined;
  } catch (error) {
    if (!(error instanceof MessengerError)) throw error;
    throw new UsageError(error.message);
  }
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
