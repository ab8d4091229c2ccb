/** Which pictures are taken, and what is left out of them. */
import { describe, expect, test } from "bun:test";
import { crc32 } from "node:zlib";
import { generatedAvatar } from "../../../src/delivery/avatar.ts";
import { checkPicture, givenBytesMax, pictureBytesMax } from "../../../src/domain/people/pictures.ts";

const from64 = (text: string): Buffer => Buffer.from(text, "base64");
const concat = (...parts: (Uint8Array | string)[]): Buffer =>
  Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(part, "latin1") : part)));
const u16 = (value: number): Buffer => Buffer.from([value >> 8, value & 255]);
const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};
const u32le = (value: number): Buffer => Buffer.from(u32(value)).reverse();

const png = Buffer.from(generatedAvatar(10_001));
const gif = from64("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7");
const jpeg = from64(
  "/9j/4AAQSkZJRgABAQEASABIAAD/2wBDAAMCAgICAgMCAgIDAwMDBAYEBAQEBAgGBgUGCQgKCgkICQkKDA8MCgsOCwkJDRENDg8QEBEQCgwSExIQEw8QEBD/yQALCAABAAEBAREA/8wABgAQEAX/2gAIAQEAAD8A0s8g/9k=",
);
const lossy = from64("UklGRiIAAABXRUJQVlA4IBYAAAAwAQCdASoBAAEADsD+JaQAA3AAAAAA");
const lossless = from64("UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA==");

const pngChunk = (type: string, data: Uint8Array | string): Buffer => {
  const body = concat(type, data);
  return concat(u32(body.length - 4), body, u32(crc32(body)));
};
/** After the signature and IHDR, which are 8 and 25 bytes. */
const pngWith = (...chunks: Buffer[]): Buffer => concat(png.subarray(0, 33), ...chunks, png.subarray(33));
const pngOf = (width: number, height: number): Buffer => {
  const header = Buffer.from(png.subarray(16, 29));
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  return concat(png.subarray(0, 8), pngChunk("IHDR", header), png.subarray(33));
};
const segment = (marker: number, data: Uint8Array | string): Buffer =>
  concat(Buffer.from([0xff, marker]), u16(2 + concat(data).length), data);
const jpegWith = (...segments: Buffer[]): Buffer => concat(jpeg.subarray(0, 2), ...segments, jpeg.subarray(2));
const riff = (...chunks: Buffer[]): Buffer => concat("RIFF", u32le(4 + concat(...chunks).length), "WEBP", ...chunks);
const riffChunk = (type: string, data: Uint8Array): Buffer =>
  concat(type, u32le(data.length), data, Buffer.alloc(data.length % 2));
const extended = (flags: number, width = 1, height = 1): Buffer =>
  riffChunk(
    "VP8X",
    concat(Buffer.from([flags, 0, 0, 0]), u32le(width - 1).subarray(0, 3), u32le(height - 1).subarray(0, 3)),
  );

test.each([
  ["PNG", png],
  ["GIF", gif],
  ["JPEG", jpeg],
  ["lossy WebP", lossy],
  ["lossless WebP", lossless],
])("a plain %s is kept as it is", (_, bytes) => {
  expect(Buffer.from(checkPicture(bytes) as Uint8Array).equals(bytes)).toBe(true);
});

const secret = Buffer.from("48.858 N, 2.294 E");
const comment = concat(Buffer.from([0x21, 0xfe, secret.length]), secret, Buffer.from([0]));
const application = concat(
  Buffer.from([0x21, 0xff, 11]),
  "XMP DataXMP",
  Buffer.from([secret.length]),
  secret,
  Buffer.from([0]),
);
const noted: [string, Buffer, Buffer][] = [
  [
    "a PNG's text, Exif and time",
    pngWith(pngChunk("tEXt", secret), pngChunk("eXIf", secret), pngChunk("tIME", "1234567")),
    png,
  ],
  ["what follows a PNG", concat(png, secret), png],
  ["an animation's further pictures", pngWith(pngChunk("acTL", secret), pngChunk("fdAT", secret)), png],
  [
    "a JPEG's Exif, XMP, profile and comment",
    jpegWith(segment(0xe1, secret), segment(0xe2, secret), segment(0xfe, secret)),
    jpeg,
  ],
  ["what follows a JPEG", concat(jpeg, secret), jpeg],
  [
    "a GIF's comments and applications' blocks",
    concat(gif.subarray(0, 19), comment, application, gif.subarray(19)),
    gif,
  ],
  ["what follows a GIF", concat(gif, secret), gif],
  [
    "a WebP's Exif, XMP and profile",
    riff(
      extended(0x3c),
      riffChunk("ICCP", secret),
      lossless.subarray(12),
      riffChunk("EXIF", secret),
      riffChunk("XMP ", secret),
    ),
    riff(extended(0x10), lossless.subarray(12)),
  ],
  ["what follows a WebP", concat(lossy, secret), lossy],
];
test.each(noted)("%s is left out", (_, given, kept) => {
  expect(given.includes(secret)).toBe(true);
  expect(Buffer.from(checkPicture(given) as Uint8Array).equals(kept)).toBe(true);
});

test("a JPEG's own and Adobe's notes stay, since its colours hang on them", () => {
  const given = jpegWith(segment(0xee, "Adobe\0\x64\0\0\0\0\x01"));
  expect(Buffer.from(checkPicture(given) as Uint8Array).equals(given)).toBe(true);
});

const wrongPng = Buffer.from(png);
wrongPng[60] = (wrongPng[60] ?? 0) ^ 1;
const refused: [string, Uint8Array, string][] = [
  ["nothing", new Uint8Array(0), "not_a_picture"],
  ["text", Buffer.from("<svg onload=alert(1)>"), "not_a_picture"],
  ["a bitmap", Buffer.from("BM\x36\0\0\0"), "not_a_picture"],
  ["a page that begins like a GIF", Buffer.from("GIF89a<script>alert(1)</script>"), "not_a_picture"],
  ["a PNG with a wrong checksum", wrongPng, "not_a_picture"],
  ["a PNG cut short", png.subarray(0, png.length - 1), "not_a_picture"],
  ["a PNG without pixels", concat(png.subarray(0, 33), pngChunk("IEND", "")), "not_a_picture"],
  ["a PNG with an unknown critical chunk", pngWith(pngChunk("ABCD", "x")), "not_a_picture"],
  ["a PNG of no width", pngOf(0, 5), "not_a_picture"],
  ["a PNG as large as a wall", pngOf(2049, 1), "too_many_pixels"],
  ["a PNG beyond all numbers", pngOf(1, 0xffff_ffff), "too_many_pixels"],
  ["a JPEG without its end", jpeg.subarray(0, jpeg.length - 2), "not_a_picture"],
  ["a JPEG with two sizes", jpegWith(segment(0xc0, "\x08\0\x01\0\x01\x01\x01\x11\0")), "not_a_picture"],
  ["a JPEG whose segment runs out of it", jpegWith(Buffer.from([0xff, 0xe1, 0xff, 0xff])), "not_a_picture"],
  ["a GIF without a picture", concat(gif.subarray(0, 19), ";"), "not_a_picture"],
  ["a GIF without its end", gif.subarray(0, gif.length - 1), "not_a_picture"],
  [
    "a GIF whose picture is larger than its screen",
    concat(gif.subarray(0, 27), Buffer.from([0, 1, 0, 1, 0]), gif.subarray(32)),
    "not_a_picture",
  ],
  ["a WebP with only a header", riff(extended(0)), "not_a_picture"],
  ["a WebP that says it is longer", concat(lossy.subarray(0, 4), u32le(1000), lossy.subarray(8)), "not_a_picture"],
  ["a WebP as large as a wall", riff(extended(0, 1, 16_384), lossless.subarray(12)), "too_many_pixels"],
  [
    "a WebP larger than it says first",
    riff(extended(0), riffChunk("VP8L", Buffer.from([0x2f, 0xff, 0xff, 0xff, 0x0f]))),
    "too_many_pixels",
  ],
  ["more than is kept", pngWith(pngChunk("PLTE", Buffer.alloc(pictureBytesMax))), "too_large"],
  ["more than is looked at", Buffer.alloc(givenBytesMax + 1), "too_large"],
];
test.each(refused)("%s is refused", (_, bytes, reason) => {
  expect(checkPicture(bytes)).toBe(reason as never);
});

test("notes do not count, pixels do", () => {
  expect(checkPicture(pngWith(pngChunk("tEXt", Buffer.alloc(100_000))))).toBeInstanceOf(Uint8Array);
});

describe("damaged in any place", () => {
  const pictures = { png, gif, jpeg, lossy, lossless };
  test.each(Object.entries(pictures))("%s gives a picture or a reason", (_, bytes) => {
    for (let at = 0; at < bytes.length; at += 1) {
      for (const value of [0, 1, 0x7f, 0x80, 0xff]) {
        const damaged = Buffer.from(bytes);
        damaged[at] = value;
        for (const given of [damaged, damaged.subarray(0, at)]) {
          const kept = checkPicture(given);
          if (typeof kept !== "string") expect(kept.byteLength).toBeLessThanOrEqual(given.byteLength);
        }
      }
    }
  });
});
