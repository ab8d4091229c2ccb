/** `Range` of one part (RFC 9110 § 14.1.2), against what the bytes themselves say. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { parseRange } from "../../../src/rest/ranges.ts";

test("a range is within the bytes, and what it names is what is given", () => {
  fc.assert(
    fc.property(fc.nat(300), fc.nat(300), fc.integer({ min: 1, max: 200 }), (first, last, size) => {
      const bytes = Uint8Array.from({ length: size }, (_, at) => at & 0xff);
      const range = parseRange(`bytes=${first}-${last}`, size);
      if (last < first) expect(range).toBeUndefined();
      else if (first >= size) expect(range).toBe("unsatisfiable");
      else expect(range).toEqual({ first, last: first + bytes.slice(first, last + 1).byteLength - 1 });
    }),
  );
});

test.each([
  [null, undefined],
  ["", undefined],
  ["bytes=", undefined],
  ["bytes=-", undefined],
  ["bytes=0-1,2-3", undefined],
  ["bytes=0x1-2", undefined],
  ["items=0-1", undefined],
  ["bytes=0-", { first: 0, last: 9 }],
  ["BYTES= 3-4 ", { first: 3, last: 4 }],
  ["bytes=9-99999999999999999999999999", { first: 9, last: 9 }],
  ["bytes=99999999999999999999999999-", "unsatisfiable"],
  ["bytes=-3", { first: 7, last: 9 }],
  ["bytes=-30", { first: 0, last: 9 }],
  ["bytes=-0", "unsatisfiable"],
  ["bytes=10-", "unsatisfiable"],
] as const)("of ten bytes, %p is %p", (header, range) => {
  expect(parseRange(header, 10)).toEqual(range as never);
});

test("nothing can be asked of no bytes", () => {
  for (const header of ["bytes=0-", "bytes=0-0", "bytes=-1"]) expect(parseRange(header, 0)).toBe("unsatisfiable");
});
