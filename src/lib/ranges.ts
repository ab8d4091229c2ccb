/** A set of whole numbers as ascending ranges. Both ends are inclusive; ranges neither touch nor overlap. */
export type Range = readonly [from: number, to: number];

/** Gives the ranges with `from` to `to` added. The given list is not changed. */
export function withRange(ranges: readonly Range[], from: number, to: number): readonly Range[] {
  const last = ranges.at(-1);
  // Most confirmations come in order.
  if (last === undefined || last[1] + 1 < from) return [...ranges, [from, to]];
  if (last[0] <= from) return last[1] >= to ? ranges : [...ranges.slice(0, -1), [last[0], to]];
  const first = indexFrom(ranges, from - 1);
  let end = first;
  let low = from;
  let high = to;
  for (let range = ranges[end]; range !== undefined && range[0] <= to + 1; range = ranges[end]) {
    low = Math.min(low, range[0]);
    high = Math.max(high, range[1]);
    end += 1;
  }
  return [...ranges.slice(0, first), [low, high], ...ranges.slice(end)];
}

export function isInRanges(ranges: readonly Range[], number: number): boolean {
  const range = ranges[indexFrom(ranges, number)];
  return range !== undefined && range[0] <= number;
}

/**
 * Moves `position` up to the first gap and gives it with the ranges beyond that gap. A missing number that
 * `isPassedOver` is no gap.
 */
export function settle(
  position: number,
  ranges: readonly Range[],
  isPassedOver: (number: number) => boolean = never,
): { position: number; ranges: readonly Range[] } {
  let reached = position;
  let count = 0;
  for (const [from, to] of ranges) {
    while (from > reached + 1 && isPassedOver(reached + 1)) reached += 1;
    if (from > reached + 1) break;
    reached = Math.max(reached, to);
    count += 1;
  }
  return { position: reached, ranges: ranges.slice(count) };
}

const never = (): boolean => false;

/** Parses `[[1,3],[5,5]]`; null gives no ranges. */
export const parseRanges = (text: string | null): readonly Range[] =>
  text === null ? [] : (JSON.parse(text) as readonly Range[]);

/** Writes ranges as `parseRanges` reads them; null for no ranges. */
export const rangesText = (ranges: readonly Range[]): string | null =>
  ranges.length === 0 ? null : JSON.stringify(ranges);

/** Gives the index of the first range that ends at `number` or after it. */
function indexFrom(ranges: readonly Range[], number: number): number {
  let low = 0;
  let high = ranges.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ranges[middle]?.[1] ?? 0) < number) low = middle + 1;
    else high = middle;
  }
  return low;
}
