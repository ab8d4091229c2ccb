/** RFC 4013 § 3, and what else two parties may spell apart. */
import { expect, test } from "bun:test";
import { saslprep } from "../../../src/lib/saslprep.ts";

test.each([
  ["I\u00ADX", "IX"],
  ["user", "user"],
  ["USER", "USER"],
  ["\u00AA", "a"],
  ["\u2168", "IX"],
  ["a\u00A0b", "a b"],
  ["e\u0301", "é"],
  ["pässwörd 🐦", "pässwörd 🐦"],
  ["\u0007", undefined],
  ["a\u0000", undefined],
  ["\uD800", undefined],
  ["\uE000", undefined],
  ["\u0378", undefined],
  ["\uFFFE", undefined],
  ["\u202Eabc", undefined],
] as const)("%j", (text, prepared) => {
  expect(saslprep(text)).toBe(prepared as string);
});
