/** Generated avatars are small, valid, and the same for ever. */
import { expect, test } from "bun:test";
import { crc32, inflateSync } from "node:zlib";
import { avatarText, generatedAvatar } from "../../../src/delivery/avatar.ts";

/** Chunk types and contents, each checksum looked at. */
function chunks(png: Buffer): [string, Buffer][] {
  expect(png.subarray(0, 8).toString("hex")).toBe("89504e470d0a1a0a");
  const found: [string, Buffer][] = [];
  for (let at = 8; at < png.length; ) {
    const length = png.readUInt32BE(at);
    expect(png.readUInt32BE(at + 8 + length)).toBe(crc32(png.subarray(at + 4, at + 8 + length)));
    found.push([png.toString("latin1", at + 4, at + 8), png.subarray(at + 8, at + 8 + length)]);
    at += 12 + length;
  }
  return found;
}

test("a picture is an indexed PNG of 32 by 32 pixels in at most 256 bytes", () => {
  for (const id of [0, 1, 10001, 10002, 2 ** 31, 2 ** 40 + 5, Number.MAX_SAFE_INTEGER]) {
    const png = Buffer.from(generatedAvatar(id));
    expect(png.length).toBeLessThanOrEqual(256);
    const [header, palette, data, end] = chunks(png);
    expect([header?.[0], palette?.[0], data?.[0], end?.[0]]).toEqual(["IHDR", "PLTE", "IDAT", "IEND"]);
    expect(header?.[1].toString("hex")).toBe("00000020000000200103000000");
    expect(palette?.[1].length).toBe(6);
    expect(inflateSync(data?.[1] ?? Buffer.alloc(0)).length).toBe(32 * 5);
  }
});

test("the same id always gives the same picture, neighbours different ones", () => {
  const texts = Array.from({ length: 500 }, (_, n) => avatarText({ id: 10_001 + n }));
  expect(texts).toEqual(Array.from({ length: 500 }, (_, n) => avatarText({ id: 10_001 + n })));
  expect(new Set(texts).size).toBeGreaterThan(495);
  expect(Bun.hash.crc32(generatedAvatar(10_001))).toMatchInlineSnapshot(`1838932687`);
});

test("an uploaded picture is given back as it is", () => {
  expect(avatarText({ id: 1, avatar: new Uint8Array([1, 2, 3]) })).toBe("AQID");
});
