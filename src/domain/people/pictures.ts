/**
 * Checks the pictures that users upload. Every byte is read: the file must be exactly one PNG, JPEG, GIF or WebP, small
 * in bytes and in pixels. Metadata (places, devices, comments) is removed. The image is neither decoded nor encoded
 * again.
 */
import { crc32 } from "node:zlib";

/**
 * The limit for each side in pixels: a few bytes may declare a huge picture, and every client would have to draw it.
 */
export const pictureSideMax = 2048;
/** The limit for the stored picture, without metadata. */
export const pictureBytesMax = 16 * 1024;
/** The limit for the uploaded picture: a camera's metadata may be larger than a small picture. */
export const givenBytesMax = 256 * 1024;

export type PictureRefusal = "not_a_picture" | "too_large" | "too_many_pixels";

/** Gives the picture to store, or the reason why it is refused. */
export function checkPicture(bytes: Uint8Array): Uint8Array | PictureRefusal {
  if (bytes.byteLength > givenBytesMax) return "too_large";
  const read = formats.find(({ magic }) => magic.every((byte, at) => byte === undefined || bytes[at] === byte));
  const picture = read?.strip(bytes);
  if (picture === undefined) return "not_a_picture";
  const { width, height, parts } = picture;
  if (width < 1 || height < 1) return "not_a_picture";
  if (width > pictureSideMax || height > pictureSideMax) return "too_many_pixels";
  const kept = Buffer.concat(parts);
  return kept.byteLength > pictureBytesMax ? "too_large" : kept;
}

interface Picture {
  readonly width: number;
  readonly height: number;
  /** The parts to keep, in order. */
  readonly parts: readonly Uint8Array[];
}

interface Format {
  /** Undefined: any byte. */
  readonly magic: readonly (number | undefined)[];
  strip(bytes: Uint8Array): Picture | undefined;
}

const ascii = (text: string): number[] => [...Buffer.from(text, "latin1")];
const formats: readonly Format[] = [
  { magic: [0x89, ...ascii("PNG\r\n"), 0x1a, 0x0a], strip: stripPng },
  { magic: [0xff, 0xd8, 0xff], strip: stripJpeg },
  { magic: ascii("GIF87a"), strip: stripGif },
  { magic: ascii("GIF89a"), strip: stripGif },
  { magic: [...ascii("RIFF"), undefined, undefined, undefined, undefined, ...ascii("WEBP")], strip: stripWebp },
];

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const textAt = (bytes: Uint8Array, at: number): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset + at, 4).toString("latin1");

/** The chunks a PNG is drawn from. Animation is removed; its first picture is the PNG itself. */
const pngChunks = new Set(["IHDR", "PLTE", "tRNS", "IDAT", "IEND"]);

/** PNG § 5: chunks with a checksum each, from IHDR to IEND. */
function stripPng(bytes: Uint8Array): Picture | undefined {
  const view = viewOf(bytes);
  const parts = [bytes.subarray(0, 8)];
  let size: { width: number; height: number } | undefined;
  let painted = false;
  for (let at = 8; at + 12 <= bytes.length; ) {
    const length = view.getUint32(at);
    const end = at + 12 + length;
    if (end > bytes.length) return undefined;
    const type = textAt(bytes, at + 4);
    if (crc32(bytes.subarray(at + 4, end - 4)) !== view.getUint32(end - 4)) return undefined;
    if ((type === "IHDR") !== (at === 8)) return undefined;
    if (type === "IHDR") {
      if (length !== 13) return undefined;
      size = { width: view.getUint32(at + 8), height: view.getUint32(at + 12) };
    }
    if (pngChunks.has(type)) parts.push(bytes.subarray(at, end));
    else if ((bytes[at + 4] ?? 0) < 0x60) return undefined; // A critical chunk (upper case) that is unknown.
    if (type === "IDAT") painted = true;
    if (type === "IEND") return painted && size !== undefined ? { ...size, parts } : undefined;
    at = end;
  }
  return undefined;
}

/** JPEG (ITU T.81 § B): markers and segments. The segments of JFIF and Adobe stay, since they define the colours. */
function stripJpeg(bytes: Uint8Array): Picture | undefined {
  const view = viewOf(bytes);
  const parts = [bytes.subarray(0, 2)];
  let size: { width: number; height: number } | undefined;
  let scanned = false;
  for (let at = 2; at + 2 <= bytes.length; ) {
    if (bytes[at] !== 0xff) return undefined;
    const marker = bytes[at + 1] ?? 0;
    if (marker === 0xff) {
      at += 1; // fill bytes
      continue;
    }
    if (marker === 0xd9) {
      if (!scanned || size === undefined) return undefined;
      return { ...size, parts: [...parts, bytes.subarray(at, at + 2)] };
    }
    if (at + 4 > bytes.length || marker < 0xc0 || (marker >= 0xd0 && marker <= 0xd8)) return undefined;
    const end = at + 2 + view.getUint16(at + 2);
    if (end < at + 4 || end > bytes.length) return undefined;
    if (isFrame(marker)) {
      if (size !== undefined || end < at + 9) return undefined;
      size = { height: view.getUint16(at + 5), width: view.getUint16(at + 7) };
    }
    const next = marker === 0xda ? endOfScan(bytes, end) : end;
    if (!isNote(marker)) parts.push(bytes.subarray(at, next));
    if (marker === 0xda) scanned = true;
    at = next;
  }
  return undefined;
}

/** SOF0 to SOF15, without DHT, JPG and DAC. */
const isFrame = (marker: number): boolean =>
  marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;

/** Comments, and application segments: Exif, XMP, colour profiles. */
const isNote = (marker: number): boolean => marker === 0xfe || (marker > 0xe0 && marker <= 0xef && marker !== 0xee);

/** Gives the position of the next marker that is neither a stuffed byte nor a restart. */
function endOfScan(bytes: Uint8Array, from: number): number {
  for (let at = from; ; at += 1) {
    at = bytes.indexOf(0xff, at);
    if (at === -1) return bytes.length;
    const next = bytes[at + 1] ?? 0xd9;
    if (next !== 0x00 && (next < 0xd0 || next > 0xd7)) return at;
  }
}

/** GIF89a § 17 to 26: pictures with their control blocks. Comments, texts and application blocks are removed. */
function stripGif(bytes: Uint8Array): Picture | undefined {
  if (bytes.length < 13) return undefined;
  const view = viewOf(bytes);
  const size = { width: view.getUint16(6, true), height: view.getUint16(8, true) };
  let at = 13 + tableBytes(bytes[10] ?? 0);
  const parts = [bytes.subarray(0, at)];
  let pictures = 0;
  while (at < bytes.length) {
    const block = bytes[at] ?? 0;
    if (block === 0x3b) return pictures === 0 ? undefined : { ...size, parts: [...parts, bytes.subarray(at, at + 1)] };
    let end: number;
    if (block === 0x21) {
      end = endOfBlocks(bytes, at + 2);
      if (bytes[at + 1] === 0xf9) parts.push(bytes.subarray(at, end));
    } else if (block === 0x2c && at + 11 <= bytes.length) {
      if (!fitsGif(view, at, size)) return undefined;
      end = endOfBlocks(bytes, at + 11 + tableBytes(bytes[at + 9] ?? 0));
      parts.push(bytes.subarray(at, end));
      pictures += 1;
    } else return undefined;
    if (end > bytes.length) return undefined;
    at = end;
  }
  return undefined;
}

/** A picture of a GIF must lie within its screen. */
const fitsGif = (view: DataView, at: number, { width, height }: { width: number; height: number }): boolean =>
  view.getUint16(at + 1, true) + view.getUint16(at + 5, true) <= width &&
  view.getUint16(at + 3, true) + view.getUint16(at + 7, true) <= height;

const tableBytes = (flags: number): number => ((flags & 0x80) === 0 ? 0 : 3 * 2 ** ((flags & 7) + 1));

/**
 * Sub-blocks, each preceded by its length, until an empty one. Gives a position past the end where the empty one is
 * missing.
 */
function endOfBlocks(bytes: Uint8Array, from: number): number {
  let at = from;
  for (;;) {
    const length = bytes[at];
    if (length === undefined) return bytes.length + 1;
    at += 1 + length;
    if (length === 0) return at;
  }
}

/** The chunks a WebP is drawn from. */
const webpChunks = new Set(["VP8 ", "VP8L", "VP8X", "ALPH", "ANIM", "ANMF"]);

/**
 * RFC 9649: chunks of even length in a RIFF. Exif, XMP and colour profiles are removed, with the flags that announce
 * them.
 */
function stripWebp(bytes: Uint8Array): Picture | undefined {
  const view = viewOf(bytes);
  if (bytes.length < 20 || view.getUint32(4, true) + 8 > bytes.length) return undefined;
  const last = view.getUint32(4, true) + 8;
  const kept: Uint8Array[] = [];
  let size: { width: number; height: number } | undefined;
  let painted = false;
  let at = 12;
  while (at + 8 <= last) {
    const type = textAt(bytes, at);
    const length = view.getUint32(at + 4, true);
    const end = at + 8 + length + (length % 2);
    if (end > last) return undefined;
    const body = bytes.subarray(at + 8, at + 8 + length);
    const found = webpSize(type, body);
    if (found === "broken") return undefined;
    if (found !== undefined) {
      size = {
        width: Math.max(size?.width ?? 0, found.width),
        height: Math.max(size?.height ?? 0, found.height),
      };
    }
    painted ||= type === "VP8 " || type === "VP8L" || type === "ANMF";
    if (webpChunks.has(type))
      kept.push(type === "VP8X" ? withoutNotes(bytes.subarray(at, end)) : bytes.subarray(at, end));
    at = end;
  }
  if (at !== last || size === undefined || !painted) return undefined;
  const head = Buffer.from(bytes.subarray(0, 12));
  head.writeUInt32LE(4 + kept.reduce((sum, chunk) => sum + chunk.length, 0), 4);
  return { ...size, parts: [head, ...kept] };
}

function webpSize(type: string, body: Uint8Array): { width: number; height: number } | "broken" | undefined {
  const view = viewOf(body);
  if (type === "VP8X") {
    if (body.length < 10) return "broken";
    const at = (place: number): number => 1 + view.getUint16(place, true) + ((body[place + 2] ?? 0) << 16);
    return { width: at(4), height: at(7) };
  }
  if (type === "VP8 ") {
    // A key frame, its start code, 14 bits for each side.
    if (body.length < 10 || ((body[0] ?? 1) & 1) !== 0) return "broken";
    if (body[3] !== 0x9d || body[4] !== 0x01 || body[5] !== 0x2a) return "broken";
    return { width: view.getUint16(6, true) & 0x3fff, height: view.getUint16(8, true) & 0x3fff };
  }
  if (type === "VP8L") {
    if (body.length < 5 || body[0] !== 0x2f) return "broken";
    const bits = view.getUint32(1, true);
    return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 };
  }
  return undefined;
}

/** Clears VP8X's flags for a colour profile (0x20), Exif (0x08) and XMP (0x04). */
function withoutNotes(chunk: Uint8Array): Uint8Array {
  const copy = new Uint8Array(chunk);
  copy[8] = (copy[8] ?? 0) & ~0x2c;
  return copy;
}
