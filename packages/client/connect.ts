import {
  createQuicTransport,
  readCertificates,
  systemClock,
  systemRandom,
  type Trust,
} from "@qpq/adapters";
import { type HostPort, type Log, silentLog, VERSION } from "@qpq/ports";
import { type ClientStatus, openRpcClient, type RpcClient, type RpcClientOptions } from "@qpq/rpc";

export interface ConnectOptions {
  readonly server: HostPort;
  /** Whom to believe to be the server; nothing else is. */
  readonly trust: Trust;
  /** The server's access token, where it asks for one. */
  readonly authToken?: string | undefined;
  /** Who this is, asked for whenever a session opens. Left out: nobody. */
  readonly credentials?: NonNullable<RpcClientOptions["credentials"]>;
  readonly log?: Log;
  /** Told of every change of the connection. Must not throw. */
  readonly onStatus?: (status: ClientStatus) => void;
}

/**
 * Opens a session that connects by itself, now and whenever the connection is lost.
 * `connected({ timeoutMs })` on it waits for the first connection.
 */
export function connectServer(options: ConnectOptions): RpcClient {
  const { server, trust, authToken, credentials, onStatus, log = silentLog } = options;
  const transport = createQuicTransport({ clock: systemClock, trust });
  return openRpcClient({
    connect: (signal) => transport.connect(server, { signal }),
    clock: systemClock,
    random: systemRandom,
    log,
    build: `qpq/${VERSION}`,
    ...(authToken === undefined ? {} : { authToken }),
    ...(credentials === undefined ? {} : { credentials }),
    ...(onStatus === undefined ? {} : { onStatus }),
  });
}

/**
 * Trust in exactly the certificates of a file: authorities, or a server's own.
 * @param file PEM or DER
 * @throws MessengerError `tls/bad-certificate-file`
 */
export async function trustCertificatesOf(file: string): Promise<Trust> {
  return { kind: "authorities", certificates: await readCertificates(file) };
}
