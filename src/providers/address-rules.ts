/**
 * Which addresses the server may call. An address that is not public (loopback, private, link-local, the cloud's
 * metadata service, …) is refused unless the operator named its network: an external name may resolve to any address.
 */
import { BlockList, isIP, SocketAddress } from "node:net";
import { lazily } from "../lib/lazily.ts";

/** `203.0.113.0/24`, `2001:db8::/32`, or one address. */
export interface Network {
  readonly address: string;
  readonly prefix: number;
  readonly family: "ipv4" | "ipv6";
}

/** Undefined where the text is not a network. */
export function parseNetwork(text: string): Network | undefined {
  const [address = "", bits, ...rest] = text.split("/");
  const version = isIP(address);
  if (version === 0 || rest.length > 0) return undefined;
  const longest = version === 4 ? 32 : 128;
  if (bits !== undefined && !/^\d{1,3}$/.test(bits)) return undefined;
  const prefix = bits === undefined ? longest : Number(bits);
  return prefix > longest ? undefined : { address, prefix, family: version === 4 ? "ipv4" : "ipv6" };
}

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
  const open = lazily(() => listOf(allowed));
  const closed = lazily(() => listOf(notPublic.flatMap((text) => parseNetwork(text) ?? [])));
  return (text) => {
    const address = plainAddress(text);
    const family = isIP(address) === 4 ? "ipv4" : isIP(address) === 6 ? "ipv6" : undefined;
    if (family === undefined) return false;
    return open().check(address, family) || !closed().check(address, family);
  };
}

function listOf(networks: readonly Network[]): BlockList {
  const list = new BlockList();
  for (const { address, prefix, family } of networks) list.addSubnet(address, prefix, family);
  return list;
}

/** Gives an IPv4 address that is written as IPv6 in its IPv4 form; a zone is dropped. */
function plainAddress(text: string): string {
  const bare = text.split("%", 1)[0] ?? "";
  if (isIP(bare) !== 6) return bare;
  // Canonical, so that every spelling of a mapped address is recognised.
  const canonical = new SocketAddress({ address: bare, family: "ipv6" }).address;
  const mapped = /^::ffff:(?:(\d+\.\d+\.\d+\.\d+)|([0-9a-f]{1,4}):([0-9a-f]{1,4}))$/i.exec(canonical);
  if (mapped === null) return canonical;
  if (mapped[1] !== undefined) return mapped[1];
  const [high, low] = [Number.parseInt(mapped[2] ?? "0", 16), Number.parseInt(mapped[3] ?? "0", 16)];
  return [high >> 8, high & 255, low >> 8, low & 255].join(".");
}
