/** The text of a member is found as it stands in the JSON, whatever stands around it. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { Refusal } from "../../../src/rest/errors.ts";
import { memberText, spellings } from "../../../src/rest/signatures.ts";

const spaces = fc.array(fc.constantFrom(" ", "\n", "\t", "\r"), { maxLength: 3 }).map((some) => some.join(""));

test("of any JSON object, in any spelling", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.string({ unit: "binary" }), fc.jsonValue(), fc.constantFrom(undefined, 2)), {
        maxLength: 6,
      }),
      fc.jsonValue(),
      fc.array(spaces, { minLength: 8, maxLength: 8 }),
      fc.nat(6),
      (around, value, [a, b, c, d, e, f, g, h], place) => {
        const members = around
          .filter(([name]) => name !== "wanted")
          .map(
            ([name, other, indent]) => `${a}${JSON.stringify(name)}${b}:${c}${JSON.stringify(other, null, indent)}${d}`,
          );
        const text = JSON.stringify(value, null, place % 3);
        members.splice(place, 0, `${e}"w\\u0061nted"${f}:${g}${text}${h}`);
        const json = `${a}{${members.join(",")}}${b}`;
        JSON.parse(json);
        expect(memberText(json, "wanted")).toBe(text);
        expect(memberText(json, "another name, which is long")).toBeUndefined();
      },
    ),
  );
});

test("a name that stands there twice is refused, within the value it may", () => {
  expect(() => memberText('{"a":1,"\\u0061":2}', "a")).toThrow(Refusal);
  expect(memberText('{"b":{"a":1},"a":{"a":[{"a":2}]}}', "a")).toBe('{"a":[{"a":2}]}');
  for (const other of ["[]", '"a"', "5", "{}", " { } "]) expect(memberText(other, "a")).toBeUndefined();
});

test("spellings are the text, the compact one and the one with sorted keys", () => {
  const text = '{ "b": [{"d":1,"c":2}], "a": null }';
  expect([...spellings(text, JSON.parse(text))]).toEqual([
    text,
    '{"b":[{"d":1,"c":2}],"a":null}',
    '{"a":null,"b":[{"c":2,"d":1}]}',
  ]);
});
