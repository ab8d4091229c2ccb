/** The little of XML that is understood, and that everything else is refused in time. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parseXml, textAt } from "../../src/providers/xml.ts";
import { cpuMsOf } from "../support/cpu-time.ts";

describe("XML", () => {
  const at = (text: string, ...path: string[]) => textAt(parseXml(text), path);

  test("is understood as far as answers need it", () => {
    expect(at("<a>b</a>", "a")).toBe("b");
    expect(at('\uFEFF<?xml version="1.0" encoding="UTF-8"?>\n<a x="1" y=\'>\'> <b/> <c> d </c></a>\n', "a", "c")).toBe(
      "d",
    );
    expect(at("<n:a xmlns:n='u'><n:b>c</n:b></n:a>", "a", "b")).toBe("c");
    expect(at("<a>&lt;&gt;&amp;&quot;&apos;&#43;&#x2F;</a>", "a")).toBe("<>&\"'+/");
    expect(at("<a>b<!-- <c> -- no --></a>", "a")).toBeUndefined();
    expect(at("<a>b<!-- <c>d</c> --></a>", "a")).toBe("b");
  });

  const table = [
    ...["", " ", "a", "<a>", "</a>", "<a></b>", "<a/><b/>", "<a/>b", "<a b></a>", "<a b=c></a>", "<a", "<a></a >x"],
    ...["<a>&b;</a>", "<a>&</a>", "<a>&#0;</a>", "<a>&#xD800;</a>", "<a>&#x110000;</a>", "<a><![CDATA[b]]></a>"],
    ...["<!DOCTYPE a><a/>", "<a><?b c?></a>", "<a></a b='c'>", "<a></a/>", "<n:a></m:a>", "<a>".repeat(1000)],
    `${"<a>".repeat(17)}${"</a>".repeat(17)}`,
    `<a>${"<b/>".repeat(1000)}</a>`,
  ];
  for (const text of table) {
    test(`is refused: ${text.slice(0, 40)}`, () => expect(parseXml(text)).toBeUndefined());
  }

  test("of any text is an element or nothing, in time", () => {
    const piece = fc.constantFrom(
      "<",
      ">",
      "/",
      "a",
      "b",
      "&",
      ";",
      "#",
      "!--",
      "-->",
      "<a>",
      "</a>",
      ' x="',
      "'",
      " ",
      "<a/>",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 200 }), (pieces) => {
        const root = parseXml(pieces.join(""));
        expect(root === undefined || root.children.length === 1).toBe(true);
      }),
      { numRuns: 2000 },
    );
    const spentMs = cpuMsOf(() => {
      for (const hostile of ["<a ", "<a b=", "<!--", "<!--a", "&#", "<a x='", "<a x=''  "])
        parseXml(hostile.repeat(20_000).slice(0, 65_536));
      for (const hostile of [`<a${" ".repeat(65_000)}`, `<a${" b=''".repeat(12_000)}`, `<!--${"-".repeat(65_000)}`])
        parseXml(hostile);
    });
    expect(spentMs).toBeLessThan(5000);
  });
});
