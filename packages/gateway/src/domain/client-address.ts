import ipaddr from "ipaddr.js";

const IPV6_BLOCK_BITS = 64;

/**
 * Names the block that one client is: an IPv4 address, or the /64 that one IPv6 subscriber owns.
 *
 * @param address as the socket or a trusted proxy gave it; IPv4-mapped and zoned forms are the same client
 * @returns null when it is no address
 */
export function clientBlock(address: string): string | null {
  if (!ipaddr.isValid(address)) return null;
  const parsed = ipaddr.process(address);
  if (parsed.kind() === "ipv4") return parsed.toString();
  const network = ipaddr.IPv6.networkAddressFromCIDR(`${parsed.toNormalizedString().split("%")[0]}/${IPV6_BLOCK_BITS}`);
  return `${network.toString()}/${IPV6_BLOCK_BITS}`;
}

/** Tells whether an address is this machine. */
export const isLoopback = (address: string): boolean =>
  ipaddr.isValid(address) && ipaddr.process(address).range() === "loopback";
