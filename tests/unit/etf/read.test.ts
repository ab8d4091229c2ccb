/** What the services make of a field, whoever wrote it. */
import { describe, expect, test } from "bun:test";
import { atomOf, integerOf, isUnset, listOf, recordOf, textOf } from "../../../src/etf/read.ts";
import {
  atom,
  binary,
  CharList,
  Float,
  ImproperList,
  type Term,
  TermMap,
  Text,
  Tuple,
  tuple,
} from "../../../src/etf/term.ts";
import { bytesOfHex } from "../../etf/bytes.ts";

const text = (value: string): Text => new Text(value);
const codes = (value: string): number[] => [...value].map((character) => character.codePointAt(0) ?? 0);

/** A row says what each reader gives, one it does not name gives undefined (or false). */
const rows: readonly (readonly [
  string,
  Term,
  { readonly unset?: true; readonly text?: string; readonly atom?: string; readonly integer?: number },
])[] = [
  ["[]", [], { unset: true }],
  ["''", atom(""), { unset: true, atom: "" }],
  ["undefined", atom("undefined"), { unset: true, atom: "undefined" }],
  ["nil", atom("nil"), { unset: true, atom: "nil" }],
  ["'_'", atom("_"), { unset: true, atom: "_" }],
  ["<<>>", binary(""), { unset: true, text: "" }],
  ['""', text(""), { unset: true, text: "", atom: "" }],
  ["null, an atom like others", atom("null"), { atom: "null" }],
  ["_, a text like others", text("_"), { text: "_", atom: "_" }],
  ["undefined, a text like others", text("undefined"), { text: "undefined", atom: "undefined" }],
  ["zero", 0, { integer: 0 }],
  ["an integer", -7, { integer: -7 }],
  ["an integer that is not exact", 1n << 53n, {}],
  ["a whole float", new Float(5), { integer: 5 }],
  ["a negative zero", new Float(-0), { integer: 0 }],
  ["a fraction", new Float(1.5), {}],
  ["a float that is not exact", new Float(2 ** 53), {}],
  ["a binary", binary("ж"), { text: "ж" }],
  ["a binary of digits", binary("0123"), { text: "0123", integer: 123 }],
  ["a negative number as a binary", binary("-5"), { text: "-5", integer: -5 }],
  ["nearly a number", binary("5 "), { text: "5 " }],
  ["a number of another kind", binary("0x10"), { text: "0x10" }],
  ["a fraction as text", binary("1.5"), { text: "1.5" }],
  ["digits that are not exact", binary("9007199254740993"), { text: "9007199254740993" }],
  ["digits without end", binary("1".repeat(400)), { text: "1".repeat(400) }],
  ["a binary that is not UTF-8", bytesOfHex("ff"), {}],
  ["a char list", new CharList(binary("903182")), { text: "903182", integer: 903_182 }],
  ["a char list in UTF-8", new CharList(binary("ж")), { text: "ж" }],
  ["a char list in Latin-1", new CharList(bytesOfHex("61 e9")), { text: "aé" }],
  ["a list of bytes", codes("903182"), { text: "903182", integer: 903_182 }],
  ["a list of bytes in UTF-8", [0xd0, 0xb6], { text: "ж" }],
  ["a list of bytes in Latin-1", [0x61, 0xe9], { text: "aé" }],
  ["a list of code points", codes("жé🦆"), { text: "жé🦆" }],
  ["a list with a surrogate", [0xd800], {}],
  ["a list beyond Unicode", [0x110000], {}],
  ["a list with a negative number", [-1], {}],
  ["a list of more than numbers", [97, atom("a")], {}],
  ["a long list of digits", codes("1".repeat(18)), { text: "1".repeat(18) }],
  ["a string", text("ж"), { text: "ж", atom: "ж" }],
  ["a string of digits", text("12"), { text: "12", atom: "12", integer: 12 }],
  ["an atom", atom("get"), { atom: "get" }],
  ["an atom of digits", atom("12"), { atom: "12" }],
  ["a tuple", tuple(97), {}],
  ["an improper list", new ImproperList([97], 98), {}],
  ["a map", new TermMap([]), {}],
];

test.each(rows)("%s", (_, term, says) => {
  expect({ unset: isUnset(term), text: textOf(term), atom: atomOf(term), integer: integerOf(term) }).toEqual({
    unset: says.unset ?? false,
    text: says.text,
    atom: says.atom,
    integer: says.integer,
  });
  expect(Object.is(integerOf(term), -0)).toBe(false);
});

test("an integer is text where that is asked for", () => {
  expect(textOf(903_182, { integers: true })).toBe("903182");
  expect(textOf(1n << 64n, { integers: true })).toBe("18446744073709551616");
  expect(textOf(new Float(1), { integers: true })).toBeUndefined();
});

test("a long list is text as a short one", () => {
  const long = "ж".repeat(100_000);
  expect(textOf(codes(long))).toBe(long);
});

test("a char list is a list where that is asked for", () => {
  expect(listOf([1])).toEqual([1]);
  expect(listOf([])).toEqual([]);
  expect(listOf(new CharList(binary("ab")))).toBeUndefined();
  expect(listOf(new CharList(binary("ab")), { charLists: true })).toEqual([97, 98]);
  expect(listOf(tuple(1), { charLists: true })).toBeUndefined();
  expect(listOf(binary("ab"), { charLists: true })).toBeUndefined();
});

describe("a record", () => {
  test.each<[string, Term, ReturnType<typeof recordOf>]>([
    ["a tuple", tuple(atom("Friend"), [], 1), { name: "Friend", fields: [[], 1] }],
    ["a tuple with a string for its name", tuple(text("Friend"), 1), { name: "Friend", fields: [1] }],
    ["a list for a tuple", [atom("Friend"), 1], { name: "Friend", fields: [1] }],
    ["a list of strings", [text("Friend")], { name: "Friend", fields: [] }],
    ["a name alone", tuple(atom("Friend")), { name: "Friend", fields: [] }],
    ["an empty tuple", new Tuple([]), undefined],
    ["an empty list", [], undefined],
    ["a tuple that begins otherwise", tuple(binary("Friend"), 1), undefined],
    ["a char list", new CharList(binary("a")), undefined],
    ["an atom", atom("Friend"), undefined],
  ])("%s", (_, term, record) => {
    expect(recordOf(term)).toStrictEqual(record);
  });
});
