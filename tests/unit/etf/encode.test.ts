/** What we send to clients: eight tags and no other. */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import fc from "fast-check";
import { decodeTerm } from "../../../src/etf/decode.ts";
import { echoed, encodeTerm, type WireTerm } from "../../../src/etf/encode.ts";
import {
  Atom,
  atom,
  BitString,
  binary,
  CharList,
  Float,
  ImproperList,
  Opaque,
  type Term,
  TermMap,
  Text,
  Tuple,
  tuple,
} from "../../../src/etf/term.ts";
import { arbitraryTerm, arbitraryWireTerm, opaqueBytes } from "../../etf/arbitrary-terms.ts";
import { bytesOfHex, hexOf } from "../../etf/bytes.ts";
import { wireTags } from "../../etf/wire-tags.ts";

const latin1 = (text: string): string => Buffer.from(text, "latin1").toString("hex");

const tags: readonly (readonly [WireTerm, string])[] = [
  [0, "83 61 00"],
  [255, "83 61 ff"],
  [256, "83 62 00 00 01 00"],
  [-1, "83 62 ff ff ff ff"],
  [2 ** 31 - 1, "83 62 7f ff ff ff"],
  [-(2 ** 31), "83 62 80 00 00 00"],
  [2 ** 31, "83 6e 04 00 00 00 00 80"],
  [-(2 ** 31) - 1, "83 6e 04 01 01 00 00 80"],
  [1_511_222_400_000, "83 6e 06 00 00 d4 df db 5f 01"],
  [1n << 64n, "83 6e 09 00 00 00 00 00 00 00 00 00 01"],
  [5n, "83 61 05"],
  [-0, "83 61 00"],
  [atom(""), "83 64 00 00"],
  [atom("Auth"), `83 64 00 04 ${latin1("Auth")}`],
  [atom("é"), "83 64 00 01 e9"],
  [binary(""), "83 6d 00 00 00 00"],
  [binary("ж"), "83 6d 00 00 00 02 d0 b6"],
  [[], "83 6a"],
  [[1, []], "83 6c 00 00 00 02 61 01 6a 6a"],
  [[97, 98], "83 6c 00 00 00 02 61 61 61 62 6a"],
  [tuple(), "83 68 00"],
  [
    tuple(atom("io"), tuple(atom("error"), atom("sms_send"), []), binary("")),
    `83 68 03 64 00 02 ${latin1("io")} 68 03 64 00 05 ${latin1("error")} 64 00 08 ${latin1("sms_send")} 6a 6d 00 00 00 00`,
  ],
];

test.each(tags.map(([term, hex]) => [hex, term] as const))("%s", (hex, term) => {
  expect(hexOf(encodeTerm(term))).toBe(hexOf(bytesOfHex(hex)));
});

test("long terms are written whole", () => {
  const term = [binary("x".repeat(100_000)), tuple(...Array.from({ length: 255 }, (_, at) => at))];
  expect(decodeTerm(encodeTerm(term))).toStrictEqual(term);
});

test("what has no tag of the wire does not compile", () => {
  const accepts = (_: WireTerm): void => undefined;
  // @ts-expect-error 70
  accepts(new Float(1));
  // @ts-expect-error 107
  accepts(new CharList(binary("a")));
  // @ts-expect-error a tail
  accepts(new ImproperList([1], 2));
  // @ts-expect-error 77
  accepts(new BitString(binary("a"), 3));
  // @ts-expect-error 116
  accepts(new TermMap([]));
  // @ts-expect-error 103 and its like
  accepts(new Opaque(binary("")));
  // @ts-expect-error neither an atom nor a binary yet
  accepts(new Text("a"));
  // @ts-expect-error the same within a tuple
  accepts(new Tuple([new Float(1)]));
  // @ts-expect-error the same within a list
  accepts([[new Text("a")]]);
  // @ts-expect-error a JavaScript string is no term
  accepts("a");
  // @ts-expect-error nor is nothing
  accepts(undefined);
  // @ts-expect-error what was received may be anything
  accepts(1 as Term);
});

test("what has only tags of the wire compiles as it is written", () => {
  const refused = (what: string, data: WireTerm): WireTerm =>
    tuple(atom("io"), tuple(atom("error"), atom(what), []), data, [tuple(1, binary(""), [2n])]);
  expect(wireTags(encodeTerm(refused("sms_send", binary(""))))).toEqual(new Set([104, 100, 106, 109, 108, 97]));
});

test("nothing but tests has the full profile", async () => {
  const source = join(import.meta.dir, "../../../src");
  const importers: string[] = [];
  for await (const path of new Bun.Glob("**/*.{ts,tsx}").scan(source)) {
    if ((await Bun.file(join(source, path)).text()).includes('encode-full.ts"')) importers.push(path);
  }
  expect(importers).toEqual([]);
});

test.each<[string, WireTerm]>([
  ["a fraction", 1.5],
  ["not a number", Number.NaN],
  ["a number that is not exact", 2 ** 53],
  ["an integer of 256 bytes", 1n << 2040n],
  ["an atom of 256 characters", atom("a".repeat(256))],
  ["an atom beyond Latin-1", atom("ж")],
  ["a tuple of 256 items", tuple(...Array.from({ length: 256 }, () => 0))],
])("refuses to write %s", (_, term) => {
  expect(() => encodeTerm(term)).toThrow("assertion failed");
});

describe("a peer's own term is echoed", () => {
  test.each<[string, Term, WireTerm]>([
    ["an integer", 5, 5],
    ["an integer too big", 1n << 2040n, []],
    ["a binary", binary("a"), binary("a")],
    ["a string", new Text("ж"), binary("ж")],
    ["an atom", atom("a"), atom("a")],
    ["an atom beyond Latin-1", atom("ж"), []],
    ["a char list", new CharList(binary("ab")), [97, 98]],
    ["a float", new Float(1), []],
    ["an improper list", new ImproperList([1], 2), []],
    ["a bit string", new BitString(binary("@"), 3), []],
    ["a map", new TermMap([]), []],
    ["a pid", new Opaque(bytesOfHex(opaqueBytes.pid)), []],
    ["what a tuple holds", tuple(1, new Float(1), [new Text("a")]), tuple(1, [], [binary("a")])],
    ["a tuple too long", [tuple(...Array.from({ length: 256 }, () => 0))], [[]]],
  ])("%s", (_, term, echo) => {
    expect(echoed(term)).toStrictEqual(echo);
  });

  test("always with tags of the wire, and unchanged if it had no others", () => {
    fc.assert(fc.property(arbitraryTerm, (term) => void wireTags(encodeTerm(echoed(term)))));
    fc.assert(fc.property(arbitraryWireTerm, (term) => expect(echoed(term)).toStrictEqual(term)));
  });
});

test("a term of the wire is read back as it was", () => {
  fc.assert(
    fc.property(arbitraryWireTerm, (term) => {
      const bytes = encodeTerm(term);
      wireTags(bytes);
      expect(decodeTerm(bytes)).toStrictEqual(term as Term);
    }),
  );
});

test("an atom is an object of its own", () => {
  expect(decodeTerm(encodeTerm(atom("a")))).not.toBe(decodeTerm(encodeTerm(atom("a"))));
  expect(Object.keys(Atom)).toEqual([]);
});
