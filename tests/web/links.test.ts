/** What is made of a text: links of the web alone, names of members, and all the rest as it was written. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { piecesOf } from "../../src/web/views/text/links.ts";

const linksOf = (text: string): string[] =>
  piecesOf(text).flatMap((piece) => (piece.kind === "link" ? [piece.text] : []));

test.each([
  ["see https://example.org/a?b=c#d now", ["https://example.org/a?b=c#d"]],
  ["HTTP://EXAMPLE.org", ["HTTP://EXAMPLE.org"]],
  ["end of a sentence: https://example.org/a.", ["https://example.org/a"]],
  ["(https://example.org/a)", ["https://example.org/a"]],
  ["https://de.wikipedia.org/wiki/Roost_(Begriff)", ["https://de.wikipedia.org/wiki/Roost_(Begriff)"]],
  ["“https://example.org/”, he said", ["https://example.org/"]],
  ["https://a.example https://b.example", ["https://a.example", "https://b.example"]],
  ["https://user:secret@example.org/", []],
  ["javascript:alert(1) data:text/html,x vbscript:x file:///etc/passwd ftp://example.org", []],
  ["https:// http://", []],
  ["https://example.org/\u202Egpj.exe", ["https://example.org/"]],
  ["https://exa\u200bmple.org/", ["https://exa"]],
  ["<a href=https://example.org>", ["https://example.org"]],
  [`https://example.org/${"a".repeat(3_000)}`, []],
])("links of %j", (text, links) => {
  expect(linksOf(text)).toEqual(links);
});

test("a link leads to a page of the web, whatever the text is", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      for (const piece of piecesOf(`${text} https://x${text}`)) {
        if (piece.kind === "link") expect(new URL(piece.href).protocol).toMatch(/^https?:$/);
      }
    }),
  );
});

test("the pieces together are the text again", () => {
  const some = fc.array(
    fc.oneof(fc.string(), fc.constantFrom("https://example.org/(a)", "@Anna", "@Anna Maria", ").")),
  );
  fc.assert(
    fc.property(some, (parts) => {
      const text = parts.join("");
      const pieces = piecesOf(text, new Map([["1", "Anna"]]));
      expect(pieces.map((piece) => piece.text).join("")).toBe(text);
    }),
  );
});

test("a member is named where the message names them, the longer name first, and never within a word", () => {
  const names = new Map([
    ["1", "Anna"],
    ["2", "Anna Maria"],
  ]);
  const named = piecesOf("@Anna Maria and @Anna, not mail@Anna or @Bob", names).flatMap((piece) =>
    piece.kind === "mention" ? [piece.userId] : [],
  );
  expect(named).toEqual(["2", "1"]);
});
