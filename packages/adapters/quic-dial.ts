import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import {
  type Clock,
  type Connection,
  type ConnectOptions,
  formatHostPort,
  type HostPort,
  MessengerError,
  type Transport,
} from "@qpq/ports";
import { abortable } from "./abortable.ts";
import { dialFirst } from "./dial-first.ts";
import { certificateError, handshakeError } from "./quic-errors.ts";
import { certificatePem } from "./tls-certificate.ts";
import type { Trust } from "./tls-trust.ts";
import { ALPN, ALPN_CERTIFICATES } from "./quic-limits.ts";
import { type Belief, dialQuic, type QuicConnection } from "./transport-quic.ts";

/** Milliseconds that a client waits for one handshake. */
const CONNECT_TIMEOUT_MS = 5_000;
/** Addresses of one name that are tried, and the head start that each has over the next (RFC 8305). */
const ADDRESSES_MAX = 4;
const ADDRESS_STAGGER_MS = 250;

export interface QuicTransportOptions {
  readonly clock: Clock;
  /** Whom to believe: one choice for all that this transport dials. */
  readonly trust: Trust;
  /** Milliseconds for one handshake; default 5,000. */
  readonly connectTimeoutMs?: number;
  /** Gives the IP addresses of a name, in the order to try them; default: asks the system. */
  readonly lookUp?: (name: string) => Promise<readonly string[]>;
}

/**
 * Dials QUIC servers. Every connection makes a full handshake: nothing is resumed, so every
 * connection checks the server's certificate.
 */
export function createQuicTransport(options: QuicTransportOptions): Transport {
  return {
    connect: (address, connect = {}) => connectQuic(address, options, connect),
  };
}

async function connectQuic(
  address: HostPort,
  options: QuicTransportOptions,
  { signal }: ConnectOptions,
): Promise<Connection> {
  const { clock, trust } = options;
  const giveUp = new AbortController();
  const onAbort = (): void =>
    giveUp.abort(new MessengerError("cancelled", "Cannot connect: the caller gave up"));
  if (signal?.aborted) onAbort();
  signal?.addEventListener("abort", onAbort, { once: true });
  const timer = clock.schedule(options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS, () => {
    giveUp.abort(handshakeError("timed out", { address, trust }));
  });
  try {
    const dialling: Dialling = {
      address,
      clock,
      trust,
      signal: giveUp.signal,
      hosts: await resolve(address, giveUp.signal, options.lookUp ?? lookUpBySystem),
    };
    return await dial(dialling, ALPN, await believe(dialling));
  } finally {
    timer.cancel();
    signal?.removeEventListener("abort", onAbort);
  }
}

/** One attempt to connect. */
interface Dialling {
  readonly address: HostPort;
  readonly hosts: readonly string[];
  readonly clock: Clock;
  readonly trust: Trust;
  readonly signal: AbortSignal;
}

/**
 * The runtime can believe authorities only beside its own. So for exact trust the server first shows
 * its certificates, which are checked here, and the real connection is pinned to what was checked:
 * whoever stands in between can only show the server's own, and has no key for it.
 */
async function believe(dialling: Dialling): Promise<Belief> {
  const { trust } = dialling;
  if (trust.kind === "system") return {};
  if (trust.kind === "pin") return pinned(trust.sha256);
  const shown = await dial(dialling, ALPN_CERTIFICATES, {
    caCerts: trust.certificates.map(certificatePem),
  });
  try {
    const { checkAgainstAuthorities } = await import("./tls-authorities.ts");
    return pinned(checkAgainstAuthorities(await shown.readCertificates(dialling.signal), {
      authorities: trust.certificates,
      hostname: dialling.address.hostname,
      nowMs: dialling.clock.now(),
    }));
  } catch (error) {
    throw certificateError(error, dialling.address);
  } finally {
    shown.close(0, "");
  }
}

function pinned(sha256: Uint8Array): Belief {
  return { serverCertificateHashes: [{ algorithm: "sha-256", value: sha256 }] };
}

async function lookUpBySystem(name: string): Promise<readonly string[]> {
  return (await lookup(name, { all: true, verbatim: true })).map(({ address }) => address);
}

async function resolve(
  { hostname, port }: HostPort,
  signal: AbortSignal,
  lookUp: (name: string) => Promise<readonly string[]>,
): Promise<readonly string[]> {
  if (isIP(hostname) !== 0) return [hostname];
  try {
    return (await abortable(lookUp(hostname), signal)).slice(0, ADDRESSES_MAX);
  } catch (cause) {
    if (signal.aborted) throw signal.reason;
    throw new MessengerError(
      "transport/unreachable",
      `Cannot connect to ${formatHostPort({ hostname, port })}: the name has no address`,
      { cause },
    );
  }
}

function dial(dialling: Dialling, alpn: string, belief: Belief): Promise<QuicConnection> {
  const dialledByName = new Set<number>();
  return dialFirst(dialling.hosts, {
    clock: dialling.clock,
    staggerMs: ADDRESS_STAGGER_MS,
    signal: dialling.signal,
    discard: (connection) => connection.close(0, ""),
    dial: async (host, signal) => {
      try {
        return await dialQuic(host, {
          port: dialling.address.port,
          serverName: dialling.address.hostname,
          clock: dialling.clock,
          alpn,
          belief,
          dialledByName,
          signal,
        });
      } catch (cause) {
        const { address, trust } = dialling;
        throw handshakeError(cause instanceof Error ? cause.message : "", {
          address,
          trust,
          cause,
        });
      }
    },
  });
}
