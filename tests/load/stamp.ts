/**
 * What every message of the load generator carries: the stream it belongs to (one publisher on one topic), its number in
 * that stream and when it was sent, in microseconds modulo 2^32. In binary for payloads that only a broker forwards, as
 * text for chat messages, where the reader looks for a marker in JSON or MessagePack instead of parsing either.
 */

export const BINARY_STAMP_BYTES = 12;
/** Marker, then stream, number and time, eight hexadecimal digits each. */
export const TEXT_STAMP_BYTES = 4 + 24;

const MARKER = "~L1:";
const MARKER_BYTES = Buffer.from(MARKER, "latin1");

export interface Stamp {
  stream: number;
  seq: number;
  sentUs: number;
}

/** Microseconds modulo 2^32. A latency is `(nowUs() - sentUs) >>> 0`. */
export function nowUs(): number {
  return (performance.now() * 1000) >>> 0;
}

export function writeU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

export function readU32(bytes: Uint8Array, at: number): number {
  return (
    (((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)) >>> 0
  );
}

/** Text of `bytes` bytes with room for a stamp at the beginning; `stampText` fills it in. */
export function textTemplate(bytes: number): string {
  const filler = "the quick brown fox jumps over the lazy dog ";
  const rest = Math.max(0, bytes - TEXT_STAMP_BYTES);
  return (MARKER + "0".repeat(24) + filler.repeat(Math.ceil(rest / filler.length))).slice(0, TEXT_STAMP_BYTES + rest);
}

/** Overwrites the digits of a text stamp whose marker begins at `at`. */
export function stampText(bytes: Uint8Array, at: number, { stream, seq, sentUs }: Stamp): void {
  writeHex(bytes, at + 4, stream);
  writeHex(bytes, at + 12, seq);
  writeHex(bytes, at + 20, sentUs);
}

/** Where the next text stamp begins in `bytes`, at or after `from`; -1 where there is none. */
export function findTextStamp(bytes: Buffer, from: number, guess: number): number {
  if (isMarkerAt(bytes, guess)) return guess;
  return bytes.indexOf(MARKER_BYTES, from);
}

/** True where a text stamp begins: messages of one shape have it at the same place, which saves the search. */
function isMarkerAt(bytes: Uint8Array, at: number): boolean {
  return (
    at >= 0 &&
    bytes[at] === MARKER_BYTES[0] &&
    bytes[at + 1] === MARKER_BYTES[1] &&
    bytes[at + 2] === MARKER_BYTES[2] &&
    bytes[at + 3] === MARKER_BYTES[3]
  );
}

const DIGITS = Buffer.from("0123456789abcdef", "latin1");
const DIGIT_VALUES = new Uint8Array(256);
for (let value = 0; value < 16; value++) DIGIT_VALUES[DIGITS[value] ?? 0] = value;

export function writeHex(bytes: Uint8Array, at: number, value: number): void {
  for (let digit = 0; digit < 8; digit++) bytes[at + digit] = DIGITS[(value >>> (28 - 4 * digit)) & 15] ?? 0;
}

export function readHex(bytes: Uint8Array, at: number): number {
  let value = 0;
  for (let digit = 0; digit < 8; digit++) value = (value << 4) | (DIGIT_VALUES[bytes[at + digit] ?? 0] ?? 0);
  return value >>> 0;
}
