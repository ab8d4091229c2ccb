/** What large content may be served as: by its bytes, within what its sender called it. */
import { expect, test } from "bun:test";
import { isShownInline, mediaTypeOf, plainBytes } from "../../../src/domain/messages/media-types.ts";
import type { MessageKind } from "../../../src/domain/model.ts";

const bytes = (text: string): Uint8Array => Buffer.concat([Buffer.from(text, "latin1"), Buffer.alloc(32)]);
const [png, jpeg, gif] = [bytes("\x89PNG\r\n\x1a\n"), bytes("\xff\xd8\xff\xe0"), bytes("GIF89a")];
const [mp4, webm, ogg] = [bytes("\0\0\0\x20ftypisom"), bytes("\x1a\x45\xdf\xa3"), bytes("OggS")];
const html = Buffer.from("<!doctype html><script>alert(1)</script>");
const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>');

const rows: [MessageKind, Uint8Array, string][] = [
  ["image", png, "image/png"],
  ["image", jpeg, "image/jpeg"],
  ["image", gif, "image/gif"],
  ["image", bytes("GIF87a"), "image/gif"],
  ["image", bytes("RIFF\0\0\0\0WEBPVP8 "), "image/webp"],
  ["image", bytes("\0\0\0\x20ftypavif"), "image/avif"],
  ["image", mp4, plainBytes],
  ["image", html, plainBytes],
  ["image", svg, plainBytes],
  ["image", new Uint8Array(), plainBytes],
  ["image", bytes("\x89PNG").subarray(0, 4), plainBytes],
  ["video", mp4, "video/mp4"],
  ["video", webm, "video/webm"],
  ["video", ogg, "video/ogg"],
  ["video", png, plainBytes],
  ["audio", mp4, "audio/mp4"],
  ["audio", webm, "audio/webm"],
  ["audio", ogg, "audio/ogg"],
  ["audio", bytes("ID3\x04"), "audio/mpeg"],
  ["audio", bytes("\xff\xfb\x90"), "audio/mpeg"],
  ["audio", bytes("\xff\xf1\x50"), plainBytes], // AAC frames (layer 0) are no MPEG audio layer I to III.
  ["audio", bytes("RIFF\0\0\0\0WAVEfmt "), "audio/wav"],
  ["audio", bytes("fLaC"), "audio/flac"],
  ["file", png, plainBytes],
  ["file", bytes("%PDF-1.7"), "application/pdf"],
  ["text", html, "text/plain; charset=utf-8"],
  ["text", Buffer.from("ünï"), "text/plain; charset=utf-8"],
  ["text", Uint8Array.of(0xff, 0xfe, 0x00), plainBytes],
  ["system", png, plainBytes],
];

test.each(rows.map(([kind, content, type], row) => [row, kind, type, content] as const))(
  "row %i: a message of kind %s is served as %s",
  (_row, kind, type, content) => {
    expect(mediaTypeOf(kind, content)).toBe(type);
  },
);

test("only pictures, sound and film are shown where they stand", () => {
  const types = rows.map(([, , type]) => type).filter(isShownInline);
  expect(types.every((type) => /^(image|audio|video)\/[a-z0-9]+$/.test(type))).toBe(true);
  expect(["text/plain; charset=utf-8", "application/pdf", plainBytes].some(isShownInline)).toBe(false);
});
