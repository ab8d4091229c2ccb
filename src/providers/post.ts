/**
 * One POST to an address that was checked. The name is resolved here, every address it has is judged, and the
 * connection is made to one of those addresses, so that a second answer of the name server changes nothing. Redirects
 * are not followed, since only the status of the answer is read. HTTP/1.1 is written by hand, as `fetch` cannot be
 * given an address.
 */
import { connect, isIP, type Socket } from "node:net";
import type { AddressRule } from "./address-rules.ts";
import { OutsideError, reasonOf } from "./http-call.ts";

export interface Post {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  /** The limit for the whole call, name resolution included. */
  readonly timeoutMs: number;
  readonly mayCall: AddressRule;
  readonly signal: AbortSignal;
  /** PEM certificates to trust besides the usual root certificates. */
  readonly ca?: string | undefined;
}

/** The longest first line of an answer. */
const statusLineBytesMax = 1024;
/** The longest head of an interim answer. */
const headBytesMax = 16 * 1024;

/**
 * Gives the status of the answer. Throws `OutsideError` where there is none; its text holds nothing of the other side.
 */
export async function post(request: Post): Promise<number> {
  const signal = AbortSignal.any([request.signal, AbortSignal.timeout(request.timeoutMs)]);
  const address = await untilAborted(resolve(request.url.hostname, request.mayCall), signal);
  return untilAborted(exchange(request, address, signal), signal);
}

/** How long the question for a name's addresses may take. */
const lookupMsMax = 3000;

/** Whether a host has an address now that may not be called. False where it has none now. */
export async function hasClosedAddress(hostname: string, mayCall: AddressRule): Promise<boolean> {
  try {
    const found = await untilAborted(addressesOf(bare(hostname)), AbortSignal.timeout(lookupMsMax));
    return !found.every(({ address }) => mayCall(address));
  } catch {
    return false;
  }
}

/** Gives an address of the name that may be called. Refuses as soon as one of its addresses may not be called. */
async function resolve(hostname: string, mayCall: AddressRule): Promise<string> {
  const found = await addressesOf(bare(hostname));
  const [first] = found;
  if (first === undefined) throw new OutsideError("the name has no address");
  if (!found.every(({ address }) => mayCall(address))) throw new OutsideError("the address is none that may be called");
  return first.address;
}

async function addressesOf(host: string): Promise<{ readonly address: string }[]> {
  if (isIP(host) !== 0) return [{ address: host }];
  const { lookup } = await import("node:dns/promises");
  return lookup(host, { all: true, order: "verbatim" }).catch((error: unknown) => {
    throw new OutsideError(`the name cannot be resolved (${reasonOf(error)})`);
  });
}

/** An IPv6 address in a URL stands in brackets. */
const bare = (hostname: string): string => hostname.replace(/^\[|\]$/g, "");

function untilAborted<Value>(work: Promise<Value>, signal: AbortSignal): Promise<Value> {
  return new Promise((settle, reject) => {
    const abort = () => reject(new OutsideError(`no answer (${reasonOf(signal.reason)})`));
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    work.then(settle, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}

async function exchange({ url, headers, body, ca }: Post, address: string, signal: AbortSignal): Promise<number> {
  const secure = url.protocol === "https:";
  // Loaded on first use: with its root certificates it takes megabytes.
  const { connect: connectTls, rootCertificates } = await import("node:tls");
  const port = url.port === "" ? (secure ? 443 : 80) : Number(url.port);
  const hostname = bare(url.hostname);
  const servername = isIP(hostname) === 0 ? hostname : "";
  return new Promise((settle, reject) => {
    const socket: Socket = secure
      ? connectTls({ host: address, port, servername, ...(ca === undefined ? {} : { ca: [...rootCertificates, ca] }) })
      : connect({ host: address, port });
    const abort = () => socket.destroy();
    signal.addEventListener("abort", abort, { once: true });
    let head = "";
    const fail = (why: string) => {
      reject(new OutsideError(why));
      socket.destroy();
    };
    socket.on(secure ? "secureConnect" : "connect", () => {
      socket.write(headOf(url, { ...headers, "Content-Length": String(body.byteLength) }));
      socket.write(body);
    });
    socket.on("data", (chunk: Buffer) => {
      head = withoutInterim(head + chunk.toString("latin1"));
      const status = statusIn(head);
      if (status !== undefined && !isInterim(status)) {
        settle(status);
        socket.destroy();
        return;
      }
      const isNone = status === undefined && (head.length > statusLineBytesMax || head.includes("\n"));
      if (isNone || head.length > headBytesMax) fail("the answer is no HTTP");
    });
    socket.on("error", (error: unknown) => fail(`could not be called (${reasonOf(error)})`));
    socket.on("close", () => {
      signal.removeEventListener("abort", abort);
      reject(new OutsideError("the connection ended before an answer"));
    });
  });
}

const statusIn = (head: string): number | undefined => {
  const digits = /^HTTP\/1\.[01] (\d{3})\b[^\n]*\n/.exec(head)?.[1];
  return digits === undefined ? undefined : Number(digits);
};

/** 100, 102 and 103 come before the answer (RFC 9110 § 15.2). 101 ends it: no other protocol was asked for. */
const isInterim = (status: number): boolean => status >= 100 && status < 200 && status !== 101;

/** Takes off the complete interim answers that `text` begins with. */
function withoutInterim(text: string): string {
  let rest = text;
  for (;;) {
    const status = statusIn(rest);
    const end = status !== undefined && isInterim(status) ? /\r?\n\r?\n/.exec(rest) : null;
    if (end === null) return rest;
    rest = rest.slice(end.index + end[0].length);
  }
}

function headOf(url: URL, headers: Readonly<Record<string, string>>): string {
  const lines = [`POST ${url.pathname}${url.search} HTTP/1.1`, `Host: ${url.host}`, "Connection: close"];
  for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`);
  return `${lines.join("\r\n")}\r\n\r\n`;
}
