/**
 * The types that large content may be served as: a type of this list, which the sender named and the first bytes
 * confirm, or plain bytes. No row holds what a browser would run (HTML, SVG, scripts).
 */
import { isUtf8 } from "node:buffer";
import type { MessageKind } from "../model.ts";

export const plainBytes = "application/octet-stream";
export const plainText = "text/plain; charset=utf-8";

type Family = "image" | "audio" | "video" | "document";

interface Signature {
  /** Each family that such bytes may belong to, with the type they are served as in that family. */
  readonly types: Readonly<Partial<Record<Family, string>>>;
  matches(bytes: Uint8Array): boolean;
}

const starts = (prefix: string | readonly number[], at = 0) => {
  const expected = typeof prefix === "string" ? Buffer.from(prefix, "latin1") : Uint8Array.from(prefix);
  return (bytes: Uint8Array): boolean => {
    if (bytes.byteLength < at + expected.byteLength) return false;
    return expected.every((byte, index) => bytes[at + index] === byte);
  };
};

const riff = starts("RIFF");
const avif = starts("ftypavif", 4);
/** MPEG audio without a tag: eleven set bits, then a version and a layer that exist (ISO 11172-3 § 2.4.1.3). */
const mpegFrame = ([first = 0, second = 0]: Uint8Array): boolean =>
  first === 0xff && (second & 0xe0) === 0xe0 && (second & 0x18) !== 0x08 && (second & 0x06) !== 0;
const id3 = starts("ID3");

const signatures: readonly Signature[] = [
  { types: { image: "image/png" }, matches: starts([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]) },
  { types: { image: "image/jpeg" }, matches: starts([0xff, 0xd8, 0xff]) },
  {
    types: { image: "image/gif" },
    matches: (bytes) => starts("GIF87a")(bytes) || starts("GIF89a")(bytes),
  },
  { types: { image: "image/webp" }, matches: (bytes) => riff(bytes) && starts("WEBP", 8)(bytes) },
  { types: { image: "image/avif" }, matches: avif },
  { types: { audio: "audio/wav" }, matches: (bytes) => riff(bytes) && starts("WAVE", 8)(bytes) },
  { types: { audio: "audio/ogg", video: "video/ogg" }, matches: starts("OggS") },
  { types: { audio: "audio/flac" }, matches: starts("fLaC") },
  { types: { audio: "audio/webm", video: "video/webm" }, matches: starts([0x1a, 0x45, 0xdf, 0xa3]) },
  {
    types: { audio: "audio/mp4", video: "video/mp4" },
    matches: (bytes) => starts("ftyp", 4)(bytes) && !avif(bytes),
  },
  { types: { audio: "audio/mpeg" }, matches: (bytes) => id3(bytes) || mpegFrame(bytes) },
  { types: { document: "application/pdf" }, matches: starts("%PDF-") },
];

/** @param kind the kind that the sender gave; the bytes alone do not decide the type */
export function mediaTypeOf(kind: MessageKind, bytes: Uint8Array): string {
  if (kind === "text") return isUtf8(bytes) ? plainText : plainBytes;
  const family: Family | undefined =
    kind === "image" || kind === "audio" || kind === "video" ? kind : kind === "file" ? "document" : undefined;
  if (family === undefined) return plainBytes;
  return signatures.find(({ matches }) => matches(bytes))?.types[family] ?? plainBytes;
}

/** Whether a browser may show the content in place; other content is downloaded. */
export const isShownInline = (mediaType: string): boolean => /^(?:image|audio|video)\//.test(mediaType);
