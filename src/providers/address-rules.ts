/**
 * Which addresses the server may call. An address that is not public (loopback, private, link-local, the cloud's
 * metadata service, …) is refused unless the operator named its network: an external name may resolve to any address.
 */
import { canonicalAddress, createNetworkCheck, type Network, parseNetwork } from "../lib/networks.ts";

/** The special-purpose registries of RFC 6890, and multicast. */
const notPublic = [
  ...["0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24"],
  ...["192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"],
  ...["224.0.0.0/4", "240.0.0.0/4"],
  ...["::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16"],
  ...["3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8"],
];

export type AddressRule = (address: string) => boolean;

/** Whether an IP address may be called. */
export function createAddressRule(allowed: readonly Network[]): AddressRule {
  const isAllowed = createNetworkCheck(() => allowed);
  const isClosed = createNetworkCheck(() => notPublic.flatMap((text) => parseNetwork(text) ?? []));
  return (address) => isAllowed(address) || (canonicalAddress(address) !== undefined && !isClosed(address));
}
