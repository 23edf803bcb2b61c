/**
 * What of an address a limit counts: an IPv4 address whole, of an IPv6 address its first 64 bits,
 * because one subscriber has all of those below (RFC 6177). Anything else counts as it is.
 * @param hostname as a `Connection` tells it, without brackets
 */
export function addressKey(hostname: string): string {
  const bare = hostname.split("%", 1)[0] as string;
  if (!bare.includes(":")) return bare;
  const mapped = /^::ffff:([0-9]{1,3}(?:\.[0-9]{1,3}){3})$/i.exec(bare);
  if (mapped !== null) return mapped[1] as string;
  const [head = "", tail] = bare.split("::", 2);
  const groups = head === "" ? [] : head.split(":");
  if (tail !== undefined) {
    const behind = tail === "" ? 0 : tail.split(":").length;
    for (let missing = 8 - groups.length - behind; missing > 0; missing--) groups.push("0");
    if (tail !== "") groups.push(...tail.split(":"));
  }
  const prefix = groups.slice(0, 4).map((group) => group.toLowerCase().replace(/^0+(?=.)/, ""));
  return `${prefix.join(":")}::/64`;
}
