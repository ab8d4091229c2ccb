/**
 * Verifies AWS Signature Version 4 of a request as a service does: "Create a signed AWS API request" in the IAM User Guide. It
 * starts from the bytes that arrived, and shares nothing with the library that signs.
 */
import { createHash, createHmac } from "node:crypto";

export interface ArrivedRequest {
  readonly method: string;
  /** As it stands in the request line. */
  readonly target: string;
  readonly headers: Headers;
  readonly body: string;
}

export interface Verdict {
  readonly accessKeyId: string;
  readonly date: string;
  readonly region: string;
  readonly service: string;
  readonly signedHeaders: readonly string[];
  /** The signature is that of the secret. */
  readonly valid: boolean;
}

const sha256 = (text: string): string => createHash("sha256").update(text, "utf8").digest("hex");
const hmac = (key: string | Buffer, text: string): Buffer => createHmac("sha256", key).update(text, "utf8").digest();

/** UriEncode(): everything but the unreserved characters of RFC 3986, byte by byte, in capitals. */
function uriEncode(bytes: Buffer): string {
  let encoded = "";
  for (const byte of bytes) {
    const character = String.fromCharCode(byte);
    encoded += /[A-Za-z0-9._~-]/.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return encoded;
}

function percentDecode(text: string): Buffer {
  const parts: Buffer[] = [];
  for (const [piece, hex] of text.matchAll(/%([0-9A-Fa-f]{2})|[^%]+|%/g)) {
    parts.push(hex === undefined ? Buffer.from(piece, "utf8") : Buffer.from([Number.parseInt(hex, 16)]));
  }
  return Buffer.concat(parts);
}

function canonicalQuery(query: string): string {
  if (query === "") return "";
  return query
    .split("&")
    .map((pair) => {
      const equals = pair.indexOf("=");
      const [name, value] = equals === -1 ? [pair, ""] : [pair.slice(0, equals), pair.slice(equals + 1)];
      return `${uriEncode(percentDecode(name))}=${uriEncode(percentDecode(value))}`;
    })
    .sort((a, b) => (a < b ? -1 : 1))
    .join("&");
}

/** Throws where the request carries no signature of this kind. */
export function verifySignature(request: ArrivedRequest, secretAccessKey: string): Verdict {
  const authorization = request.headers.get("authorization") ?? "";
  const match =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request, ?SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})$/.exec(
      authorization,
    );
  if (match === null) throw new Error(`no signature of version 4: ${authorization}`);
  const [, accessKeyId = "", date = "", region = "", service = "", names = "", signature = ""] = match;
  const signedHeaders = names.split(";");
  const timestamp = request.headers.get("x-amz-date") ?? "";
  if (!timestamp.startsWith(date)) throw new Error("the credential's date is not the request's");
  if (!signedHeaders.includes("host")) throw new Error("the host is not signed");

  const [path = "", query = ""] = request.target.split("?", 2);
  const canonicalPath = path
    .split("/")
    .map((part) => uriEncode(Buffer.from(part, "utf8")))
    .join("/");
  const canonicalHeaders = signedHeaders.map((name) => {
    const value = request.headers.get(name) ?? "";
    return `${name}:${value.trim().replace(/ +/g, " ")}\n`;
  });
  const canonicalRequest = [
    request.method,
    canonicalPath,
    canonicalQuery(query),
    canonicalHeaders.join(""),
    names,
    sha256(request.body),
  ].join("\n");
  const scope = `${date}/${region}/${service}/aws4_request`;
  const stringToSign = `AWS4-HMAC-SHA256\n${timestamp}\n${scope}\n${sha256(canonicalRequest)}`;
  const key = [date, region, service, "aws4_request"].reduce<string | Buffer>(
    (parent, part) => hmac(parent, part),
    `AWS4${secretAccessKey}`,
  );
  const valid = hmac(key, stringToSign).toString("hex") === signature;
  return { accessKeyId, date, region, service, signedHeaders, valid };
}
