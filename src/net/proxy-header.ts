/**
 * The PROXY protocol, versions 1 and 2, as HAProxy's proxy-protocol.txt has it: what a proxy says of the client before
 * the client's own bytes.
 */
import { isIP } from "node:net";
import { canonicalAddress } from "../lib/networks.ts";

export type ProxyHeader =
  /** More bytes are needed. */
  | "incomplete"
  /** `address` is undefined where the proxy speaks for itself or names no IP address. */
  | { readonly headerBytes: number; readonly address: string | undefined }
  | { readonly wrong: string };

const beginning1 = Buffer.from("PROXY ");
const beginning2 = Buffer.from("\r\n\r\n\0\r\nQUIT\n", "latin1");
/** With CR LF, § 2.1. */
const bytesMax1 = 107;
/** Signature, version and command, family, length, § 2.2. */
const fixedBytes2 = 16;

/** Certificates that a proxy adds in TLVs would be longer; Roost uses none of them. */
export const proxyHeaderBytesMax = 4096;

/** Reads the header at the start of what a proxy sent so far. */
export function readProxyHeader(bytes: Buffer): ProxyHeader {
  if (begins(bytes, beginning1)) return bytes.length < beginning1.length ? "incomplete" : read1(bytes);
  if (begins(bytes, beginning2)) return bytes.length < fixedBytes2 ? "incomplete" : read2(bytes);
  return { wrong: "it did not begin with a PROXY header" };
}

/** Whether they agree as far as both go. */
function begins(bytes: Buffer, beginning: Buffer): boolean {
  const length = Math.min(bytes.length, beginning.length);
  return bytes.compare(beginning, 0, length, 0, length) === 0;
}

function read1(bytes: Buffer): ProxyHeader {
  const end = bytes.subarray(0, bytesMax1).indexOf("\r\n");
  if (end === -1) {
    return bytes.length < bytesMax1 ? "incomplete" : { wrong: `a PROXY line of more than ${bytesMax1} bytes` };
  }
  const headerBytes = end + 2;
  const line = bytes.toString("latin1", 0, end);
  if (/^PROXY UNKNOWN(?: |$)/.test(line)) return { headerBytes, address: undefined };
  const match = /^PROXY TCP([46]) ([^ ]+) ([^ ]+) (\d{1,5}) (\d{1,5})$/.exec(line);
  const [, family, source = "", destination = "", ...ports] = match ?? [];
  const areAddresses = [source, destination].every((address) => String(isIP(address)) === family);
  if (!areAddresses || ports.some((port) => Number(port) > 65_535)) return { wrong: "a PROXY line that says nothing" };
  return { headerBytes, address: canonicalAddress(source) };
}

/** The bytes of both addresses and ports, by the high half of the byte that names the family. */
const addressBytes2 = [0, 12, 36, 216];

function read2(bytes: Buffer): ProxyHeader {
  const [versionAndCommand = 0, familyAndTransport = 0] = bytes.subarray(beginning2.length);
  if (versionAndCommand >> 4 !== 2) return { wrong: `PROXY version ${versionAndCommand >> 4}` };
  const command = versionAndCommand & 15;
  if (command > 1) return { wrong: `PROXY command ${command}` };
  const headerBytes = fixedBytes2 + bytes.readUInt16BE(fixedBytes2 - 2);
  if (headerBytes > proxyHeaderBytesMax) return { wrong: `a PROXY header of ${headerBytes} bytes` };
  const family = familyAndTransport >> 4;
  const transport = familyAndTransport & 15;
  const addressBytes = addressBytes2[family];
  // LOCAL is the proxy itself, and the rest is to be skipped unread.
  if (command === 1) {
    if (addressBytes === undefined || transport > 2) return { wrong: `PROXY family ${familyAndTransport}` };
    if (headerBytes < fixedBytes2 + addressBytes) return { wrong: "a PROXY header without its addresses" };
    if (transport === 2 && (family === 1 || family === 2)) return { wrong: "a PROXY header about a datagram" };
  }
  if (bytes.length < headerBytes) return "incomplete";
  if (command === 0 || transport === 0) return { headerBytes, address: undefined };
  if (family === 1) return { headerBytes, address: bytes.subarray(fixedBytes2, fixedBytes2 + 4).join(".") };
  if (family !== 2) return { headerBytes, address: undefined };
  const groups = [0, 2, 4, 6, 8, 10, 12, 14].map((at) => bytes.readUInt16BE(fixedBytes2 + at).toString(16));
  return { headerBytes, address: canonicalAddress(groups.join(":")) };
}
