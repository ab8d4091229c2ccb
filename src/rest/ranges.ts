/** `Range` of one part (RFC 9110 § 14.1.2). A malformed range, or one of several parts, is ignored, as the RFC allows. */
import { safeInteger } from "../domain/keys.ts";

/** Both inclusive. */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

/** @param bytes of the whole. Undefined where all of it is to be served. */
export function parseRange(header: string | null, bytes: number): ByteRange | "unsatisfiable" | undefined {
  const match = /^bytes=\s*(\d*)-(\d*)\s*$/i.exec(header ?? "");
  if (match === null) return undefined;
  const [, from = "", to = ""] = match;
  if (from === "" && to === "") return undefined;
  // A number too large to be exact lies beyond every file.
  const number = (digits: string): number => safeInteger(digits) ?? Number.MAX_SAFE_INTEGER;
  if (from === "") {
    const count = Math.min(number(to), bytes);
    return count === 0 ? "unsatisfiable" : { first: bytes - count, last: bytes - 1 };
  }
  const first = number(from);
  const last = to === "" ? bytes - 1 : number(to);
  if (last < first && to !== "") return undefined;
  return first >= bytes ? "unsatisfiable" : { first, last: Math.min(last, bytes - 1) };
}
