/** The External Term Format, tag by tag: the exact bytes of each, and what is refused. */
import { describe, expect, test } from "bun:test";
import { deflateSync } from "node:zlib";
import { decodeTerm } from "../../../src/etf/decode.ts";
import { type TermLimits, termLimits } from "../../../src/etf/limits.ts";
import {
  atom,
  BitString,
  binary,
  CharList,
  Float,
  ImproperList,
  Opaque,
  type Term,
  TermError,
  TermMap,
  tuple,
} from "../../../src/etf/term.ts";
import { opaqueBytes } from "../../etf/arbitrary-terms.ts";
import { bytesOfHex, hexOf } from "../../etf/bytes.ts";
import { encodeFull } from "../../etf/encode-full.ts";
import { cpuMsOf } from "../../support/cpu-time.ts";

const decode = (hex: string, limits: Partial<TermLimits> = {}): Term =>
  decodeTerm(bytesOfHex(hex), { ...termLimits, ...limits });
const latin1 = (text: string): string => Buffer.from(text, "latin1").toString("hex");

/** The third column is what the full profile writes, where that is not what was read. */
const tags: readonly (readonly [string, Term, string?])[] = [
  ["83 61 00", 0],
  ["83 61 ff", 255],
  ["83 62 00 00 01 00", 256],
  ["83 62 ff ff ff ff", -1],
  ["83 62 80 00 00 00", -(2 ** 31)],
  ["83 62 00 00 00 05", 5, "83 61 05"],
  ["83 6e 04 00 00 00 00 80", 2 ** 31],
  ["83 6e 06 00 00 d4 df db 5f 01", 1_511_222_400_000],
  ["83 6e 06 01 00 d4 df db 5f 01", -1_511_222_400_000],
  ["83 6e 07 00 ff ff ff ff ff ff 1f", Number.MAX_SAFE_INTEGER],
  ["83 6e 07 00 00 00 00 00 00 00 20", 1n << 53n],
  ["83 6e 08 01 00 00 00 00 00 00 00 80", -(1n << 63n)],
  ["83 6e 00 00", 0, "83 61 00"],
  ["83 6e 01 01 00", 0, "83 61 00"],
  ["83 6e 01 ff 05", -5, "83 62 ff ff ff fb"],
  ["83 6e 09 00 07 00 00 00 00 00 00 00 00", 7, "83 61 07"],
  ["83 6f 00 00 00 02 01 01 01", -257, "83 62 ff ff fe ff"],
  ["83 46 3f f8 00 00 00 00 00 00", new Float(1.5)],
  ["83 46 80 00 00 00 00 00 00 00", new Float(-0)],
  [`83 63 ${latin1("1.50000000000000000000e+00")} 00 00 00 00 00`, new Float(1.5), "83 46 3f f8 00 00 00 00 00 00"],
  [`83 63 ${latin1("1.5e0\0left over".padEnd(31, "\0"))}`, new Float(1.5), "83 46 3f f8 00 00 00 00 00 00"],
  [
    `83 63 ${latin1("-2.25000000000000000000e-10")} 00 00 00 00`,
    new Float(-2.25e-10),
    `83 46 ${hexOf(Buffer.from(new Float64Array([-2.25e-10]).buffer).reverse())}`,
  ],
  [`83 64 00 04 ${latin1("Auth")}`, atom("Auth"), `83 77 04 ${latin1("Auth")}`],
  ["83 64 00 00", atom(""), "83 77 00"],
  ["83 64 00 01 e9", atom("é"), "83 77 02 c3 a9"],
  ["83 73 01 e9", atom("é"), "83 77 02 c3 a9"],
  ["83 76 00 02 d0 b6", atom("ж"), "83 77 02 d0 b6"],
  ["83 77 02 d0 b6", atom("ж")],
  [`83 77 03 ef bb bf`, atom("\ufeff")],
  ["83 68 00", tuple()],
  ["83 68 02 61 01 6a", tuple(1, [])],
  ["83 69 00 00 00 01 61 01", tuple(1), "83 68 01 61 01"],
  ["83 6a", []],
  ["83 6b 00 00", [], "83 6a"],
  ["83 6b 00 03 61 62 63", new CharList(binary("abc"))],
  ["83 6c 00 00 00 00 6a", [], "83 6a"], // as iOS writes the empty list
  ["83 6c 00 00 00 00 61 01", 1, "83 61 01"], // as Erlang reads it
  ["83 6c 00 00 00 02 61 01 61 02 6a", [1, 2]],
  ["83 6c 00 00 00 01 61 01 61 02", new ImproperList([1], 2)],
  ["83 6c 00 00 00 01 61 01 6c 00 00 00 01 61 02 6a", [1, 2], "83 6c 00 00 00 02 61 01 61 02 6a"],
  ["83 6c 00 00 00 01 61 01 6b 00 01 41", [1, 65], "83 6c 00 00 00 02 61 01 61 41 6a"],
  [
    "83 6c 00 00 00 01 61 01 6c 00 00 00 01 61 02 61 03",
    new ImproperList([1, 2], 3),
    "83 6c 00 00 00 02 61 01 61 02 61 03",
  ],
  ["83 6d 00 00 00 00", binary("")],
  ["83 6d 00 00 00 02 d0 b6", binary("ж")],
  ["83 4d 00 00 00 02 03 ff a0", new BitString(bytesOfHex("ffa0"), 3)],
  ["83 4d 00 00 00 01 03 ff", new BitString(bytesOfHex("e0"), 3), "83 4d 00 00 00 01 03 e0"],
  ["83 4d 00 00 00 01 08 ff", bytesOfHex("ff"), "83 6d 00 00 00 01 ff"],
  ["83 4d 00 00 00 00 00", binary(""), "83 6d 00 00 00 00"],
  ["83 74 00 00 00 00", new TermMap([])],
  ["83 74 00 00 00 01 61 01 6a", new TermMap([[1, []]])],
  // Reference, port and pid of the times before 32 bits of creation, and a fun of those before OTP 23.
  ["83 65 64 00 01 6e 00 00 00 01 02", new Opaque(bytesOfHex("65 64 00 01 6e 00 00 00 01 02"))],
  ["83 66 64 00 01 6e 00 00 00 01 02", new Opaque(bytesOfHex("66 64 00 01 6e 00 00 00 01 02"))],
  ["83 67 73 01 6e 00 00 00 01 00 00 00 02 03", new Opaque(bytesOfHex("67 73 01 6e 00 00 00 01 00 00 00 02 03"))],
  [
    "83 72 00 02 77 01 6e 03 00 00 00 01 00 00 00 02",
    new Opaque(bytesOfHex("72 00 02 77 01 6e 03 00 00 00 01 00 00 00 02")),
  ],
  [
    "83 78 77 01 6e 00 00 00 00 00 00 00 01 00 00 00 02",
    new Opaque(bytesOfHex("78 77 01 6e 00 00 00 00 00 00 00 01 00 00 00 02")),
  ],
  [
    "83 75 00 00 00 01 67 73 01 6e 00 00 00 01 00 00 00 02 03 77 01 6d 61 00 61 01 6a",
    new Opaque(bytesOfHex("75 00 00 00 01 67 73 01 6e 00 00 00 01 00 00 00 02 03 77 01 6d 61 00 61 01 6a")),
  ],
  ...Object.values(opaqueBytes).map((hex) => [`83 ${hex}`, new Opaque(bytesOfHex(hex))] as const),
];

test.each(tags)("%s", (hex, term, written = hex) => {
  expect(decode(hex)).toStrictEqual(term);
  expect(hexOf(encodeFull(term))).toBe(hexOf(bytesOfHex(written)));
});

describe("the longest of their kind and beyond", () => {
  test.each<[string, string, Term]>([
    ["SMALL_BIG_EXT", `83 6e ff 00 ${"ff".repeat(255)}`, (1n << 2040n) - 1n],
    ["LARGE_BIG_EXT", `83 6f 00 00 01 00 00 ${"00".repeat(255)} 01`, 1n << 2040n],
    ["ATOM_UTF8_EXT", `83 76 03 fc ${"f09fa686".repeat(255)}`, atom("🦆".repeat(255))],
    ["SMALL_ATOM_UTF8_EXT", `83 77 ff ${"61".repeat(255)}`, atom("a".repeat(255))],
    ["SMALL_TUPLE_EXT", `83 68 ff ${"6a".repeat(255)}`, tuple(...Array.from({ length: 255 }, () => []))],
    ["LARGE_TUPLE_EXT", `83 69 00 00 01 00 ${"6a".repeat(256)}`, tuple(...Array.from({ length: 256 }, () => []))],
    ["STRING_EXT", `83 6b ff ff ${"61".repeat(65_535)}`, new CharList(binary("a".repeat(65_535)))],
  ])("%s", (_, hex, term) => {
    expect(decode(hex)).toStrictEqual(term);
    expect(hexOf(encodeFull(term))).toBe(hexOf(bytesOfHex(hex)));
  });
});

test("a term keeps nothing of the bytes it came in", () => {
  const bytes = Buffer.concat([bytesOfHex("83 68 03 6d 00 00 00 01 41 6b 00 01 42"), bytesOfHex(opaqueBytes.pid)]);
  const term = decodeTerm(bytes);
  bytes.fill(0);
  expect(term).toStrictEqual(tuple(binary("A"), new CharList(binary("B")), new Opaque(bytesOfHex(opaqueBytes.pid))));
});

const refused: readonly (readonly [string, string, string])[] = [
  ["nothing", "", "cut short"],
  ["no version", "61 01", "not an external term"],
  ["another version", "82 61 01", "not an external term"],
  ["no term", "83", "cut short"],
  ["bytes after the term", "83 61 01 00", "bytes after the term"],
  ["a second term", "83 61 01 83 61 01", "bytes after the term"],
  ["an atom of a cache", "83 52 00", "tag 82 is no term"],
  ["a distribution header", "83 44 00", "tag 68 is no term"],
  ["a fragment", `83 45 ${"00".repeat(16)}`, "tag 69 is no term"],
  ["an atom of a node's own table", "83 49 00 00", "tag 73 is no term"],
  ["a binary of a node's own memory", `83 4a ${"00".repeat(16)}`, "tag 74 is no term"],
  ["an atom of a node's own table, in three bytes", "83 4b 00 00 00", "tag 75 is no term"],
  ["a bit string of a node's own memory", `83 4c ${"00".repeat(16)}`, "tag 76 is no term"],
  ["a local term", "83 79 00 00 00 00 61 01", "tag 121 is no term"],
  ["a tag that never was", "83 53 00", "tag 83 is no term"],
  ["a compressed term within a term", "83 68 01 50 00 00 00 02 00", "tag 80 is no term"],
  ["a version within a term", "83 68 01 83 61 01", "tag 131 is no term"],
  ["half an integer", "83 62 00 00", "cut short"],
  ["half a big integer", "83 6e 04 00 00", "cut short"],
  ["infinity", "83 46 7f f0 00 00 00 00 00 00", "a float that is not finite"],
  ["not a number", "83 46 7f f8 00 00 00 00 00 00", "a float that is not finite"],
  ["a printed infinity", `83 63 ${latin1("1.0e999".padEnd(31, "\0"))}`, "a float that is not finite"],
  ["a printed word", `83 63 ${latin1("Infinity".padEnd(31, "\0"))}`, "not a float"],
  ["a printed number after a space", `83 63 ${latin1(" 1.5".padEnd(31, "\0"))}`, "not a float"],
  ["a printed number with more after it", `83 63 ${latin1("1.5 ".padEnd(31, "\0"))}`, "not a float"],
  ["a printed nothing", `83 63 ${"00".repeat(31)}`, "not a float"],
  ["a printed hexadecimal number", `83 63 ${latin1("0x10".padEnd(31, "\0"))}`, "not a float"],
  ["an atom of 256 characters", `83 64 01 00 ${"61".repeat(256)}`, "an atom too long"],
  ["an atom of 256 characters in UTF-8", `83 76 01 00 ${"61".repeat(256)}`, "an atom too long"],
  ["an atom of 256 wide characters", `83 76 04 00 ${"f09fa686".repeat(256)}`, "an atom too long"],
  ["an atom that is not UTF-8", "83 77 01 e9", "an atom is not UTF-8"],
  ["an atom with a surrogate", "83 77 03 ed a0 80", "an atom is not UTF-8"],
  ["half an atom", "83 77 05 61", "cut short"],
  ["half a binary", "83 6d 00 00 00 02 61", "cut short"],
  ["a list without a tail", "83 6c 00 00 00 01 61 01", "cut short"],
  ["a bit string of nine bits a byte", "83 4d 00 00 00 01 09 ff", "not a bit string"],
  ["a bit string of no bits", "83 4d 00 00 00 01 00 ff", "not a bit string"],
  ["bits without bytes", "83 4d 00 00 00 00 03", "not a bit string"],
  ["half a map", "83 74 00 00 00 01 61 01", "cut short"],
  ["a pid of no node", "83 58 61 01 00 00 00 00 00 00 00 00 00 00 00 00", "not an atom where one must be"],
  ["a reference of six words", `83 5a 00 06 77 01 6e ${"00".repeat(28)}`, "a reference too long"],
  ["an export of no function", "83 71 77 01 6d 61 01 61 02", "not an atom where one must be"],
  ["an export of no arity", "83 71 77 01 6d 77 01 66 6a", "not an integer where one must be"],
  ["a fun of another size", `83 ${opaqueBytes.fun.replace("7000000047", "7000000048")}`, "a fun of another size"],
  ["a fun of nobody", "83 75 00 00 00 00 61 00 77 01 6d 61 00 61 01", "not a pid where one must be"],
];

test.each(refused)("refuses %s", (_, hex, reason) => {
  expect(() => decode(hex)).toThrow(TermError);
  expect(() => decode(hex)).toThrow(reason);
});

describe("a length that is not there is refused before anything is made of it", () => {
  test.each([
    ["a tuple", "83 69 ff ff ff ff 6a"],
    ["a list", "83 6c ff ff ff ff 6a"],
    ["a map", "83 74 ff ff ff ff 6a 6a"],
    ["a binary", "83 6d 00 0f ff ff 6a"],
    ["a bit string", "83 4d 00 0f ff ff 01 6a"],
    ["a big integer", "83 6f 00 00 03 ff 00 6a"],
    ["a string", "83 6b ff ff 6a"],
    ["free variables", "83 75 ff ff ff ff 67 73 01 6e 00 00 00 01 00 00 00 02 03 77 01 6d 61 00 61 01"],
  ])("%s", (_, hex) => {
    expect(() => decode(hex)).toThrow(new TermError("cut short"));
  });
});

describe("limits", () => {
  test.each<[string, Partial<TermLimits>, string, string]>([
    ["depth", { depthMax: 2 }, "83 68 01 68 01 61 01", "83 68 01 68 01 68 01 61 01"],
    [
      "depth by tails",
      { depthMax: 2 },
      "83 6c 00000001 6a 6c 00000001 6a 6a",
      "83 6c 00000001 6a 6c 00000001 6a 6c 00000001 6a 6a",
    ],
    ["values", { elementsMax: 3 }, "83 68 02 61 01 61 02", "83 68 03 61 01 61 02 61 03"],
    [
      "values of a map",
      { elementsMax: 3 },
      "83 74 00 00 00 01 61 01 61 02",
      "83 74 00 00 00 02 61 01 61 02 61 03 61 04",
    ],
    ["a binary", { binaryBytesMax: 2 }, "83 6d 00 00 00 02 61 62", "83 6d 00 00 00 03 61 62 63"],
    ["a string", { binaryBytesMax: 2 }, "83 6b 00 02 61 62", "83 6b 00 03 61 62 63"],
    ["a bit string", { binaryBytesMax: 2 }, "83 4d 00 00 00 02 01 61 80", "83 4d 00 00 00 03 01 61 62 80"],
    ["a big integer", { bigIntegerBytesMax: 2 }, "83 6e 02 00 01 01", "83 6e 03 00 01 01 01"],
    ["a large big integer", { bigIntegerBytesMax: 2 }, "83 6f 00 00 00 02 00 01 01", "83 6f ff ff ff ff 00 01 01 01"],
  ])("%s", (_, limits, within, beyond) => {
    decode(within, limits);
    expect(() => decode(beyond, limits)).toThrow(TermError);
    expect(() => decode(beyond, limits)).not.toThrow("cut short");
  });

  test("by default a term nests 64 deep, whatever it is made of", () => {
    const nested = (opening: string, depth: number): Term => decode(`83 ${opening.repeat(depth)} 6a`);
    nested("6801", 64);
    for (const opening of ["6801", "6900000001", "7400000001 6a", "6c00000000"]) {
      expect(() => nested(opening, 65)).toThrow(new TermError("nested too deep"));
      expect(() => nested(opening, 50_000)).toThrow(new TermError("nested too deep"));
    }
  });

  test("by default one payload holds 100,000 values", () => {
    const list = (length: number): Term =>
      decode(`83 6c ${length.toString(16).padStart(8, "0")} ${"6a".repeat(length + 1)}`);
    expect(list(99_998)).toHaveLength(99_998);
    expect(() => list(99_999)).toThrow(new TermError("too many values"));
    expect(() => list(1_000_000)).toThrow(new TermError("too many values"));
  });
});

describe("compressed terms", () => {
  const compressed = (inflated: Uint8Array, claimed = inflated.byteLength, tail = ""): Uint8Array => {
    const size = Buffer.alloc(4);
    size.writeUInt32BE(claimed);
    return Buffer.concat([bytesOfHex("83 50"), size, deflateSync(inflated), bytesOfHex(tail)]);
  };
  const list = bytesOfHex(`6c 00 00 00 64 ${"640001 61".repeat(100)} 6a`);

  test("are what they hold", () => {
    expect(decodeTerm(compressed(list))).toStrictEqual(Array.from({ length: 100 }, () => atom("a")));
    const byErlang = "83 50 00000196 78dacb616060484961604c1cc5830767010030464e93";
    expect(decode(byErlang)).toStrictEqual(Array.from({ length: 100 }, () => atom("a")));
  });

  test.each([
    ["a size too small", compressed(list, list.byteLength - 1), "cannot be inflated"],
    ["a size too large", compressed(list, list.byteLength + 1), "cannot be inflated"],
    ["no size", compressed(list, 0), "cut short"],
    ["no stream", bytesOfHex("83 50 00 00 00 01"), "cannot be inflated"],
    ["half a stream", compressed(list).subarray(0, -3), "cannot be inflated"],
    ["no zlib", bytesOfHex("83 50 00 00 00 01 61 01 61 01"), "cannot be inflated"],
    ["bytes after the stream", compressed(list, list.byteLength, "00"), "bytes after the term"],
    ["bytes after the term within", compressed(Buffer.concat([list, bytesOfHex("00")])), "bytes after the term"],
    ["a term compressed twice", compressed(compressed(list).subarray(1)), "tag 80 is no term"],
    ["a version within", compressed(bytesOfHex("83 61 01")), "tag 131 is no term"],
  ])("refuses %s", (_, bytes, reason) => {
    expect(() => decodeTerm(bytes)).toThrow(TermError);
    expect(() => decodeTerm(bytes)).toThrow(reason);
  });

  test("are refused by the size they claim, before anything is inflated", () => {
    expect(() => decode("83 50 00 40 00 01 no zlib")).toThrow(new TermError("too long once inflated"));
    expect(() => decode("83 50 ff ff ff ff")).toThrow(new TermError("too long once inflated"));
  });

  test("a bomb goes off no further than the size it claims", () => {
    const bomb = compressed(new Uint8Array(256 * 1024 * 1024), 1000);
    expect(bomb.byteLength).toBeLessThan(1024 * 1024);
    const before = process.memoryUsage().rss;
    const spentMs = cpuMsOf(() => {
      for (let times = 0; times < 20; times += 1) expect(() => decodeTerm(bomb)).toThrow("cannot be inflated");
    });
    expect(spentMs).toBeLessThan(2000);
    expect(process.memoryUsage().rss - before).toBeLessThan(64 * 1024 * 1024);
  });
});
