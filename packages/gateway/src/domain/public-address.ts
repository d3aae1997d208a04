import ipaddr from "ipaddr.js";

/** All that is routed in the public IPv6 internet; what is special within it has ranges of its own. */
const GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR("2000::/3");

/**
 * Tells whether an address is a machine of the public internet: not this one, not its network, nothing reserved, and
 * no spelling of IPv4 inside IPv6 (mapped, translated, tunnelled), which could lead back inside.
 *
 * @see https://www.iana.org/assignments/iana-ipv4-special-registry
 * @see https://www.iana.org/assignments/iana-ipv6-special-registry
 */
export function isPublicAddress(address: string): boolean {
  // The parser of the library also takes octal and hexadecimal parts, which a resolver never gives.
  if (!ipaddr.IPv4.isValidFourPartDecimal(address) && !ipaddr.IPv6.isValid(address)) return false;
  const parsed = ipaddr.parse(address);
  if (parsed.range() !== "unicast") return false;
  return parsed.kind() === "ipv4" || parsed.match(GLOBAL_UNICAST);
}
