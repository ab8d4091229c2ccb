/** What the full profile writes is read back as it was, whole or compressed. */
import { expect, test } from "bun:test";
import { deflateSync } from "node:zlib";
import fc from "fast-check";
import { decodeTerm } from "../../../src/etf/decode.ts";
import { TermError } from "../../../src/etf/term.ts";
import { arbitraryTerm } from "../../etf/arbitrary-terms.ts";
import { encodeFull } from "../../etf/encode-full.ts";

test("every term is read back", () => {
  fc.assert(
    fc.property(arbitraryTerm, (term) => expect(decodeTerm(encodeFull(term))).toStrictEqual(term)),
    { numRuns: 1000 },
  );
});

test("every compressed term is read back", () => {
  fc.assert(
    fc.property(arbitraryTerm, fc.integer({ min: 0, max: 9 }), (term, level) => {
      const inflated = encodeFull(term).subarray(1);
      const head = Buffer.from([131, 80, 0, 0, 0, 0]);
      head.writeUInt32BE(inflated.byteLength, 2);
      expect(decodeTerm(Buffer.concat([head, deflateSync(inflated, { level })]))).toStrictEqual(term);
    }),
  );
});

test("a term cut anywhere is none", () => {
  fc.assert(
    fc.property(arbitraryTerm, fc.nat(), (term, cut) => {
      const bytes = encodeFull(term);
      expect(() => decodeTerm(bytes.subarray(0, cut % bytes.byteLength))).toThrow(new TermError("cut short"));
    }),
  );
});
