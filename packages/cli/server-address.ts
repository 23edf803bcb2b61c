/** What names a server, without what talks to it: the launcher's first run needs only this. */
import { type HostPort, parseHostPort } from "@qpq/ports";

export const SERVER_DEFAULT = "127.0.0.1:7000";
const PORT_DEFAULT = 7000;
/** Where a server that runs here, from the same folder, keeps its certificate. */
export const LOCAL_CERTIFICATE = "data/server-cert.der";

/**
 * Parses `host`, `host:port`, `[IPv6]` or `[IPv6]:port`. One server has one spelling: lower case, no
 * dot at the end.
 * @returns undefined for anything else
 */
export function parseServer(text: string): HostPort | undefined {
  const parsed = parseHostPort(text) ?? parseHostPort(`${text}:${PORT_DEFAULT}`);
  return parsed &&
    { ...parsed, hostname: parsed.hostname.toLowerCase().replace(/(?<=.)\.$/, "") };
}
