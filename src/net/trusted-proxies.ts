/** Which peers are proxies whose word about their clients counts (`proxy.trusted`). */
import { createNetworkCheck, type Network, parseNetwork } from "../lib/networks.ts";

const loopback = ["127.0.0.0/8", "::1"];

/** What stands for the address of a peer on a Unix socket, and the operator's word for it. */
export const unixPeer = "unix";

/**
 * The networks that an operator's word stands for: an address, a network, `loopback`, or `unix`, which is none. Undefined
 * for any other word.
 */
export function networksOf(word: string): readonly Network[] | undefined {
  if (word === unixPeer) return [];
  const networks = (word === "loopback" ? loopback : [word]).map(parseNetwork);
  return networks.includes(undefined) ? undefined : networks.filter((network) => network !== undefined);
}

export type IsTrusted = (address: string) => boolean;

/** @param words as `networksOf` reads them. */
export function createTrust(words: readonly string[]): IsTrusted {
  const isInNetworks = createNetworkCheck(() => words.flatMap((word) => networksOf(word) ?? []));
  const trustsUnix = words.includes(unixPeer);
  return (address) => (address === unixPeer ? trustsUnix : isInNetworks(address));
}

/** A peer on this machine. */
export const isLocal = createTrust(["loopback", unixPeer]);
