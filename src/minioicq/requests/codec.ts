/**
 * Frames to values and back: a binary frame is MessagePack, a text frame JSON (O1).
 * Anyone may send a frame, so its structure is bounded before anything is built from it.
 */
import { isUtf8 } from "node:buffer";
import { Decoder, Encoder } from "@msgpack/msgpack";
import { FrameError } from "../errors.ts";

export type Encoding = "msgpack" | "json";
export type Frame = string | Uint8Array<ArrayBuffer>;

export interface StructureBounds {
  readonly frameItemsMax: number;
  readonly frameDepthMax: number;
}

const decoder = new Decoder();
/** For the few frames whose maps have keys that are no names of ours: those keys become names that no request has. */
const patientDecoder = new Decoder({
  mapKeyConverter: (key) => (typeof key === "string" ? key : "\0"),
  keyDecoder: {
    canBeCached: (byteLength) => byteLength === prototypeKey.length,
    decode: (bytes, from, byteLength) => {
      const key = Buffer.from(bytes.buffer, bytes.byteOffset + from, byteLength).toString();
      return key === prototypeKey ? `\0${key}` : key;
    },
  },
});
/** The library refuses this key, which would be an object's prototype. */
const prototypeKey = "__proto__";
/** Below this many characters a JSON text cannot hold enough structure to matter. */
const jsonScanFrom = 64 * 1024;
/** An encoder keeps its largest buffer; an encoder whose buffer grew past this is replaced. */
const encoderBytesKept = 1024 * 1024;

/** Throws `FrameError` for anything that is not one whole value within the bounds. Objects are plain, maps have string keys. */
export function decodeFrame(frame: string | Uint8Array, bounds: StructureBounds): unknown {
  return typeof frame === "string" ? decodeJson(frame, bounds) : decodeMessagePack(frame, bounds);
}

function decodeJson(text: string, bounds: StructureBounds): unknown {
  if (text.length >= jsonScanFrom) checkJsonStructure(text, bounds);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new FrameError("not JSON", { cause });
  }
}

/** Counts brackets and commas outside strings; JSON.parse checks whether they match. */
function checkJsonStructure(text: string, bounds: StructureBounds): void {
  let items = 0;
  let depth = 0;
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit === 0x22) {
      at = endOfJsonString(text, at);
    } else if (unit === 0x7b || unit === 0x5b) {
      depth += 1;
      items += 1;
    } else if (unit === 0x7d || unit === 0x5d) {
      depth -= 1;
    } else if (unit === 0x2c) {
      items += 1;
    }
    if (items > bounds.frameItemsMax) throw new FrameError("too many values");
    if (depth > bounds.frameDepthMax) throw new FrameError("nested too deep");
  }
}

/** The index of the quote that ends the string beginning at `from`, or the text's end. */
function endOfJsonString(text: string, from: number): number {
  let quote = from;
  for (;;) {
    quote = text.indexOf('"', quote + 1);
    if (quote === -1) return text.length;
    let slashes = 0;
    while (text.charCodeAt(quote - 1 - slashes) === 0x5c) slashes += 1;
    if (slashes % 2 === 0) return quote;
  }
}

function decodeMessagePack(bytes: Uint8Array, bounds: StructureBounds): unknown {
  checkMessagePackStructure(bytes, bounds);
  try {
    return decoder.decode(bytes);
  } catch {
    try {
      return patientDecoder.decode(bytes);
    } catch (cause) {
      throw new FrameError("not MessagePack", { cause });
    }
  }
}

/**
 * Walks the value without building it. Lengths must be within the frame and strings UTF-8; extension types are refused
 * (timestamps among them: the document's times are strings), and so are bytes after the value. A frame of a few bytes
 * may claim arrays of billions; the decoder would allocate them.
 *
 * `etf/message-pack.ts` reads the same heads. They share no code: that reader builds a term from each value, recursively
 * and with another budget, while this walk keeps counts alone and skips values. Only the list of heads would be common,
 * and a table of them would make both harder to read beside the specification.
 */
function checkMessagePackStructure(bytes: Uint8Array, bounds: StructureBounds): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = bytes.byteLength;
  /** Values still to come, per open array or map. */
  const open: number[] = [1];
  let at = 0;
  let items = 0;

  const take = (count: number): number => {
    const from = at;
    if (count > end - at) throw new FrameError("cut short");
    at += count;
    return from;
  };
  const length = (bytesOfLength: 1 | 2 | 4): number => {
    const from = take(bytesOfLength);
    return bytesOfLength === 1
      ? view.getUint8(from)
      : bytesOfLength === 2
        ? view.getUint16(from)
        : view.getUint32(from);
  };
  const text = (count: number): void => {
    const from = take(count);
    if (!isUtf8(bytes.subarray(from, from + count))) throw new FrameError("a string is not UTF-8");
  };
  const enter = (values: number): void => {
    if (values > end - at) throw new FrameError("cut short");
    if (open.length > bounds.frameDepthMax) throw new FrameError("nested too deep");
    open.push(values);
  };

  while (open.length > 0) {
    const left = open[open.length - 1] ?? 0;
    if (left === 0) {
      open.pop();
      continue;
    }
    open[open.length - 1] = left - 1;
    items += 1;
    if (items > bounds.frameItemsMax) throw new FrameError("too many values");
    const head = view.getUint8(take(1));
    if (head < 0x80 || head >= 0xe0) continue; // fixint
    if (head < 0x90) enter((head & 0x0f) * 2);
    else if (head < 0xa0) enter(head & 0x0f);
    else if (head < 0xc0) text(head & 0x1f);
    else {
      switch (head) {
        case 0xc0: // nil
        case 0xc2:
        case 0xc3: // booleans
          break;
        case 0xc4:
          take(length(1));
          break;
        case 0xc5:
          take(length(2));
          break;
        case 0xc6:
          take(length(4));
          break;
        case 0xcc:
        case 0xd0:
          take(1);
          break;
        case 0xcd:
        case 0xd1:
          take(2);
          break;
        case 0xca:
        case 0xce:
        case 0xd2:
          take(4);
          break;
        case 0xcb:
        case 0xcf:
        case 0xd3:
          take(8);
          break;
        case 0xd9:
          text(length(1));
          break;
        case 0xda:
          text(length(2));
          break;
        case 0xdb:
          text(length(4));
          break;
        case 0xdc:
          enter(length(2));
          break;
        case 0xdd:
          enter(length(4));
          break;
        case 0xde:
          enter(length(2) * 2);
          break;
        case 0xdf:
          enter(length(4) * 2);
          break;
        default: // 0xc1 is never used, the rest are extension types
          throw new FrameError("a type the protocol has no use for");
      }
    }
  }
  if (at !== end) throw new FrameError("bytes after the value");
}

let encoder = new Encoder({ ignoreUndefined: true });

/** Fields that are undefined are left out. */
export function encodeFrame(encoding: Encoding, body: Readonly<Record<string, unknown>>): Frame {
  if (encoding === "json") return JSON.stringify(body);
  const bytes = encoder.encode(body);
  if (bytes.byteLength > encoderBytesKept) encoder = new Encoder({ ignoreUndefined: true });
  return bytes;
}

/** The bytes of a frame; for text, at least so many. */
export const frameBytes = (frame: string | Uint8Array): number =>
  typeof frame === "string" ? frame.length : frame.byteLength;
