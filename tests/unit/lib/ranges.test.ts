/** Ranges agree with a plain set of numbers. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { addNumber, hasNumber, parseRanges, type Range, rangesText } from "../../../src/lib/ranges.ts";

test("added in any order, they hold what a set holds, ascending and apart", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 60 }), (numbers) => {
      const ranges = numbers.reduce<Range[]>((before, number) => addNumber(before, number), []);
      const set = new Set(numbers);
      for (let number = 0; number <= 42; number += 1) expect(hasNumber(ranges, number)).toBe(set.has(number));
      for (const [at, [from, to]] of ranges.entries()) {
        expect(from).toBeLessThanOrEqual(to);
        expect(from).toBeGreaterThan((ranges[at - 1]?.[1] ?? -1) + 1);
      }
      expect(parseRanges(rangesText(ranges))).toEqual(ranges);
    }),
  );
  expect([rangesText([]), parseRanges(null)]).toEqual([null, []]);
});
