/** One payload in three encodings: recognised by its first byte, answered in kind. */
import { describe, expect, test } from "bun:test";
import { decode as decodeByLibrary, encode as encodeByLibrary } from "@msgpack/msgpack";
import fc from "fast-check";
import { type Dialect, decodePayload, encodePayload } from "../../../src/etf/dialects.ts";
import type { WireTerm } from "../../../src/etf/encode.ts";
import { type TermLimits, termLimits } from "../../../src/etf/limits.ts";
import { atom, binary, Float, type Term, TermError, TermMap, Text, tuple } from "../../../src/etf/term.ts";
import { arbitraryWireTerm } from "../../etf/arbitrary-terms.ts";
import { bytesOfHex, hexOf } from "../../etf/bytes.ts";

const names = new Set(["Friend", "Auth"]);
const decode = (bytes: Uint8Array, limits: TermLimits = termLimits): { dialect: Dialect; term: Term } =>
  decodePayload(bytes, (name) => names.has(name), limits);
const json = (text: string): Term => decode(binary(text)).term;
const messagePack = (hex: string): Term => decode(bytesOfHex(hex)).term;
const text = (value: string): Text => new Text(value);

describe("recognised by the first byte", () => {
  const friend = tuple(atom("Friend"), [], 1, text("2_2"), text("simple"));
  const value = ["Friend", null, 1, "2_2", "simple"];

  test.each<[string, Uint8Array, Dialect]>([
    ["a fixarray", encodeByLibrary(value), "msgpack"],
    ["an array16", Buffer.concat([bytesOfHex("dc 00 05"), encodeByLibrary(value).subarray(1)]), "msgpack"],
    ["an array32", Buffer.concat([bytesOfHex("dd 00 00 00 05"), encodeByLibrary(value).subarray(1)]), "msgpack"],
    ["a bracket", binary(JSON.stringify(value)), "json"],
    ["white space and a bracket", binary(` \t\r\n${JSON.stringify(value, undefined, 2)}\n`), "json"],
  ])("%s", (_, bytes, dialect) => {
    expect(decode(bytes)).toStrictEqual({ dialect, term: friend });
  });

  test("131", () => {
    expect(decode(bytesOfHex("83 6a"))).toStrictEqual({ dialect: "etf", term: [] });
  });

  test.each([
    ["nothing", ""],
    ["white space only", "20 0a"],
    ["an object", "7b 7d"],
    ["a string", "22 22"],
    ["a number", "31"],
    ["a MessagePack map", "80"],
    ["a MessagePack string", "a0"],
    ["a byte order mark", "ef bb bf 5b 5d"],
    ["MessagePack after white space", "20 90"],
    ["131 after white space", "20 83 6a"],
    ["another version", "84 6a"],
  ])("but not %s", (_, hex) => {
    expect(() => decode(bytesOfHex(hex))).toThrow(new TermError("no encoding of a term"));
  });
});

describe("arrays", () => {
  test.each<[string, Term]>([
    ['["Auth"]', tuple(atom("Auth"))],
    ['["auth"]', [text("auth")]],
    ['["io",["ok","login"],""]', tuple(atom("io"), tuple(atom("ok"), text("login")), text(""))],
    ['["error","x"]', tuple(atom("error"), text("x"))],
    ['[["Friend",1],["friend",1]]', [tuple(atom("Friend"), 1), [text("friend"), 1]]],
    ["[]", []],
    ["[[]]", [[]]],
    ['[1,"Auth"]', [1, text("Auth")]],
  ])("%s", (written, term) => {
    expect(json(written)).toStrictEqual(term);
    expect(decode(encodeByLibrary(JSON.parse(written))).term).toStrictEqual(term);
  });
});

describe("MessagePack", () => {
  test.each<[string, Term]>([
    ["91 7f", [127]],
    ["91 e0", [-32]],
    ["91 ff", [-1]],
    ["91 cc ff", [255]],
    ["91 cd ff ff", [65_535]],
    ["91 ce ff ff ff ff", [2 ** 32 - 1]],
    ["91 cf 00 1f ff ff ff ff ff ff", [Number.MAX_SAFE_INTEGER]],
    ["91 cf ff ff ff ff ff ff ff ff", [(1n << 64n) - 1n]],
    ["91 d0 80", [-128]],
    ["91 d1 80 00", [-32_768]],
    ["91 d2 80 00 00 00", [-(2 ** 31)]],
    ["91 d3 80 00 00 00 00 00 00 00", [-(1n << 63n)]],
    ["91 d3 00 00 01 5f db df d4 00", [1_511_222_400_000]],
    ["91 ca 3f c0 00 00", [new Float(1.5)]],
    ["91 cb 3f f8 00 00 00 00 00 00", [new Float(1.5)]],
    ["91 c0", [[]]],
    ["92 c2 c3", [atom("false"), atom("true")]],
    ["91 a0", [text("")]],
    ["91 a2 d0 b6", [text("ж")]],
    ["91 d9 01 61", [text("a")]],
    ["91 da 00 01 61", [text("a")]],
    ["91 db 00 00 00 01 61", [text("a")]],
    ["91 c4 01 ff", [bytesOfHex("ff")]],
    ["91 c5 00 01 ff", [bytesOfHex("ff")]],
    ["91 c6 00 00 00 01 ff", [bytesOfHex("ff")]],
    ["91 81 a1 61 01", [new TermMap([[text("a"), 1]])]],
    ["91 de 00 01 a1 61 01", [new TermMap([[text("a"), 1]])]],
    ["91 df 00 00 00 01 a1 61 01", [new TermMap([[text("a"), 1]])]],
    ["91 81 a9 5f 5f 70 72 6f 74 6f 5f 5f 01", [new TermMap([[text("__proto__"), 1]])]],
  ])("%s", (hex, term) => {
    expect(messagePack(hex)).toStrictEqual(term);
  });

  test.each([
    ["half a value", "91 cd ff", "cut short"],
    ["a claimed array", "dd ff ff ff ff 01", "cut short"],
    ["a claimed map", "91 df ff ff ff ff 01 01", "cut short"],
    ["a claimed string", "91 db 00 0f ff ff 61", "cut short"],
    ["a claimed binary", "91 c6 00 0f ff ff 61", "cut short"],
    ["a string too long", "91 db ff ff ff ff 61", "a binary too long"],
    ["bytes after the value", "90 00", "bytes after the value"],
    ["a string that is not UTF-8", "91 a1 ff", "a string is not UTF-8"],
    ["an extension", "91 d4 01 00", "a type that is no term"],
    ["a time stamp", "91 d6 ff 00 00 00 00", "a type that is no term"],
    ["a byte that is never used", "91 c1", "a type that is no term"],
    ["not a number", "91 cb 7f f8 00 00 00 00 00 00", "a float that is not finite"],
    ["a short infinity", "91 ca 7f 80 00 00", "a float that is not finite"],
    ["depth", "91".repeat(50_000), "nested too deep"],
    ["many values", `dd 00 01 86 a0 ${"00".repeat(100_000)}`, "too many values"],
  ])("refuses %s", (_, hex, reason) => {
    expect(() => messagePack(hex)).toThrow(TermError);
    expect(() => messagePack(hex)).toThrow(reason);
  });
});

describe("JSON", () => {
  test.each<[string, Term]>([
    ["[0,-0,-1,12]", [0, 0, -1, 12]],
    ["[9007199254740991,9007199254740993]", [Number.MAX_SAFE_INTEGER, 9_007_199_254_740_993n]],
    ["[1.5,1e3,-2.5E-1,1.0]", [new Float(1.5), new Float(1000), new Float(-0.25), new Float(1)]],
    ["[null,true,false]", [[], atom("true"), atom("false")]],
    ['["ж🦆","\\u0416\\n\\"\\\\","\\\\"]', [text("ж🦆"), text('Ж\n"\\'), text("\\")]],
    [
      '[{"a":[1],"__proto__":{}}]',
      [
        new TermMap([
          [text("a"), [1]],
          [text("__proto__"), new TermMap([])],
        ]),
      ],
    ],
    [" [ 1 , { } , [ ] ] ", [1, new TermMap([]), []]],
  ])("%s", (written, term) => {
    expect(json(written)).toStrictEqual(term);
  });

  test.each([
    ["[", "not JSON"],
    ["[1", "a bracket does not close"],
    ["[1}", "a bracket does not close"],
    ["[1,]", "not JSON"],
    ["[,1]", "not JSON"],
    ["[1 2]", "a bracket does not close"],
    ["[]]", "text after the value"],
    ["[] x", "text after the value"],
    ["[01]", "a bracket does not close"],
    ["[+1]", "not JSON"],
    ["[.5]", "not JSON"],
    ["[-]", "not JSON"],
    ["[1.]", "a bracket does not close"],
    ["[nul]", "not JSON"],
    ["[NaN]", "not JSON"],
    ["['a']", "not JSON"],
    ['["a]', "a string does not end"],
    ['["a\\"]', "a string does not end"],
    ['["\n"]', "not a JSON string"],
    ['["\\x"]', "not a JSON string"],
    ['["\\ud800"]', "a string is not Unicode"],
    ["[1e999]", "a float that is not finite"],
    [`[${"9".repeat(3000)}]`, "an integer too big"],
    ["[{a:1}]", "not a JSON object"],
    ['[{"a" 1}]', "not a JSON object"],
    ['[{"a":1,}]', "not a JSON object"],
    ["[/**/]", "not JSON"],
  ])("refuses %s", (written, reason) => {
    expect(() => json(written)).toThrow(TermError);
    expect(() => json(written)).toThrow(reason);
  });

  test("refuses what is beyond its limits", () => {
    expect(() => json("[".repeat(50_000))).toThrow(new TermError("nested too deep"));
    expect(() => json(`[${'{"a":'.repeat(50_000)}`)).toThrow(new TermError("nested too deep"));
    expect(() => json(`[${"1,".repeat(99_999)}1]`)).toThrow(new TermError("too many values"));
    expect(() => decode(binary('["жж"]'), { ...termLimits, binaryBytesMax: 3 })).toThrow("a binary too long");
    expect(() => decode(bytesOfHex("5b 22 ff 22 5d"))).toThrow(new TermError("not UTF-8"));
  });

  test("reads what JSON.parse reads, and nothing else", () => {
    const pieces = [
      "[",
      "]",
      "{",
      "}",
      ",",
      ":",
      '"',
      "a",
      "\\",
      "u0041",
      "1",
      "-",
      ".",
      "e",
      "0",
      " ",
      "null",
      "true",
    ];
    const parses = (written: string): boolean => {
      try {
        return JSON.parse(written) !== undefined;
      } catch {
        return false;
      }
    };
    const reads = (written: string): boolean => {
      try {
        json(written);
        return true;
      } catch (error) {
        expect(error).toBeInstanceOf(TermError);
        return false;
      }
    };
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...pieces), { maxLength: 8 }), (some) => {
        const written = `[${some.join("")}]`;
        expect([written, reads(written)]).toEqual([written, parses(written)]);
      }),
      { numRuns: 5000 },
    );
    fc.assert(
      fc.property(fc.array(fc.json()), (values) => {
        const written = `[${values.join()}]`;
        expect([written, reads(written)]).toEqual([written, true]);
      }),
    );
  });
});

const isControl = (character: string): boolean => {
  const code = character.codePointAt(0) ?? 0;
  return (code < 0x20 && !"\t\n\r".includes(character)) || (code >= 0x7f && code < 0xa0);
};

describe("answers", () => {
  const answer: WireTerm = tuple(
    atom("io"),
    tuple(atom("ok"), atom("login"), binary("ж\n")),
    [1, -1, 1_511_222_400_000],
    [],
    bytesOfHex("00 ff"),
    binary(""),
  );

  test("in MessagePack", () => {
    const bytes = encodePayload("msgpack", answer);
    expect(decodeByLibrary(bytes)).toEqual([
      "io",
      ["ok", "login", "ж\n"],
      [1, -1, 1_511_222_400_000],
      [],
      new Uint8Array([0, 255]),
      "",
    ]);
  });

  test("in JSON", () => {
    expect(Buffer.from(encodePayload("json", answer)).toString()).toBe(
      '["io",["ok","login","ж\\n"],[1,-1,1511222400000],[],"AP8=",""]',
    );
  });

  test("of nothing: <<>>", () => {
    expect(hexOf(encodePayload("etf", binary("")))).toBe("836d00000000");
    expect(hexOf(encodePayload("msgpack", binary("")))).toBe("a0");
    expect(hexOf(encodePayload("json", binary("")))).toBe("2222");
  });

  test.each<[string, WireTerm, string, string]>([
    ["a control character", bytesOfHex("61 00"), "c4 02 61 00", '"YQA="'],
    ["a delete", bytesOfHex("7f"), "c4 01 7f", '"fw=="'],
    ["a C1 control character", bytesOfHex("c2 85"), "c4 02 c2 85", '"woU="'],
    ["not UTF-8", bytesOfHex("ff"), "c4 01 ff", '"/w=="'],
    ["white space", binary("\t\r\n "), "a4 09 0d 0a 20", '"\\t\\r\\n "'],
    ["an empty atom", atom(""), "a0", '""'],
    ["an atom", atom("é"), "a2 c3 a9", '"é"'],
    ["an integer beyond 53 bits", (1n << 64n) - 1n, "cf ff ff ff ff ff ff ff ff", "18446744073709551615"],
    ["an integer below 53 bits", -(1n << 63n), "d3 80 00 00 00 00 00 00 00", "-9223372036854775808"],
    ["an integer beyond 64 bits", 1n << 64n, `b4 ${hexOf(binary("18446744073709551616"))}`, "18446744073709551616"],
    ["an empty tuple", tuple(), "90", "[]"],
  ])("with %s", (_, term, inMessagePack, inJson) => {
    expect(hexOf(encodePayload("msgpack", term))).toBe(hexOf(bytesOfHex(inMessagePack)));
    expect(Buffer.from(encodePayload("json", term)).toString()).toBe(inJson);
  });

  test("are valid, whatever they hold", () => {
    const plain = (term: WireTerm, asJson: boolean): unknown => {
      if (typeof term === "number") return term + 0;
      if (typeof term === "bigint")
        return asJson
          ? Number(term)
          : BigInt.asIntN(64, term) === term || BigInt.asUintN(64, term) === term
            ? Number(term)
            : term.toString();
      if ("name" in term) return term.name;
      if (!(term instanceof Uint8Array))
        return ("items" in term ? term.items : term).map((item) => plain(item, asJson));
      const read = Buffer.from(term).toString();
      const printable = Buffer.from(read).equals(term) && ![...read].some(isControl);
      return printable ? read : asJson ? Buffer.from(term).toString("base64") : new Uint8Array(term);
    };
    fc.assert(
      fc.property(arbitraryWireTerm, (term) => {
        expect(decodeByLibrary(encodePayload("msgpack", term))).toEqual(plain(term, false));
        expect(JSON.parse(Buffer.from(encodePayload("json", term)).toString())).toEqual(plain(term, true));
      }),
    );
  });

  test("long strings, binaries and arrays take the form their length needs", () => {
    for (const length of [0, 1, 15, 16, 31, 32, 255, 256, 65_535, 65_536]) {
      const text = "x".repeat(length);
      const bytes = new Uint8Array(length).fill(0xff);
      expect(decodeByLibrary(encodePayload("msgpack", binary(text)))).toBe(text);
      expect(decodeByLibrary(encodePayload("msgpack", bytes))).toEqual(length === 0 ? "" : bytes);
      const list = Array.from({ length }, () => 1);
      expect(decodeByLibrary(encodePayload("msgpack", list))).toEqual(list);
    }
    for (const value of [
      127,
      128,
      255,
      256,
      65_535,
      65_536,
      2 ** 32 - 1,
      2 ** 32,
      -32,
      -33,
      -128,
      -129,
      -(2 ** 31),
      -(2 ** 31) - 1,
    ]) {
      expect(decodeByLibrary(encodePayload("msgpack", value))).toBe(value);
    }
  });
});
