/** Where something listens or is dialled. `hostname` has no brackets; `port` is 0 to 65,535. */
export interface HostPort {
  readonly hostname: string;
  readonly port: number;
}

/** Parses `host:port`, with an IPv6 host in brackets. @returns undefined for anything else */
export function parseHostPort(text: string): HostPort | undefined {
  const match = /^(?:\[([0-9A-Fa-f:.]{2,45})\]|([A-Za-z0-9.-]{1,253})):([0-9]{1,5})$/.exec(text);
  if (match === null) return undefined;
  const port = Number(match[3]);
  const hostname = match[1] ?? match[2];
  return hostname === undefined || port > 65_535 ? undefined : { hostname, port };
}

/** The text that `parseHostPort` reads. */
export function formatHostPort({ hostname, port }: HostPort): string {
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}

/**
 * What a client takes a server to be called that it reaches there, unless it is told otherwise: so
 * that no server passes for another by saying the other's name.
 */
export function serverNameAt(hostname: string): string {
  return isLoopback(hostname) ? "localhost" : hostname.toLowerCase();
}

/** Whether only this machine can reach the address. */
export function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "::1" || /^127(\.[0-9]{1,3}){3}$/.test(hostname);
}

/**
 * Who a limit takes an address for: an IPv4 address itself, also inside of IPv6; of an IPv6 address its
 * first 64 bits, because one subscriber has all addresses below (RFC 6177 §2).
 * @param address as the runtime writes it, with or without a zone
 */
export function networkOf(address: string): string {
  const [bare = ""] = address.split("%");
  if (!bare.includes(":")) return bare;
  const inside = /^::ffff:([0-9.]+)$/i.exec(bare)?.[1];
  if (inside !== undefined) return inside;
  const [head = "", tail] = bare.split("::");
  const groups = head.split(":");
  // "::" stands for as many groups as are missing; what stands behind it ends the address.
  const behind = tail === undefined ? [] : tail.split(":");
  while (groups.length + behind.length < 8) groups.push("0");
  const network = [...groups, ...behind].slice(0, 4);
  return `${network.map((group) => Number.parseInt(group || "0", 16).toString(16)).join(":")}::/64`;
}
