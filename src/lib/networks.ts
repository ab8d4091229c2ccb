/** IP addresses and networks as text: one form for each address, and which networks an address lies in. */
import { BlockList, isIP } from "node:net";
import { lazily } from "./lazily.ts";

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

/**
 * Whether an address, in any of its forms, lies in one of these networks, which are asked for with the first address.
 * What is no address lies in none.
 */
export function createNetworkCheck(networks: () => readonly Network[]): (address: string) => boolean {
  const list = lazily(() => {
    const made = new BlockList();
    for (const { address, prefix, family } of networks()) made.addSubnet(address, prefix, family);
    return made;
  });
  return (text) => {
    const address = canonicalAddress(text);
    return address !== undefined && list().check(address, isIP(address) === 4 ? "ipv4" : "ipv6");
  };
}

/** The one form of an IP address; an IPv4 address within IPv6 in its IPv4 form, without a zone. Undefined for other text. */
export function canonicalAddress(text: string): string | undefined {
  const bare = text.split("%", 1)[0] ?? "";
  const version = isIP(bare);
  if (version !== 6) return version === 0 ? undefined : bare;
  const canonical = URL.parse(`http://[${bare}]`)?.hostname.slice(1, -1);
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(canonical ?? "");
  if (mapped === null) return canonical;
  const [high, low] = [Number.parseInt(mapped[1] ?? "0", 16), Number.parseInt(mapped[2] ?? "0", 16)];
  return [high >> 8, high & 255, low >> 8, low & 255].join(".");
}

/**
 * The same for an address that the kernel wrote: a listener on every interface sees IPv4 peers within IPv6, and their
 * address is the same one.
 */
export const withoutMapping = (address: string): string =>
  address.startsWith("::ffff:") && address.includes(".") ? address.slice("::ffff:".length) : address;
