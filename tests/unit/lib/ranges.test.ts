/** Ranges agree with a plain set of numbers, whatever is added in whatever order. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { isInRanges, parseRanges, type Range, rangesText, settle, withRange } from "../../../src/lib/ranges.ts";

const ranges = fc.array(
  fc
    .tuple(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 0, max: 6 }))
    .map(([from, more]) => [from, from + more] as const),
  { maxLength: 40 },
);

/** The ranges a set of numbers makes. */
function rangesOf(numbers: ReadonlySet<number>): Range[] {
  const made: [number, number][] = [];
  for (const number of [...numbers].sort((a, b) => a - b)) {
    const last = made.at(-1);
    if (last !== undefined && last[1] === number - 1) last[1] = number;
    else made.push([number, number]);
  }
  return made;
}

test("adding ranges is adding numbers", () => {
  fc.assert(
    fc.property(ranges, fc.integer({ min: 0, max: 70 }), (added, position) => {
      const numbers = new Set<number>();
      let built: readonly Range[] = [];
      for (const [from, to] of added) {
        const before = [...built];
        const next = withRange(built, from, to);
        expect([...built]).toEqual(before);
        built = next;
        for (let number = from; number <= to; number += 1) numbers.add(number);
      }
      expect([...built]).toEqual(rangesOf(numbers));
      expect(parseRanges(rangesText(built))).toEqual(built);
      for (let number = 0; number <= 70; number += 1) expect(isInRanges(built, number)).toBe(numbers.has(number));
      let reached = position;
      while (numbers.has(reached + 1)) reached += 1;
      const left = new Set([...numbers].filter((number) => number > reached));
      expect(settle(position, built)).toEqual({ position: reached, ranges: rangesOf(left) });
    }),
  );
  expect([rangesText([]), parseRanges(null)]).toEqual([null, []]);
});
