/**
 * Who sent an HTTP request, where proxies stand between: `X-Forwarded-For`, `-Proto` and `-Host`, or `Forwarded` (RFC
 * 7239). Each proxy appends the address it was called from, so the lists are read from the right, and only as long as
 * the hop that said the next word is trusted. What stands further left may be anything a client made up.
 */
import { isIP } from "node:net";
import type { Log } from "../lib/log.ts";
import { canonicalAddress, withoutMapping } from "../lib/networks.ts";
import { type IsTrusted, isLocal, unixPeer } from "./trusted-proxies.ts";

/** Who sent a request, and what the client wrote into its browser, where a trusted proxy told it. */
export interface HttpClient {
  readonly address: string;
  readonly scheme: "http" | "https" | undefined;
  /** With the port, where it was written. */
  readonly host: string | undefined;
}

/** More trusted proxies than this in a row are not believed. */
const hopsMax = 32;
/** A longer element of a list is none. */
const elementCharactersMax = 2048;

/** One proxy's word. */
interface Hop {
  readonly address: string | undefined;
  readonly scheme?: HttpClient["scheme"];
  readonly host?: string | undefined;
}

export type HttpClientOf = (headers: Headers, peer: string) => HttpClient;

/** @param isTrusted undefined: there are no trusted proxies. */
export function createHttpClientOf({ isTrusted, log }: { isTrusted: IsTrusted | undefined; log: Log }): HttpClientOf {
  let toldUntrusted = false;
  let toldDisagreement = false;

  /** A proxy on this machine is a likely one, and without the setting its clients share every limit. */
  function tellUntrusted(headers: Headers, peer: string): void {
    if (!headers.has("x-forwarded-for") && !headers.has("forwarded")) return;
    if (!isLocal(peer)) return;
    toldUntrusted = true;
    log.warn(
      "a proxy on this machine forwards requests, but proxy.trusted does not name it, so all its clients count as one address",
      { address: peer, variable: `ROOST_PROXY_TRUSTED=${peer === unixPeer ? unixPeer : "loopback"}` },
    );
  }

  return (headers, from) => {
    const peer = withoutMapping(from);
    const direct = { address: peer, scheme: undefined, host: undefined };
    if (isTrusted === undefined || !isTrusted(peer)) {
      if (!toldUntrusted) tellUntrusted(headers, peer);
      return direct;
    }
    const standard = headers.get("forwarded");
    const list = headers.get("x-forwarded-for");
    const byStandard = standard === null ? undefined : walk(hopsOf(standard), peer, isTrusted);
    if (list === null && byStandard !== undefined) return byStandard.client;
    const { client, hops } = walk(list === null ? [] : addressesOf(list), peer, isTrusted);
    if (byStandard !== undefined && byStandard.client.address !== client.address) {
      // The proxy wrote one of them, and the client may have written the other.
      if (!toldDisagreement) {
        toldDisagreement = true;
        log.warn(
          "X-Forwarded-For and Forwarded name different clients; have the proxy delete the one it does not set",
          {
            address: peer,
          },
        );
      }
      return direct;
    }
    return {
      address: client.address,
      scheme: schemeOf(nthFromRight(headers.get("x-forwarded-proto"), hops)),
      host: hostOf(nthFromRight(headers.get("x-forwarded-host"), hops)),
    };
  };
}

/** Goes from the peer towards the client. `hops`: how many words were read. */
function walk(words: Iterable<Hop>, peer: string, isTrusted: IsTrusted): { client: HttpClient; hops: number } {
  let address = peer;
  let hops = 0;
  let last: Hop | undefined;
  for (const hop of words) {
    hops++;
    last = hop;
    // Unreadable, `unknown` or hidden: the client is somewhere behind the last one that is known.
    if (hop.address === undefined) break;
    address = hop.address;
    if (hops === hopsMax || !isTrusted(address)) break;
  }
  return { client: { address, scheme: last?.scheme, host: last?.host }, hops };
}

function* addressesOf(list: string): Generator<Hop> {
  for (const element of elementsFromRight(list)) yield { address: addressOf(element) };
}

function* hopsOf(list: string): Generator<Hop> {
  for (const element of elementsFromRight(list)) {
    const pairs = pairsOf(element);
    yield {
      address: addressOf(pairs?.get("for") ?? ""),
      scheme: schemeOf(pairs?.get("proto")),
      host: hostOf(pairs?.get("host")),
    };
  }
}

/**
 * The elements of a list, the last one first. A comma within quotes parts nothing. Reading from the right, a quote that
 * a client left open spoils only what the client wrote.
 */
function* elementsFromRight(list: string): Generator<string> {
  let end = list.length;
  let quoted = false;
  for (let at = end - 1; at >= 0; at--) {
    const character = list[at];
    if (character === '"' && !isEscaped(list, at)) quoted = !quoted;
    else if (character === "," && !quoted) {
      yield list.slice(at + 1, end);
      end = at;
    }
  }
  yield list.slice(0, end);
}

function isEscaped(text: string, at: number): boolean {
  let from = at;
  while (text[from - 1] === "\\") from--;
  return (at - from) % 2 === 1;
}

/** `for=192.0.2.60;proto=http`, names in lower case. Undefined where the element is not of this form (RFC 7239 § 4). */
function pairsOf(element: string): Map<string, string> | undefined {
  if (element.length > elementCharactersMax) return undefined;
  const pairs = new Map<string, string>();
  const pair = /[ \t]*(?:([\w!#$%&'*+.^`|~-]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]+)))?[ \t]*(?:;|$)/y;
  while (pair.lastIndex < element.length) {
    const match = pair.exec(element);
    if (match === null) return undefined;
    const name = match[1]?.toLowerCase();
    if (name === undefined) continue;
    if (pairs.has(name)) return undefined;
    pairs.set(name, match[2]?.replaceAll(/\\(.)/g, "$1") ?? match[3] ?? "");
  }
  return pairs;
}

/**
 * The address of a node: `192.0.2.1`, `2001:db8::1` or `[2001:db8::1]`, with or without a port. Undefined for all else,
 * such as `unknown` and `_hidden`.
 */
function addressOf(text: string): string | undefined {
  if (text.length > elementCharactersMax) return undefined;
  const node = text.trim();
  const bracketed = /^\[([^[\]]+)\](?::(?:\d{1,5}|_[\w.-]+))?$/.exec(node)?.[1];
  if (bracketed !== undefined) return isIP(bracketed) === 6 ? canonicalAddress(bracketed) : undefined;
  return canonicalAddress(/^([\d.]+):(?:\d{1,5}|_[\w.-]+)$/.exec(node)?.[1] ?? node);
}

/** A proxy that speaks of WebSockets says `ws` and `wss`. */
const schemes: Readonly<Record<string, HttpClient["scheme"]>> = {
  http: "http",
  https: "https",
  ws: "http",
  wss: "https",
};

const schemeOf = (text: string | undefined): HttpClient["scheme"] => {
  const scheme = text?.trim().toLowerCase() ?? "";
  return Object.hasOwn(schemes, scheme) ? schemes[scheme] : undefined;
};

const hostOf = (text: string | undefined): string | undefined =>
  /^\s*((?:\[[0-9a-f:.]{2,45}\]|[\w.-]{1,255})(?::\d{1,5})?)\s*$/i.exec(text ?? "")?.[1];

/** The word of the proxy that is `hops` from here; of the furthest one, where fewer spoke. */
function nthFromRight(list: string | null, hops: number): string | undefined {
  if (list === null) return undefined;
  let word: string | undefined;
  let left = Math.max(1, hops);
  for (const element of elementsFromRight(list)) {
    word = element;
    if (--left === 0) break;
  }
  return word;
}
