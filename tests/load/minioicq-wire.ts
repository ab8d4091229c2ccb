/**
 * The few frames of the WebSocket door that a load generator sends: built once, then copied and patched. The encoder knows
 * maps, arrays, strings, booleans and small integers; answers that are not messages are decoded by the library.
 */
import { decode } from "@msgpack/msgpack";

export type Encodable = string | boolean | number | Encodable[] | { [name: string]: Encodable };

export function encodeMessagePack(value: Encodable): Buffer {
  const parts: Uint8Array[] = [];
  append(parts, value);
  return Buffer.concat(parts);
}

function append(parts: Uint8Array[], value: Encodable): void {
  if (typeof value === "string") {
    const bytes = Buffer.from(value, "utf8");
    const length = bytes.byteLength;
    if (length < 32) parts.push(Buffer.from([0xa0 | length]));
    else if (length < 256) parts.push(Buffer.from([0xd9, length]));
    else if (length < 65_536) parts.push(Buffer.from([0xda, length >>> 8, length & 0xff]));
    else parts.push(Buffer.from([0xdb, length >>> 24, (length >>> 16) & 0xff, (length >>> 8) & 0xff, length & 0xff]));
    parts.push(bytes);
  } else if (typeof value === "boolean") {
    parts.push(Buffer.from([value ? 0xc3 : 0xc2]));
  } else if (typeof value === "number") {
    if (!Number.isInteger(value) || value < 0 || value > 0xffffffff) throw new Error(`cannot encode ${value}`);
    if (value < 128) parts.push(Buffer.from([value]));
    else parts.push(Buffer.from([0xce, value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff]));
  } else if (Array.isArray(value)) {
    parts.push(
      Buffer.from(value.length < 16 ? [0x90 | value.length] : [0xdc, value.length >>> 8, value.length & 0xff]),
    );
    for (const item of value) append(parts, item);
  } else {
    const entries = Object.entries(value);
    if (entries.length > 15) throw new Error("cannot encode a map of more than 15 entries");
    parts.push(Buffer.from([0x80 | entries.length]));
    for (const [name, item] of entries) {
      append(parts, name);
      append(parts, item);
    }
  }
}

/** A frame as it came: text frames hold JSON, binary ones MessagePack. */
export function decodeFrame(data: string | Buffer): unknown {
  return typeof data === "string" ? JSON.parse(data) : decode(data);
}
