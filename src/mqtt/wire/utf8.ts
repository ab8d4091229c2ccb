/** Strings of MQTT: UTF-8 that must be well formed [MQTT-1.5.3-1] and without U+0000 [MQTT-1.5.3-2]. */
import { isUtf8 } from "node:buffer";
import { ProtocolError } from "./errors.ts";

/** U+FEFF is a character like any other [MQTT-1.5.3-3], hence `ignoreBOM`; surrogates are refused by `fatal`. */
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export function decodeUtf8(buffer: Buffer, start: number, end: number): string {
  if (isAscii(buffer, start, end)) return buffer.toString("latin1", start, end);
  try {
    return decoder.decode(buffer.subarray(start, end));
  } catch (cause) {
    throw new ProtocolError(`a string is not valid UTF-8: ${cause instanceof Error ? cause.name : "unknown"}`);
  }
}

/** Checks the bytes without making the string. */
export function checkUtf8(buffer: Buffer, start: number, end: number): void {
  if (isAscii(buffer, start, end) || isUtf8(buffer.subarray(start, end))) return;
  throw new ProtocolError("a string is not valid UTF-8");
}

function isAscii(buffer: Buffer, start: number, end: number): boolean {
  let ascii = true;
  for (let at = start; at < end; at++) {
    const byte = buffer[at] as number;
    if (byte === 0) throw new ProtocolError("U+0000 in a string");
    if (byte >= 0x80) ascii = false;
  }
  return ascii;
}
