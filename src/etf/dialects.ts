/**
 * The encodings of a payload of the Erlang-term services. The first byte tells them apart; the answer has the encoding
 * of the request (docs/protocols/erlang-terms.md § Encodings).
 */
import { decodeTerm } from "./decode.ts";
import { encodeTerm, type WireTerm } from "./encode.ts";
import { decodeJson, encodeJson } from "./json.ts";
import { type TermLimits, termLimits } from "./limits.ts";
import { decodeMessagePack, encodeMessagePack } from "./message-pack.ts";
import type { IsRecordName } from "./records.ts";
import { type Term, TermError } from "./term.ts";

export type Dialect = "etf" | "msgpack" | "json";

/**
 * Decodes a payload. `isRecordName` says which arrays of MessagePack and JSON are tuples, besides those that begin with
 * `io`, `ok` or `error`. The name of such a tuple is an atom; every other string is a `Text`. Throws `TermError`.
 */
export function decodePayload(
  bytes: Uint8Array,
  isRecordName: IsRecordName,
  limits: TermLimits = termLimits,
): { readonly dialect: Dialect; readonly term: Term } {
  const dialect = dialectOf(bytes);
  switch (dialect) {
    case "etf":
      return { dialect, term: decodeTerm(bytes, limits) };
    case "msgpack":
      return { dialect, term: decodeMessagePack(bytes, isRecordName, limits) };
    case "json":
      return { dialect, term: decodeJson(bytes, isRecordName, limits) };
    case undefined:
      throw new TermError("no encoding of a term");
  }
}

/** Undefined where no payload of the services begins with this byte. */
export function dialectOf(bytes: Uint8Array): Dialect | undefined {
  const [first] = bytes;
  if (first === undefined) return undefined;
  if (first === 131) return "etf";
  if ((first >= 0x90 && first <= 0x9f) || first === 0xdc || first === 0xdd) return "msgpack";
  return bytes.find((byte) => !isSpace(byte)) === 0x5b ? "json" : undefined;
}

const isSpace = (byte: number): boolean => byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d;

/** Encodes a term. `<<>>` alone is 131,109,0,0,0,0, and an empty string in the other dialects. */
export function encodePayload(dialect: Dialect, term: WireTerm): Uint8Array<ArrayBuffer> {
  switch (dialect) {
    case "etf":
      return encodeTerm(term);
    case "msgpack":
      return encodeMessagePack(term);
    case "json":
      return encodeJson(term);
  }
}
