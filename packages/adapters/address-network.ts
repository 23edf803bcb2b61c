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
