/** Texts and queries are taken apart by the same rules, whatever they hold. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { charactersMax, isEmpty, isMatch, needlesOf, termsOf, wordsOf } from "../../../src/lib/words.ts";

test.each([
  ["Straße, ÄRGER!", ["strasse", "arger"], [], []],
  ["it's 5 o'clock", ["it", "s", "5", "o", "clock"], [], []],
  ["ﬁne ① Ⅷ", ["fine", "1", "viii"], [], []],
  ["İIıi", ["iiii"], [], []],
  ["東京タワー2024年ﾀﾜｰ", ["2024"], ["東京タワー", "年タワー"], []],
  ["ภาษาไทย ok", ["ok"], ["ภาษาไทย"], []],
  ["👍🏽 👩‍👧 🇩🇪🇫🇷", [], [], ["👍", "👩", "👧", "🇩🇪", "🇫🇷"]],
  [' \t"(*)^-:… 、。', [], [], []],
] as const)("%p", (text, words, runs, signs) => {
  expect(wordsOf(text)).toEqual({ words, runs, signs } as never);
});

test("no term holds a sign of a query language, a space, or the sign of a chat", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: "binary" }), fc.string()), (text) => {
      for (const term of [...termsOf(wordsOf(text)), ...needlesOf(wordsOf(text)).map((needle) => needle.term)]) {
        expect(term).not.toMatch(/[\s"#*()^:+\-,{}]|^$/u);
        expect(term.isWellFormed()).toBe(true);
      }
    }),
  );
});

const anyText = fc.array(
  fc.oneof(
    fc.constantFrom(
      "red",
      "Äpfel",
      "世界和平",
      "東京",
      "สวัสดี",
      "안녕하세요",
      "🎉",
      "🇩🇪",
      "привет",
      "a",
      "42",
      "x".repeat(50),
    ),
    fc.string({ unit: "grapheme", maxLength: 8 }),
  ),
  { maxLength: 8 },
);

test("what matches is in the index: each needle of a query that matches is a term of the text, or begins one", () => {
  fc.assert(
    fc.property(anyText, anyText, fc.nat(), fc.nat(20), (before, after, at, length) => {
      const text = [...before, ...after].join(" ");
      const query = text.slice(at % (text.length + 1), (at % (text.length + 1)) + length);
      const [wanted, said] = [wordsOf(query), wordsOf(text)];
      if (!isMatch(wanted, said)) return;
      const terms = [...termsOf(said)];
      for (const { term, begins } of needlesOf(wanted)) {
        expect(begins ? terms.some((one) => one.startsWith(term)) : terms.includes(term)).toBe(true);
      }
    }),
    { numRuns: 500 },
  );
});

test("a whole text finds itself, and its letters in another case too", () => {
  fc.assert(
    fc.property(anyText, (parts) => {
      const text = parts.join(" ");
      const words = wordsOf(text);
      if (isEmpty(words)) return;
      expect(isMatch(words, words)).toBe(true);
      expect(isMatch(wordsOf(text.normalize("NFD")), words)).toBe(true);
    }),
  );
});

test("a long text is looked at up to its bound, and a long word is found by its beginning", () => {
  const text = `${"ä ".repeat(charactersMax)} end`;
  expect(wordsOf(text).words).toHaveLength(charactersMax / 2);
  const word = "donaudampfschifffahrtsgesellschaftskapitän";
  expect(isMatch(wordsOf(`${word}s`), wordsOf(word))).toBe(false);
  expect(isMatch(wordsOf(word.slice(0, 40)), wordsOf(word))).toBe(true);
  expect([...termsOf(wordsOf(word))][0]).toHaveLength(32);
});
